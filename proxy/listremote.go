package proxy

import (
	"context"
	"errors"
	"sync"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"
	"ais/s3api"
)

// errUseRemote refuses what the remote does for its buckets, and AIS does not.
func errUseRemote(what string) error {
	return object.E("proxy.remote", "", object.Unsupported, say(s3api.NotImplemented, what+" are at the remote: ask it."))
}

// listRemote returns a page of the remote bucket behind b, which one target asks
// for: another one for another place in the list.
func (p *Proxy) listRemote(b *cluster.Bucket, q object.Query) (object.Page, error) {
	state := p.cluster.State()
	ctx, cancel := context.WithTimeout(context.Background(), 2*state.Config.Backend.Timeout+p.cfg.PeerTimeout) // the target has the exact deadline
	defer cancel()
	err := object.E("proxy.listRemote", b.Name, object.Unavailable, errors.New("no target is alive"))
	for _, node := range state.LookUpNodes(b.Name + "/" + q.Prefix + "/" + q.After) {
		var page object.Page
		page, err = p.caller.AskPage(ctx, node, peer.PathRemoteList, peer.ListRequest{Bucket: b.ID, Query: q})
		if err == nil || object.KindOf(err) != object.Unavailable || peer.Answered(err) {
			return page, remoteError(err)
		}
	}
	return object.Page{}, err
}

// remoteError says to clients that it is the remote that fails.
func remoteError(err error) error {
	if err == nil || !peer.Answered(err) {
		return err
	}
	switch kind := object.KindOf(err); kind {
	case object.Unavailable:
		return object.E("proxy.remote", "", kind, say(s3api.ServiceUnavailable, "The remote store cannot be reached: "+text(err)))
	case object.Denied:
		return object.E("proxy.remote", "", kind, say(s3api.AccessDenied, "The remote store denies access: "+text(err)))
	case object.Unsupported:
		return object.E("proxy.remote", "", kind, say(s3api.NotImplemented, text(err)))
	}
	return err
}

// listFront lists an ais:// bucket in front of a remote one: what the remote has, and
// what was put before it was there. What is kept here of an object that the remote
// has no longer is not listed.
func (p *Proxy) listFront(b *cluster.Bucket, q object.Query) (object.Page, error) {
	return p.listBoth(b, q, func(e *object.Entry) (bool, error) {
		if e.Standing != object.Removed || !e.Prefix {
			return e.Standing != object.Removed, nil
		}
		return p.holds(b, e.Key, func(m *object.Meta) bool { return m.Custom[object.CustomSource] == "" })
	})
}

// holds reports whether there is an object here under the prefix that is as asked.
func (p *Proxy) holds(b *cluster.Bucket, prefix string, asked func(*object.Meta) bool) (bool, error) {
	q := object.Query{Prefix: prefix, Limit: s3api.MaxKeys, Full: true}
	for {
		page, err := p.listHere(b, q)
		if err != nil {
			return false, err
		}
		for i := range page.Entries {
			if asked(&page.Entries[i].Meta) {
				return true, nil
			}
		}
		if !page.Truncated {
			return false, nil
		}
		q.After = page.Next()
	}
}

// listBoth returns a page of the remote bucket behind b and of what is here, with the
// Standing of each entry; keep says which of them to list, nil is all.
func (p *Proxy) listBoth(b *cluster.Bucket, q object.Query, keep func(*object.Entry) (bool, error)) (object.Page, error) {
	q.Full = true // what an object is of is not in what a listing shows
	remote := stream{q: q, ask: func(q object.Query) (object.Page, error) { return p.listRemote(b, q) }}
	local := stream{q: q, ask: func(q object.Query) (object.Page, error) { return p.listHere(b, q) }}
	var wg sync.WaitGroup
	var missing error
	wg.Go(func() { missing = local.fill() })
	err := remote.fill()
	wg.Wait()
	if err == nil {
		err = missing
	}
	if err != nil {
		return object.Page{}, err
	}
	return join(q.Limit, &remote, &local, keep)
}

// stream is a listing that is read page by page.
type stream struct {
	q    object.Query // for the next page
	ask  func(object.Query) (object.Page, error)
	page object.Page
	pos  int // of the next entry in page
}

// fill gets the next page.
func (s *stream) fill() (err error) {
	if s.page, err = s.ask(s.q); err != nil {
		return err
	}
	if s.page.Truncated && len(s.page.Entries) == 0 {
		return object.E("proxy.list", s.q.Prefix, object.Internal, errors.New("an empty page with more behind it"))
	}
	s.pos, s.q.After = 0, s.page.Next()
	return nil
}

// peek returns the next entry, nil at the end.
func (s *stream) peek() (*object.Entry, error) {
	for s.pos == len(s.page.Entries) {
		if !s.page.Truncated {
			return nil, nil
		}
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
	return &s.page.Entries[s.pos], nil
}

// join merges what a remote has with what is here into a page of at most limit
// entries.
func join(limit int, remote, local *stream, keep func(*object.Entry) (bool, error)) (object.Page, error) {
	out := object.Page{Entries: make([]object.Entry, 0, min(limit, len(remote.page.Entries)+len(local.page.Entries)))}
	for {
		r, err := remote.peek()
		if err != nil {
			return object.Page{}, err
		}
		l, err := local.peek()
		if err != nil {
			return object.Page{}, err
		}
		if r == nil && l == nil {
			return out, nil
		}
		if len(out.Entries) == limit {
			out.Truncated = true
			return out, nil
		}
		var e object.Entry
		switch {
		case l == nil || r != nil && r.Key < l.Key:
			e = *r
			e.Standing = object.Distant
			remote.pos++
		case r == nil || l.Key < r.Key:
			e = *l
			if e.Prefix || e.Meta.Custom[object.CustomSource] != "" {
				e.Standing = object.Removed
			}
			local.pos++
		default:
			e = joined(r, l)
			remote.pos++
			local.pos++
		}
		if keep != nil {
			if wanted, err := keep(&e); err != nil {
				return object.Page{}, err
			} else if !wanted {
				continue
			}
		}
		out.Entries = append(out.Entries, e)
	}
}

// joined is the entry of an object that is at the remote, r, and here, l. One that is
// the bucket's own hides the remote's.
func joined(r, l *object.Entry) object.Entry {
	e := *l
	if l.Prefix || l.Meta.Custom[object.CustomSource] == "" || l.Meta.ETag == r.Meta.ETag {
		return e
	}
	e.Standing = object.Changed
	e.Meta.Size, e.Meta.ETag, e.Meta.Modified, e.Meta.StorageClass = r.Meta.Size, r.Meta.ETag, r.Meta.Modified, r.Meta.StorageClass
	return e
}
