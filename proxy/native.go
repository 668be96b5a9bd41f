package proxy

import (
	"context"
	"strings"

	"ais/api"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"
)

// serveNative answers the native REST API.
func (p *Proxy) serveNative(ctx *fasthttp.RequestCtx) {
	if err := p.answerNative(ctx); err != nil {
		p.failNative(ctx, err)
	}
}

// failNative answers with err and returns the status.
func (p *Proxy) failNative(ctx *fasthttp.RequestCtx, err error) int {
	ctx.Response.Header.Set(api.HeaderNodeID, p.cfg.ID)
	status := api.WriteError(ctx, err)
	if status == fasthttp.StatusInternalServerError {
		p.cfg.Logger.Error("native request failed", "method", string(ctx.Method()), "uri", string(ctx.RequestURI()), "err", err)
	}
	return status
}

func (p *Proxy) answerNative(ctx *fasthttp.RequestCtx) error {
	path, _, _ := strings.Cut(string(ctx.Request.Header.RequestURI()), "?")
	if err := p.identifyNative(ctx, path); err != nil {
		return err
	}
	if strings.HasPrefix(path, api.PathObjects+"/") {
		return p.nativeObject(ctx)
	}
	serve, c, err := p.routeNative(ctx, path)
	if err != nil {
		return err
	}
	return serve(p, c)
}

func unsupported(ctx *fasthttp.RequestCtx, what string) error {
	return object.E("native", string(ctx.Method())+" "+what, object.Unsupported, nil)
}

func (p *Proxy) nativeHeadBucket(ctx *fasthttp.RequestCtx, to api.Target) error {
	b, err := p.named(ctx, to.Bucket.Provider, to.Bucket.Name)
	if err == nil {
		err = p.access.RequireHTTP(ctx, "s3:ListBucket", b, "")
	}
	if err != nil {
		return err
	}
	return api.WriteBucketProps(ctx, api.PropertiesOf(b))
}

func (p *Proxy) nativeBuckets(ctx *fasthttp.RequestCtx) error {
	wait, cancel := context.WithTimeout(context.Background(), p.cfg.SyncTimeout)
	defer cancel()
	state, err := p.cluster.Sync(wait)
	if err != nil {
		return err
	}
	provider := object.Provider("")
	if text := string(ctx.QueryArgs().Peek(api.QueryProvider)); text != "" {
		if provider, err = object.ParseProvider(text); err != nil {
			return err
		}
	}
	return api.WriteJSON(ctx, p.ownBuckets(ctx, state, provider))
}

func (p *Proxy) nativeCreate(ctx *fasthttp.RequestCtx, to api.Target, message api.ActionMessage) error {
	if err := p.access.RequireCreate(ctx, to.Bucket.Name); err != nil {
		return err
	}
	props := cluster.DefaultProps(to.Bucket.Provider, false, p.cluster.State().Config)
	if message.HasValue() {
		given, err := api.ParseProperties(message)
		if err != nil {
			return err
		}
		if props, err = api.ChangeProps(props, given); err != nil {
			return err
		}
	}
	b := cluster.Bucket{Provider: to.Bucket.Provider, Name: to.Bucket.Name, Owner: userID(ctx), Props: props, LastRemote: props.BackendBck}
	if b.Provider == object.AWS {
		_, err := p.createRemote(ctx, b, !ctx.QueryArgs().GetBool(api.QuerySkipLookup))
		return err
	}
	if err := p.checkBackend(ctx, &cluster.Bucket{Provider: b.Provider, Name: b.Name}, &b.Props); err != nil {
		return err
	}
	_, err := p.createBucket(b)
	return err
}

func (p *Proxy) nativeDestroy(ctx *fasthttp.RequestCtx, to api.Target) error {
	b, err := p.bucket(to.Bucket.Provider, to.Bucket.Name)
	if err != nil {
		return err
	}
	for _, need := range []struct{ action, key string }{{"s3:DeleteBucket", ""}, {"s3:DeleteObject", "*"}} { // it goes with its objects
		if err := p.access.RequireHTTP(ctx, need.action, b, need.key); err != nil {
			return err
		}
	}
	return p.deleteBucket(b, true)
}

