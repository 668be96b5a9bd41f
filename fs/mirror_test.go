package fs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	store "ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// brokenDisk is a file system of which what is below some folders is broken.
type brokenDisk struct {
	store.OS
	broken atomic.Pointer[[]string]
}

func (b *brokenDisk) breakDown(dirs ...string) { b.broken.Store(&dirs) }

func (b *brokenDisk) err(name string) error {
	dirs := b.broken.Load()
	if dirs != nil && slices.ContainsFunc(*dirs, func(dir string) bool { return strings.HasPrefix(name, dir+"/") }) {
		return &fs.PathError{Op: "test", Path: name, Err: unix.EIO}
	}
	return nil
}

func (b *brokenDisk) OpenFile(op, name string, flag int, perm os.FileMode) (store.File, error) {
	if err := b.err(name); err != nil {
		return nil, err
	}
	f, err := b.OS.OpenFile(op, name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &brokenFile{f, b, name}, nil
}

func (b *brokenDisk) Remove(op, name string) error {
	return errors.Join(b.err(name), b.OS.Remove(op, name))
}

func (b *brokenDisk) Rename(op, from, to string) error {
	if err := b.err(from); err != nil {
		return err
	}
	return b.OS.Rename(op, from, to)
}

func (b *brokenDisk) Mkdir(op, name string, perm os.FileMode) error {
	if err := b.err(name); err != nil {
		return err
	}
	return b.OS.Mkdir(op, name, perm)
}

func (b *brokenDisk) List(op, dir string) ([]string, error) {
	if err := b.err(dir + "/"); err != nil {
		return nil, err
	}
	return b.OS.List(op, dir)
}

type brokenFile struct {
	store.File
	disk *brokenDisk
	name string
}

func (f *brokenFile) Read(p []byte) (int, error) {
	if err := f.disk.err(f.name); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

func (f *brokenFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.disk.err(f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *brokenFile) Write(p []byte) (int, error) {
	if err := f.disk.err(f.name); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *brokenFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.disk.err(f.name); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f *brokenFile) Sync() error {
	if err := f.disk.err(f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

// mirrored opens a store of n mountpaths whose bucket 7 is mirrored.
func mirroredStore(t *testing.T, c store.Config, copies int) *store.Store {
	t.Helper()
	s := open(t, c)
	if err := s.SetCopies(7, copies); err != nil {
		t.Fatal(err)
	}
	wantMirrored(t, s, copies)
	return s
}

func wantMirrored(t *testing.T, s *store.Store, want int) {
	t.Helper()
	waitFor(t, func() bool { // a mountpath may be coming back
		return s.Resilver(context.Background(), &store.Progress{}) == nil && !s.Unsettled()
	})
	if copies, complete := s.Copies(7); copies != want || !complete {
		t.Fatal(copies, complete)
	}
}

// client writes and reads keys of its own while disks fail. Its reads and lists
// never fail; its writes may, and are then repeated until they do not.
type client struct {
	id   int
	rng  *rand.Rand
	have map[string][]byte
	next uint64
}

func (c *client) step(s *store.Store) error {
	key := fmt.Sprintf("c%d/%02d", c.id, c.rng.IntN(15))
	switch c.rng.IntN(6) {
	case 0, 1:
		c.next++
		data := content([]int{10, 800, 3_000, 70_000}[c.rng.IntN(4)], c.next<<8|uint64(c.id))
		for try := 0; ; try++ {
			_, err := tryPut(s, name(key), data, object.Cond{}, object.Durability(c.rng.IntN(2)))
			if err == nil {
				c.have[key] = data
				return nil
			}
			if try == 2000 {
				return fmt.Errorf("writing %s: %w", key, err)
			}
			time.Sleep(time.Millisecond) // as a client does before it tries again
		}
	case 2:
		for try := 0; ; try++ {
			_, err := s.Remove(name(key), "", store.Terms{}, object.Power)
			if err == nil || errors.Is(err, object.NotFound) {
				if _, there := c.have[key]; there && err != nil && try == 0 {
					return fmt.Errorf("removing %s: %w", key, err)
				}
				delete(c.have, key)
				return nil
			}
			if try == 2000 {
				return err
			}
			time.Sleep(time.Millisecond)
		}
	case 3:
		return c.lists(s)
	}
	return c.reads(s, key)
}

func (c *client) reads(s *store.Store, key string) error {
	got, _, err := get(s, name(key))
	want, there := c.have[key]
	if there && (err != nil || !bytes.Equal(got, want)) || !there && !errors.Is(err, object.NotFound) {
		return fmt.Errorf("reading %s: %d bytes of %d, %w", key, len(got), len(want), err)
	}
	return nil
}

func (c *client) lists(s *store.Store) error {
	page, err := s.List(7, object.Query{Prefix: fmt.Sprintf("c%d/", c.id), Limit: 200})
	if err != nil {
		return err
	}
	var got, want []string
	for _, e := range page.Entries {
		got = append(got, e.Key)
	}
	for key := range c.have {
		want = append(want, key)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("listed %q, want %q", got, want)
	}
	return nil
}

func newClients(n int, seed uint64) []*client {
	out := make([]*client, n)
	for i := range out {
		out[i] = &client{id: i, rng: rand.New(rand.NewPCG(seed, uint64(i))), have: map[string][]byte{}}
	}
	return out
}

// wantAll checks every name, the listings and the count.
func wantAll(t *testing.T, s *store.Store, clients []*client) {
	t.Helper()
	total := 0
	for _, c := range clients {
		for key := range c.have {
			if err := c.reads(s, key); err != nil {
				t.Fatalf("%s: %v", states(s), err)
			}
		}
		if err := c.lists(s); err != nil {
			t.Fatalf("%s: %v", states(s), err)
		}
		total += len(c.have)
	}
	if n, _, err := s.Count(7); err == nil && int(n) != total {
		t.Fatalf("%s: counted %d of %d", states(s), n, total)
	}
}

// TestDeadDiskIsReplaced goes through what an administrator does: the dead disk is
// detached by force, before anybody has asked for a name on it, and another one is
// attached, under load.
func TestDeadDiskIsReplaced(t *testing.T) {
	disk := &brokenDisk{OS: faultfs.New()}
	s := mirroredStore(t, memConfig(disk), 2)
	clients := newClients(2, rand.Uint64())
	for _, w := range clients {
		for range 60 {
			if err := w.step(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	disk.breakDown("/m1")
	_ = s.CheckMountpath("/m1")
	waitFor(t, func() bool { return slices.Equal(s.OutOfService(), []string{"/m1"}) })
	if err := s.Detach("/m1", true); err != nil {
		t.Fatal(err)
	}
	wantAll(t, s, clients)
	var work sync.WaitGroup
	for _, w := range clients {
		work.Go(func() {
			for range 100 {
				if err := w.step(s); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	resilver(t, s)
	if err := s.Attach("/m3"); err != nil {
		t.Fatal(err)
	}
	resilver(t, s)
	work.Wait()
	wantMirrored(t, s, 2)
	wantStates(t, s, "/m2 ok, /m3 ok")
	wantAll(t, s, clients)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAttachedWhileTakenOver attaches disks, and takes one out, before the names of a lost
// disk were brought out of the shadows that have them: each is found all the time.
func TestAttachedWhileTakenOver(t *testing.T) {
	disk := &brokenDisk{OS: faultfs.New()}
	c := memConfig(disk)
	c.Mountpaths = []string{"/m1", "/m2", "/m3"}
	s := mirroredStore(t, c, 2)
	clients := newClients(2, rand.Uint64())
	for i := range 80 {
		key := fmt.Sprint("c0/still", i)
		clients[0].have[key] = small
		put(t, s, name(key), small)
	}
	goOn := func() {
		t.Helper()
		for _, w := range clients {
			for range 60 {
				if err := w.step(s); err != nil {
					t.Fatal(err)
				}
			}
		}
		wantAll(t, s, clients)
	}
	goOn()
	disk.breakDown("/m1")
	_ = s.CheckMountpath("/m1")
	waitFor(t, func() bool { return slices.Equal(s.OutOfService(), []string{"/m1"}) })
	for _, change := range []func() error{
		func() error { return s.Detach("/m1", true) },
		func() error { return s.Attach("/m4") },
		func() error { return s.Attach("/m5") },
		func() error { return s.Detach("/m4", false) },
		func() error { return s.Enable("/m4") },
		func() error { return s.Disable("/m2", false) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		wantAll(t, s, clients)
		goOn()
	}
	resilver(t, s)
	wantStates(t, s, "/m2 disabled, /m3 ok, /m4 ok, /m5 ok")
	wantMirrored(t, s, 2)
	goOn()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestDeadDisksAreReplaced takes out two dead disks, one after the other, and attaches
// others: nothing that has mirrors is lost, and without mirrors it is possible, too.
func TestDeadDisksAreReplaced(t *testing.T) {
	for _, copies := range []int{1, 3} {
		disk := &brokenDisk{OS: faultfs.New()}
		c := memConfig(disk)
		c.Mountpaths = []string{"/m1", "/m2", "/m3"}
		s := mirroredStore(t, c, copies)
		clients := newClients(1, rand.Uint64())
		for range 60 {
			if err := clients[0].step(s); err != nil {
				t.Fatal(err)
			}
		}
		disk.breakDown("/m1", "/m2")
		for _, dir := range []string{"/m1", "/m2"} {
			_ = s.CheckMountpath(dir)
		}
		waitFor(t, func() bool { return slices.Equal(s.OutOfService(), []string{"/m1", "/m2"}) })
		for _, dir := range []string{"/m1", "/m2"} {
			if err := s.Detach(dir, true); err != nil {
				t.Fatal(err)
			}
		}
		for _, dir := range []string{"/m4", "/m5"} {
			if err := s.Attach(dir); err != nil {
				t.Fatal(err)
			}
		}
		wantMirrored(t, s, copies)
		wantStates(t, s, "/m3 ok, /m4 ok, /m5 ok")
		if copies > 1 {
			wantAll(t, s, clients)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A store keeps as many copies as it has mountpaths, and no more.
func TestCopiesThatAreRefused(t *testing.T) {
	c := memConfig(faultfs.New())
	c.Mountpaths = []string{"/m1"}
	s := open(t, c)
	wantKind(t, s.SetCopies(7, 2), object.Refused)
	wantKind(t, s.SetCopies(7, 33), object.Unsupported)
	if err := s.Attach("/m2"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, s.SetCopies(7, 2), object.Refused) // not before names were moved
	resilver(t, s)
	put(t, s, name("k"), large)
	if err := s.SetCopies(7, 2); err != nil {
		t.Fatal(err)
	}
	wantMirrored(t, s, 2)
	if n := mirrorsOf(t, s); n != 1 {
		t.Fatal(n)
	}
	if err := s.SetCopies(7, 1); err != nil {
		t.Fatal(err)
	}
	resilver(t, s)
	if copies, _ := s.Copies(7); copies != 1 || mirrorsOf(t, s) != 0 {
		t.Fatal(copies)
	}
	wantContent(t, s, name("k"), large)
}

// TestMirroredAnew: a bucket has mirrors again before those that it had are taken out. A
// name that was removed meanwhile, and is written again, has its mirror at once.
func TestMirroredAnew(t *testing.T) {
	s := mirroredStore(t, memConfig(faultfs.New()), 2)
	put(t, s, name("k"), large)
	if err := s.SetCopies(7, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Remove(name("k"), "", store.Terms{}, object.Power); err != nil {
		t.Fatal(err)
	}
	if err := s.SetCopies(7, 2); err != nil {
		t.Fatal(err)
	}
	put(t, s, name("k"), []byte("anew"))
	if n := mirrorsOf(t, s); n != 1 {
		t.Error("it has no mirror")
	}
	wantMirrored(t, s, 2)
}

// mirrorsOf counts the names that a list says to have a mirror.
func mirrorsOf(t *testing.T, s *store.Store) (n int) {
	t.Helper()
	page, err := s.List(7, object.Query{Limit: 100, Full: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Entries {
		if len(e.Meta.Mirrors) > 0 {
			n++
		}
	}
	return n
}

// TestMirroredDisksLost breaks disks under load, one after the other and over and over,
// as many as there are mirrors, and repairs them: no read or list fails, nothing
// acknowledged is lost, and what is back is like new.
func TestMirroredDisksLost(t *testing.T) {
	for _, c := range []struct{ mountpaths, copies int }{{2, 2}, {3, 2}, {3, 3}, {5, 3}} {
		t.Run(fmt.Sprintf("%d of %d", c.copies, c.mountpaths), func(t *testing.T) {
			t.Parallel() // it waits more than it works
			loseMirroredDisks(t, c.mountpaths, c.copies)
		})
	}
}

func loseMirroredDisks(t *testing.T, mountpaths, copies int) {
	disk := &brokenDisk{OS: faultfs.New()}
	c := memConfig(disk)
	c.Mountpaths = []string{"/m1", "/m2", "/m3", "/m4", "/m5"}[:mountpaths]
	s := mirroredStore(t, c, copies)
	clients := newClients(4, rand.Uint64())
	for round := range 3 {
		var broken []string
		for lost := range copies - 1 {
			broken = append(broken, c.Mountpaths[(round+lost)%mountpaths])
			var work sync.WaitGroup
			for _, w := range clients {
				work.Go(func() {
					for i := range 60 {
						if w.id == 0 && i == 20 {
							disk.breakDown(broken...)
						}
						if err := w.step(s); err != nil {
							t.Errorf("client %d, round %d (%s): %v", w.id, round, states(s), err)
							return
						}
					}
				})
			}
			work.Wait()
			if t.Failed() {
				return
			}
			wantAll(t, s, clients)
			for _, dir := range broken { // nobody may have asked for it since
				_ = s.CheckMountpath(dir)
			}
			waitFor(t, func() bool { return len(s.OutOfService()) == len(broken) })
			if round == 1 { // it may stay away for long
				_ = s.Resilver(context.Background(), &store.Progress{})
				wantAll(t, s, clients)
			}
		}
		disk.breakDown()
		waitHealthy(t, s)
		wantMirrored(t, s, copies)
		wantAll(t, s, clients)
		if n, _, err := s.Count(7); err != nil {
			t.Fatal(n, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
