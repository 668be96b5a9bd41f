package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ais/api"
)

func (a *app) storageCommand() *cobra.Command {
	return group("storage", "Show and change the targets' mountpaths",
		a.mountpathCommand(), a.storageShowCommand("show [TARGET]"), a.summaryCommand("summary [BUCKET…]"))
}

func (a *app) mountpathCommand() *cobra.Command {
	cmd := group("mountpath", "Show, attach, detach, enable and disable mountpaths", a.storageShowCommand("show [TARGET]"))
	for _, c := range []mountpathChange{
		{name: "attach", action: api.ActionAttachMountpath, did: "attached to", short: "Make an empty directory of a target a mountpath; objects move there"},
		{name: "detach", action: api.ActionDetachMountpath, did: "being detached from", short: "Move all objects off a mountpath, and forget it", force: "detach a mountpath that is out of service: the objects on it are lost"},
		{name: "enable", action: api.ActionEnableMountpath, did: "enabled at", short: "Bring a disabled mountpath back; objects move there"},
		{name: "disable", action: api.ActionDisableMountpath, did: "being disabled at", short: "Move all objects off a mountpath, and keep it for later", force: "at once, with the objects on it, which are unavailable until it is enabled"},
		{name: "rescan", action: api.ActionRescanMountpath, did: "being looked through at", short: "Look for objects that belong on another mountpath, and move them"},
		{name: "fshc", action: api.ActionCheckMountpath, did: "healthy at", short: "Check the health of a mountpath: write a file, read it back"},
	} {
		cmd.AddCommand(a.mountpathChangeCommand(c))
	}
	return cmd
}

// mountpathChange is one of the commands that do something with mountpaths.
type mountpathChange struct {
	name, action, did, short string
	force                    string // what --force means; "" where there is none
}

