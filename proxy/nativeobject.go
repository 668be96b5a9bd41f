package proxy

import (
	"errors"
	"strconv"

	"ais/api"
	"ais/cluster"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// maxDrained is how much of a body that was not announced is thrown away for the
// sake of a redirect. A longer one is relayed.
const maxDrained = 256 << 10

// nativeObject sends an object call to the owner: native clients follow.
func (p *Proxy) nativeObject(ctx *fasthttp.RequestCtx) error {
	if ctx.IsPost() {
		if to, err := api.ReadTarget(ctx); err != nil && to.Bucket.Name != "" && to.Key == "" {
			return p.nativeObjects(ctx)
		}
	}
	at, err := p.nativePlace(ctx)
	if err != nil {
		return err
	}
	return p.relays(ctx, at, "", func(node cluster.Node) bool {
		if !p.redirectsNative(ctx, node) {
			return false
		}
		p.redirectNative(ctx, node)
		return true
	})
}

// nativeObjects answers a POST for the objects of a bucket: the SDK sends its
// promotions and downloads of objects there, which AIS has not.
func (p *Proxy) nativeObjects(ctx *fasthttp.RequestCtx) error {
	message, err := api.ReadAction(ctx)
	if err != nil {
		return err
	}
	return object.E("native", message.Action, object.Unsupported, errors.New("objects have no action "+strconv.Quote(message.Action)))
}

// nativePlace returns what a native object call is routed by, if who asks may make it.
func (p *Proxy) nativePlace(ctx *fasthttp.RequestCtx) (place, error) {
	to, err := api.ReadTarget(ctx)
	if err != nil {
		return place{}, err
	}
	call, err := api.ReadObjectCall(ctx)
	if err != nil {
		return place{}, err
	}
	b, err := p.named(ctx, to.Bucket.Provider, to.Bucket.Name)
	if err != nil {
		return place{}, err
	}
	if err := p.mayObject(ctx, call, b, to.Key); err != nil {
		return place{}, err
	}
	if call.Kind == api.ObjectCopy {
		return p.copyPlace(ctx, call.To)
	}
	return place{b, to.Key, call.UploadID}, nil
}

// copyPlace returns where a copy goes, by which the call that makes it is routed.
func (p *Proxy) copyPlace(ctx *fasthttp.RequestCtx, to api.Target) (place, error) {
	b, err := p.named(ctx, to.Bucket.Provider, to.Bucket.Name)
	if err != nil {
		return place{}, err
	}
	if err := p.mayObject(ctx, api.ObjectCall{Kind: api.ObjectPut}, b, to.Key); err != nil {
		return place{}, err
	}
	return place{bucket: b, key: to.Key}, nil
}

// redirectsNative decides whether a native object call is redirected to node.
func (p *Proxy) redirectsNative(ctx *fasthttp.RequestCtx, node cluster.Node) bool {
	h := &ctx.Request.Header
	announced := len(h.Peek("Expect")) > 0
	length := h.ContentLength()
	small := length >= 0 && length <= maxDrained || ctx.IsGet() || ctx.IsHead() || ctx.IsDelete()
	never := p.cfg.Redirect == string(RedirectNever) || p.cluster.State().Config.Redirect == cluster.RedirectNever
	return !never && node.PublicURL != "" && (announced || small)
}

// redirectNative answers with the URL of the request at node, with a ticket.
func (p *Proxy) redirectNative(ctx *fasthttp.RequestCtx, node cluster.Node) {
	p.metrics.redirects.Inc()
	ctx.Response.Header.Set("Location", p.caller.Redirect(ctx, node, p.access.Grant(ctx)))
	ctx.Response.Header.Set("Cache-Control", "no-store")
	ctx.SetStatusCode(fasthttp.StatusTemporaryRedirect)
}
