package fs

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// Empty reports whether a bucket has no version of an object and no delete marker;
// uploads do not count, nor do names that Copying does not list.
func (s *Store) Empty(bucket uint64) (bool, error) {
	page, err := s.List(bucket, object.Query{Limit: 1, Versions: true})
	return len(page.Entries) == 0, err
}

// Count returns a bucket's objects and their bytes, those of current versions. A failed mountpath's are
// missing from it, and then the error is Unavailable. All copies that are here count,
// whether Copying lists them or not; see CountListed.
func (s *Store) Count(bucket uint64) (objects, bytes int64, err error) {
	l := s.layout.Load()
	if len(l.by(bucket).ghosts) > 0 { // names are taken over: what shadows have of others counts, too
		return s.countNames(bucket, func(object.Name, *cursor) bool { return true })
	}
	defer s.stillMoves(l)()
	for _, m := range l.all {
		if l.isLostTo(bucket, m) {
			continue
		}
		x := m.index.Load()
		if x == nil {
			err = object.E("fs.Count", m.dir, object.Unavailable, nil)
			continue
		}
		n := x.counters.of(bucket)
		objects += n.objects
		bytes += n.bytes
	}
	return objects, bytes, err
}

// Buckets returns the ids of the buckets that have any version of an
// object, or upload, or what is noted of their copies, ascending.
func (s *Store) Buckets() ([]uint64, error) {
	var out []uint64
	l := s.layout.Load()
	defer s.stillMoves(l)()
	for _, kind := range []byte{kindObject, kindUpload, kindVersion, kindStamp, kindPrepared, kindHandoff} {
		for _, m := range l.everywhere() {
			ids, err := m.buckets(kind)
			if err != nil {
				return nil, fault("fs.Buckets", object.Name{}, err)
			}
			out = append(out, ids...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func (m *mountpath) buckets(kind byte) (ids []uint64, err error) {
	x, err := m.use()
	if err != nil {
		return nil, err
	}
	defer x.leave()
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}})
	if err != nil {
		return nil, err
	}
	defer it.Close()
	for it.First(); it.Valid(); {
		if len(it.Key()) < 9 {
			return nil, errBadKey
		}
		id := binary.BigEndian.Uint64(it.Key()[1:])
		ids = append(ids, id)
		it.SeekGE(after(appendBucket(nil, kind, id)))
	}
	return ids, it.Error()
}

// DropBucket removes all that a bucket has: objects and their versions, uploads,
// and what is noted of them. It may be repeated after a failure. Nothing may write to the bucket
// meanwhile.
func (s *Store) DropBucket(bucket uint64) error {
	s.dropping.Store(bucket, nil)
	defer s.dropping.Delete(bucket)
	s.moves.Lock()   // whoever moves a name of it does so before, or not at all
	s.moves.Unlock() //nolint:staticcheck // see above
	for l := (*layout)(nil); l != s.layout.Load(); {
		l = s.layout.Load()
		for _, m := range l.everywhere() {
			drop := s.dropFrom
			switch lost := l.isLostTo(bucket, m); {
			case lost && !m.writes():
				continue // what it has is dropped when it is back
			case lost || m.parent != nil:
				drop = s.wipeBucket
			}
			if err := drop(m, bucket); err != nil {
				return fault("fs.DropBucket", object.Name{Bucket: bucket}, err)
			}
		}
	}
	return s.forgetMirrored(bucket)
}

// stillMoves keeps names from being moved until what it returns is called; where
// they are where they belong, none is.
func (s *Store) stillMoves(l *layout) (resume func()) {
	if l.settled() {
		return func() {}
	}
	s.moves.Lock()
	return s.moves.Unlock
}

func (s *Store) dropFrom(m *mountpath, bucket uint64) error {
	for _, kind := range []byte{kindVersion, kindObject} {
		for more := true; more; {
			var err error
			if more, err = s.dropRecords(m, bucket, kind); err != nil {
				return err
			}
		}
	}
	for {
		names, ids, err := m.names(kindUpload, bucket, batchNames)
		if err != nil {
			return err
		}
		if len(names) == 0 {
			break
		}
		for i, n := range names {
			if err := s.dropUpload(n, ids[i]); err != nil && !errors.Is(err, object.NoSuchUpload) {
				return err
			}
		}
	}
	if err := s.dropMarks(m, bucket); err != nil {
		return err
	}
	x, err := m.use()
	if err != nil {
		return err
	}
	defer x.leave()
	b := x.db.NewBatch()
	for _, kind := range []byte{kindCompleted, kindAccess, kindHandoff, kindStamp} {
		low := appendBucket(nil, kind, bucket)
		if err := b.DeleteRange(low, after(slices.Clone(low)), nil); err != nil {
			return err
		}
	}
	return x.apply(b, object.Power)
}

// dropUpload discards an upload, and tells nobody.
func (s *Store) dropUpload(n object.Name, id string) error {
	t, err := s.lockName(n)
	if err != nil {
		return err
	}
	defer t.end()
	t.b = t.x.db.NewBatch()
	return t.discard(id)
}

// dropMarks removes what is prepared in a bucket.
func (s *Store) dropMarks(m *mountpath, bucket uint64) error {
	for {
		names, _, err := m.names(kindPrepared, bucket, batchNames)
		if err != nil {
			return err
		}
		if len(names) == 0 {
			return nil
		}
		for _, n := range names {
			if err := s.dropChain(n); err != nil {
				return err
			}
		}
	}
}

// dropChain drops all that is prepared of a name.
func (s *Store) dropChain(n object.Name) error {
	t, err := s.lockName(n)
	if err != nil {
		return err
	}
	defer t.end()
	chain := t.x.marks.of(n).chain
	if len(chain) == 0 {
		return nil
	}
	t.b = t.x.db.NewBatch()
	o, err := t.settle(Settlement{Name: n, Stamp: chain[0].stamp})
	if err == nil {
		err = t.commit(object.Process)
	}
	if err == nil {
		o.settled()
	}
	return err
}

// dropRecords removes the first batchNames versions of a kind in a bucket, and
// reports whether there were any.
func (s *Store) dropRecords(m *mountpath, bucket uint64, kind byte) (more bool, err error) {
	x, err := m.use()
	if err != nil {
		return false, err
	}
	defer x.leave()
	low := appendBucket(nil, kind, bucket)
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: after(slices.Clone(low))})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	b, buf := x.db.NewBatch(), s.scratch()
	defer s.putScratch(buf)
	var delta count
	var txns []*txn
	for it.First(); it.Valid() && len(txns) < batchNames; it.Next() {
		t := &txn{s: s, m: m, x: x, b: b, from: x.db, buf: buf}
		r, err := t.dropStored(it)
		if err != nil {
			return false, err
		}
		if kind == kindObject {
			delta = delta.minus(r)
		}
		txns = append(txns, t)
	}
	if err := errors.Join(it.Error(), delta.put(b, bucket)); err != nil {
		return false, err
	}
	if err := x.apply(b, object.Process); err != nil {
		return false, err
	}
	x.counters.add(bucket, delta)
	for _, t := range txns {
		m.release(x, t.use, t.freed, object.Process)
	}
	return len(txns) > 0, nil
}

