package target

import (
	"ais/cluster"
	"ais/fs"
	"ais/object"
	"ais/s3api"
)

// serveComplete answers CompleteMultipartUpload.
func (t *Target) serveComplete(c *call) error {
	cond, err := s3api.ParseCond(c.r)
	if err != nil {
		return err
	}
	document, err := c.r.ControlBody(s3api.MaxControlBody)
	if err != nil {
		return err
	}
	listed, err := s3api.ParseComplete(document)
	if err != nil {
		return err
	}
	announced, err := s3api.ParseCompletion(c.r)
	if err != nil {
		return err
	}
	meta, err := t.Complete(c.bucket, c.name, c.r.UploadID(), listed, announced, cond)
	if err != nil {
		return err
	}
	t.showExpiry(c, &meta)
	c.newVersion(&meta)
	location := scheme(c.r.Ctx()) + "://" + string(c.r.Ctx().Host()) + c.r.RawPath()
	c.r.WriteXML(func(b []byte) []byte { return s3api.AppendComplete(b, location, c.r.Bucket, c.r.Key, &meta) })
	return nil
}

// Complete makes the object from the listed parts, if cond holds, without
// touching their bytes. What was announced of the object must be what the parts
// give.
func (t *Target) Complete(b *cluster.Bucket, n object.Name, id string, listed []object.Listed, announced s3api.Completion, cond object.Cond) (object.Meta, error) {
	u, err := t.store.Upload(n, id)
	if err == nil {
		w, there, err := t.throughUpload(b, &u)
		if err != nil {
			return object.Meta{}, err
		}
		if w != nil {
			return w.complete(&u, there, listed, announced, cond)
		}
	} else if object.KindOf(err) != object.NoSuchUpload { // it may have ended with the object that it was to make
		return object.Meta{}, err
	}
	finish := func(parts []object.Part, u object.Upload) (object.Meta, error) {
		return assembled(&u, parts, announced)
	}
	return t.commit(b, func(v object.Versioning) (object.Meta, error) {
		return t.store.Publish(n, id, listed, b.Props.Multipart.MinPartSize, finish, fs.Terms{Cond: cond, Versioning: v}, b.Props.Durability)
	})
}

// assembled returns the metadata of the object that parts of u make, if that is
// what was announced.
func assembled(u *object.Upload, parts []object.Part, announced s3api.Completion) (object.Meta, error) {
	m := u.Meta
	m.ETag = object.MultipartETag(parts)
	m.Parts, m.Size = parts, sizeOf(parts)
	if sum, ok := uploadSum(u, parts); ok {
		m.Sums = []object.Checksum{sum}
	}
	return m, announced.Check(u, m.Size, m.Sums)
}

// uploadSum returns the additional checksum of the object that parts make: of
// the algorithm and kind that the upload was begun with.
func uploadSum(u *object.Upload, parts []object.Part) (object.Checksum, bool) {
	switch {
	case u.Algorithm == object.NoChecksum:
		return object.Checksum{}, false
	case u.Composite:
		return object.CompositeSum(u.Algorithm, parts)
	}
	return object.FullSum(u.Algorithm, parts)
}

// sizeOf returns the size of the object that parts make.
func sizeOf(parts []object.Part) (size int64) {
	for i := range parts {
		size += parts[i].Size
	}
	return size
}
