package fs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// An upload's record holds a use. Its parts are keyed by that use, and hold
// their blobs under it with the part's number as slot; the object that is made
// from them takes the use over, so publishing touches no reference of a part
// that is kept.

func appendUploadKey(dst []byte, kind byte, n object.Name, id string) []byte {
	return append(appendName(dst, kind, n.Bucket, n.Key), id...)
}

// Begin records a new upload. u.ID must be new; u.Initiated is filled in if zero.
func (s *Store) Begin(u object.Upload, d object.Durability) error {
	if u.ID == "" || strings.ContainsRune(u.ID, 0) {
		return object.E("fs.Begin", u.Name.Key, object.Invalid, errors.New("the upload id is empty or has a NUL"))
	}
	t, err := s.begin(u.Name)
	if err != nil {
		return fault("fs.Begin", u.Name, err)
	}
	defer t.end()
	if err := t.m.space.admit(0); err != nil {
		return fault("fs.Begin", u.Name, err)
	}
	r := &uploadRecord{Upload: u}
	if r.Use, err = newUse(s.config.Rand); err != nil {
		return fault("fs.Begin", u.Name, err)
	}
	r.Upload.Initiated = stamp(u.Initiated, s.config.Now)
	key := appendUploadKey(t.buf.key[:0], kindUpload, u.Name, u.ID)
	if _, found, err := t.x.get(key); err != nil || found {
		if found {
			err = object.Exists
		}
		return fault("fs.Begin", u.Name, err)
	}
	t.x.noteKind(kindUpload)
	if err = t.b.Set(key, appendUploadRecord(nil, r), nil); err == nil {
		err = t.apply(d)
	}
	return fault("fs.Begin", u.Name, err)
}

// upload reads an upload's record. NoSuchUpload where there is none.
func (x *index) upload(n object.Name, id string) (*uploadRecord, error) {
	value, found, err := x.get(appendUploadKey(nil, kindUpload, n, id))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, object.NoSuchUpload
	}
	u := &uploadRecord{Upload: object.Upload{ID: id, Name: n}}
	return u, decodeUploadRecord(value, u)
}

// Upload returns an upload that has begun and not ended, else NoSuchUpload.
func (s *Store) Upload(n object.Name, id string) (object.Upload, error) {
	if err := s.enter(n, false); err != nil {
		return object.Upload{}, fault("fs.Upload", n, err)
	}
	for at := s.lookup(n); ; {
		u, err := at.m.upload(n, id)
		if err == nil {
			return u.Upload, nil
		}
		if !at.another(err) {
			return object.Upload{}, fault("fs.Upload", n, err)
		}
	}
}

func (m *mountpath) upload(n object.Name, id string) (*uploadRecord, error) {
	x, err := m.use()
	if err != nil {
		return nil, err
	}
	defer x.leave()
	return x.upload(n, id)
}

// CreatePart begins a part. Errors: as Create, NoSuchUpload, Invalid for its number.
func (s *Store) CreatePart(n object.Name, uploadID string, number int, o WriteOptions) (*Writer, error) {
	if number < 1 || number > object.MaxParts {
		return nil, object.E("fs.CreatePart", n.Key, object.Invalid, fmt.Errorf("part number %d", number))
	}
	if _, err := s.Upload(n, uploadID); err != nil {
		return nil, err
	}
	w, err := s.newWriter(n, o)
	if err != nil {
		return nil, fault("fs.CreatePart", n, err)
	}
	w.upload, w.number = uploadID, number
	return w, nil
}