// dropStored removes the version, or the history, that a walk is at.
func (t *txn) dropStored(it *pebble.Iterator) (*record, error) {
	kind := it.Key()[0]
	bucket, key, rest, err := parseName(it.Key())
	if err != nil {
		return nil, err
	}
	t.n = object.Name{Bucket: bucket, Key: key}
	if err := t.b.Delete(it.Key(), nil); err != nil || kind == kindVersion && len(rest) == 0 {
		return nil, err
	}
	v, err := it.ValueAndErr()
	if err != nil {
		return nil, err
	}
	r := new(record)
	if err := decodeRecord(string(v), r); err != nil {
		return nil, err
	}
	return r, t.drop(r, false)
}

// names returns the first names of a kind in a bucket, and what follows them.
func (m *mountpath) names(kind byte, bucket uint64, limit int) (names []object.Name, rest []string, err error) {
	x, err := m.use()
	if err != nil {
		return nil, nil, err
	}
	defer x.leave()
	low := appendBucket(nil, kind, bucket)
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: after(slices.Clone(low))})
	if err != nil {
		return nil, nil, err
	}
	defer it.Close()
	for it.First(); it.Valid() && len(names) < limit; it.Next() {
		_, key, id, err := parseName(it.Key())
		if err != nil {
			return nil, nil, err
		}
		names = append(names, object.Name{Bucket: bucket, Key: key})
		rest = append(rest, string(id))
	}
	return names, rest, it.Error()
}
