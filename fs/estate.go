package fs

import (
	"errors"
	"io"
	"os"
	"slices"

	"ais/object"
)

// Estate is all that a target has of a name, but what is prepared.
type Estate struct {
	Name       object.Name
	Stamp      Stamp
	Durability object.Durability // that Adopt is to have; Estate leaves it at Power
	Records    []byte            // see Change; all are set, and the stamp is not among them
	Blobs      []Blob            // that the records refer to, each once
}

// Removed reports whether nothing is left of the name but its stamp, if any.
func (e *Estate) Removed() bool {
	removed := true
	err := eachOp(e.Records, func(o op) error {
		kind := o.key[0]
		removed = removed && (kind == kindHandoff || kind == kindCompleted)
		return nil
	})
	return removed && err == nil
}

// EncodeEstate returns the form of an estate that DecodeEstate reads.
func EncodeEstate(e *Estate) []byte {
	dst := make([]byte, 0, 128+len(e.Name.Key)+len(e.Records)+32*len(e.Blobs))
	dst = appendStamp(appendWireName(append(dst, wireVersion), e.Name), e.Stamp)
	dst = append(dst, byte(e.Durability))
	return appendBlobs(appendString(dst, e.Records), e.Blobs)
}

// DecodeEstate reads what EncodeEstate wrote, which must not be changed as long as the
// Estate is used. Invalid where it is malformed, or has records that are not of its
// name.
func DecodeEstate(b []byte) (*Estate, error) {
	if len(b) > maxWire {
		return nil, object.E("fs.DecodeEstate", "", object.Invalid, errTooLong)
	}
	d := decoder{s: string(b)}
	if d.byte() != wireVersion {
		d.fail()
	}
	e := &Estate{Name: d.wireName(), Stamp: d.stamp(), Durability: d.durability()}
	e.Records = d.bytesOf(b)
	e.Blobs = d.blobs()
	err := d.end()
	if err == nil {
		err = e.check()
	}
	if err != nil {
		return nil, object.E("fs.DecodeEstate", e.Name.Key, object.Invalid, err)
	}
	return e, nil
}

func (e *Estate) check() error {
	if err := checkRecords(e.Name, e.Records, Stamp{}); err != nil {
		return err
	}
	return eachOp(e.Records, func(o op) error {
		if o.delete || o.key[0] == kindStamp {
			return errBadRecords
		}
		return nil
	})
}

// Estate returns what is here of a name, as one moment has it; the stamp is zero, and
// Records are empty, where nothing is. It takes no lock and does not Enter.
func (s *Store) Estate(n object.Name) (*Estate, error) {
	out := &Estate{Name: n}
	err := s.eachPlace(n, func(p place) (done bool, err error) {
		e, err := p.x.gather(n)
		if err != nil || e == nil {
			return false, err
		}
		out.fill(e)
		return !out.Stamp.IsZero(), nil
	})
	if err != nil {
		return nil, fault("fs.Estate", n, err)
	}
	return out, nil
}

// fill takes over what goes to other targets.
func (e *Estate) fill(from *inventory) {
	e.Stamp, e.Records = from.stamp, e.Records[:0]
	data := false
	for _, p := range from.pairs {
		kind := p.key[0]
		if !travels(kind) || kind == kindStamp {
			continue
		}
		e.Records = appendSetOp(e.Records, p.key, p.value)
		data = data || kind != kindHandoff && kind != kindCompleted
	}
	var blobs blobList
	for _, h := range from.holds {
		if h.prepared {
			continue
		}
		for _, g := range h.segments {
			e.Records = appendSetOp(e.Records, appendRef(nil, g.Blob, h.use, g.Slot), nil)
		}
		blobs.add(h.segments)
	}
	e.Blobs = blobs.list
	if e.Stamp.IsZero() && data {
		e.Stamp = unstamped
	}
}

// Adopt makes what is here of e.Name what e has, durably as e.Durability asks: all
// else of the name, with what is prepared, is gone then, or all is as before. Missing
// blobs come as for Prepare. Where e.Stamp is that of the name here already, blobs are
// checked and the damaged ones replaced. It does not Enter. Errors: Conflict
// with ErrStale where a change by a later owner was applied here, and those of Prepare.
func (s *Store) Adopt(e *Estate, fetch Fetch) error { return s.takeIn(e, fetch, false) }

// Mend is Adopt where e.Stamp is that of the name here: damaged blobs are replaced.
// Conflict with ErrBehind where the name has another stamp, or gets one meanwhile.
func (s *Store) Mend(e *Estate, fetch Fetch) error { return s.takeIn(e, fetch, true) }

