package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"ais/backend"
	"ais/object"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Head implements backend.Backend.
func (b *bucket) Head(ctx context.Context, key, version string) (backend.Meta, error) {
	o := b.begin(ctx, "head", key, asked)
	defer o.end()
	o.version = version
	c, err := b.client(o.ctx)
	if err != nil {
		return backend.Meta{}, o.fail(err)
	}
	out, err := c.HeadObject(o.ctx, &s3.HeadObjectInput{Bucket: &b.config.Bucket, Key: &key, VersionId: given(version)}, o.options)
	if err != nil {
		return backend.Meta{}, o.fail(err)
	}
	if aws.ToString(out.ETag) == "" {
		return backend.Meta{}, o.fail(errNonsense)
	}
	return seenHead(out).meta(), nil
}

// Get implements backend.Backend.
func (b *bucket) Get(ctx context.Context, key string, get backend.GetOptions) (*backend.Object, error) {
	o := b.begin(ctx, "get", key, asked)
	o.version = get.Version
	opened, err := o.get(key, get)
	if err != nil {
		err = o.fail(err) // before the end, which looks like a cancellation
		o.end()
		return nil, err
	}
	return opened, nil
}

func (o *operation) get(key string, get backend.GetOptions) (*backend.Object, error) {
	c, err := o.b.client(o.ctx)
	if err != nil {
		return nil, err
	}
	in := &s3.GetObjectInput{Bucket: &o.b.config.Bucket, Key: &key, VersionId: given(get.Version)}
	if get.IfMatch != "" {
		in.IfMatch = aws.String(quoted(get.IfMatch))
	}
	if r := get.Range; r != nil {
		in.Range = aws.String(rangeHeader(*r))
	}
	out, err := c.GetObject(o.ctx, in, o.options)
	if err != nil {
		return nil, err
	}
	o.kind = moved // from here on it is for the body to get on
	o.pause()
	r, size, err := announced(get.Range, out)
	if err != nil {
		_ = out.Body.Close()
		return nil, err
	}
	return &backend.Object{Meta: seenGet(out, size).meta(), Range: r, Body: &body{o: o, from: out.Body, left: r.Length}}, nil
}

// quoted returns an ETag as headers have it.
func quoted(etag string) string {
	if etag == "*" || strings.Contains(etag, `"`) {
		return etag
	}
	return `"` + etag + `"`
}

func rangeHeader(r object.Range) string {
	from := "bytes=" + strconv.FormatInt(r.Offset, 10) + "-"
	if r.Length < 0 {
		return from
	}
	return from + strconv.FormatInt(r.Offset+r.Length-1, 10)
}

var errNonsense = errors.New("the store's answer does not fit the request")

// announced reads from an answer's headers which bytes it has, and of how many.
func announced(asked *object.Range, out *s3.GetObjectOutput) (object.Range, int64, error) {
	if out.ContentLength == nil || *out.ContentLength < 0 || aws.ToString(out.ETag) == "" {
		return object.Range{}, 0, fmt.Errorf("%w: no length, or no ETag", errNonsense)
	}
	length := *out.ContentLength
	if out.ContentRange == nil { // all of it, which a store may answer always
		if asked != nil && (asked.Offset != 0 || asked.Length >= 0 && asked.Length < length) {
			return object.Range{}, 0, fmt.Errorf("%w: no range", errNonsense)
		}
		return object.Range{Length: length}, length, nil
	}
	r, size, ok := contentRange(*out.ContentRange)
	switch {
	case !ok || r.Length != length || r.Offset+r.Length > size,
		asked == nil && length != size,
		asked != nil && r.Offset != asked.Offset,
		asked != nil && asked.Length >= 0 && length != min(asked.Length, size-r.Offset),
		asked != nil && asked.Length < 0 && length != size-r.Offset:
		return object.Range{}, 0, fmt.Errorf("%w: %s of length %d", errNonsense, *out.ContentRange, length)
	}
	return r, size, nil
}

// contentRange reads "bytes first-last/size" (RFC 9110 §14.4).
func contentRange(s string) (r object.Range, size int64, ok bool) {
	spec, found := strings.CutPrefix(s, "bytes ")
	from, rest, dash := strings.Cut(spec, "-")
	to, total, slash := strings.Cut(rest, "/")
	if !found || !dash || !slash {
		return r, 0, false
	}
	first, err1 := strconv.ParseUint(from, 10, 62)
	last, err2 := strconv.ParseUint(to, 10, 62)
	all, err3 := strconv.ParseUint(total, 10, 63)
	if err1 != nil || err2 != nil || err3 != nil || last < first {
		return r, 0, false
	}
	return object.Range{Offset: int64(first), Length: int64(last-first) + 1}, int64(all), true
}

// body is what was announced, no more and no less.
type body struct {
	o    *operation
	from io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.from.Read(p)
	b.left -= int64(n)
	switch {
	case b.left == 0:
		return n, io.EOF
	case err == io.EOF:
		return n, b.o.fail(io.ErrUnexpectedEOF)
	case err != nil:
		return n, b.o.fail(err)
	}
	return n, nil
}

// Close implements io.Closer. The connection is kept where all was read.
func (b *body) Close() error {
	err := b.from.Close()
	b.o.end()
	return err
}
