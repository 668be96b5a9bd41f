package target

import (
	"context"
	"sync"
	"time"

	"ais/backend"
	"ais/cluster"
	"ais/object"
)

// good reports whether m, which is here, will do for w; where it is outdated, want
// is what the remote bucket has in its place. The error is for what is not there
// any more, or cannot be said.
func (t *Target) good(b *cluster.Bucket, n object.Name, m *object.Meta, w *wish) (good bool, want *backend.Meta, err error) {
	v := b.Props.Versioning
	switch {
	case w.version != "":
		return w.version == object.ShownVersion(m.Custom[object.CustomVersion]), nil, nil
	case !fromRemote(m), !v.ValidateWarmGet && !v.Synchronize && !w.latest && !w.sync:
		return true, nil, nil
	}
	head, err := t.compare(b, n.Key)
	if err == nil {
		if sameRemote(m, &head) {
			return true, nil, nil
		}
		t.metrics.stale.Inc()
		t.metrics.changes.Inc()
		t.metrics.changeBytes.Add(float64(head.Size))
		return false, &head, nil
	}
	switch object.KindOf(err) {
	case object.Unavailable, object.Unsupported:
		t.metrics.unchecked.Inc()
		if w.unreachable != nil {
			w.unreachable()
		}
		return true, nil, nil
	case object.NotFound:
		if v.Synchronize || w.sync {
			t.gone(b, n, m)
		}
	}
	return false, nil, err
}

// gone removes what is here of an object that the remote bucket has not.
func (t *Target) gone(b *cluster.Bucket, n object.Name, m *object.Meta) {
	_, err := t.evict(b, n, func(now *object.Meta) error { return sameWrite(now, m) })
	if err == nil {
		t.metrics.gone.Inc()
	} else if kind := object.KindOf(err); kind != object.NotFound && kind != object.Busy {
		t.cfg.Logger.Warn("an object that is gone at the remote bucket stays here", "bucket", b.Name, "key", n.Key, "err", err)
	}
}

// How long what is here waits for the remote bucket to be compared with it, and how
// long it does not wait again after that was in vain.
const (
	compareTimeout = 5 * time.Second
	downFor        = time.Second
)

// compare asks the remote bucket about an object that is here.
func (t *Target) compare(b *cluster.Bucket, key string) (backend.Meta, error) {
	remote, err := t.remote(b)
	if err != nil {
		return backend.Meta{}, err
	}
	if t.down.is(b.ID, t.cfg.Now()) {
		return backend.Meta{}, object.E("target.compare", key, object.Unavailable, nil)
	}
	ctx, cancel := context.WithTimeout(t.fetches.ctx, min(compareTimeout, t.cluster.State().Config.Backend.Timeout))
	defer cancel()
	head, err := remote.Head(ctx, key, "")
	t.down.note(b.ID, t.cfg.Now(), err)
	return head, err
}

// down remembers for a moment which buckets' remotes could not be reached, so that
// not every read of what is here waits for them.
type down struct {
	mu    sync.Mutex // guards the rest
	until map[uint64]time.Time
}

func (d *down) is(bucket uint64, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return now.Before(d.until[bucket])
}

// note notes how a call to the bucket's remote has ended.
func (d *down) note(bucket uint64, now time.Time, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil || object.KindOf(err) != object.Unavailable {
		delete(d.until, bucket)
		return
	}
	if d.until == nil {
		d.until = map[uint64]time.Time{}
	}
	d.until[bucket] = now.Add(downFor)
}
