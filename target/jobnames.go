package target

import (
	"context"
	"iter"
	"sync"

	"ais/api"
	"ais/cluster"
	"ais/object"
)

// jobPage is how many names a job lists at a time.
const jobPage = 1000

// forNames calls do for the job's names that this target owns, several at a time,
// and counts what came of them. list returns those that begin with a prefix, and
// may return others' too.
func (t *Target) forNames(ctx context.Context, j *job, list func(prefix string) iter.Seq2[string, error],
	do func(context.Context, *cluster.Bucket, object.Name) (size int64, done bool, err error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan string)
	var workers sync.WaitGroup
	for range j.workers() {
		workers.Go(func() {
			for key := range work {
				b, err := t.jobBucket(j)
				if err == nil {
					err = j.did(do(ctx, b, object.Name{Bucket: b.ID, Key: key}))
				}
				if err != nil {
					cancel(err)
				}
			}
		})
	}
	err := t.feed(ctx, j, list, work)
	close(work)
	workers.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// workers is how many objects the job does at a time.
func (j *job) workers() int {
	switch n := j.Work.Workers; {
	case n < 0:
		return 1
	case n > 0:
		return min(n, api.MaxJobWorkers)
	}
	return jobWorkers
}

// feed sends the names that this target owns to work, until ctx ends.
func (t *Target) feed(ctx context.Context, j *job, list func(prefix string) iter.Seq2[string, error], work chan<- string) error {
	names, err := t.jobNames(j, list)
	if err != nil {
		return err
	}
	for key, err := range names {
		if err != nil {
			return err
		}
		mine, err := t.jobOwns(j, key)
		if err != nil {
			return err
		}
		if !mine {
			continue
		}
		select {
		case work <- key:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// jobNames returns the names that a job is about, whoever owns them.
func (t *Target) jobNames(j *job, list func(prefix string) iter.Seq2[string, error]) (iter.Seq2[string, error], error) {
	w := &j.Work
	switch {
	case len(w.Keys) > 0:
		for _, key := range w.Keys {
			if mine, err := t.jobOwns(j, key); err == nil && mine {
				j.total.Add(1)
			}
		}
		return func(yield func(string, error) bool) {
			for _, key := range w.Keys {
				if !yield(key, nil) {
					return
				}
			}
		}, nil
	case w.Template != "":
		parsed, err := api.ParseTemplate(w.Template)
		return func(yield func(string, error) bool) {
			for key := range parsed.Names() {
				if !yield(key, nil) {
					return
				}
			}
		}, err
	}
	return list(w.Prefix), nil
}

// jobOwns reports whether a name of the job's bucket is this target's.
func (t *Target) jobOwns(j *job, key string) (bool, error) {
	if object.CheckKey(key) != nil {
		return false, nil
	}
	b, err := t.jobBucket(j)
	if err != nil {
		return false, err
	}
	owner, err := t.owner(b, object.Name{Bucket: b.ID, Key: key})
	return owner.ID == t.cfg.ID, err
}

// localNames lists what this target has of a bucket, if wanted; while its names are moved
// what all targets have: a name that is this one's may be elsewhere yet.
func (t *Target) localNames(bucket uint64, wanted func(*object.Meta) bool) func(prefix string) iter.Seq2[string, error] {
	return func(prefix string) iter.Seq2[string, error] {
		return pages(object.Query{Prefix: prefix, Full: true, Limit: jobPage}, wanted, func(q object.Query) (object.Page, error) {
			if b, ok := t.cluster.State().BucketByID(bucket); ok && b.Moving() && b.Provider != object.AWS {
				return t.everyPage(context.Background(), b, q)
			}
			return t.store.List(bucket, q)
		})
	}
}

// remoteNames lists what the remote bucket behind a bucket has.
func (t *Target) remoteNames(ctx context.Context, bucket uint64) func(prefix string) iter.Seq2[string, error] {
	return func(prefix string) iter.Seq2[string, error] {
		return pages(object.Query{Prefix: prefix, Limit: jobPage}, nil, func(q object.Query) (object.Page, error) {
			b, err := t.activeBucket(bucket)
			if err != nil {
				return object.Page{}, err
			}
			remote, err := t.remote(b)
			if err != nil {
				return object.Page{}, err
			}
			if remote == nil {
				return object.Page{}, notRemote(b)
			}
			return remote.List(ctx, q)
		})
	}
}

// pages lists page after page; an error is the last of what it yields.
func pages(q object.Query, wanted func(*object.Meta) bool, list func(object.Query) (object.Page, error)) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for {
			page, err := list(q)
			if err != nil {
				yield("", err)
				return
			}
			for i := range page.Entries {
				e := &page.Entries[i]
				if (wanted == nil || wanted(&e.Meta)) && !yield(e.Key, nil) {
					return
				}
			}
			if !page.Truncated || len(page.Entries) == 0 {
				return
			}
			q.After = page.Next()
		}
	}
}
