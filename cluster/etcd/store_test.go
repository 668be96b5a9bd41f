package etcd

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"ais/cluster"
	"ais/object"
)

func TestEmbeddedStartsFastAndKeepsEverything(t *testing.T) {
	embed := newEmbed(t)
	config := (&testServer{embed: embed}).config(t, cluster.Proxy, "p1")
	config.Endpoints, config.Embed = nil, &embed

	began := time.Now()
	s := open(t, config)
	t.Logf("made in %v", time.Since(began))
	made := s.State().Map
	if made.Cluster == "" || made.Auth != cluster.AuthOff || !s.State().IsLive("p1") || len(s.State().TicketKeys) != 1 {
		t.Fatalf("state after the first start: %+v", made)
	}
	began = time.Now()
	s.Close()
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("Close took %v", took)
	}

	began = time.Now()
	s = open(t, config)
	t.Logf("started again in %v", time.Since(began))
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the second start took %v", took)
	}
	if now := s.State().Map; now.Cluster != made.Cluster || now.Version <= made.Version {
		t.Errorf("map after the second start: %+v, before: %+v", now, made)
	}
}

func TestJoin(t *testing.T) {
	server := startTestServer(t)
	p1 := server.open(t, cluster.Proxy, "p1")
	if _, err := p1.CreateBucket(testContext(t), newBucket("early")); !errors.Is(err, object.Unavailable) || !strings.Contains(err.Error(), "no target") {
		t.Errorf("CreateBucket without a target: %v", err)
	}
	server.open(t, cluster.Target, "t1")
	eventually(t, p1, "t1 is live", func(s *cluster.State) bool { return s.IsLive("t1") })
	first := mustCreate(t, p1, "first")
	t2 := server.open(t, cluster.Target, "t2")
	state := eventually(t, p1, "t2 is live", func(s *cluster.State) bool { return s.IsLive("t2") })
	second := mustCreate(t, p1, "second")

	if first.ID != 1 || second.ID != 2 || first.Generation == second.Generation || first.Revision == 0 {
		t.Errorf("buckets %+v, %+v", first, second)
	}
	if nodes, err := state.Placed(&first); err != nil || len(nodes) != 1 || nodes[0].ID != "t1" {
		t.Errorf("first is placed on %v, %v", nodes, err)
	}
	if nodes, err := t2.State().Placed(&second); err != nil || len(nodes) != 2 {
		t.Errorf("second is placed on %v, %v", nodes, err)
	}
	if state.Map.Version != 4 {
		t.Errorf("map version %d after three nodes joined", state.Map.Version)
	}

	// A target that comes back keeps its place; one that leaves is down at once.
	t2.Close()
	eventually(t, p1, "t2 is down", func(s *cluster.State) bool { return s.Status("t2") == cluster.Down })
	server.open(t, cluster.Target, "t2")
	state = eventually(t, p1, "t2 is back", func(s *cluster.State) bool { return s.IsLive("t2") })
	if g, _ := state.Map.Latest(); g.Number != second.Generation {
		t.Errorf("generation %d after a restart, before %d", g.Number, second.Generation)
	}
}

func TestManyJoinAtOnce(t *testing.T) {
	server := startTestServer(t)
	var all sync.WaitGroup
	for _, id := range []string{"t1", "t2", "t3", "t4", "t5", "t6"} {
		config := server.config(t, cluster.Target, id)
		all.Go(func() {
			s, err := Open(testContext(t), config)
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { s.Close() })
		})
	}
	all.Wait()
	p := server.open(t, cluster.Proxy, "p1")
	m := p.State().Map
	if g, ok := m.Latest(); !ok || len(g.Targets) != 6 || m.Version != 8 || len(m.Generations) != 1 {
		t.Errorf("map %+v", m)
	}
}

func TestOpenBeforeEtcd(t *testing.T) {
	server := &testServer{embed: newEmbed(t)}
	config := server.config(t, cluster.Proxy, "p1")
	opened := make(chan error, 1)
	var s *Store
	go func() {
		var err error
		s, err = Open(testContext(t), config)
		opened <- err
	}()
	server.start(t)
	t.Cleanup(server.stop)
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func TestOpenWithoutEtcd(t *testing.T) {
	config := (&testServer{embed: newEmbed(t)}).config(t, cluster.Proxy, "p1")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, config); !errors.Is(err, object.Unavailable) {
		t.Errorf("error %v", err)
	}
}

