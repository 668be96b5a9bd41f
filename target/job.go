package target

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ais/api"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// jobKinds are what this target can be asked to do at length.
var jobKinds = map[string]func(*Target, context.Context, *job) error{
	api.JobPrefetch:    (*Target).prefetchJob,
	api.JobEvict:       (*Target).evictJob,
	api.JobEvictBucket: (*Target).evictJob,
	api.JobDelete:      (*Target).deleteJob,
	api.JobLRU:         (*Target).lruJob,
	api.JobResilver:    (*Target).resilverJob,
	api.JobCopy:        (*Target).copyJob,
	api.JobCopyNames:   (*Target).copyJob,
	api.JobRename:      (*Target).renameJob,
	api.JobSummary:     (*Target).summaryJob,
	api.JobArchive:     (*Target).archiveJob,
}

// The bounds of jobs.
const (
	jobsKept      = 24 * time.Hour // after their end
	jobsKeptMost  = 1000           // that have ended
	jobsAtOnce    = 64             // that run
	jobWorkers    = 8              // objects at a time, where a job does not say
	jobFailsInRow = 16             // objects that fail for a reason that will not go away by itself, before the job gives up
)

// jobs are this target's shares of jobs. They live in memory: a target that was
// started anew knows none of them.
type jobs struct {
	running sync.WaitGroup

	mu     sync.Mutex // guards the rest
	byID   map[string]*job
	closed bool
}

// job is this target's share of one job.
type job struct {
	peer.JobRequest
	started  time.Time
	byItself bool // nobody asked for it, so there is nothing to tell where there was nothing to do
	cancel   context.CancelCauseFunc

	objects, bytes, failed, total atomic.Int64

	mu      sync.Mutex // guards the rest
	ended   time.Time  // zero while it runs
	aborted bool
	err     error // why it was aborted, else the first of what failed
	inRow   int   // objects that have failed one after the other
	sum     *peer.Summary
}

var (
	errJobStopped   = errors.New("stopped on request")
	errJobsShutdown = errors.New("the target was shut down")
	errJobsTooMany  = errors.New("too many jobs are running")
)

// startJob starts this target's share of a job. Errors: Unsupported for a kind that
// is not known, Exists, Busy.
func (t *Target) startJob(req peer.JobRequest) (*job, error) {
	work, ok := jobKinds[req.Kind]
	if !ok {
		return nil, object.E("target.job", req.Kind, object.Unsupported, nil)
	}
	j := &job{JobRequest: req, started: t.cfg.Now()}
	return j, t.runJob(j, work)
}

// runJob starts the work of a job.
func (t *Target) runJob(j *job, work func(*Target, context.Context, *job) error) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	j.cancel = cancel
	if err := t.jobs.add(j); err != nil {
		cancel(nil)
		return err
	}
	go func() {
		defer t.jobs.running.Done()
		defer cancel(nil)
		err := work(t, ctx, j)
		if cause := context.Cause(ctx); cause != nil && err != nil {
			err = cause
		}
		j.end(t.cfg.Now(), err)
		objects, failed := j.objects.Load(), j.failed.Load()
		if j.byItself && err == nil && objects+failed == 0 {
			t.jobs.remove(j.ID)
			return
		}
		t.cfg.Logger.Info("job ended", "job", j.ID, "kind", j.Kind, "objects", objects, "failed", failed, "err", err)
	}()
	return nil
}

// add takes a job that is about to run, and forgets those that ended long ago.
func (s *jobs) add(j *job) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return object.E("target.job", j.ID, object.Unavailable, errJobsShutdown)
	}
	if s.byID[j.ID] != nil {
		return object.E("target.job", j.ID, object.Exists, nil)
	}
	if s.byID == nil {
		s.byID = map[string]*job{}
	}
	if s.forget(j.started) >= jobsAtOnce {
		return object.E("target.job", j.ID, object.Busy, errJobsTooMany)
	}
	s.byID[j.ID] = j
	s.running.Add(1)
	return nil
}

// forget drops the records of old jobs and returns how many are running.
func (s *jobs) forget(now time.Time) (running int) {
	var past []*job
	for id, j := range s.byID {
		switch at := j.endedAt(); {
		case at.IsZero():
			running++
		case now.Sub(at) > jobsKept:
			delete(s.byID, id)
		default:
			past = append(past, j)
		}
	}
	if over := len(past) - jobsKeptMost; over >= 0 {
		slices.SortFunc(past, func(a, b *job) int { return a.endedAt().Compare(b.endedAt()) })
		for _, j := range past[:over+1] {
			delete(s.byID, j.ID)
		}
	}
	return running
}

// remove forgets a job.
func (s *jobs) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, id)
}

