package cluster

import (
	"strconv"

	"ais/object"
)

// Placement says over which targets a bucket's names are placed, and on how many each.
type Placement struct {
	Generation uint64 `json:"generation"`          // of the map: the set of targets
	Copies     int    `json:"copies,omitempty"`    // of every name, each on another target; 0 is 1
	Number     uint64 `json:"placement,omitempty"` // 0 as the bucket was made; a later placement has a higher one
}

// Count returns how many copies are placed: 1 at least.
func (p Placement) Count() int { return max(p.Copies, 1) }

// Moving reports whether the bucket's names are being moved to another placement.
func (b *Bucket) Moving() bool { return b.Next != Placement{} }

// Target returns the placement that names are served by: the next one while they
// are being moved there.
func (b *Bucket) Target() Placement {
	if b.Moving() {
		return b.Next
	}
	return b.Placement
}

// Several reports whether the bucket's names have several copies, or are being moved:
// their changes are not the matter of one target alone. The number of copies that the
// bucket's properties ask for counts once names begin to be moved, not before: those of
// a bucket that is to have one copy have several until then.
func (b *Bucket) Several() bool { return b.Count() > 1 || b.Moving() }

// Copy is a target that a name is placed on.
type Copy struct {
	Node Node
	Live bool // it holds its lease
}

// InSync reports whether the target has missed nothing: it may serve reads and
// become the acting owner.
func (c Copy) InSync() bool { return c.Node.Behind == 0 }

// Copies are the targets that a name is placed on, in the order in which they may own
// it: the first is its owner while nothing has failed.
type Copies []Copy

// Acting returns the index of the acting owner: the first that is in sync. Where none
// is, it is the one that went last, for it has seen every change that was acknowledged;
// one that may lack anything comes after all others. Whether it is alive is another
// matter: nobody else can answer in its place.
func (c Copies) Acting() int {
	last := 0
	for i := range c {
		if c[i].InSync() {
			return i
		}
		if goesBefore(c[i].Node, c[last].Node) {
			last = i
		}
	}
	return last
}

// Owner returns the acting owner.
func (c Copies) Owner() Copy { return c[c.Acting()] }

// Index returns the place of the target in the order, −1 where it has none.
func (c Copies) Index(id string) int {
	for i := range c {
		if c[i].Node.ID == id {
			return i
		}
	}
	return -1
}

// Same reports whether the same targets are among c and d, and the same one acts.
func (c Copies) Same(d Copies) bool {
	if len(c) != len(d) || c.Owner().Node.ID != d.Owner().Node.ID {
		return false
	}
	for i := range c {
		if d.Index(c[i].Node.ID) < 0 {
			return false
		}
	}
	return true
}

// Copies returns the targets that a name of b is placed on. The error is that of Owner.
func (s *State) Copies(b *Bucket, n object.Name) (Copies, error) {
	return s.CopiesBy(b, b.Target(), n)
}

// CopiesBy is Copies by another placement of the bucket than the present one.
func (s *State) CopiesBy(b *Bucket, by Placement, n object.Name) (Copies, error) {
	p, err := s.placement(b, by.Generation)
	if err != nil {
		return nil, err
	}
	var few [4]int
	order := object.BestOf(few[:0], n.Digest(), p.digests, p.weights, p.domains, by.Count())
	copies := make(Copies, len(order))
	for i, at := range order {
		copies[i] = s.copyAt(p, at)
	}
	return copies, nil
}

func (s *State) copyAt(p *placement, i int) Copy {
	if at := p.nodes[i]; at >= 0 {
		return Copy{s.nodes[at], s.alive[at]}
	}
	return Copy{gone(p.members[i]), false}
}

// domainsOf numbers the failure domains of members; each that has none is its own.
func domainsOf(members []Member) []int {
	numbers := make(map[string]int)
	domains := make([]int, len(members))
	for i, m := range members {
		key := "domain " + m.Domain
		if m.Domain == "" {
			key = "member " + strconv.Itoa(i)
		}
		number, ok := numbers[key]
		if !ok {
			number = len(numbers)
			numbers[key] = number
		}
		domains[i] = number
	}
	return domains
}
