package target

import (
	"sync"
	"sync/atomic"

	"ais/object"
)

// names keeps the writes through to a remote bucket and the fetches from it apart,
// name by name.
//
// A write holds its name while it removes the local object, writes to the remote
// and commits: whoever reads meanwhile reads from the remote. What is fetched at
// that time may be what was there before, so it is not kept: a fetch is marked
// when a write begins, and looks at the mark under the name's lock in the store,
// as it commits. A process that dies in between leaves no object here.
type names struct {
	mu     sync.Mutex // guards the rest
	byName map[object.Name]*nameState
}

type nameState struct {
	users   int        // who has it, or waits for it
	writing int        // of those, writers
	turn    sync.Mutex // the writer's at work
	marks   map[*atomic.Bool]struct{}
}

func (s *names) use(n object.Name) *nameState {
	if s.byName == nil {
		s.byName = map[object.Name]*nameState{}
	}
	st := s.byName[n]
	if st == nil {
		st = &nameState{marks: map[*atomic.Bool]struct{}{}}
		s.byName[n] = st
	}
	st.users++
	return st
}

// writes reports whether a name of the bucket is being written that which holds of.
func (s *names) writes(bucket uint64, which func(object.Name) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, st := range s.byName {
		if n.Bucket == bucket && st.writing > 0 && which(n) {
			return true
		}
	}
	return false
}

func (s *names) leave(n object.Name, st *nameState) {
	if st.users--; st.users == 0 {
		delete(s.byName, n)
	}
}

// write begins a write through of the name, after those before it, and marks the
// fetches that are running. The caller calls end when the write is over, whatever
// came of it.
func (s *names) write(n object.Name) (end func()) {
	s.mu.Lock()
	st := s.use(n)
	st.writing++
	for mark := range st.marks {
		mark.Store(true)
	}
	s.mu.Unlock()
	st.turn.Lock()
	return func() {
		st.turn.Unlock()
		s.mu.Lock()
		defer s.mu.Unlock()
		st.writing--
		s.leave(n, st)
	}
}

// fetch begins a fetch of the name. outdated is set as soon as what is fetched must
// not be kept; it may be from the beginning. The caller calls end after its commit.
func (s *names) fetch(n object.Name) (outdated *atomic.Bool, end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.use(n)
	outdated = new(atomic.Bool)
	outdated.Store(st.writing > 0)
	st.marks[outdated] = struct{}{}
	return outdated, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(st.marks, outdated)
		s.leave(n, st)
	}
}
