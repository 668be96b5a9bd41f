package fs

import (
	"bytes"
	"encoding/binary"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// accessTimes holds the times of the last reads that are not in the index yet.
// They are bounded; a read that finds no room is not noted.
type accessTimes struct {
	mu      sync.Mutex // guards the rest
	times   map[object.Name]int64
	flushed time.Time
}

const (
	maxReads   = 64 << 10
	manyReads  = 8 << 10
	readsDelay = time.Minute
)

// noteRead notes that an object was read now.
func (m *mountpath) noteRead(n object.Name) {
	now := m.config.Now().UnixNano()
	a := &m.reads
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.times == nil {
		a.times = make(map[object.Name]int64)
	}
	if len(a.times) < maxReads {
		a.times[n] = now
	}
}

// forget drops what is noted in memory of an object that goes, or comes anew.
func (a *accessTimes) forget(n object.Name) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.times, n)
}

// noteArrival makes now the time of the last read of a remote bucket's object,
// whose Modified may be years ago: an eviction goes by that time.
func (t *txn) noteArrival(r *record) error {
	if r.Meta.Custom[object.CustomSource] == "" {
		return nil
	}
	t.m.reads.forget(t.n)
	return t.b.Set(t.key(kindAccess), binary.BigEndian.AppendUint64(nil, uint64(t.s.config.Now().UnixNano())), nil)
}

// accessed returns the time of the last read, zero if none is known.
func (m *mountpath) accessed(x *index, buf *scratch, n object.Name) time.Time {
	m.reads.mu.Lock()
	at, ok := m.reads.times[n]
	m.reads.mu.Unlock()
	if !ok {
		buf.key = appendName(buf.key[:0], kindAccess, n.Bucket, n.Key)
		value, found, err := x.get(buf.key)
		if err != nil || !found || len(value) != 8 {
			return time.Time{}
		}
		at = int64(binary.BigEndian.Uint64([]byte(value)))
	}
	return time.Unix(0, at).UTC()
}

// accessedAlong is accessed for the name n of an object's key, where a walk over
// objects goes on in order: reads, a walk over what is noted in the index, follows.
func (m *mountpath) accessedAlong(reads *pebble.Iterator, key []byte, n object.Name) time.Time {
	m.reads.mu.Lock()
	at, ok := m.reads.times[n]
	m.reads.mu.Unlock()
	if ok {
		return time.Unix(0, at).UTC()
	}
	if !follow(reads, key[1:]) {
		return time.Time{}
	}
	v, err := reads.ValueAndErr()
	if err != nil || len(v) != 8 {
		return time.Time{}
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(v))).UTC()
}

// follow moves a walk on to a name, given by what follows the kind in its key, and
// reports whether it is there.
func follow(it *pebble.Iterator, name []byte) bool {
	const near = 8 // steps that cost less than a search
	for range near {
		if !it.Valid() {
			return false
		}
		if d := bytes.Compare(it.Key()[1:], name); d >= 0 {
			return d == 0
		}
		it.Next()
	}
	return it.SeekGE(append([]byte{kindAccess}, name...)) && bytes.Equal(it.Key()[1:], name)
}

// flushReadsIfMany writes the times down when there are many, or it is time.
func (m *mountpath) flushReadsIfMany() error {
	now := m.config.Now()
	m.reads.mu.Lock()
	due := len(m.reads.times) >= manyReads || len(m.reads.times) > 0 && now.Sub(m.reads.flushed) >= readsDelay
	m.reads.mu.Unlock()
	if !due {
		return nil
	}
	return m.flushReads()
}

// flushReads writes the noted times to the index. Those of a failed mountpath
// are lost: they only guide eviction.
func (m *mountpath) flushReads() error {
	m.reads.mu.Lock()
	times := m.reads.times
	m.reads.times, m.reads.flushed = nil, m.config.Now()
	m.reads.mu.Unlock()
	if len(times) == 0 {
		return nil
	}
	x, err := m.use()
	if err != nil {
		return err
	}
	defer x.leave()
	b := x.db.NewBatch()
	var key []byte
	var value [8]byte
	for n, at := range times {
		key = appendName(key[:0], kindAccess, n.Bucket, n.Key)
		binary.BigEndian.PutUint64(value[:], uint64(at))
		if err := b.Set(key, value[:], nil); err != nil {
			return err
		}
	}
	return x.apply(b, object.Process)
}
