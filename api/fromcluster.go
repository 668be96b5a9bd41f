package api

import (
	"fmt"
	"strconv"

	"ais/cluster"
	"ais/object"
)

// NewClusterMap returns the cluster map as the node self shows it. A target, which
// cannot be called the primary, names a proxy that is alive.
func NewClusterMap(s *cluster.State, self string) ClusterMap {
	m := ClusterMap{
		Proxies: map[string]Node{}, Targets: map[string]Node{},
		UUID: s.Map.Cluster, Created: FormatCreated(s.Map.Created), Version: s.Map.Version,
	}
	for _, n := range s.Nodes() {
		node := nodeOf(s, n)
		if n.Kind == cluster.Target {
			m.Targets[n.ID] = node
			continue
		}
		m.Proxies[n.ID] = node
		if n.ID == self || m.Primary == nil || !m.Primary.Live && m.Primary.ID != self {
			m.Primary = &node
		}
	}
	return m
}

// NodeOf returns the node of that id as messages show it; ok is false where the
// cluster has none.
func NodeOf(s *cluster.State, id string) (node Node, ok bool) {
	n, ok := s.Node(id)
	if !ok {
		return Node{}, false
	}
	return nodeOf(s, n), true
}

func nodeOf(s *cluster.State, n cluster.Node) Node {
	node := NewNode(string(n.Kind), n.ID, n.PublicURL, n.URL)
	node.State, node.Live = string(s.Status(n.ID)), s.IsLive(n.ID)
	node.Weight, node.Domain = n.Weight, n.FailureDomain
	if n.Kind == cluster.Target {
		node.Behind, node.Full, node.Lost, node.Buckets = n.Behind, n.Full, n.Lost, s.PlacedOn(n.ID)
	}
	switch n.State {
	case cluster.Maintenance:
		node.Flags |= NodeMaintenance
	case cluster.Leaving:
		node.Flags |= NodeLeaving
	}
	return node
}

// NewBucketMap returns every bucket that can be used, with its properties.
func NewBucketMap(s *cluster.State) BucketMap {
	m := BucketMap{UUID: s.Map.Cluster, Version: uint64(s.Revision)}
	for _, b := range s.Buckets() {
		if b.State == cluster.BucketActive {
			m.Add(BucketOf(b), PropertiesOf(b))
		}
	}
	return m
}

// NewBuckets returns the buckets that can be used, of one provider or of all
// where it is empty, sorted by name.
func NewBuckets(s *cluster.State, provider object.Provider) []Bucket {
	out := []Bucket{}
	for _, b := range s.Buckets() {
		if b.State == cluster.BucketActive && (provider == "" || provider == b.Provider) {
			out = append(out, BucketOf(b))
		}
	}
	return out
}

// BucketOf returns the name of b.
func BucketOf(b *cluster.Bucket) Bucket { return NewBucket(b.Provider, b.Name) }

// PropertiesOf returns the properties of a bucket, and with them what never
// changes: provider, bid (its id), created (Unix nanoseconds) and region.
func PropertiesOf(b *cluster.Bucket) Properties {
	p := properties(b.Props.List())
	p = append(p,
		Property{"provider", string(b.Provider)},
		Property{"bid", strconv.FormatUint(b.ID, 10)},
		Property{"created", strconv.FormatInt(b.Created.UnixNano(), 10)})
	if b.Region != "" {
		p = append(p, Property{"region", b.Region})
	}
	if b.Moving() {
		p = append(p, Property{"moving", fmt.Sprintf("to placement %d: %d copies, targets of generation %d", b.Next.Number, b.Next.Count(), b.Next.Generation)})
	}
	p.Sort()
	return p
}

// ConfigProperties returns the settings of the cluster.
func ConfigProperties(c cluster.Config) Properties { return properties(c.List()) }

func properties(pairs []cluster.KeyValue) Properties {
	p := make(Properties, len(pairs))
	for i, kv := range pairs {
		p[i] = Property{kv.Key, kv.Value}
	}
	return p
}

// ChangeProps returns base with every one of p set, or the error of the first
// that is not legal.
func ChangeProps(base cluster.Props, p Properties) (cluster.Props, error) {
	for _, e := range p {
		if _, err := base.Set(e.Name, e.Value); err != nil {
			return cluster.Props{}, err
		}
	}
	return base, nil
}

// ChangeConfig returns base with every one of p set, or the error of the first
// that is not legal.
func ChangeConfig(base cluster.Config, p Properties) (cluster.Config, error) {
	for _, e := range p {
		if _, err := base.Set(e.Name, e.Value); err != nil {
			return cluster.Config{}, err
		}
	}
	return base, nil
}
