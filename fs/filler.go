package fs

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"ais/object"
)

// Filler takes the bytes of an object in any order, and gives those that came to
// readers. Nothing is visible before Commit. The calls of WriteAt and ReadAt may
// run in parallel, on ranges that do not touch each other; Commit, Abort and Close
// are for one goroutine, Commit after the last WriteAt has returned.
type Filler struct {
	s       *Store
	m       *mountpath
	n       object.Name
	options WriteOptions

	blob   *blobWriter // nil for what lives in the index
	sums   *blockSums  // nil without checksums
	filled atomic.Int64

	mu     sync.RWMutex // guards the rest; held for reading where inline is used
	inline []byte
	pooled *[]byte
	ended  bool // committed or aborted
	closed bool
}

// Fill begins an object of o.Size bytes, which must be known, whose bytes come in
// any order. Close must follow. Errors: NoSpace, Unavailable, Invalid for the size.
func (s *Store) Fill(n object.Name, o WriteOptions) (*Filler, error) {
	if o.Size < 0 {
		return nil, object.E("fs.Fill", n.Key, object.Invalid, fmt.Errorf("a size of %d", o.Size))
	}
	f, err := s.newFiller(n, o)
	return f, fault("fs.Fill", n, err)
}

func (s *Store) newFiller(n object.Name, o WriteOptions) (*Filler, error) {
	if err := s.enter(n, true); err != nil {
		return nil, err
	}
	m, err := s.home(n)
	if err != nil {
		return nil, err
	}
	if m.index.Load() == nil {
		return nil, object.Unavailable
	}
	if err := m.space.admit(o.Size); err != nil {
		return nil, err
	}
	f := &Filler{s: s, m: m, n: n, options: o}
	if o.Size <= int64(s.config.InlineMax) {
		f.pooled = s.inlines.Get().(*[]byte)
		f.inline = (*f.pooled)[:o.Size]
		return f, nil
	}
	if f.blob, err = m.newBlob(false); err != nil {
		return nil, err
	}
	f.blob.size = o.Size
	if o.Checksum != object.NoChecksum {
		f.sums = newBlockSums(o.Size, &m.hashes)
	}
	return f, nil
}

// Size returns how many bytes the object has.
func (f *Filler) Size() int64 { return f.options.Size }

// WriteAt implements io.WriterAt. Bytes may be written again, until Commit. Errors:
// NoSpace, Invalid outside of the object.
func (f *Filler) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(p)) > f.options.Size {
		return 0, object.E("fs.WriteAt", f.n.Key, object.Invalid, fmt.Errorf("%d bytes at %d of %d", len(p), off, f.options.Size))
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.ended || f.closed {
		return 0, object.E("fs.WriteAt", f.n.Key, object.Internal, errEnded)
	}
	if f.blob == nil {
		copy(f.inline[off:], p)
	} else if err := f.writeBlob(p, off); err != nil {
		f.m.noteWrite(err)
		return 0, fault("fs.WriteAt", f.n, err)
	}
	f.filled.Add(int64(len(p)))
	return len(p), nil
}

var errEnded = errors.New("the writer has ended")

func (f *Filler) writeBlob(p []byte, off int64) error {
	if err := f.m.space.admitMore(len(p)); err != nil {
		return err
	}
	n, err := f.blob.file.WriteAt(p, off)
	f.m.space.wrote(n)
	switch {
	case f.sums == nil:
	case err != nil:
		f.sums.failed(len(p), off)
	default:
		f.sums.wrote(p, off)
	}
	return err
}

// ReadAt implements io.ReaderAt over the bytes that were written; what the others
// read as is not said. It works until Close, whatever became of the object.
func (f *Filler) ReadAt(p []byte, off int64) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	switch {
	case f.closed || off < 0:
		return 0, object.E("fs.ReadAt", f.n.Key, object.Internal, errors.New("the filler is closed, or the offset is negative"))
	case off >= f.options.Size:
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), f.options.Size-off)]
	if f.blob == nil {
		copy(want, f.inline[off:])
	} else if n, err := f.blob.file.ReadAt(want, off); err != nil {
		f.m.stats.getErrors.Add(1)
		f.m.suspect(err)
		if errors.Is(err, io.EOF) { // beyond what was written so far
			err = io.ErrUnexpectedEOF
		}
		return n, object.E("fs.ReadAt", f.n.Key, object.Internal, err)
	}
	if len(want) < len(p) {
		return len(want), io.EOF
	}
	return len(want), nil
}

