package target

import (
	"context"

	"ais/cluster/peer"
	"ais/object"
)

// summaryJob counts what this target has of a bucket and, where it is the one that is
// to, what the remote bucket behind it has.
func (t *Target) summaryJob(ctx context.Context, j *job) error {
	sum := peer.Summary{}
	for _, m := range t.store.Mountpaths() {
		sum.Capacity += m.Capacity
	}
	j.mu.Lock()
	j.sum = &sum
	j.mu.Unlock()
	err := j.count(ctx, false, func(q object.Query) (object.Page, error) { return t.store.List(j.Bucket, q) })
	if err != nil || j.Work.RemoteAt != t.cfg.ID {
		return err
	}
	b, err := t.jobBucket(j)
	if err != nil {
		return err
	}
	remote, err := t.remote(b)
	if err != nil {
		return err
	}
	if remote == nil {
		return notRemote(b)
	}
	return j.count(ctx, true, func(q object.Query) (object.Page, error) { return remote.List(ctx, q) })
}

// count adds what is listed to the summary, page by page.
func (j *job) count(ctx context.Context, remote bool, list func(object.Query) (object.Page, error)) error {
	q := object.Query{Prefix: j.Work.Prefix, Limit: jobPage}
	for {
		page, err := list(q)
		if err != nil {
			return err
		}
		j.mu.Lock()
		for i := range page.Entries {
			j.sum.Add(page.Entries[i].Meta.Size, remote)
		}
		j.objects.Store(j.sum.Objects)
		j.bytes.Store(j.sum.Bytes)
		j.mu.Unlock()
		if !page.Truncated || len(page.Entries) == 0 {
			return nil
		}
		if q.After = page.Next(); ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}
