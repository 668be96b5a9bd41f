package target

import (
	"ais/access"
	"ais/object"
	"ais/s3api"
)

// serveGetTagging answers GetObjectTagging.
func (t *Target) serveGetTagging(c *call) error {
	meta, err := t.stat(c)
	if err != nil {
		return err
	}
	c.r.WriteXML(func(b []byte) []byte { return s3api.AppendTagging(b, meta.Tags) })
	return nil
}

// servePutTagging answers PutObjectTagging: the tags given take the place of all
// that were there.
func (t *Target) servePutTagging(c *call) error {
	document, err := c.r.ControlBody(s3api.MaxConfigBody)
	if err != nil {
		return err
	}
	tags, err := s3api.ParseTagging(document, s3api.MaxObjectTags)
	if err != nil {
		return err
	}
	access.SetRequestTags(c.r, tags) // policies may ask about them
	if _, err := t.stat(c); err != nil {
		return err
	}
	return t.setTags(c, tags)
}

// serveDeleteTagging answers DeleteObjectTagging.
func (t *Target) serveDeleteTagging(c *call) error {
	if _, err := t.stat(c); err != nil {
		return err
	}
	if err := t.setTags(c, nil); err != nil {
		return err
	}
	c.r.NoContent()
	return nil
}

func (t *Target) setTags(c *call, tags map[string]string) error {
	return t.update(c, func(m *object.Meta) error {
		m.Tags = tags
		return nil
	})
}
