package target

import (
	"context"
	"slices"
	"time"

	"ais/cluster"
)

// disksLook is the longest time between looks at the mountpaths.
const disksLook = 5 * time.Second

// watchDisks has the cluster know what this target's mountpaths can do. Where none
// serves, the target leaves the cluster, and joins again when one is back. Where
// one does not, other targets that have copies of its names act for this one.
func (t *Target) watchDisks(ctx context.Context) {
	tick := time.NewTicker(disksLook)
	defer tick.Stop()
	left := false
	said := "" // why the cluster does not know, to say it once
	for {
		left = t.leaveOrJoin(left)
		why := ""
		if err := t.fallBehind(ctx, left); err != nil && ctx.Err() == nil {
			why = err.Error()
			if why != said {
				t.cfg.Logger.Warn("other targets do not act for this one, which has a mountpath out of service", "err", err)
			}
		}
		said = why
		select {
		case <-ctx.Done():
			return
		case <-t.cfg.Disks:
		case <-tick.C:
		}
	}
}

// leaveOrJoin leaves the cluster where no mountpath serves and joins it again where
// one does; it reports whether it has left.
func (t *Target) leaveOrJoin(left bool) bool {
	serves := t.store.Serves()
	switch {
	case !serves && !left:
		t.cfg.Logger.Error("no mountpath serves: this target leaves the cluster until one is back", "mountpaths", t.store.OutOfService())
		t.cluster.Suspend()
	case serves && left:
		t.cfg.Logger.Info("a mountpath serves again: this target joins the cluster")
		t.cluster.Resume()
	}
	return !serves
}

// fallBehind marks this target as behind while a mountpath is out of service with
// names of which there may be copies on other targets, and no mirrors here.
func (t *Target) fallBehind(ctx context.Context, left bool) error {
	if left || len(t.store.OutOfService()) == 0 || t.cluster.Self().Behind != 0 || !t.lacksCopies() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, t.cfg.SyncTimeout)
	defer cancel()
	if err := t.cluster.MarkBehind(ctx, false); err != nil {
		return err
	}
	t.cfg.Logger.Warn("a mountpath is out of service: targets with copies act for this one", "mountpaths", t.store.OutOfService())
	return nil
}

// giveUp is asked before a mountpath is detached. Where what it has is lost, the
// target must not answer for its names any more before they were compared with the
// copies that others have.
func (t *Target) giveUp(dir string, force bool) error {
	if !force || !slices.Contains(t.store.OutOfService(), dir) || !t.lacksCopies() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.cfg.SyncTimeout)
	defer cancel()
	return t.cluster.MarkBehind(ctx, true)
}

// lacksCopies reports whether this target cannot serve all names of a bucket whose
// objects have copies on several targets.
func (t *Target) lacksCopies() bool {
	return slices.ContainsFunc(t.cluster.State().Buckets(), func(b *cluster.Bucket) bool {
		return b.Several() && !t.store.ServesAll(b.ID)
	})
}
