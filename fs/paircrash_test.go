package fs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// copyOperation is what is done at a copy.
type copyOperation struct {
	name      string
	setup, do func(s *fs.Store) error
	lax       bool // once acknowledged it may be lost with the power, and is in doubt again
	lazy      bool // the same, with the process
}

// script is what an owner has sent, and what fetches the blobs of it.
type script struct {
	changes []*fs.Change // one after the other: large, part1, a removal, of the name "k"
	givenUp *fs.Change   // instead of the second
	estates []*fs.Estate // after each
	blobs   map[string][]byte
}

func (w *script) fetch(b fs.Blob) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(w.blobs[b.ID])), nil
}

// written runs an owner.
func written(t *testing.T) *script {
	t.Helper()
	w := &script{blobs: map[string][]byte{}}
	a, b := pair(t)
	owner := a.store.Load()
	note := func(change func(d object.Durability) error) {
		t.Helper()
		a.settles = false
		if err := change(object.Power); err != nil {
			t.Fatal(err)
		}
		all, err := b.store.Load().Prepared(name("k"))
		if err != nil || len(all) == 0 {
			t.Fatal(all, err)
		}
		a.settle(t)
		e, err := owner.Estate(name("k"))
		if err != nil {
			t.Fatal(err)
		}
		w.changes, w.estates = append(w.changes, all[len(all)-1]), append(w.estates, e)
		w.keep(t, owner, all[len(all)-1])
	}
	note(func(d object.Durability) error { return putOp("k", large)(owner, d) })
	a.refuse = func() error { return errLost }
	a.lost = func(c *fs.Change) {
		w.givenUp = c
		w.keep(t, owner, c)
	}
	_ = putOp("k", part2)(owner, object.Power)
	a.refuse = nil
	note(func(d object.Durability) error { return putOp("k", part1)(owner, d) })
	note(func(object.Durability) error { return removeOp("", object.Unversioned)(owner, object.Power) })
	return w
}

func (w *script) keep(t *testing.T, s *fs.Store, c *fs.Change) {
	t.Helper()
	for _, b := range c.Blobs {
		r, size, err := s.OpenBlob(c.Name, b.ID)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil || int64(len(data)) != size {
			t.Fatal(len(data), size, err)
		}
		w.blobs[b.ID] = data
	}
}

func (w *script) prepare(changes ...*fs.Change) func(*fs.Store) error {
	return func(s *fs.Store) error {
		for _, c := range changes {
			if err := s.Prepare(c, w.fetch); err != nil {
				return err
			}
		}
		return nil
	}
}

func (w *script) settle(c *fs.Change, commit bool) func(*fs.Store) error {
	return func(s *fs.Store) error { return s.Settle(c.Name, c.Stamp, commit) }
}

func (w *script) settleMany(c *fs.Change) func(*fs.Store) error {
	return func(s *fs.Store) error {
		return errors.Join(s.SettleMany([]fs.Settlement{{Name: c.Name, Stamp: c.Stamp, Commit: true}})...)
	}
}

func (w *script) adopt(e *fs.Estate) func(*fs.Store) error {
	return func(s *fs.Store) error { return s.Adopt(e, w.fetch) }
}

// stage sends the blobs before the change.
func (w *script) stage(c *fs.Change) func(*fs.Store) error {
	return func(s *fs.Store) error {
		for _, b := range c.Blobs {
			to, err := s.Stage(c.Name, b.ID, b.Size, object.Power)
			if object.KindOf(err) == object.Exists && err != nil {
				continue
			}
			if err != nil {
				return err
			}
			_, err = to.Write(w.blobs[b.ID])
			if err == nil {
				err = to.Close()
			}
			to.Abort()
			if err != nil {
				return err
			}
		}
		return w.prepare(c)(s)
	}
}

func (w *script) operations() []copyOperation {
	none := func(*fs.Store) error { return nil }
	one, two, three := w.changes[0], w.changes[1], w.changes[2]
	release := func(s *fs.Store) error { return s.Release(name("k")) }
	return []copyOperation{
		{"prepare", none, w.prepare(one), false, false},
		{"stage", none, w.stage(one), false, false},
		{"prepare another", w.prepare(one), w.prepare(two), false, false},
		{"prepare in place of one", seqMount(w.prepare(one), w.prepare(w.givenUp)), w.prepare(two), false, false},
		{"commit", w.prepare(one), w.settle(one, true), true, false},
		{"commit three", w.prepare(one, two, three), w.settle(three, true), true, false},
		{"commit among others", w.prepare(one), w.settleMany(one), true, true},
		{"drop", w.prepare(one, two), w.settle(one, false), true, false},
		{"adopt", none, w.adopt(w.estates[0]), false, false},
		{"adopt over", w.adopt(w.estates[0]), w.adopt(w.estates[1]), false, false},
		{"adopt over what is prepared", seqMount(w.adopt(w.estates[0]), w.prepare(two)), w.adopt(w.estates[2]), false, false},
		{"release", w.adopt(w.estates[0]), release, false, false},
		{"adopt what was released", seqMount(w.adopt(w.estates[0]), release), w.adopt(w.estates[1]), false, false},
	}
}

