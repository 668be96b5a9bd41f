package target

import (
	"errors"
	"maps"

	"ais/cluster"
	"ais/fs"
	"ais/object"
	"ais/s3api"
)

// serveCopy answers CopyObject. The target of the new name does the work; it
// reads the source where that lives.
func (t *Target) serveCopy(c *call) error {
	req, err := t.parseCopy(c)
	if err != nil {
		return err
	}
	meta, from, err := t.Copy(req)
	if err != nil {
		return err
	}
	t.metrics.putBytes.Add(float64(meta.Size))
	t.showExpiry(c, &meta)
	c.newVersion(&meta)
	req.Source.showVersion(c.r, from)
	c.r.WriteXML(func(b []byte) []byte { return s3api.AppendCopyObject(b, &meta) })
	return nil
}

// CopyRequest is a copy of one object to another name.
type CopyRequest struct {
	Source       CopySource
	SourceCond   object.Cond
	Bucket       *cluster.Bucket
	Name         object.Name
	Cond         object.Cond
	Replace      bool // Header and User are given, not the source's
	Header       object.Header
	User         map[string]string
	ReplaceTags  bool // Tags are given, not the source's
	Tags         map[string]string
	Owner, ACL   string // never the source's
	StorageClass string
	Algorithm    object.Algorithm // the copy must have this additional checksum; NoChecksum: what the source has
}

