package fs

import (
	"encoding/binary"
	"io"
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
	known := make(map[blobID]bool, len(segments))
	for _, g := range segments {
		known[g.Blob] = true
	}
	err = eachOp(records, func(o op) error {
		if o.key[0] == kindRef && !o.delete && !known[blobID(o.key[1:17])] {
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

// prepare is one try of Prepare; again says that the name was moved meanwhile.
func (s *Store) prepare(c *Change, held []segment, fetch Fetch) (again bool, err error) {
	if len(held) > 0 { // a change that does not fit needs no bytes
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
	now.chain = append(now.chain[:keep:keep], prepared{c.Stamp, since})
	t.x.marks.set(t.n, now)
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
	key := appendPreparedKey(nil, t.n, p.stamp)
	value, found, err := t.x.get(key)
	if err != nil {
		return nil, h, err
	}
	if !found {
		return nil, h, errBadRecord
	}
	_, use, c, err := decodePrepared([]byte(value))
	if err != nil {
		return nil, h, err
	}
	h.use = use
	if h.segments, err = preparedSegments(c.Blobs); err != nil {
		return nil, h, err
	}
	for _, g := range h.segments {
		if err := t.b.Delete(appendRef(nil, g.Blob, use, g.Slot), nil); err != nil {
			return nil, h, err
		}
	}
	return c, h, t.b.Delete(key, nil)
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
		value, found, err := t.x.get(appendPreparedKey(nil, n, p.stamp))
		if err == nil && !found {
			err = errBadRecord
		}
		if err != nil {
			return nil, fault("fs.Prepared", n, err)
		}
		_, _, c, err := decodePrepared([]byte(value))
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
	}
}

// Settle commits the prepared change of a name with that stamp, and those before it,
// or drops it, and those after it. Where there is none it does nothing. An outcome
// is kept as object.Process does: what is lost with the power is in doubt again.
func (s *Store) Settle(n object.Name, p Stamp, commit bool) error {
	return s.settlePrepared(n, p, commit, nil)
}

// TakeOver is Settle with a commit by who follows an owner that is gone: it is noted
// that the targets in missing may lack the change.
func (s *Store) TakeOver(n object.Name, p Stamp, missing []string) error {
	return s.settlePrepared(n, p, true, missing)
}

func (s *Store) settlePrepared(n object.Name, p Stamp, commit bool, missing []string) error {
	t, err := s.lockName(n)
	if err != nil {
		return fault("fs.Settle", n, err)
	}
	defer t.end()
	now := t.x.marks.of(n)
	for i, q := range now.chain {
		if q.stamp != p {
			continue
		}
		t.b = t.x.db.NewBatch()
		if commit {
			err = t.commitPrepared(now, i+1, missing)
		} else {
			err = t.abortPrepared(now, i)
		}
		return fault("fs.Settle", n, err)
	}
	return nil
}

// abortPrepared drops the prepared changes from the one at keep on.
func (t *txn) abortPrepared(now mark, keep int) error {
	dropped, err := t.dropPrepared(now.chain[keep:])
	if err == nil {
		err = t.commit(object.Process)
	}
	if err != nil {
		return err
	}
	now.chain = now.chain[:keep:keep]
	t.x.marks.set(t.n, now)
	t.releaseAll(dropped, object.Process)
	return nil
}

// commitPrepared applies the first count prepared changes, which missing may lack.
func (t *txn) commitPrepared(now mark, count int, missing []string) error {
	var r replay
	for _, p := range now.chain[:count] {
		c, _, err := t.takePrepared(p) // whose blobs have references of their own then
		if err == nil {
			err = r.add(t, c)
		}
		if err != nil {
			return err
		}
	}
	if err := t.handOff(&Change{Stamp: now.chain[count-1].stamp, Handoff: missing}); err != nil {
		return err
	}
	if err := r.apply(t, object.Process); err != nil {
		return err
	}
	now.chain = now.chain[count:]
	t.x.marks.set(t.n, now)
	return nil
}

// replay makes changes of other targets in a batch, with what each mountpath has
// for itself: the counters, and the blobs to let go of.
type replay struct {
	began   bool
	before  count // of the name
	now     count
	freed   []holding
	current bool // the current version is another one, or gone
}

// begin reads what the name counted for.
func (r *replay) begin(t *txn) error {
	if r.began {
		return nil
	}
	r.began = true
	value, found, err := get(t.x.db, t.key(kindObject))
	if err == nil && found {
		r.before, err = countOf([]byte(value))
	}
	r.now = r.before
	return err
}

// countOf returns what a name counts for, by the record of its current version.
func countOf(value []byte) (count, error) {
	var m object.Meta
	err := decodeHead(string(value[:min(len(value), maxHead)]), &m)
	return count{1, m.Size}, err
}

// add puts a change into the batch.
func (r *replay) add(t *txn, c *Change) error {
	if err := r.begin(t); err != nil {
		return err
	}
	if err := eachOp(c.Records, func(o op) error { return r.do(t, o) }); err != nil {
		return err
	}
	return t.handOff(c)
}

func (r *replay) do(t *txn, o op) (err error) {
	switch {
	case o.key[0] == kindObject:
		r.current = true
		r.now = count{}
		if !o.delete {
			r.now, err = countOf(o.value)
		}
	case o.key[0] == kindVersion && !o.delete:
		t.x.versions.Store(true) // before anyone can see the record
	case o.key[0] == kindRef && o.delete:
		use := binary.BigEndian.Uint64(o.key[17:])
		r.freed = append(r.freed, holding{use: use, segments: []segment{{Blob: blobID(o.key[1:17])}}})
	}
	if err != nil {
		return err
	}
	if o.delete {
		return t.b.Delete(o.key, nil)
	}
	return t.b.Set(o.key, o.value, nil)
}

// apply writes the batch and lets go of what it freed.
func (r *replay) apply(t *txn, d object.Durability) error {
	delta := count{r.now.objects - r.before.objects, r.now.bytes - r.before.bytes}
	if err := delta.put(t.b, t.n.Bucket); err != nil {
		return err
	}
	if r.current { // the time of the last read is of another version
		if err := t.b.Delete(t.key(kindAccess), nil); err != nil {
			return err
		}
	}
	if err := t.commit(d); err != nil {
		return err
	}
	if delta != (count{}) {
		t.x.counters.add(t.n.Bucket, delta)
	}
	if r.current {
		t.m.reads.forget(t.n)
	}
	t.releaseAll(r.freed, d)
	return nil
}

// haul is the blobs of a name that are brought to where the name is.
type haul struct {
	s      *Store
	n      object.Name
	m      *mountpath // nil until bring
	d      object.Durability
	fetch  Fetch
	intact bool // blobs that are there are checked, and replaced where they are damaged
	held   []blobID
}

// bring makes the blobs be there, and busy.
func (h *haul) bring(segments []segment, blobs []Blob) (err error) {
	if len(segments) == 0 {
		return nil
	}
	if h.m, err = h.s.home(h.n); err != nil {
		return err
	}
	for i, g := range segments {
		sources := h.others(g.Blob)
		sources = append(sources, func() (io.ReadCloser, error) { return h.fetchOne(blobs[i]) })
		if err := h.m.need(g.Blob, h.intact, h.d, nil, sources...); err != nil {
			return err
		}
		h.held = append(h.held, g.Blob)
	}
	return nil
}

// others returns the other mountpaths, where another name may refer to the blob.
func (h *haul) others(id blobID) (sources []source) {
	for _, m := range h.s.layout.Load().all {
		if m != h.m && m.index.Load() != nil {
			sources = append(sources, m.has(id))
		}
	}
	return sources
}

func (h *haul) fetchOne(b Blob) (io.ReadCloser, error) {
	if err := h.m.space.admit(b.Size); err != nil {
		return nil, err
	}
	return h.fetch(b)
}

// referred ends the hold on the blobs, which the index refers to, or may: then the
// sweep decides.
func (h *haul) referred() {
	if len(h.held) > 0 {
		h.m.keep.unhold(append(h.m.arrivals.unstage(h.held), h.held...))
		h.held = nil
	}
}

// release lets go of the blobs. Those that were staged stay so.
func (h *haul) release() {
	if len(h.held) > 0 {
		h.m.letGo(h.held...)
		h.held = nil
	}
}
