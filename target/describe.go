package target

import (
	"ais/access"
	"ais/auth"
	"ais/object"
	"ais/s3api"
)

// describe fills in what a write says about the object to be besides its content:
// who owns it, who else may use it, and its tags.
func (t *Target) describe(c *call, m *object.Meta) error {
	tags, _, err := s3api.ParseTaggingHeader(c.r)
	if err != nil {
		return err
	}
	m.Tags = tags
	m.Owner = access.Writer(c.r.Who, c.bucket)
	acl, set, err := s3api.ParseACLRequest(c.r, access.OwnerID(c.bucket, m.Owner), access.OwnerID(c.bucket, ""), access.Finder(t.cluster.State()))
	if err != nil {
		return err
	}
	if m.Owner, acl, err = t.ownership(c, m.Owner, acl, set); err != nil {
		return err
	}
	if _, remote := c.bucket.Remote(); remote && len(acl) > 0 {
		return remoteOnly[s3api.PutObjectACL]
	}
	m.ACL = acl.Encode()
	return nil
}

// ownership applies the bucket's object ownership and its block of public access to
// an ACL that a request sets, or does not set, for an object of owner. It returns
// whose the object is, and the ACL that it has.
func (t *Target) ownership(c *call, owner string, acl auth.ACL, set bool) (string, auth.ACL, error) {
	if c.bucket.Documents.Ownership == auth.BucketOwnerEnforced {
		if set && !s3api.Enforceable(c.r, acl, access.OwnerID(c.bucket, "")) {
			return "", nil, s3api.ACLNotSupported
		}
		return "", nil, nil
	}
	if !set {
		return owner, nil, nil
	}
	if acl.Public() && t.access.Bucket(c.bucket).Block.BlockPublicAcls {
		return "", nil, s3api.AccessDenied
	}
	if c.bucket.Documents.Ownership == auth.BucketOwnerPreferred && s3api.AmzHeader(c.r.Ctx(), "X-Amz-Acl") == "bucket-owner-full-control" {
		return "", nil, nil
	}
	return owner, acl, nil
}
