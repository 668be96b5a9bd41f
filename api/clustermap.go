package api

import (
	"net/url"
	"time"

	"ais/object"
)

// Flags of a Node.
const (
	NodeMaintenance = 1 << 2
	NodeLeaving     = 1 << 3
)

// Types of a Node.
const (
	TypeProxy  = "proxy"
	TypeTarget = "target"
)

// Net is one address of a node.
type Net struct {
	Hostname string `json:"node_ip_addr"`
	Name     string `json:"node_hostname"` // the same, under the name that the Python SDK reads
	Port     string `json:"daemon_port"`
	URL      string `json:"direct_url"`
}

// Node is a node in the cluster map.
type Node struct {
	Public  Net    `json:"public_net"`
	Control Net    `json:"intra_control_net"`
	Data    Net    `json:"intra_data_net"`
	Type    string `json:"daemon_type"`
	ID      string `json:"daemon_id"`
	Flags   int    `json:"flags"`
	Digest  uint64 `json:"id_digest"`

	State  string  `json:"state,omitempty"` // "active", "joining", "maintenance", "leaving"
	Live   bool    `json:"live"`            // holds its lease
	Weight float64 `json:"weight,omitempty"`
	Domain string  `json:"failure_domain,omitempty"`

	// Behind is the version of the map at which the other targets went on without this
	// one; 0 is in sync. Alive as well, it catches up.
	Behind  uint64 `json:"behind,omitempty"`
	Full    bool   `json:"behind_full,omitempty"` // it may lack anything: all is compared
	Lost    bool   `json:"given_up,omitempty"`    // what it has counts for nothing any more
	Buckets int    `json:"buckets,omitempty"`     // that are placed on the target, or are being moved there
}

// Sync says in a word how a target's copies are: "in sync", "behind" while it is down,
// "syncing" while it catches up, "given up".
func (n *Node) Sync() string {
	switch {
	case n.Lost:
		return "given up"
	case n.Behind == 0:
		return "in sync"
	case n.Live:
		return "syncing"
	}
	return "behind"
}

// NewNode returns a node with its addresses: public is the URL that clients are
// sent to, and internal the one that other nodes use.
func NewNode(kind, id, public, internal string) Node {
	if public == "" {
		public = internal
	}
	in := newNet(internal)
	return Node{Public: newNet(public), Control: in, Data: in, Type: kind, ID: id, Digest: object.HashString(id)}
}

func newNet(raw string) Net {
	u, err := url.Parse(raw)
	if err != nil {
		return Net{URL: raw}
	}
	return Net{Hostname: u.Hostname(), Name: u.Hostname(), Port: u.Port(), URL: raw}
}

// Name returns the id as AIStore shows it: p[ID] or t[ID].
func (n *Node) Name() string {
	if n.Type == TypeProxy {
		return "p[" + n.ID + "]"
	}
	return "t[" + n.ID + "]"
}

// ClusterMap is who is in the cluster. Primary is the proxy that answered: all
// are equal, and AIStore's clients want one.
type ClusterMap struct {
	Proxies map[string]Node `json:"pmap"`
	Primary *Node           `json:"proxy_si"`
	Targets map[string]Node `json:"tmap"`
	UUID    string          `json:"uuid"`
	Created string          `json:"creation_time"`
	Version uint64          `json:"version,string"`
}

// FormatCreated writes a cluster's creation time as the map carries it.
func FormatCreated(t time.Time) string { return t.UTC().Format(time.DateTime) }

// BucketMap is every bucket with its properties: provider, namespace, name.
type BucketMap struct {
	Providers map[object.Provider]map[string]map[string]Properties `json:"providers"`
	UUID      string                                               `json:"uuid"`
	Version   uint64                                               `json:"version,string"`
}

// Add puts a bucket into the map.
func (m *BucketMap) Add(b Bucket, p Properties) {
	if m.Providers == nil {
		m.Providers = map[object.Provider]map[string]map[string]Properties{}
	}
	spaces := m.Providers[b.Provider]
	if spaces == nil {
		spaces = map[string]map[string]Properties{globalNamespace: {}}
		m.Providers[b.Provider] = spaces
	}
	spaces[globalNamespace][b.Name] = p
}
