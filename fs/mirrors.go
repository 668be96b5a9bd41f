package fs

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"ais/object"
)

// Names of mirrored buckets have more copies, the mirrors, on other mountpaths: in the
// order of the hash the first mountpath is a name's home, and the next ones have its
// mirrors. A mirror is a record of the index, and blobs, as the home's, but in a store
// of their own below the mountpath, its shadow, where no reader, listing or count
// looks: to them the home is all that there is.
//
// A change goes to the mirrors first, durably, and then to the home; that is what makes
// it visible. A mountpath that is out of service is lost for mirrored names: they are
// placed as if it were not there, and those that had it for home are found in the
// shadow of the next one, from where a resilver takes them over. As many may be lost,
// one after the other, as names are known to have mirrors. When one is back, what
// it has of such names is removed before it is used for them again.

// mirrors is what the set of mountpaths says of mirrored buckets.
type mirrors struct {
	Buckets map[uint64]mirrored `json:"mirrored"`          // those that are mirrored, by id
	Lost    []string            `json:"lost,omitempty"`    // uuids of mountpaths whose mirrored names are elsewhere
	Earlier [][]string          `json:"earlier,omitempty"` // as mountset.Earlier, for mirrored names only
	From    []member            `json:"from,omitempty"`    // the lost ones whose names are being taken over from mirrors
}

// mirrored says of a bucket how many copies its names are to have, counting the home,
// and how many each is known to have, in the order of the hash, as far as there are
// mountpaths.
type mirrored struct {
	Copies int `json:"copies"`
	Have   int `json:"have"`
}

// has reports whether every name has the i-th of its mirrors, counted from 0.
func (b mirrored) has(i int) bool { return i+1 < b.Have }

// maxCopies is how many copies a target can have of a name.
const maxCopies = 32

func (g *mirrors) clone() *mirrors {
	if g == nil {
		return nil
	}
	buckets := maps.Clone(g.Buckets)
	if buckets == nil { // of a set that was written by an earlier build
		buckets = make(map[uint64]mirrored)
	}
	return &mirrors{Buckets: buckets, Lost: slices.Clone(g.Lost), Earlier: slices.Clone(g.Earlier), From: slices.Clone(g.From)}
}

// whole reports whether every mirrored name has all its mirrors.
func (g *mirrors) whole() bool {
	for _, b := range g.Buckets {
		if b.Have < b.Copies {
			return false
		}
	}
	return true
}

// spare reports whether every mirrored name has a mirror.
func (g *mirrors) spare() bool {
	for _, b := range g.Buckets {
		if !b.has(0) {
			return false
		}
	}
	return true
}

// lessen notes that names may have so many copies less than they had.
func (g *mirrors) lessen(by int) {
	for id, b := range g.Buckets {
		b.Have = max(b.Have-by, 1)
		g.Buckets[id] = b
	}
}

func (g *mountset) isLost(id string) bool {
	return g.Mirrors != nil && slices.Contains(g.Mirrors.Lost, id)
}

// mirrorPlacing returns the uuids that mirrored names are placed over.
func (g *mountset) mirrorPlacing() []string { return g.without(g.placing()) }

func (g *mountset) without(ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), g.isLost)
}

// mirrorSets returns the sets by which mirrored names lie, the one that counts first.
func (g *mountset) mirrorSets() [][]string {
	out := [][]string{g.mirrorPlacing()}
	for _, ids := range slices.Concat(g.Earlier, g.Mirrors.Earlier) {
		ids = g.without(ids)
		if len(ids) > 0 && !slices.ContainsFunc(out, func(o []string) bool { return slices.Equal(o, ids) }) {
			out = append(out, ids)
		}
	}
	return out
}

// by returns the layout that a bucket's names are placed by.
func (l *layout) by(bucket uint64) *layout {
	if l.mirrored != nil {
		if _, ok := l.set.Mirrors.Buckets[bucket]; ok {
			return l.mirrored
		}
	}
	return l
}

// isLostTo reports whether the names of a bucket, which have mirrors, are elsewhere than
// on a mountpath, or shadow, that was lost.
func (l *layout) isLostTo(bucket uint64, m *mountpath) bool {
	return l.by(bucket) != l && l.set.isLost(m.id)
}

