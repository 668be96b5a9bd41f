package target

import "ais/s3api"

// serveGetACL answers GetObjectACL: the owner has full control.
func (t *Target) serveGetACL(c *call) error {
	if _, err := t.store.Stat(c.name, ""); err != nil {
		return err
	}
	c.r.WriteXML(func(b []byte) []byte { return s3api.AppendACL(b, s3api.Anyone, nil, nil) })
	return nil
}

// servePutACL answers PutObjectACL: a well-formed ACL is accepted, and has no
// effect while the cluster has no users.
func (t *Target) servePutACL(c *call) error {
	if _, err := t.store.Stat(c.name, ""); err != nil {
		return err
	}
	_, _, err := s3api.ParseACLRequest(c.r, "", "", nil)
	return err
}

// serveUnconfigured answers the read of what an object can have and this one has
// not.
func (t *Target) serveUnconfigured(c *call) error {
	if _, err := t.store.Stat(c.name, ""); err != nil {
		return err
	}
	return c.r.WriteUnconfigured()
}
