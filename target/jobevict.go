package target

import (
	"context"
	"errors"

	"ais/cluster"
	"ais/object"
)

// notRemote says that a job has no sense for a bucket.
func notRemote(b *cluster.Bucket) error {
	return object.E("target.job", b.URL(), object.Invalid, errors.New("there is no remote bucket behind it"))
}

// evictJob drops what is kept here of the names that the job is about. What the
// remote bucket does not have stays.
func (t *Target) evictJob(ctx context.Context, j *job) error {
	b, err := t.jobBucket(j)
	if err != nil {
		return err
	}
	if _, ok := b.Remote(); !ok {
		return notRemote(b)
	}
	return t.forNames(ctx, j, t.localNames(j.Bucket, fromRemote), func(_ context.Context, b *cluster.Bucket, n object.Name) (int64, bool, error) {
		gone, err := t.evict(b, n, nil)
		if err == nil {
			t.metrics.evicted.Inc()
			t.metrics.evictedBytes.Add(float64(gone.Size))
			return gone.Size, true, nil
		}
		if kind := object.KindOf(err); kind == object.NotFound || kind == object.Precondition {
			err = nil
		}
		return 0, false, err
	})
}
