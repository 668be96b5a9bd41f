package target

import (
	"context"

	"ais/cluster"
	"ais/object"
)

// fetchAll brings an object of a remote bucket here, if it is not here, and waits
// until that is done. fetched is false where it was here already. Errors: those of
// backend.Get, NoSpace, and the context's.
func (t *Target) fetchAll(ctx context.Context, _ *cluster.Bucket, n object.Name) (size int64, fetched bool, err error) {
	return 0, false, object.E("target.fetchAll", n.Key, object.Unsupported, ctx.Err())
}
