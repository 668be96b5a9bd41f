package cluster

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"ais/object"
)

// State is an immutable snapshot of the cluster, true up to Revision. What its
// methods return must not be changed.
type State struct {
	Map        Map
	Config     Config
	TicketKeys TicketKeys
	Revision   int64 // of etcd

	nodes      []Node          // sorted by id
	alive      []bool          // of nodes, by index
	live       map[string]Live // by id
	buckets    []*Bucket       // sorted by name, then provider
	bucketIDs  []*Bucket       // sorted by id
	placements []placement     // of Map.Generations, ascending by number
	incomplete bool            // see Contents

	users    []*User          // sorted by id
	userKeys map[string]*User // by access key
}

// Contents is what a State is made of.
type Contents struct {
	Map        Map
	Nodes      []Node
	Live       []Live
	Buckets    []Bucket
	Config     Config
	TicketKeys TicketKeys
	Revision   int64
	Users      []User
	Incomplete bool // some buckets could not be read: no generation is dropped
}

// NewState returns the snapshot of c, in any order.
func NewState(c Contents) *State {
	s := &State{
		Map:        c.Map,
		Config:     c.Config,
		TicketKeys: c.TicketKeys,
		Revision:   c.Revision,
		incomplete: c.Incomplete,
		nodes:      slices.Clone(c.Nodes),
		live:       make(map[string]Live, len(c.Live)),
		buckets:    make([]*Bucket, 0, len(c.Buckets)),
	}
	for _, l := range c.Live {
		s.live[l.ID] = l
	}
	for i := range c.Buckets {
		b := c.Buckets[i]
		s.buckets = append(s.buckets, &b)
	}
	slices.SortFunc(s.nodes, func(a, b Node) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(s.buckets, compareBuckets)
	s.bucketIDs = slices.Clone(s.buckets)
	slices.SortFunc(s.bucketIDs, func(a, b *Bucket) int { return cmp.Compare(a.ID, b.ID) })
	for i := range c.Users {
		u := c.Users[i]
		s.users = append(s.users, &u)
	}
	slices.SortFunc(s.users, compareUsers)
	s.indexUsers()
	s.place()
	return s
}

// place computes what depends on the map and on which nodes there are.
func (s *State) place() {
	s.Config.Auth = s.Map.Auth == AuthOn
	s.placements = make([]placement, len(s.Map.Generations))
	for i, g := range s.Map.Generations {
		s.placements[i] = newPlacement(g, s.findNode)
	}
	s.markAlive()
}

func (s *State) markAlive() {
	s.alive = make([]bool, len(s.nodes))
	for i := range s.nodes {
		_, s.alive[i] = s.live[s.nodes[i].ID]
	}
}

func (s *State) findNode(id string) int {
	i, ok := slices.BinarySearchFunc(s.nodes, id, func(n Node, id string) int { return strings.Compare(n.ID, id) })
	if !ok {
		return -1
	}
	return i
}

// Node returns the node of that id.
func (s *State) Node(id string) (Node, bool) {
	if i := s.findNode(id); i >= 0 {
		return s.nodes[i], true
	}
	return Node{}, false
}

// IsLive reports whether the node holds its lease.
func (s *State) IsLive(id string) bool {
	i := s.findNode(id)
	return i >= 0 && s.alive[i]
}

// LiveNode returns the sign of life of the node.
func (s *State) LiveNode(id string) (Live, bool) {
	l, ok := s.live[id]
	return l, ok
}

// Status returns the node's state; Down for an active one without a lease, and
// for one that is not in the cluster.
func (s *State) Status(id string) NodeState {
	i := s.findNode(id)
	switch {
	case i < 0, s.nodes[i].State == Active && !s.alive[i]:
		return Down
	}
	return s.nodes[i].State
}

// Nodes returns all nodes, sorted by id.
func (s *State) Nodes() []Node { return slices.Clone(s.nodes) }

// Targets returns the targets, dead or alive, sorted by id.
func (s *State) Targets() []Node { return s.ofKind(Target) }

// Proxies returns the proxies, dead or alive, sorted by id.
func (s *State) Proxies() []Node { return s.ofKind(Proxy) }

func (s *State) ofKind(kind Kind) []Node {
	var out []Node
	for _, n := range s.nodes {
		if n.Kind == kind {
			out = append(out, n)
		}
	}
	return out
}

// Bucket returns the bucket of that name, in whatever state it is.
func (s *State) Bucket(provider object.Provider, name string) (*Bucket, bool) {
	i, ok := s.findBucket(provider, name)
	if !ok {
		return nil, false
	}
	return s.buckets[i], true
}

func (s *State) findBucket(provider object.Provider, name string) (int, bool) {
	return slices.BinarySearchFunc(s.buckets, name, func(b *Bucket, name string) int {
		if c := strings.Compare(b.Name, name); c != 0 {
			return c
		}
		return strings.Compare(string(b.Provider), string(provider))
	})
}

// BucketByID returns the bucket of that id, in whatever state it is.
func (s *State) BucketByID(id uint64) (*Bucket, bool) {
	i, ok := s.findBucketID(id)
	if !ok {
		return nil, false
	}
	return s.bucketIDs[i], true
}

// Current returns the bucket as it is now: its names may have begun to move, or have moved,
// since b was looked up. A bucket that is gone is returned as it was.
func (s *State) Current(b *Bucket) *Bucket {
	if now, ok := s.BucketByID(b.ID); ok {
		return now
	}
	return b
}

func (s *State) findBucketID(id uint64) (int, bool) {
	return slices.BinarySearchFunc(s.bucketIDs, id, func(b *Bucket, id uint64) int { return cmp.Compare(b.ID, id) })
}

// Buckets returns all buckets, sorted by name, then provider. The slice is
// shared: do not change it.
func (s *State) Buckets() []*Bucket { return s.buckets }

// User returns the user of that id.
func (s *State) User(id string) (*User, bool) {
	i, ok := s.findUser(id)
	if !ok {
		return nil, false
	}
	return s.users[i], true
}

// UserByKey returns the user who has the access key, whatever state both are in.
func (s *State) UserByKey(accessKey string) (*User, bool) {
	u, ok := s.userKeys[accessKey]
	return u, ok
}

// Users returns all users, sorted by id. The slice is shared: do not change it.
func (s *State) Users() []*User { return s.users }

func (s *State) findUser(id string) (int, bool) {
	return slices.BinarySearchFunc(s.users, id, func(u *User, id string) int { return strings.Compare(u.ID, id) })
}

func (s *State) indexUsers() {
	s.userKeys = make(map[string]*User, len(s.users))
	for _, u := range s.users {
		for _, k := range u.Keys {
			s.userKeys[k.ID] = u
		}
	}
}

func compareUsers(a, b *User) int { return strings.Compare(a.ID, b.ID) }

// clone returns a copy that Apply may change: whatever an event replaces in
// place is copied where it is replaced.
func (s *State) clone() *State {
	c := *s
	return &c
}

func (s *State) setLive(l Live, alive bool) {
	s.live = maps.Clone(s.live)
	if s.live == nil {
		s.live = map[string]Live{}
	}
	if alive {
		s.live[l.ID] = l
	} else {
		delete(s.live, l.ID)
	}
	s.markAlive()
}