func (p *Proxy) nativeSetProps(ctx *fasthttp.RequestCtx, to api.Target, message api.ActionMessage) error {
	b, err := p.bucket(to.Bucket.Provider, to.Bucket.Name)
	if err != nil {
		return err
	}
	if err := p.mayConfigure(ctx, b); err != nil {
		return err
	}
	var change func(*cluster.Props) error
	if message.Action == api.ActionResetProps {
		change = func(props *cluster.Props) error {
			fresh := cluster.DefaultProps(b.Provider, false, p.cluster.State().Config)
			fresh.BackendBck, fresh.Remote = props.BackendBck, props.Remote // where the objects are, not what is done with them
			*props = fresh
			return nil
		}
	} else {
		given, err := api.ParseProperties(message)
		if err != nil {
			return err
		}
		asked, err := api.ChangeProps(b.Props, given)
		if err == nil {
			err = p.checkBackend(ctx, b, &asked)
		}
		if err != nil {
			return err
		}
		change = func(props *cluster.Props) (err error) {
			*props, err = api.ChangeProps(*props, given)
			return err
		}
	}
	wait, cancel := context.WithTimeout(context.Background(), p.cfg.SyncTimeout)
	defer cancel()
	_, err = p.cluster.UpdateBucket(wait, b, func(b *cluster.Bucket) error {
		err := change(&b.Props)
		if b.Props.BackendBck != "" {
			b.LastRemote = b.Props.BackendBck
		}
		return err
	})
	return err
}

func (p *Proxy) nativeList(ctx *fasthttp.RequestCtx, to api.Target, message api.ActionMessage) error {
	b, err := p.named(ctx, to.Bucket.Provider, to.Bucket.Name)
	if err == nil {
		err = p.access.RequireHTTP(ctx, "s3:ListBucket", b, "")
	}
	if err != nil {
		return err
	}
	list, err := api.ParseList(message)
	if err != nil {
		return err
	}
	resume, err := resumeArchive(&list)
	if err != nil {
		return err
	}
	page, err := p.nativePage(b, list)
	if err != nil {
		return err
	}
	state := p.cluster.State()
	owner := func(i int) string {
		node, _, err := state.Owner(b, object.Name{Bucket: b.ID, Key: page.Entries[i].Key})
		if err != nil {
			return ""
		}
		return node.ID
	}
	result := api.NewListResult(list, page, owner)
	if list.Has(api.ListArchives) {
		if result, err = p.expandArchives(ctx, b, list, resume, result); err != nil {
			return err
		}
	}
	return api.WriteList(ctx, result)
}

// nativePage returns a page of the bucket's names: of a remote one with where each
// object is, or only of what is here, which takes no remote.
func (p *Proxy) nativePage(b *cluster.Bucket, list api.ListMessage) (object.Page, error) {
	if _, remote := b.Remote(); remote && !list.Has(api.ListCached) {
		return p.listBoth(b, list.Query(), nil)
	}
	return p.listHere(b, list.Query())
}

// nativeSummary answers what a bucket holds. The targets keep count, so there is
// no job behind it: the first call gives the id that a client asks again with,
// the second the answer.
func (p *Proxy) nativeSummary(ctx *fasthttp.RequestCtx, to api.Target, message api.ActionMessage) error {
	var req api.SummaryMessage
	if message.HasValue() {
		if err := message.Decode(&req); err != nil {
			return err
		}
	}
	b, err := p.named(ctx, to.Bucket.Provider, to.Bucket.Name)
	if err == nil {
		err = p.access.RequireHTTP(ctx, "s3:ListBucket", b, "")
	}
	if err != nil {
		return err
	}
	if req.UUID == "" {
		ctx.SetStatusCode(fasthttp.StatusAccepted)
		ctx.SetBodyString(uuid.NewString())
		return nil
	}
	if req.Prefix != "" {
		return unsupported(ctx, api.ActionSummary+" of a prefix")
	}
	wait, cancel := context.WithTimeout(context.Background(), p.cfg.PeerTimeout)
	defer cancel()
	nodes, err := p.cluster.State().Placed(b)
	if err != nil {
		return err
	}
	counts := make([]peer.CountAnswer, len(nodes))
	err = p.everyTarget(b, func(i int, node cluster.Node) error {
		return p.caller.Ask(wait, node, peer.PathCount, peer.BucketRequest{Bucket: b.ID}, &counts[i])
	})
	if err != nil {
		return err
	}
	sum := api.Summary{Bucket: api.BucketOf(b), Present: true}
	for _, c := range counts {
		sum.Objects += uint64(c.Objects)
		sum.Size += uint64(c.Bytes)
	}
	if sum.Objects > 0 {
		sum.AvgSize = int64(sum.Size / sum.Objects)
	}
	return api.WriteJSON(ctx, []api.Summary{sum})
}
