package replica

import (
	"sync"
	"sync/atomic"

	"ais/object"
)

// returning is what this target does while its copies are behind.
type returning struct {
	mu     sync.Mutex // guards the rest
	owed   map[object.Name]uint64
	count  uint64 // of the times that anything was owed
	closed bool   // nothing may be owed any more: the cluster is about to be told that all is here
	since  uint64 // Node.Since with which it was closed
	going  atomic.Bool
}

func (r *returning) active() float64 {
	if r.going.Load() {
		return 1
	}
	return 0
}

// owe notes a name that is to be fetched before the copies are in sync: its owner is
// told so, and goes on without this copy. False where that cannot be promised any more.
func (r *returning) owe(n object.Name) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	if r.owed == nil {
		r.owed = make(map[object.Name]uint64)
	}
	r.count++
	r.owed[n] = r.count
	return true
}

// owing returns what is owed, up to limit names.
func (r *returning) owing(limit int) (names []object.Name) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := range r.owed {
		if len(names) == limit {
			break
		}
		names = append(names, n)
	}
	return names
}

// debt returns a number that stands for what is owed of a name by now, 0 for nothing.
func (r *returning) debt(n object.Name) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.owed[n]
}

// paid says that what was owed of a name by then is here.
func (r *returning) paid(n object.Name, debt uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.owed[n] == debt {
		delete(r.owed, n)
	}
}

// close has nothing be owed from now on. False where something is.
func (r *returning) close(since uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.owed) > 0 {
		return false
	}
	r.closed, r.since = true, since
	return true
}

// closedAt reports whether nothing may be owed because the cluster may have been, or may
// still be, told that this target has caught up with what was before since.
func (r *returning) closedAt(since uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed && r.since == since
}

func (r *returning) open() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = false
}
