package proxy

import (
	"context"
	"errors"
	"strings"
	"time"

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
		if b.State != cluster.BucketActive || b.Name <= q.After || !strings.HasPrefix(b.Name, q.Prefix) {
			continue
		}
		if !p.lists(r.Ctx(), b) {
			continue
		}
		if more = len(list) == q.Limit; more {
			break
		}
		list = append(list, s3api.BucketEntry{Name: b.Name, Created: b.Created, Provider: b.Provider})
	}
	r.WriteXML(func(b []byte) []byte { return s3api.AppendListBuckets(b, s3api.Anyone, q, list, more) })
	return nil
}

func (p *Proxy) serveCreateBucket(r *s3api.Request) error {
	if err := object.CheckBucketName(r.Bucket); err != nil {
		return s3api.InvalidBucketName
	}
	document, err := r.ControlBody(s3api.MaxConfigBody)
	if err != nil {
		return err
	}
	location, err := s3api.ParseCreateBucket(document)
	if err != nil {
		return err
	}
	if _, err := s3api.ParseCannedACL(r); err != nil {
		return err
	}
	state := p.cluster.State()
	made, err := p.createBucket(cluster.Bucket{
		Provider: object.AIS, Name: r.Bucket, Region: location, Owner: userID(r.Ctx()),
		Props: cluster.DefaultProps(object.AIS, true, state.Config),
	})
	if err != nil && object.KindOf(err) != object.Exists {
		return err
	}
	if err != nil && made.Owner != userID(r.Ctx()) {
		return s3api.BucketAlreadyExists
	}
	// An existing bucket is one's own while there are no users: S3 answers 200 to
	// its owner (us-east-1), and clients rely on it.
	r.SetHeader("Location", "/"+r.Bucket)
	return nil
}

// createBucket creates a bucket. One that is being deleted is deleted first.
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
	b, err := p.freshBucket(object.AIS, r.Bucket)
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
	b, err := p.freshBucket(object.AIS, r.Bucket)
	if err != nil {
		return err
	}
	if err := p.deleteBucket(b, false); err != nil {
		return err
	}
	r.NoContent()
	return nil
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
	return p.everyTarget(b, func(_ int, node cluster.Node) error {
		var a peer.EmptyAnswer
		if err := p.caller.Ask(ctx, node, peer.PathEmpty, peer.BucketRequest{Bucket: b.ID}, &a); err != nil {
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
	b, err := p.freshBucket(object.AIS, r.Bucket)
	if err != nil {
		return err
	}
	r.WriteXML(func(out []byte) []byte { return s3api.AppendLocation(out, b.Region) })
	return nil
}

// serveVersioning answers GetBucketVersioning: S3 versioning has never been
// enabled on any bucket.
func (p *Proxy) serveVersioning(r *s3api.Request) error {
	if _, err := p.freshBucket(object.AIS, r.Bucket); err != nil {
		return err
	}
	return r.WriteUnconfigured()
}

// servePutVersioning refuses what is well-formed: to accept it would be to
// promise that old versions are kept.
func (p *Proxy) servePutVersioning(r *s3api.Request) error {
	if _, err := p.freshBucket(object.AIS, r.Bucket); err != nil {
		return err
	}
	document, err := r.ControlBody(s3api.MaxConfigBody)
	if err != nil {
		return err
	}
	if _, err := s3api.ParseVersioning(document); err != nil {
		return err
	}
	return s3api.NotImplemented.Say("S3 versioning is not implemented. The bucket keeps the latest version of each object.")
}

func (p *Proxy) serveBucketACL(r *s3api.Request) error {
	if _, err := p.freshBucket(object.AIS, r.Bucket); err != nil {
		return err
	}
	r.WriteXML(func(b []byte) []byte { return s3api.AppendACL(b, s3api.Anyone, nil, nil) })
	return nil
}

// servePutBucketACL accepts every well-formed ACL; it has no effect while the
// cluster has no users.
func (p *Proxy) servePutBucketACL(r *s3api.Request) error {
	if _, err := p.freshBucket(object.AIS, r.Bucket); err != nil {
		return err
	}
	_, _, err := s3api.ParseACLRequest(r, "", "", nil)
	return err
}
