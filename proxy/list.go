package proxy

import (
	"context"
	"sync"

	"ais/access"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"
	"ais/s3api"
)

func (p *Proxy) serveList(r *s3api.Request) error {
	b, err := p.s3Bucket(r)
	if err != nil {
		return err
	}
	list, err := s3api.ParseList(r)
	if err != nil {
		return err
	}
	if _, remote := b.Remote(); remote && list.Query.Versions {
		return errUseRemote("The versions of objects in a remote bucket")
	}
	var page object.Page
	if list.Query.Limit > 0 {
		page, err = p.List(b, list.Query)
		if object.KindOf(err) == object.NoSuchBucket && err != nil { // a target knows more than this node
			if b, err = p.freshS3Bucket(r); err == nil {
				page, err = p.List(b, list.Query)
			}
		}
		if err != nil {
			return err
		}
	}
	owners := access.Owners(p.cluster.State(), b)
	r.WriteXML(func(out []byte) []byte {
		switch r.Op {
		case s3api.ListObjectsV2:
			return s3api.AppendListV2(out, r.Bucket, &list, &page, owners)
		case s3api.ListObjectVersions:
			return s3api.AppendListVersions(out, r.Bucket, &list, &page, owners)
		}
		return s3api.AppendListV1(out, r.Bucket, &list, &page, owners)
	})
	return nil
}

// List returns a page of the bucket's names. Of a remote bucket they are the
// remote's, of an ais:// bucket in front of one its own besides. Where whom it takes
// cannot be asked there is no page, but an error of kind Unavailable: a short list
// would be taken for the truth.
func (p *Proxy) List(b *cluster.Bucket, q object.Query) (object.Page, error) {
	_, remote := b.Remote()
	switch {
	case !remote:
		return p.listHere(b, q)
	case b.Provider == object.AIS:
		return p.listFront(b, q)
	}
	return p.listRemote(b, q)
}

// listHere returns a page of what the targets have, merged from every one that may
// have some.
func (p *Proxy) listHere(b *cluster.Bucket, q object.Query) (object.Page, error) {
	return p.merge(b, q.Limit, func(ctx context.Context, node cluster.Node, last *object.Entry, limit int) (object.Page, error) {
		q := q
		q.Limit = limit
		if last != nil {
			q.After, q.AfterVersion = last.Key, ""
			if q.Versions && !last.Prefix {
				q.AfterVersion = object.ShownVersion(last.Meta.VersionID)
			}
		}
		return p.askPage(ctx, node, peer.PathList, peer.ListRequest{Bucket: b.ID, Query: q})
	})
}

func (p *Proxy) serveListUploads(r *s3api.Request) error {
	b, err := p.s3Bucket(r)
	if err != nil {
		return err
	}
	list, err := s3api.ParseList(r)
	if err != nil {
		return err
	}
	var page object.Page
	if list.Query.Limit > 0 {
		if page, err = p.listUploads(b, list.Query, list.UploadMarker); err != nil {
			return err
		}
	}
	owners := access.Owners(p.cluster.State(), b)
	r.WriteXML(func(out []byte) []byte { return s3api.AppendListUploads(out, r.Bucket, &list, &page, owners) })
	return nil
}

// listUploads merges the uploads that the targets have begun. All uploads of a
// key are at one target, its owner, so a page never splits them between two.
func (p *Proxy) listUploads(b *cluster.Bucket, q object.Query, uploadID string) (object.Page, error) {
	return p.merge(b, q.Limit, func(ctx context.Context, node cluster.Node, last *object.Entry, limit int) (object.Page, error) {
		req := peer.UploadsRequest{Bucket: b.ID, Query: q, UploadID: uploadID}
		req.Query.Limit = limit
		if last != nil {
			req.Query.After, req.UploadID = last.Key, last.UploadID
		}
		return p.askPage(ctx, node, peer.PathUploads, req)
	})
}

func (p *Proxy) askPage(ctx context.Context, node cluster.Node, path string, req any) (object.Page, error) {
	answer, err := p.caller.AskRaw(ctx, node, path, req)
	if err != nil {
		return object.Page{}, err
	}
	return peer.DecodePage(answer)
}

// merge asks each target of the bucket for its share of limit entries plus some
// slack, all at once, and asks those again whose entries run out before the page
// is full. last is the entry after which a target is to go on, nil at first.
func (p *Proxy) merge(b *cluster.Bucket, limit int, ask func(ctx context.Context, node cluster.Node, last *object.Entry, limit int) (object.Page, error)) (object.Page, error) {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.PeerTimeout)
	defer cancel()
	nodes, err := p.cluster.State().Placed(b)
	if err != nil {
		return object.Page{}, err
	}
	share := limit + 1
	if n := len(nodes); n > 1 {
		share = min(share, limit/n+limit/(4*n)+16)
	}
	pages := make([]object.Page, len(nodes))
	err = p.everyTarget(b, func(i int, node cluster.Node) (err error) {
		pages[i], err = ask(ctx, node, nil, share)
		return err
	})
	if err != nil {
		return object.Page{}, err
	}
	return object.MergePages(limit, pages, func(i int, _ string) (object.Page, error) {
		dry := pages[i].Entries
		return ask(ctx, nodes[i], &dry[len(dry)-1], limit+1)
	})
}

// everyTarget calls do for each target that may hold objects of the bucket, at
// once, and returns the first error. A target that is down is Unavailable.
func (p *Proxy) everyTarget(b *cluster.Bucket, do func(i int, node cluster.Node) error) error {
	state := p.cluster.State()
	nodes, err := state.Placed(b)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		if !state.IsLive(node.ID) {
			return object.E("proxy.everyTarget", node.ID, object.Unavailable, nil)
		}
	}
	errs := make([]error, len(nodes))
	var wg sync.WaitGroup
	for i, node := range nodes[1:] {
		wg.Go(func() { errs[i+1] = do(i+1, node) })
	}
	errs[0] = do(0, nodes[0])
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
