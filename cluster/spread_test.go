package cluster

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	"ais/object"
)

var spreadNames = flag.Int("cluster.names", 20_000, "how many names TestSpread places")

const (
	spreadTargets = 1000
	spreadCopies  = 3
)

// spread is a generation of targets made ready.
type spread struct {
	placement
	ids map[string]bool
}

func newSpread(members []Member) *spread {
	s := &spread{newPlacement(Generation{Targets: members}, func(string) int { return -1 }), map[string]bool{}}
	for _, m := range members {
		s.ids[m.ID] = true
	}
	return s
}

// order returns where a name is placed: the first n are where n copies are.
func (s *spread) order(dst []int, digest uint64) []int {
	return object.BestOf(dst, digest, s.digests, s.weights, s.domains, spreadCopies)
}

// tally counts copies by how many a name has.
type tally struct {
	moved [spreadCopies]int // on a target that had none before
	least [spreadCopies]int // that somebody has to move: what a target that joins has, or one that leaves had
}

// count adds what becomes of one name.
func (t *tally) count(a, b *spread, before, after []int) {
	for copies := 1; copies <= spreadCopies; copies++ {
		for _, i := range after[:copies] {
			id := b.members[i].ID
			had := slices.ContainsFunc(before[:copies], func(j int) bool { return a.members[j].ID == id })
			if !had {
				t.moved[copies-1]++
			}
			if !a.ids[id] {
				t.least[copies-1]++
			}
		}
		for _, i := range before[:copies] {
			if !b.ids[a.members[i].ID] {
				t.least[copies-1]++
			}
		}
	}
}

// TestSpread has 50 of 1,000 targets of four weights join, or leave: no more than 1.05
// times what must move does, whether they are in racks or not, and of how many copies
// whatever. What must is what the newcomers get; where there are no racks, that is
// also their share by weight.
func TestSpread(t *testing.T) {
	for _, racks := range []int{0, 40, 2} {
		names := *spreadNames
		if racks == 2 { // fewer than copies, which is rare, and slow with so many targets
			names /= 20
		}
		t.Run(fmt.Sprint(racks, " racks"), func(t *testing.T) {
			random := rand.New(rand.NewPCG(7, uint64(racks)))
			members := make([]Member, spreadTargets)
			for i := range members {
				members[i] = Member{ID: fmt.Sprintf("t%04d", i), Weight: float64(1 + i%4)}
				if racks > 0 { // the first are the largest, and the last has only newcomers
					members[i].Domain = "rack" + strconv.Itoa(min(random.IntN(racks), random.IntN(racks)))
				}
			}
			few, many := newSpread(members[50:]), newSpread(members)
			joined, left := compare(few, many, names)
			weight := func(members []Member) (sum float64) {
				for _, m := range members {
					sum += m.Weight
				}
				return sum
			}
			for i := range spreadCopies {
				for what, got := range map[string]struct{ moved, least int }{"join": {joined.moved[i], joined.least[i]}, "leave": {left.moved[i], left.least[i]}} {
					t.Logf("%s, %d copies: %d of %d moved, %.4f times what had to", what, i+1, got.moved, (i+1)*names, float64(got.moved)/float64(got.least))
					if got.least == 0 || float64(got.moved) > 1.05*float64(got.least) {
						t.Errorf("%s, %d copies: %d of %d moved, %d had to", what, i+1, got.moved, (i+1)*names, got.least)
					}
				}
				share := float64((i+1)*names) * weight(members[:50]) / weight(members)
				if racks == 0 && math.Abs(float64(joined.least[i])-share) > 5*math.Sqrt(share) {
					t.Errorf("%d copies: the newcomers have %d, their share is %.0f", i+1, joined.least[i], share)
				}
			}
		})
	}
}

// compare places names over both and counts what moves from one to the other, and back.
func compare(few, many *spread, names int) (joined, left tally) {
	var mu sync.Mutex
	var all sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		all.Go(func() {
			var there, back tally
			var a, b [spreadCopies]int
			for i := w; i < names; i += workers {
				digest := object.Name{Bucket: 7, Key: "dir/" + strconv.Itoa(i)}.Digest()
				before, after := few.order(a[:0], digest), many.order(b[:0], digest)
				there.count(few, many, before, after)
				back.count(many, few, after, before)
			}
			mu.Lock()
			defer mu.Unlock()
			for i := range spreadCopies {
				joined.moved[i], joined.least[i] = joined.moved[i]+there.moved[i], joined.least[i]+there.least[i]
				left.moved[i], left.least[i] = left.moved[i]+back.moved[i], left.least[i]+back.least[i]
			}
		})
	}
	all.Wait()
	return joined, left
}
