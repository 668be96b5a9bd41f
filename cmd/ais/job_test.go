package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"ais/api"
	"ais/object"
)

// fakeJob is a job of a fake: it runs until it was asked about often enough.
type fakeJob struct {
	id, kind string
	bucket   api.Bucket
	names    api.NamesMessage
	left     int // questions until it ends
	failed   int64
	aborted  bool
}

// slow begins the prefixes of jobs that take a while, broken those of which objects
// fail; endless ones never end.
const (
	slowPrefix    = "slow"
	endlessPrefix = "endless"
	brokenPrefix  = "broken"
)

// serveJobs answers calls about jobs.
func (f *fake) serveJobs(ctx *fasthttp.RequestCtx, what string) error {
	if ctx.IsGet() {
		return f.answerJobs(ctx, what)
	}
	m, err := api.ReadAction(ctx)
	if err != nil {
		return err
	}
	var q api.JobQuery
	if err := m.Decode(&q); err != nil {
		return err
	}
	if m.Action == api.ActionStop {
		return f.stopJobs(q)
	}
	return f.startJob(ctx, fakeJob{kind: q.Kind})
}

// serveNames answers calls that start a job on the objects of a bucket.
func (f *fake) serveNames(ctx *fasthttp.RequestCtx, b api.Bucket, m api.ActionMessage) (done bool, err error) {
	switch m.Action {
	case api.ActionPrefetch, api.ActionEvict, api.ActionDelete, api.ActionEvictBucket:
	default:
		return false, nil
	}
	j := fakeJob{kind: m.Action, bucket: b}
	if err := m.Decode(&j.names); err != nil {
		return true, err
	}
	if err := j.names.Check(); err != nil {
		return true, err
	}
	if m.Action == api.ActionEvictBucket && !ctx.QueryArgs().GetBool(api.QueryKeepBucket) {
		return true, nil
	}
	return true, f.startJob(ctx, j)
}

func (f *fake) startJob(ctx *fasthttp.RequestCtx, j fakeJob) error {
	j.id = fmt.Sprint("J", len(f.jobs)+1)
	switch {
	case strings.HasPrefix(j.names.Prefix, slowPrefix):
		j.left = 2
	case strings.HasPrefix(j.names.Prefix, endlessPrefix):
		j.left = 1 << 30
	case strings.HasPrefix(j.names.Prefix, brokenPrefix):
		j.failed = 3
	}
	f.jobs = append(f.jobs, j)
	ctx.SetBodyString(j.id)
	return nil
}

func (f *fake) stopJobs(q api.JobQuery) error {
	found := false
	for i := range f.jobs {
		if j := &f.jobs[i]; (q.ID == "" || q.ID == j.id) && (q.Kind == "" || q.Kind == j.kind) {
			found = true
			j.aborted, j.left = j.left > 0, 0
		}
	}
	if !found && q.ID != "" {
		return object.NotFound
	}
	return nil
}

func (f *fake) answerJobs(ctx *fasthttp.RequestCtx, what string) error {
	var q api.JobQuery
	if err := api.ReadMessage(ctx, &q); err != nil {
		return err
	}
	snaps := api.JobSnaps{}
	for i := range f.jobs {
		j := &f.jobs[i]
		if q.ID != "" && q.ID != j.id || q.Kind != "" && q.Kind != j.kind || q.Running() && j.left == 0 {
			continue
		}
		for n, node := range []string{"target1", "target2"} {
			s := api.JobSnap{
				ID: j.id, Kind: j.kind, Bucket: j.bucket, About: j.names.Prefix, Started: testTime().Add(time.Duration(i) * time.Minute),
				Stats: api.JobStats{Objects: int64(10 + n), Bytes: 1 << 20}, Extra: api.JobExtra{Errors: j.failed, Targets: []string{"target1", "target2"}},
				Aborted: j.aborted,
			}
			if len(j.names.Names) == 1 && j.names.Names[0] == "none" {
				s.Stats = api.JobStats{}
			}
			switch {
			case j.aborted:
				s.AbortErr = "stopped on request"
			case j.failed > 0:
				s.Err = "x: access denied"
			}
			if j.left == 0 {
				s.Ended = s.Started.Add(time.Minute)
			} else {
				s.Extra.Total = 40
			}
			snaps[node] = append(snaps[node], s)
		}
		j.left = max(0, j.left-1)
	}
	statuses := snaps.Statuses()
	if what == api.WhatJobs {
		return api.WriteJSON(ctx, snaps)
	}
	if len(statuses) == 0 {
		return object.NotFound
	}
	return api.WriteJSON(ctx, statuses[0])
}

