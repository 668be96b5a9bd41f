package target

import (
	"ais/access"
	"ais/auth"
	"ais/cluster"
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
	m.Owner = t.writer(c)
	acl, set, err := s3api.ParseACLRequest(c.r, t.ownerID(c.bucket, m.Owner), t.ownerID(c.bucket, ""), t.findUser())
	if err != nil {
		return err
	}
	if m.Owner, acl, err = t.ownership(c, m.Owner, acl, set); err != nil {
		return err
	}
	m.ACL = acl.Encode()
	return nil
}

// writer returns the id of who owns what the call writes, by itself; "" is the
// bucket's owner, to whom belongs what nobody signed for: else nobody could ever
// read it.
func (t *Target) writer(c *call) string {
	if !t.cluster.State().Config.Auth || c.r.Who.Anonymous() || c.r.Who.ID == c.bucket.Owner {
		return ""
	}
	return c.r.Who.ID
}

// The values of object ownership (S3, "Controlling ownership of objects").
const (
	ownerEnforced  = "BucketOwnerEnforced"
	ownerPreferred = "BucketOwnerPreferred"
)

// ownership applies the bucket's object ownership and its block of public access to
// an ACL that a request sets, or does not set, for an object of owner. It returns
// whose the object is, and the ACL that it has.
func (t *Target) ownership(c *call, owner string, acl auth.ACL, set bool) (string, auth.ACL, error) {
	if c.bucket.Documents.Ownership == ownerEnforced {
		if set && !s3api.Enforceable(c.r, acl, t.ownerID(c.bucket, "")) {
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
	if c.bucket.Documents.Ownership == ownerPreferred && s3api.AmzHeader(c.r.Ctx(), "X-Amz-Acl") == "bucket-owner-full-control" {
		return "", nil, nil
	}
	return owner, acl, nil
}

// ownerID returns the id that grants and answers have for an owner of an object in
// the bucket; "" is the bucket's owner, and while auth is off everybody.
func (t *Target) ownerID(b *cluster.Bucket, owner string) string {
	if owner == "" {
		owner = b.Owner
	}
	if owner == "" {
		owner = s3api.Anyone.ID
	}
	return owner
}

// owners names users in answers about the bucket's objects.
func (t *Target) owners(b *cluster.Bucket) s3api.Owners {
	state := t.cluster.State()
	return func(id string) s3api.Owner { return access.Owner(state, t.ownerID(b, id)) }
}

// findUser finds whom a grant is for; nil while there are no users.
func (t *Target) findUser() s3api.FindUser {
	state := t.cluster.State()
	if !state.Config.Auth {
		return nil
	}
	return func(name string) (string, bool) { return access.FindUser(state, name) }
}
