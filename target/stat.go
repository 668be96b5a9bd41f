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
	var meta object.Meta
	if _, ok := c.bucket.Remote(); ok {
		meta, err = t.statRemote(c.bucket, c.name, t.wish(c, version))
	} else {
		meta, err = t.store.Stat(c.name, version)
		err = t.seen(c, &meta, err)
	}
	if err != nil {
		return object.Meta{}, err
	}
	c.showVersion(&meta)
	return meta, nil
}

// seen is granted, and has the answer say where a delete marker is the reason that
// there is nothing.
func (t *Target) seen(c *call, m *object.Meta, err error) error {
	err = t.granted(c, m, err)
	if err == nil || !m.DeleteMarker {
		return err
	}
	if kind := object.KindOf(err); kind == object.NotFound || kind == object.DeleteMarked {
		c.r.Marker(m)
	}
	return err
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

// newVersion says in the answer which version a write has made, if it has one of
// its own.
func (c *call) newVersion(m *object.Meta) {
	if id := versionOf(m); id != "" {
		s3api.WriteVersion(c.r, id)
	}
}

// showVersion says in the answer which version it is about, in a bucket that has or
// had versions; of a remote object the remote's.
func (c *call) showVersion(m *object.Meta) {
	if fromRemote(m) {
		if id, ok := m.Custom[object.CustomVersion]; ok {
			s3api.WriteVersion(c.r, id)
		}
		return
	}
	if c.bucket.Versioning != object.Unversioned || m.VersionID != "" {
		s3api.WriteVersion(c.r, m.VersionID)
	}
}
