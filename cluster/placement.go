package cluster

import (
	"cmp"
	"errors"
	"slices"
	"strconv"

	"ais/object"
)

// placement is a generation made ready for Owner: what can be computed once
// for each target is.
type placement struct {
	number  uint64
	members []Member
	digests []uint64 // of the members' ids
	weights []float64
	nodes   []int // index into State.nodes; -1 for a target that is no longer a node
}

func newPlacement(g Generation, find func(id string) int) placement {
	p := placement{
		number:  g.Number,
		members: g.Targets,
		digests: make([]uint64, len(g.Targets)),
		weights: make([]float64, len(g.Targets)),
		nodes:   make([]int, len(g.Targets)),
	}
	for i, m := range g.Targets {
		p.digests[i] = object.HashString(m.ID)
		p.weights[i] = m.Weight
		p.nodes[i] = find(m.ID)
	}
	return p
}

// Owner returns the target that owns the name in bucket b, and whether that
// target is alive. It answers from b's generation: a target that joined later
// owns nothing of b. The error is of kind Unavailable, for a generation that
// this state does not have (yet).
func (s *State) Owner(b *Bucket, n object.Name) (owner Node, live bool, err error) {
	p, err := s.placement(b)
	if err != nil {
		return Node{}, false, err
	}
	// Of equal scores Best takes the first, and members are sorted by id: all
	// nodes agree.
	i := object.Best(n.Digest(), p.digests, p.weights)
	if at := p.nodes[i]; at >= 0 {
		return s.nodes[at], s.alive[at], nil
	}
	return gone(p.members[i]), false, nil
}

// Placed returns the targets that hold b's names, sorted by id. The error is
// that of Owner.
func (s *State) Placed(b *Bucket) ([]Node, error) {
	p, err := s.placement(b)
	if err != nil {
		return nil, err
	}
	out := make([]Node, len(p.members))
	for i, at := range p.nodes {
		if at >= 0 {
			out[i] = s.nodes[at]
		} else {
			out[i] = gone(p.members[i])
		}
	}
	return out, nil
}

func (s *State) placement(b *Bucket) (*placement, error) {
	i, ok := slices.BinarySearchFunc(s.placements, b.Generation, func(p placement, number uint64) int {
		return cmp.Compare(p.number, number)
	})
	if !ok || len(s.placements[i].members) == 0 {
		return nil, object.E("cluster.Owner", b.Name, object.Unavailable,
			errors.New("placement generation "+strconv.FormatUint(b.Generation, 10)+" is not known here"))
	}
	return &s.placements[i], nil
}

// gone stands for a target that is in a generation and no longer in the
// cluster: it has a name and nothing else.
func gone(m Member) Node {
	return Node{ID: m.ID, Kind: Target, Weight: m.Weight, State: Down}
}
