package access

import (
	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// Client appends to dst a name of who is to be charged for a request while it is
// served. It is asked before anything is verified, and must be cheap: who claims
// another's access key is charged as that one, until the signature turns out wrong.
// A user is one client wherever the requests come from; who is nobody that the
// cluster knows is the address. Without users the claimed key tells apart those who
// come from one address.
func (c *Control) Client(dst []byte, ctx *fasthttp.RequestCtx) []byte {
	key, token := s3api.ClaimedKey(ctx)
	if !c.On() {
		dst = append(dst, ctx.RemoteIP()...)
		return append(append(dst, '/'), key...)
	}
	if user := c.claimed(ctx, key, token); user != "" {
		return append(append(dst, "user "...), user...)
	}
	return append(dst, ctx.RemoteIP()...)
}

// claimed returns the id of the user who a request claims to come from, "" for none
// that is known here.
func (c *Control) claimed(ctx *fasthttp.RequestCtx, key, sessionToken []byte) string {
	switch {
	case len(sessionToken) > 0:
		var s session
		if c.open(sessionPurpose, string(sessionToken), &s) == nil {
			return s.User
		}
	case len(key) > 0:
		if u, ok := usable(c.cfg.State(), string(key)); ok {
			return u.ID
		}
	default:
		var t token
		if text, ok := bearer(ctx); ok && c.open(bearerPurpose, text, &t) == nil {
			return t.User
		}
	}
	return ""
}
