package fs_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// couple is an owner and a copy on file systems that can lose their process.
type couple struct {
	rng         *rand.Rand
	owner, copy *side
	disks       map[*side]*faultfs.FS
	mountpaths  map[*side][]string
	known       map[string][]byte   // what is acknowledged; nil for a removal
	unsure      map[string][][]byte // what may be there instead
	kills       int                 // a process is killed after one of so many changes
}

func (c *couple) config(p *side) fs.Config {
	config := memConfig(c.disks[p])
	config.Mountpaths = c.mountpaths[p]
	return config
}

// kill ends the process of a side, and perhaps the power, and starts it again.
func (c *couple) kill(t *testing.T, p *side) {
	t.Helper()
	percent := []int{0, 50, 100}[c.rng.IntN(3)]
	f := c.disks[p].AfterPowerLoss(percent, c.rng.Uint64())
	p.store.Load().Close()
	c.disks[p] = f
	p.open(t, c.config(p))
	if p == c.owner {
		c.owner.settle(t)
	}
}

var errLost = object.E("send", "", object.Unavailable, nil)

// sometimes fails in one of n cases.
func (c *couple) sometimes(n int) func() error {
	return func() error {
		if c.rng.IntN(n) == 0 {
			return errLost
		}
		return nil
	}
}

// change makes one change at the owner.
func (c *couple) change(t *testing.T, i int) {
	t.Helper()
	s := c.owner.store.Load()
	key := fmt.Sprint("k", c.rng.IntN(6))
	versioning := []object.Versioning{object.Unversioned, object.Versioned, object.Suspended}[c.rng.IntN(3)]
	data := content([]int{10, 700, 5_000, 40_000}[c.rng.IntN(4)], uint64(i))
	var err error
	switch c.rng.IntN(10) {
	default:
		_, err = putVersion(s, name(key), data, versioning, object.Power)
	case 0, 1:
		data = nil
		_, err = s.Remove(name(key), "", fs.Terms{Versioning: versioning}, object.Power)
	case 2:
		data = nil
		_, errs := s.RemoveMany([]fs.Removal{{Name: name(key)}}, fs.Terms{Versioning: versioning}, object.Power)
		err = errs[0]
	case 3:
		from := fmt.Sprint("k", c.rng.IntN(6))
		if len(c.unsure[from]) > 0 {
			return
		}
		data = c.known[from]
		_, err = s.Copy(name(from), "", name(key), object.Meta{ETag: "e"}, nil, fs.Terms{Versioning: versioning}, object.Power)
		if data == nil {
			if object.KindOf(err) != object.NotFound {
				t.Fatalf("a copy of nothing: %v", err)
			}
			return
		}
	case 4:
		id := fmt.Sprint("u", i)
		listed, uerr := upload(s, name(key), id, object.Power, data, small)
		if uerr != nil {
			return // in part
		}
		data = join(data, small)
		_, err = s.Publish(name(key), id, listed, 0, finish, fs.Terms{Versioning: versioning}, object.Power)
	}
	switch {
	case err == nil, object.KindOf(err) == object.NotFound:
		c.known[key] = data
		delete(c.unsure, key)
	case object.KindOf(err) == object.Unavailable:
		c.unsure[key] = append(c.unsure[key], data)
	default:
		t.Fatalf("%s: %v (%s)", key, err, states(s))
	}
}

// look checks that the owner has what was acknowledged.
func (c *couple) look(t *testing.T, s *fs.Store) {
	t.Helper()
	for key, want := range c.known {
		got, _, err := get(s, name(key))
		if err != nil && object.KindOf(err) != object.NotFound {
			t.Fatal(key, err)
		}
		fits := false
		for _, want := range append(c.unsure[key], want) {
			fits = fits || (want == nil) == (err != nil) && string(got) == string(want)
		}
		if !fits {
			t.Fatalf("%s: %d bytes, want %d or one of %d others: %v", key, len(got), len(want), len(c.unsure[key]), err)
		}
	}
}

// TestModelOfCopies makes changes while sending them fails before and after the copy
// has them, and either side loses its process or its power; then the other side takes
// over, and the first one catches up. After each round both have the same, and all
// that was acknowledged.
func TestModelOfCopies(t *testing.T) {
	const rounds, steps = 4, 60
	c := newCouple(t)
	for round := range rounds {
		c.round(t, round, steps)
		c.takeOver(t, uint64(round+2))
	}
}

