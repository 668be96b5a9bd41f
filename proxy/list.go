package proxy

import (
	"context"

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
	return p.gather(b, q.Limit, func(ctx context.Context, to peer.Asked, last *object.Entry, limit int) (object.Page, error) {
		q := q
		q.Limit = limit
		if last != nil {
			q.After, q.AfterVersion = last.Key, ""
			if q.Versions && !last.Prefix {
				q.AfterVersion = object.ShownVersion(last.Meta.VersionID)
			}
		}
		return p.caller.AskPage(ctx, to.Node, peer.PathList, peer.ListRequest{Bucket: b.ID, Query: q, View: to.View})
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
	return p.gather(b, q.Limit, func(ctx context.Context, to peer.Asked, last *object.Entry, limit int) (object.Page, error) {
		req := peer.UploadsRequest{Bucket: b.ID, Query: q, UploadID: uploadID, View: to.View}
		req.Query.Limit = limit
		if last != nil {
			req.Query.After, req.UploadID = last.Key, last.UploadID
		}
		return p.caller.AskPage(ctx, to.Node, peer.PathUploads, req)
	})
}

// gather returns a page of what the targets of a bucket have, merged.
func (p *Proxy) gather(b *cluster.Bucket, limit int, ask peer.Ask) (object.Page, error) {
	var page object.Page
	err := p.asks(nil, func() (err error) {
		ctx, cancel := context.WithTimeout(context.Background(), p.cfg.PeerTimeout)
		defer cancel()
		page, err = p.gatherer().Page(ctx, b.ID, limit, ask)
		return err
	})
	return page, err
}

func (p *Proxy) gatherer() peer.Gatherer {
	return peer.Gatherer{State: p.cluster.State, Sync: p.cluster.Sync, Changes: p.cluster.Changes}
}
