package proxy

import (
	"strings"

	"ais/api"
	"ais/archive"
	"ais/cluster"
	"ais/cluster/peer"

	"github.com/valyala/fasthttp"
)

// nativeArchive starts a job that makes one archive of objects, and answers its id. The
// owner of the archive's name does it.
func (p *Proxy) nativeArchive(ctx *fasthttp.RequestCtx, to api.Target, message api.ActionMessage) error {
	var m api.ArchiveMessage
	if err := message.Decode(&m); err != nil {
		return err
	}
	if err := m.Check(); err != nil {
		return err
	}
	if _, err := archive.Choose(m.Format, m.Archive, strings.NewReader(""), 0); err != nil {
		return err
	}
	b, err := p.named(ctx, to.Bucket.Provider, to.Bucket.Name)
	if err != nil {
		return err
	}
	limits, err := p.mayRead(ctx, b)
	if err != nil {
		return err
	}
	dest := b
	if m.To != nil {
		if dest, err = p.named(ctx, m.To.Provider, m.To.Name); err != nil {
			return err
		}
	}
	if err := p.access.RequireHTTP(ctx, "s3:PutObject", dest, m.Archive); err != nil {
		return err
	}
	node, err := p.owner(dest, m.Archive)
	if err != nil {
		return err
	}
	id, err := p.startJob([]cluster.Node{node}, peer.JobRequest{
		Kind: api.JobArchive, Bucket: b.ID, Dest: dest.ID, Owner: userID(ctx), Work: peer.JobWork{
			Keys: m.Names, Template: m.Template, Prefix: m.Prefix, Limits: limits,
			Archive: peer.ArchiveWork{Key: m.Archive, Format: m.Format, BucketName: m.BucketName, Append: m.Append, GoOn: m.GoOn},
		},
	})
	if err != nil {
		return err
	}
	ctx.SetBodyString(id)
	return nil
}
