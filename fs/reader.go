package fs

import (
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sort"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// errStale says that a record changed between two reads of it.
var errStale = errors.New("the record was replaced meanwhile")

// Stat returns the metadata of a version of an object, named as S3 shows it; "" is
// the current one. Errors: NotFound where there is no current version, and where
// that is a delete marker (its metadata is returned all the same); NoSuchVersion;
// DeleteMarked, with the metadata, for a marker asked for by its id; Unavailable.
func (s *Store) Stat(n object.Name, version string) (object.Meta, error) {
	if err := s.enter(n, false); err != nil {
		return object.Meta{}, fault("fs.Stat", n, err)
	}
	tries := 0
	for at := s.lookup(n); ; {
		out, err := s.statAt(at.m, n, version)
		if !at.another(err) {
			if damaged(fault("fs.Stat", n, err)) {
				for _, m := range s.mirrorsFor(n) {
					if meta, merr := s.statAt(m, n, version); (merr == nil || mayBeElsewhere(merr)) && !m.inDoubt(n) {
						return meta, fault("fs.Stat", n, merr)
					}
				}
			}
			if tries < listTries && s.awaitVerdict(n.Bucket, err) {
				tries++
				at = s.lookup(n)
				continue
			}
			return out, fault("fs.Stat", n, err)
		}
	}
}

func (s *Store) statAt(m *mountpath, n object.Name, version string) (object.Meta, error) {
	x, err := m.use()
	if err != nil {
		return object.Meta{}, err
	}
	defer x.leave()
	buf := s.scratch()
	defer s.putScratch(buf)
	for range staleTries {
		r := new(record)
		if err = x.read(buf, n, version, r); err == nil && r.Payload == payloadManifest {
			buf.key = appendBodyKey(buf.key[:0], n, r)
			err = x.readManifest(buf.key, r)
		}
		if err == nil {
			out := m.result(r)
			out.Mirrors = s.mirrorDirs(n)
			if version == "" {
				out.Accessed = m.accessed(x, buf, n)
			}
			return out, nil
		}
		if err != errStale {
			break
		}
	}
	marker, _ := Marker(err)
	return marker, err
}

// staleTries bounds how often a read begins anew because of overwrites.
const staleTries = 16

// Reader is one version of an object, open for reading. An overwrite or delete
// meanwhile does not disturb it: of an object in one blob it has the file open;
// of one in several it pins the use, which keeps their files until Close, and
// opens one at a time. Its sections are read one after the other; ReadAt and
// Verify may be called at any time.
type Reader struct {
	s      *Store
	m      *mountpath
	meta   object.Meta
	use    uint64
	inline *[]byte // pooled payload
	sum    uint64  // of the inline payload
	file   File    // of the only segment
	pinned bool
	segs   []segment
	starts []int64 // of each segment in the object; nil for at most one
	closed bool

	name object.Name
	from *mountpath   // that blobs are read from; nil for m
	alt  []*mountpath // others that have the same blobs
}

// Open returns a Reader of a version, named as for Stat. Errors: those of Stat,
// and Corrupt where the payload is lost.
func (s *Store) Open(n object.Name, version string) (*Reader, error) {
	if err := s.enter(n, false); err != nil {
		return nil, fault("fs.Open", n, err)
	}
	tries := 0
	for at := s.lookup(n); ; {
		r, err := s.openAt(at.m, n, version)
		if err == nil {
			return r, nil
		}
		if !at.another(err) {
			r, merr := s.openMirror(at.m, n, version, err)
			if r != nil || merr != nil {
				return r, fault("fs.Open", n, merr)
			}
			if tries < listTries && s.awaitVerdict(n.Bucket, err) {
				tries++
				at = s.lookup(n)
				continue
			}
			return nil, fault("fs.Open", n, err)
		}
	}
}

func (s *Store) openAt(m *mountpath, n object.Name, version string) (*Reader, error) {
	x, err := m.use()
	if err != nil {
		return nil, err
	}
	defer x.leave()
	buf := s.scratch()
	defer s.putScratch(buf)
	for range staleTries {
		var r *Reader
		if r, err = s.open(m, x, buf, n, version, false); err == nil {
			if version == "" {
				m.noteRead(n)
			}
			return r, nil
		}
		if err != errStale && !errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	if errors.Is(err, os.ErrNotExist) {
		m.stats.corrupt.Add(1)
		m.suspect(err)
		err = object.E("fs.Open", n.Key, object.Corrupt, err)
	} else {
		m.noteReadError(err)
	}
	return nil, err
}

// open is one try. With pin it pins the use of any payload in blobs and opens no
// file, so that its segments can be shared.
func (s *Store) open(m *mountpath, x *index, buf *scratch, n object.Name, version string, pin bool) (*Reader, error) {
	rec := new(record)
	if err := x.read(buf, n, version, rec); err != nil {
		return nil, err
	}
	r := &Reader{s: s, m: m, use: rec.Use, name: n, alt: s.mirrorsFor(n)}
	var err error
	switch {
	case rec.Payload == payloadInline:
		err = r.readInline(x, buf, n, rec)
	case rec.Payload == payloadBlob && !pin:
		r.file, err = r.openBlob(rec.Segments[0].Blob)
	case rec.Payload == payloadBlob || rec.Payload == payloadManifest:
		err = r.pin(x, buf, n, version, rec)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	r.segs = rec.Segments
	if len(r.segs) > 1 {
		r.starts = make([]int64, len(r.segs))
		at := int64(0)
		for i, g := range r.segs {
			r.starts[i] = at
			at += g.Length
		}
	}
	r.meta = m.result(rec)
	r.meta.Mirrors = s.mirrorDirs(n)
	return r, nil
}

// pin keeps the blobs of rec.Use, and makes sure that it was still the current
// use afterwards: from then on whoever removes it sees the pin.
func (r *Reader) pin(x *index, buf *scratch, n object.Name, version string, rec *record) error {
	r.m.keep.pin(rec.Use)
	r.pinned = true
	again := new(record)
	if err := x.read(buf, n, version, again); err != nil {
		return err
	}
	if again.Use != rec.Use {
		return errStale
	}
	if rec.Payload != payloadManifest {
		return nil
	}
	buf.key = appendBodyKey(buf.key[:0], n, rec)
	return x.readManifest(buf.key, rec)
}

func (r *Reader) readInline(x *index, buf *scratch, n object.Name, rec *record) error {
	buf.key = appendBodyKey(buf.key[:0], n, rec)
	value, closer, err := x.db.Get(buf.key)
	if errors.Is(err, pebble.ErrNotFound) {
		return errStale
	}
	if err != nil {
		return err
	}
	defer closer.Close()
	use, sum, data, err := splitInline(value)
	if err != nil {
		return err
	}
	if use != r.use {
		return errStale
	}
	r.sum = sum
	r.inline = r.s.inlines.Get().(*[]byte)
	*r.inline = append((*r.inline)[:0], data...)
	return nil
}

// Meta returns what is known of the object.
func (r *Reader) Meta() *object.Meta { return &r.meta }

// Inline returns the whole payload where it is in memory already. It is valid
// until Close.
func (r *Reader) Inline() ([]byte, bool) {
	if r.inline == nil {
		return nil, r.meta.Size == 0
	}
	return *r.inline, true
}

// Close releases the payload. It may be called twice.
func (r *Reader) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	if r.inline != nil {
		*r.inline = (*r.inline)[:cap(*r.inline)]
		r.s.inlines.Put(r.inline)
		r.inline = nil
	}
	if r.pinned {
		r.m.unpin(r.use)
	}
	if r.file != nil {
		return r.file.Close()
	}
	return nil
}

// segmentAt returns the segment that holds the object's byte off, and where it
// begins in the object.
func (r *Reader) segmentAt(off int64) (int, int64) {
	if r.starts == nil {
		return 0, 0
	}
	i := sort.Search(len(r.starts), func(i int) bool { return r.starts[i] > off }) - 1
	for r.segs[i].Length == 0 { // empty parts share their start with what follows
		i++
	}
	return i, r.starts[i]
}

// openSegment returns segment i's file; own says that the caller closes it.
func (r *Reader) openSegment(i int) (f File, own bool, err error) {
	if r.file != nil {
		return r.file, false, nil
	}
	for {
		f, err = r.openBlob(r.segs[i].Blob)
		if errors.Is(err, os.ErrNotExist) {
			r.at().suspect(err)
			err = r.corrupt(err)
		} else if err != nil {
			err = r.readFault(err)
		}
		if err == nil {
			return f, true, nil
		}
		if !r.switchOver(err) {
			return nil, false, err
		}
	}
}

// corrupt counts damage, logs it (where an answer has begun already, nobody else
// can), and returns it as an error.
func (r *Reader) corrupt(err error) error {
	r.at().stats.corrupt.Add(1)
	r.s.config.Logger.Error("stored data is corrupt", "mountpath", r.at().dir, "size", r.meta.Size, "err", err)
	return object.E("fs.Read", r.at().dir, object.Corrupt, err)
}

// ReadAt implements io.ReaderAt over the object's bytes.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= r.meta.Size {
		return 0, io.EOF
	}
	if r.inline != nil {
		n := copy(p, (*r.inline)[off:])
		if n < len(p) {
			return n, io.EOF
		}
		return n, nil
	}
	total := 0
	for len(p) > 0 && off < r.meta.Size {
		n, err := r.readSegment(p, off)
		total, off, p = total+n, off+int64(n), p[n:]
		if err != nil {
			return total, err
		}
	}
	if len(p) > 0 {
		return total, io.EOF
	}
	return total, nil
}

