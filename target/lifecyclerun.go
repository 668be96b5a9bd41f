package target

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"ais/cluster"
	"ais/fs"
	"ais/object"
	"ais/s3api"
)

// lifecycleRules are the lifecycles of buckets in the form that they are evaluated
// in, each made once for a document and a length of the day.
type lifecycleRules struct {
	byBucket sync.Map // bucket id → *compiledLifecycle
}

type compiledLifecycle struct {
	document string
	lifecycle
}

// lifecycle returns the enabled rules of a bucket; nil for none. A remote bucket's
// are the remote's.
func (t *Target) lifecycle(b *cluster.Bucket) *lifecycle {
	document := b.Documents.Lifecycle
	if _, remote := b.Remote(); remote || document == "" {
		return nil
	}
	day := t.cluster.State().Config.Lifecycle.Day
	if old, ok := t.lifecycles.byBucket.Load(b.ID); ok {
		if c := old.(*compiledLifecycle); c.document == document && c.day == day {
			return c.orNone()
		}
	}
	rules, err := s3api.ParseLifecycle([]byte(document))
	if err != nil {
		t.cfg.Logger.Error("a bucket's lifecycle cannot be read, and is not carried out", "bucket", b.Name, "err", err)
	}
	rules = slices.DeleteFunc(rules, func(r s3api.LifecycleRule) bool { return !r.Enabled })
	c := &compiledLifecycle{document, lifecycle{rules, day}}
	t.lifecycles.byBucket.Store(b.ID, c)
	return c.orNone()
}

func (c *compiledLifecycle) orNone() *lifecycle {
	if len(c.rules) == 0 {
		return nil
	}
	return &c.lifecycle
}

// showExpiry says in the answer when the object will expire, if it is the current
// version that the call is about.
func (t *Target) showExpiry(c *call, m *object.Meta) {
	rules := t.lifecycle(c.bucket)
	if rules == nil {
		return
	}
	if _, named, _ := c.r.VersionID(); named {
		return
	}
	if at, rule, ok := rules.expiry(c.name.Key, m); ok {
		c.r.SetHeader("x-amz-expiration", `expiry-date="`+at.Format(http.TimeFormat)+`", rule-id="`+strings.ReplaceAll(url.QueryEscape(rule), "+", "%20")+`"`)
	}
}

// lifecycleDelay is how long after its start a target begins its first run.
const lifecycleDelay = time.Minute

