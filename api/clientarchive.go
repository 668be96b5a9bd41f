package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"ais/object"
)

// Selection says which files of an archive are meant: the one at Path, or those that
// match Pattern by Mode.
type Selection struct {
	Path    string
	Pattern string
	Mode    string // regexp, prefix, suffix, substr, wdskey; "" is regexp
	Mime    string // what kind of archive it is; "" for what its name or content says
}

// GetMembers reads a file in an archive, or a tar of those that match. size is its
// length, −1 where that is not known; a read fails where the content ends early. The
// caller closes the content. Kinds: NotFound, NoSuchMember, NoSuchBucket, Invalid,
// Unsupported, Unavailable.
func (c *Client) GetMembers(ctx context.Context, b Bucket, key string, s Selection) (content io.ReadCloser, size int64, err error) {
	if err := object.CheckKey(key); err != nil {
		return nil, 0, err
	}
	r := bucketCall(http.MethodGet, ObjectPath(b, key), b)
	for name, value := range map[string]string{QueryArchPath: s.Path, QueryArchRegx: s.Pattern, QueryArchMode: s.Mode, QueryArchMime: s.Mime} {
		if value != "" {
			r.query.Set(name, value)
		}
	}
	if s.Path == "" && s.Pattern == "" {
		return nil, 0, object.E("api.GetMembers", b.String()+"/"+key, object.Invalid, errors.New("no file in the archive is named"))
	}
	resp, err := c.do(ctx, r)
	if err != nil {
		return nil, 0, err
	}
	return resp.Body, resp.ContentLength, nil
}

// ArchiveWrite says what PutMember does where there is an archive, or none.
type ArchiveWrite int

// What it does.
const (
	MakeArchive     ArchiveWrite = 0 // a new archive in any case
	AppendToArchive ArchiveWrite = 1 // NotFound where there is none
	AppendOrMake    ArchiveWrite = 2
)

// PutMember puts size bytes of content into the archive at key, as the file path.
// Kinds: NotFound, Invalid, NoSuchBucket, Busy, NoSpace, Unavailable.
func (c *Client) PutMember(ctx context.Context, b Bucket, key, path, mime string, how ArchiveWrite, content io.Reader, size int64) error {
	if err := object.CheckKey(key); err != nil {
		return err
	}
	r := bucketCall(http.MethodPut, ObjectPath(b, key), b)
	r.query.Set(QueryArchPath, path)
	if mime != "" {
		r.query.Set(QueryArchMime, mime)
	}
	r.header.Set(HeaderArchFlags, strconv.Itoa(int(how)))
	r.header.Set("Content-Type", ContentBinary)
	r.body = newBody(content, size)
	_, err := c.finish(ctx, r)
	return err
}

// GetBatch asks for many objects at once; b is the bucket of entries that name none.
// The caller closes the answer, whose form contentType says: an archive, or where r is
// not streamed multipart/form-data. A read fails where the answer is cut. Kinds: those
// of the entries where r does not continue on errors, Invalid, Busy, Unavailable.
func (c *Client) GetBatch(ctx context.Context, b Bucket, r BatchRequest) (answer io.ReadCloser, contentType string, err error) {
	raw, err := jsonAPI.Marshal(r)
	if err != nil {
		return nil, "", object.E("api.GetBatch", "", object.Internal, err)
	}
	path := PathBatch
	if b.Name != "" {
		path += "/" + escapePath(b.Name)
	}
	call := bucketCall(http.MethodGet, path, b)
	call.header.Set("Content-Type", ContentJSON)
	call.body = newBody(bytes.NewReader(raw), int64(len(raw)))
	resp, err := c.do(ctx, call)
	if err != nil {
		return nil, "", err
	}
	return resp.Body, resp.Header.Get("Content-Type"), nil
}
