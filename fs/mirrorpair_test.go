package fs_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"ais/fs"
	"ais/fs/faultfs"
)

// mirror has both sides of a couple keep so many copies of each name.
func (c *couple) mirror(t *testing.T, copies int) {
	t.Helper()
	for _, p := range []*side{c.owner, c.copy} {
		s := p.store.Load()
		if err := s.SetCopies(7, copies); err != nil {
			t.Fatal(err)
		}
		wantMirrored(t, s, copies)
	}
}

// lose takes disks away from a side, one after the other, and brings them back. In
// between, changes go on.
func (c *couple) lose(t *testing.T, p *side, copies, first int) {
	t.Helper()
	all := slices.Clone(c.mountpaths[p])
	c.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	lost := all[:copies-1]
	for i, dir := range lost {
		renameForGood(t, c.disks[p], dir, fmt.Sprint("/away", i))
		_ = p.store.Load().CheckMountpath(dir)
		waitFor(t, func() bool { return slices.Contains(p.store.Load().OutOfService(), dir) })
		c.steps(t, first+i*1000, 20)
		wantCopy(t, c.owner.store.Load(), c.copy.store.Load())
	}
	for i, dir := range lost {
		renameForGood(t, c.disks[p], fmt.Sprint("/away", i), dir)
	}
	for _, p := range []*side{c.owner, c.copy} {
		waitHealthy(t, p.store.Load())
		wantMirrored(t, p.store.Load(), copies)
	}
	wantCopy(t, c.owner.store.Load(), c.copy.store.Load())
}

// renameForGood renames a folder below the root so that no loss of power undoes it.
func renameForGood(t *testing.T, f *faultfs.FS, from, to string) {
	t.Helper()
	if err := f.Rename("test.rename", from, to); err != nil {
		t.Fatal(err)
	}
	root, err := f.OpenFile("test.open", "/", os.O_RDONLY, 0)
	if err == nil {
		err = errors.Join(root.Sync(), root.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestModelOfMirroredCopies is TestModelOfCopies where either side keeps its names on
// several disks, and loses all but one of those.
func TestModelOfMirroredCopies(t *testing.T) {
	for _, copies := range []int{2, 3} {
		t.Run(fmt.Sprint(copies), func(t *testing.T) {
			t.Parallel()
			c := newCouple(t)
			c.kills = 60
			for p, dirs := range c.mountpaths {
				if len(dirs) < 3 {
					c.mountpaths[p] = append(dirs, "/r3")
					p.store.Load().Close()
					c.disks[p] = faultfs.New()
					p.open(t, c.config(p))
				}
			}
			c.mirror(t, copies)
			for round := range 3 {
				c.steps(t, round*10_000, 30)
				wantCopy(t, c.owner.store.Load(), c.copy.store.Load())
				c.lose(t, []*side{c.owner, c.copy}[round%2], copies, round*10_000+100)
				for _, p := range []*side{c.owner, c.copy} {
					sweep(t, p.store.Load())
					for n := range estates(t, p.store.Load()) {
						wantWhole(t, p.store.Load(), n)
					}
				}
				if t.Failed() {
					t.Fatalf("in round %d", round)
				}
				c.takeOver(t, uint64(round+2))
			}
		})
	}
}

// TestMirroredCopyPowerLoss cuts the power at calls of what is done at a copy that has
// mirrors, and then one of the disks is gone: all is as before or as after, by what
// either disk has.
func TestMirroredCopyPowerLoss(t *testing.T) {
	w := written(t)
	config := func(o fs.OS) fs.Config {
		c := copyConfig(o)
		c.Mountpaths = []string{"/m1", "/m2"}
		return c
	}
	for i, op := range w.operations() {
		t.Run(strings.ReplaceAll(op.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			base := faultfs.New()
			s := mirroredStore(t, config(base), 2)
			if err := op.setup(s); err != nil {
				t.Fatal(err)
			}
			before, _ := picture(t, s)
			s.Close()
			s = open(t, config(base.AfterKill()))
			if err := op.do(s); err != nil {
				t.Fatal(err)
			}
			after, _ := picture(t, s)
			s.Close()
			for n, hit := 1, true; hit; n++ {
				f := base.AfterKill()
				s := open(t, config(f))
				f.CutPower(n)
				err := op.do(s)
				var trace []string
				hit, trace = f.Disarm()
				for _, percent := range turns(i, n) {
					for k, lost := range []string{"/m1", "/m2", ""} {
						if !*everyCall && k != n%3 {
							continue
						}
						t.Logf("call %d of %q, %d %%, without %q: %v", n, trace, percent, lost, err)
						survivor := f.AfterPowerLoss(percent, uint64(n)).AfterKill() // a copy of its own
						wantMirroredPicture(t, config(survivor), survivor, lost, before, after, err == nil && (!op.lax || percent == 100))
					}
				}
				s.Close()
			}
		})
	}
}

// wantMirroredPicture checks that a store is as before or as after with a disk lost, and
// the same once it is back.
func wantMirroredPicture(t *testing.T, c fs.Config, f *faultfs.FS, lost, before, after string, acknowledged bool) {
	t.Helper()
	if lost != "" {
		if err := f.Rename("test.rename", lost, "/away"); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, c)
	defer s.Close()
	got, _ := picture(t, s)
	if got != after && (acknowledged || got != before) {
		t.Fatalf("acknowledged: %v, but\n%s\nwas\n%s\nwant\n%s", acknowledged, got, before, after)
	}
	if lost != "" {
		if err := f.Rename("test.rename", "/away", lost); err != nil {
			t.Fatal(err)
		}
		waitHealthy(t, s)
	}
	wantMirrored(t, s, 2)
	if now, _ := picture(t, s); now != got {
		t.Fatalf("with the disk again it is\n%s\nwas\n%s", now, got)
	}
}
