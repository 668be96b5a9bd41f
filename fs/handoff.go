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

// Handoffs returns up to limit names after a name, by bucket and key, of which target
// misses changes; fewer are the last.
func (s *Store) Handoffs(target string, after object.Name, limit int) ([]Handoff, error) {
	var out []Handoff
	err := s.eachMountpath(func(x *index) error {
		found := 0
		return x.walkFrom(kindHandoff, 0, after, func(n object.Name, rest []byte, it *pebble.Iterator) (bool, error) {
			if string(rest) != target {
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
		page, err := s.Handoffs(target, after, batchNames)
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

// eachMountpath calls f for the index of every mountpath that names are on, while no name moves
// between them. Unavailable where one is failed.
func (s *Store) eachMountpath(f func(x *index) error) error {
	l := s.layout.Load()
	defer s.stillMoves(l)()
	for _, m := range l.all {
		x, err := m.use()
		if err != nil {
			return err
		}
		err = f(x)
		x.leave()
		if err != nil {
			return err
		}
	}
	return nil
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
