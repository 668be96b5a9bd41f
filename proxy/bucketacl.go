package proxy

import (
	"ais/access"
	"ais/auth"
	"ais/cluster"
	"ais/object"
	"ais/s3api"
)

// serveBucketACL answers GetBucketAcl.
func (p *Proxy) serveBucketACL(r *s3api.Request) error {
	b, err := p.freshBucket(object.AIS, r.Bucket)
	if err != nil {
		return err
	}
	acl, err := auth.DecodeACL(b.Documents.ACL)
	if err != nil {
		return object.E("proxy.serveBucketACL", b.Name, object.Corrupt, err)
	}
	if b.Documents.Ownership == ownerEnforced {
		acl = nil
	}
	owners := p.owners(b)
	r.WriteXML(func(out []byte) []byte { return s3api.AppendACL(out, owners(""), acl, owners) })
	return nil
}

// servePutBucketACL answers PutBucketAcl. While the cluster has no users the ACL
// is kept and has no effect.
func (p *Proxy) servePutBucketACL(r *s3api.Request) error {
	b, err := p.freshBucket(object.AIS, r.Bucket)
	if err != nil {
		return err
	}
	acl, _, err := s3api.ParseACLRequest(r, ownerID(b), "", p.findUser())
	if err != nil {
		return err
	}
	return p.changeBucket(b, func(b *cluster.Bucket) error {
		if b.Documents.Ownership == ownerEnforced && !s3api.Enforceable(r, acl, ownerID(b)) {
			return s3api.ACLNotSupported
		}
		return setACL(b, acl)
	})
}

// setACL sets the ACL of a bucket where its ownership and public access block let
// it have that.
func setACL(b *cluster.Bucket, acl auth.ACL) error {
	if b.Documents.Ownership == ownerEnforced {
		if !s3api.OwnerOnly(acl, ownerID(b)) {
			return s3api.ACLNotSupported
		}
		acl = nil
	}
	block, err := publicAccess(b)
	if err != nil {
		return err
	}
	if block.BlockPublicAcls && acl.Public() {
		return s3api.AccessDenied
	}
	b.Documents.ACL = acl.Encode()
	return nil
}

// ownerID returns the id that ACLs have for the owner of a bucket.
func ownerID(b *cluster.Bucket) string {
	if b.Owner == "" {
		return s3api.Anyone.ID
	}
	return b.Owner
}

// owners tells who owns what in a bucket, "" being the bucket's own owner.
func (p *Proxy) owners(b *cluster.Bucket) s3api.Owners {
	state := p.cluster.State()
	return func(id string) s3api.Owner {
		if id == "" {
			id = b.Owner
		}
		return access.Owner(state, id)
	}
}

// findUser finds whom a grant is for; nil while there are no users.
func (p *Proxy) findUser() s3api.FindUser {
	state := p.cluster.State()
	if !state.Config.Auth {
		return nil
	}
	return func(name string) (string, bool) { return access.FindUser(state, name) }
}
