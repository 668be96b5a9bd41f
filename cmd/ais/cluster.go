package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"ais/api"
	"ais/cluster"
)

func (a *app) clusterShowCommand(use string) *cobra.Command {
	return &cobra.Command{
		Use:               use,
		Short:             "Show the nodes, their load and capacity",
		Args:              args(0, 1, ""),
		ValidArgsFunction: a.completeNodes,
		RunE: func(cmd *cobra.Command, given []string) error {
			which := ""
			if len(given) == 1 {
				which = given[0]
			}
			switch which {
			case "bmd":
				return a.showBuckets(cmd.Context())
			case "config":
				return a.showConfig(cmd, nil)
			case "stats":
				return a.showPerformance(cmd.Context(), counters(), "", time.Second, 1)
			}
			m, err := a.client.ClusterMap(cmd.Context())
			if err != nil {
				return err
			}
			if which == "smap" {
				return a.showMap(m)
			}
			return a.showCluster(cmd.Context(), m, which)
		},
	}
}

// nodeRow is a node in the map and, if it answered, its status.
type nodeRow struct {
	node   api.Node
	status *api.NodeStatus
}

// showCluster shows the nodes that which says: all, "proxy", "target", or one id.
func (a *app) showCluster(ctx context.Context, m api.ClusterMap, which string) error {
	id := nodeID(which)
	var rows []nodeRow
	for _, nodes := range []map[string]api.Node{m.Proxies, m.Targets} {
		for _, key := range slices.Sorted(maps.Keys(nodes)) {
			if which == "" || which == nodes[key].Type || id == key {
				rows = append(rows, nodeRow{node: nodes[key]})
			}
		}
	}
	if len(rows) == 0 {
		return fmt.Errorf("there is no node %q; 'ais show cluster smap' lists the nodes", which)
	}
	a.fetchStatus(ctx, rows)
	if a.json {
		status := map[string]*api.NodeStatus{}
		for _, r := range rows {
			status[r.node.ID] = r.status
		}
		return a.writeJSON(map[string]any{"smap": m, "nodes": status})
	}
	proxies := slices.DeleteFunc(slices.Clone(rows), func(r nodeRow) bool { return r.node.Type != api.TypeProxy })
	targets := slices.DeleteFunc(slices.Clone(rows), func(r nodeRow) bool { return r.node.Type != api.TypeTarget })
	if err := a.proxyTable(proxies); err != nil {
		return err
	}
	if len(proxies) > 0 && len(targets) > 0 {
		fmt.Fprintln(a.out)
	}
	if err := a.targetTable(targets); err != nil {
		return err
	}
	if which != "" {
		return nil
	}
	return a.summary(m, rows)
}

// statusTimeout is how long a node may take to say how it is.
const statusTimeout = 5 * time.Second

// fetchStatus asks the live nodes for their status, all at once. One that does
// not answer keeps none.
func (a *app) fetchStatus(ctx context.Context, rows []nodeRow) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	var wait sync.WaitGroup
	for i := range rows {
		if !rows[i].node.Live {
			continue
		}
		wait.Go(func() {
			if s, err := a.client.NodeStatus(ctx, rows[i].node.ID); err == nil {
				rows[i].status = &s
			}
		})
	}
	wait.Wait()
}

func (a *app) proxyTable(rows []nodeRow) error {
	if len(rows) == 0 {
		return nil
	}
	t := a.table("PROXY", "MEM USED(%)", "MEM AVAIL", "LOAD AVERAGE", "UPTIME", "STATUS", "VERSION")
	for _, r := range rows {
		used, avail, load, up, version := r.system()
		if err := t.row(r.node.Name(), used, avail, load, up, r.state(), version); err != nil {
			return err
		}
	}
	return t.flush()
}

func (a *app) targetTable(rows []nodeRow) error {
	if len(rows) == 0 {
		return nil
	}
	t := a.table("TARGET", "MEM USED(%)", "MEM AVAIL", "CAP USED(%)", "CAP AVAIL", "LOAD AVERAGE", "UPTIME", "STATUS", "VERSION")
	for _, r := range rows {
		used, avail, load, up, version := r.system()
		capUsed, capAvail := "-", "-"
		if r.status != nil {
			c := capacityOf(r.status)
			capUsed, capAvail = c.percent(), formatSize(c.avail)
		}
		if err := t.row(r.node.Name(), used, avail, capUsed, capAvail, load, up, r.state(), version); err != nil {
			return err
		}
	}
	return t.flush()
}

