package proxy

import (
	"time"

	"github.com/valyala/fasthttp"
)

// enter admits a request, or refuses it because this node is full. The error is of
// kind Busy.
func (p *Proxy) enter(ctx *fasthttp.RequestCtx) error {
	var name [96]byte
	return p.load.Admit(ctx, p.access.Client(name[:0], ctx), func() int { return p.caller.Hops(ctx) })
}

// refuse answers a request that is not admitted and returns the status.
func (p *Proxy) refuse(ctx *fasthttp.RequestCtx, native bool, err error) (status int) {
	if native {
		return p.failNative(ctx, err)
	}
	return p.s3.Refuse(ctx, err)
}

// drain is called when the node is told to end: it is not ready from now on, and the
// connections that it has end with their next answer. For ShutdownDelay it serves on,
// so that a load balancer sees that before connections are refused.
func (p *Proxy) drain() {
	p.leaving.Store(true)
	time.Sleep(p.cfg.ShutdownDelay)
}
