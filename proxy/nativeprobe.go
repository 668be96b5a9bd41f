package proxy

import (
	"bytes"

	"ais/api"

	"github.com/valyala/fasthttp"
)

// AIStore's Python SDK sends a PUT over HTTPS twice: first its head alone, with the
// length of a body that does not come, then all of it to the Location that it is
// answered with. Any other answer to the first it takes for the outcome. So the
// first is answered from its head, as if it had an Expect, and with a redirect
// always: where clients cannot reach the targets, to this proxy itself, which
// relays the second.

// probes reports whether a request is the first of the two: the SDK closes the
// connection after it, and after no other.
func probes(h *fasthttp.RequestHeader) bool {
	return h.IsPut() && h.ConnectionClose() && bytes.HasPrefix(h.UserAgent(), []byte("ais/python/")) &&
		bytes.HasPrefix(h.RequestURI(), []byte(api.PathObjects+"/"))
}

// announceProbes returns the server's hook for a header that has come, next, where
// probes count as requests whose body is announced.
func announceProbes(next func(*fasthttp.RequestHeader) fasthttp.RequestConfig) func(*fasthttp.RequestHeader) fasthttp.RequestConfig {
	return func(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
		if probes(h) {
			h.Set("Expect", "100-continue")
		}
		return next(h)
	}
}

// redirectHere answers a probe with this proxy's own URL.
func (p *Proxy) redirectHere(ctx *fasthttp.RequestCtx) {
	p.metrics.redirects.Inc()
	ctx.Response.Header.Set("Location", "https://"+string(ctx.Host())+string(ctx.Request.Header.RequestURI()))
	ctx.Response.Header.Set("Cache-Control", "no-store")
	ctx.SetStatusCode(fasthttp.StatusTemporaryRedirect)
}
