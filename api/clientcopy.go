package api

import (
	"context"
	"net/http"
)

// CopyBucket starts a job that copies a bucket, or what m says of it, and returns its
// id. A bucket to copy to that is not there is made. Kinds: NoSuchBucket, Invalid.
func (c *Client) CopyBucket(ctx context.Context, from, to Bucket, m CopyMessage) (id string, err error) {
	r := bucketCall(http.MethodPost, BucketPath(from), from)
	r.query.Set(QueryBucketTo, to.Unique(""))
	return c.startJob(ctx, r, ActionCopy, "", m)
}

// CopyNames is CopyBucket for objects that m names one by one, or by a template.
func (c *Client) CopyNames(ctx context.Context, from, to Bucket, m CopyMessage) (id string, err error) {
	m.To = &to
	return c.startJob(ctx, bucketCall(http.MethodPost, BucketPath(from), from), ActionCopyNames, "", m)
}

// RenameBucket gives a bucket another name, and returns the id of a job that ends when
// every node knows it. Kinds: NoSuchBucket, Exists, Invalid.
func (c *Client) RenameBucket(ctx context.Context, b Bucket, name string) (id string, err error) {
	r := bucketCall(http.MethodPost, BucketPath(b), b)
	r.query.Set(QueryBucketTo, NewBucket(b.Provider, name).Unique(""))
	return c.startJob(ctx, r, ActionRename, "", nil)
}
