package fs

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"ais/object"
)

// What cannot be read at a name's home is read from its mirror, which has the same:
// the bytes of a blob never change, and a record is believed unless the name is in
// doubt. What is damaged at home is then replaced in the background.

// maxHeals is how many names are repaired at a time; a damaged name that is met
// meanwhile is repaired when it is read the next time.
const maxHeals = 4

// damaged reports whether an error of a read is the home's fault.
func damaged(err error) bool {
	var e *object.Error
	return errors.As(err, &e) && (e.Kind == object.Corrupt || e.Kind == object.Internal)
}

// mirrorFor returns the shadow with the mirror of a name, where that can be read in
// place of its home; nil where there is none.
func (s *Store) mirrorFor(n object.Name) *mountpath {
	l := s.layout.Load()
	v := l.by(n.Bucket)
	if v == l || !v.settled() || !l.set.Mirrors.Buckets[n.Bucket] {
		return nil
	}
	m := v.mirrorOf(n.Digest())
	if m == nil || m.inDoubt(n) {
		return nil
	}
	return m
}

func (m *mountpath) inDoubt(n object.Name) bool {
	x := m.index.Load()
	return x == nil || x.doubts.has(n)
}

// openMirror opens a version at a name's mirror, after its home has failed with why;
// nil, and no error, where that is no help. An error says that there is no such
// version.
func (s *Store) openMirror(home *mountpath, n object.Name, version string, why error) (*Reader, error) {
	m := s.mirrorFor(n)
	if m == nil || home.parent != nil || !damaged(fault("fs.Open", n, why)) {
		return nil, nil
	}
	r, err := s.openAt(m, n, version)
	switch {
	case err != nil && mayBeElsewhere(err) && !m.inDoubt(n):
		return nil, err
	case err != nil:
		return nil, nil
	case m.inDoubt(n): // what was read may not come to be
		r.Close()
		return nil, nil
	}
	s.heal(n, home, m)
	return r, nil
}

// heal replaces the blobs of a name that are damaged at its home, in the background.
func (s *Store) heal(n object.Name, home, mirror *mountpath) {
	s.healing.Lock()
	defer s.healing.Unlock()
	if s.alive.Err() != nil || len(s.healed) >= maxHeals || slices.Contains(s.healed, n) {
		return
	}
	s.healed = append(s.healed, n)
	s.background.Add(1)
	go func() {
		defer s.background.Done()
		err := s.healName(n, home, mirror)
		s.healing.Lock()
		defer s.healing.Unlock()
		s.healed = slices.DeleteFunc(s.healed, func(other object.Name) bool { return other == n })
		if err != nil {
			home.logger.Warn("a damaged object is not repaired", "bucket", n.Bucket, "key", n.Key, "err", err)
			return
		}
		s.metricsOf.repaired.Add(1)
		home.logger.Warn("a damaged object was repaired from its mirror", "bucket", n.Bucket, "key", n.Key)
	}()
}

func (s *Store) healName(n object.Name, home, mirror *mountpath) error {
	e, err := home.gather(n)
	if err != nil || e == nil {
		return err
	}
	for _, h := range e.holds {
		for _, g := range h.segments {
			if err := home.need(g.Blob, true, object.Power, nil, mirror.has(g.Blob)); err != nil {
				return err
			}
			home.letGo(g.Blob)
		}
	}
	return nil
}

// switchOver has the reader go on with the blobs of the mirror, after a read of those
// of the home has failed; false where that is no help.
func (r *Reader) switchOver(err error) bool {
	if r.alt == nil || r.switched || !damaged(err) && !errors.Is(err, unix.EIO) {
		return false
	}
	r.switched = true
	r.s.heal(r.name, r.m, r.alt)
	if r.file == nil {
		return true
	}
	f, ferr := r.openBlob(r.segs[0].Blob)
	if ferr != nil {
		return false
	}
	_ = r.file.Close() // it was only read
	r.file = f
	return true
}

// openBlob opens a blob where the reader reads.
func (r *Reader) openBlob(id blobID) (File, error) {
	m := r.m
	if r.switched {
		m = r.alt
	}
	return r.s.config.OS.OpenFile("blob.open", m.blobs.path(id), 0, 0)
}

// Repaired returns how many names were repaired from their mirrors since the start.
func (s *Store) Repaired() int64 { return s.metricsOf.repaired.Load() }
