package target

import (
	"context"
	"errors"

	"ais/access"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/fs"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// nativeRename gives the object that the call names another name in its bucket.
func (t *Target) nativeRename(c *nativeCall, newKey string) error {
	if newKey == "" {
		return object.E("target.rename", "name", object.Invalid, errors.New("the message does not say what the new name is"))
	}
	if err := object.CheckKey(newKey); err != nil {
		return err
	}
	if newKey == c.name.Key {
		return object.E("target.rename", "name", object.Invalid, errors.New("the object has that name"))
	}
	if err := t.access.RequireHTTP(c.ctx, "s3:PutObject", c.bucket, newKey); err != nil {
		return err
	}
	if err := t.access.RequireHTTP(c.ctx, "s3:DeleteObject", c.bucket, c.name.Key); err != nil {
		return err
	}
	meta, err := t.statLatest(c)
	if err != nil {
		return err
	}
	return t.Rename(c.bucket, c.name, newKey, meta, access.Writer(access.Who(c.ctx), c.bucket))
}

// Rename makes the object described by m known under another key of its bucket,
// and its own name free. The copy, which shares the object's bytes where it may,
// comes first: at every moment at least one of the names can be read. Where the
// object is another one by the time its name is to be freed, both stay, which is
// Conflict. A delete marker that is left is owner's.
func (t *Target) Rename(b *cluster.Bucket, n object.Name, key string, m object.Meta, owner string) error {
	err := t.copyAt(b, peer.RenameRequest{
		Bucket: b.ID, From: n.Key, To: key, ETag: m.ETag, Owner: m.Owner, ACL: m.ACL, StorageClass: m.StorageClass,
	})
	if err != nil {
		return err
	}
	w, err := t.through(b)
	switch {
	case err != nil:
	case w != nil:
		err = w.delete(n, "", object.Cond{IfMatch: `"` + m.ETag + `"`})
	default:
		_, err = t.commit(b, func(v object.Versioning) (object.Meta, error) {
			_, err := t.store.Remove(n, "", fs.Terms{Versioning: v, Owner: owner, If: func(now *object.Meta) error {
				if now == nil {
					return object.NotFound
				}
				return sameWrite(now, &m)
			}}, b.Props.Durability)
			return object.Meta{}, err
		})
	}
	if kind := object.KindOf(err); err != nil && (kind == object.Precondition || kind == object.NotFound) {
		return object.E("target.Rename", n.Key, object.Conflict, errors.New("the object was changed meanwhile: what it was is under its new name, what it is was left alone"))
	}
	return err
}

// copyAt has the target that owns the new name make the copy.
func (t *Target) copyAt(b *cluster.Bucket, r peer.RenameRequest) error {
	node, err := t.owner(b, object.Name{Bucket: b.ID, Key: r.To})
	if err != nil {
		return err
	}
	if node.ID == t.cfg.ID {
		return t.copyFor(b, r)
	}
	if !t.cluster.State().IsLive(node.ID) {
		return object.E("target.Rename", node.ID, object.Unavailable, nil)
	}
	return t.caller.Ask(context.Background(), node, peer.PathRename, r, nil)
}

// copyFor makes a copy whose name this target owns, of what the request saw.
func (t *Target) copyFor(b *cluster.Bucket, r peer.RenameRequest) error {
	meta, _, err := t.Copy(CopyRequest{
		Source: CopySource{
			Bucket: b, Name: object.Name{Bucket: b.ID, Key: r.From},
			Granted: func(_ *object.Meta, err error) error { return err }, // who asks has decided
		},
		SourceCond: object.Cond{IfMatch: `"` + r.ETag + `"`},
		Bucket:     b, Name: object.Name{Bucket: b.ID, Key: r.To},
		Owner: r.Owner, ACL: r.ACL, StorageClass: r.StorageClass,
	})
	if err != nil && object.KindOf(err) == object.Precondition {
		return object.E("target.Rename", r.From, object.Conflict, errors.New("the object was changed meanwhile; nothing was done"))
	}
	t.metrics.putBytes.Add(float64(meta.Size))
	return err
}

// nodeRename is copyFor another target.
func (t *Target) nodeRename(ctx *fasthttp.RequestCtx) error {
	req, err := read[peer.RenameRequest](ctx)
	if err != nil {
		return err
	}
	b, err := t.bucketByID(req.Bucket)
	if err != nil {
		return err
	}
	return t.copyFor(b, req)
}