func TestJobs(t *testing.T) {
	r := newRunner(t)
	r.want("show job", "No running jobs ('--all' shows those that ended)\n")
	r.want("show job --all", "No jobs in the last day\n")
	r.want("prefetch s3://abc/slow --num-workers 4", "Started prefetch-listrange[J1]: s3://abc/slow*. To monitor the progress, run 'ais show job J1'\n")
	if m := r.fake.jobs[0].names; m.Prefix != "slow" || m.Workers != 4 || m.Latest {
		t.Errorf("%+v", m)
	}
	r.want("show job prefetch", tableText(
		"prefetch-listrange[J1] (slow)",
		"NODE     ID       KIND                     BUCKET           OBJECTS  BYTES    ERRORS   START            END      STATE",
		"target1  J1       prefetch-listrange       s3://abc         10/40    1.00MiB  0        15:13:00         -        Running",
		"target2  J1       prefetch-listrange       s3://abc         11/40    1.00MiB  0        15:13:00         -        Running",
		"Total                                                       21/80    2.00MiB  0"))
	r.want("wait J1", "prefetch-listrange[J1] finished\n")
	r.want("job show prefetch-listrange[J1] -H", tableText(
		"target1  J1       prefetch-listrange       s3://abc         10       1.00MiB  0        15:13:00         15:14:00         Finished",
		"target2  J1       prefetch-listrange       s3://abc         11       1.00MiB  0        15:13:00         15:14:00         Finished",
		"Total                                                       21       2.00MiB  0"))
	r.want("wait prefetch", "")
	r.want("prefetch s3://abc --list a,b --latest --wait", tableText("Started prefetch-listrange[J2]: 2 objects of s3://abc.", "prefetch-listrange[J2] finished"))
	if m := r.fake.jobs[1].names; len(m.Names) != 2 || m.Names[1] != "b" || !m.Latest {
		t.Errorf("%+v", m)
	}
	if got := r.run("prefetch", "s3://abc/broken", "--wait", "--json"); got.code != 1 || !strings.Contains(got.err, "not all went well: x: access denied") ||
		!strings.Contains(got.out, `"uuid": "J3"`) {
		t.Errorf("%+v", got)
	}
	r.want("start lru", "Started lru[J4]. To monitor the progress, run 'ais show job J4'\n")
	r.want("start prefetch s3://abc --prefix endless", "Started prefetch-listrange[J5]: s3://abc/endless*. To monitor the progress, run 'ais show job J5'\n")
	r.fails("wait J5 --timeout 100ms", 1, "is running still, after 100ms")
	r.want("stop J5", "Stopped J5\n")
	r.fails("wait J5", 1, "was aborted: stopped on request")
	r.fails("wait J77", 1, `no job "J77" is known`)
	r.fails("stop J77", 1, `no job "J77" is known`)
	r.fails("show job J77", 1, `no job "J77" is known`)
	var snaps api.JobSnaps
	if out := r.run("show", "job", "J2", "--json").out; json.Unmarshal([]byte(out), &snaps) != nil || len(snaps["target2"]) != 1 {
		t.Error(out)
	}
}

func TestEvict(t *testing.T) {
	r := newRunner(t)
	r.want("evict s3://abc/x", "evicted \"x\" from s3://abc\n")
	r.fails("evict s3://abc/none", 1, "s3://abc/none is not cached")
	r.want("evict s3://abc --keep-md", "Evicted bucket s3://abc (metadata preserved)\n")
	r.want("evict s3://abc", "Evicted bucket s3://abc\n")
	r.want("bucket evict s3://abc --template a{0..3} --wait", tableText("Started evict-listrange[J4]: template a{0..3} of s3://abc.", "evict-listrange[J4] finished"))
	r.want("evict s3://abc/dir/", "Started evict-listrange[J5]: s3://abc/dir/*. To monitor the progress, run 'ais show job J5'\n")
	r.fails("evict s3://abc --keep-md --prefix a", 2, "whole bucket")
	r.fails("evict s3://abc/x --prefix a", 2, "named twice")
	r.fails("evict s3://abc --template a{1..0}", 2, "begins after its end")
	r.fails("evict s3://abc --prefix a --list b", 2, "one of them")
	r.fails("prefetch s3://", 2, "names no bucket")
	r.want("rm ais://abc --prefix tmp/ --wait", tableText("Started delete-listrange[J6]: ais://abc/tmp/*.", "delete-listrange[J6] finished"))
	r.want("object rm s3://abc --list a,b", "Started delete-listrange[J7]: 2 objects of s3://abc. To monitor the progress, run 'ais show job J7'\n")
	r.fails("rm ais://abc/a --prefix b", 2, "named twice")
	r.fails("prefetch s3://abc --num-workers 1000", 2, "64 workers")
}
