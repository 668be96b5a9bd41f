package s3api

import (
	"io"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"ais/auth"
	"ais/object"
)

// Request is one S3 request and its answer. It is valid until the handler
// returns; the strings that its methods return are copies and live on.
type Request struct {
	ID          string // x-amz-request-id: 16 upper-case hexadecimal digits
	Op          Op
	Bucket, Key string
	Started     time.Time
	Principal   string // who asks; set by who authenticated, for the log
	// Who is who asks, set by who authenticated; nil while the cluster has no users.
	Who *auth.Identity

	ctx        *fasthttp.RequestCtx
	server     *Server
	target     target
	present    params
	body       *Body
	chunkCheck ChunkCheck
	code       string    // of the error answered, "" for none
	etag       string    // of the object, for 304 and 412
	modified   time.Time // likewise
	marker     string    // version id of the delete marker that stands in the way
	unread     bool      // the request was refused as it came
}

// Ctx returns fasthttp's context of the request.
func (r *Request) Ctx() *fasthttp.RequestCtx { return r.ctx }

// Method returns the HTTP method.
func (r *Request) Method() string { return methodString(r.ctx.Method()) }

// RawPath returns the path of the request line as it came.
func (r *Request) RawPath() string { return string(r.target.path) }

// RawQuery returns the query of the request line as it came, without the '?'.
func (r *Request) RawQuery() string { return string(r.target.query) }

// Prefixed reports whether the path began with Prefix.
func (r *Request) Prefixed() bool { return r.target.prefix }

// VirtualHost reports whether the bucket was named in the Host header.
func (r *Request) VirtualHost() bool { return r.target.virtual }

// Header returns the value of a request header, "" for none.
func (r *Request) Header(name string) string { return string(r.ctx.Request.Header.Peek(name)) }

// amzHeader is AmzHeader of the request.
func (r *Request) amzHeader(name string) string { return AmzHeader(r.ctx, name) }

// Query returns the first value of a query parameter and whether it is there.
func (r *Request) Query(name string) (value string, present bool) {
	return findParam(r.target.query, name)
}

// ExpectsContinue reports whether the client waits for 100 Continue before it
// sends the body.
func (r *Request) ExpectsContinue() bool { return r.ctx.Request.MayContinue() }

// BodySize returns how many payload bytes the headers announce, −1 where they
// do not say.
func (r *Request) BodySize() int64 {
	if n, ok := parseSize(r.ctx.Request.Header.Peek(hDecodedLength)); ok {
		return n
	}
	return int64(max(r.ctx.Request.Header.ContentLength(), -1))
}

// Part returns the partNumber and uploadId of a multipart request. The error is
// InvalidArgument for a number outside 1 to object.MaxParts.
func (r *Request) Part() (number int, uploadID string, err error) {
	uploadID, _ = r.Query("uploadId")
	if r.present&pPartNumber != 0 {
		if number, err = r.partNumber(); err != nil {
			return 0, "", err
		}
	}
	return number, uploadID, nil
}

// PartNumber returns the partNumber that a GET or HEAD asks for, 0 for none.
func (r *Request) PartNumber() (int, error) {
	if r.present&pPartNumber == 0 {
		return 0, nil
	}
	return r.partNumber()
}

func (r *Request) partNumber() (int, error) {
	s, _ := r.Query("partNumber")
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > object.MaxParts {
		return 0, Argument("partNumber", s, "Part number must be an integer between 1 and 10000, inclusive")
	}
	return n, nil
}

// UploadID returns the uploadId parameter.
func (r *Request) UploadID() string {
	id, _ := r.Query("uploadId")
	return id
}

// VersionID returns the versionId parameter, in the form in which S3 shows versions
// (NullVersion for the null version), and whether it is there. The error is
// InvalidArgument for what no version can be called in any store; see CheckVersion.
func (r *Request) VersionID() (id string, present bool, err error) {
	if len(r.target.query) == 0 {
		return "", false, nil
	}
	if id, present = r.Query("versionId"); !present {
		return "", false, nil
	}
	if id == "" {
		return "", true, Argument("versionId", id, "Version id cannot be the empty string")
	}
	return id, true, checkAnyVersion(id)
}

// SetHeader sets a header of the answer.
func (r *Request) SetHeader(name, value string) { r.ctx.Response.Header.Set(name, value) }

// Status sets the status of the answer; it is 200 otherwise.
func (r *Request) Status(code int) { r.ctx.SetStatusCode(code) }

// NoContent answers 204.
func (r *Request) NoContent() { r.ctx.SetStatusCode(fasthttp.StatusNoContent) }

// Bytes sends a copy of b as the body.
func (r *Request) Bytes(b []byte) { r.ctx.Response.SetBody(b) }

// Stream sends size bytes of body, which is closed afterwards if it is an
// io.Closer. A body with WriteTo and SupportsBodyWriteTo is handed fasthttp's
// own writer. Every byte announced must come: the connection is cut otherwise.
func (r *Request) Stream(body io.Reader, size int64) {
	r.ctx.Response.SetBodyStream(body, int(size))
}

// HeadOnly announces a body of size bytes without having one, for HEAD.
func (r *Request) HeadOnly(size int64) {
	r.ctx.Response.SkipBody = true
	r.ctx.Response.Header.SetContentLength(int(size))
}

// Validators notes the ETag and the time of the object at hand, for an answer
// 304 or 412 that an error may become.
func (r *Request) Validators(m *object.Meta) { r.etag, r.modified = m.ETag, m.Modified }

// Body returns the payload: decoded, counted, verified. Errors that the headers
// alone give (no length, too large, malformed digests) come at once. Further
// calls return the same Body.
func (r *Request) Body() (*Body, error) {
	if r.body == nil {
		b, err := newBody(r, false)
		if err != nil {
			return nil, err
		}
		r.body = b
	}
	return r.body, nil
}

// ControlBody returns the whole of a small body, decoded and verified like a
// payload; it need not announce its length. One over limit bytes is MalformedXML.
func (r *Request) ControlBody(limit int) ([]byte, error) {
	if r.body != nil {
		return nil, object.E("s3api.ControlBody", "", object.Internal, nil)
	}
	b, err := newBody(r, true)
	if err != nil {
		return nil, err
	}
	r.body = b
	if b.Size() > int64(limit) {
		return nil, MalformedXML
	}
	data, err := io.ReadAll(io.LimitReader(b, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(data) > limit {
		return nil, MalformedXML
	}
	return data, nil
}

// peek returns a request header without copying it. The name must be in fasthttp's
// canonical form.
func (r *Request) peek(name string) []byte {
	return r.ctx.Request.Header.PeekCanonical([]byte(name))
}

// methodString returns the method as a string that is not allocated for those
// that S3 has.
func methodString(m []byte) string {
	switch string(m) {
	case "GET":
		return "GET"
	case "PUT":
		return "PUT"
	case "HEAD":
		return "HEAD"
	case "POST":
		return "POST"
	case "DELETE":
		return "DELETE"
	case "OPTIONS":
		return "OPTIONS"
	}
	return string(m)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// parseSize reads a count of bytes: digits only.
func parseSize(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
