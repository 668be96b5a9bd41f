package proxy

import (
	"errors"
	"strings"

	"ais/api"
	"ais/object"

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
	call := string(ctx.Method()) + " " + what
	return object.E("native", call, object.Unsupported, errors.New(call+" is not a call of this version"))
}
