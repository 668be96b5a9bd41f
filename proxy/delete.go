package proxy

import (
	"context"
	"slices"
	"sync"

	"ais/access"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"
	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// serveDeleteObjects answers DeleteObjects: each owner removes its share in one
// call.
func (p *Proxy) serveDeleteObjects(r *s3api.Request) error {
	b, err := p.s3Bucket(r)
	if err != nil {
		return err
	}
	document, err := r.ControlBody(s3api.MaxControlBody)
	if err != nil {
		return err
	}
	keys, quiet, err := s3api.ParseDelete(document)
	if err != nil {
		return err
	}
	p.denyDeletes(r, b, keys)
	results := p.deleteMany(r.Ctx(), b, keys, access.Writer(r.Who, b))
	if err := openEnd(results); err != nil {
		return err
	}
	r.WriteXML(func(out []byte) []byte { return s3api.AppendDeleted(out, results, quiet) })
	return nil
}

// deleteMany removes keys, or versions of them, and says of each what came of it.
// Delete markers that it makes are owner's. It waits for owners that are down.
func (p *Proxy) deleteMany(ctx *fasthttp.RequestCtx, b *cluster.Bucket, keys []s3api.DeleteKey, owner string) []s3api.Deleted {
	results := make([]s3api.Deleted, len(keys))
	open := make([]int, 0, len(keys)) // indexes of keys that nobody has begun with
	for i, k := range keys {
		results[i] = s3api.Deleted{Key: k.Key, VersionID: k.VersionID, Err: k.Err}
		if k.Err == nil {
			open = append(open, i)
		}
	}
	_ = p.hold(ctx, func() (again bool, err error) { // results have the errors
		p.deleteOpen(b, keys, open, results, owner)
		open = slices.DeleteFunc(open, func(i int) bool {
			revision, undone := peer.Resend(results[i].Err, false)
			if undone {
				p.reach(revision)
			}
			return !undone
		})
		if len(open) == 0 {
			return false, nil
		}
		return true, results[open[0]].Err
	})
	return results
}

// openEnd returns the error of a key of which nobody knows whether it was removed: its
// owner had begun, and failed for a moment. Then all of the request is answered as
// DeleteObject of that key would be, for clients send it again, and never a single key.
// Keys of an owner that was down all the time are not meant: the rest was removed, and
// the client is told which was not.
func openEnd(results []s3api.Deleted) error {
	for i := range results {
		if err := results[i].Err; err != nil && object.KindOf(err) == object.Unavailable {
			if _, untouched := peer.Resend(err, false); !untouched {
				return err
			}
		}
	}
	return nil
}

// deleteOpen is one try of deleteMany with some of the keys.
func (p *Proxy) deleteOpen(b *cluster.Bucket, keys []s3api.DeleteKey, open []int, results []s3api.Deleted, owner string) {
	shares := map[string]*share{}
	for _, i := range open {
		k := keys[i]
		node, err := p.owner(b, k.Key)
		if err != nil {
			if object.KindOf(err) == object.Unavailable {
				err = peer.Again("proxy.delete", k.Key, 0, err)
			}
			results[i].Err = err
			continue
		}
		s := shares[node.ID]
		if s == nil {
			s = &share{node: node, request: peer.DeleteRequest{Bucket: b.ID, Owner: owner}}
			shares[node.ID] = s
		}
		s.add(i, k)
	}
	timeout := p.cfg.PeerTimeout
	if _, remote := b.Remote(); remote { // the targets ask the remote about conditions, then have it delete
		timeout += 2 * p.cluster.State().Config.Backend.Timeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var wg sync.WaitGroup
	for _, s := range shares {
		wg.Go(func() { p.deleteShare(ctx, s, results) })
	}
	wg.Wait()
}

// share is what one target has to do of a multi-delete.
type share struct {
	node    cluster.Node
	index   []int // of request.Keys among all keys
	request peer.DeleteRequest
}

func (s *share) add(i int, k s3api.DeleteKey) {
	if k.Cond.Any() {
		if s.request.Conds == nil {
			s.request.Conds = map[int]object.Cond{}
		}
		s.request.Conds[len(s.index)] = k.Cond
	}
	if k.VersionID != "" {
		if s.request.Versions == nil {
			s.request.Versions = map[int]string{}
		}
		s.request.Versions[len(s.index)] = k.VersionID
	}
	s.index = append(s.index, i)
	s.request.Keys = append(s.request.Keys, k.Key)
}

// deleteShare has a target do its share. Shares have no index in common, so they
// may write their results at once.
func (p *Proxy) deleteShare(ctx context.Context, s *share, results []s3api.Deleted) {
	var answer peer.DeleteAnswer
	err := p.caller.Ask(ctx, s.node, peer.PathDelete, s.request, &answer)
	for i, at := range s.index {
		results[at].Err = err
		if text, ok := answer.Failed[i]; ok {
			results[at].Err = object.E("target.delete", s.request.Keys[i], object.KindFromText(text), nil)
			if revision, ok := answer.Again[i]; ok {
				results[at].Err = peer.Again("target.delete", s.request.Keys[i], revision, results[at].Err)
			}
		}
		id, marker := answer.Markers[i]
		results[at].MarkerID, results[at].Marker = id, marker
	}
}
