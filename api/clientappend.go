package api

import (
	"context"
	"io"
	"net/http"

	"ais/object"
)

// AppendObject brings size bytes that are to follow an object's, or to be the first
// of one that is not there, and returns the handle for what follows them. The first
// call has no handle. Nothing is seen of it before FlushAppend; what is not flushed
// is forgotten a day later. A call may be sent again with its handle. Kinds:
// NoSuchBucket, NoSuchUpload for a handle that was flushed, Conflict for one that
// brought other bytes, NoSpace, Unsupported for a remote bucket.
func (c *Client) AppendObject(ctx context.Context, b Bucket, key, handle string, content io.Reader, size int64, o PutOptions) (next string, err error) {
	if err := object.CheckKey(key); err != nil {
		return "", err
	}
	header, err := c.put(ctx, appendCall(b, key, "append", handle), content, size, o)
	return header.Get(HeaderAppendHandle), err
}

// FlushAppend makes what was appended a part of the object, durably, and returns
// what the server says of that. Kinds: NoSuchUpload, Unavailable.
func (c *Client) FlushAppend(ctx context.Context, b Bucket, key, handle string) (ObjectInfo, error) {
	r := appendCall(b, key, "flush", handle)
	r.body = newBody(http.NoBody, 0)
	header, err := c.finish(ctx, r)
	if err != nil {
		return ObjectInfo{}, err
	}
	i := readInfo(header)
	i.Bucket, i.Name = b, key
	return i, nil
}

func appendCall(b Bucket, key, kind, handle string) call {
	r := bucketCall(http.MethodPut, ObjectPath(b, key), b)
	r.query.Set(QueryAppend, kind)
	r.query.Set(QueryAppendHandle, handle)
	return r
}
