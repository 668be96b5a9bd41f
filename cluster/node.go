package cluster

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"time"

	"ais/object"
)

// Kind is what a node does.
type Kind string

// The kinds of nodes.
const (
	Proxy  Kind = "proxy"  // a gateway; holds nothing
	Target Kind = "target" // a storage node; owns data
)

// NodeState is where a node stands between joining and leaving. Active,
// Maintenance and Leaving are stored; Down is what State.Status says of an
// active node without a lease.
type NodeState string

// The states of nodes.
const (
	Active      NodeState = "active"
	Down        NodeState = "down"
	Maintenance NodeState = "maintenance" // keeps its place and serves its names while it is up; gets no new buckets
	Leaving     NodeState = "leaving"     // has ended or is about to; is removed once it is dead
)

// Node is a member of the cluster, dead or alive.
type Node struct {
	ID            string    `json:"id"`
	Kind          Kind      `json:"kind"`
	URL           string    `json:"url"`                  // http://host:port, for the other nodes
	PublicURL     string    `json:"public_url,omitempty"` // for clients; "" where none can reach it, then it is always relayed to
	Weight        float64   `json:"weight,omitempty"`     // share of names among targets; capacity
	FailureDomain string    `json:"failure_domain,omitempty"`
	State         NodeState `json:"state"`
	Joined        time.Time `json:"joined"`
	Boot          string    `json:"boot"`           // new at each start of the process
	Etcd          bool      `json:"etcd,omitempty"` // it embeds etcd

	// Behind is the version of the map at which a target's copies were left behind:
	// the others went on without it. 0 is in sync.
	Behind uint64 `json:"behind,omitempty"`
	Full   bool   `json:"full,omitempty"`  // of one that is behind: it may lack anything, not only what changed since
	Since  uint64 `json:"since,omitempty"` // of one that is behind: the version from which on it is told of every change; what it caught up with before counts for nothing
	Lost   bool   `json:"lost,omitempty"`  // given up: what it has counts for nothing any more
	Data   string `json:"data,omitempty"`  // uuid of what is on a target's mountpaths
	Home   string `json:"-"`               // said when it joins: the uuid of the cluster that it is part of; "" is none yet
}

// Live is the sign of life of a node, kept by a lease.
type Live struct {
	ID   string `json:"-"`
	Boot string `json:"boot"`
	URL  string `json:"url"`
}

// MaxNodeID is the longest legal node id in bytes.
const MaxNodeID = 64

// CheckNodeID reports whether id can name a node: 1 to MaxNodeID letters,
// digits, dots, hyphens and underscores, the first a letter or digit. The
// error is of kind Invalid.
func CheckNodeID(id string) error {
	legal := len(id) > 0 && len(id) <= MaxNodeID
	for i := 0; legal && i < len(id); i++ {
		c := id[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		legal = alnum || i > 0 && (c == '-' || c == '_' || c == '.')
	}
	if !legal {
		return object.E("cluster.CheckNodeID", id, object.Invalid,
			fmt.Errorf("a node id has 1 to %d letters, digits, dots, hyphens and underscores, and begins with a letter or digit", MaxNodeID))
	}
	return nil
}

// Check reports whether n could join a cluster. The error is of kind Invalid.
func (n Node) Check() error {
	const op = "cluster.Node"
	if err := CheckNodeID(n.ID); err != nil {
		return err
	}
	switch {
	case n.Kind != Proxy && n.Kind != Target:
		return object.E(op, n.ID, object.Invalid, fmt.Errorf("kind %q is neither proxy nor target", n.Kind))
	case n.Boot == "":
		return object.E(op, n.ID, object.Invalid, errors.New("the boot id is empty"))
	case n.Kind == Target && !(n.Weight > 0 && n.Weight <= math.MaxFloat64):
		return object.E(op, n.ID, object.Invalid, fmt.Errorf("weight %v is not over 0", n.Weight))
	}
	if err := checkURL(n.URL); err != nil {
		return object.E(op, n.ID, object.Invalid, err)
	}
	if n.PublicURL != "" {
		if err := checkURL(n.PublicURL); err != nil {
			return object.E(op, n.ID, object.Invalid, err)
		}
	}
	return nil
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%q is not a URL like http://host:port", s)
	}
	return nil
}
