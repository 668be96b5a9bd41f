package api

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ais/object"
)

// CreateBucket creates a bucket, with properties or, where p is nil, with the
// cluster's defaults. Kinds: Exists, Invalid.
func (c *Client) CreateBucket(ctx context.Context, b Bucket, p Properties) error {
	var value any
	if len(p) > 0 {
		value = p
	}
	return c.act(ctx, http.MethodPost, b, ActionCreate, value)
}

// AddBucket is CreateBucket for a remote bucket that is not looked for at the remote.
func (c *Client) AddBucket(ctx context.Context, b Bucket, p Properties) error {
	var value any
	if len(p) > 0 {
		value = p
	}
	r := bucketCall(http.MethodPost, BucketPath(b), b)
	r.query.Set(QuerySkipLookup, "true")
	r, err := r.withAction(ActionCreate, "", value)
	if err != nil {
		return err
	}
	_, err = c.finish(ctx, r)
	return err
}

// DestroyBucket removes a bucket and all objects in it. Kind: NoSuchBucket.
func (c *Client) DestroyBucket(ctx context.Context, b Bucket) error {
	return c.act(ctx, http.MethodDelete, b, ActionDestroy, nil)
}

// SetBucketProps sets all of p or nothing, of the bucket as the ETag that came with its
// properties names it, or with "" as it is. Kinds: NoSuchBucket, Invalid; Conflict where
// it was changed meanwhile.
func (c *Client) SetBucketProps(ctx context.Context, b Bucket, p Properties, etag string) error {
	return c.patchBucket(ctx, b, ActionSetProps, p, etag)
}

// ResetBucketProps gives a bucket the cluster's defaults; else as SetBucketProps.
func (c *Client) ResetBucketProps(ctx context.Context, b Bucket, etag string) error {
	return c.patchBucket(ctx, b, ActionResetProps, nil, etag)
}

func (c *Client) patchBucket(ctx context.Context, b Bucket, action string, value any, etag string) error {
	r, err := bucketCall(http.MethodPatch, BucketPath(b), b).withAction(action, "", value)
	if err != nil {
		return err
	}
	if etag != "" {
		r.header.Set("If-Match", etag)
	}
	_, err = c.finish(ctx, r)
	return err
}

func (c *Client) act(ctx context.Context, method string, b Bucket, action string, value any) error {
	r, err := bucketCall(method, BucketPath(b), b).withAction(action, "", value)
	if err != nil {
		return err
	}
	_, err = c.finish(ctx, r)
	return err
}

// ListBuckets returns the buckets of a provider, or of all where it is empty,
// sorted by name.
func (c *Client) ListBuckets(ctx context.Context, provider object.Provider) ([]Bucket, error) {
	r := call{method: http.MethodGet, path: PathBuckets, query: url.Values{QueryProvider: {string(provider)}}}
	r, err := r.withAction(ActionList, "", nil)
	if err != nil {
		return nil, err
	}
	var buckets []Bucket
	err = c.decode(ctx, r, &buckets)
	return buckets, err
}

// HeadBucket returns the properties of a bucket. Kind: NoSuchBucket.
func (c *Client) HeadBucket(ctx context.Context, b Bucket) (Properties, error) {
	p, _, err := c.HeadBucketTag(ctx, b)
	return p, err
}

// HeadBucketTag is HeadBucket with the ETag of the bucket besides, for SetBucketProps.
func (c *Client) HeadBucketTag(ctx context.Context, b Bucket) (p Properties, etag string, err error) {
	header, err := c.finish(ctx, bucketCall(http.MethodHead, BucketPath(b), b))
	if err != nil {
		return nil, "", bucketError(err, b)
	}
	if err := jsonAPI.UnmarshalFromString(header.Get(HeaderBucketProps), &p); err != nil {
		return nil, "", object.E("api.HeadBucket", b.String(), object.Internal, errors.New("the server sent no properties; is it an AIS proxy?"))
	}
	return p, header.Get("ETag"), nil
}

// bucketError makes NotFound of a bucket NoSuchBucket: a HEAD has no body that
// would tell one from the other.
func bucketError(err error, b Bucket) error {
	var m *ErrorMessage
	if errors.As(err, &m) && m.Status == http.StatusNotFound && m.Kind() == object.NotFound {
		return NewErrorMessage(object.NoSuchBucket, b, "")
	}
	return err
}

// ListObjects returns the entries of a bucket in order of their names, page by
// page, from l.StartAfter on. After an error there is nothing more. limit is how
// many to return at most, 0 for all. Kind: NoSuchBucket.
func (c *Client) ListObjects(ctx context.Context, b Bucket, l ListMessage, limit int) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		left := limit
		for {
			if limit > 0 && (l.PageSize == 0 || l.PageSize > left) {
				l.PageSize = min(left, MaxPageSize)
			}
			page, err := c.ListPage(ctx, b, l)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range page.Entries {
				if !yield(e, nil) {
					return
				}
				if left--; limit > 0 && left == 0 {
					return
				}
			}
			if page.ContinuationToken == "" {
				return
			}
			if page.ContinuationToken <= l.ContinuationToken {
				yield(Entry{}, object.E("api.ListObjects", b.String(), object.Internal, errors.New("the listing makes no progress")))
				return
			}
			l.ContinuationToken, l.UUID = page.ContinuationToken, page.UUID
		}
	}
}

// ListPage returns one page of a listing. Kind: NoSuchBucket.
func (c *Client) ListPage(ctx context.Context, b Bucket, l ListMessage) (ListResult, error) {
	var page ListResult
	r, err := bucketCall(http.MethodGet, BucketPath(b), b).withAction(ActionList, "", l)
	if err != nil {
		return page, err
	}
	err = c.decode(ctx, r, &page)
	return page, err
}

// summaryPoll is the first pause between two questions about a summary.
const summaryPoll = 100 * time.Millisecond

// SummarizeBucket counts what a bucket holds under a prefix, of a remote one with
// cached only what is here. Kind: NoSuchBucket.
func (c *Client) SummarizeBucket(ctx context.Context, b Bucket, prefix string, cached bool) (Summary, error) {
	m := SummaryMessage{Prefix: prefix, Cached: cached, Present: true}
	pause := summaryPoll
	for {
		r, err := bucketCall(http.MethodGet, BucketPath(b), b).withAction(ActionSummary, "", m)
		if err != nil {
			return Summary{}, err
		}
		status, raw, err := c.content(ctx, r)
		if err != nil {
			return Summary{}, err
		}
		if status == http.StatusOK {
			var s []Summary
			if err := jsonAPI.Unmarshal(raw, &s); err != nil || len(s) == 0 {
				return Summary{}, object.E("api.SummarizeBucket", b.String(), object.Internal, errors.New("the server sent no summary"))
			}
			return s[0], nil
		}
		if m.UUID == "" {
			m.UUID = strings.Trim(string(raw), "\" \n")
		}
		select {
		case <-ctx.Done():
			return Summary{}, ctx.Err()
		case <-time.After(pause):
			pause = min(2*pause, 2*time.Second)
		}
	}
}

// content sends a call and returns the whole of a small answer.
func (c *Client) content(ctx context.Context, r call) (status int, raw []byte, err error) {
	resp, err := c.do(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	raw, err = io.ReadAll(io.LimitReader(resp.Body, maxAction))
	return resp.StatusCode, raw, err
}
