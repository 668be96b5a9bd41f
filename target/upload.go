package target

import (
	"ais/access"
	"crypto/rand"

	"ais/cluster"
	"ais/object"
	"ais/s3api"
)

// serveCreateUpload answers CreateMultipartUpload.
func (t *Target) serveCreateUpload(c *call) error {
	meta, err := s3api.ParseMeta(c.r)
	if err != nil {
		return err
	}
	if err := t.describe(c, &meta); err != nil {
		return err
	}
	algorithm, composite, err := s3api.ParseUploadSum(c.r)
	if err != nil {
		return err
	}
	u, err := t.CreateUpload(c.bucket, object.Upload{
		Name: c.name, Meta: meta, Algorithm: algorithm, Composite: composite,
	})
	if err != nil {
		return err
	}
	if algorithm != object.NoChecksum {
		s3api.WriteUploadSum(c.r, algorithm, composite)
	}
	c.r.WriteXML(func(b []byte) []byte { return s3api.AppendInitiate(b, c.r.Bucket, c.r.Key, u.ID) })
	return nil
}

// CreateUpload begins a multipart upload whose home is this target, and gives
// it its id.
func (t *Target) CreateUpload(b *cluster.Bucket, u object.Upload) (object.Upload, error) {
	u.ID = cluster.NewUploadID(rand.Text(), t.cfg.ID)
	u.Initiated = t.cfg.Now().UTC()
	here := func() error {
		_, err := t.commit(b, func(object.Versioning) (object.Meta, error) {
			return object.Meta{}, t.store.Begin(u, b.Props.Durability)
		})
		return err
	}
	w, err := t.through(b)
	switch {
	case err != nil:
	case w != nil:
		err = w.begin(&u, here)
	default:
		err = here()
	}
	return u, err
}

// serveAbortUpload answers AbortMultipartUpload.
func (t *Target) serveAbortUpload(c *call) error {
	if err := t.AbortUpload(c.bucket, c.name, c.r.UploadID()); err != nil {
		return err
	}
	c.r.NoContent()
	return nil
}

// AbortUpload ends an upload and removes its parts.
func (t *Target) AbortUpload(b *cluster.Bucket, n object.Name, id string) error {
	u, err := t.store.Upload(n, id)
	if err != nil {
		return err
	}
	if err := t.abortThere(b, &u); err != nil {
		return err
	}
	return t.store.Discard(n, id)
}

// serveListParts answers ListParts.
func (t *Target) serveListParts(c *call) error {
	after, limit, encodeURL, err := s3api.ParseListParts(c.r)
	if err != nil {
		return err
	}
	u, err := t.store.Upload(c.name, c.r.UploadID())
	if err != nil {
		return err
	}
	parts, truncated, err := t.store.Parts(c.name, u.ID, after, limit)
	if err != nil {
		return err
	}
	page := s3api.PartsPage{
		Bucket: c.r.Bucket, Key: c.r.Key, Upload: u, After: after, Limit: limit, EncodeURL: encodeURL, Parts: parts, Truncated: truncated,
	}
	owner := access.Owners(t.cluster.State(), c.bucket)(u.Meta.Owner)
	c.r.WriteXML(func(b []byte) []byte { return s3api.AppendListParts(b, &page, owner) })
	return nil
}
