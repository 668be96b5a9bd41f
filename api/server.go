package api

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"ais/cluster"
	"ais/object"
)

// maxAction is the longest body of an action message.
const maxAction = 1 << 20

// Target is what the path and query of a call under PathBuckets or PathObjects
// name. Bucket.Name is empty in the list of buckets.
type Target struct {
	Bucket Bucket
	Key    string
}

// ReadTarget reads the path as the client sent it, and provider and namespace.
// Names are checked where they are not empty; a name that no bucket can have is
// NoSuchBucket but for a call that creates one. Errors: Invalid, KeyTooLong,
// Unsupported, NoSuchBucket.
func ReadTarget(ctx *fasthttp.RequestCtx) (Target, error) {
	var t Target
	name, key, err := SplitPath(string(ctx.URI().PathOriginal()))
	if err != nil {
		return t, err
	}
	query := ctx.QueryArgs()
	if t.Bucket.Provider, err = object.ParseProvider(string(query.Peek(QueryProvider))); err != nil {
		return t, err
	}
	if err = parseNamespace(string(query.Peek(QueryNamespace))); err != nil {
		return t, err
	}
	t.Bucket.Name, t.Key = name, key
	if name != "" {
		if err = object.CheckBucketName(name); err != nil {
			if !ctx.IsPost() {
				return t, object.E("api.ReadTarget", name, object.NoSuchBucket, err)
			}
			return t, err
		}
	}
	if strings.HasPrefix(string(ctx.URI().PathOriginal()), PathObjects) {
		if name == "" {
			return t, object.E("api.ReadTarget", "", object.Invalid, errors.New("the path names no bucket"))
		}
		return t, object.CheckKey(key)
	}
	return t, nil
}

// ReadAction reads the action message in the body. With no body at all the
// message is empty and err nil. Errors: Invalid, TooLarge.
func ReadAction(ctx *fasthttp.RequestCtx) (ActionMessage, error) {
	body, err := readBody(ctx, maxAction)
	if err != nil || len(body) == 0 {
		return ActionMessage{}, err
	}
	return ParseAction(body)
}

// ReadCustom reads the custom properties that a call gives an object: the value of
// a message without an action. Errors: Invalid, TooLarge.
func ReadCustom(ctx *fasthttp.RequestCtx) (map[string]string, error) {
	var m ActionMessage
	if err := ReadMessage(ctx, &m); err != nil {
		return nil, err
	}
	var given map[string]string
	if err := m.Decode(&given); err != nil {
		return nil, object.E("api.ReadCustom", "value", object.Invalid, errors.New("custom properties are names and texts, {\"name\": \"text\"}"))
	}
	return given, nil
}

// ReadMessage reads the JSON message in the body into to; with no body at all to
// stays as it is. Errors: Invalid, TooLarge.
func ReadMessage(ctx *fasthttp.RequestCtx, to any) error {
	body, err := readBody(ctx, maxAction)
	if err != nil || len(body) == 0 {
		return err
	}
	if err := jsonAPI.Unmarshal(body, to); err != nil {
		// The cause may quote the body, which may have a secret.
		return object.E("api.ReadMessage", "", object.Invalid, errors.New("the body is not the JSON message that this call takes"))
	}
	return nil
}

// ReadDocument reads the whole body, up to limit bytes. Errors: TooLarge,
// Incomplete.
func ReadDocument(ctx *fasthttp.RequestCtx, limit int) ([]byte, error) {
	body, err := readBody(ctx, maxAction)
	if err == nil && len(body) > limit {
		err = object.E("api.ReadDocument", "", object.TooLarge, nil)
	}
	return body, err
}

// readBody returns the body, of limit bytes at most, without blanks around it.
func readBody(ctx *fasthttp.RequestCtx, limit int) ([]byte, error) {
	body, err := readRaw(ctx, limit)
	return bytes.TrimSpace(body), err
}

func readRaw(ctx *fasthttp.RequestCtx, limit int) ([]byte, error) {
	if ctx.Request.Header.ContentLength() > limit {
		return nil, object.E("api.ReadAction", "", object.TooLarge, fmt.Errorf("a message has at most %d MiB", limit>>20))
	}
	var body []byte
	if stream := ctx.RequestBodyStream(); stream == nil {
		body = ctx.PostBody()
	} else {
		var buf bytes.Buffer
		if _, err := buf.ReadFrom(&limitedReader{stream, int64(limit)}); err != nil {
			return nil, err
		}
		body = buf.Bytes()
	}
	if n := ctx.Request.Header.ContentLength(); n >= 0 && len(body) < n {
		return nil, object.E("api.ReadAction", "", object.Incomplete, nil)
	}
	return body, nil
}

// ReadChecksum reads the checksum that a client announces of the content it
// sends; ok is false where it announces none. The error is of kind Invalid.
func ReadChecksum(h *fasthttp.RequestHeader) (c object.Checksum, ok bool, err error) {
	return parseChecksum(string(h.Peek(HeaderChecksumType)), string(h.Peek(HeaderChecksum)))
}

