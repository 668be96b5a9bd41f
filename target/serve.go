package target

import (
	"bytes"
	"context"
	"errors"
	"strconv"

	"ais/api"
	"ais/auth"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/daemon"
	"ais/object"
	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// call is one S3 request for an object that this target owns.
type call struct {
	r      *s3api.Request
	bucket *cluster.Bucket
	name   object.Name
}

// operations is the routing table: what a target does itself. Everything else is
// a bucket operation, which proxies serve.
var operations = map[s3api.Op]func(*Target, *call) error{
	s3api.PutObject:               (*Target).servePut,
	s3api.GetObject:               (*Target).serveGet,
	s3api.HeadObject:              (*Target).serveHead,
	s3api.DeleteObject:            (*Target).serveDelete,
	s3api.CopyObject:              (*Target).serveCopy,
	s3api.CreateMultipartUpload:   (*Target).serveCreateUpload,
	s3api.UploadPart:              (*Target).servePart,
	s3api.UploadPartCopy:          (*Target).servePartCopy,
	s3api.CompleteMultipartUpload: (*Target).serveComplete,
	s3api.AbortMultipartUpload:    (*Target).serveAbortUpload,
	s3api.ListParts:               (*Target).serveListParts,
	s3api.GetObjectACL:            (*Target).serveGetACL,
	s3api.PutObjectACL:            (*Target).servePutACL,
	s3api.GetObjectTagging:        (*Target).serveGetTagging,
	s3api.PutObjectTagging:        (*Target).servePutTagging,
	s3api.DeleteObjectTagging:     (*Target).serveDeleteTagging,
	s3api.GetObjectAttributes:     (*Target).serveAttributes,
}

// reads are the operations that any copy of the name may answer.
var reads = map[s3api.Op]bool{
	s3api.GetObject: true, s3api.HeadObject: true, s3api.GetObjectAttributes: true, s3api.GetObjectACL: true, s3api.GetObjectTagging: true, s3api.ListParts: true,
}

// handle is where every request to this node comes in.
func (t *Target) handle(ctx *fasthttp.RequestCtx) {
	path := ctx.Request.Header.RequestURI()
	virtual := t.s3.VirtualHost(ctx)
	native := !virtual && bytes.HasPrefix(path, []byte("/v1/"))
	if virtual || !daemon.Always(path) {
		if err := t.enter(ctx); err != nil {
			t.refuse(ctx, native, err)
			return
		}
	}
	t.serve(ctx, path, virtual, native)
	if t.leaving.Load() {
		ctx.Response.SetConnectionClose()
	}
}

// serve serves a request that was admitted.
func (t *Target) serve(ctx *fasthttp.RequestCtx, path []byte, virtual, native bool) {
	switch {
	case virtual:
		t.s3.Serve(ctx)
	case bytes.HasPrefix(path, []byte("/_/")):
		t.serveNode(ctx)
	case native:
		t.serveNative(ctx)
	case string(ctx.Path()) == "/metrics":
		t.metrics.handler(ctx)
	case string(ctx.Path()) == "/health":
		t.serveHealth(ctx)
	default:
		t.s3.Serve(ctx)
	}
}

// ServeS3 implements s3api.Handler.
func (t *Target) ServeS3(r *s3api.Request) error {
	foreign, err := t.identify(r)
	if err != nil {
		return err
	}
	if foreign != nil {
		return t.servePass(r, foreign)
	}
	serve, ok := operations[r.Op]
	if !ok {
		return t.forwardToProxy(r.Ctx(), r.ID)
	}
	b, err := t.s3Bucket(r)
	if t.asksProxy(r, err) {
		return t.forwardToProxy(r.Ctx(), r.ID)
	}
	if err != nil {
		return err
	}
	if err := t.access.Admit(r, b); err != nil {
		return err
	}
	if err := s3api.CheckOwner(r, b.Owner); err != nil {
		return err
	}
	if err := object.CheckKey(r.Key); err != nil {
		return err
	}
	if err := checkRemoteOnly(r, b); err != nil {
		return err
	}
	version, _, err := r.VersionID()
	if err != nil {
		return err
	}
	if err := checkVersionOf(b, version); err != nil {
		return err
	}
	c := call{r: r, bucket: b, name: object.Name{Bucket: b.ID, Key: r.Key}}
	home, err := t.home(&c)
	if reads[r.Op] && err == nil {
		home, err = t.readHome(b, c.name)
	}
	if err != nil {
		return err
	}
	if home.ID != t.cfg.ID && (!reads[r.Op] || !t.answersBefore(r.Ctx(), c.name)) {
		return t.forward(r.Ctx(), r.ID, home)
	}
	defer t.staying(uploadOf(&c), b, c.name)()
	if reads[r.Op] {
		if answered, err := t.readBefore(r.Ctx(), r.ID, c.name); answered || err != nil {
			return err
		}
	}
	if err := t.finish(&c); err != nil {
		return err
	}
	started := t.cfg.Now()
	err = serve(t, &c)
	if reads[r.Op] && t.wentElsewhere(b, c.name, err) && !t.answersBefore(r.Ctx(), c.name) {
		return t.forwardAgain(r.Ctx(), r.ID, &c)
	}
	if reads[r.Op] && err != nil {
		if node, ok := t.otherCopy(c.name, r.Header(peer.HeaderHops), err); ok {
			r.Ctx().Response.Reset()
			return t.forward(r.Ctx(), r.ID, node)
		}
	}
	if err != nil && !finishes[r.Op] {
		err = t.granted(&c, nil, err)
	}
	t.metrics.observe(r.Op, t.cfg.Now().Sub(started), err)
	return explained(err)
}

// checkVersionOf refuses an id that no version of the bucket can have. What a remote
// bucket calls its versions is known there.
func checkVersionOf(b *cluster.Bucket, id string) error {
	if _, remote := b.Remote(); remote {
		return nil
	}
	return s3api.CheckVersion(id)
}

// verify checks the request's ticket. A key that is not known here may be one
// that this node has not heard of yet.
func (t *Target) verify(ctx *fasthttp.RequestCtx) (ticket auth.Ticket, found bool, err error) {
	ticket, found, err = t.caller.Verify(ctx)
	if !errors.Is(err, auth.UnknownKey) {
		return ticket, found, err
	}
	wait, cancel := context.WithTimeout(context.Background(), t.cfg.SyncTimeout)
	defer cancel()
	if _, err := t.cluster.Sync(wait); err != nil {
		return auth.Ticket{}, true, err
	}
	return t.caller.Verify(ctx)
}

// catchUp waits until this node's state is at least as new as the sender's.
func (t *Target) catchUp(revision []byte) error {
	n, err := strconv.ParseInt(string(revision), 10, 64)
	if err != nil {
		return s3api.InvalidRequest.Say("malformed " + peer.HeaderRevision)
	}
	return t.reach(n)
}

// reach waits until this node's state is true up to the revision.
func (t *Target) reach(n int64) error {
	if t.cluster.State().Revision >= n {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.cfg.SyncTimeout)
	defer cancel()
	_, err := t.cluster.SyncTo(ctx, n)
	return err
}

// bucket finds a bucket by name. That there is none, or that it is about to go,
// is said only after etcd was asked.
func (t *Target) bucket(p object.Provider, name string) (*cluster.Bucket, error) {
	return t.bucketBy(name, func(s *cluster.State) (*cluster.Bucket, bool) { return s.Bucket(p, name) })
}

// s3Bucket finds the bucket that an S3 request names, as bucket does: that of the
// provider in the query, else of two that share the name that of the setting
// s3.provider.
func (t *Target) s3Bucket(r *s3api.Request) (*cluster.Bucket, error) {
	provider, err := s3api.ParseProvider(r)
	if err != nil {
		return nil, err
	}
	return t.bucketBy(r.Bucket, func(s *cluster.State) (*cluster.Bucket, bool) { return s.S3Bucket(provider, r.Bucket) })
}

// sourceBucket is s3Bucket for what an S3 request copies from: the request's own
// bucket where it has the name.
func (t *Target) sourceBucket(r *s3api.Request, name string) (*cluster.Bucket, error) {
	if name == r.Bucket {
		return t.s3Bucket(r)
	}
	return t.bucketBy(name, func(s *cluster.State) (*cluster.Bucket, bool) { return s.S3Bucket("", name) })
}

// asksProxy reports whether a request that failed with err to find its bucket is
// one for a proxy, which looks for the bucket at the remote. One that a proxy sent
// is not.
func (t *Target) asksProxy(r *s3api.Request, err error) bool {
	return err != nil && object.KindOf(err) == object.NoSuchBucket && t.cluster.State().Config.Backend.Enabled &&
		r.Header(peer.HeaderHops) == ""
}

// bucketBy is bucket with another way to find it in a state.
func (t *Target) bucketBy(name string, find func(*cluster.State) (*cluster.Bucket, bool)) (*cluster.Bucket, error) {
	if b, ok := find(t.cluster.State()); ok && b.State == cluster.BucketActive {
		return b, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.cfg.SyncTimeout)
	defer cancel()
	state, err := t.cluster.Sync(ctx)
	if err != nil {
		return nil, err
	}
	if b, ok := find(state); ok {
		return b, nil
	}
	return nil, object.E("target.bucket", name, object.NoSuchBucket, nil)
}

// home returns the node that serves the call: the upload's home where it names
// an upload, else the owner of the name.
func (t *Target) home(c *call) (cluster.Node, error) {
	return t.homeOf(uploadOf(c), c.bucket, c.name)
}

// uploadOf returns the id of the upload that the call names, "" for none.
func uploadOf(c *call) string {
	id, _ := c.r.Query("uploadId")
	return id
}

// homeOf is home for a name, and an upload's id where there is one. Uploads go where
// their names go; those to a bucket whose names do not move stay where they began.
func (t *Target) homeOf(uploadID string, b *cluster.Bucket, n object.Name) (cluster.Node, error) {
	if target, ok := cluster.UploadHome(uploadID); ok && b.Provider == object.AWS {
		if node, ok := t.cluster.State().Node(target); ok {
			return node, nil
		}
	}
	return t.owner(b, n)
}

// owner returns the target that owns a name, live or not.
func (t *Target) owner(b *cluster.Bucket, n object.Name) (cluster.Node, error) {
	state := t.cluster.State()
	node, _, err := state.Owner(state.Current(b), n)
	return node, err
}

// forward sends the request on to the node that owns the name. A request that
// has been sent on before is not sent on again by a node that agrees with the
// sender, so this ends.
func (t *Target) forward(ctx *fasthttp.RequestCtx, id string, node cluster.Node) error {
	state := t.cluster.State()
	err := object.E("target.forward", node.ID, object.Unavailable, nil)
	again := !state.IsLive(node.ID)
	if !again {
		t.metrics.relays.Inc()
		if err = t.caller.TryForward(ctx, node, id, t.grant(ctx), 0); err == nil {
			return nil
		}
		_, again = peer.Resend(err, ctx.IsGet() || ctx.IsHead())
		t.caller.Drain(ctx)
	}
	if again && !peer.TimedOut(err) { // who sent it here waits until somebody answers for the name
		err = peer.Again("target.forward", node.ID, state.Revision, err)
	}
	return err
}

// forwardAgain sends a request on that was begun here, to the owner of the name by now.
func (t *Target) forwardAgain(ctx *fasthttp.RequestCtx, id string, c *call) error {
	node, err := t.home(c)
	if err != nil {
		return err
	}
	ctx.Response.Reset()
	return t.forward(ctx, id, node)
}

// forwardToProxy sends a bucket operation on to a live proxy.
func (t *Target) forwardToProxy(ctx *fasthttp.RequestCtx, id string) error {
	state := t.cluster.State()
	last := object.E("target.forward", "proxy", object.Unavailable, nil)
	for _, node := range state.Proxies() {
		if !state.IsLive(node.ID) {
			continue
		}
		if last = t.caller.Forward(ctx, node, id, t.grant(ctx)); object.KindOf(last) != object.Unavailable {
			return last
		}
	}
	return last
}

// serveHealth answers 200 while the process lives; with ?readiness=true, 503
// until it can serve.
func (t *Target) serveHealth(ctx *fasthttp.RequestCtx) {
	state, now := t.cluster.State(), t.cfg.Now()
	ready := ctx.QueryArgs().GetBool(api.QueryReadiness)
	switch {
	case ready && t.leaving.Load():
		ctx.Error("this target is about to end\n", fasthttp.StatusServiceUnavailable)
	case ready && !state.IsLive(t.cfg.ID):
		ctx.Error("this target is not in the cluster map's live set\n", fasthttp.StatusServiceUnavailable)
	default:
		ctx.SetBodyString("ok\n")
	}
	api.SetUptime(&ctx.Response.Header, now.Sub(state.Map.Created), now.Sub(t.started))
}
