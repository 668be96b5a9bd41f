package fs

import "ais/object"

// applySent brings the change to the other copies and then applies it here.
func (t *txn) applySent(d object.Durability) error {
	copying := t.s.config.Copying
	c, err := t.change(d)
	if err == nil {
		err = copying.Send(c)
	}
	if err != nil {
		return err
	}
	if err = t.handOff(c); err == nil {
		err = t.applyHere(d)
	}
	if sent := copying.Sent(c, err); err == nil {
		err = sent
	}
	return err
}

// change gives the name its next stamp in the batch, and returns what that does.
func (t *txn) change(d object.Durability) (*Change, error) {
	base, err := t.base()
	if err != nil {
		return nil, err
	}
	placement, term, err := t.s.config.Copying.Term(t.n)
	if err != nil {
		return nil, err
	}
	next := base.next(t.s.tries.Add(1), placement, term)
	if base.CompareTerm(next) > 0 {
		return nil, conflict("fs.Change", t.n, ErrStale)
	}
	t.buf.value = appendStampRecord(t.buf.value[:0], next)
	if err := t.b.Set(t.key(kindStamp), t.buf.value, nil); err != nil {
		return nil, err
	}
	records, err := recordsOf(t.b)
	return &Change{Name: t.n, Base: base, Stamp: next, Durability: d, Records: records, Blobs: t.blobs.list}, err
}

// base returns the stamp that the change begins with.
func (t *txn) base() (Stamp, error) {
	base, err := readStamp(t.x.db, t.n)
	if err != nil || !base.IsZero() {
		return base, err
	}
	there := t.old != nil || t.begun != history{} // as the change found it
	if !there && t.x.uploads.Load() {
		there, err = t.x.hasKind(kindUpload, t.n)
	}
	if err == nil && there {
		base = unstamped
	}
	return base, err
}

// Touch makes a change of a name that does nothing but give it a new stamp, and is
// sent as any other: a copy that is behind, or has another placement, hears of it.
// The name need not exist; then the stamp is that of a removed one. Where changes of
// the name are not sent it does nothing.
func (s *Store) Touch(n object.Name, d object.Durability) error {
	t, err := s.begin(n)
	if err != nil {
		return fault("fs.Touch", n, err)
	}
	defer t.end()
	if !t.sends {
		return nil
	}
	return fault("fs.Touch", n, t.apply(d))
}
