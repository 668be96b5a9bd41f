package fs

import (
	"errors"
	"sync"

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
	lock *sync.Mutex
	buf  *scratch

	old   *record // what is there now; nil for nothing
	delta count
	freed []blobID // of old, and of what else the change lets go of
	use   uint64   // that held freed
}

// begin locks the name and reads what is there.
func (s *Store) begin(n object.Name) (*txn, error) {
	m, digest := s.place(n)
	x, err := m.use()
	if err != nil {
		return nil, err
	}
	t := &txn{s: s, m: m, x: x, n: n, lock: x.locks.of(digest), buf: s.scratch()}
	t.lock.Lock()
	if err := t.load(); err != nil {
		t.end()
		return nil, err
	}
	t.b = x.db.NewBatch()
	return t, nil
}

// end unlocks; it must follow every begin.
func (t *txn) end() {
	t.lock.Unlock()
	if t.b != nil {
		_ = t.b.Close() // of a batch that was not applied
	}
	t.s.putScratch(t.buf)
	t.x.leave()
}

func (t *txn) load() error {
	value, found, err := t.x.get(t.key(kindObject))
	if err != nil || !found {
		return err
	}
	t.old = new(record)
	return decodeRecord(value, t.old)
}

func (t *txn) key(kind byte) []byte {
	t.buf.key = appendName(t.buf.key[:0], kind, t.n.Bucket, t.n.Key)
	return t.buf.key
}

// Terms are what a change of a name depends on. They are looked at under the
// name's lock: the gate first, then the conditions.
type Terms struct {
	Cond       object.Cond       // on the current version; a delete marker is nothing
	Versioning object.Versioning // of the bucket, as of the commit
	Gate       func() error      // may be nil
}

// check asks the gate and then the conditions.
func (t *txn) check(terms Terms) error {
	if terms.Gate != nil {
		if err := terms.Gate(); err != nil {
			return err
		}
	}
	if t.old == nil {
		return terms.Cond.CheckWrite(nil)
	}
	return terms.Cond.CheckWrite(&t.old.Meta)
}

// set makes r the name's record, with body, if any, as its body record. It
// completes r's metadata.
func (t *txn) set(r *record, body []byte) error {
	if len(r.Meta.ETag)+len(r.Meta.StorageClass)+len(r.Meta.Owner) > maxHead/2 {
		return object.E("fs.Commit", t.n.Key, object.Invalid, errors.New("the ETag, storage class or owner is too long"))
	}
	r.Meta.Modified = stamp(r.Meta.Modified, t.s.config.Now)
	r.Meta.Version.Counter = 1
	t.delta = count{1, r.Meta.Size}
	if t.old != nil {
		r.Meta.Version.Counter = t.old.Meta.Version.Counter + 1
		t.delta = count{0, r.Meta.Size - t.old.Meta.Size}
	}
	if err := t.dropOld(body != nil); err != nil {
		return err
	}
	if body != nil {
		if err := t.b.Set(t.key(kindBody), body, nil); err != nil {
			return err
		}
	}
	t.buf.value = appendRecord(t.buf.value[:0], r)
	return t.b.Set(t.key(kindObject), t.buf.value, nil)
}

// hold adds the references of a use to the batch.
func (t *txn) hold(use uint64, segments []segment) error {
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

// dropOld takes out the references and the body of what was there.
func (t *txn) dropOld(bodyReplaced bool) error {
	if t.old == nil {
		return nil
	}
	if t.old.Payload == payloadManifest {
		if err := t.x.readManifest(t.key(kindBody), t.old); err != nil {
			return err
		}
	}
	t.use = t.old.Use
	if err := t.free(t.old.Use, t.old.Segments); err != nil {
		return err
	}
	if !bodyReplaced && (t.old.Payload == payloadManifest || t.old.Payload == payloadInline) {
		return t.b.Delete(t.key(kindBody), nil)
	}
	return nil
}

// remove takes the name's record out.
func (t *txn) remove() error {
	t.delta = count{-1, -t.old.Meta.Size}
	if err := t.dropOld(false); err != nil {
		return err
	}
	if err := t.b.Delete(t.key(kindObject), nil); err != nil {
		return err
	}
	return t.b.Delete(t.key(kindAccess), nil)
}

// apply commits the batch and lets go of what it freed.
func (t *txn) apply(d object.Durability) error {
	if err := t.delta.put(t.b, t.n.Bucket); err != nil {
		return err
	}
	b := t.b
	t.b = nil
	if err := t.x.apply(b, d); err != nil {
		// Whether the change will be there after a restart is not known.
		return object.E("fs.apply", t.n.Key, object.Unavailable, err)
	}
	if t.delta != (count{}) {
		t.x.counters.add(t.n.Bucket, t.delta)
	}
	t.m.release(t.x, t.use, t.freed, d)
	return nil
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