func (s *Store) takeIn(e *Estate, fetch Fetch, same bool) error {
	err := e.check()
	var held []segment
	if err == nil {
		held, err = needs(e.Records, e.Blobs)
	}
	if err != nil {
		return object.E("fs.Adopt", e.Name.Key, object.Invalid, err)
	}
	for again := true; again && err == nil; {
		again, err = s.adoptEstate(e, held, fetch, same)
	}
	return fault("fs.Adopt", e.Name, err)
}

// adoptEstate is one try of Adopt; again says that the name was moved meanwhile.
func (s *Store) adoptEstate(e *Estate, held []segment, fetch Fetch, same bool) (again bool, err error) {
	t, err := s.lockName(e.Name)
	if err != nil {
		return false, err
	}
	now, err := t.mayAdopt(e, same)
	t.end()
	if err != nil {
		return false, err
	}
	h := &haul{s: s, n: e.Name, d: e.Durability, fetch: fetch, intact: now == e.Stamp}
	defer h.release()
	if err := h.bring(held, e.Blobs); err != nil {
		return false, err
	}
	h.ahead()
	if t, err = s.lockName(e.Name); err != nil {
		return false, err
	}
	defer t.end()
	if len(held) > 0 && t.m != h.m {
		return true, nil
	}
	if _, err := t.mayAdopt(e, same); err != nil {
		return false, err
	}
	tried, err := t.adopt(e)
	if tried {
		h.referred()
	}
	return false, err
}

// mayAdopt returns the stamp of the name. ErrStale where that is by a later owner than
// e's, unless both are of a name that is gone: the other one may have forgotten it.
// What is prepared does not count: who sends e has it, or it was given up. With same the
// two are to be the same, and nothing prepared.
func (t *txn) mayAdopt(e *Estate, same bool) (Stamp, error) {
	now, err := t.x.stamp(t.n)
	if err == nil && same && (now != e.Stamp || len(t.x.marks.of(t.n).chain) > 0) {
		return now, conflict("fs.Mend", t.n, ErrBehind)
	}
	if err != nil || now.CompareTerm(e.Stamp) <= 0 {
		return now, err
	}
	there, err := t.x.hasData(t.n)
	if err == nil && (there || !e.Stamp.IsZero()) {
		err = conflict("fs.Adopt", t.n, ErrStale)
	}
	return now, err
}

// adopt replaces all that is here of the name. tried is as of putPart.
func (t *txn) adopt(e *Estate) (tried bool, err error) {
	old, err := t.x.gather(t.n)
	if err != nil {
		return false, err
	}
	t.b = t.x.db.NewBatch()
	var r replay
	if err := r.begin(t); err != nil {
		return false, err
	}
	if old != nil {
		if err := old.delete(t.b); err != nil {
			return false, err
		}
		r.freed = append(r.freed, old.holds...)
	}
	r.current, r.now = true, count{}
	if err := eachOp(e.Records, func(o op) error { return r.do(t, o) }); err != nil {
		return false, err
	}
	if !e.Stamp.IsZero() {
		if err := t.b.Set(t.key(kindStamp), appendStampRecord(nil, e.Stamp), nil); err != nil {
			return false, err
		}
	}
	delta, err := r.end(t)
	if err == nil {
		err = delta.put(t.b, t.n.Bucket)
	}
	if err != nil {
		return false, err
	}
	if err := t.commit(e.Durability); err != nil {
		return true, err
	}
	t.setMark(mark{})
	r.done(t, delta, e.Durability)
	return true, nil
}

// OpenBlob opens the file of a blob that the name holds, or that a change of it is
// about to: its payload, and after it the trailer, by which the receiver (Stage,
// Fetch) checks every block. size is that of the file. NotFound where it is gone.
func (s *Store) OpenBlob(n object.Name, id string) (r io.ReadCloser, size int64, err error) {
	blob, err := parseBlobID(id)
	if err != nil {
		return nil, 0, object.E("fs.OpenBlob", n.Key, object.Invalid, err)
	}
	l := s.layout.Load()
	for _, m := range slices.Concat(l.by(n.Bucket).places(n.Digest()), l.mirrorsOf(n)) {
		f, ferr := m.config.OS.OpenFile("blob.open", m.blobs.path(blob), os.O_RDONLY, 0)
		if errors.Is(ferr, os.ErrNotExist) {
			continue
		}
		if ferr == nil {
			info, serr := f.Stat()
			if serr == nil {
				return f, info.Size(), nil
			}
			ferr = errors.Join(serr, f.Close())
		}
		err = ferr
	}
	if err == nil {
		err = object.NotFound
	}
	return nil, 0, fault("fs.OpenBlob", n, err)
}
