package target

import (
	"context"
	"fmt"
	"time"

	"ais/api"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/move"
	"ais/object"
)

// watchMoves is what this target is told of the names that it moves: a job for each
// bucket.
func (t *Target) watchMoves() move.Watch {
	return move.Watch{Begin: t.beginMove, Served: t.load.Admitted, Writing: func(b *cluster.Bucket) bool {
		return t.names.writes(b.ID, func(n object.Name) bool { return !t.answersFor(n) })
	}}
}

// beginMove shows the moving of this target's names of a bucket as its share of a job,
// which has the same id on all targets, also where one was started anew.
func (t *Target) beginMove(b *cluster.Bucket) (*move.Progress, func(error)) {
	progress := &move.Progress{}
	request := peer.JobRequest{ID: moveJob(b), Kind: api.JobRebalance, Bucket: b.ID, Targets: t.movers(b)}
	request.Work.Name = fmt.Sprintf("generation %d, copies %d", b.Next.Generation, b.Next.Count())
	j := &job{JobRequest: request, started: t.cfg.Now()}
	ended := make(chan error, 1)
	t.jobs.remove(j.ID) // of an earlier try
	err := t.runJob(j, func(_ *Target, ctx context.Context, j *job) error {
		return followMove(ctx, j, progress, ended)
	})
	if err != nil {
		t.cfg.Logger.Warn("a bucket's names are moved without a job to show it", "bucket", b.Name, "err", err)
	}
	return progress, func(err error) { ended <- err }
}

// moveJob is the id of the job that moves a bucket's names to where they are to be.
func moveJob(b *cluster.Bucket) string {
	return fmt.Sprintf("rebalance-%d-%d", b.ID, b.Next.Number)
}

// movers returns the ids of the targets that have a share.
func (t *Target) movers(b *cluster.Bucket) []string {
	nodes, err := t.cluster.State().Placed(b)
	if err != nil {
		return nil
	}
	ids := make([]string, len(nodes))
	for i, n := range nodes {
		ids[i] = n.ID
	}
	return ids
}

// followMove shows in a job how far the moving is, until that ends.
func followMove(ctx context.Context, j *job, p *move.Progress, ended <-chan error) error {
	return follow(ctx, ended, func() {
		j.objects.Store(p.Names.Load())
		j.bytes.Store(p.Bytes.Load())
		j.failed.Store(p.Failed.Load())
		j.total.Store(p.Total.Load())
	})
}

// follow shows how far work is until it has ended, whose outcome it returns, or ctx has,
// whose cause.
func follow(ctx context.Context, ended <-chan error, show func()) error {
	defer show()
	tick := time.NewTicker(resilverLook)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			show()
		}
	}
}
