package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ais/api"
)

// nodeID returns the id of a node that is written as in a table, "t[ID]" or "p[ID]",
// or plainly.
func nodeID(word string) string {
	for _, prefix := range []string{"p[", "t["} {
		if rest, ok := strings.CutPrefix(word, prefix); ok && strings.HasSuffix(rest, "]") {
			return strings.TrimSuffix(rest, "]")
		}
	}
	return word
}

// nodeAction is a command that does something to nodes.
type nodeAction struct {
	use, short string
	action     string
	done       string // what to say of one node, with a %s
	moves      string // what becomes of objects meanwhile, with a %s; "" where they stay
}

func startMaintenance() nodeAction {
	return nodeAction{"start-maintenance NODE…", "Move objects off a target, and make new buckets without it; it serves what it has while it is up",
		api.ActionStartMaintenance, "%s is under maintenance", "objects are being moved off %s"}
}

func stopMaintenance() nodeAction {
	return nodeAction{"stop-maintenance NODE…", "End the maintenance of nodes, and move objects there", api.ActionStopMaintenance, "%s is active", "objects are being moved to %s"}
}

func decommissionNode() nodeAction {
	return nodeAction{"decommission NODE…", "Move objects off nodes, end them, and remove them from the cluster for good",
		api.ActionDecommissionNode, "%s is leaving the cluster", "objects are being moved off %s"}
}

func shutdownNode() nodeAction {
	return nodeAction{"shutdown NODE…", "End nodes gracefully; they stay members, with what is on them", api.ActionShutdownNode, "%s is shutting down", ""}
}

func (n nodeAction) as(use string) nodeAction {
	n.use = use
	return n
}

func (a *app) nodeCommand(n nodeAction) *cobra.Command {
	var m api.NodesMessage
	var w waiting
	cmd := &cobra.Command{
		Use: n.use, Short: n.short,
		Args:              args(1, -1, "the node; 'ais show cluster smap' lists them"),
		ValidArgsFunction: a.completeNodeIDs,
		RunE: func(cmd *cobra.Command, given []string) error {
			for _, word := range given {
				m.ID = nodeID(word)
				if err := a.actOnNode(cmd.Context(), n, m, &w); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&m.SkipRebalance, "no-rebalance", false, "leave objects where they are")
	if n.moves != "" {
		w.flags(cmd)
	}
	if n.action == api.ActionDecommissionNode {
		cmd.Flags().BoolVar(&m.Force, "force", false, "give up what a target that is down alone has")
	}
	return cmd
}

// actOnNode does something to one node, and says what comes of it; where that is asked
// for it waits until all objects were moved.
func (a *app) actOnNode(ctx context.Context, n nodeAction, m api.NodesMessage, w *waiting) error {
	rebalance, err := a.client.ActOnNodes(ctx, n.action, m)
	if err != nil {
		return err
	}
	moving := rebalance != "" && n.moves != ""
	if moving && w.any() {
		if err := a.waitFor(ctx, rebalance, w); err != nil {
			return err
		}
		moving = false
	}
	if n.action == api.ActionDecommissionNode && !moving {
		if gone, err := a.untilGone(ctx, m.ID); err != nil {
			return err
		} else if gone {
			n.done = "%s is removed from the cluster"
		}
	}
	if !moving {
		return a.done(map[string]any{"node": m.ID, "action": n.action}, n.done, m.ID)
	}
	return a.done(map[string]any{"node": m.ID, "action": n.action, "rebalance": rebalance},
		n.done+"; "+n.moves+": 'ais show job rebalance' shows how far, 'ais wait %s' waits for it", m.ID, m.ID, rebalance)
}

// startRebalanceCommand has objects moved to where the targets are now.
func (a *app) startRebalanceCommand(use string) *cobra.Command {
	var w waiting
	cmd := &cobra.Command{
		Use: use, Short: "Move objects to the targets where they are to be now", Aliases: []string{"rebal"},
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			id, err := a.client.StartJob(cmd.Context(), api.JobQuery{Kind: api.JobRebalance})
			if err != nil {
				return err
			}
			return a.started(cmd.Context(), api.JobRebalance, id, "", &w)
		},
	}
	w.flags(cmd)
	return cmd
}

// rebalanceCommand starts and halts the moving of objects.
func (a *app) rebalanceCommand() *cobra.Command {
	stop := &cobra.Command{
		Use: "stop", Short: "Move no objects until 'start'; all stay readable and writable where they are",
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.client.StopJobs(cmd.Context(), api.JobQuery{Kind: api.JobRebalance}); err != nil {
				return err
			}
			return a.done(map[string]any{"stopped": api.JobRebalance}, "Stopped %s", api.JobRebalance)
		},
	}
	return group("rebalance", "Start and stop the moving of objects between targets", a.startRebalanceCommand("start"), stop)
}

// leaveTimeout is how long a node that ends may take for its requests in flight.
const leaveTimeout = 30 * time.Second

