package proxy

import (
	"bytes"

	"ais/access"
	"ais/api"
	"ais/cluster"

	"github.com/valyala/fasthttp"
)

// expectAny is fasthttp's ExpectHandler, called before the body of a request with
// Expect: 100-continue is asked for: it answers 100, or the status of an answer
// that it has written and that goes out instead of the body's being read.
func (p *Proxy) expectAny(ctx *fasthttp.RequestCtx) int {
	native := !p.s3.VirtualHost(ctx) && bytes.HasPrefix(ctx.Request.Header.RequestURI(), []byte("/v1/"))
	if err := p.enter(ctx); err != nil {
		return p.refuse(ctx, native, err)
	}
	if !native {
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
	at, err := p.nativePlace(ctx)
	if err != nil {
		return 0, err
	}
	return p.relaysExpect(ctx, at, "", func(node cluster.Node) bool {
		switch {
		case p.redirectsNative(ctx, node):
			p.redirectNative(ctx, node)
			return true
		case probe:
			p.redirectHere(ctx)
		}
		return probe
	})
}