// mirroredLayout makes the layout of mirrored names.
func mirroredLayout(l *layout, by map[string]*mountpath) *layout {
	v := &layout{set: l.set, all: l.all, off: l.off}
	for _, ids := range l.set.mirrorSets() {
		if p := placingOf(l, ids, by); len(p) > 0 {
			v.sets = append(v.sets, p)
		}
	}
	for _, from := range l.set.Mirrors.From {
		v.ghosts = append(v.ghosts, &mountpath{hash: object.HashString(from.ID), weight: from.Weight})
	}
	return v
}

// takenOver returns the shadows that a name may be found in, until it is moved, since it
// was a lost mountpath's: those of its homes by the sets without that. Mountpaths may
// have been added meanwhile, so the set that counts now does not say.
func (l *layout) takenOver(digest uint64) (shadows []*mountpath) {
	if len(l.ghosts) == 0 {
		return nil
	}
	for _, p := range l.sets {
		home := p.of(digest)
		sh := home.shadow.Load()
		if slices.Concat(placing{home}, l.ghosts).of(digest) != home && !slices.Contains(shadows, sh) {
			shadows = append(shadows, sh)
		}
	}
	return shadows
}

// mirrorsOf returns the shadows that have the mirrors of a name, or are to have them, in
// the order of the hash; fewer where there are not so many mountpaths.
func (l *layout) mirrorsOf(n object.Name) (shadows []*mountpath) {
	v := l.by(n.Bucket)
	if v == l {
		return nil
	}
	digest := n.Digest()
	order := slices.Clone(v.sets[0])
	for i := range min(l.set.Mirrors.Buckets[n.Bucket].Copies, len(order)) {
		best := i + slices.Index(order[i:], order[i:].of(digest))
		order[i], order[best] = order[best], order[i]
		if i > 0 {
			shadows = append(shadows, order[i].shadow.Load())
		}
	}
	return shadows
}

// shadows returns the shadows of all mountpaths.
func (l *layout) shadows() (out []*mountpath) {
	if l.set.Mirrors == nil {
		return nil
	}
	for _, m := range l.all {
		if sh := m.shadow.Load(); sh != nil {
			out = append(out, sh)
		}
	}
	return out
}

// everywhere returns the mountpaths and their shadows.
func (l *layout) everywhere() []*mountpath { return slices.Concat(l.all, l.shadows()) }

// isStray reports whether a name is not where it belongs on a mountpath or shadow.
func (l *layout) isStray(m *mountpath, n object.Name) bool {
	v, digest := l.by(n.Bucket), n.Digest()
	home := v.sets[0].of(digest)
	if m.parent != nil {
		return v != l && slices.Contains(v.takenOver(digest), m)
	}
	return home != m && !l.isLostTo(n.Bucket, m)
}

// openShadow makes and opens what a mountpath has of mirrors. Where it cannot be
// opened it is out of service until it can.
func (s *Store) openShadow(m *mountpath) {
	if m.shadow.Load() != nil {
		return
	}
	sh := newMountpath(&s.config, &s.pieces, member{ID: m.id, Dir: filepath.Join(m.dir, "mirror"), Weight: m.weight}, filepath.Join(m.dir, "mirror"))
	sh.parent, sh.shared = m, s.shared
	m.shadow.Store(sh)
	_, err := sh.recognise()
	if err == nil {
		err = mkdirAll(s.config.OS, "mirror.mkdir", sh.dir, 0o755)
	}
	if err == nil {
		err = sh.open(s.shared)
	}
	if err != nil {
		sh.disable(err)
	}
}

// Copies returns how many copies a target keeps of a bucket's names, and whether all
// of them have so many.
func (s *Store) Copies(bucket uint64) (copies int, complete bool) {
	set := &s.layout.Load().set
	if set.Mirrors == nil {
		return 1, true
	}
	b, is := set.Mirrors.Buckets[bucket]
	if !is {
		return 1, true
	}
	return b.Copies, b.Have >= b.Copies
}

// mirrorDirs returns the directories of the mountpaths that have mirrors of a name.
func (s *Store) mirrorDirs(n object.Name) (dirs []string) {
	l := s.layout.Load()
	for i, m := range l.mirrorsOf(n) {
		if m.writes() && (l.set.Mirrors.Buckets[n.Bucket].has(i) || m.mustHave(n) == nil) {
			dirs = append(dirs, m.parent.dir)
		}
	}
	return dirs
}

