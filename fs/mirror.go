package fs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// doubts are the names whose mirror may not be as the home is: a change was, or was to
// be, written to mirrors, and whether this one, or the home, has it is not known. Each
// is noted in the shadow's index, in the write that it is about.
type doubts struct {
	mu    sync.Mutex // guards the rest
	names map[object.Name]uint64
	ended [][]byte // keys of notes that say nothing any more
}

// maxEnded is how many of them one write takes out.
const maxEnded = 64

func appendDoubt(dst []byte, n object.Name, use uint64) []byte {
	return binary.BigEndian.AppendUint64(appendName(dst, kindDoubt, n.Bucket, n.Key), use)
}

func (d *doubts) load(db *pebble.DB) (err error) {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindDoubt}, UpperBound: []byte{kindDoubt + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	d.names = make(map[object.Name]uint64)
	for it.First(); it.Valid(); it.Next() {
		bucket, key, _, err := parseName(it.Key())
		if err != nil {
			return err
		}
		d.names[object.Name{Bucket: bucket, Key: key}] = 0
		d.ended = append(d.ended, bytes.Clone(it.Key())) // the name stays in doubt here
	}
	return it.Error()
}

func (d *doubts) has(n object.Name) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, is := d.names[n]
	return is
}

// expect notes in memory that a name will be in doubt.
func (d *doubts) expect(n object.Name) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, is := d.names[n]; !is {
		d.names[n] = 0
	}
}

// all returns the names that are in doubt.
func (d *doubts) all() []object.Name {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.names))
}

// begin notes a doubt in memory and in the batch, and takes some that have ended out.
func (d *doubts) begin(b *pebble.Batch, n object.Name, use uint64) error {
	d.mu.Lock()
	k := min(len(d.ended), maxEnded)
	ended := d.ended[:k:k]
	d.ended = d.ended[k:]
	d.names[n] = use
	d.mu.Unlock()
	for _, key := range ended {
		if err := b.Delete(key, nil); err != nil {
			return err
		}
	}
	return b.Set(appendDoubt(nil, n, use), nil, nil)
}

// end notes that a name is in doubt no more.
func (d *doubts) end(n object.Name) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if use, is := d.names[n]; is {
		delete(d.names, n)
		if use != 0 {
			d.ended = append(d.ended, appendDoubt(nil, n, use))
		}
	}
}

// findMirrors enters the indexes that have mirrors of the name, whose lock is held,
// and makes sure that what is there is as at the home. Where names get their mirrors
// only now, one that has none goes without. The mountpath that is out of service
// comes with an error.
func (t *txn) findMirrors(l *layout) (out *mountpath, err error) {
	for i, m := range l.mirrorsOf(t.n) {
		if m == t.m { // which has the name until it is moved
			continue
		}
		x, err := m.useToWrite()
		if err != nil {
			return m, err
		}
		t.mirrors = append(t.mirrors, place{m, x})
		keep, err := t.matches(place{m, x}, l.set.Mirrors.Buckets[t.n.Bucket].has(i))
		if err != nil && ofDisk(err) {
			m.noteWrite(err)
			return nil, object.E("fs.Mirror", t.n.Key, object.Unavailable, err)
		}
		if err != nil {
			return nil, err
		}
		if !keep {
			x.leave()
			t.mirrors = t.mirrors[:len(t.mirrors)-1]
		}
	}
	return nil, nil
}

// matches makes sure that a mirror is as the home is; false where there is none yet.
// known says that there is one, which is as the home is unless it is in doubt, or the
// power may have been lost.
func (t *txn) matches(mirror place, known bool) (bool, error) {
	home := place{t.m, t.x}
	switch {
	case known && !mirror.x.doubts.has(t.n) && !t.s.unverified.Load():
		return true, nil
	case known:
		_, err := t.s.equalize(t.n, home, mirror)
		return true, err
	}
	ours, theirs, same, err := compare(t.n, home, mirror)
	if same {
		mirror.x.marks.set(t.n, ours.marked())
	}
	if err != nil || same {
		return true, err
	}
	if theirs != nil { // from when the bucket had mirrors before; the pass may have gone by
		_, err = t.s.equalize(t.n, home, mirror)
		return true, err
	}
	return false, nil
}

func (t *txn) leaveMirrors() {
	for _, p := range t.mirrors {
		p.x.leave()
	}
	t.mirrors = nil
}

// commitMirrors writes the batch to the mirrors. Where one fails nothing is written at
// home, and all are in doubt; it is the one that comes with the error.
func (t *txn) commitMirrors(b *pebble.Batch, d object.Durability) (failed *mountpath, err error) {
	if len(t.mirrors) == 0 {
		return nil, nil
	}
	blobs, err := newRefs(b)
	if err != nil {
		return nil, err
	}
	use, err := newUse(t.s.config.Rand)
	if err != nil {
		return nil, err
	}
	for _, p := range t.mirrors {
		p.x.doubts.expect(t.n)
	}
	c := mirrorCommit{records: b.Repr(), blobs: blobs, use: use | 1, d: d}
	errs := make([]error, len(t.mirrors))
	var others sync.WaitGroup
	for i := range t.mirrors[1:] {
		others.Go(func() { errs[i+1] = t.commitMirror(t.mirrors[i+1], c) })
	}
	errs[0] = t.commitMirror(t.mirrors[0], c)
	others.Wait()
	for i, err := range errs {
		if err != nil {
			return t.mirrors[i].m, err
		}
	}
	return nil, nil
}

// mirrorCommit is what is written to mirrors.
type mirrorCommit struct {
	records []byte   // a batch
	blobs   []blobID // that it refers to anew
	use     uint64   // by which the doubt is noted
	d       object.Durability
}

