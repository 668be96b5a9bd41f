package target

import (
	"ais/cluster"
	"ais/object"
	"ais/s3api"
)

// servePart answers UploadPart.
func (t *Target) servePart(c *call) error {
	number, id, err := c.r.Part()
	if err != nil {
		return err
	}
	u, err := t.store.Upload(c.name, id)
	if err != nil {
		return err
	}
	body, err := c.r.Body()
	if err != nil {
		return err
	}
	if err := s3api.CheckPartSum(&u, body.Announced()); err != nil {
		return err
	}
	if u.Algorithm != object.NoChecksum {
		body.Want(u.Algorithm)
	}
	p, err := t.PutPart(c.bucket, &u, number, body)
	if err != nil {
		return err
	}
	t.metrics.putBytes.Add(float64(p.Size))
	s3api.WriteETag(c.r, p.ETag)
	s3api.WriteSums(c.r, p.Sums, 0)
	return nil
}

// PutPart stores what p delivers as a part of the upload, in place of an older
// part of that number.
func (t *Target) PutPart(b *cluster.Bucket, u *object.Upload, number int, p Payload) (object.Part, error) {
	through, id, err := t.throughUpload(b, u)
	if err != nil {
		return object.Part{}, err
	}
	w, err := t.store.CreatePart(u.Name, u.ID, number, writeOptions(b, p.Size()))
	if err != nil {
		return object.Part{}, err
	}
	defer w.Abort()
	sum, err := receive(w, p, b.Props.Checksum.Type)
	if err != nil {
		return object.Part{}, err
	}
	part := object.Part{Number: number, ETag: etag(sum), Checksum: sum, Sums: p.Sums()}
	if u.Algorithm != object.NoChecksum {
		if _, ok := object.Find(part.Sums, u.Algorithm); !ok {
			part.Sums = append(part.Sums, p.Sum(u.Algorithm))
		}
	}
	if through != nil {
		return through.putPart(u, id, part, w)
	}
	return w.CommitPart(part)
}

// servePartCopy answers UploadPartCopy.
func (t *Target) servePartCopy(c *call) error {
	number, id, err := c.r.Part()
	if err != nil {
		return err
	}
	u, err := t.store.Upload(c.name, id)
	if err != nil {
		return err
	}
	from, err := t.copySource(c)
	if err != nil {
		return err
	}
	copyRange, _ := s3api.CopyRange(c.r)
	p, version, err := t.CopyPart(c.bucket, &u, number, from, s3api.ParseCopyCond(c.r), copyRange)
	if err != nil {
		return err
	}
	t.metrics.putBytes.Add(float64(p.Size))
	from.showVersion(c.r, version)
	c.r.WriteXML(func(b []byte) []byte { return s3api.AppendCopyPart(b, &p) })
	return nil
}

// CopyPart makes a part of the upload from bytes of a version of another object,
// whose id it returns: those that the header copyRange names, all of them where it
// is empty.
func (t *Target) CopyPart(b *cluster.Bucket, u *object.Upload, number int, from CopySource, cond object.Cond, copyRange string) (p object.Part, version string, err error) {
	src, err := t.source(from)
	if err != nil {
		return object.Part{}, "", err
	}
	defer src.Close()
	if err := cond.CheckCopy(src.Meta()); err != nil {
		return object.Part{}, "", err
	}
	p, err = t.copyPart(b, u, number, src, copyRange)
	return p, versionOf(src.Meta()), err
}

func (t *Target) copyPart(b *cluster.Bucket, u *object.Upload, number int, src *source, copyRange string) (_ object.Part, err error) {
	r := object.Range{Length: src.Meta().Size}
	if copyRange != "" {
		if r, err = object.ParseCopyRange(copyRange, src.Meta().Size); err != nil {
			return object.Part{}, err
		}
	}
	if r.Length > object.MaxPutSize {
		return object.Part{}, object.E("target.CopyPart", src.from.Name.Key, object.TooLarge, nil)
	}
	bytes, err := src.Range(r)
	if err != nil {
		return object.Part{}, err
	}
	defer bytes.Close()
	return t.PutPart(b, u, number, newStream(bytes, r.Length, nil, wanted(u)...))
}

// wanted returns the additional checksum that the upload's parts must have.
func wanted(u *object.Upload) []object.Algorithm {
	if u.Algorithm == object.NoChecksum {
		return nil
	}
	return []object.Algorithm{u.Algorithm}
}