// SetCopies decides how many copies a target keeps of a bucket's names, 1 to 32; names
// get, or lose, theirs with the next Resilver. Errors: Unsupported for more, Refused
// where there are fewer mountpaths, or one is out of service, or names are being moved.
func (s *Store) SetCopies(bucket uint64, copies int) error {
	if copies > maxCopies {
		return refuse(object.Unsupported, "%d copies on the mountpaths of a target: %d is the most", copies, maxCopies)
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if now, _ := s.Copies(bucket); now == max(copies, 1) {
		return nil
	}
	l := s.layout.Load()
	next := l.set.clone()
	switch {
	case !l.settled() || next.Mirrors != nil && len(next.Mirrors.Lost) > 0:
		return refuse(object.Refused, "names are being moved between mountpaths, or one is out of service")
	case copies > len(l.sets[0]):
		return refuse(object.Refused, "the target has %d mountpaths in service, which %d copies are too many for", len(l.sets[0]), copies)
	}
	if err := l.inService(nil, false); err != nil {
		return err
	}
	if next.Mirrors == nil {
		next.Mirrors = &mirrors{Buckets: make(map[uint64]mirrored)}
	}
	was := next.Mirrors.Buckets[bucket]
	if copies < was.Copies {
		s.unverified.Store(true) // what is more than that is taken out
	}
	if copies <= 1 {
		delete(next.Mirrors.Buckets, bucket)
		return s.change(next, nil, nil)
	}
	for _, m := range l.all {
		s.openShadow(m)
		if !m.shadow.Load().writes() {
			return refuse(object.Unavailable, "mountpath %s takes no mirrors", m.dir)
		}
	}
	next.Mirrors.Buckets[bucket] = mirrored{Copies: copies, Have: min(max(was.Have, 1), copies)}
	return s.change(next, nil, nil)
}

// Generation counts the changes of the mountpaths.
func (s *Store) Generation() uint64 { return s.layout.Load().set.Generation }

// forgetMirrored takes a bucket that is gone out of those that are mirrored.
func (s *Store) forgetMirrored(bucket uint64) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	l := s.layout.Load()
	if l.by(bucket) == l {
		return nil
	}
	next := l.set.clone()
	delete(next.Mirrors.Buckets, bucket)
	return s.change(next, nil, nil)
}

// relaid notes in the next set what follows for mirrored names from how mountpaths
// were placed before.
func (g *mountset) relaid(before *mountset) {
	if g.Mirrors == nil || before.Mirrors == nil {
		return
	}
	now, then := g.mirrorPlacing(), before.mirrorPlacing()
	gone := slices.DeleteFunc(slices.Clone(then), func(id string) bool { return slices.Contains(now, id) })
	if len(now)+len(gone) == len(then) { // the order of those that stay is the same
		g.Mirrors.lessen(len(gone))
	} else {
		g.Mirrors.lessen(maxCopies)
	}
}

// failOverWait is how long a mountpath that failed may take to be opened again before
// its mirrored names are served by others.
const failOverWait = 3 * time.Second

