package fs_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// events collects what a store tells of its mountpaths.
type events struct {
	mu  sync.Mutex
	all []fs.MountpathEvent
}

func (e *events) note(v fs.MountpathEvent) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, v)
}

func (e *events) states(dir string) (out []fs.MountpathState) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, v := range e.all {
		if v.Dir == dir {
			out = append(out, v.State)
		}
	}
	return out
}

func stateOf(s *fs.Store, i int) fs.MountpathState { return s.Mountpaths()[i].State }

// lockedText keeps what is written to it.
type lockedText struct {
	mu  sync.Mutex
	buf strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lockedText) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func oneDisk(f *faultfs.FS) (fs.Config, *events) {
	c, e := memConfig(f), &events{}
	c.Mountpaths = []string{"/m1"}
	c.OnMountpath = e.note
	return c, e
}

// An error that does not come again takes nothing out of service; where the check
// fails too the mountpath is out of service until it passes.
func TestErrorsHaveTheDiskChecked(t *testing.T) {
	f := faultfs.New()
	c, told := oneDisk(f)
	log := &lockedText{}
	c.Logger = textLogger(log)
	s := open(t, c)
	put(t, s, name("k"), large)
	f.Fail(1, "blob.write", unix.EIO, false)
	if _, err := tryPut(s, name("x"), large, object.Cond{}, object.Power); err == nil {
		t.Fatal("the error went unnoticed")
	}
	waitFor(t, func() bool { return strings.Contains(log.text(), "passes the health check") })
	if stateOf(s, 0) != fs.MountpathOK {
		t.Fatal(s.Mountpaths())
	}
	put(t, s, name("x"), large)

	f.Fail(1, "", unix.EIO, true)
	waitFor(t, func() bool {
		_, _ = tryPut(s, name("y"), large, object.Cond{}, object.Power)
		return slices.Contains(told.states("/m1"), fs.MountpathFailed)
	})
	_, _, err := get(s, name("k"))
	wantKind(t, err, object.Unavailable)
	if st := s.Mountpaths()[0]; st.State != fs.MountpathFailed || st.Cause == "" {
		t.Fatal(st)
	}
	f.Disarm()
	waitFor(t, func() bool { return stateOf(s, 0) == fs.MountpathOK })
	wantContent(t, s, name("k"), large)
	put(t, s, name("y"), large)
	waitFor(t, func() bool {
		return slices.Equal(told.states("/m1"), []fs.MountpathState{fs.MountpathFailed, fs.MountpathOK})
	})
}

// A file system that became read-only: reads go on, changes are refused and leave
// nothing, until it can be written again.
func TestReadOnlyMountpath(t *testing.T) {
	for _, size := range []int{200, len(large)} {
		f := faultfs.New()
		c, told := oneDisk(f)
		s := open(t, c)
		data := content(size, 3)
		put(t, s, name("k"), data)
		f.Fail(1, "", unix.EROFS, true)
		waitFor(t, func() bool {
			_, err := tryPut(s, name("x"), data, object.Cond{}, object.Power)
			if err == nil {
				t.Fatal("a write went well")
			}
			return stateOf(s, 0) == fs.MountpathReadOnly
		})
		for range 3 {
			wantContent(t, s, name("k"), data)
			_, err := tryPut(s, name("x"), data, object.Cond{}, object.Power)
			wantKind(t, err, object.Unavailable)
			_, err = s.Remove(name("k"), "", fs.Terms{}, object.Power)
			wantKind(t, err, object.Unavailable)
			wantKind(t, removeAll(s, object.Power, name("k"))[0], object.Unavailable)
			wantKind(t, s.Begin(object.Upload{ID: "u", Name: name("k")}, object.Power), object.Unavailable)
			wantKind(t, s.Attach("/m2"), object.Refused)
		}
		if got := keys(t, s, object.Query{}); !slices.Equal(got, []string{"k"}) {
			t.Fatal(got)
		}
		f.Disarm()
		waitFor(t, func() bool { return stateOf(s, 0) == fs.MountpathOK })
		put(t, s, name("x"), data)
		wantContent(t, s, name("k"), data)
		waitFor(t, func() bool {
			return slices.Equal(told.states("/m1"), []fs.MountpathState{fs.MountpathReadOnly, fs.MountpathOK})
		})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A disk that is taken out and put back, with the process running and before its
// start: its names are unavailable meanwhile, and there again without a restart.
func TestDiskComesBack(t *testing.T) {
	f := faultfs.New()
	c := memConfig(f)
	told := &events{}
	c.OnMountpath = told.note
	s := open(t, c)
	for i := range 20 {
		put(t, s, name(fmt.Sprint(i)), content(3000, uint64(i)))
	}
	for _, restart := range []bool{false, true} {
		if restart {
			s.Close()
		}
		if err := f.Rename("test.rename", "/m2", "/away"); err != nil {
			t.Fatal(err)
		}
		if restart {
			s = open(t, c)
		}
		waitFor(t, func() bool {
			for i := range 20 {
				_, _, _ = get(s, name(fmt.Sprint(i)))
			}
			return stateOf(s, 1) == fs.MountpathFailed
		})
		if stateOf(s, 0) != fs.MountpathOK {
			t.Fatal(s.Mountpaths())
		}
		if err := f.Rename("test.rename", "/away", "/m2"); err != nil {
			t.Fatal(err)
		}
		waitFor(t, func() bool { return stateOf(s, 1) == fs.MountpathOK })
		for i := range 20 {
			wantContent(t, s, name(fmt.Sprint(i)), content(3000, uint64(i)))
			put(t, s, name(fmt.Sprint(i)), content(3000, uint64(i)))
		}
	}
}

// Another disk in the place of a mountpath's is not taken for it.
func TestOtherDiskInItsPlace(t *testing.T) {
	f := faultfs.New()
	c := memConfig(f)
	s := open(t, c)
	put(t, s, name("k"), large)
	if err := f.Rename("test.rename", "/m2", "/away"); err != nil {
		t.Fatal(err)
	}
	if err := f.Mkdir("test.mkdir", "/m2", 0o755); err != nil {
		t.Fatal(err)
	}
	wantKind(t, s.CheckMountpath("/m2"), object.Refused)
	waitFor(t, func() bool { return s.Mountpaths()[1].Cause != "" })
	if names, err := f.List("test.list", "/m2"); err != nil || len(names) > 0 || stateOf(s, 1) != fs.MountpathFailed {
		t.Fatal(names, err, s.Mountpaths())
	}
}
