package replica

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"ais/cluster/peer"
	"ais/fs"
	"ais/object"
)

// TestCopies: what is acknowledged is on every copy, whatever its size, and each copy
// answers reads; a target that has none refuses.
func TestCopies(t *testing.T) {
	c := start(t, 3, 2)
	large := strings.Repeat("0123456789abcdef", 200<<10/16)
	for key, content := range map[string]string{"small": "hello there", "empty": "", "large": large} {
		copies := c.copies(key)
		if err := copies[0].put(key, []byte(content)); err != nil {
			t.Fatal(err)
		}
		state, err := copies[0].store.Stamp(c.name(key))
		if err != nil || state.IsZero() {
			t.Fatalf("stamp %v, %v", state, err)
		}
		copies[1].has(key, content)
		if other, err := copies[1].store.Stamp(c.name(key)); err != nil || other != state {
			t.Errorf("%s: the copy has stamp %v, %v; the owner %v", key, other, err, state)
		}
		if err := copies[1].put(key, nil); !errors.Is(err, ErrElsewhere) {
			t.Errorf("a copy that is not the owner takes a change: %v", err)
		}
		for _, n := range c.targets {
			if n == copies[0] || n == copies[1] {
				continue
			}
			if _, err := n.get(key); !errors.Is(err, ErrElsewhere) {
				t.Errorf("a target without a copy answers a read: %v", err)
			}
		}
		if copies[0].keeper.Lists(c.name(key)) == copies[1].keeper.Lists(c.name(key)) {
			t.Errorf("%s is listed by both or by none", key)
		}
	}
	staleSender(t, c)
	lostSettlement(t, c)
	fencedOwner(t, c)
}

// staleSender: a target refuses a change by one that is not the acting owner.
func staleSender(t *testing.T, c *nodes) {
	copies := c.copies("small")
	if err := copies[0].put("small", []byte("once more")); err != nil {
		t.Fatal(err)
	}
	m, err := decodePrepare(*copies[1].prepare.Load())
	if err != nil {
		t.Fatal(err)
	}
	m.sender, m.settle = "somebody", nil
	answer, _, err := copies[1].keeper.Serve(peer.PathPrepare, bytes.Join(m.encode(), nil))
	if err != nil {
		t.Fatal(err)
	}
	if a, err := decodeVerdict(answer); err != nil || a.verdict != stale {
		t.Errorf("a change by somebody who is not the owner: %+v, %v", a, err)
	}
}

// lostSettlement: a copy that never hears what came of a change asks, and does not
// answer reads before.
func lostSettlement(t *testing.T, c *nodes) {
	copies := c.copies("doubt")
	settle := peer.PathSettle
	copies[1].drop.Store(&settle)
	defer copies[1].drop.Store(nil)
	if err := copies[0].put("doubt", []byte("one")); err != nil {
		t.Fatal(err)
	}
	if _, err := copies[1].get("doubt"); !errors.Is(err, ErrElsewhere) {
		t.Errorf("a copy answers while a change is prepared: %v", err)
	}
	copies[1].has("doubt", "one")
}

// fencedOwner: an owner whose lease ended while it applied a change does not
// acknowledge it.
func fencedOwner(t *testing.T, c *nodes) {
	copies := c.copies("fenced")
	owner := copies[0]
	c2 := &fs.Change{Name: c.name("fenced")}
	fl := owner.keeper.flights.begin(c2.Name, c2.Stamp, true)
	fl.tenure = -1
	if err := owner.keeper.sent(c2, nil); !errors.Is(err, errOutcome) {
		t.Errorf("a change under another lease: %v", err)
	}
}

// TestFlightsOfOneName: a change of an owner before, which was applied a moment ago, ends
// while the next change of the name is on its way: that is not forgotten.
func TestFlightsOfOneName(t *testing.T) {
	c := start(t, 2, 2)
	k := c.copies("key")[0].keeper
	next := &fs.Change{Name: c.name("key"), Stamp: fs.Stamp{Term: 2, Seq: 1}}
	before := k.flights.begin(next.Name, fs.Stamp{Term: 1, Seq: 1}, false)
	fl := k.flights.begin(next.Name, next.Stamp, true)
	fl.tenure, _ = k.members.Tenure()
	waited := make(chan error, 1)
	go func() { waited <- k.flights.barrier(t.Context()) }()
	k.flights.end(next.Name, before)
	if !k.flights.some(next.Name) {
		t.Error("no change is on its way any more")
	}
	select {
	case <-waited:
		t.Error("the change on its way is not waited for")
	case <-time.After(100 * time.Millisecond):
	}
	if err := k.sent(next, nil); err != nil {
		t.Error(err)
	}
	if err := <-waited; err != nil || k.flights.some(next.Name) {
		t.Error("the change is still on its way", err)
	}
}