// failOver gives a mountpath, or a shadow, that is out of service up for mirrored
// names, and reports whether the layout is another since then, or the mountpath
// works again. It waits for the check that decides whether it is out of service. No
// lock of a name may be held.
func (s *Store) failOver(m *mountpath) bool {
	seen := s.layout.Load()
	if m.parent == nil && seen.set.Mirrors == nil {
		return false
	}
	for deadline := time.Now().Add(failOverWait); !m.isOut(); time.Sleep(5 * time.Millisecond) { // between looks at the condition
		if m.writes() || s.layout.Load() != seen {
			return true
		}
		if time.Now().After(deadline) || s.alive.Err() != nil {
			return false
		}
	}
	home := m
	if m.parent != nil {
		home = m.parent
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	l := s.layout.Load()
	if l != seen {
		return true
	}
	i := l.set.index(home.id)
	next := l.set.clone()
	if i < 0 || next.Mirrors == nil || !next.Mirrors.spare() || l.set.isLost(home.id) || len(l.sets) > 1 || len(l.mirrored.sets) > 1 {
		return false
	}
	next.Mirrors.Lost = append(next.Mirrors.Lost, home.id)
	if len(next.mirrorPlacing()) == 0 {
		return false
	}
	if next.Members[i].places() {
		next.Mirrors.From = append(next.Mirrors.From, next.Members[i])
	}
	l.remark(home)
	if err := s.change(next, nil, home); err != nil {
		home.logger.Error("names with mirrors cannot be served by other mountpaths", "err", err)
		return false
	}
	home.logger.Warn("names with mirrors are served by other mountpaths")
	return true
}

// remark reads again what names are in the middle of whose mirrors are in doubt, and
// count without their home, which is out of service: so nobody changes them.
func (l *layout) remark(home *mountpath) {
	for _, sh := range l.shadows() {
		x, err := sh.use()
		if err != nil {
			continue
		}
		for _, n := range x.doubts.all() {
			if v := l.by(n.Bucket); v == l || v.sets[0].of(n.Digest()) != home {
				continue
			}
			if e, err := x.gather(n); err == nil {
				x.marks.set(n, e.marked())
			}
		}
		x.leave()
	}
}

// ServesAll reports whether no name of a bucket is on a mountpath that is out of
// service. Names with mirrors are served by others from then on.
func (s *Store) ServesAll(bucket uint64) bool {
	for _, m := range s.layout.Load().everywhere() {
		if m.out.Load() {
			s.failOver(m)
		}
	}
	return !slices.ContainsFunc(s.layout.Load().listed(bucket), func(m *mountpath) bool { return m.out.Load() })
}

// isOut reports whether the mountpath does not take changes, and not for a moment.
func (m *mountpath) isOut() bool {
	if x := m.index.Load(); x != nil {
		return x.readOnly
	}
	return m.out.Load()
}

// mayFailOver calls failOver where err says that a mountpath of mirrored names is out
// of service.
func (s *Store) mayFailOver(bucket uint64, err error, places ...*mountpath) bool {
	l := s.layout.Load()
	if l.by(bucket) == l || !errors.Is(err, object.Unavailable) {
		return false
	}
	for _, m := range places {
		if m != nil && !m.writes() {
			return s.failOver(m)
		}
	}
	return false
}

// awaitVerdict has the mountpaths of mirrored names checked after an error that a disk
// may have caused, waits for what comes of it, and reports whether it is worth to try
// again.
func (s *Store) awaitVerdict(bucket uint64, err error) bool {
	l := s.layout.Load()
	if l.by(bucket) == l || !ofDisk(err) {
		return false
	}
	for _, m := range l.listed(bucket) {
		x := m.index.Load()
		if x == nil || m.judge(x, err) != nil {
			return s.failOver(m) || s.layout.Load() != l
		}
	}
	return true
}

// takeBack empties mountpaths that were lost, and serve again, of what they have of
// mirrored names, and places such names on them again.
func (s *Store) takeBack() error {
	l := s.layout.Load()
	if l.set.Mirrors == nil || !l.settled() {
		return nil
	}
	for _, m := range l.all {
		sh := m.shadow.Load()
		i := l.set.index(m.id)
		if !l.set.isLost(m.id) || !m.writes() || sh == nil || !sh.writes() || !l.set.Members[i].places() {
			continue
		}
		for bucket := range l.set.Mirrors.Buckets {
			if err := s.wipeBucket(m, bucket); err != nil {
				return err
			}
		}
		if err := s.wipeBucket(sh, 0); err != nil {
			return err
		}
		if err := s.restoreMember(l, m); err != nil {
			return err
		}
		return s.takeBack()
	}
	return nil
}

// restoreMember places mirrored names on a mountpath again.
func (s *Store) restoreMember(l *layout, m *mountpath) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.layout.Load() != l {
		return nil
	}
	next := l.set.clone()
	before := next.mirrorPlacing()
	next.Mirrors.Lost = slices.DeleteFunc(next.Mirrors.Lost, func(id string) bool { return id == m.id })
	next.Mirrors.Earlier = append([][]string{before}, next.Mirrors.Earlier...)
	m.logger.Info("names with mirrors are placed on the mountpath again")
	return s.change(next, nil, nil)
}

// TakesBack reports whether a mountpath that mirrored names were taken from serves
// again, and waits for a Resilver.
func (s *Store) TakesBack() bool { return s.layout.Load().back() }

// back reports whether a mountpath that was lost serves again.
func (l *layout) back() bool {
	return l.set.Mirrors != nil && slices.ContainsFunc(l.all, func(m *mountpath) bool {
		return l.set.isLost(m.id) && m.writes() && l.set.Members[l.set.index(m.id)].places()
	})
}
