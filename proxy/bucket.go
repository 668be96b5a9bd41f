package proxy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ais/access"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"
	"ais/s3api"
)

func (p *Proxy) serveListBuckets(r *s3api.Request) error {
	q, err := s3api.ParseListBuckets(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.SyncTimeout)
	defer cancel()
	state, err := p.cluster.Sync(ctx)
	if err != nil {
		return err
	}
	var list []s3api.BucketEntry
	more := false
	for _, b := range state.Buckets() {
		entry := s3api.BucketEntry{Name: b.Name, Created: b.Created, Provider: b.Provider}
		if b.State != cluster.BucketActive || entry.Position() <= q.After || !strings.HasPrefix(b.Name, q.Prefix) {
			continue
		}
		if !p.lists(r.Ctx(), b) {
			continue
		}
		if more = len(list) == q.Limit; more {
			break
		}
		if here, ok := state.Bucket(object.AIS, b.Name); ok && b.Provider != object.AIS && here.State == cluster.BucketActive && p.lists(r.Ctx(), here) {
			entry.Note = fmt.Sprintf("(WARNING: {%s, Provider: %s} and {%s, Provider: %s} share the same name)", here.Name, here.Provider, b.Name, b.Provider)
		}
		list = append(list, entry)
	}
	owner := access.Owner(state, userID(r.Ctx()))
	r.WriteXML(func(b []byte) []byte { return s3api.AppendListBuckets(b, owner, q, list, more) })
	return nil
}

func (p *Proxy) serveCreateBucket(r *s3api.Request) error {
	b, err := p.parseCreateBucket(r)
	access.SetRegion(r, b.Region)
	if denied := p.access.Admit(r, nil); denied != nil {
		return denied
	}
	if err != nil {
		return err
	}
	there, err := p.createS3Bucket(r, b)
	if object.KindOf(err) == object.Exists && err != nil {
		err = p.recreate(r, there, &b)
	}
	if err != nil {
		return err
	}
	r.SetHeader("Location", "/"+r.Bucket)
	return nil
}

// parseCreateBucket returns the bucket that a CreateBucket asks for.
func (p *Proxy) parseCreateBucket(r *s3api.Request) (b cluster.Bucket, err error) {
	if err := object.CheckBucketName(r.Bucket); err != nil {
		return b, s3api.InvalidBucketName
	}
	provider, err := s3api.ParseProvider(r)
	if err != nil {
		return b, err
	}
	b = cluster.Bucket{
		Provider: provider, Name: r.Bucket, Owner: userID(r.Ctx()),
		Props: cluster.DefaultProps(object.AIS, true, p.cluster.State().Config),
	}
	if provider == object.AWS {
		b.Props = cluster.DefaultProps(object.AWS, false, p.cluster.State().Config)
	}
	document, err := r.ControlBody(s3api.MaxConfigBody)
	if err != nil {
		return b, err
	}
	if b.Region, err = s3api.ParseCreateBucket(document); err != nil {
		return b, err
	}
	if b.Documents.Ownership, err = s3api.ParseOwnershipHeader(r); err != nil {
		return b, err
	}
	acl, _, err := s3api.ParseACLRequest(r, access.OwnerID(&b, ""), "", access.Finder(p.cluster.State()))
	if err != nil {
		return b, err
	}
	b.Documents.ACL = acl.Encode()
	return b, checkOwnership(&b, b.Documents.Ownership)
}

// createS3Bucket creates the bucket that an S3 client asked for; Exists comes with
// the one that is there. Without a provider a remote bucket of the name counts as
// there, whether it is known here or not; where there is none, the new one is ours.
func (p *Proxy) createS3Bucket(r *s3api.Request, b cluster.Bucket) (*cluster.Bucket, error) {
	if b.Provider == object.AWS {
		return p.createRemote(r.Ctx(), b, true)
	}
	if b.Provider == "" {
		there, err := p.freshS3Bucket(r)
		switch kind := object.KindOf(err); {
		case err == nil && there.State == cluster.BucketActive:
			return there, object.E("proxy.createBucket", b.Name, object.Exists, nil)
		case err == nil || kind == object.NoSuchBucket || kind == object.Denied: // the remote's may be somebody else's
		default:
			return nil, err
		}
	}
	b.Provider = object.AIS
	made, err := p.createBucket(b)
	return &made, err
}

// recreate answers the creation of a bucket that is there. To its owner S3 (in
// us-east-1) answers as if it had been made, and clients rely on it, unless
// something else was asked for.
func (p *Proxy) recreate(r *s3api.Request, there, asked *cluster.Bucket) error {
	switch {
	case there.Provider == object.AWS && !p.access.On():
		return nil
	case there.Provider == object.AWS && p.access.Require(r, "s3:ListBucket", there, "") == nil:
		return s3api.BucketAlreadyOwnedByYou // to clients: use it
	case there.Owner != asked.Owner:
		return s3api.BucketAlreadyExists
	case !p.access.On():
		return nil
	case asked.Region != there.Region:
		return s3api.BucketAlreadyOwnedByYou
	case asked.Documents.ACL != there.Documents.ACL:
		return s3api.BucketAlreadyExists
	}
	return nil
}

