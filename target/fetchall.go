package target

import (
	"context"
	"errors"

	"ais/backend"
	"ais/cluster"
	"ais/object"
)

// fetchAll brings an object of a remote bucket here, if it is not here, and waits
// until that is done. fetched is false where it was here when it was called for. Errors: those of
// backend.Get, NoSpace, Busy where it changes too often, and the context's; the
// fetch goes on where the context ends.
func (t *Target) fetchAll(ctx context.Context, b *cluster.Bucket, n object.Name) (size int64, fetched bool, err error) {
	remote, err := t.remote(b)
	if err != nil {
		return 0, false, err
	}
	return t.bring(ctx, b, n, remote, nil)
}

// bring is fetchAll from what from reads. want, which may be nil, is the version
// that the remote bucket is known to have: another one that is here is replaced.
func (t *Target) bring(ctx context.Context, b *cluster.Bucket, n object.Name, from getter, want *backend.Meta) (size int64, fetched bool, err error) {
	for try := range openTries {
		m, statErr := t.store.Stat(n, "")
		switch {
		case statErr == nil && serves(&m, want):
			return m.Size, try > 0, nil // a small one may have come before it could be waited for
		case statErr != nil && object.KindOf(statErr) != object.NotFound:
			return 0, false, statErr
		}
		if !t.keeps(n) {
			return 0, false, object.E("target.fetchAll", n.Key, object.NoSpace, errOutOfSpace)
		}
		var j *joined
		if j, _, err = t.fetching(b, n, from, 0, want); err != nil {
			return 0, false, err
		}
		if j == nil {
			err = object.E("target.fetchAll", n.Key, object.Busy, errChanged)
			continue
		}
		if err = j.wait(ctx); err == nil {
			return j.f.meta.Size, true, nil
		}
		if !errors.Is(err, errChanged) {
			return 0, false, err
		}
	}
	return 0, false, err
}

// wait waits until the fetch has ended and its object is here, and ends the reading.
func (j *joined) wait(ctx context.Context) error {
	defer func() { _ = j.Close() }()
	select {
	case <-j.f.ended:
	case <-ctx.Done():
		return object.E("target.fetch", j.f.name.Key, object.Unavailable, ctx.Err())
	}
	if j.f.err != nil {
		return j.f.err
	}
	return j.f.keptErr
}
