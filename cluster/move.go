package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"ais/object"
)

// MoveOptions say what a change of a node's state means for what is on it.
type MoveOptions struct {
	KeepNames bool // what is on it stays there; else it is moved as rebalance.enabled says, and always off a node that leaves
	Force     bool // of a target that leaves and is down: what it alone has is given up
}

// Move decides whether the node may go to a state that is stored, and returns the map
// and the node to store if so; a node that is in it already is returned as it is, with
// the same map.
//
//	Active       it gets a place in a new generation
//	Maintenance  it has no place in a new generation; as long as it is up it serves what it has
//	Leaving      likewise; Dismiss will remove it once it is dead and no bucket is placed on it
//
// The buckets that are there become due to be moved to the new generation, unless they
// are to stay where they are. Errors: NotFound; Refused for the last target that new
// buckets can be placed on; where buckets would move to fewer targets than they have
// copies; and of Leaving for a proxy that embeds etcd, for a target whose names are to
// stay and that has some, and for one that is down and may alone have names, but by
// force.
func (s *State) Move(id string, to NodeState, o MoveOptions) (Map, Node, error) {
	const op = "cluster.Move"
	n, ok := s.Node(id)
	if !ok {
		return Map{}, Node{}, object.E(op, id, object.NotFound, errors.New("there is no node "+id))
	}
	giveUp := o.Force && to == Leaving && n.Kind == Target && !n.Lost
	if n.State == to && !giveUp {
		return s.Map, n, nil
	}
	m := s.Map
	m.Version++
	switch to {
	case Active, Maintenance:
		if n.Lost {
			return Map{}, Node{}, object.E(op, id, object.Refused, errors.New("what "+id+" has was given up: it can only be removed"))
		}
	case Leaving:
		if err := s.mayLeave(n, o); err != nil {
			return Map{}, Node{}, object.E(op, id, object.Refused, err)
		}
		if giveUp {
			n.fallBehind(m.Version, true)
			n.Lost = true
		}
	default:
		return Map{}, Node{}, object.E(op, id, object.Invalid, fmt.Errorf("no node is put into the state %q", to))
	}
	n.State = to
	if n.Kind == Target {
		var err error
		if m, err = s.without(m, n, to, to == Leaving || s.Config.Rebalance.Enabled && !o.KeepNames); err != nil {
			return Map{}, Node{}, object.E(op, id, object.Refused, err)
		}
	}
	return m.pruned(s.needs), n, nil
}

// without returns the map with a generation that has the target or not, as its state
// is to be, where the latest is not such a one; buckets are to be moved there or not.
func (s *State) without(m Map, n Node, to NodeState, rebalance bool) (Map, error) {
	members := s.members(n.ID)
	if to == Active {
		members = append(members, memberOf(n))
	}
	if len(members) == 0 {
		return m, errors.New(n.ID + " is the only active target: new buckets would have no place")
	}
	if rebalance && to != Active {
		for _, b := range s.buckets {
			if copies := b.wanted(); copies > len(members) {
				return m, fmt.Errorf("%s has %d copies, and %d active targets would be left: have another target join, or lower its copies first", b.URL(), copies, len(members))
			}
		}
	}
	if g, ok := m.Latest(); !ok || g.Has(n.ID) != (to == Active) {
		m = m.withGeneration(members)
	}
	if rebalance {
		g, _ := m.Latest()
		m.Toward, m.Halted = g.Number, false
	}
	return m, nil
}

// mayLeave reports why the node cannot be taken out, nil where it can.
func (s *State) mayLeave(n Node, o MoveOptions) error {
	if n.Etcd {
		return errors.New(n.ID + " embeds the cluster's etcd, which has no other place")
	}
	if n.Kind != Target {
		return nil
	}
	if s.incomplete {
		return errors.New("some buckets cannot be read, and may be placed on " + n.ID)
	}
	if placed := s.PlacedOn(n.ID); placed > 0 && o.KeepNames {
		return fmt.Errorf("%d of the buckets are placed on %s: their objects have to be moved to other targets first", placed, n.ID)
	}
	if s.IsLive(n.ID) {
		if o.Force {
			return errors.New(n.ID + " is alive: what it has can be moved to other targets, and is not given up")
		}
		return nil
	}
	if alone := s.aloneOn(n); len(alone) > 0 && !o.Force {
		const most = 3
		names := strings.Join(alone[:min(len(alone), most)], ", ")
		if len(alone) > most {
			names += ", …"
		}
		return fmt.Errorf("%s is down, and objects of %d of the buckets (%s) may be on it alone: start it again, and they are moved off it; by force what it has is given up", n.ID, len(alone), names)
	}
	return nil
}

// aloneOn returns the buckets of which the target may have objects, or changes of them,
// that nobody else has.
func (s *State) aloneOn(n Node) (urls []string) {
	for _, b := range s.buckets {
		if b.Provider == object.AWS {
			continue // what is here can be read again
		}
		if s.mayOwn(n, b.Placement) || b.Moving() && s.mayOwn(n, b.Next) {
			urls = append(urls, b.URL())
		}
	}
	return urls
}

// mayOwn reports whether the target is the acting owner of a name by a placement, where
// all its other copies are on targets that are behind: nobody else can take its place.
func (s *State) mayOwn(n Node, by Placement) bool {
	i := s.findGeneration(by.Generation)
	if i < 0 || !s.Map.Generations[i].Has(n.ID) {
		return false
	}
	return s.weaker(n, s.Map.Generations[i]) >= min(by.Count(), len(s.Map.Generations[i].Targets))-1
}

func (s *State) findGeneration(number uint64) int {
	return slices.IndexFunc(s.Map.Generations, func(g Generation) bool { return g.Number == number })
}

// weaker returns how many of the other targets of a generation the target acts for, when
// it is itself not in sync any more: those that are behind it.
func (s *State) weaker(n Node, g Generation) int {
	count := 0
	for _, m := range g.Targets {
		if m.ID == n.ID {
			continue
		}
		other, known := s.Node(m.ID)
		if !known || other.Behind != 0 && (n.Behind == 0 || goesBefore(n, other)) {
			count++
		}
	}
	return count
}

// Owners returns the targets that are the acting owner of some name of the bucket by a
// placement of it, or may be, sorted by id: each has to be asked for the names that it
// acts for. One that was given up is among them where nobody else can act: it has
// nothing. The error is that of Owner.
func (s *State) Owners(b *Bucket, by Placement) ([]Node, error) {
	p, err := s.placement(b, by.Generation)
	if err != nil {
		return nil, err
	}
	var out []Node
	for i := range p.members {
		n := s.copyAt(p, i).Node
		if n.Behind == 0 || s.mayOwn(n, by) {
			out = append(out, n)
		}
	}
	return out, nil
}

// PlacedOn returns how many buckets are placed on the target, or are being moved there.
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
