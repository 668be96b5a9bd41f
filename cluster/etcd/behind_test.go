package etcd

import (
	"errors"
	"testing"
	"time"

	"ais/cluster"
	"ais/object"
)

// A killed target is marked by the others, once, within its lease and a second; it comes
// back behind, catches up, and is in sync. One that ends gracefully is marked at once.
func TestMarkDown(t *testing.T) {
	server := startTestServer(t)
	p1 := server.open(t, cluster.Proxy, "p1")
	t1 := server.open(t, cluster.Target, "t1")
	t2 := server.open(t, cluster.Target, "t2")
	ctx := testContext(t)
	behind := func(id string) func(*cluster.State) bool {
		return func(s *cluster.State) bool { n, _ := s.Node(id); return n.Behind != 0 }
	}
	before := p1.State().Map.Version
	kill(t2)
	began := time.Now()
	state := eventually(t, p1, "t2 is marked", behind("t2"))
	if took := time.Since(began); took > t1.config.LeaseTTL+time.Second {
		t.Errorf("marked after %v", took)
	}
	if n, _ := state.Node("t2"); n.Behind != before+1 || state.Map.Version != before+1 {
		t.Errorf("%+v in map %d, which was %d", n, state.Map.Version, before)
	}

	t2 = server.open(t, cluster.Target, "t2")
	since := t2.Self().Since
	if n := t2.Self(); n.Behind != before+1 || since != before+2 {
		t.Errorf("back: %+v", n)
	}
	if err := t1.LeftOut(ctx, "t2"); err != nil {
		t.Fatal(err)
	}
	if err := t2.InSync(ctx, since); !errors.Is(err, object.Conflict) {
		t.Errorf("caught up before it was left out: %v", err)
	}
	if _, err := t2.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if err := t2.InSync(ctx, t2.Self().Since); err != nil || t2.Self().Behind != 0 {
		t.Errorf("%+v, %v", t2.Self(), err)
	}
	if err := t2.MarkBehind(ctx, true); err != nil || t2.Self().Behind == 0 || !t2.Self().Full {
		t.Errorf("%+v, %v", t2.Self(), err)
	}
	if err := t2.InSync(ctx, t2.Self().Since); err != nil {
		t.Fatal(err)
	}

	began = time.Now()
	t1.Close()
	eventually(t, p1, "t1 is marked", behind("t1"))
	if took := time.Since(began); took > time.Second {
		t.Errorf("a graceful end was marked after %v", took)
	}
}

// A target that lost its lease, and was marked, catches up anew when it has another.
func TestAgainBehind(t *testing.T) {
	server := startTestServer(t)
	p1 := server.open(t, cluster.Proxy, "p1")
	server.open(t, cluster.Target, "t1")
	t2 := server.open(t, cluster.Target, "t2")
	ctx := testContext(t)
	if err := t2.MarkBehind(ctx, false); err != nil {
		t.Fatal(err)
	}
	since := t2.Self().Since
	t2.lease.mu.Lock()
	id := t2.lease.id
	t2.lease.mu.Unlock()
	if _, err := server.client(t).Revoke(ctx, id); err != nil {
		t.Fatal(err)
	}
	eventually(t, p1, "t2 has another lease", func(s *cluster.State) bool {
		n, _ := s.Node("t2")
		return n.Since > since && s.IsLive("t2")
	})
	if err := t2.InSync(ctx, since); !errors.Is(err, object.Conflict) {
		t.Errorf("caught up before it lost its lease: %v", err)
	}
}

// A bucket is moved where its copies are due, one change after another.
func TestMoveBucket(t *testing.T) {
	server := startTestServer(t)
	p1 := server.open(t, cluster.Proxy, "p1")
	server.open(t, cluster.Target, "t1")
	server.open(t, cluster.Target, "t2")
	ctx := testContext(t)
	b := mustCreate(t, p1, "demo")
	copies := func(n int) error {
		_, err := p1.UpdateProps(ctx, &b, func(p *cluster.Props) error { p.Copies = n; return nil })
		return err
	}
	config, err := p1.UpdateConfig(ctx, func(c *cluster.Config) error { c.Copies = 2; return nil })
	if err != nil {
		t.Fatal(err)
	}
	twice := newBucket("twice")
	twice.Props = cluster.DefaultProps(object.AIS, true, config)
	if made, err := p1.CreateBucket(ctx, twice); err != nil || made.Count() != 2 || made.Moving() {
		t.Errorf("by the cluster's default: %+v, %v", made, err)
	}
	if _, err := p1.UpdateConfig(ctx, func(c *cluster.Config) error { c.Copies = 3; return nil }); !errors.Is(err, object.Invalid) {
		t.Errorf("a default of more copies than targets: %v", err)
	}
	if err := copies(3); !errors.Is(err, object.Invalid) {
		t.Errorf("more copies than targets: %v", err)
	}
	if err := copies(2); err != nil {
		t.Fatal(err)
	}
	moving, err := p1.StartMove(ctx, &b)
	if err != nil || moving.Next.Count() != 2 || moving.Count() != 1 {
		t.Fatalf("%+v, %v", moving, err)
	}
	if again, err := p1.StartMove(ctx, &b); err != nil || again.Next != moving.Next {
		t.Errorf("%+v, %v", again, err)
	}
	if err := copies(1); err != nil {
		t.Fatal(err)
	}
	if _, err := p1.EndMove(ctx, &b, cluster.Placement{Generation: 1, Number: 7}); !errors.Is(err, object.Conflict) {
		t.Errorf("the end of another move: %v", err)
	}
	moved, err := p1.EndMove(ctx, &b, moving.Next)
	if err != nil || moved.Placement != moving.Next || moved.Moving() {
		t.Fatalf("%+v, %v", moved, err)
	}
	if again, err := p1.EndMove(ctx, &b, moving.Next); err != nil || again.Placement != moving.Next {
		t.Errorf("%+v, %v", again, err)
	}
	shown, _ := p1.State().BucketByID(b.ID)
	if to, due := p1.State().Due(shown); !due || to.Count() != 1 || to.Number != 2 {
		t.Errorf("due next: %+v, %v", to, due)
	}
	if err := p1.Rebalance(ctx, false); err != nil {
		t.Fatal(err)
	}
	if halted, err := p1.StartMove(ctx, &b); err != nil || halted.Moving() {
		t.Errorf("%+v, %v", halted, err)
	}
}
