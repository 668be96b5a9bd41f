package fs

import (
	"bytes"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// inventory is all that an index has of a name.
type inventory struct {
	n       object.Name
	pairs   []pair
	holds   []holding
	current *object.Meta // of the current version, nil for none
	rank    uint64       // the highest counter of a version
	stamp   Stamp        // as it is stored, zero for none
	mark    mark
	torn    bool // versions may lack their bodies
}

// pair is a record.
type pair struct{ key, value []byte }

// holding is the blobs that a use holds, with their slots.
type holding struct {
	use      uint64
	segments []segment
	prepared bool // for a change that is not settled
}

// walkName opens an iterator over the records of one kind of a name.
func (x *index) walkName(kind byte, n object.Name) (*pebble.Iterator, error) {
	return x.db.NewIter(&pebble.IterOptions{
		LowerBound: appendName(nil, kind, n.Bucket, n.Key),
		UpperBound: after(appendName(nil, kind, n.Bucket, n.Key)),
	})
}

// gather is index.gather, without a lock.
func (m *mountpath) gather(n object.Name) (*inventory, error) {
	x, err := m.use()
	if err != nil {
		return nil, err
	}
	defer x.leave()
	return x.gather(n)
}

// gather reads all that the index has of a name; nil for nothing. It sees one
// moment.
func (x *index) gather(n object.Name) (*inventory, error) {
	return x.gatherInto(&inventory{n: n})
}

// gatherTorn is gather for what is to be replaced, whatever it is.
func (x *index) gatherTorn(n object.Name) (*inventory, error) {
	return x.gatherInto(&inventory{n: n, torn: true})
}

func (x *index) gatherInto(e *inventory) (out *inventory, err error) {
	moment := x.db.NewSnapshot()
	defer func() { _ = moment.Close() }() // it is only read
	it, err := moment.NewIter(nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for _, kind := range append(placedKinds(), kindAccess) {
		if err := e.gatherKind(moment, it, kind); err != nil {
			return nil, err
		}
	}
	if len(e.pairs) == 0 {
		return nil, nil
	}
	return e, nil
}

// gatherKind reads the records of a kind with an iterator that all kinds share: to make
// one has every table of the index opened.
func (e *inventory) gatherKind(from pebble.Reader, it *pebble.Iterator, kind byte) error {
	low := appendName(nil, kind, e.n.Bucket, e.n.Key)
	it.SetBounds(low, after(bytes.Clone(low)))
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
			err = e.addUpload(from, p)
		case kind == kindPrepared:
			err = e.addPrepared(p, rest)
		case kind == kindStamp:
			e.pairs = append(e.pairs, p)
			e.stamp, err = decodeStampRecord(string(p.value))
		default:
			e.pairs = append(e.pairs, p)
		}
		if err != nil {
			return err
		}
	}
	return it.Error()
}

func (e *inventory) addHistory(p pair) error {
	h, err := decodeHistory(string(p.value))
	e.rank = max(e.rank, h.Last)
	e.pairs = append(e.pairs, p)
	return err
}

// addVersion adds a version's record and its body.
func (e *inventory) addVersion(from pebble.Reader, p pair) error {
	r := new(record)
	if err := decodeRecord(string(p.value), r); err != nil {
		return err
	}
	e.rank = max(e.rank, r.Meta.Version.Counter)
	if p.key[0] == kindObject {
		e.current = &r.Meta
	}
	if r.Payload == payloadBlob {
		e.holds = append(e.holds, holding{use: r.Use, segments: r.Segments})
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
	if !found && e.torn {
		return nil
	}
	if !found {
		return object.E("fs.Resilver", e.n.Key, object.Corrupt, errors.New("a version has lost its body"))
	}
	body.value = []byte(value)
	if r.Payload == payloadManifest {
		use, segments, _, err := decodeManifest(value)
		if err != nil {
			return err
		}
		e.holds = append(e.holds, holding{use: use, segments: segments})
	}
	e.pairs = append(e.pairs, body)
	return nil
}

// addUpload adds an upload and its parts.
func (e *inventory) addUpload(from pebble.Reader, p pair) (err error) {
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
		var r partRecord
		if err := decodePartRecord(string(v), &r); err != nil {
			return err
		}
		e.pairs = append(e.pairs, pair{key: append([]byte(nil), it.Key()...), value: append([]byte(nil), v...)})
		e.holds = append(e.holds, holding{use: u.Use, segments: r.Segments})
	}
	return it.Error()
}