// picture is all that can be seen of a store's names, and how many blobs that takes.
func picture(t *testing.T, s *fs.Store) (string, int) {
	t.Helper()
	var out strings.Builder
	used := map[string]bool{}
	all := estates(t, s)
	for _, n := range slices.SortedFunc(maps.Keys(all), func(a, b object.Name) int { return strings.Compare(a.Key, b.Key) }) {
		fmt.Fprintf(&out, "%v %q\n", n, all[n])
		e, err := s.Estate(n)
		if err != nil {
			t.Fatal(err)
		}
		chain, err := s.Prepared(n)
		if err != nil {
			t.Fatal(err)
		}
		blobs := e.Blobs
		for _, c := range chain {
			fmt.Fprintf(&out, "prepared %q\n", fs.EncodeChange(c))
			blobs = append(blobs, c.Blobs...)
		}
		for _, b := range blobs {
			used[b.ID] = true
			r, _, err := s.OpenBlob(n, b.ID)
			if err != nil {
				t.Fatal(b, err)
			}
			r.Close()
		}
	}
	objects, size, err := s.Count(7)
	fmt.Fprintf(&out, "%d objects, %d bytes, %v", objects, size, err)
	return out.String(), len(used)
}

// wantPicture checks that a store is as before or as after, that a sweep leaves no blob
// too many, and that the operation can be done again.
func wantPicture(t *testing.T, s *fs.Store, c fs.Config, op copyOperation, before, after string, acknowledged bool) {
	t.Helper()
	got, used := picture(t, s)
	if got != after && (acknowledged || got != before) {
		t.Fatalf("acknowledged: %v, but\n%s\nwas\n%s\nwant\n%s", acknowledged, got, before, after)
	}
	sweep(t, s)
	if n := blobs(t, c.OS, c); n != used {
		t.Fatalf("%d blobs after the sweep, want %d", n, used)
	}
	if err := op.do(s); err != nil {
		t.Fatal("again:", err)
	}
	if got, _ := picture(t, s); got != after {
		t.Fatalf("again:\n%s\nwant\n%s", got, after)
	}
}

// pictured returns the file system of a closed store in the state before, and what can
// be seen then and after the operation.
func pictured(t *testing.T, op copyOperation) (base *faultfs.FS, before, after string) {
	t.Helper()
	base = faultfs.New()
	s := open(t, copyConfig(base))
	if err := op.setup(s); err != nil {
		t.Fatal(err)
	}
	before, _ = picture(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, copyConfig(base.AfterKill()))
	defer s.Close()
	if err := op.do(s); err != nil {
		t.Fatal(err)
	}
	after, _ = picture(t, s)
	if before == after {
		t.Fatal("the operation does nothing")
	}
	return base, before, after
}

func copyConfig(o fs.OS) fs.Config {
	c := crashConfig(o)
	c.Copying = (&side{}).copying()
	return c
}

// turns reports whether the nth call of the ith operation gets a fault, and with which
// share of what was not synced.
func turns(i, n int) (percents []int) {
	switch {
	case *everyCall:
		return []int{0, 50, 100}
	case (n+i)%3 == 0:
		return []int{50 * ((n + i) / 3 % 3)}
	}
	return nil
}

// TestCopyPowerLoss cuts the power at each changing call of what is done at a copy.
func TestCopyPowerLoss(t *testing.T) {
	w := written(t)
	for i, op := range w.operations() {
		t.Run(strings.ReplaceAll(op.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			base, before, after := pictured(t, op)
			for n, hit := 1, true; hit; n++ {
				percents := turns(i, n)
				f := base.AfterKill()
				s := open(t, copyConfig(f))
				f.CutPower(n)
				err := op.do(s)
				var trace []string
				hit, trace = f.Disarm()
				for _, percent := range percents {
					c := copyConfig(f.AfterPowerLoss(percent, uint64(n)))
					survivor := open(t, c)
					t.Logf("call %d of %q, %d %%, %v", n, trace, percent, err)
					wantPicture(t, survivor, c, op, before, after, err == nil && !op.lazy && (!op.lax || percent == 100))
					survivor.Close()
				}
				s.Close()
			}
		})
	}
}

