package fs

import (
	"cmp"
	"errors"
	"slices"

	"ais/object"
)

// Removed is what a removal did.
type Removed struct {
	Meta         object.Meta // of the version that is gone; the zero value where a marker was written only
	VersionID    string      // of that version or, where one was written, of the delete marker
	DeleteMarker bool        // a marker was written, or the version that is gone was one
}

// Remove takes a version out, named as S3 shows it, for good; the newest of those
// that are left becomes the current one. Without a version it takes the object
// out, which leaves a delete marker unless the bucket is Unversioned. Errors:
// NotFound where there is nothing to remove and no marker is to be written,
// NoSuchVersion, Precondition, Unavailable, and the gate's own.
func (s *Store) Remove(n object.Name, version string, terms Terms, d object.Durability) (Removed, error) {
	t, err := s.begin(n)
	if err != nil {
		return Removed{}, fault("fs.Remove", n, err)
	}
	defer t.end()
	if err := t.check(terms); err != nil {
		return Removed{}, fault("fs.Remove", n, err)
	}
	if t.old == nil {
		return Removed{}, object.E("fs.Remove", n.Key, object.NotFound, nil)
	}
	if version != "" && version != object.NullVersion {
		return Removed{}, object.E("fs.Remove", n.Key, object.NoSuchVersion, nil)
	}
	if err = t.remove(); err == nil {
		err = t.apply(d)
	}
	if err != nil {
		t.m.stats.delErrors.Add(1)
		return Removed{}, fault("fs.Remove", n, err)
	}
	return Removed{Meta: t.m.result(t.old)}, nil
}

// Removal is one of many names to remove.
type Removal struct {
	Name    object.Name
	Version string // as for Remove
	Cond    object.Cond
}

// RemoveMany is Remove for many names, with one index write for each mountpath and
// each batchNames names. It returns a result and an error for each, in its place:
// nil, or as Remove. Of the terms the conditions are not looked at.
func (s *Store) RemoveMany(list []Removal, terms Terms, d object.Durability) ([]Removed, []error) {
	removed, errs := make([]Removed, len(list)), make([]error, len(list))
	groups := make(map[*mountpath][]placed)
	for i, r := range list {
		m, digest := s.place(r.Name)
		groups[m] = append(groups[m], placed{r.Name, digest, i})
	}
	for m, group := range groups {
		for part := range slices.Chunk(group, batchNames) {
			s.removeBatch(m, part, d, terms.Gate, errs)
		}
	}
	return removed, errs
}

// batchNames bounds the names of one batch, and with them the locks held.
const batchNames = 1000

type placed struct {
	n      object.Name
	digest uint64
	i      int // place in the caller's list
}

// removeBatch removes names of one mountpath together.
func (s *Store) removeBatch(m *mountpath, group []placed, d object.Durability, gate func() error, errs []error) {
	failAll := func(err error) {
		for _, p := range group {
			if errs[p.i] == nil {
				errs[p.i] = fault("fs.RemoveMany", p.n, err)
			}
		}
	}
	x, err := m.use()
	if err != nil {
		failAll(err)
		return
	}
	defer x.leave()
	defer x.lockAll(group)()
	if gate != nil {
		if err := gate(); err != nil {
			failAll(err)
			return
		}
	}
	txns := make([]*txn, 0, len(group))
	deltas := make(map[uint64]count)
	b := x.db.NewBatch()
	buf := s.scratch()
	defer s.putScratch(buf)
	seen := make(map[object.Name]bool, len(group))
	for _, p := range group {
		t := &txn{s: s, m: m, x: x, n: p.n, b: b, buf: buf}
		err := t.load()
		if err == nil && (t.old == nil || seen[p.n]) {
			err = object.NotFound
		}
		if err == nil {
			err = t.remove()
		}
		if err != nil {
			errs[p.i] = fault("fs.RemoveMany", p.n, err)
			continue
		}
		seen[p.n] = true
		sum := deltas[p.n.Bucket]
		deltas[p.n.Bucket] = count{sum.objects + t.delta.objects, sum.bytes + t.delta.bytes}
		txns = append(txns, t)
	}
	for bucket, delta := range deltas {
		err = errors.Join(err, delta.put(b, bucket))
	}
	if err == nil {
		err = x.apply(b, d)
	}
	if err != nil {
		m.stats.delErrors.Add(1)
		failAll(object.E("fs.RemoveMany", m.dir, object.Unavailable, err))
		return
	}
	for bucket, delta := range deltas {
		x.counters.add(bucket, delta)
	}
	for _, t := range txns {
		m.release(x, t.use, t.freed, d)
	}
}

// lockAll takes the locks of all names, each once and in order, and returns what
// releases them.
func (x *index) lockAll(group []placed) (unlock func()) {
	shards := make([]uint64, len(group))
	for i, p := range group {
		shards[i] = p.digest % uint64(len(x.locks))
	}
	slices.SortFunc(shards, cmp.Compare)
	shards = slices.Compact(shards)
	for _, i := range shards {
		x.locks[i].Lock()
	}
	return func() {
		for _, i := range shards {
			x.locks[i].Unlock()
		}
	}
}

// Update changes the metadata of a version, named as for Stat, and not its bytes. change sees the
// current metadata and changes it in place; what it does to Size, Parts and
// Version.Counter is ignored. Its error ends the update and is returned.
func (s *Store) Update(n object.Name, version string, d object.Durability, gate func() error, change func(*object.Meta) error) (object.Meta, error) {
	t, err := s.begin(n)
	if err != nil {
		return object.Meta{}, fault("fs.Update", n, err)
	}
	defer t.end()
	if err := t.check(Terms{Gate: gate}); err != nil {
		return object.Meta{}, fault("fs.Update", n, err)
	}
	if t.old == nil {
		return object.Meta{}, object.E("fs.Update", n.Key, object.NotFound, nil)
	}
	if t.old.Payload == payloadManifest {
		if err := t.x.readManifest(t.key(kindBody), t.old); err != nil {
			return object.Meta{}, fault("fs.Update", n, err)
		}
	}
	meta := t.m.result(t.old).Clone()
	if err := change(&meta); err != nil {
		return object.Meta{}, fault("fs.Update", n, err)
	}
	r := *t.old
	r.Meta = meta
	r.Meta.Size = t.old.Meta.Size
	r.Meta.Modified = stamp(meta.Modified, s.config.Now)
	r.Meta.Version.Counter = t.old.Meta.Version.Counter + 1
	t.buf.value = appendRecord(t.buf.value[:0], &r)
	if err = t.b.Set(t.key(kindObject), t.buf.value, nil); err == nil {
		err = t.apply(d)
	}
	if err != nil {
		return object.Meta{}, fault("fs.Update", n, err)
	}
	return t.m.result(&r), nil
}
