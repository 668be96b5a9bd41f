package fs

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"ais/object"
)

// space answers whether a mountpath has room for a write. The file system is
// asked at most every sampleEvery, or sampleBytes written; in between, what was
// written is taken off.
type space struct {
	os      OS
	dir     string
	reserve int64
	now     func() time.Time

	written atomic.Int64 // since the sample

	mu      sync.Mutex // guards what follows
	sampled time.Time
	usage   Usage
	err     error
}

const (
	sampleEvery = 500 * time.Millisecond
	sampleBytes = 8 << 20
)

// usageNow returns a reading that is not older than sampleEvery.
func (s *space) usageNow() (Usage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.sampled.IsZero() || now.Sub(s.sampled) >= sampleEvery || now.Before(s.sampled) || s.written.Load() >= sampleBytes {
		s.written.Store(0)
		s.usage, s.err = s.os.Usage("mountpath.usage", s.dir)
		s.sampled = now
	}
	u := s.usage
	u.Free = max(0, u.Free-s.written.Load())
	return u, s.err
}

// Room returns the room of the file system that a name's mountpath is on, as it was
// within the last half second.
func (s *Store) Room(n object.Name) (Usage, error) {
	return s.layout.Load().by(n.Bucket).sets[0].of(n.Digest()).space.usageNow()
}

// admit reports whether n more bytes may be written: nil, or NoSpace.
func (s *space) admit(n int64) error {
	u, err := s.usageNow()
	if err != nil {
		return err
	}
	if u.Free-max(n, 0) < s.reserveOf(u) {
		return object.NoSpace
	}
	return nil
}

// admitMore is admit for n more bytes of a payload that was admitted: it looks
// again once much was written since the last sample.
func (s *space) admitMore(n int) error {
	if s.written.Load() < sampleBytes {
		return nil
	}
	return s.admit(int64(n))
}

func (s *space) reserveOf(u Usage) int64 {
	if s.reserve >= 0 {
		return s.reserve
	}
	return min(256<<20, u.Capacity/20)
}

// full reports whether writes are refused.
func (s *space) full() bool { return errors.Is(s.admit(0), object.NoSpace) }

// wrote notes n bytes written since the last sample.
func (s *space) wrote(n int) { s.written.Add(int64(n)) }

// writeKind returns the kind of a failed write.
func writeKind(err error) object.Kind {
	switch {
	case errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, object.NoSpace):
		return object.NoSpace
	case errors.Is(err, errRetired) || errors.Is(err, object.Unavailable):
		return object.Unavailable
	}
	return object.Internal
}
