package fs

import (
	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// Release removes all that is here of a name, durably, with what is prepared and
// its stamp.
func (s *Store) Release(n object.Name) error {
	t, err := s.lockName(n)
	if err != nil {
		return fault("fs.Release", n, err)
	}
	defer t.end()
	_, err = t.adopt(&Estate{Name: n})
	return fault("fs.Release", n, err)
}

// mayChange refuses a change of a name that has one in doubt.
func (t *txn) mayChange() error {
	if len(t.x.marks.of(t.n).chain) > 0 {
		return object.E("fs.Change", t.n.Key, object.Busy, ErrInDoubt)
	}
	return nil
}

// delete takes the name's records, and its references, out.
func (e *inventory) delete(b *pebble.Batch) error {
	for _, p := range e.pairs {
		if err := b.Delete(p.key, nil); err != nil {
			return err
		}
	}
	var key []byte
	for _, h := range e.holds {
		for _, g := range h.segments {
			key = appendRef(key[:0], g.Blob, h.use, g.Slot)
			if err := b.Delete(key, nil); err != nil {
				return err
			}
		}
	}
	return nil
}
