package fs

import (
	"encoding/binary"
	"slices"

	"ais/object"
)

// Settlement is the outcome of a prepared change.
type Settlement struct {
	Name    object.Name
	Stamp   Stamp
	Commit  bool
	Missing []string // targets that may lack the change, of which that is noted where it is committed
}

// Settle commits the prepared change of a name with that stamp, and those before it,
// or drops it, and those after it. Where there is none it does nothing. An outcome
// is kept as object.Process does: what is lost with the power is in doubt again.
func (s *Store) Settle(n object.Name, p Stamp, commit bool) error {
	return s.settlePrepared(Settlement{Name: n, Stamp: p, Commit: commit})
}

// TakeOver is Settle with a commit by who follows an owner that is gone: it is noted
// that the targets in missing may lack the change.
func (s *Store) TakeOver(n object.Name, p Stamp, missing []string) error {
	return s.settlePrepared(Settlement{Name: n, Stamp: p, Commit: true, Missing: missing})
}

func (s *Store) settlePrepared(end Settlement) error {
	n := end.Name
	t, err := s.lockName(n)
	if err != nil {
		return fault("fs.Settle", n, err)
	}
	defer t.end()
	t.b = t.x.db.NewBatch()
	o, err := t.settle(end)
	if err == nil && o != nil {
		if err = o.delta.put(t.b, n.Bucket); err == nil {
			err = t.commit(object.Process)
		}
		if err == nil {
			o.settled()
		}
	}
	return fault("fs.Settle", n, err)
}

// SettleMany is Settle for many, with one index write for each mountpath and each
// batchNames names. It returns an error for each, in its place. What is committed, with
// nothing to be noted, may be in doubt again when the process ends: whoever is asked
// then says the same, and so does who takes over.
func (s *Store) SettleMany(list []Settlement) []error {
	errs := make([]error, len(list))
	l := s.layout.Load()
	groups := make(map[*mountpath][]placed)
	seen := make(map[uint64]bool, len(list))
	var single []int // of names that are there again, may be anywhere, or have a mirror
	for i, o := range list {
		digest := o.Name.Digest()
		if !l.settled() || l.by(o.Name.Bucket) != l || seen[digest] {
			single = append(single, i)
			continue
		}
		seen[digest] = true
		m := l.sets[0].of(digest)
		groups[m] = append(groups[m], placed{o.Name, digest, i})
	}
	for m, group := range groups {
		for part := range slices.Chunk(group, batchNames) {
			if !s.settleBatch(l, m, part, list, errs) {
				for _, p := range part {
					errs[p.i] = s.settlePrepared(list[p.i])
				}
			}
		}
	}
	for _, i := range single {
		errs[i] = s.settlePrepared(list[i])
	}
	return errs
}

// settleBatch settles names of one mountpath together; false where each is to be
// settled by itself.
func (s *Store) settleBatch(l *layout, m *mountpath, group []placed, list []Settlement, errs []error) bool {
	x, err := m.use()
	if err != nil {
		return false
	}
	defer x.leave()
	digests := make([]uint64, len(group))
	for i, p := range group {
		digests[i] = p.digest
	}
	defer x.locks.lockAll(digests)()
	if s.layout.Load() != l {
		return false
	}
	b, buf := x.db.NewBatch(), s.scratch()
	defer s.putScratch(buf)
	outcomes := make([]*outcome, 0, len(group))
	deltas := make(map[uint64]count)
	lazily := true
	for _, p := range group {
		t := &txn{s: s, m: m, x: x, n: p.n, b: b, from: x.db, buf: buf}
		end := list[p.i]
		lazily = lazily && end.Commit && len(end.Missing) == 0
		o, err := t.settle(end)
		if err != nil { // the batch may have a part of it
			_ = b.Close()
			return false
		}
		if o == nil {
			continue
		}
		sum := deltas[p.n.Bucket]
		deltas[p.n.Bucket] = count{sum.objects + o.delta.objects, sum.bytes + o.delta.bytes}
		outcomes = append(outcomes, o)
	}
	for bucket, delta := range deltas {
		if err = delta.put(b, bucket); err != nil {
			_ = b.Close()
			return false
		}
	}
	if lazily {
		err = x.applyLazily(b)
	} else {
		err = x.apply(b, object.Process)
	}
	if err != nil {
		for _, p := range group {
			errs[p.i] = object.E("fs.SettleMany", p.n.Key, object.Unavailable, err)
		}
		return true
	}
	for _, o := range outcomes {
		o.settled()
	}
	return true
}

// outcome is what settling a name does, once it is in the batch.
type outcome struct {
	t     *txn
	after mark
	delta count
	replay
}

// settle puts the outcome of a prepared change in the batch; nil where there is
// nothing to do. The name's lock is held.
func (t *txn) settle(end Settlement) (*outcome, error) {
	o := &outcome{t: t, after: t.x.marks.of(t.n)}
	i := slices.IndexFunc(o.after.chain, func(q prepared) bool { return q.stamp == end.Stamp })
	if i < 0 {
		return nil, nil
	}
	var err error
	if !end.Commit {
		o.freed, err = t.dropPrepared(o.after.chain[i:])
		o.after.chain = o.after.chain[:i:i]
		return o, err
	}
	for _, q := range o.after.chain[:i+1] {
		c, _, err := t.takePrepared(q) // whose blobs have references of their own then
		if err == nil {
			err = o.add(t, c)
		}
		if err != nil {
			return nil, err
		}
	}
	o.after.chain = o.after.chain[i+1:]
	if err := t.handOff(&Change{Stamp: end.Stamp, Handoff: end.Missing}); err != nil {
		return nil, err
	}
	o.delta, err = o.end(t)
	return o, err
}

// settled is called when the batch is in the log.
func (o *outcome) settled() {
	o.t.setMark(o.after)
	o.done(o.t, o.delta, object.Process)
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
	case !o.delete:
		t.x.noteKind(o.key[0])
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

// end puts into the batch what follows from the changes, but for the counters.
func (r *replay) end(t *txn) (delta count, err error) {
	if r.current { // the time of the last read is of another version
		err = t.b.Delete(t.key(kindAccess), nil)
	}
	return count{r.now.objects - r.before.objects, r.now.bytes - r.before.bytes}, err
}

// done is called when the batch is in the log; it lets go of what that freed.
func (r *replay) done(t *txn, delta count, d object.Durability) {
	if delta != (count{}) {
		t.x.counters.add(t.n.Bucket, delta)
		t.countMirrored(delta)
	}
	if r.current {
		t.m.reads.forget(t.n)
	}
	t.releaseAll(r.freed, d)
}
