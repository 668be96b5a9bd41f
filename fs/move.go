package fs

import (
	"context"
	"errors"
	"os"
	"slices"

	"ais/object"
)

// place is a mountpath whose index an operation is inside, with the name's lock
// there once it is taken.
type place struct {
	m *mountpath
	x *index
}

// held is the locks of a name on several mountpaths.
type held struct {
	digest uint64
	places []place // in the set's order; those with a lock come first
	locked int
}

// hold enters the indexes of mountpaths and takes the name's lock on each, in the
// set's order. Unavailable where one is failed.
func (l *layout) hold(digest uint64, list []*mountpath) (*held, error) {
	h := &held{digest: digest}
	for _, m := range l.inOrder(list) {
		x, err := m.useToWrite()
		if err != nil {
			h.release()
			return nil, err
		}
		h.places = append(h.places, place{m, x})
	}
	for _, p := range h.places {
		p.x.locks.lock(digest)
		h.locked++
	}
	for _, p := range h.places {
		// What was written before an index failed can be seen in it, and yet be gone
		// when it is opened again: nothing is taken out elsewhere because of that.
		if p.x.closed.Load() {
			h.release()
			return nil, object.Unavailable
		}
	}
	return h, nil
}

func (h *held) release() {
	for i, p := range h.places {
		if i < h.locked {
			p.x.locks.unlock(h.digest)
		}
		p.x.leave()
	}
}

func (h *held) at(m *mountpath) (place, bool) {
	i := slices.IndexFunc(h.places, func(p place) bool { return p.m == m })
	if i < 0 {
		return place{}, false
	}
	return h.places[i], true
}

// tidy leaves a name, whose locks are held, at one of the places, and returns that;
// the zero value where it is at none. Of several the one with the newest version
// stays, of equals the first: they are the same then.
func (s *Store) tidy(h *held, n object.Name, places []*mountpath) (home place, err error) {
	var having []place
	for _, m := range places {
		p, ok := h.at(m)
		if !ok {
			continue
		}
		there, err := p.x.has(n)
		if err != nil {
			return place{}, err
		}
		if there {
			having = append(having, p)
		}
	}
	switch len(having) {
	case 0:
		return place{}, nil
	case 1:
		return having[0], nil
	}
	best := 0
	inventories := make([]*inventory, len(having))
	for i, p := range having {
		if inventories[i], err = p.x.gather(n); err != nil {
			return place{}, err
		}
		if inventories[i].rank > inventories[best].rank {
			best = i
		}
	}
	for i, p := range having {
		if i == best {
			continue
		}
		if err := s.wipe(p.m, p.x, inventories[i]); err != nil {
			return place{}, err
		}
	}
	return having[best], nil
}

// lockAmong is lock for a name that may be at several places.
func (s *Store) lockAmong(l *layout, places []*mountpath, n object.Name, digest uint64) (*txn, error) {
	h, err := l.hold(digest, places)
	if s.layout.Load() != l {
		if err == nil {
			h.release()
		}
		return nil, errRelaid
	}
	if err != nil {
		if s.mayFailOver(n.Bucket, err, places...) {
			err = errRelaid
		}
		return nil, err
	}
	home, err := s.tidy(h, n, places)
	if err != nil {
		h.release()
		return nil, err
	}
	if home.m == nil {
		home, _ = h.at(places[0])
	}
	t := &txn{s: s, m: home.m, x: home.x, n: n, from: home.x.db, held: h, buf: s.scratch()}
	return s.withMirrors(t, l)
}

var (
	errRelaid    = errors.New("the mountpaths changed meanwhile")
	errElsewhere = errors.New("the name was moved meanwhile")
)

// moveTries is how often the mover copies a name's blobs without its lock before
// it keeps everybody from changing the name.
const moveTries = 4

// moved is what a move did.
type moved struct {
	done  bool // something was at the wrong place, and is not any more
	bytes int64
}

// move brings a name to where it belongs from the mountpath from, where the walk
// has found it. The bytes are copied first, then under the name's lock the records
// follow: they are written to the new place, and taken out of the old one. So a
// reader, and a crash, finds them at one at least.
func (s *Store) move(ctx context.Context, n object.Name, from *mountpath, breathe func() error) (out moved, err error) {
	digest := n.Digest()
	c := &load{s: s, from: from, done: make(map[blobID]bool), breathe: breathe}
	defer c.release()
	for try := 0; ; try++ {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		l := s.layout.Load()
		to := l.by(n.Bucket).sets[0].of(digest)
		if to == from {
			return out, nil
		}
		if c.to != to {
			c.release()
			c.to = to
		}
		if try < moveTries {
			if err := c.ahead(n); err != nil {
				return out, err
			}
		}
		again, err := s.moveLocked(l, n, c, try >= moveTries, &out)
		if !again {
			return out, err
		}
	}
}

