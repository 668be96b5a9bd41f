package fs

import (
	"errors"
	"slices"

	"ais/object"
)

// layout is the mountpaths as one moment has them. It is never changed: a change
// of the mountpaths makes another, and whoever began under the old one notices
// when it has the name's lock, or has found nothing.
//
// While names are being moved, sets has the set that places names now and, newest
// first, those by which names may still lie. A name is at exactly one of these
// places, but for the moment between two index writes of the mover, and what a
// crash leaves of it: then both have the same. Every change of a name begins with
// taking out what is left at the others, so they never come to differ.
type layout struct {
	set  mountset
	all  []*mountpath // those that names may be on, in the set's order
	off  []*mountpath // disabled members, which have no names
	sets []placing

	mirrored *layout // the same mountpaths, as mirrored names are placed on them; nil for none
	ghosts   placing // of that: the lost ones whose names are taken over, to place by
}

// placing is mountpaths that names are placed over.
type placing []*mountpath

func (p placing) of(digest uint64) *mountpath {
	best := p[0]
	if len(p) == 1 {
		return best
	}
	top := object.Score(digest, best.hash, best.weight)
	for _, m := range p[1:] {
		if score := object.Score(digest, m.hash, m.weight); score > top {
			best, top = m, score
		}
	}
	return best
}

// settled reports whether every name is where it belongs.
func (l *layout) settled() bool {
	return len(l.sets) == 1 && len(l.ghosts) == 0 && (l.mirrored == nil || l.mirrored.settled())
}

// places returns where a name may be, the place where it belongs first.
func (l *layout) places(digest uint64) []*mountpath {
	out := make([]*mountpath, 0, len(l.sets))
	for _, p := range l.sets {
		if m := p.of(digest); !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return append(out, l.takenOver(digest)...)
}

// inOrder sorts mountpaths as locks are taken.
func (l *layout) inOrder(list []*mountpath) []*mountpath {
	return slices.DeleteFunc(l.everywhere(), func(m *mountpath) bool { return !slices.Contains(list, m) })
}

// lookup goes through the places of a name for a read:
//
//	for at := s.lookup(n); ; {
//		err := read(at.m)
//		if !at.another(err) {
//			return err
//		}
//	}
//
// Where names are where they belong it costs one look at the layout.
type lookup struct {
	s      *Store
	l      *layout
	bucket uint64
	digest uint64
	m      *mountpath
	places []*mountpath // nil until the first has nothing
	next   int
}

func (s *Store) lookup(n object.Name) lookup {
	digest := n.Digest()
	l := s.layout.Load()
	return lookup{s: s, l: l, bucket: n.Bucket, digest: digest, m: l.by(n.Bucket).sets[0].of(digest)}
}

// another reports whether a read that ended with err has to be tried at at.m: the
// name may be at another place, or was moved meanwhile, or the mountpaths changed.
func (at *lookup) another(err error) bool {
	if err == nil {
		return false
	}
	at.s.mayFailOver(at.bucket, err, at.m)
	if l := at.s.layout.Load(); l != at.l {
		if !mayBeElsewhere(err) && !errors.Is(err, object.Unavailable) {
			return false
		}
		at.l, at.m, at.places, at.next = l, l.by(at.bucket).sets[0].of(at.digest), nil, 0
		return true
	}
	if at.l.settled() || !mayBeElsewhere(err) {
		return false
	}
	if at.places == nil {
		// The first comes last once more: what was moved between the first look
		// at the new place and that at the old one is there.
		at.places = at.l.by(at.bucket).places(at.digest)
		at.places = append(at.places[1:], at.places[0])
		if len(at.places) == 1 {
			return false
		}
	}
	if at.next == len(at.places) {
		return false
	}
	at.m = at.places[at.next]
	at.next++
	return true
}

// mayBeElsewhere reports whether a read found nothing of what it looked for.
func mayBeElsewhere(err error) bool {
	if _, marker := Marker(err); marker {
		return false
	}
	return errors.Is(err, object.NotFound) || errors.Is(err, object.NoSuchVersion) || errors.Is(err, object.NoSuchUpload)
}

// home returns the mountpath that a change of the name is to be made on: the one
// that has the name, else the one where it belongs.
func (s *Store) home(n object.Name) (*mountpath, error) {
	at := s.lookup(n)
	for at.l.settled() {
		if at.m.writes() || !s.mayFailOver(n.Bucket, object.Unavailable, at.m) && s.layout.Load() == at.l {
			return at.m, nil
		}
		at = s.lookup(n)
	}
	for {
		err := at.m.mustHave(n)
		switch {
		case err == nil:
			return at.m, nil
		case at.another(err):
		case err == error(object.NotFound):
			return at.l.by(at.bucket).sets[0].of(at.digest), nil
		default:
			return nil, err
		}
	}
}

// mustHave returns NotFound where nothing is there of a name.
func (m *mountpath) mustHave(n object.Name) error {
	x, err := m.use()
	if err != nil {
		return err
	}
	defer x.leave()
	there, err := x.has(n)
	if err == nil && !there {
		err = object.NotFound
	}
	return err
}

// placedKinds returns the kinds of records by which a name is at a mountpath.
func placedKinds() []byte {
	return []byte{kindObject, kindVersion, kindUpload, kindCompleted, kindStamp, kindPrepared, kindHandoff}
}

// has reports whether anything is there of a name: a version or marker, an upload,
// the record of one that was completed, or what is noted of its copies.
func (x *index) has(n object.Name) (bool, error) {
	for _, kind := range placedKinds() {
		found, err := x.hasKind(kind, n)
		if err != nil || found {
			return found, err
		}
	}
	return false, nil
}

// hasKind reports whether a record of a kind is there of a name.
func (x *index) hasKind(kind byte, n object.Name) (bool, error) {
	it, err := x.walkName(kind, n)
	if err != nil {
		return false, err
	}
	found := it.First()
	return found, errors.Join(it.Error(), it.Close())
}