// CommitPart ends a Writer of CreatePart: the part, with number and size filled
// in, takes the place of an older one of its number. Errors: as Commit, and
// NoSuchUpload where the upload has ended meanwhile.
func (w *Writer) CommitPart(p object.Part) (object.Part, error) {
	defer w.Abort()
	if err := w.ready(true); err != nil {
		return object.Part{}, err
	}
	p.Number, p.Size = w.number, w.size
	p.Modified = stamp(p.Modified, w.s.config.Now)
	r := &partRecord{Part: p}
	if w.blob != nil {
		info := &blobInfo{Name: w.n, UploadID: w.upload, Number: w.number}
		info.Meta.ETag, info.Meta.Modified, info.Meta.Checksum, info.Meta.Sums = p.ETag, p.Modified, p.Checksum, p.Sums
		if err := w.seal(info); err != nil {
			w.m.noteWrite(err)
			return object.Part{}, fault("fs.CommitPart", w.n, err)
		}
		w.s.ahead(w.n, w.m, w.options.Durability, w.blob.id)
		r.Segments = []segment{w.blob.segment(w.number)}
	}
	defer w.orLeave()
	applied, err := w.s.putPart(w.n, w.upload, r, w.place(), w.options.Durability)
	for err == errElsewhere {
		if err = w.follow(); err == nil {
			r.Segments = []segment{w.blob.segment(w.number)}
			applied, err = w.s.putPart(w.n, w.upload, r, w.place(), w.options.Durability)
		}
	}
	w.returned = true
	switch {
	case err == nil:
		w.committed()
		return p, nil
	case applied:
		w.leaveToSweep()
	}
	w.m.noteWrite(err)
	return object.Part{}, fault("fs.CommitPart", w.n, err)
}

// putPart records a part, whose bytes are on the mountpath on, nil for none. tried says that the log may have it in spite of err.
func (s *Store) putPart(n object.Name, uploadID string, r *partRecord, on *mountpath, d object.Durability) (tried bool, err error) {
	t, err := s.beginOn(n, on)
	if err != nil {
		return false, err
	}
	defer t.end()
	u, err := t.x.upload(n, uploadID)
	if err != nil {
		return false, err
	}
	key := appendPart(nil, u.Use, r.Part.Number)
	value, found, err := t.x.get(key)
	if err != nil {
		return false, err
	}
	if found {
		var old partRecord
		if err := decodePartRecord(value, &old); err != nil {
			return false, err
		}
		t.use = u.Use
		if err := t.free(u.Use, old.Segments); err != nil {
			return false, err
		}
	}
	if err := t.hold(u.Use, r.Segments); err != nil { // after free: a copied part may keep a blob
		return false, err
	}
	if err := t.b.Set(key, appendPartRecord(nil, r), nil); err != nil {
		return false, err
	}
	err = t.apply(d)
	return t.tried, err
}

// parts calls f for each part of a use with a number over after, until it
// returns false.
func (x *index) parts(use uint64, after int, f func(*partRecord) bool) error {
	it, err := x.db.NewIter(&pebble.IterOptions{
		LowerBound: appendPart(nil, use, after+1),
		UpperBound: appendPart(nil, use, 1<<31),
	})
	if err != nil {
		return err
	}
	defer it.Close()
	for it.First(); it.Valid(); it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		r := new(partRecord)
		if err := decodePartRecord(string(v), r); err != nil {
			return err
		}
		if !f(r) {
			return nil
		}
	}
	return it.Error()
}

// Parts returns at most limit parts of an upload with numbers over after,
// ascending, and whether there are more. NoSuchUpload where it has ended.
func (s *Store) Parts(n object.Name, id string, after, limit int) (parts []object.Part, truncated bool, err error) {
	if err := s.enter(n, false); err != nil {
		return nil, false, fault("fs.Parts", n, err)
	}
	for at := s.lookup(n); ; {
		parts, truncated, err = at.m.listParts(n, id, after, limit)
		if !at.another(err) {
			return parts, truncated, fault("fs.Parts", n, err)
		}
	}
}

func (m *mountpath) listParts(n object.Name, id string, after, limit int) (parts []object.Part, truncated bool, err error) {
	x, err := m.use()
	if err != nil {
		return nil, false, err
	}
	defer x.leave()
	u, err := x.upload(n, id)
	if err != nil {
		return nil, false, err
	}
	err = x.parts(u.Use, max(after, 0), func(r *partRecord) bool {
		if len(parts) >= limit {
			truncated = true
			return false
		}
		parts = append(parts, r.Part)
		return true
	})
	if err == nil {
		_, err = x.upload(n, id) // it may have been moved meanwhile, or ended
	}
	if err != nil {
		return nil, false, err
	}
	return parts, truncated, nil
}

