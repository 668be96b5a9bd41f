package cluster

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"ais/object"
)

// placement is a generation made ready for Owner: what can be computed once
// for each target is.
type placement struct {
	number  uint64
	members []Member
	digests []uint64 // of the members' ids
	weights []float64
	domains []int
	nodes   []int // index into State.nodes; -1 for a target that is no longer a node
}

func newPlacement(g Generation, find func(id string) int) placement {
	p := placement{
		number:  g.Number,
		members: g.Targets,
		digests: make([]uint64, len(g.Targets)),
		weights: make([]float64, len(g.Targets)),
		domains: domainsOf(g.Targets),
		nodes:   make([]int, len(g.Targets)),
	}
	for i, m := range g.Targets {
		p.digests[i] = object.HashString(m.ID)
		p.weights[i] = m.Weight
		p.nodes[i] = find(m.ID)
	}
	return p
}

// Owner returns the target that owns the name in bucket b, of several copies the
// acting owner, and whether that target is alive. It answers from b's placement: a
// target that joined later owns nothing of b. The error is of kind Unavailable, for a
// generation that this state does not have (yet).
func (s *State) Owner(b *Bucket, n object.Name) (owner Node, live bool, err error) {
	by := b.Target()
	if by.Count() > 1 {
		copies, err := s.CopiesBy(b, by, n)
		if err != nil {
			return Node{}, false, err
		}
		c := copies.Owner()
		return c.Node, c.Live, nil
	}
	p, err := s.placement(b, by.Generation)
	if err != nil {
		return Node{}, false, err
	}
	// Of equal scores Best takes the first, and members are sorted by id: all
	// nodes agree.
	c := s.copyAt(p, object.Best(n.Digest(), p.digests, p.weights))
	return c.Node, c.Live, nil
}

// Placed returns the targets that hold b's names, sorted by id; of a bucket that is
// being moved, also those that are to. The error is that of Owner.
func (s *State) Placed(b *Bucket) ([]Node, error) { return s.placed(b, s.PlacedBy) }

// Acting returns those of Placed that may be the acting owner of a name: as ActingBy.
func (s *State) Acting(b *Bucket) ([]Node, error) { return s.placed(b, s.ActingBy) }

// ActingBy returns those of PlacedBy that may be the acting owner of a name: where names
// have several copies not those that are behind, while each name has one that is not.
func (s *State) ActingBy(b *Bucket, by Placement) ([]Node, error) {
	all, err := s.PlacedBy(b, by)
	if err != nil || by.Count() == 1 {
		return all, err
	}
	inSync := slices.DeleteFunc(slices.Clone(all), func(n Node) bool { return n.Behind != 0 })
	if len(all)-len(inSync) < min(by.Count(), len(all)) {
		return inSync, nil
	}
	return all, nil
}

func (s *State) placed(b *Bucket, of func(*Bucket, Placement) ([]Node, error)) ([]Node, error) {
	out, err := of(b, b.Placement)
	if err != nil || !b.Moving() || b.Next.Generation == b.Generation && b.Next.Count() == b.Count() {
		return out, err
	}
	more, err := of(b, b.Next)
	if err != nil {
		return nil, err
	}
	for _, n := range more {
		if !slices.ContainsFunc(out, func(o Node) bool { return o.ID == n.ID }) {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b Node) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// PlacedBy returns the targets of a placement of the bucket, sorted by id.
func (s *State) PlacedBy(b *Bucket, by Placement) ([]Node, error) {
	p, err := s.placement(b, by.Generation)
	if err != nil {
		return nil, err
	}
	out := make([]Node, len(p.members))
	for i := range out {
		out[i] = s.copyAt(p, i).Node
	}
	return out, nil
}

func (s *State) placement(b *Bucket, generation uint64) (*placement, error) {
	i, ok := slices.BinarySearchFunc(s.placements, generation, func(p placement, number uint64) int {
		return cmp.Compare(p.number, number)
	})
	if !ok || len(s.placements[i].members) == 0 {
		return nil, object.E("cluster.Owner", b.Name, object.Unavailable,
			errors.New("placement generation "+strconv.FormatUint(generation, 10)+" is not known here"))
	}
	return &s.placements[i], nil
}

// gone stands for a target that is in a generation and no longer in the cluster: it
// has a name and nothing else, and acts for nothing that anybody else has.
func gone(m Member) Node {
	return Node{ID: m.ID, Kind: Target, Weight: m.Weight, State: Down, Behind: 1, Full: true, Lost: true}
}