// TestTakeOver: the owner dies, at whatever point of a change; the others go on with
// all that was acknowledged, and it catches up when it is back.
func TestTakeOver(t *testing.T) {
	c := start(t, 3, 2)
	large := bytes.Repeat([]byte("x"), 300<<10)
	copies := c.copies("key")
	owner, other := copies[0], copies[1]
	if err := owner.put("key", []byte("first")); err != nil {
		t.Fatal(err)
	}
	settle := peer.PathSettle
	other.drop.Store(&settle)
	for key, content := range map[string][]byte{"key": []byte("second"), "big": large} {
		if err := c.copies(key)[0].put(key, content); err != nil {
			t.Fatal(err)
		}
	}
	owner.kill()
	other.drop.Store(nil)
	c.inSync(owner, false)
	if got := c.copies("key")[0]; got != owner {
		t.Fatal("the order has changed")
	}
	other.has("key", "second") // it commits what it has prepared
	if err := other.put("key", []byte("third")); err != nil {
		t.Fatal(err)
	}
	if err := other.put("new", []byte("n")); err != nil && !errors.Is(err, ErrElsewhere) {
		t.Fatal(err)
	}
	owner.open()
	c.inSync(owner, true)
	owner.has("key", "third")
	if err := owner.put("key", []byte("fourth")); err != nil {
		t.Fatal(err)
	}
	other.has("key", "fourth")
	c.copies("big")[1].has("big", string(large))
	deadCopy(t, c)
	otherDisk(t, c)
}

// deadCopy: a change waits for a copy that died until the cluster goes on without it.
func deadCopy(t *testing.T, c *nodes) {
	copies := c.copies("wait")
	copies[1].kill()
	if err := copies[0].put("wait", []byte("one")); err != nil {
		t.Fatal(err)
	}
	if _, err := copies[0].store.Remove(c.name("key"), "", fs.Terms{}, object.Process); err != nil && !errors.Is(err, ErrElsewhere) {
		t.Fatal(err)
	}
	copies[1].open()
	c.inSync(copies[1], true)
	copies[1].has("wait", "one")
}

// otherDisk: a target that comes back with an empty disk gets all of its names.
func otherDisk(t *testing.T, c *nodes) {
	copies := c.copies("wait")
	copies[1].kill()
	copies[1].dir = t.TempDir()
	copies[1].open()
	c.inSync(copies[1], true)
	copies[1].has("wait", "one")
}

// TestUploads: an upload survives the loss of the target that it began at.
func TestUploads(t *testing.T) {
	c := start(t, 3, 2)
	copies := c.copies("upload")
	n := c.name("upload")
	if err := copies[0].store.Begin(object.Upload{ID: "id", Name: n}, object.Process); err != nil {
		t.Fatal(err)
	}
	part := func(at *node, number int, content string) object.Listed {
		w, err := at.store.CreatePart(n, "id", number, fs.WriteOptions{Size: int64(len(content)), Durability: object.Process, Checksum: object.XXHash})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Abort()
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
		p, err := w.CommitPart(object.Part{ETag: content})
		if err != nil {
			t.Fatal(err)
		}
		return object.Listed{Number: number, ETag: p.ETag}
	}
	listed := []object.Listed{part(copies[0], 1, "one")}
	copies[0].kill()
	c.inSync(copies[0], false)
	listed = append(listed, part(copies[1], 2, "two"))
	finish := func([]object.Part, object.Upload) (object.Meta, error) { return object.Meta{ETag: "e"}, nil }
	if _, err := copies[1].store.Publish(n, "id", listed, 0, finish, fs.Terms{}, object.Process); err != nil {
		t.Fatal(err)
	}
	copies[1].has("upload", "onetwo")
	copies[0].open()
	c.inSync(copies[0], true)
	copies[0].has("upload", "onetwo")
}
