package s3api

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"ais/object"
)

// Claim is what the credentials of a request say by themselves: nothing of it was
// verified, and what is malformed is missing.
type Claim struct {
	AccessKey string
	Token     string   // session token
	Region    string   // of the credential's scope; "" for V2
	Scheme    string   // SchemeV4 or SchemeV2
	Method    string   // InHeader or InQuery
	Headers   []string // that are signed, in lower case; of V4
}

// Claim returns what the request says of who signed it; ok is false for one
// without a signature in its headers or its query.
func (r *Request) Claim() (c Claim, ok bool) {
	scheme, rest, _ := strings.Cut(string(r.peek(hAuthorization)), " ")
	switch scheme {
	case SchemeV4:
		c = claimV4(rest)
	case SchemeV2:
		accessKey, _, _ := strings.Cut(rest, ":")
		c = Claim{AccessKey: accessKey, Scheme: SchemeV2}
	default:
		return claimInQuery(r.target.query)
	}
	c.Method, c.Token = InHeader, r.Header(hSecurityToken)
	return c, true
}

func claimV4(authorization string) Claim {
	c := Claim{Scheme: SchemeV4}
	for part := range strings.SplitSeq(authorization, ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), "="); name {
		case "Credential":
			c.readCredential(value)
		case "SignedHeaders":
			c.readHeaders(value)
		}
	}
	return c
}

func claimInQuery(query []byte) (c Claim, ok bool) {
	c.Method = InQuery
	for name, value := range eachParam(query) {
		scheme := SchemeV4
		switch string(name) {
		case "X-Amz-Algorithm", signatureParam:
		case "X-Amz-Credential":
			c.readCredential(string(value))
		case "X-Amz-SignedHeaders":
			c.readHeaders(string(value))
		case "AWSAccessKeyId":
			scheme = SchemeV2
			if c.AccessKey == "" {
				c.AccessKey = string(value)
			}
		case "Signature":
			scheme = SchemeV2
		default:
			if strings.EqualFold(string(name), hSecurityToken) {
				c.Token = string(value)
			}
			continue
		}
		ok = true
		if c.Scheme != SchemeV4 {
			c.Scheme = scheme
		}
	}
	return c, ok
}

// readCredential reads as much of "accessKey/date/region/service/aws4_request" as
// is there.
func (c *Claim) readCredential(text string) {
	parts := strings.Split(text, "/")
	if n := len(parts); n >= 5 {
		c.AccessKey, c.Region = strings.Join(parts[:n-4], "/"), parts[n-3]
		return
	}
	c.AccessKey = parts[0]
}

func (c *Claim) readHeaders(text string) {
	for name := range strings.SplitSeq(text, ";") {
		if name != "" {
			c.Headers = append(c.Headers, strings.ToLower(name))
		}
	}
}

// Signs reports whether the header, its name in lower case, is signed.
func (c *Claim) Signs(header string) bool {
	for _, name := range c.Headers {
		if name == header {
			return true
		}
	}
	return false
}

// RawKey returns the key as it stands in the path of the request line, without the
// slash before it.
func (r *Request) RawKey() string {
	path := r.target.path
	if r.target.prefix {
		path = path[len(Prefix):]
	}
	path = bytes.TrimPrefix(path, []byte{'/'})
	if !r.target.virtual {
		_, path, _ = bytes.Cut(path, []byte{'/'})
	}
	return string(path)
}

// Host returns the host that the request is addressed to: of its target where that
// is absolute, else of its Host header.
func (r *Request) Host() string {
	h := &r.ctx.Request.Header
	_, _, host := splitURI(h.RequestURI(), h.Host())
	return string(host)
}

// EachHeader calls yield for every header line of the request.
func (r *Request) EachHeader(yield func(name, value string)) {
	for name, value := range r.ctx.Request.Header.All() {
		yield(string(name), string(value))
	}
}

// WireSize returns the bytes that the body has on the wire, with the framing of
// aws-chunked; −1 where that is not announced.
func (r *Request) WireSize() int64 {
	n := r.ctx.Request.Header.ContentLength()
	if n < -1 { // fasthttp's for a request that cannot have a body
		n = 0
	}
	return int64(n)
}

// IsCustomerKey reports whether a header is about an encryption whose key the client
// brings with each request (SSE-C).
func IsCustomerKey(header string) bool {
	const prefix = "x-amz-server-side-encryption-customer-"
	return len(header) > len(prefix) && equalFoldASCII(header[:len(prefix)], prefix)
}

// Wire returns the body as it is on the wire, neither decoded nor verified, but
// for its length: it fails where fewer bytes come than were announced. It is not
// for a request whose Body is read.
func (r *Request) Wire() io.Reader {
	return &wireReader{conn: connReader{r: r, src: r.ctx.RequestBodyStream(), length: r.WireSize()}}
}

type wireReader struct{ conn connReader }

func (w *wireReader) Read(p []byte) (int, error) {
	n, err := w.conn.Read(p)
	if errors.Is(err, io.EOF) && w.conn.length >= 0 && w.conn.raw < w.conn.length {
		err = IncompleteBody
	}
	return n, err
}

// Tee has all that is read of the body written to w too, as it is on the wire and
// before it is looked at. Call it before the first Read; an error of w is one of
// the body.
func (b *Body) Tee(w io.Writer) {
	if b.conn.src != nil {
		b.conn.src = &tee{from: b.conn.src, to: w}
	}
}

// tee is io.TeeReader whose errors of writing are told from those of reading.
type tee struct {
	from io.Reader
	to   io.Writer
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.from.Read(p)
	if n > 0 {
		if _, werr := t.to.Write(p[:n]); werr != nil {
			return 0, object.E("s3api.Tee", "", object.Unavailable, werr)
		}
	}
	return n, err
}
