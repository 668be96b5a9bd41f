package fs

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// txn is one change of one name: under the name's lock, in one batch.
type txn struct {
	s    *Store
	m    *mountpath
	x    *index
	n    object.Name
	b    *pebble.Batch
	from pebble.Reader // what is read: the index, or the batch where that has changed the name before
	held *held         // the locks of a name that may be at several places; nil where it is one
	lock uint64        // the name's digest, by which it is locked where held is nil
	buf  *scratch

	mirrors []place // where the change goes first

	old    *record // the current version; nil for none, or a delete marker
	stored string  // old as it is stored
	past   history // of the other versions
	begun  history // past as it is stored
	delta  count
	freed  []blobID // of old, and of what else the change lets go of
	use    uint64   // that held freed

	sends bool     // the change goes to other targets as well
	blobs blobList // that it refers to anew, where it is sent
	tried bool     // the log may have it, in spite of an error
	solo  bool     // nobody else is to hear of it; see soloTxn
}

// begin locks the name and reads what is there.
func (s *Store) begin(n object.Name) (*txn, error) { return s.beginOn(n, nil) }

// beginOn is begin for a change that has bytes on the mountpath on, nil for none:
// errElsewhere where the name is at another one.
func (s *Store) beginOn(n object.Name, on *mountpath) (*txn, error) {
	if err := s.enter(n, true); err != nil {
		return nil, err
	}
	t, err := s.lockName(n)
	if err != nil {
		return nil, err
	}
	t.sends = s.sends(n)
	if err = t.mayChange(); err == nil && on != nil && on != t.m {
		err = errElsewhere
	}
	if err == nil {
		if err = t.load(); err != nil {
			t.m.suspect(err)
		}
	}
	if err != nil {
		t.end()
		return nil, err
	}
	t.b = t.x.db.NewBatch()
	return t, nil
}

// lockName takes the lock of a name and reads nothing.
func (s *Store) lockName(n object.Name) (*txn, error) {
	digest := n.Digest()
	t, err := s.lock(n, digest)
	for err == errRelaid {
		t, err = s.lock(n, digest)
	}
	return t, err
}

// lock takes the name's lock where it is; errRelaid where the mountpaths changed
// meanwhile.
func (s *Store) lock(n object.Name, digest uint64) (*txn, error) {
	l := s.layout.Load()
	v := l.by(n.Bucket)
	if !v.settled() {
		if places := v.places(digest); len(places) > 1 {
			return s.lockAmong(l, places, n, digest)
		}
	}
	m := v.sets[0].of(digest)
	x, err := m.useToWrite()
	if err != nil {
		if s.mayFailOver(n.Bucket, err, m) || s.layout.Load() != l {
			return nil, errRelaid
		}
		return nil, err
	}
	t := &txn{s: s, m: m, x: x, n: n, from: x.db, lock: digest, buf: s.scratch()}
	x.locks.lock(digest)
	if s.layout.Load() != l {
		t.end()
		return nil, errRelaid
	}
	return s.withMirrors(t, l)
}

// withMirrors finds where the mirrors of a locked name are, if it is to have any.
func (s *Store) withMirrors(t *txn, l *layout) (*txn, error) {
	if l.mirrored == nil {
		return t, nil
	}
	out, err := t.findMirrors(l)
	if err == nil {
		return t, nil
	}
	t.end()
	if out != nil && (s.failOver(out) || s.layout.Load() != l) {
		err = errRelaid
	}
	return nil, err
}

// end unlocks; it must follow every begin.
func (t *txn) end() {
	if t.b != nil {
		_ = t.b.Close() // of a batch that was not applied
	}
	t.leaveMirrors()
	if t.held != nil {
		t.held.release()
	} else {
		t.x.locks.unlock(t.lock)
		t.x.leave()
	}
	t.s.putScratch(t.buf)
}

func (t *txn) load() (err error) {
	value, found, err := get(t.from, t.key(kindObject))
	if err != nil {
		return err
	}
	if found {
		t.old, t.stored = new(record), value
		if err := decodeRecord(value, t.old); err != nil {
			return err
		}
	}
	if t.x.versions.Load() {
		t.past, err = t.others().history()
		t.begun = t.past
	}
	return err
}

// others is the versions of the name but the current one, before the change.
func (t *txn) others() past { return past{t.from, t.n, t.buf} }

func (t *txn) key(kind byte) []byte {
	t.buf.key = appendName(t.buf.key[:0], kind, t.n.Bucket, t.n.Key)
	return t.buf.key
}

// Terms are what a change of a name depends on. They are looked at under the
// name's lock: the gate first, then If, then the conditions.
type Terms struct {
	Cond       object.Cond       // a write's on the current version, where a delete marker is nothing; a removal's on what it removes
	Versioning object.Versioning // of the bucket, as of the commit
	Gate       func() error      // may be nil
	Owner      string            // of a delete marker that is written

	// If, which may be nil, sees the current version as Stat returns it but for
	// Parts, nil where there is none or it is a delete marker. Its error ends the
	// change and is returned. It must not call the store.
	If func(now *object.Meta) error
}

// ask asks the gate and then If.
func (t *txn) ask(terms Terms) error {
	if terms.Gate != nil {
		if err := terms.Gate(); err != nil {
			return err
		}
	}
	return t.askIf(terms)
}