// ahead copies what the name holds without its lock.
func (c *load) ahead(n object.Name) error {
	e, err := c.from.gather(n)
	if err != nil || e == nil {
		return err
	}
	if err := c.carry(e); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// moveLocked ends a move under the name's lock; again says that the name has
// changed since its blobs were copied, or the mountpaths did.
func (s *Store) moveLocked(l *layout, n object.Name, c *load, copyNow bool, out *moved) (again bool, err error) {
	places := l.by(n.Bucket).places(n.Digest())
	if !slices.Contains(places, c.from) {
		places = append(places, c.from)
	}
	h, err := l.hold(n.Digest(), places)
	if err != nil {
		return s.layout.Load() != l, err
	}
	defer h.release()
	if s.layout.Load() != l {
		return true, nil
	}
	home, err := s.tidy(h, n, places)
	if err != nil {
		return false, err
	}
	if home.m != c.from {
		if src, ok := h.at(c.from); ok { // at most the time of a read is left
			err = s.forgetAccess(src, n)
		}
		out.done = home.m == c.to
		return false, err
	}
	e, err := home.x.gather(n)
	if err != nil {
		return false, err
	}
	if !c.complete(e) {
		if !copyNow {
			return true, nil
		}
		if err := c.carry(e); err != nil {
			return false, err
		}
	}
	dst, _ := h.at(c.to)
	return false, s.hand(home, dst, e, c, out)
}

// hand writes the name's records to their new place and takes them out of the old
// one. Between the two no listing begins and nothing is counted.
func (s *Store) hand(home, dst place, e *inventory, c *load, out *moved) error {
	s.moves.RLock()
	defer s.moves.RUnlock()
	if s.isDropping(e.n.Bucket) {
		return nil
	}
	err := c.unpack(dst.x, e)
	c.referred()
	if err != nil {
		return err
	}
	home.m.reads.handTo(&dst.m.reads, e.n)
	if err := s.wipe(home.m, home.x, e); err != nil {
		return err
	}
	if err := dst.x.arrived(e.n); err != nil {
		return err
	}
	out.done, out.bytes = true, c.bytes
	return nil
}

// arrived notes that a name is at one place.
func (x *index) arrived(n object.Name) error {
	b := x.db.NewBatch()
	if err := b.Delete(appendName(nil, kindMoving, n.Bucket, n.Key), nil); err != nil {
		return err
	}
	return x.apply(b, object.Process)
}

// endMoves ends the moves of names that the process did not live to end: those that
// are at two places are taken out of the one that they came from. It is called before
// anything else runs. What it cannot do now is done when the name is moved or changed.
func (s *Store) endMoves(l *layout) {
	by := l.byID()
	for _, m := range l.all {
		x, err := m.use()
		if err != nil {
			continue
		}
		if err := s.endMovesTo(l, place{m, x}, by); err != nil {
			m.logger.Warn("names that were being moved", "err", err)
		}
		x.leave()
	}
}

func (s *Store) endMovesTo(l *layout, to place, by map[string]*mountpath) error {
	return eachRecord(to.x.db, kindMoving, func(n object.Name, _ []byte, id string) error {
		places := []*mountpath{to.m}
		if from := by[id]; from != nil && slices.Contains(l.all, from) {
			places = append(places, from)
		}
		h, err := l.hold(n.Digest(), places)
		if err != nil {
			return nil // the other one is out of service
		}
		_, err = s.tidy(h, n, places)
		h.release()
		if err != nil {
			return err
		}
		return to.x.arrived(n)
	})
}

// forgetAccess takes out what is noted of the reads of a name that is not there.
func (s *Store) forgetAccess(p place, n object.Name) error {
	p.m.reads.forget(n)
	b := p.x.db.NewBatch()
	if err := b.Delete(appendName(nil, kindAccess, n.Bucket, n.Key), nil); err != nil {
		return err
	}
	return p.x.apply(b, object.Process)
}

// handTo gives what is noted of a name's last read to another mountpath.
func (a *accessTimes) handTo(b *accessTimes, n object.Name) {
	a.mu.Lock()
	at, ok := a.times[n]
	delete(a.times, n)
	a.mu.Unlock()
	if !ok {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.times == nil {
		b.times = make(map[object.Name]int64)
	}
	b.times[n] = at
}

// isDropping reports whether the bucket is being removed: then its names stay
// where they are until they are gone.
func (s *Store) isDropping(bucket uint64) bool {
	_, ok := s.dropping.Load(bucket)
	return ok
}
