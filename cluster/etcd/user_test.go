package etcd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"ais/cluster"
	"ais/object"
)

const testSecret = cluster.Secret("alice's-very-own-secret")

func alice() cluster.User {
	return cluster.User{
		ID: "alice", Name: "Alice", Email: "alice@example.com",
		Keys:     []cluster.AccessKey{{ID: "alice", Secret: testSecret}},
		Policies: map[string]string{"read": `{"Statement":[]}`},
	}
}

func TestUsers(t *testing.T) {
	server := startTestServer(t)
	p1, t1 := server.open(t, cluster.Proxy, "p1"), server.open(t, cluster.Target, "t1")
	ctx := testContext(t)
	made, err := p1.CreateUser(ctx, alice())
	if err != nil || made.DisplayName != "alice" || made.Created.IsZero() || !made.Keys[0].Created.Equal(made.Created) {
		t.Fatalf("%+v, %v", made, err)
	}
	state, err := t1.Sync(ctx)
	if err != nil {
		t.Fatal(err)
	}
	seen, ok := state.UserByKey("alice")
	if !ok || seen.Name != "Alice" || seen.Keys[0].Secret != testSecret || seen.Policies["read"] == "" || seen.Revision == 0 {
		t.Fatalf("another node sees %+v", seen)
	}
	bob := cluster.AccessKey{ID: "second", Secret: "another-secret"}
	if _, err := t1.UpdateUser(ctx, "alice", func(u *cluster.User) error {
		u.Keys = append(u.Keys, bob)
		u.Policies["write"] = "{}"
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, leaked := seen.Policies["write"]; leaked || len(seen.Keys) != 1 {
		t.Error("a change shows in an older state")
	}
	state, _ = p1.Sync(ctx)
	if u, ok := state.UserByKey("second"); !ok || u.ID != "alice" || u.Keys[1].Created.IsZero() {
		t.Fatalf("the new key belongs to %+v", u)
	}
	if err := p1.RemoveUser(ctx, "alice"); err != nil {
		t.Fatal(err)
	}
	state, _ = t1.Sync(ctx)
	if _, ok := state.UserByKey("second"); ok || len(state.Users()) != 0 {
		t.Error("a removed user is still there")
	}
}

func TestUserErrors(t *testing.T) {
	server := startTestServer(t)
	p1 := server.open(t, cluster.Proxy, "p1")
	server.open(t, cluster.Target, "t1")
	ctx := testContext(t)
	if _, err := p1.CreateUser(ctx, alice()); err != nil {
		t.Fatal(err)
	}
	if _, err := p1.UpdateUser(ctx, "alice", func(u *cluster.User) error {
		u.Keys = append(u.Keys, cluster.AccessKey{ID: "second-of-alice", Secret: testSecret})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	with := func(edit func(*cluster.User)) cluster.User {
		u := cluster.User{ID: "bob", Keys: []cluster.AccessKey{{ID: "bob", Secret: "secret-of-bob"}}}
		edit(&u)
		return u
	}
	for name, test := range map[string]struct {
		user cluster.User
		want object.Kind
	}{
		"there already":         {alice(), object.Exists},
		"her name":              {with(func(u *cluster.User) { u.Name = "Alice" }), object.Exists},
		"her id as a name":      {with(func(u *cluster.User) { u.Name = "alice" }), object.Exists},
		"her e-mail":            {with(func(u *cluster.User) { u.Email = "alice@example.com" }), object.Exists},
		"her key":               {with(func(u *cluster.User) { u.Keys[0].ID = "alice" }), object.Exists},
		"her e-mail, loud":      {with(func(u *cluster.User) { u.Email = "ALICE@example.com" }), object.Exists},
		"her key as a name":     {with(func(u *cluster.User) { u.Name = "second-of-alice" }), object.Exists},
		"her key as an id":      {with(func(u *cluster.User) { u.ID = "second-of-alice" }), object.Exists},
		"her name as a key":     {with(func(u *cluster.User) { u.Keys[0].ID = "Alice" }), object.Exists},
		"her name as an id":     {with(func(u *cluster.User) { u.ID = "Alice" }), object.Exists},
		"short secret":          {with(func(u *cluster.User) { u.Keys[0].Secret = "short" }), object.Invalid},
		"secret with a newline": {with(func(u *cluster.User) { u.Keys[0].Secret = "long-enough\nbut" }), object.Invalid},
		"a path as id":          {with(func(u *cluster.User) { u.ID = "a/b" }), object.Invalid},
		"a node's principal":    {with(func(u *cluster.User) { u.ID = "node:" }), object.Invalid},
		"wildcard name":         {with(func(u *cluster.User) { u.Name = "b*" }), object.Invalid},
		"no e-mail address":     {with(func(u *cluster.User) { u.Email = "bob" }), object.Invalid},
	} {
		_, err := p1.CreateUser(ctx, test.user)
		if object.KindOf(err) != test.want {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "secret-of") || strings.Contains(err.Error(), "long-enough")) {
			t.Errorf("%s: the error has the secret", name)
		}
	}
	carol := cluster.User{ID: "carol", Keys: []cluster.AccessKey{{ID: "carol", Secret: "secret-of-carol"}}}
	if _, err := p1.CreateUser(ctx, carol); err != nil {
		t.Fatal(err)
	}
	for _, taken := range []string{"alice", "Alice", "second-of-alice"} {
		if _, err := p1.UpdateUser(ctx, "carol", func(u *cluster.User) error { u.Name = taken; return nil }); object.KindOf(err) != object.Exists {
			t.Errorf("carol renamed to %s: %v", taken, err)
		}
		if _, err := p1.UpdateUser(ctx, "carol", func(u *cluster.User) error {
			u.Keys = append(u.Keys, cluster.AccessKey{ID: taken, Secret: testSecret})
			return nil
		}); object.KindOf(err) != object.Exists {
			t.Errorf("the key %s for carol: %v", taken, err)
		}
	}
	if _, err := p1.UpdateUser(ctx, "nobody", func(*cluster.User) error { return nil }); !errors.Is(err, object.NotFound) {
		t.Errorf("update of nobody: %v", err)
	}
	if err := p1.RemoveUser(ctx, "nobody"); !errors.Is(err, object.NotFound) {
		t.Errorf("removal of nobody: %v", err)
	}
	b, err := p1.CreateBucket(ctx, cluster.Bucket{Provider: object.AIS, Name: "hers", Owner: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p1.RemoveUser(ctx, "alice"); !errors.Is(err, object.NotEmpty) {
		t.Errorf("removal of a bucket's owner: %v", err)
	}
	if _, err := p1.UpdateBucket(ctx, &b, func(b *cluster.Bucket) error { b.Owner = ""; b.Documents.Policy = "{}"; return nil }); err != nil {
		t.Fatal(err)
	}
	if b, _ := p1.State().BucketByID(b.ID); b.Documents.Policy != "{}" {
		t.Errorf("the bucket has %+v", b.Documents)
	}
	if err := p1.RemoveUser(ctx, "alice"); err != nil {
		t.Error(err)
	}
}

// TestKeysAreUnique has many create users with one access key at once.
func TestKeysAreUnique(t *testing.T) {
	server := startTestServer(t)
	stores := []*Store{server.open(t, cluster.Proxy, "p1"), server.open(t, cluster.Proxy, "p2")}
	var mu sync.Mutex
	var all sync.WaitGroup
	made := 0
	for i := range 8 {
		all.Go(func() {
			u := cluster.User{ID: fmt.Sprintf("user%d", i), Keys: []cluster.AccessKey{{ID: "shared-key", Secret: "a-secret-of-some"}}}
			_, err := stores[i%2].CreateUser(testContext(t), u)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				made++
			case !errors.Is(err, object.Exists):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made != 1 {
		t.Errorf("%d users have the one key", made)
	}
}

// TestSecretsAreSealed looks at everything in etcd, and moves what is sealed.
func TestSecretsAreSealed(t *testing.T) {
	server := startTestServer(t)
	p1 := server.open(t, cluster.Proxy, "p1")
	ctx := testContext(t)
	if _, err := p1.CreateUser(ctx, alice()); err != nil {
		t.Fatal(err)
	}
	client := server.client(t)
	all, err := client.Get(ctx, "", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	var stored []byte
	for _, kv := range all.Kvs {
		if strings.Contains(string(kv.Value), string(testSecret)) {
			t.Errorf("%s has the secret", kv.Key)
		}
		if strings.HasSuffix(string(kv.Key), "/users/alice") {
			stored = kv.Value
		}
	}
	// Alice's sealed secret under another name is nobody's.
	var value map[string]any
	if err := json.Unmarshal(stored, &value); err != nil {
		t.Fatal(err)
	}
	value["id"] = "mallory"
	if _, err := client.Put(ctx, p1.keys.user("mallory"), string(encode(value))); err != nil {
		t.Fatal(err)
	}
	state, err := p1.Sync(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := state.User("mallory"); ok {
		t.Error("a sealed secret works for another user")
	}
	if text := fmt.Sprintf("%v %+v %#v %s", state.Users()[0], *state.Users()[0], *state.Users()[0], encode(state.Users()[0])); strings.Contains(text, string(testSecret)) {
		t.Error("a user prints the secret")
	}
}

func TestTokens(t *testing.T) {
	server := startTestServer(t)
	p1, t1 := server.open(t, cluster.Proxy, "p1"), server.open(t, cluster.Target, "t1")
	sealed, err := p1.Seal("session", []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := t1.Unseal("session", sealed); err != nil || string(plain) != "plain" {
		t.Errorf("%q, %v", plain, err)
	}
	if _, err := t1.Unseal("other", sealed); err == nil {
		t.Error("a token serves another purpose")
	}
	if _, err := t1.Unseal("session", sealed[:5]); err == nil {
		t.Error("a cut token is taken")
	}
}

func withAuth(c Config, root cluster.AccessKey) Config {
	c.Auth, c.Root = cluster.AuthOn, root
	return c
}

func rootOf(t *testing.T, state *cluster.State) *cluster.User {
	t.Helper()
	if len(state.Users()) != 1 || !state.Users()[0].Root || !state.Users()[0].Admin {
		t.Fatalf("the users are %+v", state.Users())
	}
	return state.Users()[0]
}

// TestRoot founds a cluster of auth on, and starts its proxy with another root key.
func TestRoot(t *testing.T) {
	embed := newEmbed(t)
	config := func(root cluster.AccessKey) Config {
		return withAuth(Config{
			Embed: &embed, Self: cluster.Node{ID: "p1", Kind: cluster.Proxy, URL: "http://p1:1"}, ClusterKey: testKey, Logger: testLogger(t),
		}, root)
	}
	first := cluster.AccessKey{ID: "first", Secret: "first-secret"}
	s := open(t, config(first))
	root := rootOf(t, s.State())
	if root.ID != "first" || root.Keys[0].Secret != first.Secret {
		t.Fatalf("root is %+v", root)
	}
	if _, made := s.MadeRoot(); made {
		t.Error("a given key is told as if it were random")
	}
	ctx := testContext(t)
	for what, edit := range map[string]func(*cluster.User){
		"disabled": func(u *cluster.User) { u.Disabled = true },
		"demoted":  func(u *cluster.User) { u.Admin = false },
		"keyless":  func(u *cluster.User) { u.Keys = nil },
	} {
		if _, err := s.UpdateUser(ctx, "first", func(u *cluster.User) error { edit(u); return nil }); !errors.Is(err, object.Invalid) {
			t.Errorf("root can be %s: %v", what, err)
		}
	}
	if err := s.RemoveUser(ctx, "first"); !errors.Is(err, object.Invalid) {
		t.Errorf("root can be removed: %v", err)
	}
	s.Close()

	s = open(t, config(cluster.AccessKey{}))
	if root := rootOf(t, s.State()); root.Keys[0].ID != "first" {
		t.Errorf("without a configured key root has %+v", root.Keys)
	}
	if _, made := s.MadeRoot(); made {
		t.Error("the root of an old cluster is told as new")
	}
	s.Close()

	second := cluster.AccessKey{ID: "second", Secret: "second-secret"}
	s = open(t, config(second))
	if root := rootOf(t, s.State()); root.ID != "first" || len(root.Keys) != 1 || root.Keys[0].ID != "second" || root.Keys[0].Secret != second.Secret {
		t.Errorf("root has %+v", root.Keys)
	}
}

// TestRandomRoot founds a cluster whose root key only MadeRoot tells. A target
// that is early waits.
func TestRandomRoot(t *testing.T) {
	server := startTestServer(t)
	early := make(chan *Store, 1)
	go func() {
		s, err := Open(context.Background(), withAuth(server.config(t, cluster.Target, "t1"), cluster.AccessKey{}))
		if err != nil {
			t.Error(err)
		}
		early <- s
	}()
	p1 := open(t, withAuth(server.config(t, cluster.Proxy, "p1"), cluster.AccessKey{}))
	if t1 := <-early; t1 != nil {
		defer t1.Close()
	}
	key, made := p1.MadeRoot()
	root := rootOf(t, p1.State())
	if !made || root.Keys[0].ID != key.ID || root.Keys[0].Secret != key.Secret || len(key.Secret) != 40 {
		t.Errorf("made %v, root has %d keys", made, len(root.Keys))
	}
	p2 := open(t, withAuth(server.config(t, cluster.Proxy, "p2"), cluster.AccessKey{}))
	if _, made := p2.MadeRoot(); made {
		t.Error("the second proxy says it made root")
	}
}