// WriteJSON answers 200 with v.
func WriteJSON(ctx *fasthttp.RequestCtx, v any) error {
	body, err := jsonAPI.Marshal(v)
	if err != nil {
		return object.E("api.WriteJSON", "", object.Internal, err)
	}
	ctx.SetContentType(ContentJSON)
	ctx.SetBody(body)
	return nil
}

// WriteList answers 200 with a page: msgpack where Accept asks for it, else JSON.
func WriteList(ctx *fasthttp.RequestCtx, r ListResult) error {
	if !bytes.Contains(ctx.Request.Header.Peek("Accept"), []byte(ContentMsgpack)) {
		return WriteJSON(ctx, r)
	}
	ctx.SetContentType(ContentMsgpack)
	ctx.SetBody(AppendMsgpack(nil, r))
	return nil
}

// WriteBucketProps answers the HEAD of a bucket: its properties, and as ETag its
// revision, which MatchesBucket reads back.
func WriteBucketProps(ctx *fasthttp.RequestCtx, b *cluster.Bucket) error {
	body, err := jsonAPI.Marshal(PropertiesOf(b))
	if err != nil {
		return object.E("api.WriteBucketProps", "", object.Internal, err)
	}
	ctx.Response.Header.SetBytesV(HeaderBucketProps, body)
	ctx.Response.Header.Set("ETag", bucketTag(b))
	return nil
}

// WriteBucketSummary adds a summary to the answer to the HEAD of a bucket.
func WriteBucketSummary(ctx *fasthttp.RequestCtx, s Summary) error {
	body, err := jsonAPI.Marshal(s)
	if err != nil {
		return object.E("api.WriteBucketSummary", "", object.Internal, err)
	}
	ctx.Response.Header.SetBytesV(HeaderBucketSum, body)
	return nil
}

// bucketTag returns the ETag of a bucket, which every change of it changes.
func bucketTag(b *cluster.Bucket) string { return `"` + formatInt(b.Revision) + `"` }

// MatchesBucket reports whether the request's If-Match names the bucket as it is, or
// the request has none.
func MatchesBucket(ctx *fasthttp.RequestCtx, b *cluster.Bucket) bool {
	tags := string(ctx.Request.Header.Peek("If-Match"))
	if tags == "" {
		return true
	}
	for tag := range strings.SplitSeq(tags, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || tag == bucketTag(b) {
			return true
		}
	}
	return false
}

// WriteError answers with the status and message of err, on a HEAD in headers.
// It returns the status. A response header Ais-Node-Id that was set before names
// the node in the message.
func WriteError(ctx *fasthttp.RequestCtx, err error) int {
	var b Bucket
	name, key, splitErr := SplitPath(string(ctx.URI().PathOriginal()))
	if splitErr == nil {
		provider, perr := object.ParseProvider(string(ctx.QueryArgs().Peek(QueryProvider)))
		if perr == nil {
			b = NewBucket(provider, name)
		}
	}
	m := NewErrorMessage(err, b, key)
	m.Method, m.Path, m.RemoteAddr = string(ctx.Method()), string(ctx.URI().PathOriginal()), ctx.RemoteAddr().String()
	m.Node = string(ctx.Response.Header.Peek(HeaderNodeID))

	ctx.Response.ResetBody()
	ctx.SetStatusCode(m.Status)
	ctx.Response.Header.Set(HeaderErrorCode, m.Code)
	if m.Status == fasthttp.StatusServiceUnavailable {
		ctx.Response.Header.Set("Retry-After", "1")
	}
	switch {
	case m.Status == fasthttp.StatusNotModified:
	case ctx.IsHead():
		ctx.Response.Header.Set(HeaderError, escapeHeader(m.Message))
	default:
		if werr := WriteJSON(ctx, m); werr != nil {
			ctx.SetBodyString(m.Message)
		}
	}
	return m.Status
}

// SetObjectHeaders sets what a GET says of an object besides its content.
func SetObjectHeaders(h *fasthttp.ResponseHeader, i *ObjectInfo) {
	objectHeaders(i, func(_, name, value string) { h.Add(name, value) })
}

// SetObjectInfo sets what a HEAD says of an object. props is the query parameter
// of that name: the properties asked for, all where it is empty.
func SetObjectInfo(h *fasthttp.ResponseHeader, i *ObjectInfo, props string) {
	want := ListMessage{Props: props}
	set := func(prop, name, value string) {
		if props == "" || want.Wants(prop) {
			h.Add(name, value)
		}
	}
	h.Set(HeaderPresent, strconv.FormatBool(i.Present)) // whatever was asked for
	infoHeaders(i, set)
	objectHeaders(i, set)
}

// SetPartHeaders sets what the answer to a part says of it.
func SetPartHeaders(h *fasthttp.ResponseHeader, p *object.Part) {
	u := NewUploadPart(p)
	if u.Checksum != "" {
		h.Set(HeaderChecksumType, u.ChecksumType)
		h.Set(HeaderChecksum, u.Checksum)
	}
	h.Set("Etag", `"`+u.ETag+`"`)
}

// SetUptime sets the headers of a health answer.
func SetUptime(h *fasthttp.ResponseHeader, cluster, node time.Duration) {
	h.Set(HeaderUptime, formatInt(int64(cluster)))
	h.Set(HeaderNodeUptime, formatInt(int64(node)))
}
