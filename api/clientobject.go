package api

import (
	"context"
	"errors"
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
	header, err := c.put(ctx, bucketCall(http.MethodPut, ObjectPath(b, key), b), content, size, o)
	if err != nil {
		return ObjectInfo{}, err
	}
	i := readInfo(header)
	i.Bucket, i.Name, i.Size = b, key, size
	return i, nil
}

// put sends content with the call and returns the headers of the answer, if what
// was stored is what was sent.
func (c *Client) put(ctx context.Context, r call, content io.Reader, size int64, o PutOptions) (http.Header, error) {
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
		return nil, err
	}
	stored, ok, err := parseChecksum(header.Get(HeaderChecksumType), header.Get(HeaderChecksum))
	if ok && err == nil && digested != nil && stored.Algorithm == o.Verify && string(stored.Value) != string(digested.sum.Sum(nil)) {
		return header, object.E("api.PutObject", r.path, object.BadDigest, errors.New("what was stored is not what was sent; put it again"))
	}
	return header, nil
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
