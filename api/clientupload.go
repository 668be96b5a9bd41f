package api

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"

	"ais/object"
)

// CreateUpload begins a multipart upload of an object and returns its id. It goes
// on until it is completed or aborted, whatever is restarted meanwhile. Kinds:
// NoSuchBucket, NoSpace, Unavailable.
func (c *Client) CreateUpload(ctx context.Context, b Bucket, key string) (id string, err error) {
	r, err := uploadCall(http.MethodPost, b, key, "").withAction(ActionCreateUpload, "", nil)
	if err != nil {
		return "", err
	}
	r.harmless = true // a second one, which nobody knows, has no parts
	_, raw, err := c.content(ctx, r)
	return strings.TrimSpace(string(raw)), err
}

// PutPart stores size bytes of content as a part, numbered from 1 to
// object.MaxParts, in place of an older one of that number. Parts of one upload may
// be sent at once, each from content of its own, which should be able to seek as
// for PutObject. Kinds: those of PutObject, NoSuchUpload.
func (c *Client) PutPart(ctx context.Context, b Bucket, key, id string, number int, content io.Reader, size int64, o PutOptions) (UploadPart, error) {
	r := uploadCall(http.MethodPut, b, key, id)
	r.query.Set(QueryPartNumber, strconv.Itoa(number))
	header, err := c.put(ctx, r, content, size, o)
	if err != nil {
		return UploadPart{}, err
	}
	return UploadPart{
		Number: number, Size: size, ETag: object.Unquote(header.Get("Etag")),
		ChecksumType: header.Get(HeaderChecksumType), Checksum: header.Get(HeaderChecksum),
	}, nil
}

// ListParts returns what an upload has so far. Kind: NoSuchUpload.
func (c *Client) ListParts(ctx context.Context, b Bucket, key, id string) (UploadStatus, error) {
	var s UploadStatus
	err := c.decode(ctx, uploadCall(http.MethodGet, b, key, id), &s)
	return s, err
}

// CompleteUpload makes the object of the parts listed, in the order of their
// numbers; of a part without an ETag it takes what there is. It may be called again
// where it is not known what came of the call before. Kinds: NoSuchUpload,
// InvalidPart, TooSmall, Unavailable.
func (c *Client) CompleteUpload(ctx context.Context, b Bucket, key, id string, parts []CompletedPart) (ObjectInfo, error) {
	r, err := uploadCall(http.MethodPost, b, key, id).withAction(ActionCompleteUpload, "", parts)
	if err != nil {
		return ObjectInfo{}, err
	}
	r.harmless = true
	header, err := c.finish(ctx, r)
	if err != nil {
		return ObjectInfo{}, err
	}
	i := readInfo(header)
	i.Bucket, i.Name = b, key
	return i, nil
}

// AbortUpload ends an upload and removes its parts. Kind: NoSuchUpload.
func (c *Client) AbortUpload(ctx context.Context, b Bucket, key, id string) error {
	r, err := uploadCall(http.MethodDelete, b, key, id).withAction(ActionAbortUpload, "", nil)
	if err != nil {
		return err
	}
	_, err = c.finish(ctx, r)
	return err
}

// uploadCall returns a call about an upload of an object; id is "" for one that is
// to be.
func uploadCall(method string, b Bucket, key, id string) call {
	r := bucketCall(method, ObjectPath(b, key), b)
	if id != "" {
		r.query.Set(QueryUploadID, id)
	}
	return r
}
