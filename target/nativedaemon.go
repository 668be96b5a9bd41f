package target

import (
	"errors"

	"ais/access"
	"ais/api"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// aboutSelf reports whether a native call asks this node what it knows of itself:
// on its own port, or by a proxy that was asked for this node.
func (t *Target) aboutSelf(ctx *fasthttp.RequestCtx, path string) bool {
	return path == api.PathDaemon || path == api.PathReverse && string(ctx.Request.Header.Peek(api.HeaderNodeID)) == t.cfg.ID
}

// nativeDaemon answers such a call.
func (t *Target) nativeDaemon(ctx *fasthttp.RequestCtx) error {
	if !ctx.IsGet() {
		return object.E("target.native", string(ctx.Method())+" "+api.PathDaemon, object.Unsupported, nil)
	}
	who := access.Who(ctx)
	if t.access.On() && (who == nil || who.Anonymous()) {
		return object.E("native", api.PathDaemon, object.Denied, errors.New("the call has no credentials"))
	}
	return t.daemon.Answer(ctx, !t.access.On() || who.Admin && who.Session == nil)
}
