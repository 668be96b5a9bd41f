package cluster

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"ais/object"
)

// placed returns a state with one generation of n targets, weighted by weight,
// and a bucket in it.
func placed(n int, weight func(i int) float64) (*State, *Bucket) {
	c := Contents{Config: DefaultConfig()}
	g := Generation{Number: 1}
	for i := range n {
		id := fmt.Sprintf("t%04d", i)
		c.Nodes = append(c.Nodes, Node{ID: id, Kind: Target, State: Active, Weight: weight(i)})
		c.Live = append(c.Live, Live{ID: id})
		g.Targets = append(g.Targets, Member{ID: id, Weight: weight(i)})
	}
	c.Map.Generations = []Generation{g}
	c.Buckets = []Bucket{{ID: 7, Provider: object.AIS, Name: "demo", Placement: Placement{Generation: 1}}}
	s := NewState(c)
	return s, s.Buckets()[0]
}

func equal(int) float64 { return 1 }

func ownerOf(t testing.TB, s *State, b *Bucket, key string) string {
	t.Helper()
	n, live, err := s.Owner(b, object.Name{Bucket: b.ID, Key: key})
	if err != nil || !live {
		t.Fatalf("owner of %s: %v, live %v", key, err, live)
	}
	return n.ID
}

// TestOneMore compares n targets with n+1: about 1 in n+1 names moves, and each
// that does moves to the new one.
func TestOneMore(t *testing.T) {
	const names = 20_000
	for _, n := range []int{1, 2, 3, 7, 20} {
		before, b := placed(n, equal)
		after, _ := placed(n+1, equal)
		newcomer := fmt.Sprintf("t%04d", n)
		moved := 0
		for i := range names {
			key := "dir/" + strconv.Itoa(i)
			from, to := ownerOf(t, before, b, key), ownerOf(t, after, b, key)
			if from == to {
				continue
			}
			if to != newcomer {
				t.Fatalf("%s moved from %s to %s, neither of which is new", key, from, to)
			}
			moved++
		}
		want := float64(names) / float64(n+1)
		if math.Abs(float64(moved)-want) > 5*math.Sqrt(want) {
			t.Errorf("%d+1 targets: %d of %d names moved, about %.0f should", n, moved, names, want)
		}
	}
}

// TestBest compares Best, which takes short cuts, with Score.
func TestBest(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		candidates, weights := make([]uint64, 1+random.IntN(30)), []float64{}
		for i := range candidates {
			candidates[i] = random.Uint64()
			weights = append(weights, math.Exp(10*random.Float64()))
		}
		name, want := random.Uint64(), 0
		for i := range candidates {
			if object.Score(name, candidates[i], weights[i]) > object.Score(name, candidates[want], weights[want]) {
				want = i
			}
		}
		if got := object.Best(name, candidates, weights); got != want {
			t.Fatalf("Best is %d, the highest score has %d", got, want)
		}
	}
}

// TestBestOf compares BestOf, which goes through the candidates once, with picking the
// best that may be taken time after time.
func TestBestOf(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		candidates, weights, domains := make([]uint64, 1+random.IntN(12)), []float64{}, []int{}
		for i := range candidates {
			candidates[i] = random.Uint64()
			weights = append(weights, float64(1+random.IntN(3)))
			domains = append(domains, random.IntN(5))
		}
		name, count := random.Uint64(), 1+random.IntN(9)
		var want []int
		for fresh := true; len(want) < min(count, len(candidates)); {
			best := -1
			for i := range candidates {
				taken := slices.ContainsFunc(want, func(j int) bool { return j == i || fresh && domains[j] == domains[i] })
				if !taken && (best < 0 || object.Score(name, candidates[i], weights[i]) > object.Score(name, candidates[best], weights[best])) {
					best = i
				}
			}
			if best < 0 {
				fresh = false
				continue
			}
			want = append(want, best)
		}
		if got := object.BestOf(nil, name, candidates, weights, domains, count); !slices.Equal(got, want) {
			t.Fatalf("BestOf is %v, picked one by one it is %v", got, want)
		}
	}
}

func TestWeights(t *testing.T) {
	const names = 40_000
	s, b := placed(4, func(i int) float64 { return float64(int(1) << i) }) // 1, 2, 4, 8
	count := map[string]float64{}
	for i := range names {
		count[ownerOf(t, s, b, strconv.Itoa(i))]++
	}
	for i := range 4 {
		want := names * float64(int(1)<<i) / 15
		if got := count[fmt.Sprintf("t%04d", i)]; math.Abs(got-want) > 5*math.Sqrt(want) {
			t.Errorf("weight %d has %.0f names, about %.0f should be", 1<<i, got, want)
		}
	}
}

// TestOwnersStay pins the placement: another answer would lose what is stored.
func TestOwnersStay(t *testing.T) {
	s, b := placed(5, func(i int) float64 { return float64(1 + i%2) })
	got := ""
	for _, key := range []string{"a", "a/b", "photos/2026/01.jpg", "ü", "index.html", "x", "y", "z"} {
		got += ownerOf(t, s, b, key) + " "
	}
	const want = "t0001 t0002 t0001 t0001 t0000 t0001 t0002 t0002 "
	if got != want {
		t.Errorf("owners are %q, were %q", got, want)
	}
}

func TestOwnerOfTheAbsent(t *testing.T) {
	s, b := placed(3, equal)
	name := object.Name{Bucket: b.ID, Key: "k"}
	owner, _, _ := s.Owner(b, name)

	down := s.Apply(1, LiveGone{owner.ID})
	if n, live, err := down.Owner(b, name); n.ID != owner.ID || live || err != nil {
		t.Errorf("down: %v %v %v", n, live, err)
	}
	removed := down.Apply(2, NodeGone{owner.ID})
	if n, live, err := removed.Owner(b, name); n.ID != owner.ID || n.State != Down || live || err != nil {
		t.Errorf("removed: %v %v %v", n, live, err)
	}
	if nodes, err := removed.Placed(b); err != nil || len(nodes) != 3 {
		t.Errorf("placed: %v %v", nodes, err)
	}
	if _, _, err := s.Owner(&Bucket{Name: "x", Placement: Placement{Generation: 9}}, name); !errors.Is(err, object.Unavailable) {
		t.Errorf("unknown generation: %v", err)
	}
	if n, live, _ := s.Owner(b, name); n.ID != owner.ID || !live {
		t.Error("Apply changed its receiver")
	}
}

func TestOwnerAllocatesNothing(t *testing.T) {
	s, b := placed(3, equal)
	name := object.Name{Bucket: b.ID, Key: "photos/2026/01.jpg"}
	if n := testing.AllocsPerRun(100, func() { _, _, _ = s.Owner(b, name) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = s.Bucket(object.AIS, "demo") }); n != 0 {
		t.Errorf("%v allocations to find a bucket", n)
	}
}

func BenchmarkOwner(b *testing.B) {
	for _, n := range []int{3, 100, 1000} {
		s, bucket := placed(n, func(i int) float64 { return float64(1 + i%3) })
		name := object.Name{Bucket: bucket.ID, Key: "photos/2026/01.jpg"}
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _, _ = s.Owner(bucket, name)
			}
		})
	}
}
