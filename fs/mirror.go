package fs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// doubts are the names whose mirror may be ahead of the home: a change was written to
// the mirror, and whether the home has it is not known. Each is noted in the shadow's
// index, in the write that it is about.
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

// findMirror enters the index that has the mirror of the name, whose lock is held,
// and makes sure that what is there is as at the home. Where names get their mirrors
// only now, one that has none goes without. The mountpath that is out of service
// comes with an error.
func (t *txn) findMirror(l *layout) (out *mountpath, err error) {
	v := l.by(t.n.Bucket)
	if v == l {
		return nil, nil
	}
	m := v.mirrorOf(t.n.Digest())
	if m == nil {
		return nil, nil
	}
	x, err := m.useToWrite()
	if err != nil {
		return m, err
	}
	t.mirror = place{m, x}
	home := place{t.m, t.x}
	switch whole := l.set.Mirrors.Buckets[t.n.Bucket]; {
	case whole && !x.doubts.has(t.n):
		return nil, nil
	case whole:
		_, err = t.s.equalize(t.n, home, t.mirror)
		return nil, err
	}
	_, theirs, same, err := compare(t.n, home, t.mirror)
	if err != nil || same {
		return nil, err
	}
	if theirs != nil {
		if err := t.s.wipe(m, x, theirs); err != nil {
			return nil, err
		}
	}
	t.leaveMirror()
	return nil, nil
}

func (t *txn) leaveMirror() {
	if t.mirror.m != nil {
		t.mirror.x.leave()
		t.mirror = place{}
	}
}

// commitMirror writes the batch to the mirror. Where it fails nothing is written at
// home, and the mirror is in doubt.
func (t *txn) commitMirror(b *pebble.Batch, d object.Durability) error {
	m, x := t.mirror.m, t.mirror.x
	blobs, err := newRefs(b)
	if err != nil {
		return err
	}
	if len(blobs) > 0 || b.Len() > maxHead {
		if err := m.space.admit(0); err != nil {
			return err
		}
	}
	var held []blobID
	defer func() { m.keep.unhold(append(held, m.arrivals.unstage(blobs)...)) }()
	for _, id := range blobs {
		if err := m.need(id, false, d, nil, t.m.has(id)); err != nil {
			return err
		}
		held = append(held, id)
	}
	use, err := newUse(t.s.config.Rand)
	if err != nil {
		return err
	}
	copied := x.db.NewBatch()
	if err := copied.SetRepr(bytes.Clone(b.Repr())); err != nil {
		return err
	}
	if err := x.doubts.begin(copied, t.n, use|1); err != nil {
		return err
	}
	if t.x.versions.Load() {
		x.versions.Store(true)
	}
	return x.apply(copied, d)
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
	if t.mirror.m == nil {
		return
	}
	if t.delta != (count{}) {
		t.mirror.x.counters.add(t.n.Bucket, t.delta)
	}
	t.mirror.m.release(t.mirror.x, t.use, slices.Clone(t.freed), d)
}

// ahead copies a blob, which is sealed, to where the mirror of its name will be, so
// that no lock is held meanwhile. What goes wrong here goes wrong again there.
func (s *Store) ahead(n object.Name, w *blobWriter, d object.Durability) {
	l := s.layout.Load()
	v := l.by(n.Bucket)
	if v == l {
		return
	}
	m := v.mirrorOf(n.Digest())
	if m == nil || !m.writes() {
		return
	}
	if err := m.need(w.id, false, d, nil, w.m.has(w.id)); err != nil {
		m.noteWrite(err)
		return
	}
	m.arrivals.stage(w.id, s.config.Now())
}

// compare returns what two places have of a name, and whether that is the same but for
// what is only noted of it.
func compare(n object.Name, a, b place) (ours, theirs *inventory, same bool, err error) {
	if ours, err = a.x.gather(n); err != nil {
		return nil, nil, false, err
	}
	if theirs, err = b.x.gather(n); err != nil {
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

// equalize makes what is in a shadow of a name what its home has; done says that it
// was not so. The name's lock is held.
func (s *Store) equalize(n object.Name, home, mirror place) (done bool, err error) {
	ours, theirs, same, err := compare(n, home, mirror)
	if err != nil {
		return false, err
	}
	if same {
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
	mirror.x.doubts.end(n)
	if theirs != nil {
		for _, h := range theirs.holds {
			mirror.m.release(mirror.x, h.use, blobsOf(h.segments), object.Power)
		}
	}
	return true, nil
}

func (n count) less(o count) count { return count{n.objects - o.objects, n.bytes - o.bytes} }
