package target

import (
	"ais/access"
	"ais/auth"
	"ais/cluster"
	"ais/cluster/etcd"
	"ais/cluster/peer"
	"ais/object"
	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// newAccess returns what decides about requests to this node.
func newAccess(cfg *Config, members *etcd.Store) (*access.Control, error) {
	return access.New(access.Config{
		State: members.State, Sync: members.Sync, Seal: members.Seal, Unseal: members.Unseal,
		Domains: cfg.Domains, PublicHosts: cfg.PublicHosts, PublicURL: members.Self().PublicURL,
		SyncTimeout: cfg.SyncTimeout, Now: cfg.Now, Logger: cfg.Logger, Registerer: cfg.Registry,
	})
}

// identify finds out who sends an S3 request: by its ticket where it has one, else
// by its signature, as a proxy does; or what it is about where it was signed for S3
// itself.
func (t *Target) identify(r *s3api.Request) (*access.Foreign, error) {
	ticketed, err := t.admit(r.Ctx())
	if err != nil {
		return nil, err
	}
	if f, err := t.access.Foreign(r); f != nil || err != nil {
		return f, err
	}
	if _, err := t.access.Identify(r); err != nil || !ticketed {
		return nil, err
	}
	return nil, t.access.AttachChunks(r)
}

// admit catches up with the sender's view of the cluster and, where the request
// has a ticket, takes its word for who sends it and whether they may.
func (t *Target) admit(ctx *fasthttp.RequestCtx) (ticketed bool, err error) {
	if access.Who(ctx) != nil {
		return false, nil // it was, before its body was asked for
	}
	if rev := ctx.Request.Header.Peek(peer.HeaderRevision); len(rev) > 0 {
		if err := t.catchUp(rev); err != nil {
			return false, err
		}
	}
	ticket, found, err := t.verify(ctx)
	if err != nil || ticket.Principal == peer.NodePrincipal {
		t.cfg.Logger.Debug("ticket refused", "err", err, "path", string(ctx.Path()))
		return true, object.Denied
	}
	if !found {
		return false, nil
	}
	if err := t.reach(ticket.Revision); err != nil {
		return true, err
	}
	return true, t.access.Accept(ctx, ticket, true)
}

// expectS3 refuses a request without a ticket whose sender may not have it, before
// a byte of its body is asked for. A proxy has done that for the others.
func (t *Target) expectS3(r *s3api.Request) (answered bool, err error) {
	if f, err := t.identify(r); err != nil || f != nil || r.Who == nil || operations[r.Op] == nil {
		return false, err
	}
	b, err := t.s3Bucket(r)
	if t.asksProxy(r, err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return false, t.access.Admit(r, b)
}

// finishes are the operations that call granted, under the same read that they
// answer from, whatever the verdict is.
var finishes = map[s3api.Op]bool{
	s3api.GetObject: true, s3api.HeadObject: true,
	s3api.GetObjectACL: true, s3api.PutObjectACL: true, s3api.GetObjectAttributes: true,
	s3api.GetObjectTagging: true, s3api.PutObjectTagging: true, s3api.DeleteObjectTagging: true,
}

// finish ends the decision about an operation that does not do so itself.
func (t *Target) finish(c *call) error {
	if finishes[c.r.Op] || !access.Defers(c.r) {
		return nil
	}
	version, _, err := c.r.VersionID()
	if err != nil {
		return err
	}
	meta, err := t.store.Stat(c.name, version)
	if err = t.granted(c, &meta, err); object.KindOf(err) == object.Denied || s3api.FromError(err).Status == fasthttp.StatusForbidden {
		return err
	}
	return nil // that there is none is for the operation to say
}

// granted ends the decision about a call under the same read that gave m, the
// metadata of the object that the call names, or err. It returns err, or
// AccessDenied where the caller may not have the object, or not know that there
// is none.
func (t *Target) granted(c *call, m *object.Meta, err error) error {
	return t.access.Granted(c.r, c.bucket, m, err)
}

// sourceGranted is granted for the object that a call copies from, in any bucket.
func (t *Target) sourceGranted(c *call, b *cluster.Bucket, key, version string, m *object.Meta, err error) error {
	action := "s3:GetObject"
	if version != "" {
		action = "s3:GetObjectVersion"
	}
	return t.access.Allowed(c.r.Ctx(), action, b, key, m, err)
}

// grant is this node's word for a request that it sends on.
func (t *Target) grant(ctx *fasthttp.RequestCtx) auth.Ticket { return t.access.Grant(ctx) }

// mayReadNative is granted for a native read.
func (t *Target) mayReadNative(c *nativeCall, m *object.Meta, err error) error {
	return t.access.Allowed(c.ctx, "s3:GetObject", c.bucket, c.name.Key, m, err)
}

// ownerNative returns who owns an object that a native call writes; "" is the
// bucket's owner.
func (t *Target) ownerNative(c *nativeCall) string { return t.writerNative(c, c.bucket) }

// writerNative is ownerNative for an object in b.
func (t *Target) writerNative(c *nativeCall, b *cluster.Bucket) string {
	if b.Documents.Ownership == auth.BucketOwnerEnforced {
		return ""
	}
	return access.Writer(access.Who(c.ctx), b)
}
