package fs

import (
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/sync/errgroup"

	"ais/object"
)

// Removed is what a removal did.
type Removed struct {
	Meta         object.Meta // of the version that is gone; the zero value where a delete marker was written
	VersionID    string      // of that version or marker
	DeleteMarker bool        // a marker was written, or the version that is gone was one
}

// Remove takes a version out for good, named as S3 shows it; the newest of those
// that are left becomes the current one. Without a version it takes the object
// out, which leaves a delete marker unless the bucket is Unversioned. Errors:
// NotFound where there is nothing to remove and no marker is to be written, or a
// condition asks for something to be there, NoSuchVersion, Precondition, Unavailable, and those of the gate and If.
func (s *Store) Remove(n object.Name, version string, terms Terms, d object.Durability) (Removed, error) {
	t, err := s.begin(n)
	if err != nil {
		return Removed{}, fault("fs.Remove", n, err)
	}
	defer t.end()
	if err := t.ask(terms); err != nil {
		return Removed{}, fault("fs.Remove", n, err)
	}
	out, err := t.take(version, terms)
	if err == nil {
		if err = t.apply(d); err != nil {
			t.m.stats.delErrors.Add(1)
		}
	}
	if err != nil {
		return Removed{}, fault("fs.Remove", n, err)
	}
	return out, nil
}

// take removes a version, or the object, if the condition holds.
func (t *txn) take(version string, terms Terms) (Removed, error) {
	r, err := t.named(version)
	if err != nil {
		return Removed{}, err
	}
	if err := t.mayTake(r, terms.Cond); err != nil {
		return Removed{}, err
	}
	if version == "" && t.effective(terms.Versioning) != object.Unversioned {
		marker, err := t.mark(terms.Versioning, terms.Owner)
		if err != nil {
			return Removed{}, err
		}
		return Removed{VersionID: marker.Meta.VersionID, DeleteMarker: true}, nil
	}
	if r == nil {
		return Removed{}, object.NotFound
	}
	if err := t.erase(r); err != nil {
		return Removed{}, err
	}
	return Removed{Meta: t.m.result(r), VersionID: r.Meta.VersionID, DeleteMarker: r.Meta.DeleteMarker}, nil
}

// mayTake decides about the removal of the version r, nil for none but perhaps a
// delete marker.
func (t *txn) mayTake(r *record, c object.Cond) (err error) {
	if r == nil && c.Any() && t.past.Count > 0 {
		if r, _, err = t.others().newest(0); err != nil {
			return err
		}
	}
	if r == nil {
		return c.CheckDelete(nil)
	}
	return c.CheckDelete(&r.Meta)
}

// named returns a version as S3 shows it, t.old where it is the current one. For
// "" that is nil where there is none; else NoSuchVersion says so.
func (t *txn) named(version string) (*record, error) {
	if version == "" || t.old != nil && version == object.ShownVersion(t.old.Meta.VersionID) {
		return t.old, nil
	}
	r, _, err := t.others().find(t.past, version)
	return r, err
}

// Removal is one of many names to remove.
type Removal struct {
	Name    object.Name
	Version string // as for Remove
	Cond    object.Cond
}

// RemoveMany is Remove for many names, with one index write for each mountpath and
// each batchNames names. It returns a result and an error for each, in its place:
// nil, or as Remove. The gate is asked once for each write, If for each name; of the
// terms the conditions are not looked at.
func (s *Store) RemoveMany(list []Removal, terms Terms, d object.Durability) ([]Removed, []error) {
	removed, errs := make([]Removed, len(list)), make([]error, len(list))
	left := make([]placed, len(list))
	for i, r := range list {
		left[i] = placed{r.Name, r.Name.Digest(), i}
	}
	for len(left) > 0 {
		left = s.removeSent(left, list, terms, d, removed, errs)
		l := s.layout.Load()
		var later []placed // of those that the mountpaths changed under
		groups := make(map[*mountpath][]placed)
		for _, p := range left {
			if v := l.by(p.n.Bucket); v != l || !l.settled() && len(l.places(p.digest)) > 1 {
				terms.Cond = list[p.i].Cond
				removed[p.i], errs[p.i] = s.Remove(p.n, list[p.i].Version, terms, d)
				continue
			}
			m := l.sets[0].of(p.digest)
			groups[m] = append(groups[m], p)
		}
		for m, group := range groups {
			for part := range slices.Chunk(group, batchNames) {
				if !s.removeBatch(l, m, part, list, terms, d, removed, errs) {
					later = append(later, part...)
				}
			}
		}
		left = later
	}
	return removed, errs
}

