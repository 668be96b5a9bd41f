package signed

import (
	"bytes"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"time"

	"ais/backend"
	"ais/object"
)

// maxError bounds what is read of an error to find out its code.
const maxError = 64 << 10

// code returns S3's code of an error, "" for what is none or has no document that
// says so. The body can be read nevertheless.
func (a *Answer) code() string {
	if a.Status < 400 || a.Body == nil {
		return ""
	}
	head, err := io.ReadAll(io.LimitReader(a.Body, maxError))
	rest := io.Reader(a.Body)
	if err != nil {
		rest = failing{err}
	}
	a.Body = &again{Reader: io.MultiReader(bytes.NewReader(head), rest), Closer: a.Body}
	var document struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
	}
	if xml.Unmarshal(head, &document) != nil {
		return ""
	}
	return document.Code
}

// again is a body whose beginning is read a second time.
type again struct {
	io.Reader
	io.Closer
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Drop forgets an answer, which may be nil.
func (a *Answer) Drop() {
	if a != nil {
		_ = a.Body.Close() // nobody wants it
	}
}

// Meta returns what the headers of an answer say of the object of size bytes.
func Meta(h http.Header, size int64) backend.Meta {
	m := backend.Meta{Version: h.Get("X-Amz-Version-Id")}
	if m.Version == "null" {
		m.Version = ""
	}
	m.Size, m.ETag = size, ETag(h)
	if t, err := http.ParseTime(h.Get("Last-Modified")); err == nil {
		m.Modified = t.UTC()
	} else if t, err := http.ParseTime(h.Get("Date")); err == nil {
		m.Modified = t.UTC()
	} else {
		m.Modified = time.Time{}
	}
	if class := h.Get("X-Amz-Storage-Class"); class != "STANDARD" {
		m.StorageClass = class
	}
	m.Header = object.Header{
		ContentType: h.Get("Content-Type"), ContentEncoding: h.Get("Content-Encoding"), ContentDisposition: h.Get("Content-Disposition"),
		ContentLanguage: h.Get("Content-Language"), CacheControl: h.Get("Cache-Control"), Expires: h.Get("Expires"),
		WebsiteRedirect: h.Get("X-Amz-Website-Redirect-Location"),
	}
	for name, values := range h {
		if key, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-meta-"); ok && key != "" {
			if m.User == nil {
				m.User = map[string]string{}
			}
			m.User[key] = strings.Join(values, ",")
		}
	}
	encrypted := h.Get("X-Amz-Server-Side-Encryption")
	m.Opaque = encrypted != "" && encrypted != "AES256" || Private(h)
	if a, err := object.ParseAlgorithm(m.User[backend.MetaDigestType]); err == nil {
		if value, err := hex.DecodeString(m.User[backend.MetaDigestValue]); err == nil && len(value) > 0 {
			m.Digest = object.Checksum{Algorithm: a, Value: value}
		}
	}
	return m
}

// ETag returns the ETag of an answer, without quotes.
func ETag(h http.Header) string { return strings.Trim(h.Get("ETag"), `"`) }

// Private reports whether the headers of a request or an answer are about an object
// that only who has its key may see (SSE-C).
func Private(h http.Header) bool {
	return h.Get("X-Amz-Server-Side-Encryption-Customer-Algorithm") != "" || h.Get("X-Amz-Server-Side-Encryption-Customer-Key") != ""
}
