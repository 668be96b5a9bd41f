package s3api

import (
	"bytes"
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// formHeaders are the fields of a form that are headers of a PutObject under the
// same name.
var formHeaders = [...]string{"cache-control", "content-disposition", "content-encoding", "content-language", "content-md5",
	"content-type", "expires", "x-amz-storage-class", "x-amz-website-redirect-location", "x-amz-sdk-checksum-algorithm"}

// Target returns the path of the object that the form is about, in path style
// and encoded.
func (f *PostForm) Target() string {
	b := append([]byte{'/'}, f.Bucket...)
	b = append(b, '/')
	for i := range len(f.Key) {
		if f.Key[i] == '/' {
			b = append(b, '/')
		} else {
			b = appendEncoded(b, f.Key[i])
		}
	}
	return string(b)
}

// Headers returns the headers that a PutObject has which does the same as the
// form, sorted by name. The errors are those of a tagging document, and
// InvalidArgument for a value that no header can have.
func (f *PostForm) Headers() ([]Field, error) {
	var headers []Field
	for _, name := range slices.Sorted(maps.Keys(f.Fields)) {
		value := f.Fields[name]
		switch {
		case name == "acl":
			name = "x-amz-acl"
		case name == "tagging":
			tags, err := ParseTagging([]byte(value), MaxObjectTags)
			if err != nil {
				return nil, err
			}
			name, value = "x-amz-tagging", tagQuery(tags)
		case slices.Contains(formHeaders[:], name), strings.HasPrefix(name, "x-amz-meta-"),
			strings.HasPrefix(name, "x-amz-checksum-"), strings.HasPrefix(name, "x-amz-server-side-encryption"), strings.HasPrefix(name, "x-amz-object-lock-"):
		default:
			continue
		}
		value = strings.Trim(value, " \t")
		if !isHeaderName(name) || strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
			return nil, errFieldNotHeader.With("ArgumentName", name)
		}
		headers = append(headers, Field{name, value})
	}
	return headers, nil
}

// isHeaderName reports whether a name is one for a header (RFC 9110 §5.6.2).
func isHeaderName(name string) bool {
	for i := range len(name) {
		c := name[i]
		legal := c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
		if !legal {
			return false
		}
	}
	return name != ""
}

// tagQuery writes tags in the form of x-amz-tagging.
func tagQuery(tags map[string]string) string {
	var b []byte
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if len(b) > 0 {
			b = append(b, '&')
		}
		for i := range len(key) {
			b = appendEncoded(b, key[i])
		}
		b = append(b, '=')
		for i := range len(tags[key]) {
			b = appendEncoded(b, tags[key][i])
		}
	}
	return string(b)
}

// BecomePut makes r the PutObject that does the same as the form, for those who
// decide about it: its path and key, and the headers in the place of those that
// the form came with. Of what the form's own URL and headers said nothing is left
// that a PutObject would heed: it is not sent to who serves it.
func (r *Request) BecomePut(f *PostForm, headers []Field) {
	r.Op, r.Key, r.target.query = PutObject, f.Key, nil
	h := &r.ctx.Request.Header
	r.target.path = bytes.Clone(r.target.path) // it is a part of the URI
	r.ctx.Request.SetRequestURI(f.Target())
	h.Del("Content-Type") // the form's own
	var own []string
	for name := range h.All() {
		if hasAmzPrefix(name) || len(name) > 3 && strings.EqualFold(string(name[:3]), "if-") {
			own = append(own, string(name))
		}
	}
	for _, name := range own {
		h.Del(name)
	}
	for _, field := range headers {
		h.Set(field.Name, field.Value)
	}
}

// URL returns the URL of an object of the request's bucket, as the client that
// sent the request can ask for it.
func (r *Request) URL(key string) string {
	f := PostForm{Bucket: r.Bucket, Key: key}
	path := f.Target()
	if r.target.virtual {
		path = path[1+len(r.Bucket):]
	}
	if r.target.prefix {
		path = Prefix + path
	}
	scheme := "http://"
	if r.ctx.IsTLS() {
		scheme = "https://"
	}
	return scheme + string(r.ctx.Request.Header.Host()) + path
}

// ErrorFrom returns the error that another node answered with.
func ErrorFrom(status int, body []byte) *Error {
	var doc struct {
		Code    string
		Message string
		Other   []struct {
			XMLName xml.Name
			Text    string `xml:",chardata"`
		} `xml:",any"`
	}
	if unmarshal(body, "Error", &doc) != nil || doc.Code == "" || status < 300 {
		return InternalError
	}
	e := &Error{Code: doc.Code, Status: status, Message: doc.Message}
	for _, f := range doc.Other {
		switch f.XMLName.Local {
		case "Resource", "RequestId", "HostId": // the answer gets its own
		default:
			e.Fields = append(e.Fields, Field{f.XMLName.Local, f.Text})
		}
	}
	return e
}

// WritePost answers a form upload that succeeded, as the form asks for: with a
// redirect, with 200 or 201, or with 204. location is the object's URL.
func (r *Request) WritePost(f *PostForm, etag, location string) {
	r.SetHeader("ETag", etag)
	r.SetHeader("Location", location)
	redirect := f.Fields["success_action_redirect"]
	if redirect == "" {
		redirect = f.Fields["redirect"]
	}
	if u, err := url.Parse(redirect); redirect != "" && err == nil && (u.Scheme == "http" || u.Scheme == "https") {
		r.SetHeader("Location", f.redirectURL(u, etag))
		r.Status(http.StatusSeeOther)
		return
	}
	switch f.Fields["success_action_status"] {
	case "200":
	case "201":
		r.Status(http.StatusCreated)
		r.WriteXML(func(b []byte) []byte {
			b = append(b, "<PostResponse>"...)
			b = appendElement(b, "Location", location)
			b = appendElement(b, "Bucket", f.Bucket)
			b = appendElement(b, "Key", f.Key)
			b = appendElement(b, "ETag", etag)
			return append(b, "</PostResponse>"...)
		})
	default:
		r.NoContent()
	}
}

// redirectURL returns u with the bucket, the key and the ETag in its query.
func (f *PostForm) redirectURL(u *url.URL, etag string) string {
	b := []byte(u.RawQuery)
	for _, p := range [...]Field{{"bucket", f.Bucket}, {"key", f.Key}, {"etag", etag}} {
		if len(b) > 0 {
			b = append(b, '&')
		}
		b = append(append(b, p.Name...), '=')
		for i := range len(p.Value) {
			b = appendEncoded(b, p.Value[i])
		}
	}
	u.RawQuery = string(b)
	return u.String()
}
