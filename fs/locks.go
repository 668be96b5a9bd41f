package fs

import (
	"slices"
	"sync"
)

// nameLocks serialises the changes of a name: there is a lock for each name, by its
// digest, that somebody has or waits for. So a lock that is held for long, while a
// change goes over the network, keeps nobody from another name.
type nameLocks struct {
	shards [64]lockShard
}

type lockShard struct {
	mu   sync.Mutex // guards the rest
	held map[uint64]*nameLock
	free []*nameLock // a few, to be used again
}

type nameLock struct {
	sync.Mutex
	users int // who has it or waits for it; guarded by the shard
}

const freeLocks = 16 // kept in a shard

func (l *nameLocks) shard(digest uint64) *lockShard {
	return &l.shards[(digest^digest>>32)%uint64(len(l.shards))]
}

// lock takes the lock of a name.
func (l *nameLocks) lock(digest uint64) {
	s := l.shard(digest)
	s.mu.Lock()
	n := s.held[digest]
	if n == nil {
		n = s.take(digest)
	}
	n.users++
	s.mu.Unlock()
	n.Lock()
}

// take adds a lock to the shard, whose mutex is held.
func (s *lockShard) take(digest uint64) *nameLock {
	var n *nameLock
	if last := len(s.free) - 1; last >= 0 {
		n, s.free = s.free[last], s.free[:last]
	} else {
		n = new(nameLock)
	}
	if s.held == nil {
		s.held = make(map[uint64]*nameLock)
	}
	s.held[digest] = n
	return n
}

// unlock gives the lock of a name back.
func (l *nameLocks) unlock(digest uint64) {
	s := l.shard(digest)
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.held[digest]
	n.Unlock()
	s.drop(digest, n)
}

// drop ends a use of a lock. The shard's mutex is held.
func (s *lockShard) drop(digest uint64, n *nameLock) {
	if n.users--; n.users > 0 {
		return
	}
	delete(s.held, digest)
	if len(s.free) < freeLocks {
		s.free = append(s.free, n)
	}
}

// lockAll takes the locks of names, each once and in order, and returns what gives
// them back. digests is sorted in place.
func (l *nameLocks) lockAll(digests []uint64) (unlock func()) {
	slices.Sort(digests)
	digests = slices.Compact(digests)
	for _, d := range digests {
		l.lock(d)
	}
	return func() {
		for _, d := range digests {
			l.unlock(d)
		}
	}
}

// barrier waits for all who have a lock now, or wait for one.
func (l *nameLocks) barrier() {
	for i := range l.shards {
		s := &l.shards[i]
		for _, digest := range s.digests() {
			l.lock(digest)
			l.unlock(digest)
		}
	}
}

// digests returns the names that somebody has a lock of.
func (s *lockShard) digests() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]uint64, 0, len(s.held))
	for digest := range s.held {
		out = append(out, digest)
	}
	return out
}
