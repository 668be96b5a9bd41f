package fs_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// TestLogFailureUnderLoad breaks the log of the mountpaths while many write. The
// process lives, every acknowledged object is there afterwards, and the other
// mountpath does not notice.
func TestLogFailureUnderLoad(t *testing.T) {
	for i, label := range []string{"wal.write", "wal.sync", "wal.create"} {
		for round := range 3 {
			if round != i && !*everyCall {
				continue
			}
			f := faultfs.New()
			c := memConfig(f)
			c.MemTableBytes = 256 << 10
			s := open(t, c)
			var acknowledged sync.Map
			var failures atomic.Int64
			var writers sync.WaitGroup
			f.Fail(20+round*31, label, errInjected, false)
			if label == "wal.create" {
				f.Fail(2, label, errInjected, false)
			}
			for i := range 16 {
				writers.Add(1)
				go func() {
					defer writers.Done()
					for j := range 60 {
						n := name(fmt.Sprintf("%d-%d", i, j))
						if _, err := tryPut(s, n, content(900, uint64(j)), object.Cond{}, object.Durability(j%2)); err == nil {
							acknowledged.Store(n, uint64(j))
						} else {
							failures.Add(1)
						}
					}
				}()
			}
			writers.Wait()
			if hit, _ := f.Disarm(); !hit {
				t.Fatalf("%s was not called often enough", label)
			}
			if failures.Load() == 0 {
				t.Fatal("no write failed")
			}
			waitHealthy(t, s)
			acknowledged.Range(func(n, seed any) bool {
				wantContent(t, s, n.(object.Name), content(900, seed.(uint64)))
				return true
			})
			put(t, s, name("afterwards"), content(5000, 1))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestOneMountpathMissing(t *testing.T) {
	f := faultfs.New()
	c := memConfig(f)
	s := open(t, c)
	for i := range 40 {
		put(t, s, name(fmt.Sprint(i)), content(3000, uint64(i)))
	}
	s.Close()
	if err := f.Rename("test.rename", "/m2", "/away"); err != nil {
		t.Fatal(err)
	}
	s = open(t, c)
	served := 0
	for i := range 40 {
		got, _, err := get(s, name(fmt.Sprint(i)))
		if err != nil {
			wantKind(t, err, object.Unavailable)
			_, err = tryPut(s, name(fmt.Sprint(i)), content(1, 1), object.Cond{}, object.Power)
			wantKind(t, err, object.Unavailable)
			continue
		}
		served++
		if string(got) != string(content(3000, uint64(i))) {
			t.Fatal("other bytes")
		}
	}
	if served == 0 || served == 40 {
		t.Fatalf("%d of 40 were served", served)
	}
	_, err := s.List(7, object.Query{Limit: 10})
	wantKind(t, err, object.Unavailable)
	if st := s.Mountpaths(); st[1].State != fs.MountpathFailed || st[0].State != fs.MountpathOK {
		t.Fatal(st)
	}
	s.Close()
	if err := f.Rename("test.rename", "/away", "/m2"); err != nil {
		t.Fatal(err)
	}
	s = open(t, c)
	for i := range 40 {
		wantContent(t, s, name(fmt.Sprint(i)), content(3000, uint64(i)))
	}
}

func TestReserveAndFullDisk(t *testing.T) {
	f := faultfs.New()
	c := memConfig(f)
	now := time.Now()
	c.Now = func() time.Time { return now }
	c.ReserveBytes = 1 << 20
	s := open(t, c)
	put(t, s, name("a"), large)
	f.SetUsage(fs.Usage{Capacity: 100 << 20, Free: 1<<20 - 1})
	now = now.Add(time.Second)
	_, err := tryPut(s, name("b"), small, object.Cond{}, object.Power)
	wantKind(t, err, object.NoSpace)
	wantKind(t, s.Begin(object.Upload{ID: "u", Name: name("b")}, object.Power), object.NoSpace)
	if s.Mountpaths()[0].State != fs.MountpathFull {
		t.Fatal(s.Mountpaths())
	}
	wantContent(t, s, name("a"), large)
	if _, err := s.Remove(name("a"), "", fs.Terms{}, object.Power); err != nil {
		t.Fatal(err)
	}
	f.SetUsage(fs.Usage{Capacity: 100 << 20, Free: 50 << 20})
	now = now.Add(time.Second)
	put(t, s, name("b"), large)
	f.Fail(1, "blob.write", unix.ENOSPC, false)
	_, err = tryPut(s, name("c"), large, object.Cond{}, object.Power)
	wantKind(t, err, object.NoSpace)
	f.Fail(1, "wal.write", unix.ENOSPC, false)
	if _, err = tryPut(s, name("c"), small, object.Cond{}, object.Power); err == nil {
		t.Fatal("the log's failure went unnoticed")
	}
	waitHealthy(t, s)
	put(t, s, name("c"), large)
	wantContent(t, s, name("b"), large)
	if n := blobs(t, f, c); n != 2 {
		t.Fatalf("%d blobs", n)
	}
}

// TestFlippedBits flips each of some bytes of a blob and expects a validated read
// to fail before a byte of a wrong block is given out.
func TestFlippedBits(t *testing.T) {
	f := faultfs.New()
	c := memConfig(f)
	c.Mountpaths = []string{"/m1"}
	reg := prometheus.NewPedanticRegistry()
	c.Registerer = reg
	s := open(t, c)
	data := content(2<<20+500, 1)
	put(t, s, name("k"), data)
	path := onlyBlob(t, f)
	for _, at := range []int64{0, 1 << 20, 1<<20 + 7, int64(len(data)) - 1, int64(len(data)) + 3, int64(len(data)) + 60} {
		if err := f.Flip(path, at); err != nil {
			t.Fatal(err)
		}
		got, _, err := get(s, name("k"))
		wantKind(t, err, object.Corrupt)
		if !strings.HasPrefix(string(data), string(got)) {
			t.Fatal("wrong bytes")
		}
		r, err := s.Open(name("k"), "")
		if err != nil {
			t.Fatal(err)
		}
		wantKind(t, r.Verify(0, int64(len(data))), object.Corrupt)
		if at == 0 { // only the first block is damaged
			if err := r.Verify(1<<20, 100); err != nil {
				t.Fatal(err)
			}
		}
		r.Close()
		if err := f.Flip(path, at); err != nil { // back
			t.Fatal(err)
		}
		wantContent(t, s, name("k"), data)
	}
	if s.Mountpaths()[0].Corrupt == 0 {
		t.Fatal("the damage was not counted")
	}
	families, err := reg.Gather()
	if err != nil || len(families) != 19 {
		t.Fatal(len(families), err)
	}
	if err := f.Remove("test.remove", path); err != nil {
		t.Fatal(err)
	}
	_, err = s.Open(name("k"), "")
	wantKind(t, err, object.Corrupt)
}

func onlyBlob(t *testing.T, o fs.OS) string {
	t.Helper()
	for i := range 256 {
		dir := fmt.Sprintf("/m1/blobs/%02x", i)
		names, err := o.List("test.list", dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(names) > 0 {
			return dir + "/" + names[0]
		}
	}
	t.Fatal("there is no blob")
	return ""
}

// TestRestoreFromCheckpoint loses an index, and gets it back from the checkpoint
// on the other mountpath and the trailers of the blobs.
func TestRestoreFromCheckpoint(t *testing.T) {
	for _, lose := range []string{"all", "manifest"} {
		c := diskConfig(t, 2)
		s := open(t, c)
		for i := range 60 {
			put(t, s, name(fmt.Sprint("old-", i)), content(100+i%2*50_000, uint64(i)))
		}
		s.Close()
		c.CheckpointEvery = 20 * time.Millisecond
		s = open(t, c)
		for i := range 20 { // so that both indexes have changed
			put(t, s, name(fmt.Sprint("settled-", i)), small)
		}
		waitFor(t, func() bool { return checkpointed(c) == 2 })
		s.Close()
		c.CheckpointEvery = 0
		s = open(t, c)
		for i := range 20 {
			if _, err := s.Remove(name(fmt.Sprint("old-", 2*i+1)), "", fs.Terms{}, object.Power); err != nil {
				t.Fatal(err)
			}
			put(t, s, name(fmt.Sprint("new-", i)), content(60_000, uint64(i)))
			put(t, s, name(fmt.Sprint("old-", 41+2*(i%9))), content(70_000, uint64(i%9)))
		}
		data := s.Data()
		s.Close()
		damageIndex(t, filepath.Join(c.Mountpaths[0], "index"), lose)
		s = open(t, c)
		if s.Data() == data {
			t.Fatal("what may be older than it was has the uuid that it had")
		}
		if st := s.Mountpaths()[0]; st.State != fs.MountpathOK {
			t.Fatalf("%s: %+v", lose, st)
		}
		for i := range 60 {
			n := name(fmt.Sprint("old-", i))
			switch {
			case i%2 == 1 && i < 41:
				_, err := s.Stat(n, "")
				wantKind(t, err, object.NotFound)
			case i%2 == 1 && i < 59:
				wantContent(t, s, n, content(70_000, uint64((i-41)/2)))
			default:
				wantContent(t, s, n, content(100+i%2*50_000, uint64(i)))
			}
		}
		for i := range 20 {
			wantContent(t, s, name(fmt.Sprint("new-", i)), content(60_000, uint64(i)))
		}
		if r := sweep(t, s); r.Orphans != 0 {
			t.Fatalf("%d orphans", r.Orphans)
		}
		if n, _, _ := s.Count(7); n != int64(len(keys(t, s, object.Query{}))) {
			t.Fatalf("counted %d", n)
		}
		s.Close()
	}
}

// checkpointed counts the mountpaths whose index has been copied.
func checkpointed(c fs.Config) int {
	n := 0
	for _, dir := range c.Mountpaths {
		found, _ := filepath.Glob(filepath.Join(dir, "checkpoints", "*", "current", "MANIFEST*"))
		n += len(found)
	}
	return n
}

func damageIndex(t *testing.T, dir, lose string) {
	t.Helper()
	if lose == "all" {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		return
	}
	found, err := filepath.Glob(filepath.Join(dir, "MANIFEST*"))
	if err != nil || len(found) == 0 {
		t.Fatal(found, err)
	}
	for _, name := range found {
		if err := os.WriteFile(name, []byte("not a manifest"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLostIndexWithoutCheckpoint must not start an empty index, whose sweep would
// remove every blob.
func TestLostIndexWithoutCheckpoint(t *testing.T) {
	c := diskConfig(t, 1)
	s := open(t, c)
	put(t, s, name("k"), large)
	s.Close()
	damageIndex(t, filepath.Join(c.Mountpaths[0], "index"), "all")
	_, err := fs.Open(c)
	wantKind(t, err, object.Unavailable)
	if n := blobs(t, fs.RealOS{}, c); n != 1 {
		t.Fatalf("%d blobs", n)
	}
}

func TestSecondProcessIsKeptOff(t *testing.T) {
	c := diskConfig(t, 1)
	open(t, c)
	_, err := fs.Open(c)
	wantKind(t, err, object.Busy)
}

// TestReadErrors lets reads of a blob fail.
func TestReadErrors(t *testing.T) {
	f := faultfs.New()
	s := open(t, memConfig(f))
	put(t, s, name("k"), large)
	r, err := s.Open(name("k"), "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := r.Range(0, int64(len(large)))
	if err != nil {
		t.Fatal(err)
	}
	f.Fail(1, "blob.read", errInjected, true)
	if _, err := io.Copy(io.Discard, c); !errors.Is(err, errInjected) || object.KindOf(err) != object.Internal {
		t.Fatal(err)
	}
	c.Close()
	f.Fail(1, "blob.open", unix.EMFILE, false)
	if _, err := s.Open(name("k"), ""); !errors.Is(err, unix.EMFILE) {
		t.Fatal(err)
	}
}
