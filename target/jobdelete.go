package target

import (
	"context"
	"errors"
	"iter"

	"ais/cluster"
	"ais/fs"
	"ais/object"
)

// deleteJob deletes the names that the job is about: here, and at the remote bucket
// where there is one. Where the bucket has versions that leaves delete markers.
func (t *Target) deleteJob(ctx context.Context, j *job) error {
	b, err := t.jobBucket(j)
	if err != nil {
		return err
	}
	list := t.localNames(j.Bucket, nil)
	if _, ok := b.Remote(); ok {
		list = both(t.remoteNames(ctx, j.Bucket), list)
	}
	return t.forNames(ctx, j, list, func(_ context.Context, b *cluster.Bucket, n object.Name) (int64, bool, error) {
		owner := j.Owner
		if owner == b.Owner {
			owner = ""
		}
		removed, errs := t.DeleteMany(b, []fs.Removal{{Name: n}}, owner)
		err := errors.Join(errs...)
		if err == nil {
			t.metrics.del.count.Inc()
		}
		return removed[0].Meta.Size, err == nil, err
	})
}

// both lists one after the other. A name may come twice.
func both(first, second func(string) iter.Seq2[string, error]) func(string) iter.Seq2[string, error] {
	return func(prefix string) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			for _, list := range []func(string) iter.Seq2[string, error]{first, second} {
				for key, err := range list(prefix) {
					if !yield(key, err) || err != nil {
						return
					}
				}
			}
		}
	}
}