// Commit makes the object visible, and durable as WriteOptions ask; see
// Writer.Commit. Every byte must have been written: Incomplete where that cannot
// be. m's ETag and checksums are the caller's.
func (f *Filler) Commit(m object.Meta, terms Terms) (object.Meta, error) {
	f.mu.Lock()
	if f.ended || f.closed {
		f.mu.Unlock()
		return object.Meta{}, object.E("fs.Commit", f.n.Key, object.Internal, errEnded)
	}
	f.ended = true
	f.mu.Unlock()
	m.Size, m.Parts = f.options.Size, nil
	m.Modified = stamp(m.Modified, f.s.config.Now)
	out, tried, err := f.commit(m, terms)
	if f.blob != nil {
		f.let(err == nil || tried)
	}
	if err != nil {
		f.m.noteWrite(err)
		return object.Meta{}, fault("fs.Commit", f.n, err)
	}
	return out, nil
}

// commit makes the payload durable and then writes the record. tried is as of
// putPart.
func (f *Filler) commit(m object.Meta, terms Terms) (out object.Meta, tried bool, err error) {
	if f.filled.Load() < f.options.Size {
		return out, false, object.E("fs.Commit", f.n.Key, object.Incomplete, fmt.Errorf("%d bytes of %d", f.filled.Load(), f.options.Size))
	}
	r := &record{Meta: m}
	if r.Use, err = newUse(f.s.config.Rand); err != nil {
		return out, false, err
	}
	var body []byte
	switch {
	case f.blob != nil:
		if err := f.seal(&blobInfo{Name: f.n, Meta: m}); err != nil {
			return out, false, err
		}
		r.Payload, r.Segments = payloadBlob, []segment{f.blob.segment(0)}
	case f.options.Size > 0:
		r.Payload = payloadInline
		body = appendInline(nil, r.Use, f.inline)
		f.m.space.wrote(len(body))
	}
	var on *mountpath
	if f.blob != nil {
		on = f.m
	}
	out, tried, err = f.s.commitNew(f.n, r, body, on, terms, f.options.Durability)
	for err == errElsewhere {
		if err := f.follow(); err != nil {
			return out, false, err
		}
		r.Segments = []segment{f.blob.segment(0)}
		out, tried, err = f.s.commitNew(f.n, r, body, f.m, terms, f.options.Durability)
	}
	return out, tried, err
}

// follow copies the payload, which is sealed, to where the name was moved to since
// the filler began. Those who read it go on with the file that they have.
func (f *Filler) follow() error {
	moved, err := f.s.follow(f.n, f.blob, f.options.Durability)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	moved.file = f.blob.file
	f.let(false)
	f.blob, f.m = moved, moved.m
	return nil
}

// seal gives the blob its trailer. The file stays open for readers.
func (f *Filler) seal(info *blobInfo) error {
	if f.sums != nil {
		buf := f.s.pieces.Get().(*[]byte)
		defer f.s.pieces.Put(buf)
		var err error
		if f.blob.sums, err = f.sums.finish(f.blob.file, *buf); err != nil {
			return err
		}
	}
	if err := f.blob.end(info, f.options.Durability); err != nil {
		return err
	}
	return f.blob.syncDir(f.options.Durability)
}

// let ends the hold on the blob, which is removed unless the index has it, or may
// have it. The file stays open.
func (f *Filler) let(keep bool) {
	if !keep {
		_ = f.m.config.OS.Remove("blob.remove", f.m.blobs.path(f.blob.id))
	}
	f.blob.finish()
}

// Abort removes what was written, unless it was committed. What was written can be
// read until Close. It may be called at any time and more than once.
func (f *Filler) Abort() {
	f.mu.Lock()
	ended := f.ended
	f.ended = true
	f.mu.Unlock()
	if !ended && f.blob != nil {
		f.let(false)
	}
}

// Close aborts what was not committed and ends the reading. It may be called
// twice.
func (f *Filler) Close() {
	f.Abort()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.closed = true
	if f.blob != nil {
		_ = f.blob.close() // all that had to be synced was
	}
	if f.pooled != nil {
		f.s.inlines.Put(f.pooled)
		f.pooled, f.inline = nil, nil
	}
}
