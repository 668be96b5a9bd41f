package fs

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"ais/object"
)

// What cannot be read at a name's home is read from a mirror, which has the same:
// the bytes of a blob never change, and a record is believed unless the name is in
// doubt. What is damaged is then replaced, wherever it is, in the background.

// maxHeals is how many names are repaired at a time; a damaged name that is met
// meanwhile is repaired when it is read the next time.
const maxHeals = 4

// damaged reports whether an error of a read is the home's fault.
func damaged(err error) bool {
	var e *object.Error
	return errors.As(err, &e) && (e.Kind == object.Corrupt || e.Kind == object.Internal)
}

// mirrorsFor returns the shadows with mirrors of a name that can be read in place of
// its home.
func (s *Store) mirrorsFor(n object.Name) (out []*mountpath) {
	l := s.layout.Load()
	if v := l.by(n.Bucket); v == l || len(v.sets) > 1 {
		return nil
	}
	for i, m := range l.mirrorsOf(n) {
		if l.set.Mirrors.Buckets[n.Bucket].has(i) && !m.inDoubt(n) {
			out = append(out, m)
		}
	}
	return out
}

func (m *mountpath) inDoubt(n object.Name) bool {
	x := m.index.Load()
	return x == nil || x.doubts.has(n)
}

// openMirror opens a version at a name's mirrors, after its home has failed with why;
// nil, and no error, where that is no help. An error says that there is no such
// version.
func (s *Store) openMirror(home *mountpath, n object.Name, version string, why error) (*Reader, error) {
	if !damaged(fault("fs.Open", n, why)) {
		return nil, nil
	}
	mirrors := s.mirrorsFor(n)
	for i, m := range mirrors {
		r, err := s.openAt(m, n, version)
		switch {
		case err != nil && mayBeElsewhere(err) && !m.inDoubt(n):
			return nil, err
		case err != nil:
			continue
		case m.inDoubt(n): // what was read may not come to be
			r.Close()
			continue
		}
		r.alt = mirrors[i+1:]
		s.heal(n, home, mirrors)
		return r, nil
	}
	return nil, nil
}

// heal replaces the blobs of a name that are damaged, in the background.
func (s *Store) heal(n object.Name, home *mountpath, mirrors []*mountpath) {
	s.healing.Lock()
	defer s.healing.Unlock()
	if s.alive.Err() != nil || len(s.healed) >= maxHeals || slices.Contains(s.healed, n) {
		return
	}
	s.healed = append(s.healed, n)
	s.background.Add(1)
	go func() {
		defer s.background.Done()
		err := healName(n, append([]*mountpath{home}, mirrors...))
		s.healing.Lock()
		defer s.healing.Unlock()
		s.healed = slices.DeleteFunc(s.healed, func(other object.Name) bool { return other == n })
		if err != nil {
			home.logger.Warn("a damaged object is not repaired", "bucket", n.Bucket, "key", n.Key, "err", err)
			return
		}
		s.metricsOf.repaired.Add(1)
		home.logger.Warn("a damaged object was repaired", "bucket", n.Bucket, "key", n.Key)
	}()
}

// healName makes what a name holds be whole at all places that have the name.
func healName(n object.Name, places []*mountpath) error {
	e, err := places[0].gather(n)
	if err != nil || e == nil {
		return err
	}
	for _, h := range e.holds {
		for _, g := range h.segments {
			for _, m := range places {
				var sources []source
				for _, other := range places {
					if other != m {
						sources = append(sources, other.has(g.Blob))
					}
				}
				if err := m.need(g.Blob, true, object.Power, nil, sources...); err != nil {
					return err
				}
				m.letGo(g.Blob)
			}
		}
	}
	return nil
}

// switchOver has the reader go on with the blobs of the next mirror, after a read of
// those where it was has failed; false where that is no help.
func (r *Reader) switchOver(err error) bool {
	if len(r.alt) == 0 || !damaged(err) && !errors.Is(err, unix.EIO) {
		return false
	}
	if r.from == nil {
		r.s.heal(r.name, r.m, r.alt)
	}
	r.from, r.alt = r.alt[0], r.alt[1:]
	if r.file == nil {
		return true
	}
	f, ferr := r.openBlob(r.segs[0].Blob)
	if ferr != nil {
		return r.switchOver(object.Corrupt)
	}
	_ = r.file.Close() // it was only read
	r.file = f
	return true
}

// at is where the reader reads.
func (r *Reader) at() *mountpath {
	if r.from != nil {
		return r.from
	}
	return r.m
}

// openBlob opens a blob where the reader reads.
func (r *Reader) openBlob(id blobID) (File, error) {
	return r.s.config.OS.OpenFile("blob.open", r.at().blobs.path(id), 0, 0)
}

// Repaired returns how many names were repaired from their mirrors since the start.
func (s *Store) Repaired() int64 { return s.metricsOf.repaired.Load() }