// commitMirror writes to one mirror.
func (t *txn) commitMirror(mirror place, c mirrorCommit) error {
	m, x := mirror.m, mirror.x
	if len(c.blobs) > 0 || len(c.records) > maxHead {
		if err := m.space.admit(0); err != nil {
			return err
		}
	}
	var held []blobID
	defer func() { m.keep.unhold(append(held, m.arrivals.unstage(c.blobs)...)) }()
	for _, id := range c.blobs {
		if err := m.need(id, false, c.d, nil, t.m.has(id)); err != nil {
			return err
		}
		held = append(held, id)
	}
	copied := x.db.NewBatch()
	if err := copied.SetRepr(bytes.Clone(c.records)); err != nil {
		return err
	}
	if err := x.doubts.begin(copied, t.n, c.use); err != nil {
		return err
	}
	if t.x.versions.Load() {
		x.versions.Store(true)
	}
	return x.apply(copied, c.d)
}

// newRefs returns the blobs that a batch refers to anew, each once.
func newRefs(b *pebble.Batch) (ids []blobID, err error) {
	for r := b.Reader(); ; {
		kind, key, _, ok, err := r.Next()
		if err != nil || !ok {
			return ids, err
		}
		if kind == pebble.InternalKeyKindSet && len(key) > 17 && key[0] == kindRef {
			if id := blobID(key[1:17]); !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
}

// mirrored ends a change that home has.
func (t *txn) mirrored(d object.Durability) {
	t.countMirrored(t.delta)
	for _, p := range t.mirrors {
		p.m.release(p.x, t.use, slices.Clone(t.freed), d)
	}
}

// countMirrored counts, where mirrors are, what a change has added.
func (t *txn) countMirrored(delta count) {
	if delta == (count{}) {
		return
	}
	for _, p := range t.mirrors {
		p.x.counters.add(t.n.Bucket, delta)
	}
}

// setMark replaces the mark of the name, which its lock guards.
func (t *txn) setMark(now mark) {
	t.x.marks.set(t.n, now)
	for _, p := range t.mirrors {
		p.x.marks.set(t.n, now)
	}
}

// ahead copies blobs, which are sealed, from a mountpath to where the mirrors of their
// name will be, so that no lock is held meanwhile. What goes wrong here goes wrong
// again there.
func (s *Store) ahead(n object.Name, from *mountpath, d object.Durability, ids ...blobID) {
	for _, m := range s.layout.Load().mirrorsOf(n) {
		for _, id := range ids {
			if !m.writes() {
				break
			}
			if err := m.need(id, false, d, nil, from.has(id)); err != nil {
				m.noteWrite(err)
				break
			}
			m.arrivals.stage(id, s.config.Now())
		}
	}
}

// compare returns what two places have of a name, and whether that is the same but for
// what is only noted of it.
func compare(n object.Name, a, b place) (ours, theirs *inventory, same bool, err error) {
	if ours, err = a.x.gather(n); err != nil {
		return nil, nil, false, err
	}
	if theirs, err = b.x.gather(n); errors.Is(err, object.Corrupt) {
		theirs, err = b.x.gatherTorn(n)
		return ours, theirs, false, err
	}
	if err != nil {
		return nil, nil, false, err
	}
	return ours, theirs, slices.EqualFunc(ours.essence(), theirs.essence(), func(p, q pair) bool {
		return bytes.Equal(p.key, q.key) && bytes.Equal(p.value, q.value)
	}), nil
}

// essence returns the records that make a name what it is; e may be nil.
func (e *inventory) essence() []pair {
	if e == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(e.pairs), func(p pair) bool {
		return p.key[0] == kindAccess || p.key[0] == kindCompleted
	})
}

// marked returns the mark of the name; e may be nil.
func (e *inventory) marked() mark {
	if e == nil {
		return mark{}
	}
	return e.mark
}

// equalize makes what is in a shadow of a name what its home has; done says that it
// was not so. The name's lock is held.
func (s *Store) equalize(n object.Name, home, mirror place) (done bool, err error) {
	ours, theirs, same, err := compare(n, home, mirror)
	if err != nil {
		return false, err
	}
	if same {
		mirror.x.marks.set(n, ours.marked())
		mirror.x.doubts.end(n)
		return false, nil
	}
	c := &load{s: s, from: home.m, to: mirror.m, done: make(map[blobID]bool)}
	defer c.release()
	b, delta := mirror.x.db.NewBatch(), count{}
	if theirs != nil {
		delta = count{}.less(theirs.count())
		if err := theirs.delete(b); err != nil {
			return false, err
		}
	}
	if ours != nil {
		if err := c.carry(ours); err != nil {
			return false, err
		}
		delta = ours.count().less(count{}.less(delta))
		if err := ours.put(mirror.x, b); err != nil {
			return false, err
		}
	}
	if err := delta.put(b, n.Bucket); err != nil {
		return false, err
	}
	err = mirror.x.apply(b, object.Power)
	c.referred()
	if err != nil {
		return false, object.E("fs.Mirror", n.Key, object.Unavailable, err)
	}
	mirror.x.counters.add(n.Bucket, delta)
	mirror.x.marks.set(n, ours.marked())
	mirror.x.doubts.end(n)
	if theirs != nil {
		for _, h := range theirs.holds {
			mirror.m.release(mirror.x, h.use, blobsOf(h.segments), object.Power)
		}
	}
	return true, nil
}

func (n count) less(o count) count { return count{n.objects - o.objects, n.bytes - o.bytes} }
