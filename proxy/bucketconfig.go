package proxy

import (
	"context"

	"ais/access"
	"ais/auth"
	"ais/cluster"
	"ais/object"
	"ais/s3api"
)

// bucketConfig is one of the configurations that a bucket has as a document: how it
// is read, where it is kept, and how it is shown.
type bucketConfig struct {
	of func(*cluster.Documents) *string
	// parse returns what is kept of a document that a client sent.
	parse func(document []byte) (string, error)
	// check reports whether the document, as kept, may be set on a bucket as it is; nil
	// is always.
	check func(b *cluster.Bucket, kept string) error
	// show appends the document as it is answered; nil is as it is kept.
	show func(out []byte, kept string) []byte
	// limit is the largest document, in bytes.
	limit int
	// atRemote names what a bucket with a remote one behind it cannot be given.
	atRemote string
	// quiet is set where S3 answers a PUT with 204.
	quiet bool
}

// The configurations. That of a policy and an ACL has more to it.
var (
	corsConfig = bucketConfig{
		of:    func(d *cluster.Documents) *string { return &d.CORS },
		limit: s3api.MaxConfigBody,
		parse: func(document []byte) (string, error) {
			rules, err := s3api.ParseCORS(document)
			return string(s3api.AppendCORS(nil, rules)), err
		},
	}
	lifecycleConfig = bucketConfig{
		of:    func(d *cluster.Documents) *string { return &d.Lifecycle },
		limit: s3api.MaxLifecycleBody, atRemote: "The lifecycle rules of a remote bucket",
		parse: func(document []byte) (string, error) {
			rules, err := s3api.ParseLifecycle(document)
			return string(s3api.AppendLifecycle(nil, rules)), err
		},
	}
	taggingConfig = bucketConfig{
		of:    func(d *cluster.Documents) *string { return &d.Tagging },
		limit: 2 * s3api.MaxConfigBody, // 50 tags of four-byte characters
		quiet: true,
		parse: func(document []byte) (string, error) {
			tags, err := s3api.ParseTagging(document, s3api.MaxBucketTags)
			return string(s3api.AppendTagging(nil, tags)), err
		},
	}
	publicAccessConfig = bucketConfig{
		of:    func(d *cluster.Documents) *string { return &d.PublicAccess },
		limit: s3api.MaxConfigBody,
		parse: func(document []byte) (string, error) {
			block, err := s3api.ParsePublicAccessBlock(document)
			return string(s3api.AppendPublicAccessBlock(nil, block)), err
		},
	}
	ownershipConfig = bucketConfig{
		of:    func(d *cluster.Documents) *string { return &d.Ownership },
		limit: s3api.MaxConfigBody,
		parse: s3api.ParseOwnership,
		check: checkOwnership,
		show:  s3api.AppendOwnership,
	}
)

// serveGet answers the read of the configuration.
func (c *bucketConfig) serveGet(p *Proxy, r *s3api.Request) error {
	b, err := p.freshS3Bucket(r)
	if err != nil {
		return err
	}
	kept := *c.of(&b.Documents)
	if kept == "" {
		return r.WriteUnconfigured()
	}
	r.WriteXML(func(out []byte) []byte {
		if c.show != nil {
			return c.show(out, kept)
		}
		return append(out, kept...)
	})
	return nil
}

// servePut answers the change of the configuration.
func (c *bucketConfig) servePut(p *Proxy, r *s3api.Request) error {
	b, document, err := p.configDocument(r, c.limit)
	if err != nil {
		return err
	}
	kept, err := c.parse(document)
	if err != nil {
		return err
	}
	err = p.changeBucket(b, func(b *cluster.Bucket) error {
		if _, remote := b.Remote(); remote && c.atRemote != "" {
			return errUseRemote(c.atRemote)
		}
		*c.of(&b.Documents) = kept
		if c.check == nil {
			return nil
		}
		return c.check(b, kept)
	})
	if err == nil && c.quiet {
		r.NoContent()
	}
	return err
}

// serveDelete answers the removal of the configuration; there need be none.
func (c *bucketConfig) serveDelete(p *Proxy, r *s3api.Request) error {
	b, err := p.freshS3Bucket(r)
	if err != nil {
		return err
	}
	err = p.changeBucket(b, func(b *cluster.Bucket) error {
		*c.of(&b.Documents) = ""
		return nil
	})
	if err == nil {
		r.NoContent()
	}
	return err
}

// configDocument returns the bucket that a request configures, as etcd has it now,
// and the document in the request's body, of at most limit bytes.
func (p *Proxy) configDocument(r *s3api.Request, limit int) (*cluster.Bucket, []byte, error) {
	b, err := p.freshS3Bucket(r)
	if err != nil {
		return nil, nil, err
	}
	document, err := r.ControlBody(limit)
	return b, document, err
}

// changeBucket changes a bucket. edit sees it as it is stored, and may be called
// several times.
func (p *Proxy) changeBucket(b *cluster.Bucket, edit func(*cluster.Bucket) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.SyncTimeout)
	defer cancel()
	_, err := p.cluster.UpdateBucket(ctx, b, edit)
	return err
}

// checkOwnership refuses to put ACLs out of force while the bucket's own gives
// others anything.
func checkOwnership(b *cluster.Bucket, ownership string) error {
	acl, err := auth.DecodeACL(b.Documents.ACL)
	if err != nil {
		return object.E("proxy.checkOwnership", b.Name, object.Corrupt, err)
	}
	if ownership == auth.BucketOwnerEnforced && !s3api.OwnerOnly(acl, access.OwnerID(b, "")) {
		return s3api.InvalidBucketACL
	}
	return nil
}

// publicAccess returns the public access block of a bucket.
func publicAccess(b *cluster.Bucket) (auth.PublicAccessBlock, error) {
	if b.Documents.PublicAccess == "" {
		return auth.PublicAccessBlock{}, nil
	}
	return s3api.ParsePublicAccessBlock([]byte(b.Documents.PublicAccess))
}

// serveVersioning answers GetBucketVersioning.
func (p *Proxy) serveVersioning(r *s3api.Request) error {
	b, err := p.freshS3Bucket(r)
	if err != nil {
		return err
	}
	versioning := b.Versioning
	if name, remote := b.Remote(); remote {
		info, err := p.lookUp(name, b.Props.Remote)
		if err != nil {
			return err
		}
		if info.Versioned {
			versioning = object.Versioned
		}
	}
	r.WriteXML(func(out []byte) []byte { return s3api.AppendVersioning(out, versioning) })
	return nil
}

// servePutVersioning answers PutBucketVersioning.
func (p *Proxy) servePutVersioning(r *s3api.Request) error {
	b, document, err := p.configDocument(r, s3api.MaxConfigBody)
	if err != nil {
		return err
	}
	versioning, err := s3api.ParseVersioning(document)
	if err != nil {
		return err
	}
	return p.changeBucket(b, func(b *cluster.Bucket) error {
		if _, remote := b.Remote(); remote {
			return errUseRemote("The versions of objects in a remote bucket")
		}
		b.Versioning = versioning
		return nil
	})
}
