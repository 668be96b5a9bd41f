package fs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// tenant works on names that nobody else touches, so that it knows at each moment
// exactly what is there.
type tenant struct {
	id      int
	rng     *rand.Rand
	next    uint64
	objects map[string][]byte
	uploads map[string][]object.Listed
	parts   map[string][][]byte
}

func (w *tenant) key() string { return fmt.Sprintf("w%d/%02d", w.id, w.rng.IntN(12)) }

func (w *tenant) data() []byte {
	w.next++
	return content([]int{10, 700, 5_000, 40_000}[w.rng.IntN(4)], w.next<<8|uint64(w.id))
}

// step does one thing and looks at what came of it.
func (w *tenant) step(s *fs.Store) error {
	key := w.key()
	switch w.rng.IntN(9) {
	case 0, 1, 2:
		data := w.data()
		if _, err := tryPut(s, name(key), data, object.Cond{}, object.Power); err != nil {
			return err
		}
		w.objects[key] = data
	case 3:
		errs := removeAll(s, object.Power, name(key))
		if _, there := w.objects[key]; there == (errs[0] != nil) {
			return fmt.Errorf("removing %s: %w", key, errors.Join(errs...))
		}
		delete(w.objects, key)
	case 4:
		to := w.key()
		_, err := s.Copy(name(key), "", name(to), object.Meta{ETag: "e"}, nil, fs.Terms{}, object.Power)
		data, there := w.objects[key]
		if there != (err == nil) {
			return fmt.Errorf("copying %s: %w", key, err)
		}
		if there {
			w.objects[to] = data
		}
	case 5:
		return w.upload(s, key)
	case 6:
		return w.lists(s)
	default:
		got, _, err := get(s, name(key))
		want, there := w.objects[key]
		if there != (err == nil) || there && !bytes.Equal(got, want) {
			return fmt.Errorf("reading %s: %d bytes of %d, %w", key, len(got), len(want), err)
		}
	}
	return nil
}

// upload begins an upload, adds a part to it, or completes it.
func (w *tenant) upload(s *fs.Store, key string) error {
	id := "u-" + key[len(key)-2:]
	n := len(w.parts[key]) + 1
	switch {
	case w.uploads[key] == nil:
		w.uploads[key] = []object.Listed{}
		return s.Begin(object.Upload{ID: id, Name: name(key)}, object.Power)
	case n <= 3:
		data := w.data()
		p, err := putPart(s, name(key), id, n, data, object.Power)
		if err != nil {
			return err
		}
		w.uploads[key] = append(w.uploads[key], object.Listed{Number: n, ETag: p.ETag})
		w.parts[key] = append(w.parts[key], data)
		return nil
	}
	if _, err := publish(s, name(key), id, w.uploads[key], object.Power); err != nil {
		return err
	}
	w.objects[key] = join(w.parts[key]...)
	delete(w.uploads, key)
	delete(w.parts, key)
	return nil
}

// lists compares a listing, in small pages, with what is known.
func (w *tenant) lists(s *fs.Store) error {
	var got []string
	q := object.Query{Prefix: fmt.Sprintf("w%d/", w.id), Limit: 3}
	for more := true; more; {
		p, err := s.List(7, q)
		if err != nil {
			return err
		}
		for _, e := range p.Entries {
			got = append(got, e.Key)
			q.After = e.Key
		}
		more = p.Truncated
	}
	var want []string
	for key := range w.objects {
		want = append(want, key)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("listed %q, want %q", got, want)
	}
	return nil
}

// all looks at every object.
func (w *tenant) all(s *fs.Store) error {
	for key, want := range w.objects {
		if got, _, err := get(s, name(key)); err != nil || !bytes.Equal(got, want) {
			return fmt.Errorf("%s: %d bytes of %d, %w", key, len(got), len(want), err)
		}
	}
	for key, listed := range w.uploads {
		parts, _, err := s.Parts(name(key), "u-"+key[len(key)-2:], 0, 10)
		if err != nil || len(parts) != len(listed) {
			return fmt.Errorf("%s: %d parts of %d, %w", key, len(parts), len(listed), err)
		}
	}
	return w.lists(s)
}

// reshape changes the mountpaths at random. What is refused is refused.
func reshape(s *fs.Store, rng *rand.Rand) error {
	dir := fmt.Sprint("/m", 1+rng.IntN(4))
	do := []func() error{
		func() error { return s.Attach(dir) },
		func() error { return s.Detach(dir, false) },
		func() error { return s.Disable(dir, false) },
		func() error { return s.Enable(dir) },
	}[rng.IntN(4)]
	err := do()
	if kind := object.KindOf(err); err != nil && kind != object.Invalid && kind != object.Exists {
		return err
	}
	return nil
}

// TestModelOfMountpaths lets writers and readers work while the mountpaths change at
// random and names are moved, kills the process in the middle, and goes on.
func TestModelOfMountpaths(t *testing.T) {
	const rounds, steps = 3, 100
	f := faultfs.New()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	tenants := make([]*tenant, 4)
	for i := range tenants {
		tenants[i] = &tenant{id: i, rng: rand.New(rand.NewPCG(seed, uint64(i+1))), objects: map[string][]byte{},
			uploads: map[string][]object.Listed{}, parts: map[string][][]byte{}}
	}
	for range rounds {
		s := open(t, memConfig(f))
		ctx, cancel := context.WithCancel(t.Context())
		var mover, work sync.WaitGroup
		mover.Go(func() {
			for ctx.Err() == nil {
				if err := reshape(s, rng); err != nil {
					t.Errorf("changing the mountpaths (%s): %v", states(s), err)
				}
				moving, stop := context.WithCancel(ctx)
				if rng.IntN(3) == 0 {
					stop() // and the next one goes on
				}
				if err := s.Resilver(moving, &fs.Progress{}); err != nil && moving.Err() == nil {
					t.Errorf("resilver (%s): %v", states(s), err)
				}
				stop()
			}
		})
		for _, w := range tenants {
			work.Go(func() {
				for range steps {
					if err := w.step(s); err != nil {
						t.Errorf("tenant %d (%s): %v", w.id, states(s), err)
						return
					}
				}
			})
		}
		work.Wait()
		killed := f.AfterKill() // while names are being moved
		cancel()
		mover.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		f = killed
		if t.Failed() {
			return
		}
	}
	s := open(t, memConfig(f))
	objects := 0
	for _, w := range tenants {
		if err := w.all(s); err != nil {
			t.Fatalf("before the last resilver (%s): %v", states(s), err)
		}
		objects += len(w.objects)
	}
	if n, _, err := s.Count(7); err != nil || int(n) != objects {
		t.Fatalf("counted %d of %d, %v", n, objects, err)
	}
	resilver(t, s)
	for _, w := range tenants {
		if err := w.all(s); err != nil {
			t.Fatalf("after the last resilver (%s): %v", states(s), err)
		}
	}
	if n, _, err := s.Count(7); err != nil || int(n) != objects {
		t.Fatalf("counted %d of %d, %v", n, objects, err)
	}
}
