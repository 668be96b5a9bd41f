package proxy

import (
	"context"
	"errors"
	"fmt"

	"ais/access"
	"ais/api"
	"ais/auth"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// nativeCopy starts a job that copies a bucket, or objects of one, and answers its id.
// A bucket to copy to that is not there is made, but for a dry run.
func (p *Proxy) nativeCopy(ctx *fasthttp.RequestCtx, to api.Target, message api.ActionMessage) error {
	var m api.CopyMessage
	if err := message.Decode(&m); err != nil {
		return err
	}
	if err := m.Check(); err != nil {
		return err
	}
	name, err := copyDestination(ctx, message.Action, &m)
	if err != nil {
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
	dest, err := p.copyTo(ctx, b, name, &m)
	if err != nil {
		return err
	}
	nodes, err := p.placed(b, dest)
	if err != nil {
		return err
	}
	id, err := p.startJob(nodes, peer.JobRequest{
		Kind: message.Action, Bucket: b.ID, Dest: dest.ID, Owner: userID(ctx), Work: peer.JobWork{
			Keys: m.Names, Template: m.Template, Prefix: m.Prefix, Latest: m.Latest, Workers: m.Workers,
			Limits: limits, Copy: peer.CopyWork{Prepend: m.Prepend, DryRun: m.DryRun, Synchronize: m.Synchronize},
		},
	})
	if err != nil {
		return err
	}
	ctx.SetBodyString(id)
	return nil
}

// copyDestination returns the bucket that a call is to copy to: of a whole bucket it is
// in the query.
func copyDestination(ctx *fasthttp.RequestCtx, action string, m *api.CopyMessage) (api.Bucket, error) {
	const op = "native.copy"
	if action == api.ActionCopyNames {
		if m.To == nil || len(m.Names) == 0 && m.Template == "" && m.Prefix == "" {
			return api.Bucket{}, object.E(op, "", object.Invalid, errors.New("objnames or template say what to copy, tobck where to"))
		}
		return *m.To, nil
	}
	if len(m.Names) > 0 || m.Template != "" {
		return api.Bucket{}, object.E(op, "", object.Invalid, errors.New("single objects are copied with "+api.ActionCopyNames))
	}
	return readBucketTo(ctx)
}

// readBucketTo reads the bucket that the query names besides the one in the path.
func readBucketTo(ctx *fasthttp.RequestCtx) (api.Bucket, error) {
	text := string(ctx.QueryArgs().Peek(api.QueryBucketTo))
	if text == "" {
		return api.Bucket{}, object.E("native", api.QueryBucketTo, object.Invalid, errors.New("the query does not say which bucket"))
	}
	b, key, err := api.ParseUnique(text)
	if err == nil && key != "" {
		err = object.E("native", api.QueryBucketTo, object.Invalid, errors.New("it names an object, and a bucket is expected"))
	}
	return b, err
}

// mayRead decides whether who makes the call may list and read the objects of a bucket,
// and says which, where that is not all: they are not decided about one by one.
func (p *Proxy) mayRead(ctx *fasthttp.RequestCtx, b *cluster.Bucket) (limits peer.Limits, err error) {
	if err := p.access.RequireHTTP(ctx, "s3:ListBucket", b, ""); err != nil {
		return limits, err
	}
	const action = "s3:GetObject"
	if p.access.DecideHTTP(ctx, action, b, "*", nil) == auth.NeedsObject &&
		p.access.DecideHTTP(ctx, action, b, "*", &auth.ObjectRules{Exists: true}) == auth.Allow {
		who := access.Who(ctx)
		return peer.Limits{Owned: true, Untagged: b.Documents.Policy != "" || len(who.Policies) > 0 || who.Session != nil}, nil
	}
	return limits, p.access.RequireHTTP(ctx, action, b, "*")
}

// copyTo returns the bucket to copy to, if who makes the call may write there: one that
// is not there is made, with the properties of the source. A dry run is told of one
// without an id in its place.
func (p *Proxy) copyTo(ctx *fasthttp.RequestCtx, source *cluster.Bucket, name api.Bucket, m *api.CopyMessage) (*cluster.Bucket, error) {
	const op = "native.copy"
	dest, err := p.named(ctx, name.Provider, name.Name)
	if err != nil && object.KindOf(err) == object.NoSuchBucket {
		if name.Provider != object.AIS {
			return nil, object.E(op, name.String(), object.Invalid, errors.New("the bucket to copy to does not exist, and remote ones are not made here"))
		}
		dest, err = p.makeCopy(ctx, source, name.Name, m.DryRun)
	}
	if err != nil {
		return nil, err
	}
	if _, remote := source.Remote(); dest.ID == source.ID && !remote && m.Prepend == "" {
		return nil, object.E(op, "", object.Invalid, errors.New("the copies would be the objects themselves: copy to another bucket, or prepend something to the names"))
	}
	if dest.ID == 0 {
		return dest, nil
	}
	actions := []string{"s3:PutObject"}
	if m.Synchronize {
		actions = append(actions, "s3:DeleteObject")
	}
	for _, action := range actions {
		if err := p.access.RequireHTTP(ctx, action, dest, "*"); err != nil {
			return nil, err
		}
	}
	return dest, nil
}

// makeCopy makes a bucket to copy to, with the properties of the source; of a remote one
// only those that do not say where its objects are. Where somebody else makes it at the
// same time, it is that one.
func (p *Proxy) makeCopy(ctx *fasthttp.RequestCtx, source *cluster.Bucket, name string, dry bool) (*cluster.Bucket, error) {
	if err := p.access.RequireCreate(ctx, name); err != nil {
		return nil, err
	}
	props := source.Props
	if _, remote := source.Remote(); remote {
		props = cluster.DefaultProps(object.AIS, false, p.cluster.State().Config)
		props.Checksum, props.Access, props.Multipart = source.Props.Checksum, source.Props.Access, source.Props.Multipart
	}
	b := cluster.Bucket{Provider: object.AIS, Name: name, Owner: userID(ctx), Props: props}
	if dry {
		return &b, nil
	}
	made, err := p.createBucket(b)
	if err != nil && object.KindOf(err) == object.Exists && made.State == cluster.BucketActive {
		err = nil
	}
	return &made, err
}

// placed returns the targets that have a share in a job from one bucket to another, nil
// or without an id for none.
func (p *Proxy) placed(b, dest *cluster.Bucket) ([]cluster.Node, error) {
	state := p.cluster.State()
	nodes, err := state.Acting(b)
	if err != nil || dest == nil || dest.ID == 0 || dest.ID == b.ID {
		return nodes, err
	}
	more, err := state.Acting(dest)
	if err != nil {
		return nil, err
	}
	return union(nodes, more), nil
}

// union returns the nodes of both lists, each once.
func union(a, b []cluster.Node) []cluster.Node {
	out := append([]cluster.Node(nil), a...)
	seen := map[string]bool{}
	for _, n := range a {
		seen[n.ID] = true
	}
	for _, n := range b {
		if !seen[n.ID] {
			out = append(out, n)
		}
	}
	return out
}

// nativeRename gives a bucket another name, and answers the id of a job that ends when
// every target that is up knows it by that. The bucket keeps its id, and its objects are
// kept under that: nothing is moved.
func (p *Proxy) nativeRename(ctx *fasthttp.RequestCtx, to api.Target) error {
	const op = "native.rename"
	name, err := readBucketTo(ctx)
	if err != nil {
		return err
	}
	b, err := p.freshBucket(to.Bucket.Provider, to.Bucket.Name)
	if err != nil {
		return err
	}
	if err := p.mayRename(ctx, b, name.Name); err != nil {
		return err
	}
	if err := b.CheckRename(); err != nil {
		return err
	}
	taken := object.E(op, name.Name, object.Exists, fmt.Errorf("bucket %q already exists", name))
	switch there, exists := p.cluster.State().Bucket(b.Provider, name.Name); {
	case name.Provider != b.Provider:
		return object.E(op, name.String(), object.Invalid, errors.New("a bucket stays with its provider"))
	case exists && there.State == cluster.BucketActive:
		return taken
	case exists: // its deletion comes first
		if err := p.deleteBucket(there, false); err != nil {
			return object.E(op, name.Name, object.Busy, err)
		}
	}
	id, err := p.startJob(p.liveTargets(), peer.JobRequest{Kind: api.JobRename, Bucket: b.ID, Owner: userID(ctx), Work: peer.JobWork{Name: name.Name}})
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(context.Background(), p.cfg.SyncTimeout)
	defer cancel()
	if _, err := p.cluster.RenameBucket(wait, b, name.Name); err != nil {
		if stop := p.stopJob(id); stop != nil {
			p.cfg.Logger.Warn("the job of a rename that failed runs on for a while", "job", id, "err", stop)
		}
		if object.KindOf(err) == object.Exists {
			return taken
		}
		return err
	}
	ctx.SetBodyString(id)
	return nil
}

// mayRename decides whether who makes the call may take a bucket from its name, and
// make one of the new name.
func (p *Proxy) mayRename(ctx *fasthttp.RequestCtx, b *cluster.Bucket, name string) error {
	if err := p.mayConfigure(ctx, b); err != nil {
		return err
	}
	if err := p.access.RequireHTTP(ctx, "s3:DeleteBucket", b, ""); err != nil {
		return err
	}
	return p.access.RequireCreate(ctx, name)
}
