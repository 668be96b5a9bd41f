package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"ais/api"
)

// performance is what a table of the command shows: its columns, and the cells of a
// target from what it was (nil at first) and is.
type performance struct {
	columns []string
	cells   func(before, now *api.NodeStatus, elapsed time.Duration) []string
	rates   bool // two samples are needed
}

func counters() performance {
	names := []string{"get.n", "put.n", "head.n", "del.n", "lst.n", "get.size", "put.size", "err.get.n", "err.put.n", "err.head.n", "err.del.n"}
	return performance{
		columns: []string{"GET(n)", "PUT(n)", "HEAD(n)", "DEL(n)", "LIST(n)", "GET(size)", "PUT(size)", "ERR-GET(n)", "ERR-PUT(n)", "ERR-HEAD(n)", "ERR-DEL(n)"},
		cells: func(_, now *api.NodeStatus, _ time.Duration) []string {
			cells := make([]string, len(names))
			for i, name := range names {
				cells[i] = strconv.FormatInt(now.Tracker[name].Value, 10)
				if name == "get.size" || name == "put.size" {
					cells[i] = formatSize(now.Tracker[name].Value)
				}
			}
			return cells
		},
	}
}

func throughput() performance {
	return performance{
		rates:   true,
		columns: []string{"GET(bw)", "GET(n/s)", "PUT(bw)", "PUT(n/s)", "HEAD(n/s)", "DEL(n/s)", "LIST(n/s)"},
		cells: func(before, now *api.NodeStatus, elapsed time.Duration) []string {
			bytes := func(name string) string { return formatSize(int64(rate(before, now, name, elapsed))) + "/s" }
			count := func(name string) string {
				return strconv.FormatFloat(rate(before, now, name, elapsed), 'f', 1, 64)
			}
			return []string{bytes("get.size"), count("get.n"), bytes("put.size"), count("put.n"), count("head.n"), count("del.n"), count("lst.n")}
		},
	}
}

func latency() performance {
	p := performance{rates: true}
	timed := []struct{ column, name string }{{"GET", "get"}, {"PUT", "put"}, {"HEAD", "head"}, {"DEL", "del"}}
	for _, o := range timed {
		p.columns = append(p.columns, o.column+"(n)", o.column+"(t)")
	}
	p.cells = func(before, now *api.NodeStatus, _ time.Duration) []string {
		var cells []string
		for _, o := range timed {
			n, ns := grown(before, now, o.name+".n"), grown(before, now, o.name+".ns.total")
			mean := "-"
			if n > 0 {
				mean = (time.Duration(ns) / time.Duration(n)).Round(time.Microsecond).String()
			}
			cells = append(cells, strconv.FormatInt(n, 10), mean)
		}
		return cells
	}
	return p
}

func capacityTable() performance {
	return performance{
		columns: []string{"MOUNTPATHS", "OBJECTS", "CAP USED(%)", "CAP AVAIL", "FULLEST(%)"},
		cells: func(_, now *api.NodeStatus, _ time.Duration) []string {
			c := capacityOf(now)
			return []string{strconv.Itoa(c.mountpaths), strconv.FormatInt(c.objects, 10), c.percent(), formatSize(c.avail), strconv.Itoa(now.Capacity.PctMax) + "%"}
		},
	}
}

// grown returns by how much a counter has grown; from 0 where the node was started
// anew.
func grown(before, now *api.NodeStatus, name string) int64 {
	n := now.Tracker[name].Value
	if before != nil && before.Tracker[name].Value <= n {
		n -= before.Tracker[name].Value
	}
	return n
}

func rate(before, now *api.NodeStatus, name string, elapsed time.Duration) float64 {
	return float64(grown(before, now, name)) / elapsed.Seconds()
}

