package fs

import (
	"bytes"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// Handoff is a name of which a target misses changes.
type Handoff struct {
	Name object.Name
	Term uint64 // of the last one
}

func appendHandoffKey(dst []byte, n object.Name, target string) []byte {
	return append(appendName(dst, kindHandoff, n.Bucket, n.Key), target...)
}

func appendHandoff(dst []byte, term uint64) []byte {
	return appendUint(append(dst, recordVersion), term)
}

func decodeHandoff(value string) (term uint64, err error) {
	d := decoder{s: value}
	if d.byte() != recordVersion {
		d.fail()
	}
	term = d.uint()
	return term, d.err()
}

// handOff notes in the batch which targets miss a change.
func (t *txn) handOff(c *Change) error {
	for _, target := range c.Handoff {
		key := appendHandoffKey(nil, t.n, target)
		if err := t.b.Set(key, appendHandoff(nil, c.Stamp.Term), nil); err != nil {
			return err
		}
	}
	return nil
}

// Handoffs returns up to limit names of a bucket, 0 for all, after a name, by bucket and
// key, of which target misses changes; fewer are the last. Unavailable where a mountpath
// is failed that names of the bucket are on.
func (s *Store) Handoffs(bucket uint64, target string, after object.Name, limit int) ([]Handoff, error) {
	var out []Handoff
	err := s.eachMountpath(bucket, func(x *index, has nameSet) error {
		found := 0
		return x.walkFrom(kindHandoff, bucket, after, func(n object.Name, rest []byte, it *pebble.Iterator) (bool, error) {
			if string(rest) != target || !has(n) {
				return true, nil
			}
			v, err := it.ValueAndErr()
			if err != nil {
				return false, err
			}
			term, err := decodeHandoff(string(v))
			out = append(out, Handoff{n, term})
			found++
			return found < limit, err
		})
	})
	if err != nil {
		return nil, fault("fs.Handoffs", object.Name{}, err)
	}
	slices.SortFunc(out, func(a, b Handoff) int { return compareNames(a.Name, b.Name) })
	out = slices.CompactFunc(out, func(a, b Handoff) bool { return a.Name == b.Name })
	return out[:min(len(out), limit)], nil
}

// ForgetHandoffs removes what is noted for target of changes by terms below before.
func (s *Store) ForgetHandoffs(target string, before uint64) error {
	for after, more := (object.Name{}), true; more; {
		page, err := s.Handoffs(0, target, after, batchNames)
		if err != nil {
			return err
		}
		for _, h := range page {
			if h.Term >= before {
				continue
			}
			if err := s.forgetHandoff(h.Name, target, before); err != nil {
				return fault("fs.ForgetHandoffs", h.Name, err)
			}
		}
		if more = len(page) == batchNames; more {
			after = page[len(page)-1].Name
		}
	}
	return nil
}

func (s *Store) forgetHandoff(n object.Name, target string, before uint64) error {
	t, err := s.lockName(n)
	if err != nil {
		return err
	}
	defer t.end()
	key := appendHandoffKey(nil, n, target)
	value, found, err := t.x.get(key)
	if err != nil || !found {
		return err
	}
	if term, err := decodeHandoff(value); err != nil || term >= before {
		return err
	}
	t.b = t.x.db.NewBatch()
	if err := t.b.Delete(key, nil); err != nil {
		return err
	}
	return t.commit(object.Process)
}

// eachMountpath calls f for the index of every mountpath, or shadow, that names of a
// bucket, 0 for all, are on, while no name moves between them; has says which those are.
// Unavailable where one is failed.
func (s *Store) eachMountpath(bucket uint64, f func(x *index, has nameSet) error) error {
	for {
		l := s.layout.Load()
		err := s.eachMountpathOf(l, bucket, f)
		if err != errOut {
			return err
		}
		s.mayFailOver(bucket, object.Unavailable, l.listed(bucket)...)
		if l == s.layout.Load() {
			return object.Unavailable
		}
	}
}

// errOut says that f was not called, since a mountpath is out of service.
var errOut = errors.New("a mountpath is out of service")

func (s *Store) eachMountpathOf(l *layout, bucket uint64, f func(x *index, has nameSet) error) error {
	defer s.stillMoves(l)()
	var all []*index
	var have []nameSet
	defer func() {
		for _, x := range all {
			x.leave()
		}
	}()
	for _, m := range l.everywhere() {
		has := l.namesOn(m)
		if has == nil || l.isLostTo(bucket, m) {
			continue
		}
		x, err := m.use()
		if err != nil {
			return errOut
		}
		all, have = append(all, x), append(have, has)
	}
	for i, x := range all {
		if err := f(x, have[i]); err != nil {
			return err
		}
	}
	return nil
}

// nameSet is a set of names.
type nameSet func(object.Name) bool

// namesOn returns the names that count where they are on a mountpath or shadow: on a
// lost one those without mirrors, on a shadow those that are taken over. It is nil for
// none.
func (l *layout) namesOn(m *mountpath) nameSet {
	switch {
	case m.parent != nil && l.restsOn(m):
		return nil
	case m.parent != nil:
		return func(n object.Name) bool { return l.isStray(m, n) }
	}
	return func(n object.Name) bool { return !l.isLostTo(n.Bucket, m) }
}

// walkFrom calls f for the records of a kind after all of a name, until it returns
// false; of one bucket unless that is 0.
func (x *index) walkFrom(kind byte, bucket uint64, behind object.Name, f func(n object.Name, rest []byte, it *pebble.Iterator) (bool, error)) (err error) {
	bounds := pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}}
	if bucket != 0 {
		bounds.LowerBound = appendBucket(nil, kind, bucket)
		bounds.UpperBound = after(appendBucket(nil, kind, bucket))
	}
	if behind != (object.Name{}) {
		past := after(appendName(nil, kind, behind.Bucket, behind.Key))
		if bytes.Compare(past, bounds.LowerBound) > 0 {
			bounds.LowerBound = past
		}
	}
	it, err := x.db.NewIter(&bounds)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for it.First(); it.Valid(); it.Next() {
		bucket, key, rest, err := parseName(it.Key())
		if err != nil {
			return err
		}
		if more, err := f(object.Name{Bucket: bucket, Key: key}, rest, it); err != nil || !more {
			return err
		}
	}
	return it.Error()
}
