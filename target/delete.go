package target

import (
	"ais/access"
	"ais/cluster"
	"ais/fs"
	"ais/object"
	"ais/s3api"
)

// serveDelete answers DeleteObject. Deleting what is not there succeeds.
func (t *Target) serveDelete(c *call) error {
	version, _, err := c.r.VersionID()
	if err != nil {
		return err
	}
	cond, err := s3api.ParseCond(c.r)
	if err != nil {
		return err
	}
	removed, err := t.Delete(c.bucket, c.name, version, cond, access.Writer(c.r.Who, c.bucket))
	switch {
	case err == nil && version == "" && removed.DeleteMarker:
		version = object.ShownVersion(removed.VersionID)
	case err != nil && !absent(err):
		return err
	}
	if version != "" {
		s3api.WriteDeleted(c.r, version, removed.DeleteMarker)
	}
	c.r.NoContent()
	return nil
}

// absent reports whether a delete found nothing there. It then did what was asked.
func absent(err error) bool {
	if err == nil {
		return false
	}
	kind := object.KindOf(err)
	return kind == object.NotFound || kind == object.NoSuchVersion
}

// Delete removes a version for good, named as S3 shows it, or the object where it
// names none, if cond holds: where the bucket has versions that leaves a delete
// marker of owner. NotFound or NoSuchVersion where there is nothing to remove.
func (t *Target) Delete(b *cluster.Bucket, n object.Name, version string, cond object.Cond, owner string) (removed fs.Removed, err error) {
	if w, err := t.through(b); err != nil {
		return removed, err
	} else if w != nil {
		return removed, w.delete(n, version, cond)
	}
	_, err = t.commit(b, func(v object.Versioning) (_ object.Meta, err error) {
		removed, err = t.store.Remove(n, version, fs.Terms{Cond: cond, Versioning: v, Owner: owner}, b.Props.Durability)
		return object.Meta{}, err
	})
	return removed, err
}

// DeleteMany is Delete for many, in as few writes as that takes. What is not there
// is removed already.
func (t *Target) DeleteMany(b *cluster.Bucket, list []fs.Removal, owner string) ([]fs.Removed, []error) {
	var removed []fs.Removed
	var errs []error
	w, err := t.through(b)
	switch {
	case err != nil:
	case w != nil:
		removed, errs = make([]fs.Removed, len(list)), w.deleteMany(list)
	default:
		_, err = t.commit(b, func(v object.Versioning) (object.Meta, error) {
			removed, errs = t.store.RemoveMany(list, fs.Terms{Versioning: v, Owner: owner}, b.Props.Durability)
			return object.Meta{}, nil
		})
	}
	if err != nil {
		removed, errs = make([]fs.Removed, len(list)), make([]error, len(list))
	}
	for i := range errs {
		switch {
		case err != nil:
			errs[i] = err
		case absent(errs[i]):
			errs[i] = nil
		}
	}
	return removed, errs
}
