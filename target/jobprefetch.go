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
	return t.forNames(ctx, j, t.remoteNames(ctx, j), func(ctx context.Context, b *cluster.Bucket, n object.Name) (int64, bool, error) {
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
// remote bucket has another version of it by now.
func (t *Target) prefetch(ctx context.Context, b *cluster.Bucket, n object.Name, latest bool) (size int64, fetched bool, err error) {
	if !t.keeps(n) {
		return 0, false, object.E("target.prefetch", n.Key, object.NoSpace, errOutOfSpace)
	}
	if latest {
		if err := t.dropOutdated(ctx, b, n); err != nil {
			return 0, false, err
		}
	}
	return t.fetchAll(ctx, b, n)
}

// errOutOfSpace is why remote objects are not kept.
var errOutOfSpace = errors.New("the mountpath is fuller than space.out_of_space")

// dropOutdated evicts what is here of an object if the remote bucket has another
// version, or where the bucket is synchronized, none.
func (t *Target) dropOutdated(ctx context.Context, b *cluster.Bucket, n object.Name) error {
	here, err := t.store.Stat(n, "")
	if err != nil || !fromRemote(&here) {
		return nil
	}
	remote, err := t.remote(b)
	if err != nil || remote == nil {
		return err
	}
	there, err := remote.Head(ctx, n.Key, "")
	gone := err != nil && object.KindOf(err) == object.NotFound
	if err != nil && (!gone || !b.Props.Versioning.Synchronize) {
		return err
	}
	if !gone && sameRemote(&here, &there) {
		return nil
	}
	_, dropped := t.evict(b, n, func(now *object.Meta) error { return sameWrite(now, &here) })
	switch {
	case gone:
		return err
	case dropped != nil && object.KindOf(dropped) != object.Precondition && object.KindOf(dropped) != object.NotFound:
		return dropped
	}
	return nil
}

// sameRemote reports whether what is here is what the remote bucket has.
func sameRemote(here *object.Meta, there *backend.Meta) bool {
	if v := here.Custom[object.CustomVersion]; v != "" && there.Version != "" {
		return v == there.Version
	}
	return here.Custom[object.CustomETag] == there.ETag && here.Size == there.Size
}
