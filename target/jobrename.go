package target

import (
	"context"
	"errors"

	"ais/object"
)

// errNotRenamed is why a rename is aborted.
var errNotRenamed = errors.New("the bucket did not get its new name")

// renameJob ends when this target knows the bucket by its new name, which a proxy is
// about to give it.
func (t *Target) renameJob(ctx context.Context, j *job) error {
	ctx, cancel := context.WithTimeoutCause(ctx, t.cfg.PeerTimeout, errNotRenamed)
	defer cancel()
	for {
		changes := t.cluster.Changes()
		b, ok := t.cluster.State().BucketByID(j.Bucket)
		switch {
		case !ok:
			return object.E("target.rename", "", object.NoSuchBucket, errors.New("the bucket was removed"))
		case b.Name == j.Work.Name:
			return nil
		}
		select {
		case <-changes:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
