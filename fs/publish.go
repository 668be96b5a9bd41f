package fs

import (
	"ais/object"
)

// Finish makes the metadata of a multipart object from the parts chosen.
type Finish func(parts []object.Part, u object.Upload) (object.Meta, error)

// Publish makes an object of an upload's listed parts, in one index write that
// neither reads nor writes payload; parts that are not listed are discarded.
// Under the name's lock: object.CheckParts with minPart, the terms, then finish,
// whose Size, Parts, VersionID, Version.Counter, and Modified if zero, are filled in. A Publish repeated with the same list within
// Config.CompletedFor of the first answers as the first did, but for Parts where
// that version is gone by then. Errors: NoSuchUpload, those of CheckParts, and
// as Commit.
func (s *Store) Publish(n object.Name, id string, listed []object.Listed, minPart int64, finish Finish,
	terms Terms, d object.Durability) (object.Meta, error) {
	t, err := s.begin(n)
	if err != nil {
		return object.Meta{}, fault("fs.Publish", n, err)
	}
	defer t.end()
	u, err := t.x.upload(n, id)
	if err == error(object.NoSuchUpload) {
		return t.repeated(id, listed)
	}
	if err != nil {
		return object.Meta{}, fault("fs.Publish", n, err)
	}
	r, chosen, err := t.assemble(u, listed, minPart)
	if err != nil {
		return object.Meta{}, fault("fs.Publish", n, err)
	}
	if err := t.check(terms); err != nil {
		return object.Meta{}, fault("fs.Publish", n, err)
	}
	meta, err := finish(r.Parts, u.Upload)
	if err != nil {
		return object.Meta{}, fault("fs.Publish", n, err)
	}
	meta.Size, meta.Parts = r.Meta.Size, nil
	r.Meta = meta
	if err := t.publish(u, id, r, chosen, listDigest(listed), terms.Versioning, d); err != nil {
		t.m.noteWrite(err)
		return object.Meta{}, fault("fs.Publish", n, err)
	}
	return t.m.result(r), nil
}

// assemble checks the list and returns the record to be, without metadata.
func (t *txn) assemble(u *uploadRecord, listed []object.Listed, minPart int64) (*record, map[int]bool, error) {
	var have []object.Part
	segments := make(map[int][]segment)
	err := t.x.parts(u.Use, 0, func(p *partRecord) bool {
		have = append(have, p.Part)
		segments[p.Part.Number] = p.Segments
		return true
	})
	if err != nil {
		return nil, nil, err
	}
	parts, err := object.CheckParts(listed, have, minPart)
	if err != nil {
		return nil, nil, err
	}
	r := &record{Use: u.Use, Payload: payloadManifest, Parts: parts}
	chosen := make(map[int]bool, len(parts))
	for _, p := range parts {
		chosen[p.Number] = true
		r.Meta.Size += p.Size
		r.Segments = append(r.Segments, segments[p.Number]...)
	}
	return r, chosen, nil
}

// publish writes the object and ends the upload.
func (t *txn) publish(u *uploadRecord, id string, r *record, chosen map[int]bool, list uint64,
	v object.Versioning, d object.Durability) error {
	if err := t.set(r, appendManifest(nil, r.Use, r.Segments, r.Parts), v); err != nil {
		return err
	}
	replaced := t.freed
	t.freed = nil
	if err := t.endUpload(u, id, chosen); err != nil {
		return err
	}
	unlisted := t.freed
	t.freed = replaced
	done := completedRecord{At: t.s.config.Now().UTC(), List: list, Object: *r}
	if err := t.b.Set(appendUploadKey(nil, kindCompleted, t.n, id), appendCompleted(nil, &done), nil); err != nil {
		return err
	}
	if err := t.apply(d); err != nil {
		return err
	}
	t.m.release(t.x, u.Use, unlisted, d)
	return nil
}

// repeated answers a Publish of an upload that is not there any more.
func (t *txn) repeated(id string, listed []object.Listed) (object.Meta, error) {
	value, found, err := t.x.get(appendUploadKey(nil, kindCompleted, t.n, id))
	if err != nil {
		return object.Meta{}, fault("fs.Publish", t.n, err)
	}
	var done completedRecord
	if found {
		if err := decodeCompleted(value, &done); err != nil {
			return object.Meta{}, fault("fs.Publish", t.n, err)
		}
	}
	if !found || done.List != listDigest(listed) || t.s.expired(done.At) {
		return object.Meta{}, object.E("fs.Publish", t.n.Key, object.NoSuchUpload, nil)
	}
	if err := t.x.readManifest(t.bodyKey(&done.Object), &done.Object); err != nil && err != errStale {
		return object.Meta{}, fault("fs.Publish", t.n, err)
	}
	return t.m.result(&done.Object), nil
}
