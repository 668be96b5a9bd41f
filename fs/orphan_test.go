package fs_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// removing calls a function when a blob is about to be removed, once.
type removing struct {
	fs.OS
	before atomic.Pointer[func()]
}

func (r *removing) Remove(label, path string) error {
	if strings.HasPrefix(label, "blob.remove") {
		if f := r.before.Swap(nil); f != nil {
			(*f)()
		}
	}
	return r.OS.Remove(label, path)
}

// TestBlobComesAnew: a blob that nothing refers to is removed while it arrives for another
// name, from where the two share it: it is there afterwards.
func TestBlobComesAnew(t *testing.T) {
	for what, remove := range map[string]func(t *testing.T, s *fs.Store, o *removing, f *faultfs.FS, during func()){
		"let go of": func(t *testing.T, s *fs.Store, o *removing, _ *faultfs.FS, during func()) {
			o.before.Store(&during)
			if err := s.Release(name("k")); err != nil {
				t.Fatal(err)
			}
		},
		"swept": func(t *testing.T, s *fs.Store, o *removing, f *faultfs.FS, during func()) {
			f.Fail(1, "blob.remove", errInjected, false)
			if err := s.Release(name("k")); err != nil {
				t.Fatal(err)
			}
			f.Disarm()
			o.before.Store(&during)
			sweep(t, s)
		},
	} {
		t.Run(what, func(t *testing.T) {
			a, _ := pair(t)
			owner := a.store.Load()
			a.alone.Store(true)
			put(t, owner, name("k"), large)
			if _, err := owner.Copy(name("k"), "", name("shares"), object.Meta{}, nil, fs.Terms{}, object.Power); err != nil {
				t.Fatal(err)
			}
			f := faultfs.New()
			o := &removing{OS: f}
			c := memConfig(o)
			c.Mountpaths = []string{"/m1"}
			s := open(t, c)
			take := func(n object.Name) {
				e, err := owner.Estate(n)
				if err == nil {
					err = s.Adopt(e, a.fetch(n))
				}
				if err != nil {
					t.Error(err)
				}
			}
			take(name("k"))
			var other sync.WaitGroup
			var came atomic.Bool
			remove(t, s, o, f, func() {
				came.Store(true)
				other.Go(func() { take(name("shares")) })
				time.Sleep(100 * time.Millisecond) // it has come, or waits
			})
			other.Wait()
			if !came.Load() {
				t.Fatal("nothing was removed")
			}
			wantContent(t, s, name("shares"), large)
		})
	}
}

// TestPanicAfterCommit: what is told of a change after it was made panics: the object is there.
func TestPanicAfterCommit(t *testing.T) {
	c := memConfig(faultfs.New())
	c.Copying = &fs.Copying{
		Enter: func(object.Name, bool) error { return nil },
		Sends: func(object.Name) bool { return true },
		Term:  func(object.Name) (uint64, uint64, error) { return 1, 1, nil },
		Send:  func(*fs.Change) error { return nil },
		Sent:  func(*fs.Change, error) error { panic("injected") },
	}
	s := open(t, c)
	panics := func(f func()) {
		defer func() {
			if p := recover(); p != "injected" {
				t.Errorf("panics with %v", p)
			}
		}()
		f()
	}
	panics(func() { _, _ = tryPut(s, name("k"), large, object.Cond{}, object.Power) })
	wantContent(t, s, name("k"), large)
	sweep(t, s)
	wantContent(t, s, name("k"), large)
}
