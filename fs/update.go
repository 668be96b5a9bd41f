package fs

import "ais/object"

// Update changes the metadata of a version, named as for Stat, and not its bytes.
// change sees the metadata and changes it in place; what it does to Size, Parts,
// VersionID and Version.Counter is ignored. Its error ends the update and is
// returned. Errors: those of Stat, and the gate's own.
func (s *Store) Update(n object.Name, version string, d object.Durability, gate func() error, change func(*object.Meta) error) (object.Meta, error) {
	t, err := s.begin(n)
	if err != nil {
		return object.Meta{}, fault("fs.Update", n, err)
	}
	defer t.end()
	if err := t.check(Terms{Gate: gate}); err != nil {
		return object.Meta{}, fault("fs.Update", n, err)
	}
	out, err := t.update(version, change)
	if err == nil {
		err = t.apply(d)
	}
	if err != nil {
		return object.Meta{}, fault("fs.Update", n, err)
	}
	return out, nil
}

func (t *txn) update(version string, change func(*object.Meta) error) (object.Meta, error) {
	old, err := t.named(version)
	switch {
	case err != nil:
		return object.Meta{}, err
	case old == nil:
		return object.Meta{}, object.NotFound
	case old.Meta.DeleteMarker:
		return object.Meta{}, &markerError{object.DeleteMarked, old.Meta}
	}
	if old.Payload == payloadManifest {
		if err := t.x.readManifest(t.bodyKey(old), old); err != nil {
			return object.Meta{}, err
		}
	}
	r := *old
	r.Meta = t.m.result(old).Clone()
	if err := change(&r.Meta); err != nil {
		return object.Meta{}, err
	}
	r.Meta.Size, r.Meta.VersionID, r.Meta.DeleteMarker = old.Meta.Size, old.Meta.VersionID, false
	r.Meta.Modified = stamp(r.Meta.Modified, t.s.config.Now)
	r.Meta.Version.Counter = old.Meta.Version.Counter
	if old == t.old && r.Meta.VersionID == "" { // every other version is found by its counter
		r.Meta.Version.Counter = max(r.Meta.Version.Counter, t.past.Last) + 1
	}
	key := t.key(kindObject)
	if old != t.old {
		key = appendVersionKey(key[:0], t.n, r.Meta.Version.Counter)
	}
	t.buf.value = appendRecord(t.buf.value[:0], &r)
	return t.m.result(&r), t.b.Set(key, t.buf.value, nil)
}
