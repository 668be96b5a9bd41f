package s3

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"ais/backend"
	"ais/object"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// maxPage is the most names that S3 lists at once.
const maxPage = 1000

// lastRune sorts after all that a key under a prefix is likely to go on with. S3
// lists a common prefix again that it is to go on after, for there are keys after
// it; after this there are none.
const lastRune = "\U0010ffff"

// List implements backend.Backend.
func (b *bucket) List(ctx context.Context, q object.Query) (object.Page, error) {
	o := b.begin(ctx, "list", "", asked)
	defer o.end()
	if q.Versions {
		return object.Page{}, object.E("s3.list", b.config.Bucket, object.Unsupported, nil)
	}
	if q.Limit <= 0 {
		return object.Page{}, nil
	}
	c, err := b.client(o.ctx)
	if err != nil {
		return object.Page{}, o.fail(err)
	}
	in := &s3.ListObjectsV2Input{
		Bucket: &b.config.Bucket, Prefix: given(q.Prefix), Delimiter: given(q.Delimiter), StartAfter: given(q.After),
		MaxKeys: aws.Int32(int32(min(q.Limit, maxPage))), EncodingType: types.EncodingTypeUrl,
	}
	if q.SkipsUnder() {
		in.StartAfter = aws.String(q.After + lastRune)
	}
	for {
		out, err := c.ListObjectsV2(o.ctx, in, o.options, quickLists)
		if err != nil {
			return object.Page{}, o.fail(err)
		}
		page, err := pageOf(out, q)
		if err != nil {
			return object.Page{}, o.fail(err)
		}
		if len(page.Entries) > 0 || !page.Truncated {
			return page, nil
		}
		// All that came was not asked for: what a page ends with would be missing.
		if in.ContinuationToken = out.NextContinuationToken; in.ContinuationToken == nil {
			return object.Page{}, o.fail(errNonsense)
		}
	}
}

// pageOf returns the page that the store listed, in order.
func pageOf(out *s3.ListObjectsV2Output, q object.Query) (object.Page, error) {
	p := object.Page{Truncated: aws.ToBool(out.IsTruncated), Entries: make([]object.Entry, 0, len(out.Contents)+len(out.CommonPrefixes))}
	plain := func(s *string) (string, error) {
		if out.EncodingType != types.EncodingTypeUrl {
			return aws.ToString(s), nil
		}
		return url.QueryUnescape(aws.ToString(s))
	}
	skip := q.SkipsUnder()
	wanted := func(key string) bool { return key > q.After && (!skip || !strings.HasPrefix(key, q.After)) }
	begun := func(prefix string) bool { return prefix != q.After && strings.HasPrefix(q.After, prefix) }
	var failed error
	if out.Name == nil && out.IsTruncated == nil {
		failed = errNonsense // whatever that was, it is no empty bucket
	}
	for i := range out.Contents {
		from := &out.Contents[i]
		key, err := plain(from.Key)
		failed = errors.Join(failed, err)
		if !wanted(key) {
			continue
		}
		e := object.Entry{Key: key, Meta: object.Meta{
			Size: aws.ToInt64(from.Size), ETag: object.Unquote(aws.ToString(from.ETag)), StorageClass: class(string(from.StorageClass)),
		}}
		if from.LastModified != nil {
			e.Meta.Modified = from.LastModified.UTC()
		}
		p.Entries = append(p.Entries, e)
	}
	for _, from := range out.CommonPrefixes {
		prefix, err := plain(from.Prefix)
		failed = errors.Join(failed, err)
		if wanted(prefix) || begun(prefix) {
			p.Entries = append(p.Entries, object.Entry{Key: prefix, Prefix: true})
		}
	}
	if len(out.CommonPrefixes) > 0 {
		slices.SortFunc(p.Entries, func(a, b object.Entry) int { return cmp.Compare(a.Key, b.Key) })
	}
	return p, failed
}

var _ backend.Copier = (*bucket)(nil)
