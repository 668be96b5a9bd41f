package proxy

import (
	"context"
	"errors"
	"fmt"

	"ais/api"
	"ais/cluster"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// nativeRebalance starts or halts the moving of objects to where the targets are now,
// and answers the id of the rebalance.
func (p *Proxy) nativeRebalance(ctx *fasthttp.RequestCtx, start bool, b *cluster.Bucket) error {
	switch {
	case !p.admin(ctx):
		return object.E("native.job", api.JobRebalance, object.Denied, errNotAdmin)
	case b != nil:
		return object.E("native.job", api.JobRebalance, object.Invalid, errors.New("a rebalance is of all buckets"))
	}
	wait, cancel := context.WithTimeout(context.Background(), p.cfg.SyncTimeout)
	defer cancel()
	if err := p.cluster.Rebalance(wait, start); err != nil {
		return err
	}
	ctx.SetBodyString(api.RebalanceID(p.cluster.State().Map.Toward))
	return nil
}

// rebalanceStatus returns how far the moving of objects is on the whole: that of the
// last change of the targets, whichever was asked for. It has ended when no bucket is
// to be moved.
func (p *Proxy) rebalanceStatus() api.JobStatus {
	state := p.cluster.State()
	s := api.JobStatus{ID: api.RebalanceID(state.Map.Toward), Kind: api.JobRebalance}
	unmoved := len(state.Unmoved())
	switch {
	case unmoved == 0:
		s.Ended = p.cfg.Now().UnixNano()
	case state.Map.Halted:
		s.Ended, s.Aborted = p.cfg.Now().UnixNano(), true
		s.Err = fmt.Sprintf("it was stopped with %d buckets to move", unmoved)
	}
	return s
}
