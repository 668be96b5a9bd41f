package fs

import (
	"context"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// mirrorPass gives every name of mirrored buckets its mirrors, takes out what shadows
// have besides, and notes that it is so.
func (s *Store) mirrorPass(ctx context.Context, p *Progress) error {
	l := s.layout.Load()
	if l.set.Mirrors == nil || !l.settled() || l.set.Mirrors.whole() && !s.unverified.Load() {
		return nil
	}
	l.barrier()
	breathe := s.breather(ctx)
	for _, m := range l.everywhere() {
		if l.set.isLost(m.id) {
			continue
		}
		for _, kind := range []byte{kindObject, kindVersion, kindUpload, kindStamp} {
			err := m.eachName(kind, 0, func(n object.Name) error {
				if l.by(n.Bucket) == l && m.parent == nil {
					return ctx.Err()
				}
				done, bytes, err := s.mirrorName(l, n)
				if err != nil {
					p.Failed.Add(1)
					return err
				}
				if done {
					p.Objects.Add(1)
					p.Bytes.Add(bytes)
					s.metricsOf.mirrored.Add(1)
				}
				return breathe()
			})
			if err != nil {
				return err
			}
		}
	}
	return s.noteWhole(l)
}

// noteWhole notes that all names have their mirrors, if the layout is still l.
func (s *Store) noteWhole(l *layout) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.layout.Load() != l {
		return nil
	}
	s.unverified.Store(false)
	if l.set.Mirrors.whole() {
		return nil
	}
	next := l.set.clone()
	for id, b := range next.Mirrors.Buckets {
		b.Have = b.Copies
		next.Mirrors.Buckets[id] = b
	}
	return s.change(next, nil, nil)
}

// mirrorName makes a name's mirrors what its home has, and takes it out of all other
// shadows.
func (s *Store) mirrorName(l *layout, n object.Name) (done bool, bytes int64, err error) {
	t, err := s.lockName(n)
	if err != nil {
		return false, 0, err
	}
	defer t.end()
	if s.layout.Load() != l {
		return false, 0, object.E("fs.Mirror", n.Key, object.Busy, errRelaid)
	}
	right := l.mirrorsOf(n)
	for _, sh := range l.shadows() {
		if l.set.isLost(sh.id) {
			continue
		}
		x, err := sh.useToWrite()
		if err != nil {
			return false, 0, err
		}
		if slices.Contains(right, sh) {
			var made bool
			made, err = s.equalize(n, place{t.m, t.x}, place{sh, x})
			done = done || made
		} else {
			err = s.wipeName(sh, x, n)
		}
		x.leave()
		if err != nil {
			return false, 0, err
		}
	}
	if done {
		if e, err := t.x.gather(n); err == nil && e != nil {
			bytes = e.count().bytes
		}
	}
	return done, bytes, nil
}

func (s *Store) wipeName(m *mountpath, x *index, n object.Name) error {
	e, err := x.gather(n)
	if err != nil || e == nil {
		return err
	}
	return s.wipe(m, x, e)
}

// wipeBucket takes all names of a bucket, 0 for all, out of a mountpath where nobody
// looks for them.
func (s *Store) wipeBucket(m *mountpath, bucket uint64) error {
	for _, kind := range append(placedKinds(), kindAccess) {
		err := m.eachName(kind, bucket, func(n object.Name) error {
			x, err := m.useToWrite()
			if err != nil {
				return err
			}
			defer x.leave()
			return s.wipeName(m, x, n)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachName calls f for each name that has a record of a kind in a bucket, 0 for all;
// no iterator is open meanwhile.
func (m *mountpath) eachName(kind byte, bucket uint64, f func(object.Name) error) error {
	low, high := []byte{kind}, []byte{kind + 1}
	if bucket != 0 {
		low = appendBucket(nil, kind, bucket)
		high = after(slices.Clone(low))
	}
	for low != nil {
		names, next, err := m.someNames(low, high)
		if err != nil {
			return err
		}
		for _, n := range names {
			if err := f(n); err != nil {
				return err
			}
		}
		low = next
	}
	return nil
}

func (m *mountpath) someNames(low, high []byte) (names []object.Name, next []byte, err error) {
	x, err := m.use()
	if err != nil {
		return nil, nil, err
	}
	defer x.leave()
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high})
	if err != nil {
		return nil, nil, err
	}
	defer it.Close()
	for ok := it.First(); ok; {
		bucket, key, _, err := parseName(it.Key())
		if err != nil {
			return nil, nil, err
		}
		past := after(appendName(nil, it.Key()[0], bucket, key))
		if names = append(names, object.Name{Bucket: bucket, Key: key}); len(names) == resilverChunk {
			return names, past, nil
		}
		ok = it.SeekGE(past)
	}
	return names, nil, it.Error()
}