// readSegment reads from the one segment that holds off.
func (r *Reader) readSegment(p []byte, off int64) (int, error) {
	i, start := r.segmentAt(off)
	for {
		f, own, err := r.openSegment(i)
		if err != nil {
			return 0, err
		}
		g := r.segs[i]
		n, err := f.ReadAt(p[:min(int64(len(p)), g.Length-(off-start))], g.Offset+off-start)
		if own {
			f.Close()
		}
		if err == nil {
			return n, nil
		}
		if err = r.readFault(err); !r.switchOver(err) {
			return n, err
		}
	}
}

// readFault classifies a failed read: a file that ends early is damage.
func (r *Reader) readFault(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return r.corrupt(io.ErrUnexpectedEOF)
	}
	r.at().stats.getErrors.Add(1)
	r.at().suspect(err)
	return object.E("fs.Read", r.at().dir, object.Internal, err)
}

// Verify checks the blocks that cover n bytes from off on against their
// checksums. Corrupt where one does not match; nil where the object has none.
func (r *Reader) Verify(off, n int64) error {
	if r.inline != nil {
		if object.Hash64(*r.inline) != r.sum {
			return r.corrupt(errors.New("the inline payload does not match its checksum"))
		}
		return nil
	}
	end := min(off+n, r.meta.Size)
	for off < end {
		i, start := r.segmentAt(off)
		g := r.segs[i]
		part := min(end-off, g.Length-(off-start))
		f, own, err := r.openSegment(i)
		if err != nil {
			return err
		}
		err = r.verifyFile(f, nil, g.Offset+off-start, part)
		if own {
			f.Close()
		}
		if err != nil && r.switchOver(err) {
			continue
		}
		if err != nil {
			return err
		}
		off += part
	}
	return nil
}

