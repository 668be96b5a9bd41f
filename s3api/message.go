package s3api

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"github.com/valyala/fasthttp"
)

// message is what of a request a signature may cover, as it came over the wire,
// and room to write it down in. Its methods for Signature Version 4 are in
// sigv4.go, for Version 2 in sigv2.go.
type message struct {
	method, path, query, host []byte
	header                    *fasthttp.RequestHeader
	prefixed, virtual         bool
	bucket                    string
	body                      func() ([]byte, error) // reads a body that must be hashed; nil for none

	fields []field // the request's headers
	params []param // the request's query, encoded and sorted
	arena  []byte  // holds the text of params
	text   []byte  // the canonical request
	toSign []byte
}

// field is one header line.
type field struct{ name, value []byte }

// param is one query parameter, as positions in the arena.
type param struct{ name, value, end int }

var messages = sync.Pool{New: func() any { return new(message) }}

// messageOf returns the message of an S3 request; release it.
func messageOf(r *Request) *message {
	m := messages.Get().(*message)
	h := &r.ctx.Request.Header
	_, _, m.host = splitURI(h.RequestURI(), h.Host())
	m.method, m.path, m.query, m.header = h.Method(), r.target.path, r.target.query, h
	m.prefixed, m.virtual, m.bucket = r.target.prefix, r.target.virtual, r.target.bucket
	m.readFields()
	return m
}

// readFields lists the headers of the request.
func (m *message) readFields() {
	for name, value := range m.header.All() {
		m.fields = append(m.fields, field{name, value})
	}
}

func (m *message) release() {
	clear(m.fields)
	*m = message{fields: m.fields[:0], params: m.params[:0], arena: m.arena[:0], text: m.text[:0], toSign: m.toSign[:0]}
	if cap(m.text) > HeaderLimit || cap(m.arena) > HeaderLimit {
		return
	}
	messages.Put(m)
}

// form is one way in which a client may have seen the address of its request.
type form struct {
	uri  []byte
	host string
}

// forms lists the ways in which the address of m may have been signed: as it is
// on the wire; without Prefix (s3fs); without Prefix in the path and with it in
// the host (s3cmd); likewise with the bucket (s3cmd with %(bucket)s); each for
// publicHosts too. The usual one comes first.
func (m *message) forms(publicHosts []string) []form {
	host := string(m.host)
	path := m.path
	list := appendForm(nil, path, host)
	bare := path
	if m.prefixed {
		bare = path[len(Prefix):]
		if len(bare) == 0 {
			bare = []byte{'/'}
		}
		list = appendForm(list, bare, host)
		list = appendForm(list, bare, host+Prefix)
		if !m.virtual && m.bucket != "" {
			list = appendForm(list, afterBucket(bare), host+Prefix+"/"+m.bucket)
		}
	}
	for _, public := range publicHosts {
		list = appendForm(list, path, public)
		if m.prefixed {
			list = appendForm(list, bare, public)
		}
	}
	return list
}

// appendForm adds a form, and where the path is not encoded as Signature Version
// 4 has it, one with the path encoded so before it.
func appendForm(list []form, uri []byte, host string) []form {
	if !isCanonicalPath(uri) {
		list = append(list, form{encodePath(uri), host})
	}
	return append(list, form{uri, host})
}

// afterBucket returns the path behind its first segment: "/key" of "/bucket/key".
func afterBucket(path []byte) []byte {
	if i := bytes.IndexByte(path[1:], '/'); i >= 0 {
		return path[1+i:]
	}
	return []byte{'/'}
}

// isUnreserved reports whether Signature Version 4 leaves a character as it is.
func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~'
}

// isCanonicalPath reports whether encodePath would leave a path as it is.
func isCanonicalPath(path []byte) bool {
	for i := 0; i < len(path); i++ {
		c := path[i]
		switch {
		case c == '/' || isUnreserved(c):
		case c == '%' && i+2 < len(path) && isUpperHex(path[i+1]) && isUpperHex(path[i+2]) &&
			!isUnreserved(unhex(path[i+1])<<4|unhex(path[i+2])) && string(path[i+1:i+3]) != "2F":
			i += 2
		default:
			return false
		}
	}
	return true
}

func isUpperHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' }

// encodePath encodes a path as Signature Version 4 has it for S3: what is escaped
// on the wire stays escaped but is written in upper case, and every other byte
// is escaped unless it is unreserved or a slash.
func encodePath(path []byte) []byte {
	out := make([]byte, 0, len(path)+16)
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' && i+2 < len(path) && isHex(path[i+1]) && isHex(path[i+2]) {
			c = unhex(path[i+1])<<4 | unhex(path[i+2])
			i += 2
		}
		if c == '/' {
			out = append(out, '/')
		} else {
			out = appendEncoded(out, c)
		}
	}
	return out
}

// appendEncoded appends a byte, escaped unless it is unreserved.
func appendEncoded(b []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	if isUnreserved(c) {
		return append(b, c)
	}
	return append(b, '%', digits[c>>4], digits[c&15])
}

// readParams encodes and sorts the query, without what skip says and without a
// ticket, which is not the client's.
func (m *message) readParams(skip string) {
	m.params, m.arena = m.params[:0], m.arena[:0]
	for name, value := range eachParam(m.query) {
		if isTicketParam(name) || skip != "" && string(name) == skip {
			continue
		}
		p := param{name: len(m.arena)}
		for _, c := range name {
			m.arena = appendEncoded(m.arena, c)
		}
		p.value = len(m.arena)
		for _, c := range value {
			m.arena = appendEncoded(m.arena, c)
		}
		p.end = len(m.arena)
		m.params = append(m.params, p)
	}
	slices.SortFunc(m.params, func(a, b param) int {
		if c := bytes.Compare(m.arena[a.name:a.value], m.arena[b.name:b.value]); c != 0 {
			return c
		}
		return bytes.Compare(m.arena[a.value:a.end], m.arena[b.value:b.end])
	})
}

// value returns the first value of a header, in any case, and whether it is there.
func (m *message) value(name string) ([]byte, bool) {
	for i := range m.fields {
		if equalFoldASCII(m.fields[i].name, name) {
			return m.fields[i].value, true
		}
	}
	return nil, false
}

// equalFoldASCII reports whether two header names are the same.
func equalFoldASCII[A, B []byte | string](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c |= 0x20
	}
	return c
}

// hasAmzPrefix reports whether a header's name begins with x-amz-, in any case.
func hasAmzPrefix(name []byte) bool {
	return len(name) > len(amzPrefix) && equalFoldASCII(name[:len(amzPrefix)], amzPrefix)
}

const amzPrefix = "x-amz-"

// lowerName returns a header's name in lower case.
func lowerName(name []byte) string { return strings.ToLower(string(name)) }
