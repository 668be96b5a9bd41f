package target

import (
	"context"
	"sync"

	"ais/cluster"
	"ais/object"
	"ais/s3api"
)

// provisional gives a pass whose bucket the cluster does not know one that is not
// there yet and under which this target owns the name, so that the object can be
// kept if S3 says yes. Where that cannot be, the pass stays without.
func (t *Target) provisional(p *pass) {
	if p.r.Op != s3api.PutObject && p.r.Op != s3api.GetObject {
		return
	}
	state := t.cluster.State()
	generation, ok := state.Map.Latest()
	if !ok {
		return
	}
	b := t.newRemote(p)
	b.State, b.Generation = cluster.BucketActive, generation.Number
	id, ok := t.reserved.take(t.reserve, func(id uint64) bool {
		b.ID = id
		owner, _, err := state.Owner(&b, object.Name{Bucket: id, Key: p.r.Key})
		return err == nil && owner.ID == t.cfg.ID
	})
	if ok {
		b.ID = id
		p.bucket, p.name, p.fresh = &b, object.Name{Bucket: id, Key: p.r.Key}, true
	}
}

// giveBack is called when the pass has been answered: an id that no bucket was made
// with serves another.
func (t *Target) giveBack(p *pass) {
	if p.fresh {
		t.reserved.giveBack(p.bucket.ID)
	}
}

// newRemote is the remote bucket that a request names.
func (t *Target) newRemote(p *pass) cluster.Bucket {
	return cluster.Bucket{
		Provider: object.AWS, Name: p.r.Bucket, Region: p.Claim.Region,
		Props: cluster.DefaultProps(object.AWS, false, t.cluster.State().Config),
	}
}

// learn adds the bucket that the cluster does not know, now that S3 has said yes to
// somebody about an object in it.
func (t *Target) learn(p *pass) {
	if p.Bucket != nil {
		return
	}
	b := t.newRemote(p)
	if p.fresh {
		b, p.fresh = *p.bucket, false // its id is used, whatever comes
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.cfg.SyncTimeout)
	defer cancel()
	made, err := t.cluster.CreateBucket(ctx, b)
	switch {
	case err == nil:
		t.cfg.Logger.Info("remote bucket added", "bucket", made.URL())
		if p.bucket != nil {
			p.bucket = &made
		}
	case object.KindOf(err) != object.Exists:
		t.cfg.Logger.Warn("a remote bucket is not added", "bucket", b.URL(), "err", err)
		fallthrough
	default:
		p.bucket = nil // what passes is another bucket's, or none's
	}
}

// reservedIDs are ids of buckets to be.
type reservedIDs struct {
	mu   sync.Mutex // guards free
	free []uint64
}

const (
	idBlock = 1024 // ids reserved at once: among them is one for every target
	minIDs  = idBlock / 2
)

// take takes an id that fits, with more reserved where few are left.
func (r *reservedIDs) take(reserve func(n uint64) (first uint64, err error), fits func(uint64) bool) (uint64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range 2 {
		for i, id := range r.free {
			if fits(id) {
				r.free[i] = r.free[len(r.free)-1]
				r.free = r.free[:len(r.free)-1]
				return id, true
			}
		}
		if len(r.free) >= minIDs {
			break
		}
		first, err := reserve(idBlock)
		if err != nil {
			break
		}
		for i := range uint64(idBlock) {
			r.free = append(r.free, first+i)
		}
	}
	return 0, false
}

func (r *reservedIDs) giveBack(id uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = append(r.free, id)
}

// reserve reserves ids of buckets.
func (t *Target) reserve(n uint64) (first uint64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), t.cfg.SyncTimeout)
	defer cancel()
	return t.cluster.ReserveBucketIDs(ctx, n)
}
