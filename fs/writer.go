package fs

import (
	"errors"
	"fmt"

	"ais/object"
)

// WriteOptions says how a payload is to be written.
type WriteOptions struct {
	Size       int64 // announced length, −1 if unknown; a write of any other length fails
	Durability object.Durability
	Checksum   object.Algorithm // the bucket's checksum.type; NoChecksum also leaves out block checksums
}

// Writer takes the payload of an object or part. Nothing is visible before
// Commit or CommitPart. It is for one goroutine.
type Writer struct {
	s       *Store
	m       *mountpath
	n       object.Name
	options WriteOptions
	upload  string // "" for an object
	number  int

	buf   *[]byte // pooled; holds what was not given to the blob yet
	used  int
	blob  *blobWriter
	size  int64
	ended bool
}

// Create begins a new object. Nothing is made on disk for one that turns out to
// be small. Errors: NoSpace, Unavailable.
func (s *Store) Create(n object.Name, o WriteOptions) (*Writer, error) {
	w, err := s.newWriter(n, o)
	return w, fault("fs.Create", n, err)
}

func (s *Store) newWriter(n object.Name, o WriteOptions) (*Writer, error) {
	m, _ := s.place(n)
	if m.index.Load() == nil {
		return nil, object.Unavailable
	}
	if err := m.space.admit(o.Size); err != nil {
		return nil, err
	}
	return &Writer{s: s, m: m, n: n, options: o}, nil
}

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	if w.ended {
		return 0, object.E("fs.Write", w.n.Key, object.Internal, errors.New("the writer has ended"))
	}
	if len(p) == 0 {
		return 0, nil // an empty part needs no blob
	}
	w.size += int64(len(p))
	if w.options.Size >= 0 && w.size > w.options.Size {
		return 0, object.E("fs.Write", w.n.Key, object.Incomplete, fmt.Errorf("more than the %d bytes announced", w.options.Size))
	}
	if err := w.write(p); err != nil {
		w.m.stats.putErrors.Add(1)
		return 0, fault("fs.Write", w.n, err)
	}
	return len(p), nil
}

// write keeps what may become inline, coalesces small pieces, and passes large
// ones on as they are.
func (w *Writer) write(p []byte) error {
	if w.blob == nil && w.inline() {
		if w.buf == nil {
			w.buf = w.s.inlines.Get().(*[]byte)
		}
		w.used += copy((*w.buf)[w.used:], p)
		return nil
	}
	if w.blob == nil {
		if err := w.spill(); err != nil {
			return err
		}
	}
	if w.used == 0 && len(p) >= pieceSize/4 {
		_, err := w.blob.Write(p)
		return err
	}
	for len(p) > 0 {
		if w.buf == nil {
			w.buf = w.s.pieces.Get().(*[]byte)
		}
		n := copy((*w.buf)[w.used:], p)
		w.used += n
		p = p[n:]
		if w.used == len(*w.buf) {
			if err := w.drain(); err != nil {
				return err
			}
		}
	}
	return nil
}

// inline reports whether the bytes so far may live in the index. A part never
// does: publishing must not move its bytes.
func (w *Writer) inline() bool {
	limit := int64(w.s.config.InlineMax)
	return w.upload == "" && w.size <= limit && w.options.Size <= limit
}

// spill makes the blob and gives it what was kept for the index.
func (w *Writer) spill() (err error) {
	if w.blob, err = w.m.newBlob(w.options.Checksum != object.NoChecksum); err != nil {
		return err
	}
	err = w.drain()
	w.putBuf()
	return err
}

func (w *Writer) drain() error {
	if w.used == 0 {
		return nil
	}
	_, err := w.blob.Write((*w.buf)[:w.used])
	w.used = 0
	return err
}

func (w *Writer) putBuf() {
	if w.buf == nil {
		return
	}
	if len(*w.buf) == pieceSize {
		w.s.pieces.Put(w.buf)
	} else {
		w.s.inlines.Put(w.buf)
	}
	w.buf = nil
}

