package target

import (
	"net/http"

	"ais/s3api"
)

// serveAttributes answers GetObjectAttributes.
func (t *Target) serveAttributes(c *call) error {
	asked, err := s3api.ParseAttributes(c.r)
	if err != nil {
		return err
	}
	meta, err := t.stat(c)
	if err != nil {
		return err
	}
	c.r.SetHeader("Last-Modified", meta.Modified.UTC().Format(http.TimeFormat))
	c.r.WriteXML(func(b []byte) []byte { return s3api.AppendAttributes(b, asked, &meta) })
	return nil
}
