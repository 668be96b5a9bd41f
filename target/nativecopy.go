package target

import (
	"errors"

	"ais/api"
	"ais/cluster"
	"ais/object"
)

// nativeHome returns the node that serves the call: the home of the upload that it
// names, the owner of the copy that it makes, else the owner of the name.
func (t *Target) nativeHome(c *nativeCall) (cluster.Node, error) {
	if c.asks.Kind != api.ObjectCopy {
		return t.homeOf(c.asks.UploadID, c.bucket, c.name)
	}
	to := c.asks.To
	b, err := t.bucket(to.Bucket.Provider, to.Bucket.Name)
	if err != nil {
		return cluster.Node{}, err
	}
	c.toBucket, c.toName = b, object.Name{Bucket: b.ID, Key: to.Key}
	return t.owner(c.toBucket, c.toName)
}

// nativeCopy copies the object that the call names to another name, which this
// target owns.
func (t *Target) nativeCopy(c *nativeCall) error {
	query := c.ctx.QueryArgs()
	if err := c.refuse(api.QueryETLName, api.QueryETLPipeline); err != nil {
		return err
	}
	if c.toName == c.name {
		return object.E("target.copy", api.QueryCopyTo, object.Invalid, errors.New("it names the object itself"))
	}
	if err := t.access.RequireHTTP(c.ctx, "s3:PutObject", c.toBucket, c.toName.Key); err != nil {
		return err
	}
	meta, _, err := t.Copy(CopyRequest{
		Source: CopySource{
			Bucket: c.bucket, Name: c.name, Latest: query.GetBool(api.QueryLatest), Sync: query.GetBool(api.QuerySynchronize),
			Granted: func(m *object.Meta, err error) error { return t.mayReadNative(c, m, err) },
		},
		Bucket: c.toBucket, Name: c.toName, Owner: t.writerNative(c, c.toBucket),
	})
	if err != nil {
		return err
	}
	t.metrics.putBytes.Add(float64(meta.Size))
	info := api.NewObjectInfo(api.BucketOf(c.toBucket), c.toName.Key, &meta, t.cfg.ID)
	api.SetObjectHeaders(&c.ctx.Response.Header, &info)
	return nil
}