func TestRefused(t *testing.T) {
	server := startTestServer(t)
	server.open(t, cluster.Target, "t1")
	for _, test := range []struct {
		name string
		edit func(*Config)
		kind object.Kind
		text string
	}{
		{"another cluster key", func(c *Config) { c.ClusterKey = make([]byte, clusterKeySize) }, object.Invalid, "cluster key"},
		{"another auth", func(c *Config) { c.Auth = cluster.AuthOn }, object.Invalid, "auth off"},
		{"another kind", func(c *Config) { c.Self.ID, c.Self.Kind = "t1", cluster.Proxy }, object.Invalid, "is that of a target"},
		{"a live id elsewhere", func(c *Config) { c.Self.ID, c.Self.Kind = "t1", cluster.Target }, object.Exists, "alive at http://t1:1"},
		{"a bad id", func(c *Config) { c.Self.ID = "a/b" }, object.Invalid, "node id"},
		{"a bad URL", func(c *Config) { c.Self.URL = "localhost:80" }, object.Invalid, "URL"},
		{"no key", func(c *Config) { c.ClusterKey = nil }, object.Invalid, "cluster key"},
		{"no etcd", func(c *Config) { c.Endpoints = nil }, object.Invalid, "endpoints"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			config := server.config(t, cluster.Proxy, "p1")
			config.Self.URL = "http://elsewhere:1"
			test.edit(&config)
			s, err := Open(testContext(t), config)
			if err == nil {
				s.Close()
			}
			if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestRestartAfterKill(t *testing.T) {
	server := startTestServer(t)
	p1 := server.open(t, cluster.Proxy, "p1")
	t1 := server.open(t, cluster.Target, "t1")
	old, _ := t1.State().LiveNode("t1")
	kill(t1)
	began := time.Now()
	server.open(t, cluster.Target, "t1")
	if took := time.Since(began); took > time.Second {
		t.Errorf("the restart took %v", took)
	}
	eventually(t, p1, "the new process lives", func(s *cluster.State) bool {
		l, ok := s.LiveNode("t1")
		return ok && l.Boot != old.Boot
	})
	// The end of the dead process's lease must not take the new sign of life.
	waitFor(t, "the old lease ends", func() bool {
		leases, err := p1.client.Leases(testContext(t))
		return err == nil && len(leases.Leases) == 2
	})
	if state, err := p1.Sync(testContext(t)); err != nil || !state.IsLive("t1") {
		t.Errorf("t1 is not live after its predecessor's lease ended: %v", err)
	}
}

func TestKilledAndMoved(t *testing.T) {
	server := startTestServer(t)
	kill(server.open(t, cluster.Target, "t1"))
	config := server.config(t, cluster.Target, "t1")
	config.Self.URL = "http://t1:2"
	s := open(t, config) // waits for the dead process's lease
	if n, _ := s.State().Node("t1"); n.URL != "http://t1:2" || len(s.State().Map.Generations) != 1 {
		t.Errorf("node %+v", n)
	}
}

func TestLeaseLost(t *testing.T) {
	server := startTestServer(t)
	p1 := server.open(t, cluster.Proxy, "p1")
	t1 := server.open(t, cluster.Target, "t1")
	if t1.Fenced() {
		t.Fatal("fenced after joining")
	}
	before := eventually(t, p1, "t1 has joined", func(s *cluster.State) bool { return s.IsLive("t1") }).Map
	t1.lease.mu.Lock()
	id := t1.lease.id
	t1.lease.mu.Unlock()
	if _, err := p1.client.Revoke(testContext(t), id); err != nil {
		t.Fatal(err)
	}
	eventually(t, p1, "t1 is down", func(s *cluster.State) bool { return !s.IsLive("t1") })
	eventually(t, p1, "t1 is back", func(s *cluster.State) bool { return s.IsLive("t1") })
	waitFor(t, "t1 is not fenced", func() bool { return !t1.Fenced() })
	if after := p1.State().Map; after.Version != before.Version {
		t.Errorf("map version %d, was %d: a lease is no change of nodes", after.Version, before.Version)
	}
}

func TestSuperseded(t *testing.T) {
	server := startTestServer(t)
	first := server.open(t, cluster.Target, "t1")
	second := server.open(t, cluster.Target, "t1") // same URL: a restart, as far as anyone can tell
	first.lease.mu.Lock()
	id := first.lease.id
	first.lease.mu.Unlock()
	if _, err := second.client.Revoke(testContext(t), id); err != nil {
		t.Fatal(err)
	}
	select {
	case <-first.Superseded():
	case <-testContext(t).Done():
		t.Fatal("the first never noticed")
	}
	if !first.Fenced() || second.Fenced() || !second.State().IsLive("t1") {
		t.Error("the second process does not have the node's place")
	}
}

// TestEtcdKilledAndRestarted stops etcd under a node: its State stays, it is fenced
// before its lease can have ended, and Sync says that it cannot.
func TestEtcdKilledAndRestarted(t *testing.T) {
	server := startTestServer(t)
	p1 := server.open(t, cluster.Proxy, "p1")
	t1 := server.open(t, cluster.Target, "t1")
	bucket := mustCreate(t, p1, "before")
	if _, err := t1.Sync(testContext(t)); err != nil {
		t.Fatal(err)
	}
	server.stop()

	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := t1.Sync(ctx); !errors.Is(err, object.Unavailable) {
		t.Errorf("Sync without etcd: %v", err)
	}
	if _, err := p1.CreateBucket(ctx, newBucket("never")); !errors.Is(err, object.Unavailable) {
		t.Errorf("CreateBucket without etcd: %v", err)
	}
	if _, _, err := t1.State().Owner(&bucket, object.Name{Bucket: bucket.ID, Key: "k"}); err != nil {
		t.Errorf("Owner without etcd: %v", err)
	}
	waitFor(t, "t1 is fenced", t1.Fenced)

	server.start(t)
	waitFor(t, "t1 is not fenced", func() bool { return !t1.Fenced() })
	mustCreate(t, p1, "after")
	state, err := t1.Sync(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := state.Bucket(object.AIS, "after"); !ok || !state.IsLive("t1") || !state.IsLive("p1") {
		t.Error("the state after the restart is not whole")
	}
}

func TestCompactedWhileAway(t *testing.T) {
	server := startTestServer(t)
	p1 := server.open(t, cluster.Proxy, "p1")
	server.open(t, cluster.Target, "t1")
	b := mustCreate(t, p1, "one")
	// A State from before the change, whose following revisions are gone.
	stale := p1.State()
	for _, enabled := range []bool{false, true, false} {
		if _, err := p1.UpdateProps(testContext(t), &b, func(p *cluster.Props) error {
			p.Versioning.Enabled = enabled
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	state, err := p1.Sync(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p1.client.Compact(testContext(t), state.Revision); err != nil {
		t.Fatal(err)
	}
	lagging := &Store{
		config: p1.config, log: p1.log, keys: p1.keys, decoder: p1.decoder, client: p1.client, ctx: p1.ctx,
		reload: make(chan struct{}, 1), changed: make(chan struct{}), advanced: make(chan struct{}),
	}
	lagging.state.Store(stale)
	if err := lagging.follow(testContext(t)); err == nil || !strings.Contains(err.Error(), "compacted") {
		t.Fatalf("follow over a compaction: %v", err)
	}
	ctx, cancel := context.WithCancel(p1.ctx)
	lagging.ctx = ctx
	var task sync.WaitGroup
	task.Go(lagging.watch)
	eventually(t, lagging, "the change is seen", func(s *cluster.State) bool {
		b, _ := s.Bucket(object.AIS, "one")
		return !b.Props.Versioning.Enabled
	})
	cancel()
	task.Wait()
}

func TestEtcdSetBack(t *testing.T) {
	server := startTestServer(t)
	p1 := server.open(t, cluster.Proxy, "p1")
	server.open(t, cluster.Target, "t1")
	mustCreate(t, p1, "one")
	// As after a restore from a backup: what was known is of the future.
	future := p1.State().Apply(p1.State().Revision+1000, cluster.BucketGone{Provider: object.AIS, Name: "one"})
	p1.publish(future, true)
	state, err := p1.Sync(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := state.Bucket(object.AIS, "one"); !ok || state.Revision >= future.Revision {
		t.Errorf("revision %d, was %d", state.Revision, future.Revision)
	}
}

func TestSyncReadsOthersWrites(t *testing.T) {
	server := startTestServer(t)
	p1 := server.open(t, cluster.Proxy, "p1")
	p2 := server.open(t, cluster.Proxy, "p2")
	t1 := server.open(t, cluster.Target, "t1")
	for i := range 50 {
		b := mustCreate(t, p1, bucketName(i))
		state, err := p2.Sync(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := state.Bucket(object.AIS, b.Name); !ok {
			t.Fatalf("%s is not in the state that was synced after", b.Name)
		}
		if state, err = t1.SyncTo(testContext(t), state.Revision); err != nil {
			t.Fatal(err)
		}
		if _, ok := state.BucketByID(b.ID); !ok {
			t.Fatalf("%s is not in the state of that revision", b.Name)
		}
	}
	if _, err := t1.SyncTo(testContext(t), t1.State().Revision+1000); !errors.Is(err, object.Unavailable) {
		t.Errorf("SyncTo the future: %v", err)
	}
}

// TestSyncAmongOthers uses an etcd whose revision advances by keys that are not
// this cluster's.
func TestSyncAmongOthers(t *testing.T) {
	server := startTestServer(t)
	p1 := server.open(t, cluster.Proxy, "p1")
	client := server.client(t)
	for range 20 {
		resp, err := client.Put(testContext(t), "/other", "x")
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		state, err := p1.Sync(testContext(t))
		if err != nil || state.Revision < resp.Header.Revision {
			t.Fatalf("state of %d after a change at %d: %v", state.Revision, resp.Header.Revision, err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("Sync took %v", took)
		}
	}
}

func TestSyncUnderLoad(t *testing.T) {
	server := startTestServer(t)
	p1 := server.open(t, cluster.Proxy, "p1")
	counted := &countingKV{KV: p1.client.KV}
	p1.client.KV = counted
	const callers, calls = 50, 40
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range calls {
				if _, err := p1.Sync(testContext(t)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if reads := counted.count(); reads > callers*calls/4 {
		t.Errorf("%d reads for %d calls", reads, callers*calls)
	} else {
		t.Logf("%d reads for %d calls", reads, callers*calls)
	}
}

type countingKV struct {
	clientv3.KV
	mu sync.Mutex
	n  int
}

func (c *countingKV) Get(ctx context.Context, key string, o ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	c.mu.Lock()
	c.n++
	c.mu.Unlock()
	return c.KV.Get(ctx, key, o...)
}

func (c *countingKV) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// TestLeaseEndsBeforeFirstState has a node whose lease ended while it waited for its first
// State take another one.
func TestLeaseEndsBeforeFirstState(t *testing.T) {
	server := startTestServer(t)
	server.open(t, cluster.Proxy, "p1")
	opened := server.open(t, cluster.Target, "t1")
	early := &Store{config: opened.config, log: opened.log, keys: opened.keys, decoder: opened.decoder, client: opened.client, ctx: opened.ctx}
	keys := []string{early.keys.clusterMap(), early.keys.node("t1"), early.keys.live("t1"), early.keys.bucketID()}
	read, revision, err := early.readAll(testContext(t), keys)
	if err != nil {
		t.Fatal(err)
	}
	writes, err := early.admit(read, revision, 1, true)
	if err != nil || len(writes) != 1 || writes[0].key != early.keys.live("t1") {
		t.Errorf("%+v, %v", writes, err)
	}
}

// TestLeaseIsRenewedBeforeFirstState has a node renew its lease while it still waits for its
// first State.
func TestLeaseIsRenewedBeforeFirstState(t *testing.T) {
	server := startTestServer(t)
	opened := server.open(t, cluster.Target, "t1")
	early := &Store{config: opened.config, log: opened.log, keys: opened.keys, decoder: opened.decoder, client: opened.client, ctx: opened.ctx}
	id, _ := opened.Tenure()
	early.lease.id, early.lease.kept = clientv3.LeaseID(id), opened.ctx
	if err := early.renew(5 * time.Second); err != nil || early.Fenced() {
		t.Errorf("%v, fenced %v", err, early.Fenced())
	}
}