// verifyFile checks the blocks of an open blob; t may be nil.
func (r *Reader) verifyFile(f File, t *trailer, off, n int64) error {
	if t == nil {
		var err error
		if t, err = readTrailer(f); err != nil {
			return r.corrupt(err)
		}
	}
	if off+n > t.Size {
		return r.corrupt(fmt.Errorf("the blob has %d bytes, not %d", t.Size, off+n))
	}
	buf := r.s.pieces.Get().(*[]byte)
	defer r.s.pieces.Put(buf)
	h := r.m.hashes.Get().(hash.Hash64)
	defer r.m.hashes.Put(h)
	err := verifyBlocks(f, t, off, n, *buf, h)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, object.Corrupt):
		return r.corrupt(err)
	}
	return r.readFault(err)
}

// Range returns n bytes from off on, which must lie inside the object.
func (r *Reader) Range(off, n int64) (*Section, error) {
	if off < 0 || n < 0 || off+n > r.meta.Size {
		return nil, object.E("fs.Range", r.at().dir, object.RangeInvalid, nil)
	}
	return &Section{r: r, off: off, size: n, left: n}, nil
}

// Validated is Range with each block checked before a byte of it is given out.
func (r *Reader) Validated(off, n int64) (*Section, error) {
	c, err := r.Range(off, n)
	if err != nil {
		return nil, err
	}
	if r.inline != nil {
		return c, r.Verify(off, n)
	}
	c.validate = true
	return c, nil
}