func (t *txn) askIf(terms Terms) error {
	if terms.If == nil {
		return nil
	}
	if t.old == nil {
		return terms.If(nil)
	}
	now := t.m.result(t.old)
	now.Accessed = t.m.accessed(t.x, t.buf, t.n)
	return terms.If(&now)
}

// check asks all that a write depends on.
func (t *txn) check(terms Terms) error {
	if err := t.ask(terms); err != nil {
		return err
	}
	if t.old == nil {
		return terms.Cond.CheckWrite(nil)
	}
	return terms.Cond.CheckWrite(&t.old.Meta)
}

// set makes r the name's current version, with body, if any, as its body record.
// It completes r's metadata. What was the current version stays or goes as the
// bucket's versioning has it.
func (t *txn) set(r *record, body []byte, v object.Versioning) error {
	if len(r.Meta.ETag)+len(r.Meta.StorageClass)+len(r.Meta.Owner) > maxHead/2 {
		return object.E("fs.Commit", t.n.Key, object.Invalid, errors.New("the ETag, storage class or owner is too long"))
	}
	r.Meta.Modified = stamp(r.Meta.Modified, t.s.config.Now)
	r.Meta.DeleteMarker = false
	if err := t.number(r, v); err != nil {
		return err
	}
	t.delta = count{1, r.Meta.Size}.minus(t.old)
	if err := t.supersede(r.Meta.VersionID == "", body != nil); err != nil {
		return err
	}
	if body != nil {
		if err := t.b.Set(t.bodyKey(r), body, nil); err != nil {
			return err
		}
	}
	t.buf.value = appendRecord(t.buf.value[:0], r)
	if err := t.b.Set(t.key(kindObject), t.buf.value, nil); err != nil {
		return err
	}
	if err := t.noteArrival(r); err != nil {
		return err
	}
	return t.keepHistory(r)
}

// hold adds the references of a use to the batch.
func (t *txn) hold(use uint64, segments []segment) error {
	if t.sends {
		t.blobs.add(segments)
	}
	for _, g := range segments {
		t.buf.key = appendRef(t.buf.key[:0], g.Blob, use, g.Slot)
		if err := t.b.Set(t.buf.key, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// free takes the references of a use out and remembers the blobs.
func (t *txn) free(use uint64, segments []segment) error {
	for _, g := range segments {
		t.buf.key = appendRef(t.buf.key[:0], g.Blob, use, g.Slot)
		if err := t.b.Delete(t.buf.key, nil); err != nil {
			return err
		}
		t.freed = append(t.freed, g.Blob)
	}
	return nil
}

// drop takes out the references and the body of a version.
func (t *txn) drop(r *record, bodyReplaced bool) error {
	if r.Payload == payloadManifest {
		if err := t.x.readManifest(t.bodyKey(r), r); err != nil {
			return err
		}
	}
	t.use = r.Use
	if err := t.free(r.Use, r.Segments); err != nil {
		return err
	}
	if !bodyReplaced && (r.Payload == payloadManifest || r.Payload == payloadInline) {
		return t.b.Delete(t.bodyKey(r), nil)
	}
	return nil
}

// apply commits the batch, here and, where the name has copies, there, and lets go of
// what it freed.
func (t *txn) apply(d object.Durability) error {
	if t.sends {
		return t.applySent(d)
	}
	return t.applyHere(d)
}

func (t *txn) applyHere(d object.Durability) error {
	t.tried = true
	if t.solo { // what is here of the name is not what it was on other targets
		if err := t.b.Delete(t.key(kindStamp), nil); err != nil {
			return err
		}
	}
	if err := t.delta.put(t.b, t.n.Bucket); err != nil {
		return err
	}
	if err := t.commit(d); err != nil {
		return err
	}
	if t.delta != (count{}) {
		t.x.counters.add(t.n.Bucket, t.delta)
	}
	t.mirrored(d)
	t.m.release(t.x, t.use, t.freed, d)
	return nil
}

// commit writes the batch, which is closed then.
func (t *txn) commit(d object.Durability) error {
	b := t.b
	t.b = nil
	if failed, err := t.commitMirrors(b, d); err != nil {
		if failed != nil {
			failed.noteWrite(err)
		}
		kind := object.Unavailable
		if writeKind(err) == object.NoSpace {
			kind = object.NoSpace
		}
		return object.E("fs.Mirror", t.n.Key, kind, errors.Join(err, b.Close()))
	}
	if err := t.x.apply(b, d); err != nil {
		// Whether the change will be there after a restart is not known.
		return object.E("fs.apply", t.n.Key, object.Unavailable, err)
	}
	for _, p := range t.mirrors {
		p.x.doubts.end(t.n)
	}
	return nil
}

func (t *txn) bodyKey(r *record) []byte {
	t.buf.key = appendBodyKey(t.buf.key[:0], t.n, r)
	return t.buf.key
}

// result returns a record's metadata as callers see it.
func (m *mountpath) result(r *record) object.Meta {
	meta := r.Meta
	meta.Parts = r.Parts
	meta.Mountpath = m.dir
	return meta
}

// readManifest fills in the segments and parts of a record. NotFound where the
// body is of another version, which an overwrite meanwhile explains.
func (x *index) readManifest(key []byte, r *record) error {
	value, found, err := x.get(key)
	if err != nil {
		return err
	}
	if !found {
		return errStale
	}
	use, segments, parts, err := decodeManifest(value)
	if err != nil {
		return err
	}
	if use != r.Use {
		return errStale
	}
	r.Segments, r.Parts = segments, parts
	return nil
}
