package api

import (
	"context"
	"net/http"

	"ais/object"
)

// CopyOptions are the choices of a CopyObject about a source in a remote bucket.
type CopyOptions struct {
	Latest      bool // compare what is kept of the source with the remote bucket first
	Synchronize bool // likewise, and forget what the remote bucket has not any more
}

// CopyObject copies an object to another name, in any bucket, and returns what the
// server says of the copy. The bytes do not pass the client. Kinds: NotFound,
// NoSuchBucket, Invalid for a copy to itself, NoSpace, Unavailable.
func (c *Client) CopyObject(ctx context.Context, from Bucket, key string, to Bucket, toKey string, o CopyOptions) (ObjectInfo, error) {
	for _, k := range []string{key, toKey} {
		if err := object.CheckKey(k); err != nil {
			return ObjectInfo{}, err
		}
	}
	r := bucketCall(http.MethodPut, ObjectPath(from, key), from)
	r.query.Set(QueryCopyTo, to.Unique(toKey))
	if o.Latest {
		r.query.Set(QueryLatest, "true")
	}
	if o.Synchronize {
		r.query.Set(QuerySynchronize, "true")
	}
	header, err := c.finish(ctx, r)
	if err != nil {
		return ObjectInfo{}, err
	}
	i := readInfo(header)
	i.Bucket, i.Name = to, toKey
	return i, nil
}

// RenameObject gives an object another name in its bucket, over what has that name.
// Kinds: NotFound; Conflict where the object was written meanwhile, so that what it
// is now is left under its old name.
func (c *Client) RenameObject(ctx context.Context, b Bucket, key, newKey string) error {
	for _, k := range []string{key, newKey} {
		if err := object.CheckKey(k); err != nil {
			return err
		}
	}
	r, err := bucketCall(http.MethodPost, ObjectPath(b, key), b).withAction(ActionRenameObject, newKey, nil)
	if err != nil {
		return err
	}
	_, err = c.finish(ctx, r)
	return err
}

// SetCustom gives an object custom properties, besides those that it has or, with
// replace, in the place of all of them. They go with the next PUT. Kinds: NotFound,
// Invalid, Precondition for an object that is in a remote bucket only.
func (c *Client) SetCustom(ctx context.Context, b Bucket, key string, custom map[string]string, replace bool) error {
	if err := object.CheckKey(key); err != nil {
		return err
	}
	r, err := bucketCall(http.MethodPatch, ObjectPath(b, key), b).withAction("", "", custom)
	if err != nil {
		return err
	}
	if replace {
		r.query.Set(QueryReplaceCustom, "true")
	}
	_, err = c.finish(ctx, r)
	return err
}