// createBucket creates a bucket; Exists comes with the one that is there. One that
// is being deleted is deleted first.
func (p *Proxy) createBucket(b cluster.Bucket) (cluster.Bucket, error) {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.PeerTimeout)
	defer cancel()
	made, err := p.cluster.CreateBucket(ctx, b)
	if object.KindOf(err) == object.Exists && made.State == cluster.BucketDeleting {
		if err := p.deleteBucket(&made, false); err != nil {
			return made, object.E("proxy.createBucket", b.Name, object.Busy, err)
		}
		return p.cluster.CreateBucket(ctx, b)
	}
	return made, err
}

func (p *Proxy) serveHeadBucket(r *s3api.Request) error {
	b, err := p.freshS3Bucket(r)
	if err != nil {
		return err
	}
	region := b.Region
	if region == "" {
		region = "us-east-1" // what S3 calls its default
	}
	r.SetHeader("x-amz-bucket-region", region)
	return nil
}

func (p *Proxy) serveDeleteBucket(r *s3api.Request) error {
	b, err := p.freshS3Bucket(r)
	if err != nil {
		return err
	}
	if _, remote := b.Remote(); remote {
		err = p.deleteFront(b)
	} else {
		err = p.deleteBucket(b, false)
	}
	if err != nil {
		return err
	}
	r.NoContent()
	return nil
}

// deleteFront is deleteBucket for a bucket with a remote one behind it, of which what
// is kept here is no reason against it, but what it lists is. Nothing is removed at
// the remote: an aws:// bucket cannot be deleted so.
func (p *Proxy) deleteFront(b *cluster.Bucket) error {
	if b.Provider == object.AWS {
		return object.E("proxy.deleteBucket", b.Name, object.Unsupported, say(s3api.NotImplemented,
			"A remote bucket is not deleted by AIS. 'ais evict "+b.URL()+"' drops what is kept of it here; to delete it, ask the remote."))
	}
	page, err := p.List(b, object.Query{Limit: 1})
	if err != nil {
		return err
	}
	if len(page.Entries) > 0 {
		return object.E("proxy.deleteBucket", b.Name, object.NotEmpty, nil)
	}
	return p.deleteBucket(b, true)
}

// deleteBucket removes a bucket that is empty, or one with all its objects where
// that is meant. NotEmpty, Unavailable where a target cannot be asked.
//
// The order is what makes it safe: a look that costs nothing, then the state
// "deleting", which stops commits on every target that has seen it, then the
// check on every target that it has seen it and has no object, then the end. A
// proxy that dies in between leaves the state, and another one goes on.
func (p *Proxy) deleteBucket(b *cluster.Bucket, withObjects bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.PeerTimeout)
	defer cancel()
	if !withObjects && b.State == cluster.BucketActive {
		if err := p.checkEmpty(ctx, b); err != nil {
			return err
		}
	}
	deleting, err := p.cluster.SetBucketState(ctx, b, cluster.BucketDeleting)
	if err != nil {
		return err
	}
	if !withObjects {
		if err := p.checkEmpty(ctx, &deleting); err != nil {
			return errors.Join(err, p.undelete(&deleting))
		}
	}
	return p.cluster.RemoveBucket(ctx, &deleting)
}

// undelete takes a deletion back, with a deadline of its own.
func (p *Proxy) undelete(b *cluster.Bucket) error {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.PeerTimeout)
	defer cancel()
	_, err := p.cluster.SetBucketState(ctx, b, cluster.BucketActive)
	return err
}

// checkEmpty asks every target that may have objects of the bucket; each answers
// after it has caught up with this node's view of it.
func (p *Proxy) checkEmpty(ctx context.Context, b *cluster.Bucket) error {
	return p.gatherer().Each(ctx, b.ID, func(ctx context.Context, to peer.Asked) error {
		var a peer.EmptyAnswer
		if err := p.caller.Ask(ctx, to.Node, peer.PathEmpty, peer.BucketRequest{Bucket: b.ID, View: to.View}, &a); err != nil {
			return err
		}
		if !a.Empty {
			return object.E("proxy.deleteBucket", b.Name, object.NotEmpty, nil)
		}
		return nil
	})
}

// unfinishedAfter is how long a bucket stays in the state "deleting" before
// another proxy takes the deletion for abandoned.
const unfinishedAfter = 30 * time.Second

// finishDeletions ends deletions that a proxy began and did not finish.
func (p *Proxy) finishDeletions(ctx context.Context) {
	tick := time.NewTicker(unfinishedAfter)
	defer tick.Stop()
	before := map[uint64]bool{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := map[uint64]bool{}
		for _, b := range p.cluster.State().Buckets() {
			if b.State != cluster.BucketDeleting {
				continue
			}
			if !before[b.ID] {
				now[b.ID] = true
				continue
			}
			if err := p.deleteBucket(b, false); err != nil {
				p.cfg.Logger.Warn("abandoned deletion of a bucket", "bucket", b.Name, "err", err)
			}
		}
		before = now
	}
}

func (p *Proxy) serveLocation(r *s3api.Request) error {
	b, err := p.freshS3Bucket(r)
	if err != nil {
		return err
	}
	region := b.Region
	if b.Provider == object.AWS && region == "us-east-1" {
		region = "" // as S3 shows it
	}
	r.WriteXML(func(out []byte) []byte { return s3api.AppendLocation(out, region) })
	return nil
}
