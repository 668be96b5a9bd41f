package fs_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// mirrorCrash is what one name may be after a fault.
type mirrorCrash struct {
	name         string
	do           func(s *fs.Store) error
	before, then []byte // nil for not there
}

func mirrorCrashes() []mirrorCrash {
	old, fresh := content(30_000, 1), content(50_000, 2)
	short := content(300, 3)
	write := func(data []byte) func(s *fs.Store) error {
		return func(s *fs.Store) error {
			_, err := tryPut(s, name("k"), data, object.Cond{}, object.Power)
			return err
		}
	}
	return []mirrorCrash{
		{"replaced", write(fresh), old, fresh},
		{"replaced, small", write(short), old, short},
		{"removed", func(s *fs.Store) error {
			_, err := s.Remove(name("k"), "", fs.Terms{}, object.Power)
			return err
		}, old, nil},
		{"uploaded", func(s *fs.Store) error {
			listed, err := upload(s, name("k"), "u", object.Power, fresh[:20_000], fresh[20_000:])
			if err == nil {
				_, err = publish(s, name("k"), "u", listed, object.Power)
			}
			return err
		}, old, fresh},
	}
}

// is reports what the name is: the content, nil for not there.
func (m mirrorCrash) is(s *fs.Store) ([]byte, error) {
	got, _, err := get(s, name("k"))
	if errors.Is(err, object.NotFound) {
		return nil, nil
	}
	return got, err
}

// TestMirrorCrash has the process killed, or the power cut, at each call of a change
// of a mirrored name, and then one disk or the other lost: the name is as it was or
// as it was to be, the same with each of the disks, and as it was to be where the
// change was acknowledged.
func TestMirrorCrash(t *testing.T) {
	for i, op := range mirrorCrashes() {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			base := faultfs.New()
			s := mirroredStore(t, mountConfig(base, 1), 2)
			put(t, s, name("k"), op.before)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			for _, n := range mirrorCalls(t, base, op, i) {
				f := base.AfterKill()
				s := open(t, mountConfig(f, 2))
				f.CutPower(n)
				acknowledged := op.do(s) == nil
				_, trace := f.Disarm()
				for _, percent := range percents(n) {
					for i, lost := range []string{"/m1", "/m2", ""} {
						if !*everyCall && i != n%3 {
							continue
						}
						after := f.AfterPowerLoss(percent, uint64(n)).AfterKill() // a copy of its own
						t.Logf("call %d %q of %d, %d %%, without %q", n, trace[min(n, len(trace))-1], len(trace), percent, lost)
						op.look(t, after, lost, acknowledged)
					}
				}
				s.Close()
			}
		})
	}
}

// mirrorCalls returns which calls of an operation get a fault: with -fs.every all,
// else the first of some labels.
func mirrorCalls(t *testing.T, base *faultfs.FS, op mirrorCrash, turn int) []int {
	t.Helper()
	f := base.AfterKill()
	s := open(t, mountConfig(f, 2))
	f.Fail(1<<30, "", errInjected, false)
	if err := op.do(s); err != nil {
		t.Fatal(err)
	}
	_, trace := f.Disarm()
	s.Close()
	if len(trace) < 4 {
		t.Fatalf("only %q was counted", trace)
	}
	out := []int{len(trace) + 1}
	calls := map[string][]int{}
	for i, label := range trace {
		calls[label] = append(calls[label], i+1)
	}
	for i, label := range slices.Sorted(maps.Keys(calls)) {
		switch of := calls[label]; {
		case *everyCall:
			out = append(out, of...)
		case (i+turn)%5 == 0:
			out = append(out, of[len(of)-1])
		}
	}
	slices.Sort(out)
	return out
}

// look checks what a crash has left, with a disk lost or none.
func (m mirrorCrash) look(t *testing.T, f *faultfs.FS, lost string, acknowledged bool) {
	t.Helper()
	if lost != "" {
		if err := f.Rename("test.rename", lost, "/away"); err != nil {
			t.Fatal(err)
		}
	}
	c := mountConfig(f, 3)
	s := open(t, c)
	defer s.Close()
	got, err := m.is(s)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, m.then) && (acknowledged || !bytes.Equal(got, m.before)) {
		t.Fatalf("%d bytes, which it never had", len(got))
	}
	again := content(2_000, 9)
	if lost != "" {
		put(t, s, name("k"), again)
		if err := f.Rename("test.rename", "/away", lost); err != nil {
			t.Fatal(err)
		}
		waitHealthy(t, s)
		got = again
	}
	wantMirrored(t, s, 2)
	if n, _, err := s.Count(7); err != nil || n > 1 || (n == 1) != (got != nil) {
		t.Fatal(n, err)
	}
	// What was found stays, whichever disk is lost next.
	for _, dir := range c.Mountpaths {
		if err := f.Rename("test.rename", dir, "/away"); err != nil {
			t.Fatal(err)
		}
		_ = s.CheckMountpath(dir)
		if now, err := m.is(s); err != nil || !bytes.Equal(now, got) {
			t.Fatal(fmt.Sprint("without ", dir, ": "), len(now), " bytes of ", len(got), err)
		}
		if err := f.Rename("test.rename", "/away", dir); err != nil {
			t.Fatal(err)
		}
		waitHealthy(t, s)
		wantMirrored(t, s, 2)
	}
}

// TestDamageIsRepaired flips a byte of an object at its home: reads give what is at
// the mirror, and the home is whole again afterwards.
func TestDamageIsRepaired(t *testing.T) {
	f := faultfs.New()
	c := memConfig(f)
	s := mirroredStore(t, c, 2)
	data := content(3<<20, 5)
	put(t, s, name("k"), data)
	meta, err := s.Stat(name("k"), "")
	if err != nil || len(meta.Mirrors) != 1 || meta.Mirrors[0] == meta.Mountpath {
		t.Fatal(meta.Mountpath, meta.Mirrors, err)
	}
	path := blobUnder(t, f, meta.Mountpath)
	if err := f.Flip(path, 1<<20+5); err != nil {
		t.Fatal(err)
	}
	wantContent(t, s, name("k"), data)
	waitFor(t, func() bool { return s.Repaired() == 1 })
	if err := f.Remove("test.remove", blobUnder(t, f, meta.Mirrors[0]+"/mirror")); err != nil {
		t.Fatal(err)
	}
	wantContent(t, s, name("k"), data)
	if err := f.Remove("test.remove", path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := get(s, name("k")); !errors.Is(err, object.Corrupt) {
		t.Fatal(err)
	}
}

// blobUnder returns the only blob of a mountpath.
func blobUnder(t *testing.T, f *faultfs.FS, dir string) (path string) {
	t.Helper()
	for i := range 256 {
		sub := fmt.Sprintf("%s/blobs/%02x", dir, i)
		names, err := f.List("test.list", sub)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			if path != "" {
				t.Fatal("two blobs")
			}
			path = sub + "/" + n
		}
	}
	return path
}
