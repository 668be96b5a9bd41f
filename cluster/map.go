package cluster

import (
	"slices"
	"strings"
	"time"
)

// Map is what the cluster is and where names are placed. Its Version grows by
// one with every change of nodes, in the same transaction.
type Map struct {
	Cluster     string       `json:"cluster"` // uuid, made with the cluster
	Version     uint64       `json:"version"`
	Auth        string       `json:"auth"` // AuthOn or AuthOff, fixed when the cluster is made
	Created     time.Time    `json:"created"`
	Generations []Generation `json:"generations"` // ascending by Number

	// Toward is the generation that a rebalance was last asked for: buckets of earlier
	// ones are due to be moved. 0 is none.
	Toward uint64 `json:"toward,omitempty"`
	Halted bool   `json:"halted,omitempty"` // nothing is moved for now
}

// The settings of Map.Auth.
const (
	AuthOn  = "on"
	AuthOff = "off"
)

// Generation is a set of targets that names are placed over. It never changes:
// a bucket keeps the generation that it was created under, so that nothing is
// ever looked for in the wrong place when a target joins.
type Generation struct {
	Number  uint64   `json:"number"` // from 1
	Targets []Member `json:"targets"`
}

// Member is a target's place in a generation, with the weight it had then.
type Member struct {
	ID     string  `json:"id"`
	Weight float64 `json:"weight"`
	Domain string  `json:"domain,omitempty"` // failure domain; "" is one of its own
}

// Has reports whether the target is in the generation.
func (g Generation) Has(id string) bool {
	return slices.ContainsFunc(g.Targets, func(m Member) bool { return m.ID == id })
}

// Latest returns the newest generation that has a target; ok is false while no
// target has ever joined. New buckets are created under it.
func (m Map) Latest() (g Generation, ok bool) {
	for _, g := range slices.Backward(m.Generations) {
		if len(g.Targets) > 0 {
			return g, true
		}
	}
	return Generation{}, false
}

// withGeneration returns m with one more generation over members. The numbers
// of generations that were dropped are not given again, for the newest one
// is never dropped.
func (m Map) withGeneration(members []Member) Map {
	number := uint64(1)
	if n := len(m.Generations); n > 0 {
		number = m.Generations[n-1].Number + 1
	}
	members = slices.Clone(members)
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	m.Generations = append(slices.Clone(m.Generations), Generation{Number: number, Targets: members})
	return m
}

// pruned returns m without the generations that no bucket needs, but for the
// newest.
func (m Map) pruned(needed func(number uint64) bool) Map {
	last := len(m.Generations) - 1
	kept := make([]Generation, 0, len(m.Generations))
	for i, g := range m.Generations {
		if i == last || needed(g.Number) {
			kept = append(kept, g)
		}
	}
	m.Generations = kept
	return m
}
