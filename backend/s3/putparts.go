package s3

import (
	"context"
	"io"

	"ais/backend"
	"ais/object"

	"golang.org/x/sync/errgroup"
)

// partsAtOnce is how many parts of an object are on their way to the store.
const partsAtOnce = 4

// putParts writes an object as a multipart upload: all of it or nothing.
func (b *bucket) putParts(ctx context.Context, key string, p backend.PutOptions) (backend.Meta, error) {
	uploads := b.Uploads()
	start, err := p.Body.Seek(0, io.SeekCurrent)
	if err != nil {
		return backend.Meta{}, object.E("s3.put", key, object.KindOf(err), err)
	}
	id, err := uploads.Begin(ctx, key, p.Meta)
	if err != nil {
		return backend.Meta{}, err
	}
	listed, err := b.sendParts(ctx, key, id, p, start)
	var m backend.Meta
	if err == nil {
		m, err = uploads.Complete(ctx, key, id, listed, p.Cond)
	}
	if err != nil {
		// The caller's context may be what ended it.
		_ = uploads.Abort(context.WithoutCancel(ctx), key, id)
		return backend.Meta{}, err
	}
	_, _ = p.Body.Seek(start+p.Size, io.SeekStart)
	m.Size = p.Size
	return m, nil
}

// sendParts uploads an object's parts, several at once where the body can be read at
// several places.
func (b *bucket) sendParts(ctx context.Context, key, id string, p backend.PutOptions, start int64) ([]object.Listed, error) {
	size := partSize(b.config.PartSize, p.Size)
	listed := make([]object.Listed, (p.Size+size-1)/size)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(1)
	if _, ok := p.Body.(io.ReaderAt); ok {
		group.SetLimit(partsAtOnce)
	}
	for i := range listed {
		offset := int64(i) * size
		length := min(size, p.Size-offset)
		body := section(p.Body, start+offset, length)
		group.Go(func() error {
			if ctx.Err() != nil {
				return object.E("s3.put", key, object.Unavailable, context.Cause(ctx))
			}
			etag, err := b.Uploads().Put(ctx, key, id, i+1, body, length)
			listed[i] = object.Listed{Number: i + 1, ETag: etag}
			return err
		})
	}
	return listed, group.Wait()
}

// partSize returns the size of all parts but the last: what was asked for, or as
// much more as it takes to have no more parts than S3 allows, in whole MiB.
func partSize(asked, size int64) int64 {
	const mib = 1 << 20
	least := (size + object.MaxParts - 1) / object.MaxParts
	return max(asked, (least+mib-1)/mib*mib)
}