// newCouple makes an owner and a copy.
func newCouple(t *testing.T) *couple {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	c := &couple{rng: rand.New(rand.NewPCG(seed, 1)), known: map[string][]byte{}, unsure: map[string][][]byte{}, kills: 20}
	c.owner, c.copy = joined()
	c.mountpaths = map[*side][]string{c.owner: {"/o1", "/o2", "/o3"}, c.copy: {"/r1", "/r2"}}
	c.disks = map[*side]*faultfs.FS{c.owner: faultfs.New(), c.copy: faultfs.New()}
	for _, p := range []*side{c.owner, c.copy} {
		p.open(t, c.config(p))
		p.streams = true
	}
	return c
}

// round makes changes, and looks at what has come of them.
func (c *couple) round(t *testing.T, round, steps int) {
	t.Helper()
	c.steps(t, round*steps, steps)
	wantCopy(t, c.owner.store.Load(), c.copy.store.Load())
	c.reshape(t)
	for _, p := range []*side{c.owner, c.copy} {
		s := p.store.Load()
		sweep(t, s)
		for n := range estates(t, s) {
			wantWhole(t, s, n)
		}
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
}

// steps makes changes while messages and processes are lost, and settles all.
func (c *couple) steps(t *testing.T, first, count int) {
	t.Helper()
	c.owner.refuse, c.owner.lose, c.owner.after = c.sometimes(12), c.sometimes(12), c.sometimes(12)
	for i := range count {
		c.change(t, first+i)
		c.owner.settles = c.rng.IntN(2) == 0
		if c.rng.IntN(c.kills) == 0 {
			c.kill(t, []*side{c.owner, c.copy}[c.rng.IntN(2)])
		}
		if c.rng.IntN(20) == 0 {
			c.owner.settle(t)
		}
	}
	c.owner.refuse, c.owner.lose, c.owner.after = nil, nil, nil
	c.look(t, c.owner.store.Load())
	c.owner.settle(t)
}

// reshape moves the copy's names between its mountpaths, some of them in doubt.
func (c *couple) reshape(t *testing.T) {
	t.Helper()
	c.owner.settles = false
	for i := range 4 {
		c.change(t, 1_000_000+i)
	}
	s := c.copy.store.Load()
	if err := s.Disable(c.mountpaths[c.copy][1], false); err != nil {
		t.Fatal(err)
	}
	if err := s.Resilver(context.Background(), &fs.Progress{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Enable(c.mountpaths[c.copy][1]); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		c.change(t, 2_000_000+i)
	}
	if err := s.Resilver(context.Background(), &fs.Progress{}); err != nil {
		t.Fatal(err)
	}
	c.owner.settle(t)
	wantCopy(t, c.owner.store.Load(), s)
}

// takeOver makes the copy the owner while changes are in doubt, and has the other side
// catch up.
func (c *couple) takeOver(t *testing.T, term uint64) {
	t.Helper()
	c.owner.settles = false
	c.owner.lose = c.sometimes(3)
	for i := range 10 {
		c.change(t, 3_000_000+i)
	}
	c.owner.lose = nil
	c.owner.owner.Store(false)
	old, next := c.owner, c.copy
	next.owner.Store(true)
	next.term.Store(term)
	s := next.store.Load()
	for _, d := range s.InDoubt() { // all is committed: any of it may be acknowledged
		if err := s.Settle(d.Name, d.Stamp, true); err != nil {
			t.Fatal(err)
		}
	}
	c.owner, c.copy = next, old
	c.look(t, s)
	next.settles = true
	for n := range estates(t, s) {
		if err := s.Touch(n, object.Power); err != nil {
			t.Fatal(err)
		}
	}
	wantCopy(t, s, old.store.Load())
}

// wantWhole reads all versions of a name.
func wantWhole(t *testing.T, s *fs.Store, n object.Name) {
	t.Helper()
	e, err := s.Estate(n)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range e.Blobs {
		r, size, err := s.OpenBlob(n, b.ID)
		if err != nil || size < b.Size {
			t.Fatal(n.Key, b, size, err)
		}
		if err := errors.Join(r.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
