package cluster

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"ais/object"
)

// TestCopies compares the order of a name's copies with all scores: it begins with the
// owner, has no target twice, and no domain twice while another one is left.
func TestCopies(t *testing.T) {
	s, b := placed(9, func(i int) float64 { return float64(1 + i%3) })
	g := s.Map.Generations[0]
	for i := range g.Targets {
		g.Targets[i].Domain = "rack" + strconv.Itoa(i%4)
	}
	s.place()
	for i := range 2000 {
		n := object.Name{Bucket: b.ID, Key: strconv.Itoa(i)}
		owner, _, err := s.Owner(b, n)
		if err != nil {
			t.Fatal(err)
		}
		for _, count := range []int{1, 3, 4, 6, 9, 12} {
			copies, err := s.CopiesBy(b, Placement{Generation: 1, Copies: count}, n)
			if err != nil {
				t.Fatal(err)
			}
			if len(copies) != min(count, 9) || copies[0].Node.ID != owner.ID {
				t.Fatalf("%d copies of %d: %v, the owner is %s", count, i, copies, owner.ID)
			}
			var ids, domains []string
			for _, c := range copies {
				ids = append(ids, c.Node.ID)
				domains = append(domains, g.Targets[slices.IndexFunc(g.Targets, func(m Member) bool { return m.ID == c.Node.ID })].Domain)
			}
			first := domains[:min(count, 4)]
			slices.Sort(ids)
			slices.Sort(first)
			if len(slices.Compact(ids)) != len(copies) || len(slices.Compact(first)) != min(count, 4) {
				t.Fatalf("%d copies of %d are on %v in %v", count, i, copies, domains)
			}
		}
	}
}

// TestActing goes through what may have become of three copies.
func TestActing(t *testing.T) {
	for _, tt := range []struct {
		behind [3]uint64
		want   int
	}{
		{[3]uint64{0, 0, 0}, 0},
		{[3]uint64{7, 0, 0}, 1},
		{[3]uint64{7, 8, 0}, 2},
		{[3]uint64{7, 8, 9}, 2},
		{[3]uint64{9, 8, 7}, 0},
		{[3]uint64{8, 9, 7}, 1},
		{[3]uint64{7, 0, 9}, 1},
	} {
		t.Run(fmt.Sprint(tt.behind), func(t *testing.T) {
			c := make(Copies, 3)
			for i := range c {
				c[i].Node.Behind = tt.behind[i]
			}
			if got := c.Acting(); got != tt.want {
				t.Errorf("acting is %d, not %d", got, tt.want)
			}
		})
	}
}

func TestSeveralByPlacement(t *testing.T) {
	for _, c := range []struct {
		name         string
		asked, has   int
		next         Placement
		wantsSeveral bool
	}{
		{"one", 1, 1, Placement{}, false},
		{"two", 2, 2, Placement{}, true},
		{"two, to be one", 1, 2, Placement{}, true},
		{"one, to be two", 2, 1, Placement{}, false},
		{"one, moving", 1, 1, Placement{Generation: 1, Number: 1}, true},
	} {
		b := Bucket{Placement: Placement{Copies: c.has}, Next: c.next}
		b.Props.Copies = c.asked
		if b.Several() != c.wantsSeveral {
			t.Errorf("%s: several is %v", c.name, b.Several())
		}
	}
}

// TestAskedTargets: each name of a bucket is listed by its acting owner, be all targets
// behind, and be there more copies than targets.
func TestAskedTargets(t *testing.T) {
	for targets := 1; targets <= 4; targets++ {
		for behind := range 1 << targets {
			s, b := placed(targets, equal)
			b.Copies = 3
			for i := range s.nodes {
				if behind>>i&1 == 1 {
					s.nodes[i].Behind = uint64(5 + i)
				}
			}
			asked, err := s.ActingBy(b, b.Placement)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 50 {
				owner, _, err := s.Owner(b, object.Name{Bucket: b.ID, Key: strconv.Itoa(i)})
				if err != nil || !slices.ContainsFunc(asked, func(n Node) bool { return n.ID == owner.ID }) {
					t.Errorf("%d targets, %b behind: %s is not asked, %v", targets, behind, owner.ID, err)
				}
			}
		}
	}
}

// TestDueToFewer: names do not begin to move to fewer targets than they have copies, be it
// that a rebalance is due and targets went into maintenance since, and are to keep what they have.
func TestDueToFewer(t *testing.T) {
	for _, c := range []struct {
		name            string
		copies          int // that are wanted
		now, latest     int // targets of the bucket's generation, of the latest one
		toward, wantDue bool
	}{
		{"a target has joined", 3, 3, 4, true, true},
		{"one has left", 2, 3, 2, true, true},
		{"one is away for a while", 3, 3, 2, true, false},
		{"all but one are", 3, 3, 1, true, false},
		{"there were too few before", 3, 1, 2, true, true},
		{"there are enough by now", 3, 2, 3, false, true},
		{"there are not", 3, 1, 2, false, false},
		{"no rebalance is due", 3, 3, 4, false, false},
	} {
		s, b := placed(4, equal)
		all := s.Map.Generations[0].Targets
		s.Map.Generations = []Generation{{Number: 1, Targets: all[:c.now]}, {Number: 2, Targets: all[:c.latest]}}
		b.State, b.Props.Copies, b.Copies = BucketActive, c.copies, c.copies
		if c.toward {
			s.Map.Toward = 2
		}
		if to, due := s.Due(b); due != c.wantDue || due && to.Generation != 2 {
			t.Errorf("%s: due %v to %+v", c.name, due, to)
		}
	}
}
