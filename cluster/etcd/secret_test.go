package etcd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ais/cluster"
	"ais/object"
)

func TestClusterKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "cluster.key")
	if _, err := LoadOrCreateClusterKey(path, false); !errors.Is(err, object.NotFound) {
		t.Errorf("error %v", err)
	}
	keys := make([][]byte, 8)
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			var err error
			if keys[i], err = LoadOrCreateClusterKey(path, true); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, key := range keys {
		if !bytes.Equal(key, keys[0]) || len(key) != clusterKeySize {
			t.Fatal("those who made the key at once do not have the same")
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreateClusterKey(path, true); !errors.Is(err, object.Invalid) {
		t.Errorf("error %v", err)
	}
}

func TestTicketKeyRotation(t *testing.T) {
	server := startTestServer(t)
	p1 := server.open(t, cluster.Proxy, "p1")
	later := func(id string) *Store {
		c := server.config(t, cluster.Proxy, id)
		c.Now = func() time.Time { return time.Now().Add(time.Hour) }
		return open(t, c)
	}
	p2, p3 := later("p2"), later("p3")
	ctx := testContext(t)
	first := p1.State().TicketKeys.Newest()

	// Both find it due; one rotates.
	var both sync.WaitGroup
	for _, s := range []*Store{p2, p3} {
		both.Go(func() {
			if err := s.RotateTicketKeys(ctx, 30*time.Minute); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	state, err := p2.Sync(ctx)
	if err != nil {
		t.Fatal(err)
	}
	keys := state.TicketKeys
	if len(keys) != 2 || bytes.Equal(keys[0], first) || !bytes.Equal(keys[1], first) {
		t.Fatalf("%d keys after one rotation", len(keys))
	}
	if err := p2.RotateTicketKeys(ctx, 0); err != nil {
		t.Fatal(err)
	}
	if now := p2.State().TicketKeys; len(now) != 2 || !bytes.Equal(now[1], keys[0]) {
		t.Error("the second rotation did not keep the key before")
	}
	if err := p2.RotateTicketKeys(ctx, time.Hour); err != nil || !bytes.Equal(p2.State().TicketKeys[1], keys[0]) {
		t.Errorf("a rotation that is not due: %v", err)
	}

	raw, err := p1.client.Get(ctx, p1.keys.ticketKeys())
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%v %+v %#v %s", keys, *p1.State(), keys, keys)
	for _, key := range keys {
		if bytes.Contains(raw.Kvs[0].Value, key) || bytes.Contains([]byte(printed), key) {
			t.Error("a key is readable")
		}
	}
}
