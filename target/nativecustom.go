package target

import (
	"errors"

	"ais/api"
	"ais/object"
)

// nativeCustom gives the object that the call names custom properties. They are of
// this version of the object: the next PUT drops them. Of an object in a remote
// bucket they are of what is kept here, and go when that does.
func (t *Target) nativeCustom(c *nativeCall) error {
	given, err := api.ReadCustom(c.ctx)
	if err != nil {
		return err
	}
	replace := c.ctx.QueryArgs().GetBool(api.QueryReplaceCustom)
	_, err = t.commit(c.bucket, func(object.Versioning) (object.Meta, error) {
		return t.store.Update(c.name, "", c.bucket.Props.Durability, nil, func(m *object.Meta) (err error) {
			m.Custom, err = object.MergeCustom(m.Custom, given, replace)
			return err
		})
	})
	if _, remote := c.bucket.Remote(); !remote || err == nil || object.KindOf(err) != object.NotFound {
		return err
	}
	if _, err := t.statNative(c); err != nil {
		return err
	}
	return object.E("target.custom", c.name.Key, object.Precondition, errors.New("the object is in the remote bucket only, custom properties are of what is kept here: read it first"))
}