// Commit makes the object visible and durable as WriteOptions ask, and returns
// what is stored. The payload is made durable first; then, under the name's lock,
// the terms decide, and one index write does the rest. Size, VersionID, the
// version's counter, and Modified if zero, are filled in; the ETag, the checksums
// and the version's term are the caller's. Errors: Incomplete, NoSpace,
// Precondition, NotFound (If-Match on nothing), Unavailable, and the gate's own.
func (w *Writer) Commit(m object.Meta, terms Terms) (object.Meta, error) {
	defer w.Abort()
	if err := w.ready(false); err != nil {
		return object.Meta{}, err
	}
	m.Size, m.Parts = w.size, nil
	m.Modified = stamp(m.Modified, w.s.config.Now)
	out, err := w.commit(m, terms)
	if err != nil {
		w.m.stats.noteWrite(err)
		return object.Meta{}, fault("fs.Commit", w.n, err)
	}
	return out, nil
}

// ready reports what forbids a commit.
func (w *Writer) ready(part bool) error {
	switch {
	case w.ended || part != (w.upload != ""):
		return object.E("fs.Commit", w.n.Key, object.Internal, errors.New("the writer has ended, or is of the other kind"))
	case w.options.Size >= 0 && w.size != w.options.Size:
		return object.E("fs.Commit", w.n.Key, object.Incomplete, fmt.Errorf("%d bytes of %d", w.size, w.options.Size))
	}
	return nil
}

func (w *Writer) commit(m object.Meta, terms Terms) (object.Meta, error) {
	use, err := newUse(w.s.config.Rand)
	if err != nil {
		return object.Meta{}, err
	}
	r := &record{Meta: m, Use: use}
	if w.blob != nil {
		if err := w.seal(&blobInfo{Name: w.n, Meta: m}); err != nil {
			return object.Meta{}, err
		}
		r.Payload, r.Segments = payloadBlob, []segment{w.blob.segment(0)}
	} else if w.used > 0 {
		r.Payload = payloadInline
	}
	t, err := w.s.begin(w.n)
	if err != nil {
		return object.Meta{}, err
	}
	defer t.end()
	if err := t.check(terms); err != nil {
		return object.Meta{}, err
	}
	if err := t.hold(use, r.Segments); err != nil {
		return object.Meta{}, err
	}
	var body []byte
	if r.Payload == payloadInline {
		extra := w.s.scratch()
		defer w.s.putScratch(extra)
		extra.value = appendInline(extra.value[:0], use, (*w.buf)[:w.used])
		body = extra.value
		w.m.space.wrote(len(body))
	}
	if err := t.set(r, body, terms.Versioning); err != nil {
		return object.Meta{}, err
	}
	if err := t.apply(w.options.Durability); err != nil {
		w.leaveToSweep()
		return object.Meta{}, err
	}
	w.committed()
	return t.m.result(r), nil
}

// seal gives the blob the rest and its trailer.
func (w *Writer) seal(info *blobInfo) error {
	if err := w.drain(); err != nil {
		return err
	}
	return w.blob.seal(info, w.options.Durability)
}

// committed makes a later Abort a no-op.
func (w *Writer) committed() {
	if w.blob != nil {
		w.blob.finish()
		w.blob = nil
	}
}

// leaveToSweep is for a commit that failed in the log: the record may yet turn
// up, so the blob must not be removed here. The sweep decides by the references.
func (w *Writer) leaveToSweep() {
	if w.blob != nil {
		_ = w.blob.close()
		w.blob.finish()
		w.blob = nil
	}
}

// Abort ends the writer and removes what was written, unless it was committed.
// It may be called at any time and more than once.
func (w *Writer) Abort() {
	w.ended = true
	w.putBuf()
	if w.blob != nil {
		w.blob.discard()
		w.blob = nil
	}
}
