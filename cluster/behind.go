package cluster

import (
	"errors"
	"fmt"

	"ais/object"
)

// LeaveBehind decides whether the others go on without a target: its lease has ended,
// it is in sync, and another target that is in sync is alive, which can. It returns
// the map and the node to store, in a transaction that holds only if both are as they
// were and the target has no lease; ok is false where there is nothing to decide.
//
// One target is left behind in each version of the map: of those that went, it is
// known who went last. Where none is left who could go on, all stay as they are: they
// come back with all that was ever acknowledged.
func (s *State) LeaveBehind(id string) (m Map, n Node, ok bool) {
	n, known := s.Node(id)
	if !known || n.Kind != Target || n.Behind != 0 || s.IsLive(id) || !s.otherInSync(id) {
		return Map{}, Node{}, false
	}
	m = s.Map
	m.Version++
	n.Behind = m.Version
	return m, n, true
}

// otherInSync reports whether a target that is in sync, other than id, is alive.
func (s *State) otherInSync(id string) bool {
	for i, n := range s.nodes {
		if n.Kind == Target && n.ID != id && n.Behind == 0 && s.alive[i] {
			return true
		}
	}
	return false
}

// MarkBehind decides what becomes of a target that says itself that its copies are not
// to be relied on: full, where it may lack anything. One that is behind already stays
// where it is in the order of those that went, and begins anew to catch up. Errors:
// NotFound; Refused where it is not full and no other target could go on without it.
func (s *State) MarkBehind(id string, full bool) (Map, Node, error) {
	n, ok := s.Node(id)
	if !ok || n.Kind != Target {
		return Map{}, Node{}, object.E("cluster.MarkBehind", id, object.NotFound, errors.New("there is no target "+id))
	}
	if n.Behind == 0 && !full && !s.otherInSync(id) {
		return Map{}, Node{}, object.E("cluster.MarkBehind", id, object.Refused, errors.New("no other target is in sync"))
	}
	m := s.Map
	m.Version++
	n.fallBehind(m.Version, n.Full || full)
	return m, n, nil
}

// fallBehind marks n from a version of the map on.
func (n *Node) fallBehind(version uint64, full bool) {
	if n.Behind == 0 {
		n.Behind = version
	}
	n.Full, n.Since = full, version
}

// InSync decides whether a target that was behind has caught up: since is its
// Node.Since as it was before it began to, and boot that of its process. Errors:
// NotFound; Conflict where it missed a change meanwhile, or has not its lease any
// more: it begins anew. One that is in sync is returned as it is, with the same map.
func (s *State) InSync(id, boot string, since uint64) (Map, Node, error) {
	const op = "cluster.InSync"
	n, ok := s.Node(id)
	switch {
	case !ok:
		return Map{}, Node{}, object.E(op, id, object.NotFound, errors.New("there is no node "+id))
	case s.live[id].Boot != boot || n.Boot != boot:
		return Map{}, Node{}, object.E(op, id, object.Conflict, errors.New("it does not hold its lease"))
	case n.Behind == 0:
		return s.Map, n, nil
	case n.Since != since:
		return Map{}, Node{}, object.E(op, id, object.Conflict, fmt.Errorf("it missed a change at version %d of the map, and caught up with what was before %d", n.Since, since))
	}
	m := s.Map
	m.Version++
	n.Behind, n.Full, n.Since = 0, false, 0
	return m, n, nil
}

// LeftOut decides what becomes of a target that is behind and catches up, when a change
// could not be sent to it: it catches up anew, for it may be past what was noted for it.
// It is decided before the change is acknowledged. Where the target is not alive, or no
// member, nothing has to be: the same map is returned. Conflict: it is in sync by now,
// and the change needs it.
func (s *State) LeftOut(id string) (Map, Node, error) {
	n, ok := s.Node(id)
	switch {
	case !ok, n.Behind != 0 && !s.IsLive(id):
		return s.Map, n, nil
	case n.Behind == 0:
		return Map{}, Node{}, object.E("cluster.LeftOut", id, object.Conflict, errors.New("the target is in sync"))
	}
	m := s.Map
	m.Version++
	n.Since = m.Version
	return m, n, nil
}

// Sources returns the targets that one that is behind must have caught up with before it
// is in sync, sorted by id: those that are in sync, and those that went after it and
// may act for a name that it has a copy of, for they may have seen what nobody else has.
// What one may lack anything of is a source for nobody, but for who does, too; and one
// that was given up for none. All must be alive: what one that is not has is not known.
func (s *State) Sources(id string) []Node {
	self, _ := s.Node(id)
	var out []Node
	for _, n := range s.nodes {
		if n.Kind != Target || n.ID == id || n.Lost {
			continue
		}
		if n.Behind == 0 || goesBefore(n, self) && s.actsWith(n, id) {
			out = append(out, n)
		}
	}
	return out
}

// actsWith reports whether a target that is behind may be the acting owner of a name
// that another one has a copy of.
func (s *State) actsWith(n Node, id string) bool {
	for _, b := range s.buckets {
		if b.Several() && (s.mayOwnWith(n, id, b.Placement) || b.Moving() && s.mayOwnWith(n, id, b.Next)) {
			return true
		}
	}
	return false
}

func (s *State) mayOwnWith(n Node, id string, by Placement) bool {
	i := s.findGeneration(by.Generation)
	return i >= 0 && s.Map.Generations[i].Has(id) && s.mayOwn(n, by)
}

// goesBefore reports whether a, of two targets that are behind, acts for the names of
// both: one that lacks only what changed since it went comes before one that may lack
// anything, and of equals the one that went last.
func goesBefore(a, b Node) bool {
	if a.Lost != b.Lost {
		return b.Lost
	}
	if a.Full != b.Full {
		return b.Full
	}
	return a.Behind > b.Behind
}
