package fs

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"time"

	"ais/object"
)

// Fetch opens the bytes of a blob at another target: those that OpenBlob reads
// there. NotFound where it is gone, which a later change of the name explains.
type Fetch func(b Blob) (io.ReadCloser, error)

// A prepared change's record has when it was prepared, a use that holds its blobs,
// and the change. Those of a name make a chain, each beginning with the state that
// the one before it ends in, the first one with the stored state.

func appendPrepared(dst []byte, since time.Time, use uint64, c *Change) []byte {
	dst = appendTime(append(dst, recordVersion), since)
	return appendChange(binary.BigEndian.AppendUint64(dst, use), c)
}

// splitPrepared reads a prepared change's record but for the change.
func splitPrepared(value string) (since time.Time, use uint64, change string, err error) {
	d := decoder{s: value}
	if d.byte() != recordVersion {
		d.fail()
	}
	since, use = d.time(), d.fixed()
	return since, use, d.s, d.err()
}

func decodePrepared(value []byte) (since time.Time, use uint64, c *Change, err error) {
	since, use, change, err := splitPrepared(string(value))
	if err == nil {
		c, err = DecodeChange([]byte(change))
	}
	return since, use, c, err
}

// parsePreparedRest reads what follows the name in a prepared change's key.
func parsePreparedRest(rest []byte) (Stamp, error) {
	if len(rest) != 24 {
		return Stamp{}, errBadKey
	}
	return Stamp{binary.BigEndian.Uint64(rest), binary.BigEndian.Uint64(rest[8:]), binary.BigEndian.Uint64(rest[16:])}, nil
}

// preparedSegments returns what a prepared change holds.
func preparedSegments(blobs []Blob) ([]segment, error) {
	out := make([]segment, len(blobs))
	for i, b := range blobs {
		id, err := parseBlobID(b.ID)
		if err != nil {
			return nil, err
		}
		out[i] = segment{Blob: id, Length: b.Size}
	}
	return out, nil
}

// needs returns the blobs that records refer to. Every one must be in list.
func needs(records []byte, list []Blob) ([]segment, error) {
	segments, err := preparedSegments(list)
	if err != nil {
		return nil, err
	}
	known := segments
	if len(known) > fewBlobs {
		known = slices.Clone(known)
		slices.SortFunc(known, func(a, b segment) int { return bytes.Compare(a.Blob[:], b.Blob[:]) })
	}
	err = eachOp(records, func(o op) error {
		if o.key[0] != kindRef || o.delete {
			return nil
		}
		var found bool
		if id := o.key[1:17]; len(known) > fewBlobs {
			_, found = slices.BinarySearchFunc(known, id, func(g segment, id []byte) int { return bytes.Compare(g.Blob[:], id) })
		} else {
			found = slices.ContainsFunc(known, func(g segment) bool { return bytes.Equal(g.Blob[:], id) })
		}
		if !found {
			return errBadRecords
		}
		return nil
	})
	return segments, err
}

// Prepare keeps a change of another target's durably, as c.Durability asks, hidden
// until Settle, or a later Prepare that begins with c.Stamp, commits it. Blobs that
// are missing are awaited, if they are being staged, copied from another mountpath, or
// fetched; fetch is called without locks. What is prepared after the state that c
// begins with is dropped: whoever made c knows that it was given up. Where that is
// newer than c, c is what was given up, and ErrStale. Repeated, it does nothing. It does not Enter. Errors: Conflict with ErrBehind or ErrStale,
// Corrupt where a blob's bytes are not those that were written, NotFound where it is
// gone, Invalid, NoSpace, Unavailable, and those of fetch.
func (s *Store) Prepare(c *Change, fetch Fetch) error {
	err := checkRecords(c.Name, c.Records, c.Stamp)
	var held []segment
	if err == nil {
		held, err = needs(c.Records, c.Blobs)
	}
	if err != nil {
		return object.E("fs.Prepare", c.Name.Key, object.Invalid, err)
	}
	for again := true; again && err == nil; {
		again, err = s.prepare(c, held, fetch)
	}
	return fault("fs.Prepare", c.Name, err)
}

// lookFirst is from how many bytes of payload on it costs less to look whether a change
// fits before they are brought, and once more then.
const lookFirst = 1 << 20

// prepare is one try of Prepare; again says that the name was moved meanwhile.
func (s *Store) prepare(c *Change, held []segment, fetch Fetch) (again bool, err error) {
	if SizeOf(c.Blobs) > lookFirst { // a change that does not fit needs no bytes
		t, err := s.lockName(c.Name)
		if err != nil {
			return false, err
		}
		_, done, err := t.fit(c)
		t.end()
		if done || err != nil {
			return false, err
		}
	}
	h := &haul{s: s, n: c.Name, d: c.Durability, fetch: fetch}
	defer h.release()
	if err := h.bring(held, c.Blobs); err != nil {
		return false, err
	}
	h.ahead()
	t, err := s.lockName(c.Name)
	if err != nil {
		return false, err
	}
	defer t.end()
	if len(held) > 0 && t.m != h.m {
		return true, nil
	}
	keep, done, err := t.fit(c)
	if done || err != nil {
		return false, err
	}
	tried, err := t.prepare(c, held, keep)
	if tried {
		h.referred()
	}
	return false, err
}

