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
	"time"

	"ais/object"
)

// PutOptions are the choices of a PutObject.
type PutOptions struct {
	// Announced is the checksum of the content, which the server verifies; the
	// zero value announces none.
	Announced object.Checksum
	// Verify digests the content on its way and compares with what the server
	// stored, if the server's checksum is of this type.
	Verify object.Algorithm
}

// PutObject stores size bytes of content as an object and returns what the server
// says of it. Content that can seek is sent again where a redirect or a broken
// connection asks for it. Kinds: NoSuchBucket, BadDigest, NoSpace, Unavailable.
func (c *Client) PutObject(ctx context.Context, b Bucket, key string, content io.Reader, size int64, o PutOptions) (ObjectInfo, error) {
	if err := object.CheckKey(key); err != nil {
		return ObjectInfo{}, err
	}
	r := bucketCall(http.MethodPut, ObjectPath(b, key), b)
	r.header.Set("Content-Type", ContentBinary)
	if len(o.Announced.Value) > 0 {
		r.header.Set(HeaderChecksumType, o.Announced.Algorithm.String())
		r.header.Set(HeaderChecksum, o.Announced.Hex())
	}
	digested := newDigest(content, o.Verify)
	if digested != nil {
		content = digested
	}
	r.body = newBody(content, size)
	header, err := c.finish(ctx, r)
	if err != nil {
		return ObjectInfo{}, err
	}
	i := readInfo(header)
	i.Bucket, i.Name, i.Size = b, key, size
	stored, ok, err := parseChecksum(i.ChecksumType, i.Checksum)
	if ok && err == nil && digested != nil && stored.Algorithm == o.Verify && string(stored.Value) != string(digested.sum.Sum(nil)) {
		return i, object.E("api.PutObject", b.String()+"/"+key, object.BadDigest, errors.New("what was stored is not what was sent; put it again"))
	}
	return i, nil
}

// digest passes content through and digests it; a seek to the start begins anew.
type digest struct {
	io.Reader
	sum hash.Hash
}

// newDigest returns nil where there is nothing to compute.
func newDigest(content io.Reader, a object.Algorithm) *digest {
	h := a.New()
	if h == nil {
		return nil
	}
	return &digest{Reader: content, sum: h}
}

// Read implements io.Reader.
func (d *digest) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	d.sum.Write(p[:n])
	return n, err
}

// Seek implements io.Seeker, as far as newBody uses it.
func (d *digest) Seek(offset int64, whence int) (int64, error) {
	s, ok := d.Reader.(io.Seeker)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	if whence == io.SeekStart {
		d.sum.Reset()
	}
	return s.Seek(offset, whence)
}

// ObjectReader is an object's content on its way. The Read that returns the last
// byte of a whole object returns an error of kind BadDigest instead of io.EOF
// where the content is not what the server has the checksum of.
type ObjectReader struct {
	Info ObjectInfo // Size is that of the whole object
	Size int64      // bytes to be read

	body io.ReadCloser
	sum  hash.Hash // nil where nothing is verified
	want object.Checksum
	left int64
}