func (a *app) mountpathChangeCommand(c mountpathChange) *cobra.Command {
	force := false
	var w waiting
	cmd := &cobra.Command{
		Use:               c.name + " TARGET=DIR… | TARGET DIR",
		Short:             c.short,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeMountpaths,
		RunE: func(cmd *cobra.Command, given []string) error {
			pairs, err := parseMountpaths(given)
			if err != nil {
				return err
			}
			for _, p := range pairs {
				job, err := a.client.ChangeMountpath(cmd.Context(), p.target, c.action, p.dir, force)
				if err != nil {
					return fmt.Errorf("%s %s=%s: %w", c.name, p.target, p.dir, err)
				}
				if job == "" {
					err = a.tellMountpath(p, c)
				} else {
					err = a.started(cmd.Context(), api.JobResilver, job, p.dir+" is "+c.did+" "+p.target, &w)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	if c.force != "" {
		cmd.Flags().BoolVar(&force, "force", false, c.force)
	}
	if c.action != api.ActionCheckMountpath {
		w.flags(cmd)
	}
	return cmd
}

// tellMountpath tells of a change that needs no job.
func (a *app) tellMountpath(p mountpathName, c mountpathChange) error {
	if a.json {
		return a.writeJSON(map[string]string{"target": p.target, "mountpath": p.dir, "action": c.action})
	}
	did := strings.TrimPrefix(c.did, "being ")
	_, err := fmt.Fprintf(a.out, "mountpath %s is %s target %s\n", p.dir, did, p.target)
	return err
}

// mountpathName is a mountpath of a target.
type mountpathName struct{ target, dir string }

// parseMountpaths reads TARGET=DIR, any number of them, or TARGET DIR pairs. A
// target may be written t[ID], as tables show it.
func parseMountpaths(given []string) (out []mountpathName, err error) {
	for i := 0; i < len(given); i++ {
		target, dir, joined := strings.Cut(given[i], "=")
		if !joined {
			if i++; i == len(given) {
				return nil, usagef("%q lacks a directory: name mountpaths as TARGET=DIR or TARGET DIR", target)
			}
			dir = given[i]
		}
		target = strings.TrimSuffix(strings.TrimPrefix(target, "t["), "]")
		if target == "" || !strings.HasPrefix(dir, "/") {
			return nil, usagef("%q is not the absolute path of a directory on a target: name mountpaths as TARGET=DIR or TARGET DIR", dir)
		}
		out = append(out, mountpathName{target, dir})
	}
	return out, nil
}

func (a *app) storageShowCommand(use string) *cobra.Command {
	return &cobra.Command{
		Use:               use,
		Short:             "Show the mountpaths, how full they are and what they are doing",
		Args:              args(0, 1, ""),
		ValidArgsFunction: a.completeTargets,
		RunE: func(cmd *cobra.Command, given []string) error {
			rows, err := a.targetRows(cmd.Context(), given)
			if err != nil {
				return err
			}
			if a.json {
				out := map[string]map[string]api.MountpathCapacity{}
				for _, r := range rows {
					if r.status != nil {
						out[r.node.ID] = r.status.Capacity.Mountpaths
					}
				}
				return a.writeJSON(out)
			}
			return a.mountpathTable(rows)
		},
	}
}

// targetRows returns the targets, or the one that is named, with their status.
func (a *app) targetRows(ctx context.Context, given []string) ([]nodeRow, error) {
	m, err := a.client.ClusterMap(ctx)
	if err != nil {
		return nil, err
	}
	var rows []nodeRow
	for _, id := range slices.Sorted(maps.Keys(m.Targets)) {
		if len(given) == 0 || id == strings.TrimSuffix(strings.TrimPrefix(given[0], "t["), "]") {
			rows = append(rows, nodeRow{node: m.Targets[id]})
		}
	}
	if len(rows) == 0 && len(given) > 0 {
		return nil, fmt.Errorf("there is no target %q; 'ais show cluster target' lists them", given[0])
	}
	a.fetchStatus(ctx, rows)
	return rows, nil
}

func (a *app) mountpathTable(rows []nodeRow) error {
	t := a.table("TARGET", "MOUNTPATH", "USED", "AVAIL", "USED(%)", "STATE", "OBJECTS")
	for _, r := range rows {
		if r.status == nil {
			if err := t.row(r.node.Name(), "-", "-", "-", "-", "target is down", "-"); err != nil {
				return err
			}
			continue
		}
		for _, dir := range slices.Sorted(maps.Keys(r.status.Capacity.Mountpaths)) {
			m := r.status.Capacity.Mountpaths[dir]
			state := m.State
			if m.Cause != "" {
				state += " (" + m.Cause + ")"
			}
			err := t.row(r.node.Name(), dir, formatSize(int64(m.Used)), formatSize(int64(m.Avail)),
				strconv.Itoa(m.PctUsed)+"%", state, strconv.FormatInt(m.Objects, 10))
			if err != nil {
				return err
			}
		}
	}
	return t.flush()
}

func (a *app) startResilverCommand() *cobra.Command {
	var w waiting
	cmd := &cobra.Command{
		Use:               "resilver [TARGET]",
		Short:             "Move objects to the mountpaths where they belong, on one target or all",
		Args:              args(0, 1, ""),
		ValidArgsFunction: a.completeTargets,
		RunE: func(cmd *cobra.Command, given []string) error {
			q := api.JobQuery{Kind: api.JobResilver}
			if len(given) == 1 {
				q.Node = strings.TrimSuffix(strings.TrimPrefix(given[0], "t["), "]")
			}
			id, err := a.client.StartJob(cmd.Context(), q)
			if err != nil {
				return err
			}
			return a.started(cmd.Context(), api.JobResilver, id, "", &w)
		},
	}
	w.flags(cmd)
	return cmd
}

// completeTargets completes the id of a target, as a command's first argument.
func (a *app) completeTargets(cmd *cobra.Command, given []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel, ok := a.completing(cmd)
	defer cancel()
	if !ok || len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.targetIDs(ctx, typed), cobra.ShellCompDirectiveNoFileComp
}

func (a *app) targetIDs(ctx context.Context, typed string) (out []cobra.Completion) {
	m, err := a.client.ClusterMap(ctx)
	if err != nil {
		return nil
	}
	for _, id := range slices.Sorted(maps.Keys(m.Targets)) {
		if strings.HasPrefix(id, typed) {
			out = append(out, id)
		}
	}
	return out
}

// completeMountpaths completes a target and then one of its mountpaths, written apart
// or with = between.
func (a *app) completeMountpaths(cmd *cobra.Command, given []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	ctx, cancel, ok := a.completing(cmd)
	defer cancel()
	if !ok {
		return nil, directive
	}
	target, dir, joined := strings.Cut(typed, "=")
	prefix := target + "="
	if !joined {
		if len(given)%2 == 0 || strings.Contains(given[len(given)-1], "=") {
			return a.targetIDs(ctx, typed), directive
		}
		target, dir, prefix = given[len(given)-1], typed, ""
	}
	status, err := a.client.NodeStatus(ctx, target)
	if err != nil {
		return nil, directive
	}
	var out []cobra.Completion
	for _, have := range slices.Sorted(maps.Keys(status.Capacity.Mountpaths)) {
		if strings.HasPrefix(have, dir) {
			out = append(out, prefix+have)
		}
	}
	return out, directive
}
