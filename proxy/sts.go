package proxy

import (
	"bytes"

	"ais/s3api"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"
)

// isSTS reports whether a request is for the Security Token Service, which is at
// the proxy's root: a form, posted to no bucket.
func isSTS(ctx *fasthttp.RequestCtx) bool {
	if !ctx.IsPost() || !bytes.HasPrefix(ctx.Request.Header.ContentType(), []byte("application/x-www-form-urlencoded")) {
		return false
	}
	path, _, _ := bytes.Cut(ctx.Request.Header.RequestURI(), []byte{'?'})
	switch string(path) {
	case "/", "/s3", "/s3/":
		return true
	}
	return false
}

// serveSTS makes sessions.
func (p *Proxy) serveSTS(ctx *fasthttp.RequestCtx) {
	id := uuid.NewString()
	h := &ctx.Response.Header
	h.Set("x-amzn-RequestId", id)
	h.Set("Cache-Control", "no-store")
	h.SetContentType("text/xml")
	answer, err := p.access.MakeSession(ctx)
	if err != nil {
		e := s3api.FromError(err)
		if e.Status >= fasthttp.StatusInternalServerError {
			p.cfg.Logger.Error("session refused", "request", id, "err", err)
		}
		ctx.SetStatusCode(e.Status)
		ctx.SetBody(s3api.AppendSTSError(nil, e, id))
		return
	}
	answer.RequestID = id
	ctx.SetBody(s3api.AppendSession(nil, answer))
}