// runLifecycles carries out the lifecycles of all buckets, again and again, until
// ctx ends.
func (t *Target) runLifecycles(ctx context.Context) {
	due := t.cfg.Now().Add(lifecycleDelay)
	for {
		changes := t.cluster.Changes() // before the look, so that none is missed
		interval, now := t.cluster.State().Config.Lifecycle.Interval, t.cfg.Now()
		if latest := now.Add(interval); due.After(latest) { // the interval was made shorter
			due = latest
		}
		if !due.After(now) {
			t.carryOutLifecycles(ctx, now)
			due = now.Add(interval)
			continue
		}
		timer := time.NewTimer(due.Sub(now))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-changes:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// carryOutLifecycles does one run.
func (t *Target) carryOutLifecycles(ctx context.Context, now time.Time) {
	for _, b := range t.cluster.State().Buckets() {
		if ctx.Err() != nil {
			return
		}
		if b.State != cluster.BucketActive {
			continue
		}
		if err := t.dropAppends(ctx, b, now); err != nil {
			t.cfg.Logger.Warn("appends that were not flushed", "bucket", b.Name, "err", err)
		}
		if t.lifecycle(b) == nil {
			continue
		}
		run := lifecycleRun{Target: t, bucket: b, rules: t.lifecycle(b), now: now}
		err := errors.Join(run.versions(ctx), run.uploads(ctx))
		if err = errors.Join(err, run.failure); err != nil && ctx.Err() == nil {
			t.metrics.lifecycleErrors.Inc()
			t.cfg.Logger.Warn("lifecycle", "bucket", b.Name, "err", err)
		}
	}
	t.metrics.lifecycleEnded(now, t.cfg.Now().Sub(now))
}

// lifecycleRun is one run over what this target holds of one bucket. It uses half
// of one processor at most, and ends early when the bucket's rules change.
type lifecycleRun struct {
	*Target
	bucket *cluster.Bucket
	rules  *lifecycle
	now    time.Time

	mu      sync.Mutex // guards the rest
	failure error      // the first of what could not be carried out
}

const (
	lifecyclePage    = 1000 // entries looked at together
	lifecycleWorkers = 8    // removals at a time, which share the syncs of the log
	lifecycleRest    = time.Second
)

// versions carries out what the rules say about objects and their versions.
func (r *lifecycleRun) versions(ctx context.Context) error {
	walk := lifecycleWalk{rules: r.rules, now: r.now}
	q := object.Query{Prefix: r.rules.prefix(), Versions: true, Full: true, Limit: lifecyclePage}
	var due []lifecycleDecision
	for more := true; more && r.current(ctx); {
		started := r.cfg.Now()
		page, err := r.store.List(r.bucket.ID, q)
		if err != nil {
			return err
		}
		r.metrics.lifecycleScanned.Add(float64(len(page.Entries)))
		for i := range page.Entries {
			walk.add(&page.Entries[i])
		}
		if more = page.Truncated; more {
			last := &page.Entries[len(page.Entries)-1]
			q.After, q.AfterVersion = last.Key, object.ShownVersion(last.Meta.VersionID)
		} else {
			walk.end()
		}
		// What the page before this one gave is removed only now: this page began after
		// that one's last version.
		r.carryOut(ctx, due)
		due = walk.take()
		r.rest(ctx, started)
	}
	if r.current(ctx) {
		r.carryOut(ctx, due)
	}
	return nil
}

// uploads carries out what the rules say about uploads.
func (r *lifecycleRun) uploads(ctx context.Context) error {
	if !r.rules.aborts() {
		return nil
	}
	q, marker := object.Query{Prefix: r.rules.prefix(), Limit: lifecyclePage}, ""
	for more := true; more && r.current(ctx); {
		started := r.cfg.Now()
		page, err := r.store.Uploads(r.bucket.ID, q, marker)
		if err != nil {
			return err
		}
		var due []lifecycleDecision
		for _, e := range page.Entries {
			if action := r.rules.decideUpload(e.Key, e.Meta.Modified, r.now); action != keep {
				due = append(due, lifecycleDecision{e, action})
			}
		}
		if more = page.Truncated; more {
			last := &page.Entries[len(page.Entries)-1]
			q.After, marker = last.Key, last.UploadID
		}
		r.carryOut(ctx, due)
		r.rest(ctx, started)
	}
	return nil
}

// current reports whether the run may go on: the bucket is there still, and has the
// rules that the run goes by.
func (r *lifecycleRun) current(ctx context.Context) bool {
	now, ok := r.cluster.State().BucketByID(r.bucket.ID)
	return ctx.Err() == nil && ok && now.State == cluster.BucketActive && now.Documents.Lifecycle == r.bucket.Documents.Lifecycle
}

// rest waits for as long as has been worked.
func (r *lifecycleRun) rest(ctx context.Context, since time.Time) {
	timer := time.NewTimer(min(r.cfg.Now().Sub(since), lifecycleRest))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// carryOut does what was decided, several at a time. What fails is left to the next
// run.
func (r *lifecycleRun) carryOut(ctx context.Context, due []lifecycleDecision) {
	work := make(chan *lifecycleDecision)
	var workers sync.WaitGroup
	for range min(lifecycleWorkers, len(due)) {
		workers.Go(func() {
			for d := range work {
				if err := r.do(d); err != nil {
					r.mu.Lock()
					if r.failure == nil {
						r.failure = err
					}
					r.mu.Unlock()
				}
			}
		})
	}
	for i := range due {
		if ctx.Err() != nil {
			break
		}
		work <- &due[i]
	}
	close(work)
	workers.Wait()
}

// do carries out one decision, and counts it. What is gone, or another by now, is
// no failure.
func (r *lifecycleRun) do(d *lifecycleDecision) error {
	n := object.Name{Bucket: r.bucket.ID, Key: d.entry.Key}
	var err error
	if d.action == abortUpload {
		defer r.staying(d.entry.UploadID, r.bucket, n)()
		err = r.store.Discard(n, d.entry.UploadID)
	} else {
		err = r.remove(n, d)
	}
	if err == nil {
		r.metrics.lifecycleDone[d.action].Inc()
		return nil
	}
	switch object.KindOf(err) {
	case object.Precondition, object.NotFound, object.NoSuchVersion, object.NoSuchUpload, object.NoSuchBucket:
		return nil
	}
	return err
}

// remove removes a version, or the object, if it is still what was looked at: a
// version that was written since is never removed in the place of an older one.
func (r *lifecycleRun) remove(n object.Name, d *lifecycleDecision) error {
	version := object.ShownVersion(d.entry.Meta.VersionID)
	if d.action == expire {
		version = "" // as a client deletes it
	}
	gate := func() error { return r.unchanged(n, version, d) }
	_, err := r.commit(r.bucket, func(v object.Versioning) (object.Meta, error) {
		_, err := r.store.Remove(n, version, fs.Terms{Versioning: v, Gate: gate}, r.bucket.Props.Durability)
		return object.Meta{}, err
	})
	return err
}

// unchanged reports, under the name's lock, whether what a decision was about is
// still so; Precondition if not.
func (r *lifecycleRun) unchanged(n object.Name, version string, d *lifecycleDecision) error {
	current, err := r.store.Stat(n, "")
	if err != nil && object.KindOf(err) != object.NotFound { // a delete marker is NotFound, and has metadata
		return err
	}
	if d.action != removeNoncurrent {
		return sameWrite(&current, &d.entry.Meta)
	}
	if sameWrite(&current, &d.entry.Meta) == nil { // the newer ones are gone
		return object.Precondition
	}
	now, err := r.store.Stat(n, version)
	if err != nil && object.KindOf(err) != object.DeleteMarked {
		return err
	}
	return sameWrite(&now, &d.entry.Meta)
}

// sameWrite returns nil where both are of one and the same write, else
// Precondition.
func sameWrite(a, b *object.Meta) error {
	if a.VersionID == b.VersionID && a.Version == b.Version && a.Modified.Equal(b.Modified) {
		return nil
	}
	return object.Precondition
}
