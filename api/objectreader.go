package api

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"

	"ais/object"
)

// ObjectReader is an object's content on its way. The Read that returns the last
// byte of a whole object returns an error of kind BadDigest instead of io.EOF
// where the content is not what the server has the checksum of. Where the
// connection breaks, and the client has patience, it goes on with the rest of the
// same version.
type ObjectReader struct {
	Info ObjectInfo // Size is that of the whole object
	Size int64      // bytes to be read

	client *Client
	ctx    context.Context // of the call, for the calls that go on with it
	at     int64           // in the object, of the next byte
	broken int             // connections since the last byte

	body io.ReadCloser
	sum  hash.Hash // nil where nothing is verified
	want object.Checksum
	left int64
}

// GetOptions say what of an object to read; the zero value is nothing of it.
type GetOptions struct {
	Offset, Length int64 // in bytes; a negative length is all that follows

	// IfMatch is the ETag of the version to read, without quotes; "" is any. Of
	// another one nothing is read: Precondition.
	IfMatch string
}

// GetObject reads an object, or length bytes from offset on; a negative length is
// all that follows. The caller closes the reader. Kinds: NotFound, NoSuchBucket,
// RangeInvalid, Unavailable.
func (c *Client) GetObject(ctx context.Context, b Bucket, key string, offset, length int64) (*ObjectReader, error) {
	return c.ReadObject(ctx, b, key, GetOptions{Offset: offset, Length: length})
}

// ReadObject is GetObject with more to choose. Kinds: those of GetObject, and
// Precondition.
func (c *Client) ReadObject(ctx context.Context, b Bucket, key string, o GetOptions) (*ObjectReader, error) {
	resp, err := c.openObject(ctx, b, key, o) //nolint:bodyclose // the reader closes it
	if err != nil {
		return nil, err
	}
	r := &ObjectReader{
		Info: readInfo(resp.Header), Size: resp.ContentLength, body: resp.Body, left: resp.ContentLength,
		client: c, ctx: ctx, at: o.Offset,
	}
	r.Info.Bucket, r.Info.Name, r.Info.Size = b, key, resp.ContentLength
	if resp.StatusCode == http.StatusPartialContent {
		r.Info.Size = sizeOfRange(resp.Header.Get("Content-Range"), resp.ContentLength)
	} else {
		r.verify()
	}
	return r, nil
}

// openObject sends the call and checks that its answer is what was asked for.
func (c *Client) openObject(ctx context.Context, b Bucket, key string, o GetOptions) (*http.Response, error) {
	if err := object.CheckKey(key); err != nil {
		return nil, err
	}
	name := b.String() + "/" + key
	r := bucketCall(http.MethodGet, ObjectPath(b, key), b)
	ranged := o.Offset != 0 || o.Length >= 0
	if ranged {
		if o.Length == 0 || o.Offset < 0 {
			return nil, object.E("api.GetObject", name, object.RangeInvalid, errors.New("a range begins at 0 or later and has at least one byte"))
		}
		to := ""
		if o.Length > 0 {
			to = strconv.FormatInt(o.Offset+o.Length-1, 10)
		}
		r.header.Set("Range", "bytes="+strconv.FormatInt(o.Offset, 10)+"-"+to)
	}
	if o.IfMatch != "" {
		r.header.Set("If-Match", `"`+o.IfMatch+`"`)
	}
	resp, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	kind := object.Internal
	switch etag := object.Unquote(resp.Header.Get("Etag")); {
	case o.IfMatch != "" && etag != o.IfMatch: // a server that does not know the condition
		kind, err = object.Precondition, errors.New("the object has changed")
	case resp.ContentLength < 0:
		err = errors.New("the server did not say how long the content is")
	case ranged && resp.StatusCode != http.StatusPartialContent && (o.Offset != 0 || o.Length < resp.ContentLength):
		err = errors.New("the server sent the whole object instead of the range")
	}
	if err != nil {
		_ = resp.Body.Close()
		return nil, object.E("api.GetObject", name, kind, err)
	}
	return resp, nil
}

// verify arms the comparison with the checksum in the headers, if there is one
// of a known type.
func (o *ObjectReader) verify() {
	want, ok, err := parseChecksum(o.Info.ChecksumType, o.Info.Checksum)
	if ok && err == nil {
		o.want, o.sum = want, want.Algorithm.New()
	}
}

// Verified reports whether the content is compared with a checksum.
func (o *ObjectReader) Verified() bool { return o.sum != nil }

// maxBroken is how many connections may break in a row without a byte from them.
const maxBroken = 3

// Read implements io.Reader.
func (o *ObjectReader) Read(p []byte) (int, error) {
	for {
		n, err := o.body.Read(p)
		o.left -= int64(n)
		o.at += int64(n)
		if o.sum != nil {
			o.sum.Write(p[:n])
		}
		if n > 0 {
			o.broken = 0
		}
		switch {
		case err != nil && o.left > 0:
			if err = o.goOn(err); err == nil && n == 0 {
				continue
			}
		case err == io.EOF && o.sum != nil && string(o.sum.Sum(nil)) != string(o.want.Value):
			err = object.E("api.GetObject", o.name(), object.BadDigest, fmt.Errorf("the content has another %s than the server's %s", o.want.Algorithm, o.want.Hex()))
		}
		return n, err
	}
}

// goOn opens what is left, after the connection broke with err. It returns the
// error to end with where that is of no use.
func (o *ObjectReader) goOn(err error) error {
	if o.ctx.Err() != nil {
		return o.ctx.Err()
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = object.E("api.GetObject", o.name(), object.Incomplete, fmt.Errorf("the connection broke %d bytes before the end", o.left))
	}
	if o.broken++; o.client.patience == 0 || o.broken > maxBroken || o.Info.ETag == "" {
		return err
	}
	resp, rerr := o.client.openObject(o.ctx, o.Info.Bucket, o.Info.Name, GetOptions{Offset: o.at, Length: o.left, IfMatch: o.Info.ETag}) //nolint:bodyclose // Close does
	if rerr != nil {
		return rerr
	}
	_ = o.body.Close() // broken
	o.body = resp.Body
	return nil
}

func (o *ObjectReader) name() string { return o.Info.Bucket.String() + "/" + o.Info.Name }

// Close gives up what is not read.
func (o *ObjectReader) Close() error { return o.body.Close() }

// sizeOfRange reads the size of the whole from a Content-Range.
func sizeOfRange(header string, otherwise int64) int64 {
	_, total, _ := strings.Cut(header, "/")
	if n, err := strconv.ParseInt(total, 10, 64); err == nil {
		return n
	}
	return otherwise
}