func (a *app) performanceCommand() *cobra.Command {
	table := func(use, short string, p performance) *cobra.Command {
		return a.performanceTable(use+" [TARGET]", short, p)
	}
	cmd := table("performance", "Show what the targets do: operations, their rates and times, capacity", throughput())
	cmd.AddCommand(
		table("counters", "Show the numbers of operations since each target started", counters()),
		table("throughput", "Show bytes and operations a second", throughput()),
		table("latency", "Show how long operations took on the mean", latency()),
		table("capacity", "Show how full the targets are", capacityTable()))
	return cmd
}

func (a *app) performanceTable(use, short string, p performance) *cobra.Command {
	var refresh time.Duration
	var count int
	cmd := &cobra.Command{
		Use: use, Short: short,
		Example:           "  ais performance throughput --refresh 5s --count 10",
		Args:              args(0, 1, ""),
		ValidArgsFunction: a.completeNodeIDs,
		RunE: func(cmd *cobra.Command, given []string) error {
			if refresh <= 0 || count < 0 {
				return usagef("--refresh and --count are over 0")
			}
			if count == 0 && (a.json || !isTerminal(a.out)) {
				count = 1
			}
			which := ""
			if len(given) == 1 {
				which = nodeID(given[0])
			}
			return a.showPerformance(cmd.Context(), p, which, refresh, count)
		},
	}
	cmd.Flags().DurationVar(&refresh, "refresh", 5*time.Second, "`time` between two tables, and that rates are of")
	cmd.Flags().IntVar(&count, "count", 0, "show the table `N` times (default: until it is interrupted; once where the output is no terminal)")
	return cmd
}

// showPerformance shows the table count times, 0 until it is interrupted.
func (a *app) showPerformance(ctx context.Context, p performance, which string, refresh time.Duration, count int) error {
	var before map[string]*api.NodeStatus
	var at time.Time
	if p.rates {
		var err error
		if before, at, err = a.sample(ctx, which); err != nil {
			return err
		}
	}
	for shown := 0; count == 0 || shown < count; shown++ {
		if p.rates || shown > 0 {
			if err := pause(ctx, refresh); err != nil {
				if count == 0 { // interrupted: that is how it ends
					return nil
				}
				return err
			}
		}
		now, when, err := a.sample(ctx, which)
		if err != nil {
			return err
		}
		if shown > 0 && !a.json {
			fmt.Fprintln(a.out)
		}
		if err := a.performanceRows(p, before, now, when.Sub(at)); err != nil {
			return err
		}
		before, at = now, when
	}
	return nil
}

// sample asks the targets that are alive, or one of them, for their counters.
func (a *app) sample(ctx context.Context, which string) (map[string]*api.NodeStatus, time.Time, error) {
	m, err := a.client.ClusterMap(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	var rows []nodeRow
	for _, id := range slices.Sorted(maps.Keys(m.Targets)) {
		if which == "" || which == id {
			rows = append(rows, nodeRow{node: m.Targets[id]})
		}
	}
	if len(rows) == 0 {
		return nil, time.Time{}, fmt.Errorf("there is no target %q; 'ais show cluster target' lists them", which)
	}
	a.fetchStatus(ctx, rows)
	out := map[string]*api.NodeStatus{}
	for _, r := range rows {
		out[r.node.ID] = r.status
	}
	return out, time.Now(), nil
}

func (a *app) performanceRows(p performance, before, now map[string]*api.NodeStatus, elapsed time.Duration) error {
	all := []map[string]string{}
	t := a.table(append([]string{"TARGET"}, p.columns...)...)
	for _, id := range slices.Sorted(maps.Keys(now)) {
		cells := slices.Repeat([]string{"-"}, len(p.columns))
		if now[id] != nil {
			cells = p.cells(before[id], now[id], elapsed)
		}
		row := map[string]string{"TARGET": id}
		for i, column := range p.columns {
			row[column] = cells[i]
		}
		all = append(all, row)
		if err := t.row(append([]string{"t[" + id + "]"}, cells...)...); err != nil {
			return err
		}
	}
	if a.json {
		return a.writeJSON(all)
	}
	return t.flush()
}
