package replica

import (
	"bytes"
	"errors"
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