// find returns the jobs that q asks for, the latest first.
func (s *jobs) find(q peer.JobQuery) []*job {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.byID))
	s.mu.Unlock()
	all = slices.DeleteFunc(all, func(j *job) bool {
		return q.ID != "" && q.ID != j.ID || q.Kind != "" && q.Kind != j.Kind || q.Bucket != 0 && q.Bucket != j.Bucket
	})
	slices.SortFunc(all, func(a, b *job) int { return b.started.Compare(a.started) })
	return all
}

// close stops all jobs, waits for them, and takes no more.
func (s *jobs) close() {
	s.mu.Lock()
	s.closed = true
	for _, j := range s.byID {
		j.cancel(errJobsShutdown)
	}
	s.mu.Unlock()
	s.running.Wait()
}

// end notes that the job is over; err is why it did not come to its end.
func (j *job) end(now time.Time, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ended = now
	if err != nil {
		j.aborted, j.err = true, err
	}
}

func (j *job) endedAt() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.ended
}

// did notes what came of one object, done being false where there was nothing to
// do. The error ends the job: what befell this object would befall the others.
func (j *job) did(size int64, done bool, err error) error {
	if err == nil {
		if done {
			j.objects.Add(1)
			j.bytes.Add(size)
		}
		j.mu.Lock()
		j.inRow = 0
		j.mu.Unlock()
		return nil
	}
	j.failed.Add(1)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		j.err = err
	}
	switch object.KindOf(err) {
	case object.NoSuchBucket, object.NoSpace:
		return err
	case object.Unavailable, object.Denied, object.Busy, object.Unsupported:
		if j.inRow++; j.inRow >= jobFailsInRow {
			return err
		}
	}
	return nil
}

// status returns what another node is told of the job.
func (j *job) status() peer.Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := peer.Job{
		ID: j.ID, Kind: j.Kind, Bucket: j.Bucket, Dest: j.Dest, Owner: j.Owner, Targets: j.Targets, About: j.about(),
		Started: j.started, Ended: j.ended, Aborted: j.aborted,
		Objects: j.objects.Load(), Bytes: j.bytes.Load(), Errors: j.failed.Load(), Total: j.total.Load(),
	}
	if j.err != nil {
		s.Err = jobError(j.err)
	}
	if j.sum != nil {
		sum := *j.sum
		s.Sum = &sum
	}
	return s
}

// jobError returns what people are told of an error: not what only the log may
// know.
func jobError(err error) string {
	kind := object.KindOf(err)
	var e *object.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	text := kind.Error()
	if kind != object.Internal && kind != object.Corrupt && e.Err != nil {
		text = e.Err.Error()
	}
	if e.Name != "" {
		text = e.Name + ": " + text
	}
	return text
}

// about says which names the job is about.
func (j *job) about() string {
	switch w := &j.Work; {
	case len(w.Keys) == 1:
		return w.Keys[0]
	case len(w.Keys) > 0:
		return fmt.Sprintf("%d names", len(w.Keys))
	case w.Template != "":
		return "template:" + w.Template
	case w.Prefix != "":
		return "prefix:" + w.Prefix
	case w.Name != "":
		return "to " + w.Name
	}
	return ""
}

// jobBucket returns the bucket of a job as it is now. The error, of kind
// NoSuchBucket, ends the job.
func (t *Target) jobBucket(j *job) (*cluster.Bucket, error) { return t.activeBucket(j.Bucket) }

func (t *Target) activeBucket(id uint64) (*cluster.Bucket, error) {
	b, ok := t.cluster.State().BucketByID(id)
	if !ok || b.State != cluster.BucketActive {
		return nil, object.E("target.job", "", object.NoSuchBucket, errors.New("the bucket was removed"))
	}
	return b, nil
}

func (t *Target) nodeJobStart(ctx *fasthttp.RequestCtx) error {
	req, err := read[peer.JobRequest](ctx)
	if err != nil {
		return err
	}
	for _, id := range []uint64{req.Bucket, req.Dest} {
		if id == 0 {
			continue
		}
		if _, err := t.bucketByID(id); err != nil {
			return err
		}
	}
	if _, err := t.startJob(req); err != nil {
		return err
	}
	return write(ctx, struct{}{})
}

func (t *Target) nodeJobStop(ctx *fasthttp.RequestCtx) error {
	q, err := read[peer.JobQuery](ctx)
	if err != nil {
		return err
	}
	for _, j := range t.jobs.find(q) {
		j.cancel(errJobStopped)
	}
	return write(ctx, struct{}{})
}

func (t *Target) nodeJobs(ctx *fasthttp.RequestCtx) error {
	q, err := read[peer.JobQuery](ctx)
	if err != nil {
		return err
	}
	var answer peer.JobsAnswer
	for _, j := range t.jobs.find(q) {
		answer.Jobs = append(answer.Jobs, j.status())
	}
	return write(ctx, answer)
}
