package peer

import "github.com/valyala/fasthttp"

// expectKey is the user value of ctx under which RelayExpect leaves the exchange
// that Relay goes on with. fasthttp closes it if nobody takes it.
type expectKey struct{}

// RelayExpect is for the server's ExpectHandler, the only place where fasthttp
// lets an answer go out before it tells the client to send its body: it passes
// on the head of a request that expects 100-continue, and hears whether the node
// wants the body.
//
// It returns 100 where it does: the handler, which follows, calls Relay, and the
// body goes on the same connection, whatever address is given there. Any other
// status is the node's answer, which is in ctx; the ExpectHandler returns it, and
// no byte of the body was asked for. On an error, as Relay's, nothing was written
// to ctx.
//
// Without RelayExpect the server has told the client to send before the handler
// runs; Relay then sends head and body without Expect.
func (c *Client) RelayExpect(ctx *fasthttp.RequestCtx, addr string, add []Header) (status int, err error) {
	x := c.acquire()
	err = x.run(ctx, addr, add, true)
	for err == nil && x.status < 200 && x.status != fasthttp.StatusContinue {
		err = x.readAnswer(false, true)
	}
	if err == nil && x.status == fasthttp.StatusContinue {
		ctx.SetUserValue(expectKey{}, x)
		return fasthttp.StatusContinue, nil
	}
	// The node may or may not wait for the body that now does not come.
	x.reusable = false
	if err = x.end(ctx, "peer.RelayExpect", addr, err); err != nil {
		return 0, err
	}
	return ctx.Response.StatusCode(), nil
}

func takeExpected(ctx *fasthttp.RequestCtx) *exchange {
	x, ok := ctx.UserValue(expectKey{}).(*exchange)
	if ok {
		ctx.RemoveUserValue(expectKey{})
	}
	return x
}
