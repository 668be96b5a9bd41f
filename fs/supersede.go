package fs

import "ais/object"

// effective returns the versioning that a change goes by. Where the name has had
// versions the bucket cannot be Unversioned: whoever says so looked before that
// changed, and no version may be lost for it.
func (t *txn) effective(v object.Versioning) object.Versioning {
	if v == object.Unversioned && (t.past != (history{}) || t.old != nil && t.old.Meta.VersionID != "") {
		return object.Suspended
	}
	return v
}

// number gives a new version its counter and id.
func (t *txn) number(r *record, v object.Versioning) (err error) {
	last := t.past.Last
	if t.old != nil {
		last = max(last, t.old.Meta.Version.Counter)
	}
	r.Meta.Version.Counter = last + 1
	r.Meta.VersionID = ""
	if t.effective(v) == object.Versioned {
		r.Meta.VersionID, err = newVersionID(t.s.config.Rand, last+1)
	}
	return err
}

// supersede makes room for a version above all others. A new null version takes
// the place of the one there was; else what is there stays.
func (t *txn) supersede(null, bodyReplaced bool) error {
	if null && t.old != nil && t.old.Meta.VersionID == "" {
		return t.drop(t.old, bodyReplaced)
	}
	if null && t.past.Null != 0 {
		if err := t.dropPast(object.NullVersion, bodyReplaced); err != nil {
			return err
		}
	}
	if t.old == nil {
		return nil
	}
	return t.toPast(t.old, t.stored)
}

// toPast puts a version, in its stored form, among those that are not current.
func (t *txn) toPast(r *record, stored string) error {
	t.buf.key = appendVersionKey(t.buf.key[:0], t.n, r.Meta.Version.Counter)
	t.past.Count++
	t.past.Last = max(t.past.Last, r.Meta.Version.Counter)
	if r.Meta.VersionID == "" {
		t.past.Null = r.Meta.Version.Counter
	}
	return t.b.Set(t.buf.key, []byte(stored), nil)
}

// fromPast takes a version's record out of those that are not current.
func (t *txn) fromPast(r *record) error {
	t.buf.key = appendVersionKey(t.buf.key[:0], t.n, r.Meta.Version.Counter)
	t.past.Count--
	t.past.Last = max(t.past.Last, r.Meta.Version.Counter)
	if r.Meta.VersionID == "" {
		t.past.Null = 0
	}
	return t.b.Delete(t.buf.key, nil)
}

// dropPast removes a version that is not the current one.
func (t *txn) dropPast(version string, bodyReplaced bool) error {
	r, _, err := t.others().find(t.past, version)
	if err != nil {
		return err
	}
	if err := t.drop(r, bodyReplaced); err != nil {
		return err
	}
	return t.fromPast(r)
}

// vacate takes the current version's record out.
func (t *txn) vacate() error {
	if t.old == nil {
		return nil
	}
	if err := t.b.Delete(t.key(kindObject), nil); err != nil {
		return err
	}
	t.m.reads.forget(t.n)
	return t.b.Delete(t.key(kindAccess), nil)
}

// mark makes a delete marker the newest version and returns it.
func (t *txn) mark(v object.Versioning, owner string) (*record, error) {
	r := &record{Meta: object.Meta{DeleteMarker: true, Owner: owner, Modified: stamp(object.Meta{}.Modified, t.s.config.Now)}}
	if t.old != nil {
		r.Meta.Version.Term = t.old.Meta.Version.Term
	}
	if err := t.number(r, v); err != nil {
		return nil, err
	}
	t.delta = count{}.minus(t.old)
	if err := t.supersede(r.Meta.VersionID == "", false); err != nil {
		return nil, err
	}
	if err := t.vacate(); err != nil {
		return nil, err
	}
	if err := t.toPast(r, string(appendRecord(nil, r))); err != nil {
		return nil, err
	}
	return r, t.keepHistory(nil)
}

// erase removes the version r, which is t.old or one of the past, for good.
func (t *txn) erase(r *record) error {
	if err := t.drop(r, false); err != nil {
		return err
	}
	if r != t.old {
		if err := t.fromPast(r); err != nil {
			return err
		}
	} else {
		t.past.Last = max(t.past.Last, r.Meta.Version.Counter)
	}
	now := t.old
	if r == t.old || t.old == nil {
		var err error
		if now, err = t.promote(r); err != nil {
			return err
		}
	}
	return t.keepHistory(now)
}

// promote makes the newest version but gone the current one, unless it is a
// delete marker, and returns it.
func (t *txn) promote(gone *record) (*record, error) {
	var next *record
	var stored string
	if t.past.Count > 0 {
		var err error
		if next, stored, err = t.others().newest(gone.Meta.Version.Counter); err != nil {
			return nil, err
		}
	}
	if next == nil || next.Meta.DeleteMarker {
		t.delta = count{}.minus(t.old)
		return nil, t.vacate()
	}
	t.delta = count{1, next.Meta.Size}.minus(t.old)
	if err := t.fromPast(next); err != nil {
		return nil, err
	}
	return next, t.b.Set(t.key(kindObject), []byte(stored), nil)
}

// keepHistory writes the name's history where it has changed. The name has one no
// longer where now, its current version, is the newest that it ever had and the
// only one, or where nothing is left.
func (t *txn) keepHistory(now *record) error {
	if t.past.Count == 0 && (now == nil || now.Meta.Version.Counter >= t.past.Last) {
		t.past = history{}
	}
	switch t.past {
	case t.begun:
		return nil
	case history{}:
		return t.b.Delete(t.key(kindVersion), nil)
	}
	t.x.versions.Store(true) // before anyone can see the record
	t.buf.value = appendHistory(t.buf.value[:0], t.past)
	return t.b.Set(t.key(kindVersion), t.buf.value, nil)
}
