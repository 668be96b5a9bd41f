package api

import (
	"errors"
	"slices"

	"ais/object"
)

// Paths of calls about nodes.
const (
	PathPrimary = "/v1/cluster/proxy"
	PathJoin    = "/v1/cluster/join-by-admin"
)

// QueryTransient is the query parameter of set-config that asks for settings not to be
// kept, which is refused.
const QueryTransient = "transient"

// Actions on nodes and the cluster.
const (
	ActionResetConfig      = "reset-config"
	ActionStartMaintenance = "start-maintenance"
	ActionStopMaintenance  = "stop-maintenance"
	ActionDecommissionNode = "decommission-node"
	ActionShutdownNode     = "shutdown-node"
	ActionShutdown         = "shutdown"
	ActionRotateLogs       = "rotate-logs"
	ActionReloadKeys       = "reload-creds"
)

// NodesMessage is the value of an action on nodes.
type NodesMessage struct {
	ID            string   `json:"sid,omitempty"`
	IDs           []string `json:"sids,omitempty"`
	SkipRebalance bool     `json:"skip_rebalance,omitempty"` // objects stay where they are; of a target that leaves, refused where it has some
	Force         bool     `json:"force,omitempty"`          // of a target that leaves and is down: what it alone has is given up
	RemoveData    bool     `json:"rm_user_data,omitempty"`   // refused
	KeepConfig    bool     `json:"keep_initial_config,omitempty"`
	NoShutdown    bool     `json:"no_shutdown,omitempty"` // refused, of a node that leaves
}

// Nodes returns the ids of the nodes, each once. Errors: Invalid where there is none,
// Unsupported for what cannot be done safely.
func (m *NodesMessage) Nodes() ([]string, error) {
	const op = "api.NodesMessage"
	ids := slices.Clone(m.IDs)
	if m.ID != "" {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	switch {
	case len(ids) == 0:
		return nil, object.E(op, "sid", object.Invalid, errors.New("the value names no node"))
	case m.RemoveData:
		return nil, object.E(op, "rm_user_data", object.Unsupported, errors.New("rm_user_data: the objects of a target that leaves are moved to other targets first; what it keeps is of no use then, and can be removed by hand"))
	case m.NoShutdown:
		return nil, object.E(op, "no_shutdown", object.Unsupported, errors.New("no_shutdown: a process that is no member of the cluster cannot go on"))
	}
	return slices.Compact(ids), nil
}

// JoinAnswer is the answer of PathJoin.
type JoinAnswer struct {
	ID        string `json:"daemon_id"`
	Rebalance string `json:"rebalance_id"` // always "": buckets are moved by jobs of their own
}
