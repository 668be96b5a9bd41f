package fs

import (
	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// Yield gives a name to another target, durably: from then on reads and changes of it
// are refused here with Conflict and ErrMoved, until Release, or Adopt, while Estate
// and OpenBlob go on. p is noted, for who asks again. Busy with ErrInDoubt where a
// change is not settled.
func (s *Store) Yield(n object.Name, p Stamp) error {
	t, err := s.lockName(n)
	if err != nil {
		return fault("fs.Yield", n, err)
	}
	defer t.end()
	now := t.x.marks.of(n)
	if len(now.chain) > 0 {
		return object.E("fs.Yield", n.Key, object.Busy, ErrInDoubt)
	}
	if now.yielded && now.to == p {
		return nil
	}
	t.b = t.x.db.NewBatch()
	if err := t.b.Set(t.key(kindYielded), appendStampRecord(nil, p), nil); err != nil {
		return fault("fs.Yield", n, err)
	}
	if err := t.commit(object.Power); err != nil {
		return err
	}
	t.x.marks.set(n, mark{yielded: true, to: p})
	return nil
}

// Release removes all that is here of a name, durably, with what is prepared, its
// stamp, and that it was yielded.
func (s *Store) Release(n object.Name) error {
	t, err := s.lockName(n)
	if err != nil {
		return fault("fs.Release", n, err)
	}
	defer t.end()
	_, err = t.adopt(&Estate{Name: n})
	return fault("fs.Release", n, err)
}

// mayRead is asked before a name is read, without locks.
func (s *Store) mayRead(n object.Name) error { return s.mayUse(n, false) }

// mayWrite is asked before a name is written to, without locks.
func (s *Store) mayWrite(n object.Name) error { return s.mayUse(n, true) }

// mayUse lets the name be brought here, and refuses one that was yielded.
func (s *Store) mayUse(n object.Name, write bool) error {
	if s.config.Copying == nil {
		return nil
	}
	if err := s.enter(n, write); err != nil {
		return err
	}
	if s.mark(n).yielded {
		return conflict("fs.Enter", n, ErrMoved)
	}
	return nil
}

// mayChange refuses a change of a name that was yielded, or has one in doubt.
func (t *txn) mayChange() error {
	switch now := t.x.marks.of(t.n); {
	case now.yielded:
		return conflict("fs.Change", t.n, ErrMoved)
	case len(now.chain) > 0:
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
