package fs

import (
	"errors"
	"io"

	"ais/object"
)

// Copy makes dst an object with the bytes of a version of src (as Open names it)
// and the metadata m; m's parts must be src's or none. srcCond (may be nil) sees the source's metadata as it is
// copied. Within a mountpath the blobs are shared by reference and no payload
// byte moves; to another one the kernel copies them (copy_file_range). Errors:
// NotFound for the source, those of srcCond, and as Commit for dst.
func (s *Store) Copy(src object.Name, version string, dst object.Name, m object.Meta, srcCond func(*object.Meta) error,
	terms Terms, d object.Durability) (object.Meta, error) {
	for {
		out, err := s.copyOnce(src, version, dst, m, srcCond, terms, d)
		if !errors.Is(err, errElsewhere) {
			return out, err
		}
	}
}

// copyOnce is Copy, which has to be tried again when dst was moved meanwhile.
func (s *Store) copyOnce(src object.Name, version string, dst object.Name, m object.Meta, srcCond func(*object.Meta) error,
	terms Terms, d object.Durability) (object.Meta, error) {
	r, err := s.openPinned(src, version)
	if err != nil {
		return object.Meta{}, fault("fs.Copy", src, err)
	}
	defer r.Close()
	if srcCond != nil {
		if err := srcCond(&r.meta); err != nil {
			return object.Meta{}, fault("fs.Copy", src, err)
		}
	}
	to, err := s.home(dst)
	if err != nil {
		return object.Meta{}, fault("fs.Copy", dst, err)
	}
	if err := to.space.admit(r.meta.Size); err != nil {
		return object.Meta{}, fault("fs.Copy", dst, err)
	}
	rec := &record{Meta: m}
	rec.Meta.Size, rec.Meta.Parts, rec.Parts = r.meta.Size, nil, m.Parts
	if rec.Use, err = newUse(s.config.Rand); err != nil {
		return object.Meta{}, fault("fs.Copy", dst, err)
	}
	var moved *blobWriter
	if rec.Segments = r.segs; to != r.m && len(r.segs) > 0 {
		if moved, err = r.moveTo(to, &blobInfo{Name: dst, Meta: m}, d); err != nil {
			to.noteWrite(err)
			return object.Meta{}, fault("fs.Copy", dst, err)
		}
		rec.Segments = []segment{moved.segment(0)}
	}
	on := to
	if len(rec.Segments) == 0 {
		on = nil
	}
	out, tried, err := s.commitCopy(dst, rec, r, on, terms, d)
	if moved != nil {
		if err == nil || tried {
			moved.finish()
		} else {
			moved.discard()
		}
	}
	return out, fault("fs.Copy", dst, err)
}

// openPinned opens an object such that its blobs can be shared while it is open.
func (s *Store) openPinned(n object.Name, version string) (*Reader, error) {
	if err := s.enter(n, false); err != nil {
		return nil, err
	}
	for at := s.lookup(n); ; {
		r, err := s.openPinnedAt(at.m, n, version)
		if !at.another(err) {
			return r, err
		}
	}
}

func (s *Store) openPinnedAt(m *mountpath, n object.Name, version string) (*Reader, error) {
	x, err := m.use()
	if err != nil {
		return nil, err
	}
	defer x.leave()
	buf := s.scratch()
	defer s.putScratch(buf)
	for range staleTries {
		var r *Reader
		if r, err = s.open(m, x, buf, n, version, true); err != errStale {
			return r, err
		}
	}
	return nil, err
}

// commitCopy writes the record of a copy. tried is as of putPart.
func (s *Store) commitCopy(dst object.Name, rec *record, r *Reader, on *mountpath, terms Terms, d object.Durability) (out object.Meta, tried bool, err error) {
	var body []byte
	switch {
	case r.inline != nil:
		rec.Payload = payloadInline
		body = appendInline(nil, rec.Use, *r.inline)
	case len(rec.Segments) == 1 && len(rec.Parts) == 0:
		rec.Payload = payloadBlob
	case len(rec.Segments) > 0 || len(rec.Parts) > 0:
		rec.Payload = payloadManifest
		body = appendManifest(nil, rec.Use, rec.Segments, rec.Parts)
	}
	return s.commitNew(dst, rec, body, on, terms, d)
}