func (t *Target) parseCopy(c *call) (req CopyRequest, err error) {
	req = CopyRequest{Bucket: c.bucket, Name: c.name, SourceCond: s3api.ParseCopyCond(c.r)}
	if req.Source, err = t.copySource(c); err != nil {
		return req, err
	}
	if req.Cond, err = s3api.ParseCond(c.r); err != nil {
		return req, err
	}
	if req.StorageClass, err = s3api.ParseStorageClass(c.r); err != nil {
		return req, err
	}
	if req.Replace, err = s3api.ParseDirective(c.r); err != nil {
		return req, err
	}
	if req.Replace {
		if req.Header, req.User, err = s3api.ParseHeader(c.r); err != nil {
			return req, err
		}
	}
	if req.ReplaceTags, err = s3api.ParseTaggingDirective(c.r); err != nil {
		return req, err
	}
	var rights object.Meta
	if err := t.describe(c, &rights); err != nil {
		return req, err
	}
	req.Tags, req.Owner, req.ACL = rights.Tags, rights.Owner, rights.ACL
	if name := c.r.Header("x-amz-checksum-algorithm"); name != "" {
		if req.Algorithm, err = object.ParseAlgorithm(name); err != nil || !req.Algorithm.S3() {
			return req, s3api.InvalidRequest.Say("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
		}
	}
	if req.Source.Name == req.Name && req.Source.Version == "" && !req.Replace && !req.ReplaceTags && req.StorageClass == "" && req.Algorithm == object.NoChecksum {
		return req, s3api.InvalidRequest.Say("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	return req, nil
}

// CopySource is what a copy is made from.
type CopySource struct {
	Bucket  *cluster.Bucket
	Name    object.Name
	Version string // as S3 shows it; "" is the current one
	Latest  bool   // what is here of a remote object is compared with the remote's first
	Sync    bool   // likewise, and where the remote has none, it goes here

	// Granted decides whether the object that was found, or not found, may be read.
	Granted func(m *object.Meta, err error) error
}

// copySource returns what x-amz-copy-source names.
func (t *Target) copySource(c *call) (CopySource, error) {
	bucket, key, version, err := s3api.ParseCopySource(c.r)
	if err != nil {
		return CopySource{}, err
	}
	b, err := t.sourceBucket(c.r, bucket)
	if err != nil {
		return CopySource{}, err
	}
	if err := s3api.CheckSourceOwner(c.r, b.Owner); err != nil {
		return CopySource{}, err
	}
	if err := checkVersionOf(b, version); err != nil {
		return CopySource{}, err
	}
	return CopySource{
		Bucket: b, Name: object.Name{Bucket: b.ID, Key: key}, Version: version,
		Granted: func(m *object.Meta, err error) error { return t.sourceGranted(c, b, key, version, m, err) },
	}, nil
}

// showVersion says in the answer which version was copied, in a bucket that has or
// had versions.
func (from *CopySource) showVersion(r *s3api.Request, version string) {
	if from.Bucket.Versioning != object.Unversioned || version != "" {
		s3api.WriteCopyVersion(r, version)
	}
}

// Copy copies a version of an object, whose id it returns. Where both names live
// on one mountpath of this target and the bytes need no new checksum, no byte moves.
func (t *Target) Copy(req CopyRequest) (meta object.Meta, from string, err error) {
	if w, err := t.through(req.Bucket); err != nil {
		return object.Meta{}, "", err
	} else if w != nil {
		if meta, from, err = w.copy(&req); !errors.Is(err, errMoveBytes) {
			return meta, from, err
		}
	}
	src, err := t.source(req.Source)
	if err != nil {
		return object.Meta{}, "", err
	}
	defer src.Close()
	if err := req.SourceCond.CheckCopy(src.Meta()); err != nil {
		return object.Meta{}, "", err
	}
	meta, err = t.copy(&req, src)
	return meta, versionOf(src.Meta()), err
}

func (t *Target) copy(req *CopyRequest, src *source) (object.Meta, error) {
	meta := req.describe(src.Meta())
	if _, through := req.Bucket.Remote(); src.local && !through && req.shares(src.Meta()) {
		same := func(now *object.Meta) error {
			if now.Version != src.Meta().Version {
				return object.E("target.Copy", req.Source.Name.Key, object.Busy, nil)
			}
			return nil
		}
		return t.commit(req.Bucket, func(v object.Versioning) (object.Meta, error) {
			return t.store.Copy(req.Source.Name, src.version, req.Name, meta, same, fs.Terms{Cond: req.Cond, Versioning: v}, req.Bucket.Props.Durability)
		})
	}
	bytes, err := src.Range(object.Range{Length: meta.Size})
	if err != nil {
		return object.Meta{}, err
	}
	defer bytes.Close()
	var keep []object.Algorithm
	if req.Algorithm != object.NoChecksum {
		keep = append(keep, req.Algorithm)
	} else {
		for _, s := range src.Meta().Sums {
			keep = append(keep, s.Algorithm)
		}
	}
	meta.Parts, meta.Sums, meta.ETag = nil, nil, ""
	return t.Put(req.Bucket, req.Name, meta, req.Cond, newStream(bytes, meta.Size, nil, keep...))
}

// describe returns the metadata of the copy of an object described by src.
func (req *CopyRequest) describe(src *object.Meta) object.Meta {
	m := object.Meta{
		Size: src.Size, ETag: src.ETag, Checksum: src.Checksum, Sums: src.Sums, Parts: src.Parts,
		Header: src.Header, User: maps.Clone(src.User), StorageClass: req.StorageClass,
		Tags: maps.Clone(src.Tags), Owner: req.Owner, ACL: req.ACL, Custom: object.OwnCustom(src.Custom),
	}
	if req.ReplaceTags {
		m.Tags = req.Tags
	}
	m.Header.WebsiteRedirect = "" // never copied (S3, CopyObject)
	if req.Replace {
		m.Header, m.User, m.Custom = req.Header, req.User, nil
	}
	return m
}

// shares reports whether the copy can have the source's checksums, so that its
// bytes need not be read.
func (req *CopyRequest) shares(src *object.Meta) bool {
	if req.Algorithm != object.NoChecksum {
		if _, ok := object.Find(src.Sums, req.Algorithm); !ok {
			return false
		}
	}
	return src.Checksum.Algorithm == req.Bucket.Props.Checksum.Type
}
