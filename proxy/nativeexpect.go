package proxy

import (
	"bytes"

	"ais/access"
	"ais/api"

	"github.com/valyala/fasthttp"
)

// expectAny is fasthttp's ExpectHandler, called before the body of a request with
// Expect: 100-continue is asked for: it answers 100, or the status of an answer
// that it has written and that goes out instead of the body's being read.
func (p *Proxy) expectAny(ctx *fasthttp.RequestCtx) int {
	if p.s3.VirtualHost(ctx) || !bytes.HasPrefix(ctx.Request.Header.RequestURI(), []byte("/v1/")) {
		return p.s3.ExpectHandler(ctx)
	}
	if !bytes.HasPrefix(ctx.Request.Header.RequestURI(), []byte(api.PathObjects+"/")) {
		return fasthttp.StatusContinue
	}
	status, err := p.expectObject(ctx)
	if err != nil {
		return p.failNative(ctx, err)
	}
	return status
}

// expectObject sends a native object call to the owner, or asks the owner whether
// it wants the body.
func (p *Proxy) expectObject(ctx *fasthttp.RequestCtx) (status int, err error) {
	probe := probes(&ctx.Request.Header)
	if p.access.On() && !access.Prompt(ctx) && !probe {
		return fasthttp.StatusContinue, nil // the signature is of the body, too
	}
	if err := p.identifyNative(ctx, api.PathObjects); err != nil {
		return 0, err
	}
	node, err := p.nativeOwner(ctx)
	if err != nil {
		return 0, err
	}
	if p.redirectsNative(ctx, node) {
		p.redirectNative(ctx, node)
		return fasthttp.StatusTemporaryRedirect, nil
	}
	if probe {
		p.redirectHere(ctx)
		return fasthttp.StatusTemporaryRedirect, nil
	}
	return p.caller.ForwardExpect(ctx, node, "", p.access.Grant(ctx))
}
