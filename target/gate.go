package target

import (
	"sync"

	"ais/cluster"
	"ais/object"
)

// gates keep the commits to a bucket apart from the check that it is empty.
//
// A commit holds its bucket's gate shared while it looks at the bucket's state
// and writes; the check holds it alone, after this node has seen the state
// "deleting". So every commit is either seen by the check, or sees the state
// and is refused: a bucket that was found empty stays empty.
type gates struct {
	byBucket sync.Map // bucket id → *sync.RWMutex
}

func (g *gates) of(bucket uint64) *sync.RWMutex {
	if mu, ok := g.byBucket.Load(bucket); ok {
		return mu.(*sync.RWMutex)
	}
	mu, _ := g.byBucket.LoadOrStore(bucket, new(sync.RWMutex))
	return mu.(*sync.RWMutex)
}

// commit runs write, with what the bucket's versioning is now, while the bucket is
// known to accept writes. A bucket that is being deleted is Busy, since the deletion may yet be taken back; one that is
// gone is NoSuchBucket.
func (t *Target) commit(b *cluster.Bucket, write func(object.Versioning) (object.Meta, error)) (object.Meta, error) {
	mu := t.gates.of(b.ID)
	mu.RLock()
	defer mu.RUnlock()
	now, ok := t.cluster.State().BucketByID(b.ID)
	switch {
	case !ok:
		return object.Meta{}, object.E("target.commit", b.Name, object.NoSuchBucket, nil)
	case now.State != cluster.BucketActive:
		return object.Meta{}, object.E("target.commit", b.Name, object.Busy, nil)
	}
	return write(now.Versioning)
}

// empty reports whether the bucket holds no object, once no commit is under way.
func (t *Target) empty(bucket uint64) (bool, error) {
	mu := t.gates.of(bucket)
	mu.Lock()
	defer mu.Unlock()
	return t.store.Empty(bucket)
}
