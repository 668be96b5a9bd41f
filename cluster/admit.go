package cluster

import (
	"errors"
	"fmt"

	"ais/object"
)

// Admit decides whether n, at its start, may be part of the cluster, and
// returns the map and the node to store if so. A target that is new adds a
// placement generation; one that comes back keeps its place, its state and the
// time it joined, and is behind if it was. Errors: Invalid for a node that is wrong in itself, was of
// another kind or has another cluster's data, Exists while another process lives under the id, Refused for a target
// that was given up.
//
// A process that was killed leaves its lease behind. It is told from a second
// process with the same id by its URL: two cannot listen on one address, so
// whoever has it now is the successor. Hence a node listens before it joins.
func (s *State) Admit(n Node) (Map, Node, error) {
	const op = "cluster.Admit"
	if err := n.Check(); err != nil {
		return Map{}, Node{}, err
	}
	if n.Home != "" && n.Home != s.Map.Cluster {
		return Map{}, Node{}, object.E(op, n.ID, object.Invalid,
			fmt.Errorf("what is on its mountpaths is part of cluster %s, and this is cluster %s: start it with that cluster's etcd, or with empty directories", n.Home, s.Map.Cluster))
	}
	old, known := s.Node(n.ID)
	if known && old.Kind != n.Kind {
		return Map{}, Node{}, object.E(op, n.ID, object.Invalid, fmt.Errorf("this id is that of a %s", old.Kind))
	}
	if l, ok := s.live[n.ID]; ok && l.Boot != n.Boot && l.URL != n.URL {
		return Map{}, Node{}, object.E(op, n.ID, object.Exists,
			fmt.Errorf("another process with this id is alive at %s; each node needs an id of its own", l.URL))
	}
	if old.Lost {
		return Map{}, Node{}, object.E(op, n.ID, object.Refused,
			errors.New("the target was given up while it was down, and is being removed: start it with empty directories and another id"))
	}
	m := s.Map
	m.Version++
	n.State = Active
	if known {
		n.Joined = old.Joined
		if old.State != Down && old.State != "" {
			n.State = old.State
		}
	}
	n.carry(old, known, m.Version)
	if n.Kind == Target && n.State == Active {
		if g, ok := m.Latest(); !ok || !g.Has(n.ID) {
			m = m.withGeneration(append(s.members(n.ID), memberOf(n)))
			if s.Config.Rebalance.Enabled {
				m.Toward = m.Generations[len(m.Generations)-1].Number
			}
		}
	}
	return m.pruned(s.needs), n, nil
}

// carry decides whether the copies on a target that joins can be relied on, in a
// version of the map: they are as behind as they were. What is on its mountpaths may
// be something else than was there (a set of new disks; Data tells), or have been
// there before the target was removed from the cluster: then anything may be missing.
func (n *Node) carry(old Node, known bool, version uint64) {
	used := n.Home != ""
	n.Home = ""
	if n.Data == "" {
		n.Data = old.Data
	}
	n.Behind, n.Full, n.Since, n.Lost = old.Behind, old.Full, 0, false
	switch {
	case n.Kind != Target:
		n.Behind, n.Full = 0, false
	case known && old.Data != "" && n.Data != old.Data, !known && used:
		n.fallBehind(version, true)
	case n.Behind != 0:
		n.fallBehind(version, n.Full)
	}
}

// Dismiss decides whether the node may be taken out of the cluster for good,
// and returns the map to store if so: new buckets are no longer placed on it.
// Errors: NotFound, Exists while it is alive, NotEmpty while a bucket has it
// in its generation.
func (s *State) Dismiss(id string) (Map, error) {
	const op = "cluster.Dismiss"
	if _, ok := s.Node(id); !ok {
		return Map{}, object.E(op, id, object.NotFound, errors.New("no such node"))
	}
	if s.IsLive(id) {
		return Map{}, object.E(op, id, object.Exists, errors.New("the node is alive: stop it first"))
	}
	for _, g := range s.Map.Generations {
		if g.Has(id) && s.needs(g.Number) {
			return Map{}, object.E(op, id, object.NotEmpty,
				fmt.Errorf("buckets of placement generation %d have names on it", g.Number))
		}
	}
	m := s.Map
	m.Version++
	if g, ok := m.Latest(); ok && g.Has(id) {
		m = m.withGeneration(s.members(id))
	}
	return m.pruned(s.needs), nil
}

func memberOf(n Node) Member { return Member{n.ID, n.Weight, n.FailureDomain} }

// members returns the targets that a new generation is made of, without one.
func (s *State) members(without string) []Member {
	var out []Member
	for _, n := range s.nodes {
		if n.Kind == Target && n.State == Active && n.ID != without {
			out = append(out, memberOf(n))
		}
	}
	return out
}

// needs reports whether a bucket has, or may have, names placed over the
// generation.
func (s *State) needs(generation uint64) bool {
	if s.incomplete {
		return true
	}
	for _, b := range s.buckets {
		if b.Generation == generation || b.Moving() && b.Next.Generation == generation {
			return true
		}
	}
	return false
}
