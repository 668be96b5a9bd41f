package proxy

import (
	"errors"

	"ais/auth"
	"ais/cluster"
	"ais/object"
	"ais/s3api"
)

// serveGetPolicy answers GetBucketPolicy with the document as it was given.
func (p *Proxy) serveGetPolicy(r *s3api.Request) error {
	b, err := p.freshS3Bucket(r)
	if err != nil {
		return err
	}
	if b.Documents.Policy == "" {
		return r.WriteUnconfigured()
	}
	r.SetHeader("Content-Type", "application/json")
	r.Bytes([]byte(b.Documents.Policy))
	return nil
}

// servePutPolicy answers PutBucketPolicy.
func (p *Proxy) servePutPolicy(r *s3api.Request) error {
	b, document, err := p.configDocument(r, s3api.MaxConfigBody)
	if err != nil {
		return err
	}
	policy, err := parsePolicy(document, r.Bucket)
	if err != nil {
		return err
	}
	err = p.changeBucket(b, func(b *cluster.Bucket) error {
		b.Documents.Policy = string(document)
		return takesPolicy(b, policy)
	})
	if err == nil {
		r.NoContent()
	}
	return err
}

// parsePolicy reads the policy of a bucket. What is none is MalformedPolicy, and
// says why.
func parsePolicy(document []byte, bucket string) (*auth.Policy, error) {
	policy, err := auth.ParsePolicy(document)
	if err == nil {
		err = policy.CheckBucket(bucket)
	}
	if why := auth.PolicyError(""); errors.As(err, &why) {
		return nil, s3api.MalformedPolicy.Say(why.Error())
	}
	if err != nil {
		return nil, err
	}
	return policy, nil
}

// takesPolicy refuses a public policy where the bucket takes none.
func takesPolicy(b *cluster.Bucket, policy *auth.Policy) error {
	block, err := publicAccess(b)
	if err != nil {
		return err
	}
	if block.BlockPublicPolicy && policy.Public() {
		return s3api.AccessDenied
	}
	return nil
}

// serveDeletePolicy answers DeleteBucketPolicy.
func (p *Proxy) serveDeletePolicy(r *s3api.Request) error {
	b, err := p.freshS3Bucket(r)
	if err != nil {
		return err
	}
	err = p.changeBucket(b, func(b *cluster.Bucket) error {
		b.Documents.Policy = ""
		return nil
	})
	if err == nil {
		r.NoContent()
	}
	return err
}

// servePolicyStatus answers GetBucketPolicyStatus: whether the policy or the ACL
// opens the bucket to everybody. A bucket without a policy has a status too.
func (p *Proxy) servePolicyStatus(r *s3api.Request) error {
	b, err := p.freshS3Bucket(r)
	if err != nil {
		return err
	}
	public, err := isPublic(b)
	if err != nil {
		return err
	}
	r.WriteXML(func(out []byte) []byte { return s3api.AppendPolicyStatus(out, public) })
	return nil
}

func isPublic(b *cluster.Bucket) (bool, error) {
	if b.Documents.Policy != "" {
		policy, err := auth.ParsePolicy([]byte(b.Documents.Policy))
		if err != nil || policy.Public() {
			return err == nil, err
		}
	}
	acl, err := auth.DecodeACL(b.Documents.ACL)
	if err != nil {
		return false, object.E("proxy.isPublic", b.Name, object.Corrupt, err)
	}
	block, err := publicAccess(b)
	inForce := !block.IgnorePublicAcls && b.Documents.Ownership != auth.BucketOwnerEnforced
	return inForce && acl.Public(), err
}
