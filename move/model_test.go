package move_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"ais/cluster"
	"ais/object"
)

// writer changes keys of its own, and knows what they are to be.
type writer struct {
	c      *nodes
	b      *cluster.Bucket
	id     int
	rand   *rand.Rand
	known  map[string]string   // "" is removed
	unsure map[string][]string // what a key may be besides, after changes that failed
	count  int
}

func newWriter(c *nodes, b *cluster.Bucket, id int, seed uint64) *writer {
	return &writer{c: c, b: b, id: id, rand: rand.New(rand.NewPCG(seed, uint64(id))), known: map[string]string{}, unsure: map[string][]string{}}
}

func (w *writer) step() error {
	key := fmt.Sprintf("w%d/k%02d", w.id, w.rand.IntN(25))
	n := object.Name{Bucket: w.b.ID, Key: key}
	w.count++
	switch w.rand.IntN(10) {
	case 0, 1, 2, 3:
		text := content(key, w.count, []int{10, 500, 3000, 40_000}[w.rand.IntN(4)])
		return w.changed(key, text, w.c.put(n, text))
	case 4, 5:
		return w.changed(key, "", w.c.remove(n))
	case 6:
		return w.list()
	}
	got, err := w.c.get(n)
	if err != nil {
		return nil // it is not answered: nothing is claimed
	}
	if !w.may(key, got) {
		return w.wrong(key, fmt.Sprintf("is %.20q of %d bytes, want %.20q of %d, or one of %d others", got, len(got), w.known[key], len(w.known[key]), len(w.unsure[key])))
	}
	return nil
}

func (w *writer) wrong(key, what string) error {
	return fmt.Errorf("%s %s\n%s\n%s", key, what, w.c.where(object.Name{Bucket: w.b.ID, Key: key}), w.c.trace.of(key))
}

// changed notes a change, which may have happened also where it failed.
func (w *writer) changed(key, text string, err error) error {
	if err != nil {
		w.unsure[key] = append(w.unsure[key], text)
		return nil
	}
	w.known[key] = text
	delete(w.unsure, key)
	return nil
}

func (w *writer) may(key, got string) bool {
	return got == w.known[key] || slices.Contains(w.unsure[key], got)
}

func (w *writer) list() error {
	prefix := fmt.Sprintf("w%d/", w.id)
	all, err := w.c.list(w.b, prefix, 7)
	if err != nil {
		return nil
	}
	seen := map[string]bool{}
	for _, key := range all {
		if seen[key] {
			return w.wrong(key, "is listed twice")
		}
		seen[key] = true
		if w.known[key] == "" && len(w.unsure[key]) == 0 {
			return w.wrong(key, "is listed, and was removed")
		}
	}
	for key, text := range w.known {
		if text != "" && !seen[key] && !slices.Contains(w.unsure[key], "") {
			return w.wrong(key, "is not listed")
		}
	}
	return nil
}

// TestModel has clients at work while targets join, leave, crash and come back, and
// the number of copies changes.
func TestModel(t *testing.T) {
	for _, copies := range []int{1, 2} {
		t.Run(fmt.Sprint("copies ", copies), func(t *testing.T) {
			seed := uint64(time.Now().UnixNano()) >> 10
			t.Logf("seed %d", seed)
			model(t, seed, copies, 2*time.Second)
		})
	}
}

// model has targets lose their power where the seed is odd, and only what was not synced
// with it; else they are killed.
func model(t *testing.T, seed uint64, copies int, length time.Duration) {
	c := startNodes(t, "t1", "t2", "t3")
	if seed%2 == 1 {
		c.durability = object.Power
	}
	b := c.bucket("model", copies)
	var writers []*writer
	var wait sync.WaitGroup
	stop := make(chan struct{})
	failures := make(chan error, 10)
	for id := range 3 {
		w := newWriter(c, b, id, seed)
		writers = append(writers, w)
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := w.step(); err != nil {
					select {
					case failures <- err:
					default:
					}
					return
				}
			}
		})
	}
	trouble(t, c, b, rand.New(rand.NewPCG(seed, 99)), copies, length)
	close(stop)
	wait.Wait()
	select {
	case err := <-failures:
		t.Fatal(err)
	default:
	}
	c.settled()
	want := map[string]string{}
	for _, w := range writers {
		for key := range w.known {
			got, err := c.get(object.Name{Bucket: b.ID, Key: key})
			if err != nil || !w.may(key, got) {
				t.Error(w.wrong(key, fmt.Sprintf("is %.20q of %d bytes, want %.20q of %d, or one of %d others: %v", got, len(got), w.known[key], len(w.known[key]), len(w.unsure[key]), err)))
			}
			if got != "" {
				want[key] = got
			}
		}
		for key := range w.unsure {
			if got, err := c.get(object.Name{Bucket: b.ID, Key: key}); err == nil && got != "" {
				want[key] = got
			}
		}
	}
	c.wantOnlyThere(b, want)
}

// trouble changes the cluster for a while.
func trouble(t *testing.T, c *nodes, b *cluster.Bucket, random *rand.Rand, copies int, length time.Duration) {
	t.Helper()
	end := time.Now().Add(length)
	next := 4
	for time.Now().Before(end) {
		time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
		switch random.IntN(4) {
		case 0:
			if next <= 6 {
				c.join(fmt.Sprint("t", next))
				next++
			}
		case 1, 2:
			n := c.node(fmt.Sprint("t", 1+random.IntN(next-1)))
			n.crash(c.durability == object.Power)
			time.Sleep(time.Duration(random.IntN(200)) * time.Millisecond)
			n.start()
		case 3:
			copies = 1 + random.IntN(3)
			_, err := c.keeper.UpdateBucket(c.context(), b, func(now *cluster.Bucket) error { now.Props.Copies = copies; return nil })
			if err != nil && !errors.Is(err, object.Invalid) {
				t.Fatal(err)
			}
		}
	}
}
