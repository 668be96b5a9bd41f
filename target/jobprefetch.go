package target

import (
	"context"
	"errors"

	"ais/backend"
	"ais/cluster"
	"ais/object"
)

// prefetchJob brings the remote objects that the job is about here.
func (t *Target) prefetchJob(ctx context.Context, j *job) error {
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
	return t.forNames(ctx, j, t.remoteNames(ctx, j.Bucket), func(ctx context.Context, b *cluster.Bucket, n object.Name) (int64, bool, error) {
		size, fetched, err := t.prefetch(ctx, b, n, j.Work.Latest)
		if j.Work.Template != "" && err != nil && object.KindOf(err) == object.NotFound {
			err = nil // a range may have holes
		}
		if fetched {
			t.metrics.prefetched.Inc()
			t.metrics.prefetchedBytes.Add(float64(size))
		}
		return size, fetched, err
	})
}

// prefetch brings an object here if it is not, and with latest also where the
// remote bucket has another version of it by now. What is gone there goes here too,
// where the bucket is synchronized.
func (t *Target) prefetch(ctx context.Context, b *cluster.Bucket, n object.Name, latest bool) (size int64, fetched bool, err error) {
	here, err := t.store.Stat(n, "")
	if err != nil || !latest || !fromRemote(&here) {
		return t.fetchAll(ctx, b, n)
	}
	remote, err := t.remote(b)
	if err != nil {
		return 0, false, err
	}
	there, err := remote.Head(ctx, n.Key, "")
	switch {
	case err != nil && object.KindOf(err) == object.NotFound && b.Props.Versioning.Synchronize:
		_, dropped := t.evict(b, n, func(now *object.Meta) error { return sameWrite(now, &here) })
		return 0, false, unlessChanged(dropped)
	case err != nil:
		return 0, false, err
	case sameRemote(&here, &there):
		return here.Size, false, nil
	}
	return t.bring(ctx, b, n, remote, &there)
}

// unlessChanged returns the failure of an eviction, but for that of an object that
// is another by now, or gone.
func unlessChanged(err error) error {
	switch object.KindOf(err) {
	case object.Precondition, object.NotFound:
		return nil
	}
	return err
}

// errOutOfSpace is why remote objects are not kept.
var errOutOfSpace = errors.New("the mountpath is fuller than space.out_of_space")

// sameRemote reports whether what is here is what the remote bucket has.
func sameRemote(here *object.Meta, there *backend.Meta) bool {
	if v := here.Custom[object.CustomVersion]; v != "" && there.Version != "" {
		return v == there.Version
	}
	return here.Custom[object.CustomETag] == there.ETag && here.Size == there.Size
}
