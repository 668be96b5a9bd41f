package fs

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"ais/object"
)

// How mountpaths are attached, detached, enabled and disabled while the store serves.

// Attach makes an empty directory, which is made where there is none, a mountpath.
// Names move there with the next Resilver. Errors: Exists where it is one, Invalid
// where it, or what is in it, is not fit, Unavailable where a mountpath is failed.
func (s *Store) Attach(dir string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	l := s.layout.Load()
	dir = filepath.Clean(dir)
	if err := s.mayAttach(l, dir); err != nil {
		return err
	}
	if err := l.inService(nil, false); err != nil {
		return err
	}
	added, m, err := s.prepareNew(l, dir)
	if err != nil {
		return refuse(object.Unavailable, "%w", err)
	}
	next := l.set.clone()
	before := next.placing()
	next.Members = append(next.Members, m)
	next.moved(before)
	if err := s.change(next, added, nil); err != nil {
		return errors.Join(err, added.close()) // ais.json stays: a set that has it may have survived
	}
	return nil
}

// mayAttach looks whether a directory may become a mountpath.
func (s *Store) mayAttach(l *layout, dir string) error {
	if !filepath.IsAbs(dir) {
		return refuse(object.Invalid, "%q is not an absolute path", dir)
	}
	for _, m := range slices.Concat(l.all, l.off) {
		other := filepath.Clean(m.dir)
		switch {
		case other == dir && slices.Contains(l.off, m):
			return refuse(object.Exists, "%s is a mountpath that is disabled: enable it", dir)
		case other == dir:
			return refuse(object.Exists, "%s is a mountpath of this target", dir)
		case inside(dir, other) || inside(other, dir):
			return refuse(object.Invalid, "%s and the mountpath %s are one inside the other", dir, other)
		}
	}
	id, err := readIdentity(s.config.OS, dir)
	switch {
	case errors.Is(err, errNoIdentity):
		return s.mustBeEmpty(dir)
	case err != nil:
		return refuse(object.Invalid, "%w", err)
	case id.Cluster != s.config.Cluster || id.Target != s.config.Target:
		return refuse(object.Invalid, "%s is a mountpath of target %q of cluster %q: empty it if what is on it is not needed", dir, id.Target, id.Cluster)
	case id.Complete && !id.Detached:
		return refuse(object.Invalid, "%s was taken from this target with what was on it: empty it if that is not needed", dir)
	}
	return nil
}

