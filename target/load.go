package target

import (
	"context"
	"errors"
	"time"

	"ais/cluster/peer"
	"ais/object"

	"github.com/valyala/fasthttp"
)

var errLeaving = errors.New("this target is about to end")

// enter admits a request, or refuses it: because this node is full (Busy), or about to
// end (Unavailable: who sent it on holds it until somebody can serve it).
func (t *Target) enter(ctx *fasthttp.RequestCtx) error {
	var name [96]byte
	if err := t.load.Admit(ctx, t.access.Client(name[:0], ctx), func() int { return t.caller.Hops(ctx) }); err != nil {
		return err
	}
	if t.leaving.Load() { // after it was counted: drain either sees it, or is seen here
		return peer.Again("target.enter", t.cfg.ID, 0, object.E("target.enter", t.cfg.ID, object.Unavailable, errLeaving))
	}
	return nil
}

// refuse answers a request that is not admitted and returns the status.
func (t *Target) refuse(ctx *fasthttp.RequestCtx, native bool, err error) (status int) {
	if native {
		return t.failNative(ctx, err)
	}
	return t.s3.Refuse(ctx, err)
}

// How the drain of a target is divided.
const (
	drainTime  = 2 * time.Second        // for what is in flight, while the lease is kept
	noticeTime = 100 * time.Millisecond // for the others to see that the lease was given back
)

// drain is called when the node is told to end. No request is begun from now on: who
// relays one is told to send it again. What is in flight has drainTime to end while
// this node still owns its names; then it gives its lease back, so that owners of
// other copies go on, and the proxies stop asking it. Only after they had the time to
// see that are connections closed, so that none of them breaks under a request.
func (t *Target) drain() {
	t.leaving.Store(true)
	time.Sleep(t.cfg.ShutdownDelay)
	over := time.NewTimer(drainTime)
	defer over.Stop()
	for ended := false; !ended; {
		served, changed := t.load.Idle()
		if served == 0 {
			break
		}
		select {
		case <-changed:
		case <-over.C:
			ended = true
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.cfg.SyncTimeout)
	defer cancel()
	t.cluster.Leave(ctx)
	time.Sleep(noticeTime)
}
