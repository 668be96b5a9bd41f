package access

import (
	"ais/auth"
	"ais/cluster"
	"ais/object"
	"ais/s3api"
)

// Bucket returns the rules of a bucket, ready to be decided by.
func (c *Control) Bucket(b *cluster.Bucket) *auth.BucketRules {
	return c.rules.get(b.ID, b, func() *auth.BucketRules { return c.makeRules(b) })
}

func (c *Control) makeRules(b *cluster.Bucket) *auth.BucketRules {
	rules := &auth.BucketRules{Owner: b.Owner, Ownership: b.Documents.Ownership}
	if b.Documents.Policy != "" {
		rules.Policy = c.policy(auth.ParsePolicy, b.Documents.Policy, "of bucket "+b.Name)
	}
	var err error
	if rules.ACL, err = auth.DecodeACL(b.Documents.ACL); err != nil {
		c.cfg.Logger.Error("a stored ACL cannot be read; it grants nothing", "bucket", b.Name, "err", err)
	}
	if b.Documents.PublicAccess == "" {
		return rules
	}
	if rules.Block, err = s3api.ParsePublicAccessBlock([]byte(b.Documents.PublicAccess)); err != nil {
		c.cfg.Logger.Error("a stored public access block cannot be read; it blocks everything", "bucket", b.Name, "err", err)
		rules.Block = auth.PublicAccessBlock{BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true}
	}
	return rules
}

// Object returns the rules of an object by its metadata, or those of one that is
// not there by err.
func (c *Control) Object(m *object.Meta, err error) *auth.ObjectRules {
	if err != nil {
		return &auth.ObjectRules{}
	}
	acl, decodeErr := auth.DecodeACL(m.ACL)
	if decodeErr != nil {
		c.cfg.Logger.Error("a stored ACL cannot be read; it grants nothing", "etag", m.ETag, "err", decodeErr)
		acl = auth.ACL{}
	}
	return &auth.ObjectRules{Exists: true, Owner: m.Owner, ACL: acl, Tags: m.Tags}
}
