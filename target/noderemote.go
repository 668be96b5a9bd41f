package target

import (
	"context"
	"errors"
	"time"

	"ais/backend"
	"ais/cluster/peer"
	"ais/object"

	"github.com/valyala/fasthttp"
)

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
	wait, cancel := context.WithTimeout(context.Background(), t.cluster.State().Config.Backend.LookupTimeout())
	defer cancel()
	info, err := remote.Info(wait)
	if err != nil {
		return err
	}
	return write(ctx, peer.LookupAnswer{Region: info.Region, Versioned: info.Versioned})
}

// nodeRemoteList answers a page of the remote bucket behind one of ours.
func (t *Target) nodeRemoteList(ctx *fasthttp.RequestCtx) error {
	req, err := read[peer.ListRequest](ctx)
	if err != nil {
		return err
	}
	b, err := t.bucketByID(req.Bucket)
	if err != nil {
		return err
	}
	remote, err := t.remote(b)
	if err != nil {
		return err
	}
	if remote == nil {
		return object.E("target.remoteList", b.Name, object.Unsupported, errors.New("there is no remote bucket behind this one"))
	}
	page, err := listRemote(remote, req.Query, t.cluster.State().Config.Backend.Timeout)
	if err != nil {
		return err
	}
	ctx.SetBody(peer.EncodePage(page))
	return nil
}

// listRemote asks a remote for pages, which are as long as it likes, until there are
// q.Limit entries, or half of the time that one page may take is over.
func listRemote(remote backend.Backend, q object.Query, timeout time.Duration) (object.Page, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*timeout)
	defer cancel()
	began := time.Now()
	all := object.Page{Truncated: q.Limit > 0}
	for limit := q.Limit; all.Truncated && len(all.Entries) < limit; {
		q.Limit = limit - len(all.Entries)
		page, err := remote.List(ctx, q)
		if err != nil {
			return object.Page{}, err
		}
		if page.Truncated && page.Next() <= q.After { // a list that never ends
			return object.Page{}, object.E("target.remoteList", q.Prefix, object.Unavailable, errors.New("the remote's list makes no progress"))
		}
		all.Entries, all.Truncated = append(all.Entries, page.Entries...), page.Truncated
		if q.After = page.Next(); time.Since(began) > timeout/2 {
			break
		}
	}
	return all, nil
}
