package target

import (
	"ais/object"
	"ais/s3api"
)

// stat returns the metadata of the version that the call names, if its sender may
// have the operation.
func (t *Target) stat(c *call) (object.Meta, error) {
	version, _, err := c.r.VersionID()
	if err != nil {
		return object.Meta{}, err
	}
	meta, err := t.store.Stat(c.name, version)
	if err = t.granted(c, &meta, err); err != nil {
		if kind := object.KindOf(err); meta.DeleteMarker && (kind == object.NotFound || kind == object.DeleteMarked) {
			c.r.Marker(&meta)
		}
		return object.Meta{}, err
	}
	c.showVersion(&meta)
	return meta, nil
}

// update changes the metadata, not the bytes, of the version that the call names,
// if its sender may have the operation on what is there at that moment.
func (t *Target) update(c *call, change func(*object.Meta) error) error {
	version, _, err := c.r.VersionID()
	if err != nil {
		return err
	}
	meta, err := t.commit(c.bucket, func(object.Versioning) (object.Meta, error) {
		return t.store.Update(c.name, version, c.bucket.Props.Durability, nil, func(m *object.Meta) error {
			if err := t.granted(c, m, nil); err != nil {
				return err
			}
			return change(m)
		})
	})
	if err != nil {
		return err
	}
	c.showVersion(&meta)
	return nil
}

// showVersion says in the answer which version it is about, in a bucket that has or
// had versions.
func (c *call) showVersion(m *object.Meta) {
	if c.bucket.Versioning != object.Unversioned {
		s3api.WriteVersion(c.r, m.VersionID)
	}
}
