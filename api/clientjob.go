package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ais/object"
)

// StartNames starts a job on objects of a bucket, ActionPrefetch, ActionEvict or
// ActionDelete, and returns its id. Kinds: NoSuchBucket, Invalid.
func (c *Client) StartNames(ctx context.Context, b Bucket, action string, m NamesMessage) (id string, err error) {
	method := http.MethodDelete
	if action == ActionPrefetch {
		method = http.MethodPost
	}
	return c.startJob(ctx, bucketCall(method, BucketPath(b), b), action, "", m)
}

// EvictBucket drops all that is kept here of a remote bucket, and forgets the
// bucket unless keep says otherwise; then id is the job's. Kind: NoSuchBucket.
func (c *Client) EvictBucket(ctx context.Context, b Bucket, keep bool) (id string, err error) {
	r := bucketCall(http.MethodDelete, BucketPath(b), b)
	if keep {
		r.query.Set(QueryKeepBucket, "true")
	}
	return c.startJob(ctx, r, ActionEvictBucket, "", nil)
}

// StartJob starts a job of a kind that needs no names, and returns its id.
func (c *Client) StartJob(ctx context.Context, q JobQuery) (id string, err error) {
	return c.startJob(ctx, call{method: http.MethodPut, path: PathCluster}, ActionStart, "", q)
}

// StopJobs stops what q names: one job by its id, or all of a kind, of a bucket.
// Kind: NotFound.
func (c *Client) StopJobs(ctx context.Context, q JobQuery) error {
	_, err := c.startJob(ctx, call{method: http.MethodPut, path: PathCluster}, ActionStop, "", q)
	return err
}

func (c *Client) startJob(ctx context.Context, r call, action, name string, value any) (id string, err error) {
	if r, err = r.withAction(action, name, value); err != nil {
		return "", err
	}
	_, raw, err := c.content(ctx, r)
	return strings.Trim(string(raw), "\" \n"), err
}

// Jobs returns the shares of jobs, by target.
func (c *Client) Jobs(ctx context.Context, q JobQuery) (JobSnaps, error) {
	var snaps JobSnaps
	err := c.askJobs(ctx, WhatJobs, q, &snaps)
	return snaps, err
}

// JobStatus returns how far a job is. Kind: NotFound.
func (c *Client) JobStatus(ctx context.Context, id string) (JobStatus, error) {
	var s JobStatus
	err := c.askJobs(ctx, WhatJobStatus, JobQuery{ID: id}, &s)
	return s, err
}

func (c *Client) askJobs(ctx context.Context, what string, q JobQuery, to any) error {
	r := call{method: http.MethodGet, path: PathCluster, query: url.Values{QueryWhat: {what}}, header: http.Header{"Content-Type": {ContentJSON}}}
	raw, err := jsonAPI.Marshal(q)
	if err != nil {
		return object.E("api.Client", what, object.Internal, err)
	}
	r.body = newBody(strings.NewReader(string(raw)), int64(len(raw)))
	return c.decode(ctx, r, to)
}

// The pauses between two questions of WaitJob.
const (
	jobPoll    = 50 * time.Millisecond
	jobPollMax = 2 * time.Second
)

// WaitJob returns when the job has ended, however it did. Kind: NotFound.
func (c *Client) WaitJob(ctx context.Context, id string) (JobStatus, error) {
	for pause := jobPoll; ; pause = min(pause*3/2, jobPollMax) {
		s, err := c.JobStatus(ctx, id)
		if err != nil || s.Ended != 0 {
			return s, err
		}
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-time.After(pause):
		}
	}
}
