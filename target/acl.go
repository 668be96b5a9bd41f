package target

import (
	"ais/access"
	"ais/auth"
	"ais/object"
	"ais/s3api"
)

// serveGetACL answers GetObjectAcl.
func (t *Target) serveGetACL(c *call) error {
	meta, err := t.stat(c)
	if err != nil {
		return err
	}
	acl, err := auth.DecodeACL(meta.ACL)
	if err != nil {
		return err
	}
	if c.bucket.Documents.Ownership == auth.BucketOwnerEnforced {
		meta.Owner, acl = "", nil // ACLs from before are not in force
	}
	owners := access.Owners(t.cluster.State(), c.bucket)
	c.r.WriteXML(func(b []byte) []byte { return s3api.AppendACL(b, owners(meta.Owner), acl, owners) })
	return nil
}

// servePutACL answers PutObjectAcl.
func (t *Target) servePutACL(c *call) error {
	meta, err := t.stat(c)
	if err != nil {
		return err
	}
	acl, _, err := s3api.ParseACLRequest(c.r, access.OwnerID(c.bucket, meta.Owner), access.OwnerID(c.bucket, ""), access.Finder(t.cluster.State()))
	if err != nil {
		return err
	}
	owner, acl, err := t.ownership(c, meta.Owner, acl, true)
	if err != nil {
		return err
	}
	return t.update(c, func(m *object.Meta) error {
		if m.Owner != meta.Owner { // another object by now, for which this is not
			return object.E("target.PutACL", c.name.Key, object.Busy, nil)
		}
		m.Owner, m.ACL = owner, acl.Encode()
		return nil
	})
}