// Discard ends an upload and removes its parts. NoSuchUpload where it has ended.
func (s *Store) Discard(n object.Name, id string) error {
	t, err := s.begin(n)
	if err != nil {
		return fault("fs.Discard", n, err)
	}
	defer t.end()
	return fault("fs.Discard", n, t.discard(id))
}

// discard takes an upload out.
func (t *txn) discard(id string) error {
	u, err := t.x.upload(t.n, id)
	if err != nil {
		return err
	}
	if err := t.endUpload(u, id, nil); err != nil {
		return err
	}
	t.use = u.Use
	return t.apply(object.Power)
}

// endUpload takes an upload and its parts out; the references of those in keep
// stay, since the object takes them over.
func (t *txn) endUpload(u *uploadRecord, id string, keep map[int]bool) error {
	var failure error
	err := t.x.parts(u.Use, 0, func(r *partRecord) bool {
		if !keep[r.Part.Number] {
			failure = t.free(u.Use, r.Segments)
		}
		t.buf.key = appendPart(t.buf.key[:0], u.Use, r.Part.Number)
		failure = errors.Join(failure, t.b.Delete(t.buf.key, nil))
		return failure == nil
	})
	if err := errors.Join(err, failure); err != nil {
		return err
	}
	return t.b.Delete(appendUploadKey(nil, kindUpload, t.n, id), nil)
}

// Uploads returns a page of the bucket's uploads by key and then by id, after
// q.After and, where uploadMarker is not empty, that upload of q.After.
// Meta.Modified is when an upload began.
func (s *Store) Uploads(bucket uint64, q object.Query, uploadMarker string) (page object.Page, err error) {
	if q.Limit <= 0 {
		return object.Page{}, nil
	}
	all, err := s.cursors(kindUpload, bucket, q.Prefix)
	if err != nil {
		return object.Page{}, fault("fs.Uploads", object.Name{Key: q.Prefix}, err)
	}
	defer func() {
		if cerr := closeCursors(all); err == nil && cerr != nil {
			page, err = object.Page{}, fault("fs.Uploads", object.Name{Key: q.Prefix}, cerr)
		}
	}()
	first := listStart(kindUpload, bucket, q)
	if first != nil && uploadMarker != "" {
		first = append(appendUploadKey(nil, kindUpload, object.Name{Bucket: bucket, Key: q.After}, uploadMarker), 0)
	}
	start(all, first)
	for c := least(all); c != nil; c = least(all) {
		_, key, id, err := parseName(c.it.Key())
		if err != nil {
			return object.Page{}, fault("fs.Uploads", object.Name{}, err)
		}
		if !s.lists(object.Name{Bucket: bucket, Key: key}, c) {
			c.it.Next()
			continue
		}
		if len(page.Entries) == q.Limit {
			page.Truncated = true
			return page, nil
		}
		if prefix := q.CommonPrefix(key); prefix != "" {
			page.Entries = append(page.Entries, object.Entry{Key: prefix, Prefix: true})
			seek(all, after(appendText(appendBucket(nil, kindUpload, bucket), prefix)))
			continue
		}
		e, err := c.uploadEntry(key, string(id))
		if err != nil {
			return object.Page{}, fault("fs.Uploads", object.Name{Key: key}, err)
		}
		page.Entries = append(page.Entries, e)
		c.it.Next()
	}
	return page, nil
}

func (c *cursor) uploadEntry(key, id string) (object.Entry, error) {
	v, err := c.it.ValueAndErr()
	if err != nil {
		return object.Entry{}, err
	}
	var u uploadRecord
	if err := decodeUploadRecord(string(v), &u); err != nil {
		return object.Entry{}, err
	}
	u.Upload.Meta.Modified = u.Upload.Initiated
	return object.Entry{Key: key, UploadID: id, Meta: u.Upload.Meta}, nil
}
