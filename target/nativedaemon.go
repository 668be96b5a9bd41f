package target

import (
	"errors"

	"ais/access"
	"ais/api"
	"ais/cluster/peer"
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

// nodeAct does with this node what another one asks for.
func (t *Target) nodeAct(ctx *fasthttp.RequestCtx) error {
	asked, err := read[peer.ActRequest](ctx)
	if err != nil {
		return err
	}
	switch asked.Act {
	case peer.ActShutdown:
		t.cfg.Logger.Info("this node was told to end")
		t.daemon.End()
	case peer.ActRotateLogs:
		return t.daemon.RotateLogs()
	case peer.ActReloadKeys:
		t.remotes.forget()
		t.cfg.Logger.Info("remote buckets are opened anew")
	default:
		return object.E("target.act", string(asked.Act), object.Unsupported, nil)
	}
	return nil
}