// GetObject reads an object, or length bytes from offset on; a negative length is
// all that follows. The caller closes the reader. Kinds: NotFound, NoSuchBucket,
// RangeInvalid, Unavailable.
func (c *Client) GetObject(ctx context.Context, b Bucket, key string, offset, length int64) (*ObjectReader, error) {
	if err := object.CheckKey(key); err != nil {
		return nil, err
	}
	r := bucketCall(http.MethodGet, ObjectPath(b, key), b)
	ranged := offset != 0 || length >= 0
	if ranged {
		if length == 0 || offset < 0 {
			return nil, object.E("api.GetObject", b.String()+"/"+key, object.RangeInvalid, errors.New("a range begins at 0 or later and has at least one byte"))
		}
		to := ""
		if length > 0 {
			to = strconv.FormatInt(offset+length-1, 10)
		}
		r.header.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-"+to)
	}
	resp, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	o := &ObjectReader{Info: readInfo(resp.Header), Size: resp.ContentLength, body: resp.Body, left: resp.ContentLength}
	o.Info.Bucket, o.Info.Name, o.Info.Size = b, key, resp.ContentLength
	switch {
	case resp.ContentLength < 0:
		err = errors.New("the server did not say how long the content is")
	case ranged && resp.StatusCode != http.StatusPartialContent && (offset != 0 || length < resp.ContentLength):
		err = errors.New("the server sent the whole object instead of the range")
	case resp.StatusCode == http.StatusPartialContent:
		o.Info.Size = sizeOfRange(resp.Header.Get("Content-Range"), resp.ContentLength)
	default:
		o.verify()
	}
	if err != nil {
		_ = resp.Body.Close()
		return nil, object.E("api.GetObject", b.String()+"/"+key, object.Internal, err)
	}
	return o, nil
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

// Read implements io.Reader.
func (o *ObjectReader) Read(p []byte) (int, error) {
	n, err := o.body.Read(p)
	o.left -= int64(n)
	if o.sum != nil {
		o.sum.Write(p[:n])
	}
	switch {
	case err == io.EOF && o.left > 0, err == io.ErrUnexpectedEOF:
		err = object.E("api.GetObject", o.name(), object.Incomplete, fmt.Errorf("the connection broke %d bytes before the end", o.left))
	case err == io.EOF && o.sum != nil && string(o.sum.Sum(nil)) != string(o.want.Value):
		err = object.E("api.GetObject", o.name(), object.BadDigest, fmt.Errorf("the content has another %s than the server's %s", o.want.Algorithm, o.want.Hex()))
	}
	return n, err
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

// HeadObject returns what is known of an object. Kinds: NotFound, NoSuchBucket.
func (c *Client) HeadObject(ctx context.Context, b Bucket, key string) (ObjectInfo, error) {
	if err := object.CheckKey(key); err != nil {
		return ObjectInfo{}, err
	}
	resp, err := c.do(ctx, bucketCall(http.MethodHead, ObjectPath(b, key), b))
	if err != nil {
		return ObjectInfo{}, err
	}
	defer resp.Body.Close()
	i := readInfo(resp.Header)
	i.Bucket, i.Name, i.Size = b, key, resp.ContentLength
	return i, nil
}

// DeleteObject removes an object. Kinds: NotFound, NoSuchBucket.
func (c *Client) DeleteObject(ctx context.Context, b Bucket, key string) error {
	if err := object.CheckKey(key); err != nil {
		return err
	}
	_, err := c.finish(ctx, bucketCall(http.MethodDelete, ObjectPath(b, key), b))
	return err
}

// readInfo reads what objectHeaders and infoHeaders wrote.
func readInfo(h http.Header) ObjectInfo {
	i := ObjectInfo{
		Version: h.Get(HeaderVersion), ETag: object.Unquote(h.Get("Etag")),
		ChecksumType: h.Get(HeaderChecksumType), Checksum: h.Get(HeaderChecksum),
		Location: h.Get(HeaderLocation), Present: h.Get(HeaderPresent) == "true",
		ContentType: h.Get("Content-Type"),
	}
	i.Copies, _ = strconv.Atoi(h.Get(HeaderCopies))
	i.Parts, _ = strconv.Atoi(h.Get(HeaderChunks))
	i.PartSize, _ = strconv.ParseInt(h.Get(HeaderChunkSize), 10, 64)
	if ns, err := strconv.ParseInt(h.Get(HeaderAtime), 10, 64); err == nil && ns != 0 {
		i.Accessed = time.Unix(0, ns).UTC()
	}
	if t, err := http.ParseTime(h.Get("Last-Modified")); err == nil {
		i.Modified = t.UTC()
	}
	if paths := strings.Trim(h.Get(HeaderCopyPaths), "[]"); paths != "" {
		i.Mountpaths = strings.Split(paths, ", ")
	}
	for _, pair := range h.Values(HeaderCustom) {
		if k, v, ok := strings.Cut(pair, "="); ok {
			if i.Custom == nil {
				i.Custom = map[string]string{}
			}
			i.Custom[k] = v
		}
	}
	return i
}
