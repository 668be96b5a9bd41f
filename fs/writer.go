package fs

import (
	"errors"
	"fmt"
	"io"
	"os"

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

	returned bool // the commit, with or without an error
}

// Create begins a new object. Nothing is made on disk for one that turns out to
// be small. Errors: NoSpace, Unavailable.
func (s *Store) Create(n object.Name, o WriteOptions) (*Writer, error) {
	w, err := s.newWriter(n, o)
	return w, fault("fs.Create", n, err)
}

func (s *Store) newWriter(n object.Name, o WriteOptions) (*Writer, error) {
	if err := s.enter(n, true); err != nil {
		return nil, err
	}
	m, err := s.home(n)
	if err != nil {
		return nil, err
	}
	switch {
	case m.index.Load() == nil:
		return nil, object.Unavailable
	case !m.writes():
		return nil, object.E("fs.Create", n.Key, object.Unavailable, errReadOnly)
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
		w.m.suspect(err)
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
	w.blob.stream = w.s.stream(w.n, w.blob.id)
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

// Size returns how many bytes were written so far.
func (w *Writer) Size() int64 { return w.size }

// ReadAt implements io.ReaderAt over what was written. It may be called once all
// is written, until Commit, CommitPart or Abort, by many goroutines then.
func (w *Writer) ReadAt(p []byte, off int64) (int, error) {
	if w.ended || off < 0 {
		return 0, object.E("fs.ReadAt", w.n.Key, object.Internal, errors.New("the writer has ended, or the offset is negative"))
	}
	if off >= w.size {
		return 0, io.EOF
	}
	total := 0
	if kept := w.size - int64(w.used); off < kept { // in the blob
		n, err := w.blob.file.ReadAt(p[:min(int64(len(p)), kept-off)], off)
		if total = n; err != nil {
			return total, object.E("fs.ReadAt", w.n.Key, object.Internal, err)
		}
		p, off = p[n:], kept
		if len(p) == 0 {
			return total, nil
		}
	}
	if w.used > 0 {
		n := copy(p, (*w.buf)[w.used-int(w.size-off):w.used])
		total, p = total+n, p[n:]
	}
	if len(p) > 0 {
		return total, io.EOF
	}
	return total, nil
}

// Commit makes the object visible and durable as WriteOptions ask, and returns
// what is stored. The payload is made durable first; then, under the name's lock,
// the terms decide, and one index write does the rest. Size, VersionID, the
// version's counter, and Modified if zero, are filled in; the ETag, the checksums
// and the version's term are the caller's. Errors: Incomplete, NoSpace,
// Precondition, NotFound (If-Match on nothing), Unavailable, and those of the gate and If.
func (w *Writer) Commit(m object.Meta, terms Terms) (object.Meta, error) {
	defer w.Abort()
	if err := w.ready(false); err != nil {
		return object.Meta{}, err
	}
	m.Size, m.Parts = w.size, nil
	m.Modified = stamp(m.Modified, w.s.config.Now)
	defer w.orLeave()
	out, tried, err := w.commit(m, terms)
	w.returned = true
	switch {
	case err == nil:
		w.committed()
		return out, nil
	case tried:
		w.leaveToSweep()
	}
	w.m.noteWrite(err)
	return object.Meta{}, fault("fs.Commit", w.n, err)
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

// commit makes the payload durable and then writes the record. tried is as of
// putPart.
func (w *Writer) commit(m object.Meta, terms Terms) (out object.Meta, tried bool, err error) {
	r := &record{Meta: m}
	if r.Use, err = newUse(w.s.config.Rand); err != nil {
		return out, false, err
	}
	var body []byte
	if w.blob != nil {
		if err := w.seal(&blobInfo{Name: w.n, Meta: m}); err != nil {
			return out, false, err
		}
		w.s.ahead(w.n, w.m, w.options.Durability, w.blob.id)
		r.Payload, r.Segments = payloadBlob, []segment{w.blob.segment(0)}
	} else if w.used > 0 {
		extra := w.s.scratch()
		defer w.s.putScratch(extra)
		extra.value = appendInline(extra.value[:0], r.Use, (*w.buf)[:w.used])
		r.Payload, body = payloadInline, extra.value
		w.m.space.wrote(len(body))
	}
	out, tried, err = w.s.commitNew(w.n, r, body, w.place(), terms, w.options.Durability)
	for err == errElsewhere {
		if err := w.follow(); err != nil {
			return out, false, err
		}
		r.Segments = []segment{w.blob.segment(0)}
		out, tried, err = w.s.commitNew(w.n, r, body, w.place(), terms, w.options.Durability)
	}
	return out, tried, err
}

// place returns the mountpath that has the payload, nil where that is in the index.
func (w *Writer) place() *mountpath {
	if w.blob == nil {
		return nil
	}
	return w.m
}

// follow copies the payload, which is sealed, to where the name was moved to since
// the writer began.
func (w *Writer) follow() error {
	moved, err := w.s.follow(w.n, w.blob, w.options.Durability)
	if err != nil {
		return err
	}
	w.blob.discard()
	w.blob, w.m = moved, moved.m
	return nil
}

// follow copies a sealed blob to the mountpath that has its name now.
func (s *Store) follow(n object.Name, w *blobWriter, d object.Durability) (*blobWriter, error) {
	to, err := s.home(n)
	if err != nil {
		return nil, err
	}
	src, err := s.config.OS.OpenFile("blob.open", w.m.blobs.path(w.id), os.O_RDONLY, 0)
	if err != nil { // its mountpath was detached, and did not wait any longer
		return nil, object.E("fs.Commit", n.Key, object.Unavailable, err)
	}
	defer src.Close()
	if err := to.space.admit(w.size); err != nil {
		return nil, err
	}
	copied, err := to.newBlob(false)
	if err != nil {
		return nil, err
	}
	size, err := io.Copy(copied.file, src)
	to.space.wrote(int(size))
	copied.size = w.size
	if err == nil && d == object.Power {
		err = dataSync(copied.file)
	}
	if err = errors.Join(err, copied.close()); err == nil {
		err = copied.syncDir(d)
	}
	if err != nil {
		copied.discard()
		return nil, err
	}
	return copied, nil
}

// commitNew makes r the name's current version, with body, if any, as its body
// record, and returns its metadata; on has its blobs, nil where there is none. tried
// is as of putPart.
func (s *Store) commitNew(n object.Name, r *record, body []byte, on *mountpath, terms Terms, d object.Durability) (out object.Meta, tried bool, err error) {
	t, err := s.beginOn(n, on)
	if err != nil {
		return out, false, err
	}
	defer t.end()
	if err := t.check(terms); err != nil {
		return out, false, err
	}
	if err := t.set(r, body, terms.Versioning); err != nil {
		return out, false, err
	}
	if err := t.hold(r.Use, r.Segments); err != nil {
		return out, false, err
	}
	if err := t.apply(d); err != nil {
		return out, t.tried, err
	}
	return t.m.result(r), true, nil
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

// orLeave is leaveToSweep where a commit has not returned, but panicked: the record may be
// there.
func (w *Writer) orLeave() {
	if !w.returned {
		w.leaveToSweep()
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
