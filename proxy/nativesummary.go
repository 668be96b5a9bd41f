package proxy

import (
	"context"

	"ais/api"
	"ais/cluster"
	"ais/cluster/peer"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"
)

// nativeSummary answers what a bucket holds. The targets keep count, so there is
// no job behind it: the first call gives the id that a client asks again with,
// the second the answer.
func (p *Proxy) nativeSummary(ctx *fasthttp.RequestCtx, to api.Target, message api.ActionMessage) error {
	var req api.SummaryMessage
	if message.HasValue() {
		if err := message.Decode(&req); err != nil {
			return err
		}
	}
	b, err := p.named(ctx, to.Bucket.Provider, to.Bucket.Name)
	if err == nil {
		err = p.access.RequireHTTP(ctx, "s3:ListBucket", b, "")
	}
	if err != nil {
		return err
	}
	if req.UUID == "" {
		ctx.SetStatusCode(fasthttp.StatusAccepted)
		ctx.SetBodyString(uuid.NewString())
		return nil
	}
	if req.Prefix != "" {
		return unsupported(ctx, api.ActionSummary+" of a prefix")
	}
	wait, cancel := context.WithTimeout(context.Background(), p.cfg.PeerTimeout)
	defer cancel()
	nodes, err := p.cluster.State().Placed(b)
	if err != nil {
		return err
	}
	counts := make([]peer.CountAnswer, len(nodes))
	err = p.everyTarget(b, func(i int, node cluster.Node) error {
		return p.caller.Ask(wait, node, peer.PathCount, peer.BucketRequest{Bucket: b.ID}, &counts[i])
	})
	if err != nil {
		return err
	}
	sum := api.Summary{Bucket: api.BucketOf(b), Present: true}
	for _, c := range counts {
		sum.Objects += uint64(c.Objects)
		sum.Size += uint64(c.Bytes)
	}
	if sum.Objects > 0 {
		sum.AvgSize = int64(sum.Size / sum.Objects)
	}
	return api.WriteJSON(ctx, []api.Summary{sum})
}
