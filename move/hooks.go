package move

import (
	"ais/cluster"
	"ais/fs"
	"ais/object"
	"ais/replica"
)

// elsewhere says that this target does not answer for the name, or not yet: the request
// is to be sent where the state says, or tried again.
func elsewhere(n object.Name) error {
	return object.E("move.Enter", n.Key, object.Unavailable, replica.ErrElsewhere)
}

// Hooks returns what the store's Config.Copying is to be: that of the copies, with what
// names need that are being moved.
func (m *Mover) Hooks() *fs.Copying {
	all := *m.copies
	all.Enter, all.Sends, all.Term, all.Lists = m.Enter, m.sends, m.term, m.Lists
	return &all
}

// Enter is fs.Copying's. A name that is to be answered for here is brought here first.
// Until then whoever had it answers reads of it.
func (m *Mover) Enter(n object.Name, write bool) error {
	r, moving, err := m.route(n)
	switch {
	case err != nil:
		return err
	case m.entering.allowed(n): // by who brings it here, or drops it, or has an upload here
		return nil
	case !moving:
		return m.copies.Enter(n, write)
	case r.gets():
		if _, err := m.enter(&r, false); err != nil {
			return err
		}
		return m.copies.Enter(n, write)
	case write:
		return elsewhere(n)
	}
	here, err := m.here(&r)
	switch {
	case err != nil:
		return err
	case here && r.keeps():
		return m.copies.Enter(n, write)
	case r.had():
		return m.mayStillRead(n)
	}
	return elsewhere(n)
}

// mayStillRead lets a read be answered by who had the name, as long as it does.
func (m *Mover) mayStillRead(n object.Name) error {
	if m.members.Fenced() {
		return elsewhere(n)
	}
	return nil
}

// here reports whether this target's copy of the name is in use by the next placement:
// it has a change by that, or has one prepared, which is made when all copies have the
// name and nobody else has it.
func (m *Mover) here(r *route) (bool, error) {
	if r.stays() {
		return true, nil
	}
	p, err := m.store.Stamp(r.n)
	if err != nil {
		return false, err
	}
	return m.inUse(r, p)
}

// inUse is here for a name that does not stay, whose stamp is p, or was just now.
func (m *Mover) inUse(r *route, p fs.Stamp) (bool, error) {
	if entered(p, r.to()) || !arrived(p, r.to()) {
		return entered(p, r.to()), nil
	}
	if m.store.Dirty(r.n) {
		return true, nil
	}
	p, err := m.store.Stamp(r.n) // what was prepared by the first look may be applied by the second
	return entered(p, r.to()), err
}

// sends is fs.Copying's. Also a change of a name that is not this target's is to be
// looked at: a request may have waited while the name went.
func (m *Mover) sends(n object.Name) bool {
	if !m.started.Load() {
		return false
	}
	state := m.members.State()
	b, ok := state.BucketByID(n.Bucket)
	switch {
	case !ok, b.Provider == object.AWS && m.entering.allowed(n):
		return false
	case m.copies.Sends(n):
		return true
	}
	return b.Moving() || !m.owns(state, b, n)
}

func (m *Mover) owns(state *cluster.State, b *cluster.Bucket, n object.Name) bool {
	node, _, err := state.Owner(b, n)
	return err == nil && node.ID == m.cfg.ID
}

// term is fs.Copying's. It is asked under the name's lock: who has the name from now on
// is in the state, for nobody else was told before this target had it there.
func (m *Mover) term(n object.Name) (placement, term uint64, err error) {
	state := m.members.State()
	b, ok := state.BucketByID(n.Bucket)
	if !ok || !m.owns(state, b, n) {
		return 0, 0, elsewhere(n)
	}
	r, moving, err := m.routeBy(state, n)
	if err == nil && moving && !m.entering.allowed(n) {
		var here bool
		if here, err = m.here(&r); err == nil && !here {
			err = elsewhere(n)
		}
	}
	if err != nil {
		return 0, 0, err
	}
	return m.copies.Term(n)
}

// Lists is fs.Copying's: of the targets that have a name one shows it. While it is not
// in use where it goes, who had it does, and who gets it may do so, too: who asks takes
// what the latter says. What counts is the stamp that the name had at the moment which the
// list shows: one that has come since is not as who had it has it.
func (m *Mover) Lists(n object.Name, then func() (fs.Stamp, error)) bool {
	r, moving, err := m.route(n)
	switch {
	case err != nil:
		return false
	case !moving:
		return m.listsSettled(n)
	case r.gets() && r.had():
		return true
	case !r.gets() && !r.had():
		return false
	}
	p, err := then()
	if err != nil || r.gets() {
		return err == nil && p.Placement >= r.to()
	}
	here, err := m.inUse(&r, p) // it does not stay: who gets it is another one
	if err == nil && !here && arrived(p, r.to()) && m.members.Self().Behind != 0 {
		m.unclear.Add(1)
	}
	return err == nil && !here // who gets it has it
}

// Unclear is a number that grows when a list here shows a name of which this target, whose
// copies are behind, does not know whether it is in use elsewhere: the list is to be made
// again, after the name has been brought where it goes.
func (m *Mover) Unclear() uint64 { return m.unclear.Load() }

// listsSettled is Lists for a bucket whose names do not move now.
func (m *Mover) listsSettled(n object.Name) bool {
	if !m.started.Load() {
		return true
	}
	state := m.members.State()
	b, ok := state.BucketByID(n.Bucket)
	if !ok || b.Provider == object.AWS || b.Number == 0 && !b.Several() {
		return true
	}
	return m.owns(state, b, n)
}

// Stays has uploads to a name of a remote bucket be changed here until end is called, where
// they were begun, whoever answers for the name by now.
func (m *Mover) Stays(n object.Name) (end func()) {
	m.entering.permit(n)
	return func() { m.entering.forbid(n) }
}

// Asks returns who answers reads of a name that has not been brought here yet, and by
// which placement; ok is false where this target does, or nobody can.
func (m *Mover) Asks(n object.Name) (node cluster.Node, by uint64, ok bool) {
	r, moving, err := m.route(n)
	if !moving || err != nil || !r.gets() || r.had() {
		return cluster.Node{}, 0, false
	}
	if p, err := m.store.Stamp(n); err != nil || p.Placement >= r.to() {
		return cluster.Node{}, 0, false
	}
	owner := r.old.Owner()
	return owner.Node, r.bucket.Number, owner.Live
}

// Answers reports whether this target is the one that had the name by the placement of
// that number, and may answer reads of it.
func (m *Mover) Answers(n object.Name, by uint64) bool {
	r, moving, err := m.route(n)
	return moving && err == nil && r.bucket.Number == by && r.had()
}
