package cluster

import (
	"cmp"
	"slices"

	"ais/object"
)

// Event is one change of the cluster: NodeSet, NodeGone, LiveSet, LiveGone,
// MapSet, BucketSet, BucketGone, ConfigSet, TicketKeysSet, UserSet or UserGone.
type Event interface {
	// apply changes s, which is a copy that nobody else has seen; what s
	// shares with its original must be copied first.
	apply(s *State)
}

// NodeSet is a node that was added or changed.
type NodeSet struct{ Node Node }

// NodeGone is a node that was removed.
type NodeGone struct{ ID string }

// LiveSet is a node that came alive.
type LiveSet struct{ Live Live }

// LiveGone is a node whose lease ended.
type LiveGone struct{ ID string }

// MapSet is a change of the map.
type MapSet struct{ Map Map }

// BucketSet is a bucket that was created or changed.
type BucketSet struct{ Bucket Bucket }

// BucketGone is a bucket that was removed.
type BucketGone struct {
	Provider object.Provider
	Name     string
}

// ConfigSet is a change of the settings.
type ConfigSet struct{ Config Config }

// TicketKeysSet is a change of the ticket keys.
type TicketKeysSet struct{ Keys TicketKeys }

// UserSet is a user that was created or changed.
type UserSet struct{ User User }

// UserGone is a user that was removed.
type UserGone struct{ ID string }

// Apply returns the state after the events of revision, in their order. s stays
// as it is. With no events only Revision changes.
func (s *State) Apply(revision int64, events ...Event) *State {
	next := s.clone()
	next.Revision = revision
	for _, e := range events {
		e.apply(next)
	}
	return next
}

func (e NodeSet) apply(s *State) {
	if i := s.findNode(e.Node.ID); i >= 0 {
		s.nodes = slices.Clone(s.nodes)
		s.nodes[i] = e.Node
		return
	}
	at := 0
	for at < len(s.nodes) && s.nodes[at].ID < e.Node.ID {
		at++
	}
	s.nodes = slices.Insert(slices.Clip(s.nodes[:len(s.nodes):len(s.nodes)]), at, e.Node)
	s.place()
}

func (e NodeGone) apply(s *State) {
	if i := s.findNode(e.ID); i >= 0 {
		s.nodes = slices.Delete(slices.Clone(s.nodes), i, i+1)
		s.place()
	}
}

func (e LiveSet) apply(s *State)  { s.setLive(e.Live, true) }
func (e LiveGone) apply(s *State) { s.setLive(Live{ID: e.ID}, false) }

func (e MapSet) apply(s *State) {
	s.Map = e.Map
	s.place()
}

// apply puts the bucket in the place of what has its name, and of what has its id: one
// that was renamed has the id of a bucket that goes in the same change, whichever of
// the two events comes first.
func (e BucketSet) apply(s *State) {
	BucketGone{e.Bucket.Provider, e.Bucket.Name}.apply(s)
	b := &e.Bucket
	if was, ok := s.BucketByID(b.ID); ok {
		BucketGone{was.Provider, was.Name}.apply(s)
	}
	at, _ := slices.BinarySearchFunc(s.buckets, b, compareBuckets)
	s.buckets = insert(s.buckets, at, b)
	at, _ = s.findBucketID(b.ID)
	s.bucketIDs = insert(s.bucketIDs, at, b)
}

func (e BucketGone) apply(s *State) {
	i, ok := s.findBucket(e.Provider, e.Name)
	if !ok {
		return
	}
	id := s.buckets[i].ID
	s.buckets = slices.Delete(slices.Clone(s.buckets), i, i+1)
	i, _ = slices.BinarySearchFunc(s.bucketIDs, id, func(b *Bucket, id uint64) int { return cmp.Compare(b.ID, id) })
	s.bucketIDs = slices.Delete(slices.Clone(s.bucketIDs), i, i+1)
}

func (e ConfigSet) apply(s *State) {
	s.Config = e.Config
	s.Config.Auth = s.Map.Auth == AuthOn
}

func (e TicketKeysSet) apply(s *State) { s.TicketKeys = e.Keys }

func (e UserSet) apply(s *State) {
	u := &e.User
	at, found := s.findUser(u.ID)
	s.users = slices.Clone(s.users)
	if found {
		s.users[at] = u
	} else {
		s.users = slices.Insert(s.users, at, u)
	}
	s.indexUsers()
}

func (e UserGone) apply(s *State) {
	if at, found := s.findUser(e.ID); found {
		s.users = slices.Delete(slices.Clone(s.users), at, at+1)
		s.indexUsers()
	}
}

// insert returns a new slice with b at position at.
func insert(list []*Bucket, at int, b *Bucket) []*Bucket {
	out := make([]*Bucket, 0, len(list)+1)
	out = append(out, list[:at]...)
	out = append(out, b)
	return append(out, list[at:]...)
}
