package fs_test

import (
	"errors"
	"testing"

	"ais/fs"
	"ais/object"
)

// TestLate has a change that was given up arrive at a copy after the one that came in
// its place, which the owner has acknowledged by then: that one stays.
func TestLate(t *testing.T) {
	a, b := pair(t)
	owner, replica := a.store.Load(), b.store.Load()
	put(t, owner, name("k"), part1)
	a.settle(t)
	a.settles = false
	var late *fs.Change
	a.refuse = func() error { return object.E("send", "", object.Unavailable, nil) }
	a.lost = func(c *fs.Change) { late = c }
	if _, err := tryPut(owner, name("k"), small, object.Cond{}, object.Power); object.KindOf(err) != object.Unavailable {
		t.Fatal(err)
	}
	a.refuse = nil
	put(t, owner, name("k"), part1)
	if !replica.Dirty(name("k")) || late == nil {
		t.Fatal("nothing is prepared, or nothing was lost")
	}
	if err := replica.Prepare(late, b.fetch(name("k"))); !errors.Is(err, fs.ErrStale) {
		t.Fatalf("a late change: %v", err)
	}
	a.settle(t)
	wantCopy(t, owner, replica)
}