// TestCopyFailingCalls lets each of those calls fail once.
func TestCopyFailingCalls(t *testing.T) {
	w := written(t)
	for i, op := range w.operations() {
		t.Run(strings.ReplaceAll(op.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			base, before, after := pictured(t, op)
			for n, hit := 1, true; hit; n++ {
				f := base.AfterKill()
				c := copyConfig(f)
				s := open(t, c)
				f.Fail(n, "", errInjected, false)
				err := op.do(s)
				var trace []string
				hit, trace = f.Disarm()
				if turns(i+1, n) != nil {
					t.Logf("call %d of %q: %v", n, trace, err)
					waitHealthy(t, s)
					if got, _ := picture(t, s); got != after && (err == nil || got != before) {
						t.Fatalf("acknowledged: %v, but\n%s\nwas\n%s\nwant\n%s", err == nil, got, before, after)
					}
					s.Close()
					s = open(t, c)
					wantPicture(t, s, c, op, before, after, err == nil)
				}
				s.Close()
			}
		})
	}
}

// TestCommitGoesWithTheNext cuts the power after a commit among others, and after the
// change that follows it, which is durable: the commit is then, too.
func TestCommitGoesWithTheNext(t *testing.T) {
	w := written(t)
	one, two := w.changes[0], w.changes[1]
	f := faultfs.New()
	s := open(t, copyConfig(f))
	defer s.Close()
	for _, do := range []func(*fs.Store) error{w.prepare(one), w.settleMany(one)} {
		if err := do(s); err != nil {
			t.Fatal(err)
		}
	}
	lost := open(t, copyConfig(f.AfterPowerLoss(0, 1)))
	defer lost.Close()
	if doubts := lost.InDoubt(); len(doubts) != 1 || doubts[0].Stamp != one.Stamp {
		t.Errorf("after the commit %v is in doubt", doubts)
	}
	if err := w.prepare(two)(s); err != nil {
		t.Fatal(err)
	}
	lost = open(t, copyConfig(f.AfterPowerLoss(0, 1)))
	defer lost.Close()
	if now, err := lost.Stamp(name("k")); err != nil || now != one.Stamp {
		t.Error(now, err)
	}
	if doubts := lost.InDoubt(); len(doubts) != 1 || doubts[0].Stamp != two.Stamp {
		t.Errorf("after the next change %v is in doubt", doubts)
	}
}

// TestOwnerPowerLoss cuts the power of an owner at each changing call of a change that
// it sends: after it is back and has settled, both have the same, old or new.
func TestOwnerPowerLoss(t *testing.T) {
	for i, op := range operations() {
		if i%4 != 0 && !*everyCall {
			continue
		}
		t.Run(strings.ReplaceAll(op.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			for n, hit := 1, true; hit; n++ {
				if hit = cutOwnerAt(t, op, n, nil); !hit {
					break
				}
				for _, percent := range turns(i, n) {
					cutOwnerAt(t, op, n, &percent)
				}
			}
		})
	}
}

// cutOwnerAt is one run, which keeps percent of what was not synced, and reports
// whether there was such a call; without percent that is all.
func cutOwnerAt(t *testing.T, op operation, n int, percent *int) (hit bool) {
	t.Helper()
	a, b := joined()
	f := faultfs.New()
	a.streams = true
	owner, replica := a.open(t, crashConfig(f)), b.open(t, crashConfig(faultfs.New()))
	defer replica.Close()
	defer owner.Close()
	if err := op.setup(owner, object.Power); err != nil {
		t.Fatal(err)
	}
	f.CutPower(n)
	err := op.do(owner, object.Power)
	hit, trace := f.Disarm()
	if percent == nil {
		return hit
	}
	t.Logf("call %d of %q, %d %%: %v", n, trace, *percent, err)
	c := crashConfig(f.AfterPowerLoss(*percent, uint64(n)))
	survivor := a.open(t, c)
	defer survivor.Close()
	a.settle(t)
	wantCopy(t, survivor, replica)
	if op.name == "remove all versions" { // each by itself, where they are sent
		return hit
	}
	wantEither(t, survivor, c, op, err == nil)
	return hit
}
