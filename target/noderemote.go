package target

import (
	"context"
	"time"

	"ais/cluster/peer"

	"github.com/valyala/fasthttp"
)

// lookupTimeout is the longest that a remote store is waited for to say whether it
// has a bucket.
const lookupTimeout = 5 * time.Second

// nodeLookup answers what the remote store says of a bucket.
func (t *Target) nodeLookup(ctx *fasthttp.RequestCtx) error {
	req, err := read[peer.LookupRequest](ctx)
	if err != nil {
		return err
	}
	remote, err := t.remoteNamed(req.Bucket, req.Remote)
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(context.Background(), min(lookupTimeout, t.cluster.State().Config.Backend.Timeout))
	defer cancel()
	info, err := remote.Info(wait)
	if err != nil {
		return err
	}
	return write(ctx, peer.LookupAnswer{Region: info.Region, Versioned: info.Versioned})
}
