package cluster

import (
	"errors"
	"fmt"

	"ais/object"
)

// Move decides whether the node may go to a state that is stored, and returns the map
// and the node to store if so; a node that is in it already is returned as it is, with
// the same map. What a target that moves has stays where it is: only buckets that are
// made from then on are placed without it, or with it again.
//
//	Active       it has no place in new buckets yet, and gets one
//	Maintenance  it gets no new buckets; as long as it is up it serves what it has
//	Leaving      Dismiss will remove it once it is dead
//
// Errors: NotFound; Refused for the last target that new buckets can be placed on,
// and of Leaving for a target that buckets are placed on or a proxy that embeds etcd.
func (s *State) Move(id string, to NodeState) (Map, Node, error) {
	const op = "cluster.Move"
	n, ok := s.Node(id)
	if !ok {
		return Map{}, Node{}, object.E(op, id, object.NotFound, errors.New("there is no node "+id))
	}
	if n.State == to {
		return s.Map, n, nil
	}
	switch to {
	case Active, Maintenance:
	case Leaving:
		if err := s.mayLeave(n); err != nil {
			return Map{}, Node{}, object.E(op, id, object.Refused, err)
		}
	default:
		return Map{}, Node{}, object.E(op, id, object.Invalid, fmt.Errorf("no node is put into the state %q", to))
	}
	m := s.Map
	m.Version++
	n.State = to
	if n.Kind == Target {
		members := s.members(id)
		if to == Active {
			members = append(members, memberOf(n))
		}
		if len(members) == 0 {
			return Map{}, Node{}, object.E(op, id, object.Refused, errors.New(id+" is the only active target: new buckets would have no place"))
		}
		if g, ok := m.Latest(); !ok || g.Has(id) != (to == Active) {
			m = m.withGeneration(members)
		}
	}
	return m.pruned(s.needs), n, nil
}

// mayLeave reports why the node cannot be taken out, nil where it can.
func (s *State) mayLeave(n Node) error {
	if n.Etcd {
		return errors.New(n.ID + " embeds the cluster's etcd, which has no other place")
	}
	if placed := s.PlacedOn(n.ID); placed > 0 {
		return fmt.Errorf("%d of the buckets are placed on %s, and cannot be moved to other targets: copy what is in them to buckets that are made while it is under maintenance, and remove them", placed, n.ID)
	}
	if s.incomplete && n.Kind == Target {
		return errors.New("some buckets cannot be read, and may be placed on " + n.ID)
	}
	return nil
}

// PlacedOn returns how many buckets are placed on the target.
func (s *State) PlacedOn(id string) int {
	on := map[uint64]bool{}
	for _, g := range s.Map.Generations {
		on[g.Number] = g.Has(id)
	}
	count := 0
	for _, b := range s.buckets {
		if on[b.Generation] || b.Moving() && on[b.Next.Generation] {
			count++
		}
	}
	return count
}
