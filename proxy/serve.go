package proxy

import (
	"context"
	"strings"

	"ais/cluster"
	"ais/object"
	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// operations is the routing table: what a proxy does itself. Every other
// operation is on an object, and goes to the target that owns it.
var operations = map[s3api.Op]func(*Proxy, *s3api.Request) error{
	s3api.ListBuckets:          (*Proxy).serveListBuckets,
	s3api.CreateBucket:         (*Proxy).serveCreateBucket,
	s3api.HeadBucket:           (*Proxy).serveHeadBucket,
	s3api.DeleteBucket:         (*Proxy).serveDeleteBucket,
	s3api.GetBucketLocation:    (*Proxy).serveLocation,
	s3api.GetBucketVersioning:  (*Proxy).serveVersioning,
	s3api.PutBucketVersioning:  (*Proxy).servePutVersioning,
	s3api.GetBucketACL:         (*Proxy).serveBucketACL,
	s3api.PutBucketACL:         (*Proxy).servePutBucketACL,
	s3api.ListObjects:          (*Proxy).serveList,
	s3api.ListObjectsV2:        (*Proxy).serveList,
	s3api.ListObjectVersions:   (*Proxy).serveList,
	s3api.ListMultipartUploads: (*Proxy).serveListUploads,
	s3api.DeleteObjects:        (*Proxy).serveDeleteObjects,
	s3api.PostObject:           (*Proxy).servePost,

	s3api.GetBucketPolicy:               (*Proxy).serveGetPolicy,
	s3api.PutBucketPolicy:               (*Proxy).servePutPolicy,
	s3api.DeleteBucketPolicy:            (*Proxy).serveDeletePolicy,
	s3api.GetBucketPolicyStatus:         (*Proxy).servePolicyStatus,
	s3api.GetPublicAccessBlock:          publicAccessConfig.serveGet,
	s3api.PutPublicAccessBlock:          publicAccessConfig.servePut,
	s3api.DeletePublicAccessBlock:       publicAccessConfig.serveDelete,
	s3api.GetBucketOwnershipControls:    ownershipConfig.serveGet,
	s3api.PutBucketOwnershipControls:    ownershipConfig.servePut,
	s3api.DeleteBucketOwnershipControls: ownershipConfig.serveDelete,
	s3api.GetBucketCors:                 corsConfig.serveGet,
	s3api.PutBucketCors:                 corsConfig.servePut,
	s3api.DeleteBucketCors:              corsConfig.serveDelete,
	s3api.GetBucketLifecycle:            lifecycleConfig.serveGet,
	s3api.PutBucketLifecycle:            lifecycleConfig.servePut,
	s3api.DeleteBucketLifecycle:         lifecycleConfig.serveDelete,
	s3api.GetBucketTagging:              taggingConfig.serveGet,
	s3api.PutBucketTagging:              taggingConfig.servePut,
	s3api.DeleteBucketTagging:           taggingConfig.serveDelete,
}

// ServeS3 implements s3api.Handler.
func (p *Proxy) ServeS3(r *s3api.Request) error {
	p.metrics.count(r.Op)
	if passed, err := p.pass(r); passed || err != nil {
		return err
	}
	if _, err := p.admit(r); err != nil {
		return err
	}
	if r.Op.Level() == s3api.Bucket && r.Op != s3api.CreateBucket {
		if err := p.checkOwner(r); err != nil {
			return err
		}
	}
	if serve, ok := operations[r.Op]; ok {
		return serve(p, r)
	}
	if r.Op.Level() == s3api.Bucket {
		if _, err := p.freshS3Bucket(r); err != nil {
			return err
		}
		return r.WriteUnconfigured()
	}
	b, err := p.s3Bucket(r)
	if err != nil {
		return err
	}
	if err := object.CheckKey(r.Key); err != nil {
		return err
	}
	if err := p.knowSource(r); err != nil {
		return err
	}
	return p.relays(r.Ctx(), placeOf(r, b), r.ID, p.redirected(r))
}

// expect is called before the body of a request with Expect: 100-continue is
// asked for. What is answered here, by this node or by the owner, costs the
// client no body.
func (p *Proxy) expect(r *s3api.Request) (answered bool, err error) {
	if passed, answered, err := p.passExpect(r); passed || err != nil {
		return answered, err
	}
	if _, err := p.admit(r); err != nil {
		return false, err
	}
	if _, here := operations[r.Op]; here || r.Op.Level() != s3api.Object {
		return false, nil
	}
	b, err := p.s3Bucket(r)
	if err != nil {
		return false, err
	}
	if err := p.knowSource(r); err != nil {
		return false, err
	}
	status, err := p.relaysExpect(r.Ctx(), placeOf(r, b), r.ID, p.redirected(r))
	return status != fasthttp.StatusContinue, err
}

// placeOf returns what a request for an object of a bucket is routed by.
func placeOf(r *s3api.Request, b *cluster.Bucket) place {
	return place{b, r.Key, r.UploadID()}
}

// redirected returns what answers a request with a redirect to a node, where it is
// answered so.
func (p *Proxy) redirected(r *s3api.Request) func(cluster.Node) bool {
	return func(node cluster.Node) bool {
		if !p.redirects(r.Ctx(), node) {
			return false
		}
		p.redirect(r, node)
		return true
	}
}

// redirect answers with the URL of the request at node, with a ticket.
func (p *Proxy) redirect(r *s3api.Request, node cluster.Node) {
	p.metrics.redirects.Inc()
	_, endpoint, _ := strings.Cut(node.PublicURL, "://")
	if r.Prefixed() {
		endpoint += "/s3"
	}
	r.WriteRedirect(p.caller.Redirect(r.Ctx(), node, p.access.Grant(r.Ctx())), endpoint)
}

// checkOwner refuses a request that is meant for another owner's bucket. Of one
// for an object the target does it.
func (p *Proxy) checkOwner(r *s3api.Request) error {
	if !s3api.ExpectsOwner(r) {
		return nil
	}
	b, err := p.s3Bucket(r)
	if err != nil {
		return err
	}
	return s3api.CheckOwner(r, b.Owner)
}

// bucket finds a bucket by name. That there is none, or that it is about to go,
// is said only after etcd was asked. That it is there may be a moment old: the
// targets, which have seen a deletion before it took effect, put that right.
func (p *Proxy) bucket(provider object.Provider, name string) (*cluster.Bucket, error) {
	if b, ok := p.cluster.State().Bucket(provider, name); ok && b.State == cluster.BucketActive {
		return b, nil
	}
	return p.freshBucket(provider, name)
}

// freshBucket finds a bucket by name as etcd has it now.
func (p *Proxy) freshBucket(provider object.Provider, name string) (*cluster.Bucket, error) {
	return p.freshBy(name, func(s *cluster.State) (*cluster.Bucket, bool) { return s.Bucket(provider, name) })
}

// freshBy finds a bucket of that name as find does, in what etcd has now.
func (p *Proxy) freshBy(name string, find func(*cluster.State) (*cluster.Bucket, bool)) (*cluster.Bucket, error) {
	if err := object.CheckBucketName(name); err != nil {
		return nil, object.E("proxy.bucket", name, object.NoSuchBucket, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.SyncTimeout)
	defer cancel()
	state, err := p.cluster.Sync(ctx)
	if err != nil {
		return nil, err
	}
	if b, ok := find(state); ok {
		return b, nil
	}
	return nil, object.E("proxy.bucket", name, object.NoSuchBucket, nil)
}

// owner returns the target that owns a key; Unavailable where it is down.
func (p *Proxy) owner(b *cluster.Bucket, key string) (cluster.Node, error) {
	state := p.cluster.State()
	node, live, err := state.Owner(state.Current(b), object.Name{Bucket: b.ID, Key: key})
	if err == nil && !live {
		err = object.E("proxy.owner", node.ID, object.Unavailable, nil)
	}
	return node, err
}

func (p *Proxy) reachable(node cluster.Node) error {
	if p.cluster.State().IsLive(node.ID) {
		return nil
	}
	return object.E("proxy.home", node.ID, object.Unavailable, nil)
}

// redirects decides whether this request is answered with a redirect to node.
func (p *Proxy) redirects(ctx *fasthttp.RequestCtx, node cluster.Node) bool {
	if node.PublicURL == "" {
		return false
	}
	mode := RedirectMode(p.cfg.Redirect)
	if mode == "" {
		mode = RedirectMode(p.cluster.State().Config.Redirect)
	}
	h := &ctx.Request.Header
	return redirects(mode, asker{
		method:    string(h.Method()),
		userAgent: string(h.UserAgent()),
		expect:    len(h.Peek("Expect")) > 0,
		body:      h.ContentLength() != 0 && (ctx.IsPut() || ctx.IsPost()),
		follow:    string(h.Peek("X-Ais-Redirect")) == "follow",
		retry:     retries(string(h.Peek("Amz-Sdk-Request"))),
		page:      len(h.Peek("Origin")) > 0,
	})
}
