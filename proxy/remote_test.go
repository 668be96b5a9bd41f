package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ais/api"
	"ais/backend/backendtest"
	"ais/cluster"
	"ais/cluster/etcd"
	"ais/cluster/peer"
	"ais/fs"
	"ais/internal/loopback"
	"ais/object"
	"ais/s3api"
	"ais/target"

	"github.com/prometheus/client_golang/prometheus"
)

// startRemote returns a proxy of a new cluster with one target, and the store in
// memory that the cluster's remote buckets are in: the bucket "mem".
func startRemote(t *testing.T, auth string) (*Proxy, *backendtest.Mem) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := loopback.URL(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	open := func(c etcd.Config) *etcd.Store {
		c.ClusterKey, c.Auth = make([]byte, 32), auth
		s, err := etcd.Open(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	first := etcd.Config{
		Embed: &etcd.Embed{Dir: filepath.Join(t.TempDir(), "etcd"), ClientURL: url, PeerURL: loopback.URL(t)},
		Self:  cluster.Node{ID: "p1", Kind: cluster.Proxy, URL: "http://127.0.0.1:1"},
	}
	if auth == cluster.AuthOn {
		first.Root = cluster.AccessKey{ID: root.AccessKey, Secret: cluster.Secret(root.Secret)}
	}
	members := open(first)
	mem := backendtest.NewMem()
	runTarget(t, open(etcd.Config{Endpoints: []string{url}, Self: cluster.Node{ID: "t1", Kind: cluster.Target, URL: "http://" + listener.Addr().String()}}), mem, listener)
	_, err = members.UpdateConfig(ctx, func(c *cluster.Config) error { _, err := c.Set("backend.aws.enabled", "true"); return err })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := members.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.ID, cfg.Registry, cfg.Logger = "p1", prometheus.NewRegistry(), slog.New(slog.DiscardHandler)
	p, err := New(cfg, members, peer.New(peer.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	return p, mem
}

func runTarget(t *testing.T, members *etcd.Store, mem *backendtest.Mem, on net.Listener) {
	t.Helper()
	cfg := target.DefaultConfig()
	cfg.ID, cfg.Registry, cfg.Logger = "t1", prometheus.NewRegistry(), slog.New(slog.DiscardHandler)
	cfg.Store.Cluster, cfg.Store.Target, cfg.Store.Mountpaths, cfg.Store.Logger = "test", "t1", []string{t.TempDir()}, cfg.Logger
	cfg.OpenBackend, cfg.ShutdownGrace = mem.Open, time.Second
	store, err := fs.Open(cfg.Store)
	if err != nil {
		t.Fatal(err)
	}
	node, err := target.New(cfg, store, members, peer.New(peer.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := node.Run(ctx, on); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		store.Close()
	})
}

// want asks without credentials and fails unless the answer has the status, and the
// text in its body.
func (p *Proxy) want(t *testing.T, method, path, body string, status int, has string, headers ...string) string {
	t.Helper()
	got, answer := p.ask(t, s3api.Credentials{}, "", method, path, body, headers...)
	if got != status || !strings.Contains(answer, has) {
		t.Fatalf("%s %s: %d %s, want %d and %q", method, path, got, answer, status, has)
	}
	return answer
}

// put writes an object over S3.
func (p *Proxy) put(t *testing.T, path, body string) {
	t.Helper()
	p.want(t, "PUT", path, body, 200, "", "Content-Length", strconv.Itoa(len(body)))
}

// TestFirstUse: a remote bucket that nobody has named before is found by the S3 and
// the native API, and added once.
func TestFirstUse(t *testing.T) {
	p, mem := startRemote(t, cluster.AuthOff)
	mem.Set("a", "1")
	p.want(t, "GET", "/s3/mem?provider=ais", "", 404, "NoSuchBucket")
	p.want(t, "GET", "/s3/mem?provider=gcp", "", 400, "InvalidArgument")
	if n := mem.Calls(backendtest.OpInfo); n != 0 {
		t.Fatalf("%d look-ups for what no remote can have", n)
	}
	p.want(t, "GET", "/s3/mem", "", 200, "<Key>a</Key>")
	p.want(t, "HEAD", "/mem", "", 200, "")
	b, ok := p.cluster.State().Bucket(object.AWS, "mem")
	if !ok || b.Region != "us-east-1" || !b.Props.LRU.Enabled || b.Props.Durability != object.Process {
		t.Fatalf("added as %+v", b)
	}
	p.want(t, "GET", "/s3/mem?location", "", 200, "<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>") // S3's way to say us-east-1
	mem.Bucket("other")
	p.want(t, "HEAD", "/v1/buckets/other?provider=aws", "", 200, "")
	p.want(t, "PUT", "/s3/mem", "", 200, "") // clients make a bucket before they write
	p.want(t, "PUT", "/s3/mem?provider=aws", "", 200, "")
	if n := mem.Calls(backendtest.OpInfo); n != 3 {
		t.Errorf("%d look-ups for three questions", n)
	}
}

// TestFirstUseAbsent: what is not there is asked for once in a while, however many
// ask; that the remote denies it or cannot be reached is said.
func TestFirstUseAbsent(t *testing.T) {
	p, mem := startRemote(t, cluster.AuthOff)
	for range 3 {
		p.want(t, "HEAD", "/s3/absent", "", 404, "")
		p.want(t, "GET", "/s3/absent/key", "", 404, "NoSuchBucket")
		p.want(t, "HEAD", "/v1/buckets/absent?provider=aws", "", 404, "")
	}
	if n := mem.Calls(backendtest.OpInfo); n != 1 {
		t.Errorf("%d look-ups", n)
	}
	p.want(t, "POST", "/v1/buckets/absent?provider=aws", `{"action":"create-bck"}`, 404, "does not exist")
	mem.Bucket("absent") // whoever says that it is there now is believed at once
	p.want(t, "POST", "/v1/buckets/absent?provider=aws", `{"action":"create-bck"}`, 200, "")
	p.want(t, "HEAD", "/s3/absent", "", 200, "")

	mem.Hook(func(context.Context, string, string) error {
		return object.E("mem", "", object.Denied, errors.New("not yours"))
	})
	p.want(t, "GET", "/s3/denied", "", 403, "denies access")
	p.want(t, "PUT", "/s3/denied", "", 200, "") // somebody else's bucket there is no reason to have none here
	mem.Hook(func(context.Context, string, string) error {
		return object.E("mem", "", object.Unavailable, errors.New("no route"))
	})
	p.want(t, "GET", "/s3/away", "", 503, "did not answer")
	p.want(t, "PUT", "/s3/away", "", 503, "did not answer")
	p.want(t, "PUT", "/s3/away?provider=ais", "", 200, "")
	p.want(t, "GET", "/s3/away", "", 200, "")
	p.want(t, "POST", "/v1/buckets/later?provider=aws&dont_head_remote_bck=true", `{"action":"create-bck"}`, 200, "")
}

// TestFirstUseAtOnce: many who ask at once cost one look-up and one bucket.
func TestFirstUseAtOnce(t *testing.T) {
	p, mem := startRemote(t, cluster.AuthOff)
	mem.Hook(func(context.Context, string, string) error { time.Sleep(50 * time.Millisecond); return nil })
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { p.want(t, "HEAD", "/s3/mem", "", 200, "") })
	}
	wg.Wait()
	if n := mem.Calls(backendtest.OpInfo); n != 1 {
		t.Errorf("%d look-ups", n)
	}
}

// TestFirstUseWithUsers: nobody is looked up for who is nobody, and what is added
// belongs to nobody: administrators lend the cluster's credentials.
func TestFirstUseWithUsers(t *testing.T) {
	p, mem := startRemote(t, cluster.AuthOn)
	bob := s3api.Credentials{AccessKey: "BOB-KEY", Secret: "secret-of-bob-in-tests"}
	if status, body := p.ask(t, root, "ais", "POST", api.PathUsers, `{"name":"bob","access_key":"BOB-KEY","secret_key":"`+bob.Secret+`"}`); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	if status, _ := p.ask(t, s3api.Credentials{}, "", "GET", "/mem", ""); status != 404 || mem.Calls(backendtest.OpInfo) != 0 {
		t.Errorf("of nobody: %d, %d look-ups", status, mem.Calls(backendtest.OpInfo))
	}
	for _, test := range []struct {
		who          s3api.Credentials
		service      string
		method, path string
		body         string
		status       int
	}{
		{bob, "ais", "POST", "/v1/buckets/mem?provider=aws", `{"action":"create-bck"}`, 403},
		{bob, "s3", "PUT", "/mem?provider=aws", "", 403},
		{bob, "s3", "GET", "/mem", "", 403},
		{root, "s3", "GET", "/mem", "", 200},
		{bob, "s3", "PUT", "/mem", "", 409},
		{bob, "ais", "POST", "/v1/buckets/his?provider=ais", `{"action":"create-bck","value":{"backend_bck":"aws://mem"}}`, 403},
		{bob, "ais", "POST", "/v1/buckets/his?provider=ais", `{"action":"create-bck"}`, 200},
		{bob, "ais", "PATCH", "/v1/buckets/his?provider=ais", `{"action":"set-bprops","value":{"backend_bck":"aws://mem"}}`, 403},
		{bob, "ais", "PATCH", "/v1/buckets/his?provider=ais", `{"action":"set-bprops","value":{"extra":{"aws":{"endpoint":"http://10.0.0.1"}}}}`, 403},
		{root, "ais", "PATCH", "/v1/buckets/his?provider=ais", `{"action":"set-bprops","value":{"backend_bck":"aws://mem"}}`, 200},
	} {
		status, body := p.ask(t, test.who, test.service, test.method, test.path, test.body)
		if status != test.status {
			t.Errorf("%s %s of %s: %d %s, want %d", test.method, test.path, test.who.AccessKey, status, body, test.status)
		}
	}
	if b, _ := p.cluster.State().Bucket(object.AWS, "mem"); b == nil || b.Owner != "" {
		t.Errorf("added as %+v", b)
	}
}

// TestTwoOfAName: of an ais:// and an aws:// bucket of one name the S3 path means
// the first, unless the setting or the request says otherwise, and the list warns.
func TestTwoOfAName(t *testing.T) {
	p, mem := startRemote(t, cluster.AuthOff)
	mem.Set("far", "1")
	p.want(t, "PUT", "/s3/mem?provider=ais", "", 200, "")
	p.want(t, "PUT", "/s3/mem?provider=ais", "", 200, "")
	p.put(t, "/s3/mem/near", "1") // relayed, with the provider that the bucket has
	p.want(t, "PUT", "/s3/mem?provider=aws", "", 200, "")
	p.want(t, "GET", "/s3/mem", "", 200, "<Key>near</Key>")
	p.want(t, "GET", "/s3/mem?provider=aws", "", 200, "<Key>far</Key>")
	p.want(t, "GET", "/s3/mem/far", "", 404, "NoSuchKey")
	p.want(t, "GET", "/s3", "", 200, "<String>Provider: aws (WARNING: {mem, Provider: ais} and {mem, Provider: aws} share the same name)</String>")
	first := p.want(t, "GET", "/s3?max-buckets=1", "", 200, "<String>Provider: ais</String>")
	token := first[strings.Index(first, "<ContinuationToken>")+len("<ContinuationToken>"):]
	token, _, _ = strings.Cut(token, "<")
	p.want(t, "GET", "/s3?max-buckets=1&continuation-token="+token, "", 200, "Provider: aws (WARNING")
	const form = "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n%s\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n22\r\n--b--\r\n"
	for _, provider := range []string{"ais", "aws"} {
		body := fmt.Sprintf(form, provider)
		p.want(t, "POST", "/s3/mem?provider="+provider, body, 204, "", "Content-Type", "multipart/form-data; boundary=b", "Content-Length", strconv.Itoa(len(body)))
		p.want(t, "GET", "/s3/mem/"+provider+"?provider="+provider, "", 200, "22")
	}
	if _, there := mem.Body("aws"); !there {
		t.Error("a form for the remote bucket did not reach it")
	}
	if _, there := mem.Body("ais"); there {
		t.Error("a form for the bucket here reached the remote")
	}
	p.want(t, "PUT", "/v1/cluster/set-config?s3.provider=aws", "", 200, "")
	p.want(t, "GET", "/s3/mem", "", 200, "<Key>far</Key>")
	p.want(t, "GET", "/s3/mem?provider=ais", "", 200, "<Key>near</Key>")
}

// names returns the keys, and common prefixes, of an S3 listing in order.
func names(body string) (out []string) {
	for _, tag := range []string{"Key", "Prefix"} {
		for part := range strings.SplitSeq(body, "<"+tag+">") {
			if name, _, ok := strings.Cut(part, "</"+tag+">"); ok && name != "" {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// TestRemoteLists goes through a remote bucket's names page by page.
func TestRemoteLists(t *testing.T) {
	p, mem := startRemote(t, cluster.AuthOff)
	var all []string
	for i := range 25 {
		name := fmt.Sprintf("d%d/f%02d", i%3, i)
		all = append(all, name)
		mem.Set(name, "x")
	}
	slices.Sort(all)
	for _, version := range []string{"", "list-type=2&"} {
		var got []string
		next := ""
		for {
			body := p.want(t, "GET", "/s3/mem?"+version+"max-keys=7"+next, "", 200, "")
			got = append(got, names(body)...)
			if strings.Contains(body, "<IsTruncated>false") {
				break
			}
			tag, param := "NextMarker", "marker"
			if version != "" {
				tag, param = "NextContinuationToken", "continuation-token"
			}
			_, after, _ := strings.Cut(body, "<"+tag+">")
			after, _, _ = strings.Cut(after, "<")
			next = "&" + param + "=" + after
		}
		if !slices.Equal(got, all) {
			t.Errorf("%q: %q", version, got)
		}
	}
	if got := names(p.want(t, "GET", "/s3/mem?delimiter=/", "", 200, "")); !slices.Equal(got, []string{"d0/", "d1/", "d2/"}) {
		t.Errorf("rolled up: %q", got)
	}
	if got := names(p.want(t, "GET", "/s3/mem?delimiter=/&marker=d0/", "", 200, "")); !slices.Equal(got, []string{"d1/", "d2/"}) {
		t.Errorf("rolled up after d0/: %q", got)
	}
	p.want(t, "GET", "/s3/mem?max-keys=0", "", 200, "<IsTruncated>false")
	p.want(t, "GET", "/s3/mem?versions", "", 501, "at the remote")
	mem.Hook(func(context.Context, string, string) error {
		return object.E("mem", "", object.Unavailable, errors.New("no route"))
	})
	p.want(t, "GET", "/s3/mem", "", 503, "cannot be reached")
	p.want(t, "GET", "/v1/buckets/mem?provider=aws", `{"action":"list","value":{}}`, 503, "")
	p.want(t, "GET", "/v1/buckets/mem?provider=aws", `{"action":"list","value":{"flags":"1"}}`, 200, `"entries":[]`)
}

// listed returns a native listing with all that is shown, one line an entry.
func (p *Proxy) listed(t *testing.T, bucket, value string) (out []string) {
	t.Helper()
	status, body := p.ask(t, s3api.Credentials{}, "", "GET", "/v1/buckets/"+bucket, `{"action":"list","value":`+value+`}`, "Accept", "application/json")
	var page api.ListResult
	if err := json.Unmarshal([]byte(body), &page); err != nil || status != 200 {
		t.Fatalf("%d %v %s", status, err, body)
	}
	for _, e := range page.Entries {
		line := fmt.Sprintf("%s %d", e.Name, e.Size)
		for _, f := range []struct {
			bit  int
			name string
		}{{api.EntryCached, "cached"}, {api.EntryChanged, "changed"}, {api.EntryRemoved, "removed"}, {api.EntryDir, "dir"}} {
			if e.Flags&f.bit != 0 {
				line += " " + f.name
			}
		}
		if e.Version != "" {
			line += " v"
		}
		if e.Atime != "" {
			line += " a"
		}
		out = append(out, line)
	}
	if page.ContinuationToken != "" {
		out = append(out, "…")
	}
	return out
}

func (p *Proxy) wantList(t *testing.T, bucket, value string, want ...string) {
	t.Helper()
	if got := p.listed(t, bucket, value); !slices.Equal(got, want) {
		t.Errorf("list %s of %s: %q, want %q", value, bucket, got, want)
	}
}

// TestListsWithState: a native listing says of each object whether it is here, and
// whether the remote still has it so.
func TestListsWithState(t *testing.T) {
	p, mem := startRemote(t, cluster.AuthOff)
	mem.KeepVersions(true)
	for _, key := range []string{"changed", "d/gone", "d/far", "gone", "kept", "last"} {
		mem.Set(key, "1")
	}
	for _, key := range []string{"changed", "d/gone", "gone", "kept"} {
		p.want(t, "GET", "/s3/mem/"+key, "", 200, "1")
	}
	mem.Set("changed", "22")
	mem.Drop("gone")
	mem.Drop("d/gone")
	const props = `"props":"name,size,version,atime,cached,status"`
	wait(t, func() bool {
		return strings.Contains(fmt.Sprint(p.listed(t, "mem?provider=aws", "{"+props+"}")), "kept 1 cached v a")
	})
	p.wantList(t, "mem?provider=aws", "{"+props+"}",
		"changed 2 cached changed v a", "d/far 1", "d/gone 1 cached removed v a", "gone 1 cached removed v a", "kept 1 cached v a", "last 1")
	p.wantList(t, "mem?provider=aws", `{"flags":"1"}`, "changed 1 cached", "d/gone 1 cached", "gone 1 cached", "kept 1 cached")
	p.wantList(t, "mem?provider=aws", `{"flags":"512"}`, "d/far 1", "last 1")
	p.wantList(t, "mem?provider=aws", `{"flags":"2048"}`, "changed 2 cached changed", "d/ 0 dir", "gone 1 cached removed", "kept 1 cached", "last 1")
	for size, pages := range map[int]int{1: 6, 2: 3, 4: 2, 6: 1} {
		after, n := "", 0
		var all []string
		for {
			got := p.listed(t, "mem?provider=aws", fmt.Sprintf(`{"pagesize":%d,"continuation_token":"%s"}`, size, after))
			n++
			if got[len(got)-1] != "…" {
				all = append(all, got...)
				break
			}
			all = append(all, got[:len(got)-1]...)
			after, _, _ = strings.Cut(all[len(all)-1], " ")
		}
		if n != pages || len(all) != 6 {
			t.Errorf("pages of %d: %d, %q", size, n, all)
		}
	}
	// S3 shows the remote's truth.
	if got := names(p.want(t, "GET", "/s3/mem", "", 200, "")); !slices.Equal(got, []string{"changed", "d/far", "kept", "last"}) {
		t.Errorf("over S3: %q", got)
	}
}

// TestInFront: an ais:// bucket in front of a remote one has what the remote has, and
// what was put before.
func TestInFront(t *testing.T) {
	p, mem := startRemote(t, cluster.AuthOff)
	mem.Set("far", "1")
	mem.Set("kept", "1")
	mem.Set("own", "remote")
	mem.Set("d/gone", "1")
	p.want(t, "POST", "/v1/buckets/front", `{"action":"create-bck"}`, 200, "")
	p.put(t, "/s3/front/own", "local")
	p.put(t, "/s3/front/e/own", "local")
	set := func(value string, status int, has string) {
		t.Helper()
		p.want(t, "PATCH", "/v1/buckets/front", `{"action":"set-bprops","value":`+value+`}`, status, has)
	}
	set(`{"backend_bck":"aws://absent"}`, 400, "has no bucket of this name")
	set(`{"backend_bck":"ais://mem"}`, 400, "aws://NAME")
	p.want(t, "PUT", "/s3/front?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", 200, "")
	set(`{"backend_bck":"aws://mem"}`, 400, "keeps versions")
	p.want(t, "DELETE", "/v1/buckets/front", `{"action":"destroy-bck"}`, 200, "")
	p.want(t, "POST", "/v1/buckets/front", `{"action":"create-bck"}`, 200, "")
	p.put(t, "/s3/front/own", "local")
	p.put(t, "/s3/front/e/own", "local")

	set(`{"backend_bck":"aws://mem"}`, 200, "")
	p.put(t, "/s3/front/kept", "1")
	p.put(t, "/s3/front/d/gone", "1")
	p.want(t, "GET", "/s3/front/own", "", 200, "local")
	mem.Drop("d/gone")
	wait(t, func() bool { return strings.Contains(fmt.Sprint(p.listed(t, "front", "{}")), "kept 1 cached") })
	p.wantList(t, "front", "{}", "d/gone 1 cached removed", "e/own 5 cached", "far 1", "kept 1 cached", "own 5 cached")
	if got := names(p.want(t, "GET", "/s3/front", "", 200, "<Size>5</Size>")); !slices.Equal(got, []string{"e/own", "far", "kept", "own"}) {
		t.Errorf("over S3: %q", got)
	}
	if got := names(p.want(t, "GET", "/s3/front?delimiter=/", "", 200, "")); !slices.Equal(got, []string{"e/", "far", "kept", "own"}) {
		t.Errorf("rolled up over S3: %q", got)
	}

	mem.KeepVersions(true)
	p.want(t, "GET", "/s3/front?versioning", "", 200, "<Status>Enabled</Status>")
	p.want(t, "PUT", "/s3/front?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", 501, "at the remote")
	p.want(t, "PUT", "/s3/front?lifecycle", "<LifecycleConfiguration><Rule><ID>1</ID><Status>Enabled</Status><Filter/><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>", 501, "at the remote")
	p.want(t, "DELETE", "/s3/front", "", 409, "BucketNotEmpty")
	p.want(t, "DELETE", "/s3/mem?provider=aws", "", 501, "ais evict")

	// Another remote may not take over what is kept of the last.
	mem.Bucket("second")
	set(`{"backend_bck":"aws://second"}`, 400, "ais evict ais://front")
	set(`{"backend_bck":"none"}`, 200, "")
	p.wantList(t, "front", "{}", "d/gone 1 cached", "e/own 5 cached", "kept 1 cached", "own 5 cached")
	set(`{"backend_bck":"aws://second"}`, 400, "ais evict ais://front")
	set(`{"backend_bck":"aws://mem"}`, 200, "")
	p.want(t, "PATCH", "/v1/buckets/front", `{"action":"reset-bprops"}`, 200, "")
	p.wantList(t, "front", `{"flags":"512"}`, "far 1")

	for _, key := range []string{"far", "kept", "own"} {
		mem.Drop(key)
	}
	p.want(t, "DELETE", "/s3/front", "", 409, "BucketNotEmpty") // its own
	p.want(t, "DELETE", "/v1/buckets/front", `{"action":"destroy-bck"}`, 200, "")
}

// wait waits until the condition holds.
func wait(t *testing.T, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain")
		}
	}
}