// system returns the cells that proxies and targets have in common.
func (r *nodeRow) system() (used, avail, load, up, version string) {
	if r.status == nil {
		return "-", "-", "-", "-", "-"
	}
	s := &r.status.System
	return fmt.Sprintf("%.2f%%", s.MemUsedPct), formatSize(int64(s.MemAvail)),
		fmt.Sprintf("[%.1f %.1f %.1f]", s.Load.One, s.Load.Five, s.Load.Fifteen),
		formatAge(time.Duration(r.status.Tracker[api.UptimeMetric].Value)), orDash(r.status.Version)
}

// state says whether the node is there, what it is taken out for, and whether its copies
// are behind.
func (r *nodeRow) state() string {
	state := "no answer"
	switch {
	case !r.node.Live:
		state = "offline"
	case r.status != nil:
		state = r.status.Status
	}
	leaving := r.node.State == string(cluster.Leaving)
	if (leaving || r.node.State == string(cluster.Maintenance)) && (r.status != nil || leaving) {
		if state = r.node.State; !r.node.Live {
			state += ", offline"
		}
	}
	if sync := r.node.Sync(); sync != "in sync" {
		state += ", " + sync
	}
	if leaving && r.node.Buckets > 0 {
		state += ", " + plural(r.node.Buckets, "bucket") + " to move"
	}
	return state
}

// capacity is bytes on mountpaths.
type capacity struct {
	used, avail int64
	objects     int64
	mountpaths  int
}

// capacityOf sums the mountpaths of a target. Those that share a file system
// count once for its space.
func capacityOf(s *api.NodeStatus) capacity {
	var c capacity
	seen := map[string]bool{}
	for dir, m := range s.Capacity.Mountpaths {
		c.mountpaths++
		c.objects += m.Objects
		device := m.FS
		if device == "" {
			device = dir
		}
		if !seen[device] {
			seen[device] = true
			c.used += int64(m.Used)
			c.avail += int64(m.Avail)
		}
	}
	return c
}

func (c capacity) percent() string {
	if c.used+c.avail == 0 {
		return "-"
	}
	return strconv.Itoa(int(100*c.used/(c.used+c.avail))) + "%"
}

func (a *app) summary(m api.ClusterMap, rows []nodeRow) error {
	var total capacity
	online, versions := 0, []string{}
	for _, r := range rows {
		if r.status == nil {
			continue
		}
		online++
		if !slices.Contains(versions, r.status.Version) {
			versions = append(versions, r.status.Version)
		}
		c := capacityOf(r.status)
		total.used += c.used
		total.avail += c.avail
		total.objects += c.objects
		total.mountpaths += c.mountpaths
	}
	status := fmt.Sprintf("%d online", online)
	if off := len(rows) - online; off > 0 {
		status += fmt.Sprintf(", %d not", off)
	}
	lines := [][2]string{
		{"Proxies:", strconv.Itoa(len(m.Proxies))},
		{"Targets:", fmt.Sprintf("%d (%s)", len(m.Targets), plural(total.mountpaths, "mountpath"))},
		{"Capacity:", fmt.Sprintf("used %s (%s), available %s", formatSize(total.used), total.percent(), formatSize(total.avail))},
		{"Objects:", strconv.FormatInt(total.objects, 10)},
		{"Cluster Map:", fmt.Sprintf("version %d, UUID %s", m.Version, m.UUID)},
		{"Software:", strings.Join(versions, ", ")},
		{"Status:", status},
	}
	fmt.Fprintln(a.out, "\nSummary:")
	for _, l := range lines {
		if _, err := fmt.Fprintf(a.out, "   %-21s%s\n", l[0], l[1]); err != nil {
			return err
		}
	}
	return nil
}

// showMap shows the cluster map.
func (a *app) showMap(m api.ClusterMap) error {
	if a.json {
		return a.writeJSON(m)
	}
	t := a.table("NODE", "TYPE", "PUBLIC URL", "INTERNAL URL", "STATE")
	for _, nodes := range []map[string]api.Node{m.Proxies, m.Targets} {
		for _, id := range slices.Sorted(maps.Keys(nodes)) {
			n := nodes[id]
			if err := t.row(id, n.Type, n.Public.URL, n.Control.URL, orDash(n.State)); err != nil {
				return err
			}
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.out, "\nCluster map version %d, UUID %s, created %s\n", m.Version, m.UUID, m.Created)
	return err
}
