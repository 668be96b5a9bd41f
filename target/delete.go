package target

import (
	"slices"

	"ais/cluster"
	"ais/fs"
	"ais/object"
	"ais/s3api"
)

// serveDelete answers DeleteObject. Deleting what is not there succeeds.
func (t *Target) serveDelete(c *call) error {
	cond, err := s3api.ParseCond(c.r)
	if err != nil {
		return err
	}
	if err := absentIsDone(t.Delete(c.bucket, c.name, cond), cond); err != nil {
		return err
	}
	c.r.NoContent()
	return nil
}

// Delete removes the object if cond holds; NotFound where there is none.
func (t *Target) Delete(b *cluster.Bucket, n object.Name, cond object.Cond) error {
	_, err := t.commit(b, func(v object.Versioning) (object.Meta, error) {
		_, err := t.store.Remove(n, "", fs.Terms{Cond: cond, Versioning: v}, b.Props.Durability)
		return object.Meta{}, err
	})
	return err
}

// DeleteMany removes the keys, those that are not there too, and returns an
// error, or nil, for each. A key whose index has a condition in conds is removed
// if that holds.
func (t *Target) DeleteMany(b *cluster.Bucket, keys []string, conds map[int]object.Cond) []error {
	names := make([]fs.Removal, len(keys))
	for i, key := range keys {
		names[i].Name = object.Name{Bucket: b.ID, Key: key}
	}
	if len(conds) > 0 {
		errs := make([]error, len(names))
		for i, n := range names {
			errs[i] = absentIsDone(t.Delete(b, n.Name, conds[i]), conds[i])
		}
		return errs
	}
	var errs []error
	_, err := t.commit(b, func(v object.Versioning) (object.Meta, error) {
		_, errs = t.store.RemoveMany(names, fs.Terms{Versioning: v}, b.Props.Durability)
		return object.Meta{}, nil
	})
	if err != nil {
		errs = slices.Repeat([]error{err}, len(names))
	}
	for i := range errs {
		errs[i] = absentIsDone(errs[i], object.Cond{})
	}
	return errs
}

// absentIsDone takes a delete of what is not there for a success, but where
// something had to be there.
func absentIsDone(err error, cond object.Cond) error {
	if err != nil && object.KindOf(err) == object.NotFound && cond.IfMatch == "" {
		return nil
	}
	return err
}