// fit returns how many of the prepared changes c comes after, and whether it is
// there already.
func (t *txn) fit(c *Change) (keep int, done bool, err error) {
	now, err := t.x.stamp(t.n)
	if err != nil {
		return 0, false, err
	}
	chain := t.x.marks.of(t.n).chain
	latest, fits := now, c.Base == now
	if c.Stamp == now {
		return 0, true, nil
	}
	for i, p := range chain {
		if p.stamp == c.Stamp {
			return 0, true, nil
		}
		if p.stamp == c.Base {
			keep, fits = i+1, true
		}
		latest = p.stamp
	}
	switch {
	case now.CompareTerm(c.Stamp) > 0 || latest.CompareTerm(c.Stamp) > 0:
		return 0, false, conflict("fs.Prepare", t.n, ErrStale)
	case !fits:
		return 0, false, conflict("fs.Prepare", t.n, ErrBehind)
	case keep < len(chain) && c.Stamp.Less(chain[keep].stamp):
		return 0, false, conflict("fs.Prepare", t.n, ErrStale) // it was given up, and comes late
	}
	return keep, false, nil
}

// prepare adds a change to the chain after the first keep, and drops the others.
// tried is as of putPart.
func (t *txn) prepare(c *Change, held []segment, keep int) (tried bool, err error) {
	now := t.x.marks.of(t.n)
	t.b = t.x.db.NewBatch()
	dropped, err := t.dropPrepared(now.chain[keep:])
	if err != nil {
		return false, err
	}
	use, err := newUse(t.s.config.Rand)
	if err != nil {
		return false, err
	}
	since := t.s.config.Now().UTC()
	t.buf.value = appendPrepared(t.buf.value[:0], since, use, c)
	t.buf.key = appendPreparedKey(t.buf.key[:0], t.n, c.Stamp)
	if err := t.b.Set(t.buf.key, t.buf.value, nil); err != nil {
		return false, err
	}
	t.m.space.wrote(len(t.buf.value))
	if err := t.hold(use, held); err != nil {
		return false, err
	}
	if err := t.commit(c.Durability); err != nil {
		return true, err
	}
	kept := *c
	kept.Records = bytes.Clone(c.Records) // the caller's may be those of a request, and change when it ends
	now.chain = append(now.chain[:keep:keep], prepared{c.Stamp, since, use, &kept})
	t.setMark(now)
	t.releaseAll(dropped, c.Durability)
	return true, nil
}

// dropPrepared takes prepared changes out, and returns what they held.
func (t *txn) dropPrepared(chain []prepared) (held []holding, err error) {
	for _, p := range chain {
		_, h, err := t.takePrepared(p)
		if err != nil {
			return nil, err
		}
		held = append(held, h)
	}
	return held, nil
}

// takePrepared takes a prepared change out and returns it.
func (t *txn) takePrepared(p prepared) (c *Change, h holding, err error) {
	if c, err = t.readPrepared(p); err != nil {
		return nil, h, err
	}
	h.use = p.use
	if h.segments, err = preparedSegments(c.Blobs); err != nil {
		return nil, h, err
	}
	for _, g := range h.segments {
		if err := t.b.Delete(appendRef(nil, g.Blob, h.use, g.Slot), nil); err != nil {
			return nil, h, err
		}
	}
	return c, h, t.b.Delete(appendPreparedKey(nil, t.n, p.stamp), nil)
}

// readPrepared returns a prepared change, which is not to be changed.
func (t *txn) readPrepared(p prepared) (*Change, error) {
	if p.c != nil {
		return p.c, nil
	}
	value, found, err := t.x.get(appendPreparedKey(nil, t.n, p.stamp))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, errBadRecord
	}
	_, _, c, err := decodePrepared([]byte(value))
	return c, err
}

// Prepared returns the prepared changes of a name, in their order.
func (s *Store) Prepared(n object.Name) ([]*Change, error) {
	t, err := s.lockName(n)
	if err != nil {
		return nil, fault("fs.Prepared", n, err)
	}
	defer t.end()
	var out []*Change
	for _, p := range t.x.marks.of(n).chain {
		c, err := t.readPrepared(p)
		if err != nil {
			return nil, fault("fs.Prepared", n, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// releaseAll lets go of what uses held.
func (t *txn) releaseAll(held []holding, d object.Durability) {
	for _, h := range held {
		t.m.release(t.x, h.use, blobsOf(h.segments), d)
		for _, p := range t.mirrors {
			p.m.release(p.x, h.use, blobsOf(h.segments), d)
		}
	}
}
