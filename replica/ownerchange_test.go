package replica

import (
	"bytes"
	"errors"
	"net/http"
	"sync"
	"testing"

	"ais/cluster/peer"
)

// TestOwnerChange: a copy that becomes the owner while it prepares a change of the owner
// before it drops the change, and that owner does not acknowledge it.
func TestOwnerChange(t *testing.T) {
	c := start(t, 2, 2)
	copies := c.copies("key")
	owner, other := copies[0], copies[1]
	if err := owner.put("key", []byte("before")); err != nil {
		t.Fatal(err)
	}
	other.has("key", "before")
	stage, barrier := peer.PathStage, peer.PathBarrier
	other.drop.Store(&stage) // so the bytes are fetched while the change is prepared
	var once sync.Once
	change := func(path string) {
		if path != peer.PathBlob {
			return
		}
		once.Do(func() {
			other.drop.Store(&barrier) // and the owner of before stays behind
			if err := owner.members.MarkBehind(t.Context(), false); err != nil {
				t.Error(err)
			}
			c.agree()
		})
	}
	owner.before.Store(&change)
	err := owner.put("key", bytes.Repeat([]byte("x"), 300<<10))
	if !errors.Is(err, ErrElsewhere) {
		t.Errorf("a change whose copy became the owner: %v", err)
	}
	if other.store.Dirty(c.name("key")) {
		t.Error("the change stays prepared")
	}
	other.has("key", "before")
	other.drop.Store(nil)
	c.inSync(owner, true)
	owner.has("key", "before")
}

// TestOwnerChangeOfTwo: a copy that is in sync again, and so the owner, with two changes
// prepared, of which it has not heard that the first holds, goes on with both, though
// the owner before has applied them.
func TestOwnerChangeOfTwo(t *testing.T) {
	c := start(t, 2, 2)
	copies := c.copies("key")
	first, acting := copies[0], copies[1]
	lose := func(path string) { // so that it does not catch up, nor ask
		if path == peer.PathBarrier || path == peer.PathResolve {
			panic(http.ErrAbortHandler)
		}
	}
	acting.before.Store(&lose)
	settle := peer.PathSettle
	first.drop.Store(&settle)
	if err := first.members.MarkBehind(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	c.agree()
	for _, content := range []string{"one", "two"} {
		if err := acting.put("key", []byte(content)); err != nil {
			t.Fatal(err)
		}
		c.eventually("the settlement is lost", func() error {
			acting.keeper.links.mu.Lock()
			defer acting.keeper.links.mu.Unlock()
			l := acting.keeper.links.byID[first.id]
			l.mu.Lock()
			defer l.mu.Unlock()
			if len(l.queue) > 0 || l.sending {
				return errors.New("not yet")
			}
			return nil
		})
	}
	if changes, err := first.store.Prepared(c.name("key")); err != nil || len(changes) != 2 {
		t.Fatalf("%d changes are prepared, %v", len(changes), err)
	}
	if err := first.members.InSync(t.Context(), first.members.Self().Since); err != nil {
		t.Fatal(err)
	}
	c.agree()
	first.has("key", "two")
	if err := first.put("key", []byte("three")); err != nil {
		t.Fatal(err)
	}
	first.drop.Store(nil)
	acting.has("key", "three")
}
