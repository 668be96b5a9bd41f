package target

import (
	"ais/api"
	"ais/object"
	"ais/s3api"
)

// A native multipart upload is one of S3's, but that its parts may be of any size
// that the bucket allows, and that it is completed without ETags.

// nativeUpload begins an upload and answers with its id as text.
func (t *Target) nativeUpload(c *nativeCall) error {
	if err := t.access.RequireHTTP(c.ctx, "s3:PutObject", c.bucket, c.name.Key); err != nil {
		return err
	}
	u, err := t.CreateUpload(c.bucket, object.Upload{Name: c.name, Meta: object.Meta{Owner: t.ownerNative(c)}})
	if err != nil {
		return err
	}
	c.ctx.SetContentType("text/plain; charset=utf-8")
	c.ctx.SetBodyString(u.ID)
	return nil
}

// nativePart stores a part.
func (t *Target) nativePart(c *nativeCall) error {
	number, err := api.ReadPartNumber(c.ctx)
	if err != nil {
		return err
	}
	u, err := t.store.Upload(c.name, c.asks.UploadID)
	if err != nil {
		return err
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	p, err := t.PutPart(c.bucket, &u, number, body)
	if err != nil {
		return err
	}
	t.metrics.putBytes.Add(float64(p.Size))
	api.SetPartHeaders(&c.ctx.Response.Header, &p)
	return nil
}

// nativeParts answers which parts an upload has, for a client that goes on with it.
func (t *Target) nativeParts(c *nativeCall) error {
	u, err := t.store.Upload(c.name, c.asks.UploadID)
	if err != nil {
		return err
	}
	parts, _, err := t.store.Parts(c.name, u.ID, 0, object.MaxParts)
	if err != nil {
		return err
	}
	return api.WriteJSON(c.ctx, api.NewUploadStatus(&u, parts))
}

// nativeComplete makes the object of the parts that are listed.
func (t *Target) nativeComplete(c *nativeCall) error {
	message, err := api.ReadAction(c.ctx)
	if err != nil {
		return err
	}
	if message.Action != api.ActionCompleteUpload {
		return object.E("target.native", message.Action, object.Unsupported, nil)
	}
	listed, err := api.ParseParts(message)
	if err != nil {
		return err
	}
	meta, err := t.Complete(c.bucket, c.name, c.asks.UploadID, listed, s3api.Completion{Size: -1}, object.Cond{})
	if err != nil {
		return err
	}
	info := api.NewObjectInfo(api.BucketOf(c.bucket), c.name.Key, &meta, t.cfg.ID)
	api.SetObjectHeaders(&c.ctx.Response.Header, &info)
	return nil
}

// nativeAbort ends an upload and removes its parts.
func (t *Target) nativeAbort(c *nativeCall) error {
	message, err := api.ReadAction(c.ctx)
	if err != nil {
		return err
	}
	if message.Action != "" && message.Action != api.ActionAbortUpload {
		return object.E("target.native", message.Action, object.Unsupported, nil)
	}
	return t.AbortUpload(c.bucket, c.name, c.asks.UploadID)
}
