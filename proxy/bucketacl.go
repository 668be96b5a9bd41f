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
	b, err := p.freshS3Bucket(r)
	if err != nil {
		return err
	}
	acl, err := auth.DecodeACL(b.Documents.ACL)
	if err != nil {
		return object.E("proxy.serveBucketACL", b.Name, object.Corrupt, err)
	}
	if b.Documents.Ownership == auth.BucketOwnerEnforced {
		acl = nil
	}
	owners := access.Owners(p.cluster.State(), b)
	r.WriteXML(func(out []byte) []byte { return s3api.AppendACL(out, owners(""), acl, owners) })
	return nil
}

// servePutBucketACL answers PutBucketAcl. While the cluster has no users the ACL
// is kept and has no effect.
func (p *Proxy) servePutBucketACL(r *s3api.Request) error {
	b, err := p.freshS3Bucket(r)
	if err != nil {
		return err
	}
	acl, _, err := s3api.ParseACLRequest(r, access.OwnerID(b, ""), "", access.Finder(p.cluster.State()))
	if err != nil {
		return err
	}
	return p.changeBucket(b, func(b *cluster.Bucket) error {
		if b.Documents.Ownership == auth.BucketOwnerEnforced && !s3api.Enforceable(r, acl, access.OwnerID(b, "")) {
			return s3api.ACLNotSupported
		}
		return setACL(b, acl)
	})
}

// setACL sets the ACL of a bucket where its ownership and public access block let
// it have that.
func setACL(b *cluster.Bucket, acl auth.ACL) error {
	if b.Documents.Ownership == auth.BucketOwnerEnforced {
		if !s3api.OwnerOnly(acl, access.OwnerID(b, "")) {
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
