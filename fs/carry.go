package fs

import (
	"errors"
	"hash"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// estate is all that an index has of a name.
type estate struct {
	n       object.Name
	pairs   []pair
	holds   []holding
	current *object.Meta // of the current version, nil for none
	rank    uint64       // the highest counter of a version
}

// pair is a record. Where it names segments, encode writes it anew, with those that
// it is given.
type pair struct {
	key, value []byte
	segments   []segment
	encode     func(segments []segment) []byte
}

// holding is the blobs that a use holds, with their slots, and what a trailer says
// of them.
type holding struct {
	use      uint64
	segments []segment
	info     blobInfo
}

// walkName opens an iterator over the records of one kind of a name.
func (x *index) walkName(kind byte, n object.Name) (*pebble.Iterator, error) {
	return x.db.NewIter(&pebble.IterOptions{
		LowerBound: appendName(nil, kind, n.Bucket, n.Key),
		UpperBound: after(appendName(nil, kind, n.Bucket, n.Key)),
	})
}

// gather reads all that the index has of a name; nil for nothing. It sees one
// moment.
func (x *index) gather(n object.Name) (*estate, error) {
	moment := x.db.NewSnapshot()
	defer func() { _ = moment.Close() }() // it is only read
	e := &estate{n: n}
	for _, kind := range []byte{kindObject, kindVersion, kindUpload, kindCompleted, kindAccess} {
		if err := e.gatherKind(moment, kind); err != nil {
			return nil, err
		}
	}
	if len(e.pairs) == 0 {
		return nil, nil
	}
	return e, nil
}

func (e *estate) gatherKind(from pebble.Reader, kind byte) (err error) {
	it, err := from.NewIter(&pebble.IterOptions{
		LowerBound: appendName(nil, kind, e.n.Bucket, e.n.Key),
		UpperBound: after(appendName(nil, kind, e.n.Bucket, e.n.Key)),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for it.First(); it.Valid(); it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		p := pair{key: append([]byte(nil), it.Key()...), value: append([]byte(nil), v...)}
		_, _, rest, err := parseName(p.key)
		if err != nil {
			return err
		}
		switch {
		case kind == kindVersion && len(rest) == 0:
			err = e.addHistory(p)
		case kind == kindObject || kind == kindVersion:
			err = e.addVersion(from, p)
		case kind == kindUpload:
			err = e.addUpload(from, p, string(rest))
		default:
			e.pairs = append(e.pairs, p)
		}
		if err != nil {
			return err
		}
	}
	return it.Error()
}

func (e *estate) addHistory(p pair) error {
	h, err := decodeHistory(string(p.value))
	e.rank = max(e.rank, h.Last)
	e.pairs = append(e.pairs, p)
	return err
}

// addVersion adds a version's record and its body.
func (e *estate) addVersion(from pebble.Reader, p pair) error {
	r := new(record)
	if err := decodeRecord(string(p.value), r); err != nil {
		return err
	}
	e.rank = max(e.rank, r.Meta.Version.Counter)
	if p.key[0] == kindObject {
		e.current = &r.Meta
	}
	if r.Payload == payloadBlob {
		p.segments = r.Segments
		p.encode = func(segments []segment) []byte {
			moved := *r
			moved.Segments = segments
			return appendRecord(nil, &moved)
		}
		e.holds = append(e.holds, holding{r.Use, r.Segments, blobInfo{Name: e.n, Meta: r.Meta}})
	}
	e.pairs = append(e.pairs, p)
	if r.Payload != payloadInline && r.Payload != payloadManifest {
		return nil
	}
	body := pair{key: appendBodyKey(nil, e.n, r)}
	value, found, err := get(from, body.key)
	if err != nil {
		return err
	}
	if !found {
		return object.E("fs.Resilver", e.n.Key, object.Corrupt, errors.New("a version has lost its body"))
	}
	body.value = []byte(value)
	if r.Payload == payloadManifest {
		use, segments, parts, err := decodeManifest(value)
		if err != nil {
			return err
		}
		body.segments = segments
		body.encode = func(segments []segment) []byte { return appendManifest(nil, use, segments, parts) }
		// As parts they make no object where the index is lost; see adopt.
		e.holds = append(e.holds, holding{use, segments, blobInfo{Name: e.n, UploadID: "published", Meta: r.Meta}})
	}
	e.pairs = append(e.pairs, body)
	return nil
}

// addUpload adds an upload and its parts.
func (e *estate) addUpload(from pebble.Reader, p pair, id string) (err error) {
	e.pairs = append(e.pairs, p)
	u := &uploadRecord{}
	if err := decodeUploadRecord(string(p.value), u); err != nil {
		return err
	}
	it, err := from.NewIter(&pebble.IterOptions{LowerBound: appendPart(nil, u.Use, 0), UpperBound: appendPart(nil, u.Use, 1<<31)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for it.First(); it.Valid(); it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		part := pair{key: append([]byte(nil), it.Key()...), value: append([]byte(nil), v...)}
		r := new(partRecord)
		if err := decodePartRecord(string(v), r); err != nil {
			return err
		}
		part.segments = r.Segments
		part.encode = func(segments []segment) []byte {
			return appendPartRecord(nil, &partRecord{Part: r.Part, Segments: segments})
		}
		e.pairs = append(e.pairs, part)
		info := blobInfo{Name: e.n, UploadID: id, Number: r.Part.Number}
		info.Meta.ETag, info.Meta.Modified, info.Meta.Checksum, info.Meta.Sums = r.Part.ETag, r.Part.Modified, r.Part.Checksum, r.Part.Sums
		e.holds = append(e.holds, holding{u.Use, r.Segments, info})
	}
	return it.Error()
}

func (e *estate) count() count {
	if e.current == nil {
		return count{}
	}
	return count{1, e.current.Size}
}

// wipe takes a name out of an index, durably, and lets go of its blobs. The
// name's lock is held.
func (s *Store) wipe(m *mountpath, x *index, e *estate) error {
	b := x.db.NewBatch()
	for _, p := range e.pairs {
		if err := b.Delete(p.key, nil); err != nil {
			return err
		}
	}
	var key []byte
	for _, h := range e.holds {
		for _, g := range h.segments {
			key = appendRef(key[:0], g.Blob, h.use, g.Slot)
			if err := b.Delete(key, nil); err != nil {
				return err
			}
		}
	}
	delta := count{}
	if e.current != nil {
		delta = count{-1, -e.current.Size}
	}
	if err := delta.put(b, e.n.Bucket); err != nil {
		return err
	}
	if err := x.apply(b, object.Power); err != nil {
		return object.E("fs.wipe", e.n.Key, object.Unavailable, err)
	}
	x.counters.add(e.n.Bucket, delta)
	m.reads.forget(e.n)
	for _, h := range e.holds {
		blobs := make([]blobID, len(h.segments))
		for i, g := range h.segments {
			blobs[i] = g.Blob
		}
		m.release(x, h.use, blobs, object.Power)
	}
	return nil
}

// load carries a name's blobs from one mountpath to another, each segment once.
type load struct {
	s        *Store
	from, to *mountpath
	done     map[segment]*blobWriter // by segment without its slot
	bytes    int64
	breathe  func() error // between pieces of what is copied; its error ends the copying
}

func slotless(g segment) segment {
	g.Slot = 0
	return g
}

// carry copies what is not copied yet of what a name holds. ErrNotExist where a
// blob is gone, which a change of the name explains.
func (c *load) carry(e *estate) error {
	for i := range e.holds {
		for _, g := range e.holds[i].segments {
			if c.done[slotless(g)] != nil {
				continue
			}
			w, err := c.copySegment(g, &e.holds[i].info)
			if err != nil {
				return err
			}
			c.done[slotless(g)] = w
			c.bytes += g.Length
		}
	}
	return nil
}

// complete reports whether all that the name holds is copied.
func (c *load) complete(e *estate) bool {
	for _, h := range e.holds {
		for _, g := range h.segments {
			if c.done[slotless(g)] == nil {
				return false
			}
		}
	}
	return true
}

// end lets go of the copies. Those that e, nil for nothing, refers to stay: the
// index has them, or may have them, and then the sweep decides.
func (c *load) end(e *estate) {
	kept := make(map[segment]bool)
	if e != nil {
		for _, h := range e.holds {
			for _, g := range h.segments {
				kept[slotless(g)] = true
			}
		}
	}
	for g, w := range c.done {
		if kept[g] {
			w.finish()
		} else {
			w.discard()
		}
	}
	clear(c.done)
}

// translate returns segments as they are on the other mountpath.
func (c *load) translate(segments []segment) []segment {
	out := make([]segment, len(segments))
	for i, g := range segments {
		out[i] = segment{Blob: c.done[slotless(g)].id, Length: g.Length, Slot: g.Slot}
	}
	return out
}

// unpack writes the name's records to the index of the mountpath that has its
// blobs now, durably.
func (c *load) unpack(x *index, e *estate) error {
	b := x.db.NewBatch()
	for _, p := range e.pairs {
		value := p.value
		if p.encode != nil {
			value = p.encode(c.translate(p.segments))
		}
		if p.key[0] == kindVersion {
			x.versions.Store(true) // before anyone can see the record
		}
		if err := b.Set(p.key, value, nil); err != nil {
			return err
		}
	}
	var key []byte
	for _, h := range e.holds {
		for _, g := range c.translate(h.segments) {
			key = appendRef(key[:0], g.Blob, h.use, g.Slot)
			if err := b.Set(key, nil, nil); err != nil {
				return err
			}
		}
	}
	// Where the process ends before they are taken out there, Open does it.
	if err := b.Set(appendName(key[:0], kindMoving, e.n.Bucket, e.n.Key), []byte(c.from.id), nil); err != nil {
		return err
	}
	if err := e.count().put(b, e.n.Bucket); err != nil {
		return err
	}
	if err := x.apply(b, object.Power); err != nil {
		return object.E("fs.Resilver", e.n.Key, object.Unavailable, err)
	}
	x.counters.add(e.n.Bucket, e.count())
	return nil
}

// copySegment makes a blob of a segment, durably, and checks its blocks.
func (c *load) copySegment(g segment, info *blobInfo) (*blobWriter, error) {
	src, err := c.s.config.OS.OpenFile("blob.open", c.from.blobs.path(g.Blob), os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	t, err := readTrailer(src)
	if err != nil {
		return nil, c.corrupt(info.Name, err)
	}
	if err := c.to.space.admit(g.Length); err != nil {
		return nil, err
	}
	whole := g.Offset == 0 && g.Length == t.Size
	w, err := c.to.newBlob(!whole && len(t.Sums) > 0)
	if err != nil {
		return nil, err
	}
	if whole {
		var was blobInfo // a blob that a copy shares is another name's
		if derr := decodeBlobInfo(t.Info, &was); derr == nil && was.Name == info.Name {
			info = &was
		}
		err = c.copyWhole(w, src, t, info.Name)
	} else {
		err = c.copyPart(w, src, t, g, info.Name)
	}
	if err == nil {
		err = w.seal(info, object.Power)
	}
	if err != nil {
		w.discard()
		return nil, err
	}
	return w, nil
}

// carryPiece is how much is copied between two breaths.
const carryPiece = 4 << 20

// copyWhole lets the kernel move the bytes, and checks what came.
func (c *load) copyWhole(w *blobWriter, src File, t *trailer, n object.Name) error {
	for w.size < t.Size {
		got, err := io.Copy(w.file, io.LimitReader(src, min(carryPiece, t.Size-w.size)))
		w.size += got
		c.to.space.wrote(int(got))
		if err == nil && got == 0 {
			err = c.corrupt(n, io.ErrUnexpectedEOF)
		}
		if err == nil {
			err = c.breathe()
		}
		if err != nil {
			return err
		}
	}
	w.sums = t.Sums
	return c.verify(w.file, t, 0, t.Size, n)
}

// copyPart copies a piece of a blob, each block checked before it is used.
func (c *load) copyPart(w *blobWriter, src File, t *trailer, g segment, n object.Name) error {
	if g.Offset+g.Length > t.Size {
		return c.corrupt(n, errors.New("the blob is shorter than what refers to it"))
	}
	buf := c.s.pieces.Get().(*[]byte)
	defer c.s.pieces.Put(buf)
	for at := g.Offset; at < g.Offset+g.Length; {
		end := min((at/blockSize+1)*blockSize, g.Offset+g.Length)
		if err := c.verify(src, t, at, end-at, n); err != nil {
			return err
		}
		for at < end {
			piece := (*buf)[:min(int64(len(*buf)), end-at)]
			if _, err := src.ReadAt(piece, at); err != nil {
				return err
			}
			if _, err := w.Write(piece); err != nil {
				return err
			}
			at += int64(len(piece))
		}
		if err := c.breathe(); err != nil {
			return err
		}
	}
	return nil
}

func (c *load) verify(f File, t *trailer, off, n int64, name object.Name) error {
	buf := c.s.pieces.Get().(*[]byte)
	defer c.s.pieces.Put(buf)
	h := c.from.hashes.Get().(hash.Hash64)
	defer c.from.hashes.Put(h)
	err := verifyBlocks(f, t, off, n, *buf, h)
	if errors.Is(err, object.Corrupt) || errors.Is(err, io.ErrUnexpectedEOF) {
		return c.corrupt(name, err)
	}
	return err
}

// corrupt counts damage and returns it: what is damaged is not moved.
func (c *load) corrupt(n object.Name, err error) error {
	c.from.stats.corrupt.Add(1)
	return object.E("fs.Resilver", n.Key, object.Corrupt, err)
}