// removersOfSent is how many names that have copies are removed at the same time.
const removersOfSent = 16

// removeSent removes the names that have copies on other targets, each by itself, and
// returns the others. Removals of one name keep their order.
func (s *Store) removeSent(left []placed, list []Removal, terms Terms, d object.Durability, removed []Removed, errs []error) []placed {
	if s.config.Copying == nil {
		return left
	}
	names := make(map[uint64][]placed)
	others := left[:0]
	for _, p := range left {
		if s.sends(p.n) {
			names[p.digest] = append(names[p.digest], p)
		} else if errs[p.i] = s.enter(p.n, true); errs[p.i] == nil {
			others = append(others, p)
		}
	}
	var work errgroup.Group
	work.SetLimit(removersOfSent)
	for _, group := range names {
		work.Go(func() error {
			for _, p := range group {
				terms := terms
				terms.Cond = list[p.i].Cond
				removed[p.i], errs[p.i] = s.Remove(p.n, list[p.i].Version, terms, d)
			}
			return nil
		})
	}
	_ = work.Wait() // each name has its own error
	return others
}

// anySent reports whether a name has copies on other targets now.
func (s *Store) anySent(group []placed) bool {
	return s.config.Copying != nil && slices.ContainsFunc(group, func(p placed) bool { return s.sends(p.n) })
}

// batchNames bounds the names of one batch, and with them the locks held.
const batchNames = 1000

// placed is a name and where it is in the caller's list.
type placed struct {
	n      object.Name
	digest uint64
	i      int
}

// removeBatch removes names of one mountpath together; false where the mountpaths
// are not those of l any more, or a name has come to have copies.
func (s *Store) removeBatch(l *layout, m *mountpath, group []placed, list []Removal, terms Terms, d object.Durability, removed []Removed, errs []error) bool {
	failAll := func(err error) {
		for _, p := range group {
			if errs[p.i] == nil {
				errs[p.i] = fault("fs.RemoveMany", p.n, err)
			}
		}
	}
	x, err := m.useToWrite()
	if s.layout.Load() != l {
		if err == nil {
			x.leave()
		}
		return false
	}
	if err != nil {
		failAll(err)
		return true
	}
	defer x.leave()
	digests := make([]uint64, len(group))
	for i, p := range group {
		digests[i] = p.digest
	}
	defer x.locks.lockAll(digests)()
	if s.layout.Load() != l || s.anySent(group) {
		return false
	}
	if terms.Gate != nil {
		if err := terms.Gate(); err != nil {
			failAll(err)
			return true
		}
	}
	b, from := x.newBatch(repeats(group))
	buf := s.scratch()
	defer s.putScratch(buf)
	txns := make([]*txn, 0, len(group))
	deltas := make(map[uint64]count)
	for _, p := range group {
		t := &txn{s: s, m: m, x: x, n: p.n, b: b, from: from, buf: buf}
		err := t.mayChange()
		if err == nil {
			err = t.load()
		}
		if err == nil {
			err = t.askIf(terms)
		}
		if err == nil {
			terms.Cond = list[p.i].Cond
			removed[p.i], err = t.take(list[p.i].Version, terms)
		}
		if err != nil {
			errs[p.i] = fault("fs.RemoveMany", p.n, err)
			continue
		}
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
		return true
	}
	for bucket, delta := range deltas {
		x.counters.add(bucket, delta)
	}
	for _, t := range txns {
		m.release(x, t.use, t.freed, d)
	}
	return true
}

// repeats reports whether a name is there more than once.
func repeats(group []placed) bool {
	seen := make(map[string]struct{}, len(group))
	for _, p := range group {
		seen[p.n.Key] = struct{}{}
	}
	return len(seen) < len(group)
}

// newBatch returns a batch, and what to read before changing a name in it: the
// batch itself where that may have changed the name already.
func (x *index) newBatch(repeated bool) (*pebble.Batch, pebble.Reader) {
	if repeated {
		b := x.db.NewIndexedBatch()
		return b, b
	}
	return x.db.NewBatch(), x.db
}