// untilGone waits until the node is no member any more.
func (a *app) untilGone(ctx context.Context, id string) (gone bool, err error) {
	for deadline := time.Now().Add(leaveTimeout); time.Now().Before(deadline); {
		m, err := a.client.ClusterMap(ctx)
		if err != nil {
			return false, err
		}
		_, target := m.Targets[id]
		_, proxy := m.Proxies[id]
		if !target && !proxy {
			return true, nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return false, err
		}
	}
	return false, nil
}

// pause waits, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// shutdownCommand ends nodes, or the whole cluster where none is named.
func (a *app) shutdownCommand() *cobra.Command {
	var yes bool
	one := a.nodeCommand(shutdownNode())
	cmd := &cobra.Command{
		Use: "shutdown [NODE…]", Short: "End nodes gracefully, or the whole cluster",
		ValidArgsFunction: a.completeNodeIDs,
		RunE: func(cmd *cobra.Command, given []string) error {
			if len(given) > 0 {
				one.SetContext(cmd.Context())
				return one.RunE(one, given)
			}
			if !yes && (!a.terminal || !a.ask("end every node of the cluster? [Y/N]: ")) {
				return usagef("this ends every node of the cluster: say --yes, or name a node")
			}
			if err := a.client.ActOnCluster(cmd.Context(), api.ActionShutdown); err != nil {
				return err
			}
			return a.done(map[string]any{"action": api.ActionShutdown}, "the cluster is shutting down")
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask before the whole cluster is ended")
	return cmd
}

func (a *app) joinCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "join NODE|URL", Short: "Say whether a node is a member, and how one becomes it",
		Args: args(1, 1, "the node's id or URL"),
		RunE: func(cmd *cobra.Command, given []string) error {
			node := given[0]
			if host, port, ok := strings.Cut(node, ":"); ok && host != "" && !strings.Contains(node, "://") && port != "" {
				node = "http://" + node
			}
			answer, err := a.client.Join(cmd.Context(), nodeID(node))
			if err != nil {
				return err
			}
			return a.done(answer, "%s is a member of the cluster", answer.ID)
		},
	}
	cmd.Flags().String("role", "", "proxy or target, as the node itself was started")
	return cmd
}

func (a *app) setPrimaryCommand() *cobra.Command {
	return &cobra.Command{
		Use: "set-primary PROXY", Short: "Check that a proxy can serve as the primary: all are equal",
		Args: args(1, 1, "the proxy"), ValidArgsFunction: a.completeNodeIDs,
		RunE: func(cmd *cobra.Command, given []string) error {
			id := nodeID(given[0])
			if err := a.client.SetPrimary(cmd.Context(), id); err != nil {
				return err
			}
			return a.done(map[string]any{"primary": id}, "p[%s] serves as the primary, as every proxy does", id)
		},
	}
}

// everyNodeCommand does something on every node that it concerns.
func (a *app) everyNodeCommand(use, short, action, done string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.client.ActOnCluster(cmd.Context(), action); err != nil {
				return err
			}
			return a.done(map[string]any{"action": action}, "%s", done)
		},
	}
}

func (a *app) clusterCommand() *cobra.Command {
	return group("cluster", "Show the cluster; take nodes out of it and back",
		a.clusterShowCommand("show [proxy|target|smap|bmd|config|stats|NODE]"),
		group("add-remove-nodes", "Take nodes out of the cluster and back",
			a.joinCommand(), a.nodeCommand(startMaintenance()), a.nodeCommand(stopMaintenance()), a.nodeCommand(decommissionNode()), a.nodeCommand(shutdownNode())),
		a.joinCommand(),
		group("maintenance", "Start and stop the maintenance of nodes",
			a.nodeCommand(startMaintenance().as("start NODE…")), a.nodeCommand(stopMaintenance().as("stop NODE…"))),
		a.nodeCommand(decommissionNode()), a.nodeCommand(decommissionNode().as("remove NODE…")),
		a.shutdownCommand(), a.rebalanceCommand(), a.setPrimaryCommand(),
		a.everyNodeCommand("reload-creds", "Have the targets read the AWS configuration anew", api.ActionReloadKeys, "the targets have read the AWS configuration anew"),
	)
}

// showBuckets shows the buckets of the whole cluster, as its nodes have them.
func (a *app) showBuckets(ctx context.Context) error {
	m, err := a.client.BucketMap(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.writeJSON(m)
	}
	t := a.table("BUCKET", "CHECKSUM", "VERSIONING", "BACKEND", "CREATED")
	for _, row := range bucketRows(m) {
		created := "-"
		if ns, ok := row.number("created"); ok {
			created = a.formatTime(time.Unix(0, ns))
		}
		if err := t.row(row.uri, orDash(row.get("checksum.type")), orDash(row.get("versioning.enabled")), orDash(row.get("backend_bck")), created); err != nil {
			return err
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "\nBuckets version %d, UUID %s\n", m.Version, m.UUID)
	return err
}
