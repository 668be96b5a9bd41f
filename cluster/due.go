package cluster

import (
	"errors"
	"fmt"

	"ais/object"
)

// Due returns the placement that the bucket's names should be moved to next, and
// whether they should be moved at all: never while they are being moved. They should
// where the bucket is to have another number of copies, and where it is placed over
// a generation that is to be emptied (see Map.Toward). They are moved to the latest
// one; where only the number of copies changes and no rebalance was asked for, they
// stay where they are. They do not go to fewer targets than their copies have places
// for now: targets may be away for a while, and are to keep what they have.
func (s *State) Due(b *Bucket) (Placement, bool) {
	if b.Moving() || b.State != BucketActive {
		return Placement{}, false
	}
	to := Placement{Generation: b.Generation, Copies: b.wanted(), Number: b.Number + 1}
	latest, ok := s.Map.Latest()
	if !ok {
		return Placement{}, false
	}
	now := s.places(b.Generation, to.Count())
	then := min(len(latest.Targets), to.Count())
	if b.Generation < s.Map.Toward && then >= now || now < to.Count() && then == to.Count() {
		to.Generation = latest.Number
	}
	return to, to.Generation != b.Generation || to.Count() != b.Count()
}

// wanted returns how many copies the bucket is to have.
func (b *Bucket) wanted() int {
	if _, remote := b.Remote(); remote {
		return 1
	}
	return max(b.Props.Copies, 1)
}

// places returns how many copies of the wanted ones a generation has places for.
func (s *State) places(generation uint64, copies int) int {
	for _, g := range s.Map.Generations {
		if g.Number == generation {
			return min(len(g.Targets), copies)
		}
	}
	return 0
}

// StartMove decides whether the bucket's names begin to be moved to where they are due,
// and returns the map and the bucket to store if so: b.Next is set, and from then on
// says where its requests go. ok is false where nothing is due, or not any more.
func (s *State) StartMove(b *Bucket) (m Map, moving Bucket, ok bool) {
	to, due := s.Due(b)
	if !due || s.Map.Halted {
		return Map{}, Bucket{}, false
	}
	m, moving = s.Map, *b
	m.Version++
	moving.Next = to
	return m, moving, true
}

// EndMove decides whether the bucket's names have all been moved to a placement, and
// returns the map, without the generations that nobody needs any more, and the bucket
// to store: the placement is its only one. ok is false where it is so already.
// Conflict: the names are being moved somewhere else.
func (s *State) EndMove(b *Bucket, to Placement) (m Map, moved Bucket, ok bool, err error) {
	if b.Placement == to && !b.Moving() {
		return Map{}, *b, false, nil
	}
	if b.Next != to {
		return Map{}, *b, false, object.E("cluster.EndMove", b.Name, object.Conflict,
			fmt.Errorf("its names are being moved to placement %d, not %d", b.Next.Number, to.Number))
	}
	m, moved = s.Map, *b
	m.Version++
	moved.Placement, moved.Next = to, Placement{}
	after := s.Apply(s.Revision, BucketSet{moved})
	return m.pruned(after.needs), moved, true, nil
}

// Rebalance decides that names are moved to where the targets are now: start has all
// buckets that are not placed over the latest generation become due; else what is
// being moved rests, and nothing else begins, until it is started again. Names stay
// readable and writable, wherever they are. Errors: Refused for a start without a target.
func (s *State) Rebalance(start bool) (Map, error) {
	m := s.Map
	m.Version++
	m.Halted = !start
	if start {
		g, ok := m.Latest()
		if !ok {
			return Map{}, object.E("cluster.Rebalance", "", object.Refused, errors.New("the cluster has no target"))
		}
		m.Toward = g.Number
	}
	return m, nil
}

// Unmoved returns the buckets whose names are being moved, or are due to be.
func (s *State) Unmoved() []*Bucket {
	var out []*Bucket
	for _, b := range s.buckets {
		if _, due := s.Due(b); due || b.Moving() {
			out = append(out, b)
		}
	}
	return out
}

// MaxCopies is the most copies that a bucket's objects may have on different targets.
const MaxCopies = 8

// CheckCopies reports whether the bucket can have the copies that its properties ask
// for, where they asked for had before: only where nothing of it is remote, and not
// more than there are targets that new objects are placed on. The error is of kind
// Invalid and names the property.
func (m Map) CheckCopies(b *Bucket, had int) error {
	if b.Props.Copies <= 1 {
		return nil
	}
	if _, remote := b.Remote(); remote {
		return object.E("cluster.CheckCopies", "copies", object.Invalid, errors.New("only ais:// buckets without a remote one behind them have more than one copy: what is remote can be read again"))
	}
	if b.Props.Copies > had {
		return m.CheckCount(b.Props.Copies)
	}
	return nil
}

// CheckCount reports whether there are as many targets that new objects are placed on as
// copies are wanted. The error is that of CheckCopies.
func (m Map) CheckCount(copies int) error {
	if g, ok := m.Latest(); ok && copies > max(len(g.Targets), 1) {
		return object.E("cluster.CheckCopies", "copies", object.Invalid,
			fmt.Errorf("%d copies need as many active targets, each for one of them, and the cluster has %d", copies, len(g.Targets)))
	}
	return nil
}
