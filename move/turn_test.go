package move_test

import (
	"testing"
	"time"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/fs"
	"ais/object"
)

// beginMove has names go off t3, with messages of some paths refused, and returns a name
// that goes from t3 and t1 to t1 and t2.
func beginMove(t *testing.T, refuse func(id, path string) bool) (*nodes, object.Name) {
	c := startNodes(t, "t1", "t2", "t3")
	b := c.bucket("moving", 2)
	n := object.Name{Bucket: b.ID, Key: keysOf(b, 1, "t3", "t1", "t2")[0]}
	if err := c.put(n, "content"); err != nil {
		t.Fatal(err)
	}
	c.wait("the copy has the name", func() bool { return !c.node("t1").store.Dirty(n) })
	c.refuse.Store(&refuse)
	c.leave(b, "t3")
	return c, n
}

// leave has the names of a bucket begin to move off a target, as all others know then.
func (c *nodes) leave(b *cluster.Bucket, id string) {
	t := c.t
	t.Helper()
	if _, err := c.keeper.MoveNode(c.context(), id, cluster.Maintenance, cluster.MoveOptions{}); err != nil {
		t.Fatal(err)
	}
	c.wait("names begin to move", func() bool { now, _ := c.state().BucketByID(b.ID); return now.Moving() })
	for _, id := range c.ids() {
		if _, err := c.node(id).members.SyncTo(t.Context(), c.state().Revision); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *nodes) wait(what string, is func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatal("it does not come to it that ", what)
		}
	}
}

// TestPreparedEntry: a copy that has prepared the change which puts a name in use, and has
// not heard that it was made, takes the name for one in use, and answers for it when the
// owner dies.
func TestPreparedEntry(t *testing.T) {
	c, n := beginMove(t, func(_, path string) bool {
		return path == peer.PathSettle || path == peer.PathResolve || path == peer.PathMoved
	})
	other := c.node("t2")
	c.wait("the entry is prepared", func() bool { return other.store.Dirty(n) })
	if p, err := other.store.Stamp(n); err != nil || p.Placement != 1 || p.Term != 0 {
		t.Errorf("the copy has %v, %v", p, err)
	}
	if !other.mover.InUse(n) {
		t.Error("the name is not in use at its copy")
	}
	c.wait("who had it has nothing", func() bool { p, err := c.node("t3").store.Stamp(n); return err == nil && p.IsZero() })
	c.node("t1").stop()
	if got, err := c.get(n); err != nil || got != "content" {
		t.Errorf("the next owner answers %q, %v", got, err)
	}
	if p, err := other.store.Stamp(n); err != nil || p.Term == 0 || other.store.Dirty(n) {
		t.Errorf("it has %v, %v, in doubt: %v", p, err, other.store.Dirty(n))
	}
}

// TestReleaseTurn: a target that is told to forget a name looks whether that still holds
// when nobody else is at the name: another target answers for it by then.
func TestReleaseTurn(t *testing.T) {
	c, n := beginMove(t, func(_, path string) bool {
		return path == peer.PathEnter || path == peer.PathLeave || path == peer.PathBarrier
	})
	q := peer.MoveRequest{Bucket: n.Bucket, Key: n.Key, To: 1, From: "t1"}
	for id, ask := range map[string]func() error{
		"t3": func() error { return c.node("t3").mover.Release(q) },
		"t2": func() error { return c.node("t2").mover.Take(q) },
	} {
		at := c.node(id)
		before, err := at.store.Stamp(n)
		if err != nil {
			t.Fatal(err)
		}
		unlock := at.keeper.Turn(n)
		answer := make(chan error, 1)
		go func() { answer <- ask() }()
		if err := c.node("t1").members.MarkBehind(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if _, err := at.members.SyncTo(t.Context(), c.state().Revision); err != nil {
			t.Fatal(err)
		}
		unlock()
		if err := <-answer; object.KindOf(err) != object.Conflict {
			t.Errorf("%s answers %v", id, err)
		}
		if now, err := at.store.Stamp(n); err != nil || now != before {
			t.Errorf("%s has %v, %v; had %v", id, now, err, before)
		}
	}
	if p, err := c.node("t3").store.Stamp(n); err != nil || p == (fs.Stamp{}) {
		t.Errorf("who had the name has %v, %v", p, err)
	}
}

// TestPreparedLeft: a copy that has nothing of a name but a change that it never heard the
// outcome of has nothing of it any more when the name has moved away: it would make that
// change when it is to answer for names that have not moved.
func TestPreparedLeft(t *testing.T) {
	c := startNodes(t, "t1", "t2", "t3")
	b := c.bucket("moving", 2)
	n := object.Name{Bucket: b.ID, Key: keysOf(b, 1, "t1", "t3", "t2")[0]}
	refuse := func(id, path string) bool {
		return id == "t3" && path == peer.PathSettle || id == "t1" && path == peer.PathResolve
	}
	c.refuse.Store(&refuse)
	if err := c.put(n, "content"); err != nil {
		t.Fatal(err)
	}
	left := c.node("t3").store
	if p, err := left.Stamp(n); err != nil || !p.IsZero() || !left.Dirty(n) {
		t.Fatalf("before the move it has %v, %v, in doubt: %v", p, err, left.Dirty(n))
	}
	c.leave(b, "t3")
	if err := c.put(n, "newer"); err != nil {
		t.Fatal(err)
	}
	if list := left.InDoubt(); len(list) > 0 {
		t.Errorf("a change is prepared still: %v", list)
	}
	c.settled()
	c.wantOnlyThere(b, map[string]string{n.Key: "newer"})
}
