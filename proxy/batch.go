package proxy

import (
	"time"

	"ais/api"
	"ais/cluster"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// nativeBatch sends a Get-Batch to the target that owns most of it: it answers, with
// what the others send it. Whether who asks may have an entry its owner decides.
func (p *Proxy) nativeBatch(ctx *fasthttp.RequestCtx) error {
	req, err := api.ReadBatch(ctx)
	if err != nil {
		return err
	}
	find := func() ([]cluster.Node, error) {
		node, err := p.assembler(ctx, &req)
		return []cluster.Node{node}, err
	}
	return p.relay(ctx, find, func(node cluster.Node, _ time.Duration) error {
		if p.redirectsNative(ctx, node) && len(ctx.Request.Body()) <= maxDrained {
			p.redirectNative(ctx, node)
			return nil
		}
		p.metrics.relays.Inc()
		return p.caller.TryForward(ctx, node, "", p.access.Grant(ctx), 0)
	})
}

// assembler returns the live target that owns the most entries; any live one where
// none owns one. A bucket that only a remote store knows is added as by any first use
// of it; what is wrong with an entry is for the answer to say.
func (p *Proxy) assembler(ctx *fasthttp.RequestCtx, req *api.BatchRequest) (best cluster.Node, err error) {
	state := p.cluster.State()
	buckets, owned := map[[2]string]*cluster.Bucket{}, map[string]int{}
	for i := range req.In {
		in := &req.In[i]
		name := [2]string{in.Provider, in.Bucket}
		b, ok := buckets[name]
		if !ok {
			if b, err = p.named(ctx, object.Provider(in.Provider), in.Bucket); err != nil && !req.ContinueOnError {
				return best, err
			}
			buckets[name] = b
		}
		if b == nil {
			continue
		}
		if node, live, err := state.Owner(b, object.Name{Bucket: b.ID, Key: in.Key}); err == nil && live {
			if owned[node.ID]++; owned[node.ID] > owned[best.ID] || best.ID == "" {
				best = node
			}
		}
	}
	if best.ID != "" {
		return best, nil
	}
	for _, node := range state.Targets() {
		if state.IsLive(node.ID) {
			return node, nil
		}
	}
	return best, object.E("proxy.batch", "", object.Unavailable, nil)
}