// addPrepared adds a change that is not settled.
func (e *inventory) addPrepared(p pair, rest []byte) error {
	stamp, err := parsePreparedRest(rest)
	if err != nil {
		return err
	}
	since, use, c, err := decodePrepared(p.value)
	if err != nil {
		return err
	}
	segments, err := preparedSegments(c.Blobs)
	e.pairs = append(e.pairs, p)
	e.holds = append(e.holds, holding{use: use, segments: segments, prepared: true})
	e.mark.chain = append(e.mark.chain, prepared{stamp: stamp, since: since, use: use})
	return err
}

func (e *inventory) count() count {
	if e.current == nil {
		return count{}
	}
	return count{1, e.current.Size}
}

// wipe takes a name out of an index, durably, and lets go of its blobs. The
// name's lock is held.
func (s *Store) wipe(m *mountpath, x *index, e *inventory) error {
	b := x.db.NewBatch()
	if err := e.delete(b); err != nil {
		return err
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
	x.marks.set(e.n, mark{})
	m.reads.forget(e.n)
	for _, h := range e.holds {
		m.release(x, h.use, blobsOf(h.segments), object.Power)
	}
	return nil
}

func blobsOf(segments []segment) []blobID {
	blobs := make([]blobID, len(segments))
	for i, g := range segments {
		blobs[i] = g.Blob
	}
	return blobs
}

// load carries a name's blobs from one mountpath to another, where they keep their
// ids: on other targets the records that name them are the same.
type load struct {
	s        *Store
	from, to *mountpath
	done     map[blobID]bool // busy at to
	bytes    int64
	breathe  func() error // between pieces of what is copied; its error ends the copying
}

// carryPiece is how much is copied between two breaths.
const carryPiece = 4 << 20

// carry copies what is not copied yet of what a name holds, durably, and checks the
// blocks. ErrNotExist where a blob is gone, which a change of the name explains.
func (c *load) carry(e *inventory) error {
	for _, h := range e.holds {
		for _, g := range h.segments {
			if c.done[g.Blob] {
				continue
			}
			if err := c.to.space.admit(g.Length); err != nil {
				return err
			}
			err := c.to.need(g.Blob, false, object.Power, c.breathe, c.from.has(g.Blob))
			if errors.Is(err, object.Corrupt) {
				return c.corrupt(e.n, err)
			}
			if err != nil {
				return err
			}
			c.done[g.Blob] = true
			c.bytes += g.Length
		}
	}
	return nil
}

// complete reports whether all that the name holds is copied.
func (c *load) complete(e *inventory) bool {
	for _, h := range e.holds {
		for _, g := range h.segments {
			if !c.done[g.Blob] {
				return false
			}
		}
	}
	return true
}

// release lets go of the copies, which nothing refers to.
func (c *load) release() {
	if ids := c.take(); len(ids) > 0 {
		c.to.letGo(ids...)
	}
}

// referred ends the hold on the copies, which the index refers to, or may: then the
// sweep decides.
func (c *load) referred() { c.to.keep.unhold(c.take()) }

func (c *load) take() (ids []blobID) {
	for id := range c.done {
		ids = append(ids, id)
	}
	clear(c.done)
	return ids
}

// unpack writes the name's records to the index of the mountpath that has its
// blobs now, durably.
func (c *load) unpack(x *index, e *inventory) error {
	b := x.db.NewBatch()
	if err := e.put(x, b); err != nil {
		return err
	}
	// Where the process ends before they are taken out there, Open does it.
	if err := b.Set(appendName(nil, kindMoving, e.n.Bucket, e.n.Key), []byte(c.from.id), nil); err != nil {
		return err
	}
	if err := e.count().put(b, e.n.Bucket); err != nil {
		return err
	}
	if err := x.apply(b, object.Power); err != nil {
		return object.E("fs.Resilver", e.n.Key, object.Unavailable, err)
	}
	x.counters.add(e.n.Bucket, e.count())
	x.marks.set(e.n, e.mark)
	return nil
}

// put adds the name's records, and its references, to a batch.
func (e *inventory) put(x *index, b *pebble.Batch) error {
	for _, p := range e.pairs {
		x.noteKind(p.key[0])
		if err := b.Set(p.key, p.value, nil); err != nil {
			return err
		}
	}
	var key []byte
	for _, h := range e.holds {
		for _, g := range h.segments {
			key = appendRef(key[:0], g.Blob, h.use, g.Slot)
			if err := b.Set(key, nil, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// corrupt counts damage and returns it: what is damaged is not moved.
func (c *load) corrupt(n object.Name, err error) error {
	c.from.stats.corrupt.Add(1)
	return object.E("fs.Resilver", n.Key, object.Corrupt, err)
}