// inside reports whether a path is below another one.
func inside(path, other string) bool {
	rel, err := filepath.Rel(other, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

func (s *Store) mustBeEmpty(dir string) error {
	names, err := s.config.OS.List("mountpath.list", dir)
	if err != nil {
		return nil // it will be made, or making it says why not
	}
	for _, name := range names {
		if name != "lost+found" && name != identityFile+".new" {
			return refuse(object.Invalid, "%s is not empty: it has %s", dir, name)
		}
	}
	return nil
}

// prepareNew makes a mountpath in a directory. Until a set that has it is complete
// elsewhere it is none.
func (s *Store) prepareNew(l *layout, dir string) (*mountpath, member, error) {
	o := s.config.OS
	if err := mkdirAll(o, "mountpath.mkdir", dir, 0o755); err != nil {
		return nil, member{}, err
	}
	if err := empty(o, dir); err != nil {
		return nil, member{}, err
	}
	u, err := uuid.NewRandomFromReader(s.config.Rand)
	if err != nil {
		return nil, member{}, err
	}
	usage, err := o.Usage("mountpath.usage", dir)
	if err != nil {
		return nil, member{}, err
	}
	m := member{ID: u.String(), Dir: dir, Weight: weigh(usage)}
	mp := newMountpath(&s.config, &s.pieces, m, dir)
	mp.welcome = s.welcome
	first := s.identity(l.set, mp)
	first.Complete, first.Generation = false, l.set.Generation+1
	if err := writeIdentity(o, dir, first); err != nil {
		return nil, m, err
	}
	if err := mp.open(s.shared); err != nil {
		return nil, m, errors.Join(err, mp.close())
	}
	if l.set.Mirrors != nil {
		s.openShadow(mp)
	}
	return mp, m, nil
}

// empty removes what the store has made in a directory, but for ais.json.
func empty(o OS, dir string) error {
	for _, name := range []string{"index", "blobs", "checkpoints", "mirror"} {
		if err := removeAll(o, "mountpath.remove", filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return syncDir(o, "mountpath.syncdir", dir)
}

// Detach begins to take a mountpath out: its names move to the others with the
// next Resilver, and then it is no member any more. By force it is out at once, and
// the objects on it are lost, but for those that have mirrors; but one that is in service is not forced. Errors:
// Invalid for the last one and for what is none, NoSpace where the others have no room,
// Unavailable where it, or another one, is failed.
func (s *Store) Detach(dir string, force bool) error {
	if m, _, err := s.layout.Load().find(dir); err == nil && force && m.index.Load() == nil {
		s.failOver(m) // what has mirrors is not lost
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	l := s.layout.Load()
	m, member, err := l.find(dir)
	if err != nil {
		return err
	}
	if member.State == memberDisabled {
		return s.dismiss(l, m, true)
	}
	if m.index.Load() == nil {
		if !force {
			return refuse(object.Refused,
				"mountpath %s is out of service, so its objects cannot be moved: by force it is detached without them, and they are lost", m.dir)
		}
		return s.dismiss(l, m, false)
	}
	return s.leave(l, m, member, memberDetaching)
}

// leave begins to move a mountpath's names away.
func (s *Store) leave(l *layout, m *mountpath, was *member, to memberState) error {
	next := l.set.clone()
	next.setState(m.id, to)
	if err := s.mayLeave(l, &next, m); err != nil {
		return err
	}
	if was.State == to {
		return nil
	}
	return s.change(next, nil, nil)
}

// mayLeave looks whether the mountpaths that stay can hold what is on m.
func (s *Store) mayLeave(l *layout, next *mountset, m *mountpath) error {
	if err := l.inService(nil, false); err != nil {
		return err
	}
	room, stay := int64(0), 0
	for _, other := range l.all {
		if other == m || !next.Members[next.index(other.id)].places() || other.index.Load() == nil {
			continue
		}
		stay++
		u, err := other.space.usageNow()
		if err != nil {
			return refuse(object.Unavailable, "%w", err)
		}
		room += max(0, u.Free-other.space.reserveOf(u))
	}
	if stay == 0 {
		return refuse(object.Invalid, "%s is the last mountpath in service: attach or enable another one first", m.dir)
	}
	if has := m.index.Load(); has != nil {
		if n := has.counters.all(); n.bytes > room {
			return refuse(object.NoSpace, "%s has %d bytes of objects and the other mountpaths have room for %d: attach another one first", m.dir, n.bytes, room)
		}
	}
	return nil
}

// Disable takes a mountpath out of service, which stays a member: its names move to
// the others with the next Resilver. By force it goes off at once, with its names.
// Errors: as Detach.
func (s *Store) Disable(dir string, force bool) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	l := s.layout.Load()
	m, member, err := l.find(dir)
	if err != nil {
		return err
	}
	if member.State == memberDisabled || member.State == memberOff {
		return nil
	}
	if !force {
		if m.index.Load() == nil {
			return refuse(object.Refused,
				"mountpath %s is out of service, so its objects cannot be moved: by force it is disabled with them, and they are unavailable until it is enabled", m.dir)
		}
		return s.leave(l, m, member, memberDisabling)
	}
	if len(l.sets[0]) == 1 && l.sets[0][0] == m {
		return refuse(object.Invalid, "%s is the last mountpath in service: attach or enable another one first", m.dir)
	}
	next := l.set.clone()
	next.setState(m.id, memberOff)
	if err := l.inService(m, false); err != nil {
		return err
	}
	if err := s.change(next, nil, nil); err != nil {
		return err
	}
	return m.switchOff(errForcedOff)
}

// Enable brings a mountpath that is disabled, or is about to be or to be detached,
// back into service. One that was disabled with its names has them again; to any
// other one names move with the next Resilver. Errors: Invalid, Refused, Unavailable.
func (s *Store) Enable(dir string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	l := s.layout.Load()
	m, member, err := l.find(dir)
	if err != nil || member.State == memberActive {
		return err
	}
	if err := l.inService(nil, false); err != nil {
		return err
	}
	next := l.set.clone()
	next.setState(m.id, memberActive)
	if member.State.leaving() {
		return s.change(next, nil, nil)
	}
	back, err := s.reopenMember(m, member)
	if err != nil {
		return refuse(object.Unavailable, "mountpath %s cannot be opened: %w", m.dir, err)
	}
	if err := s.change(next, back, nil); err != nil {
		return errors.Join(err, back.close())
	}
	return nil
}

// reopenMember opens a mountpath that is out of service. A disabled one had no
// names left when it was closed; whatever is on it since is none of ours.
func (s *Store) reopenMember(old *mountpath, was *member) (*mountpath, error) {
	id, err := readIdentity(s.config.OS, old.dir)
	if err != nil {
		return nil, err
	}
	if id.Mountpath != was.ID {
		return nil, fmt.Errorf("the directory is mountpath %s, not %s", id.Mountpath, was.ID)
	}
	if err := old.close(); err != nil && !errors.Is(err, object.Unavailable) {
		return nil, err
	}
	if was.State == memberDisabled {
		if err := empty(s.config.OS, old.dir); err != nil {
			return nil, err
		}
	}
	m := newMountpath(&s.config, &s.pieces, *was, old.dir)
	m.welcome = s.welcome
	if err := m.open(s.shared); err != nil {
		return nil, errors.Join(err, m.close())
	}
	if s.layout.Load().set.Mirrors != nil {
		s.openShadow(m)
	}
	return m, nil
}

// dismiss takes a mountpath out of the set at once; cleared says that no name is on it.
func (s *Store) dismiss(l *layout, m *mountpath, cleared bool) error {
	next := l.set.clone()
	next.remove(m.id) // which changes the place of those names only that were on m
	if len(next.placing()) == 0 {
		return refuse(object.Invalid, "%s is the last mountpath in service: attach or enable another one first", m.dir)
	}
	if cleared { // else others that are dead as well go the same way, or hear of it when they are back
		if err := l.inService(m, false); err != nil {
			return err
		}
	}
	if err := s.change(next, nil, m); err != nil {
		return err
	}
	s.retire(m, cleared)
	if !cleared && s.config.OnMountpath != nil {
		s.config.OnMountpath(MountpathEvent{Dir: m.dir, State: MountpathFailed, Lost: true})
	}
	return nil
}

// settled ends what a resilver has finished with: earlier sets are forgotten, and
// mountpaths that leave are gone. It is false where the mountpaths have changed
// since l.
func (s *Store) settled(l *layout) (bool, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.layout.Load() != l {
		return false, nil
	}
	if l.settled() {
		return true, nil
	}
	next := l.set.clone()
	next.Earlier = nil
	if next.Mirrors != nil {
		next.Mirrors.Earlier, next.Mirrors.From = nil, nil
	}
	var gone, disabled []*mountpath
	for _, m := range l.all {
		switch l.set.Members[l.set.index(m.id)].State {
		case memberDetaching:
			next.remove(m.id)
			gone = append(gone, m)
		case memberDisabling:
			next.setState(m.id, memberDisabled)
			disabled = append(disabled, m)
		}
	}
	next.Earlier = nil
	if err := l.inService(nil, true); err != nil {
		return false, err
	}
	if err := s.change(next, nil, nil); err != nil {
		return false, err
	}
	for _, m := range gone {
		s.retire(m, true)
	}
	for _, m := range disabled {
		s.forgetCopies(m)
		if err := m.switchOff(nil); err != nil {
			m.logger.Warn("closing a disabled mountpath", "err", err)
		}
	}
	return true, nil
}

// retire closes a mountpath that is no member any more. Where it is cleared, what is
// left of it is removed, and it is marked as one that may be attached again.
func (s *Store) retire(m *mountpath, cleared bool) {
	s.forgetCopies(m)
	err := m.close()
	if !cleared {
		return
	}
	mark := s.identity(s.layout.Load().set, m) // for who is told of this directory alone
	mark.Detached = true
	if err == nil {
		err = writeIdentity(s.config.OS, m.dir, mark)
	}
	if err == nil {
		err = empty(s.config.OS, m.dir)
	}
	if err != nil {
		m.logger.Warn("a detached mountpath could not be cleared", "err", err)
	}
}

// forgetCopies removes the copies of a mountpath's index, which must not come back.
func (s *Store) forgetCopies(m *mountpath) {
	for _, host := range s.layout.Load().all {
		if host == m || host.index.Load() == nil {
			continue
		}
		if err := removeAll(s.config.OS, "checkpoint.remove", filepath.Dir(checkpointDir(host, m.id, "x"))); err != nil {
			m.logger.Warn("removing a copy of the index", "host", host.dir, "err", err)
		}
	}
}
