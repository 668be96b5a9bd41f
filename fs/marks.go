package fs

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// marks is what an index has of names that are in the middle of something, so that
// asking costs nothing while there are none. It changes after the index, under the
// name's lock.
type marks struct {
	any atomic.Bool // there is one

	mu    sync.RWMutex // guards the rest
	names map[object.Name]mark
	bytes int // of the changes in memory
}

// maxPreparedBytes bounds the prepared changes that an index keeps in memory until
// they are settled; of others only that they are there.
const maxPreparedBytes = 8 << 20

// mark is what a name is in the middle of. Its chain is not changed in place.
type mark struct {
	chain []prepared // changes that are not settled, in their order
}

// prepared is a change that waits to be settled.
type prepared struct {
	stamp Stamp
	since time.Time
	use   uint64
	c     *Change // nil where it is to be read from the index
}

// bytes returns what the changes take in memory.
func (k mark) bytes() (n int) {
	for _, p := range k.chain {
		if p.c != nil {
			n += len(p.c.Records)
		}
	}
	return n
}

func (k mark) empty() bool { return len(k.chain) == 0 }

// load reads the marks of an index that was opened.
func (k *marks) load(db *pebble.DB) error {
	k.names = make(map[object.Name]mark)
	err := eachRecord(db, kindPrepared, func(n object.Name, rest []byte, value string) error {
		p, err := parsePreparedRest(rest)
		if err != nil {
			return err
		}
		since, use, _, err := splitPrepared(value)
		now := k.names[n]
		now.chain = append(now.chain, prepared{stamp: p, since: since, use: use})
		k.names[n] = now
		return err
	})
	k.any.Store(len(k.names) > 0)
	return err
}

// eachRecord calls f for all records of a kind.
func eachRecord(db *pebble.DB, kind byte, f func(n object.Name, rest []byte, value string) error) (err error) {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for it.First(); it.Valid(); it.Next() {
		bucket, key, rest, err := parseName(it.Key())
		if err != nil {
			return err
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if err := f(object.Name{Bucket: bucket, Key: key}, rest, string(v)); err != nil {
			return err
		}
	}
	return it.Error()
}

// of returns the mark of a name.
func (k *marks) of(n object.Name) mark {
	if !k.any.Load() {
		return mark{}
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.names[n]
}

// set replaces the mark of a name.
func (k *marks) set(n object.Name, now mark) {
	if now.empty() && !k.any.Load() {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bytes -= k.names[n].bytes()
	if last := len(now.chain) - 1; last >= 0 && k.bytes+now.bytes() > maxPreparedBytes {
		now.chain = slices.Clone(now.chain)
		now.chain[last].c = nil
	}
	k.bytes += now.bytes()
	if now.empty() {
		delete(k.names, n)
	} else {
		k.names[n] = now
	}
	k.any.Store(len(k.names) > 0)
}

// all returns the prepared changes.
func (k *marks) all() (out []InDoubt) {
	if !k.any.Load() {
		return nil
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	for n, now := range k.names {
		for _, c := range now.chain {
			out = append(out, InDoubt{Name: n, Stamp: c.stamp, Since: c.since})
		}
	}
	return out
}

// mark returns the mark of a name, wherever it is here. Its mirrors have the same.
func (s *Store) mark(n object.Name) mark {
	l := s.layout.Load()
	v, digest := l.by(n.Bucket), n.Digest()
	if v.settled() {
		if x := v.sets[0].of(digest).index.Load(); x != nil {
			return x.marks.of(n)
		}
	}
	for _, m := range slices.Concat(v.places(digest), l.mirrorsOf(n)) {
		if x := m.index.Load(); x != nil {
			if now := x.marks.of(n); !now.empty() {
				return now
			}
		}
	}
	return mark{}
}

// InDoubt is a prepared change that is not settled.
type InDoubt struct {
	Name  object.Name
	Stamp Stamp
	Since time.Time // it was prepared, also where that was before Open
}

// InDoubt returns the prepared changes, those of a name in their order. It costs
// nothing where there are none.
func (s *Store) InDoubt() (out []InDoubt) {
	l := s.layout.Load()
	for _, m := range l.everywhere() {
		if x, has := m.index.Load(), l.namesOn(m); x != nil && has != nil {
			out = append(out, slices.DeleteFunc(x.marks.all(), func(d InDoubt) bool { return !has(d.Name) })...)
		}
	}
	return out
}

// Dirty reports whether a change of the name is prepared. It is cheap.
func (s *Store) Dirty(n object.Name) bool { return len(s.mark(n).chain) > 0 }
