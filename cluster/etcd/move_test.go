package etcd

import (
	"errors"
	"sync"
	"testing"

	"ais/cluster"
	"ais/object"
)

// Two administrators put the only two targets under maintenance at once: one of them
// is told that the other's is the last.
func TestMoveNodeRace(t *testing.T) {
	server := startTestServer(t)
	p1, p2 := server.open(t, cluster.Proxy, "p1"), server.open(t, cluster.Proxy, "p2")
	server.open(t, cluster.Target, "t1")
	server.open(t, cluster.Target, "t2")
	ctx := testContext(t)
	for range 5 {
		var errs [2]error
		var wg sync.WaitGroup
		for i, s := range []*Store{p1, p2} {
			wg.Go(func() {
				_, errs[i] = s.MoveNode(ctx, []string{"t1", "t2"}[i], cluster.Maintenance, cluster.MoveOptions{})
			})
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs[:]...), object.Refused) {
			t.Fatalf("both at once: %v", errs)
		}
		for _, id := range []string{"t1", "t2"} {
			if n, err := p1.MoveNode(ctx, id, cluster.Active, cluster.MoveOptions{}); err != nil || n.State != cluster.Active {
				t.Fatalf("back again: %+v, %v", n, err)
			}
		}
	}
	if _, err := p1.MoveNode(ctx, "t9", cluster.Active, cluster.MoveOptions{}); !errors.Is(err, object.NotFound) {
		t.Errorf("an unknown node: %v", err)
	}
}

// A node that leaves is removed once it is dead, and not before.
func TestLeave(t *testing.T) {
	server := startTestServer(t)
	p1, p2 := server.open(t, cluster.Proxy, "p1"), server.open(t, cluster.Proxy, "p2")
	ctx := testContext(t)
	if n, err := p1.MoveNode(ctx, "p2", cluster.Leaving, cluster.MoveOptions{}); err != nil || n.State != cluster.Leaving {
		t.Fatalf("%+v, %v", n, err)
	}
	if err := p1.RemoveNode(ctx, "p2"); !errors.Is(err, object.Exists) {
		t.Errorf("while it is alive: %v", err)
	}
	p2.Close()
	if err := p1.RemoveNode(ctx, "p2"); err != nil {
		t.Error(err)
	}
}