// moveTo writes the object's bytes to one blob of another mountpath. There the
// blocks are checked when they are read, so they are checked here as well: a
// copy must not give damage a checksum of its own.
func (r *Reader) moveTo(to *mountpath, info *blobInfo, d object.Durability) (*blobWriter, error) {
	w, err := to.newBlob(info.Meta.Checksum.Algorithm != object.NoChecksum)
	if err != nil {
		return nil, err
	}
	section, err := r.Validated(0, r.meta.Size)
	if err == nil {
		if w.block == nil { // nothing looks at the bytes: let the kernel move them
			w.size, err = section.WriteTo(w.file)
			to.space.wrote(int(w.size))
		} else {
			_, err = section.WriteTo(w)
		}
		section.leaveSegment()
	}
	if err == nil {
		err = w.seal(info, d)
	}
	if err != nil {
		w.discard()
		return nil, err
	}
	return w, nil
}

// CopyPart makes part number of an upload from the range of a version of src.
// digest (may be nil) is given those bytes and returns the part with its ETag and
// sums; without it nothing is read on src's own mountpath, where the bytes are
// shared by reference. A Length below 0 means all from Offset on. Errors:
// NotFound and RangeInvalid for the source, those of srcCond and digest, and as
// CommitPart.
func (s *Store) CopyPart(src object.Name, version string, rg object.Range, dst object.Name, uploadID string, number int,
	srcCond func(*object.Meta) error, digest func(io.Reader) (object.Part, error), o WriteOptions) (object.Part, error) {
	for {
		part, err := s.copyPartOnce(src, version, rg, dst, uploadID, number, srcCond, digest, o)
		if !errors.Is(err, errElsewhere) {
			return part, err
		}
	}
}

// copyPartOnce is CopyPart, which has to be tried again when dst was moved meanwhile.
func (s *Store) copyPartOnce(src object.Name, version string, rg object.Range, dst object.Name, uploadID string, number int,
	srcCond func(*object.Meta) error, digest func(io.Reader) (object.Part, error), o WriteOptions) (object.Part, error) {
	r, err := s.openPinned(src, version)
	if err != nil {
		return object.Part{}, fault("fs.CopyPart", src, err)
	}
	defer r.Close()
	if srcCond != nil {
		if err := srcCond(&r.meta); err != nil {
			return object.Part{}, fault("fs.CopyPart", src, err)
		}
	}
	if rg.Length < 0 {
		rg.Length = r.meta.Size - rg.Offset
	}
	section, err := r.Validated(rg.Offset, rg.Length)
	if err != nil {
		return object.Part{}, fault("fs.CopyPart", src, err)
	}
	defer section.leaveSegment()
	o.Size = rg.Length
	w, err := s.CreatePart(dst, uploadID, number, o)
	if err != nil {
		return object.Part{}, err
	}
	defer w.Abort()
	if w.m == r.m && r.inline == nil {
		return s.sharePart(r, section, rg, w, digest)
	}
	var part object.Part
	if digest == nil {
		_, err = section.WriteTo(w)
	} else {
		part, err = digest(io.TeeReader(section, w))
	}
	if err != nil {
		return object.Part{}, fault("fs.CopyPart", dst, err)
	}
	return w.CommitPart(part)
}

// sharePart records a part that refers to the source's blobs. The writer w is
// only asked what it was made for.
func (s *Store) sharePart(r *Reader, section *Section, rg object.Range, w *Writer,
	digest func(io.Reader) (object.Part, error)) (part object.Part, err error) {
	if digest != nil {
		if part, err = digest(section); err == nil && section.left > 0 {
			err = errors.New("the digest did not read all bytes")
		}
		if err != nil {
			return object.Part{}, fault("fs.CopyPart", w.n, err)
		}
	}
	part.Number, part.Size = w.number, rg.Length
	part.Modified = stamp(part.Modified, s.config.Now)
	p := &partRecord{Part: part, Segments: r.slice(rg, uint32(w.number))}
	if _, err := s.putPart(w.n, w.upload, p, w.m, w.options.Durability); err != nil {
		return object.Part{}, fault("fs.CopyPart", w.n, err)
	}
	return part, nil
}

// slice returns the segments of a range, for another slot.
func (r *Reader) slice(rg object.Range, slot uint32) []segment {
	var out []segment
	for off, end := rg.Offset, rg.Offset+rg.Length; off < end; {
		i, start := r.segmentAt(off)
		g := r.segs[i]
		n := min(end-off, g.Length-(off-start))
		out = append(out, segment{Blob: g.Blob, Offset: g.Offset + off - start, Length: n, Slot: slot})
		off += n
	}
	return out
}
