package peer

import (
	"bytes"

	"github.com/valyala/fasthttp"
)

// appendHead appends the head of the request of ctx as it is to be sent on: the
// raw request URI, the client's fields in their order, untouched but for those
// that concern only one connection, and those of add. The framing of the body is
// kept: Content-Length, or Transfer-Encoding: chunked.
func appendHead(dst []byte, ctx *fasthttp.RequestCtx, addr string, add []Header, expect bool) []byte {
	h := &ctx.Request.Header
	dst = append(dst, h.Method()...)
	dst = append(dst, ' ')
	dst = append(dst, h.RequestURI()...)
	dst = append(dst, " HTTP/1.1\r\n"...)
	f := fields{add: add, options: h.Peek("Connection"), chunked: h.ContentLength() == -1}
	if raw := h.RawHeaders(); len(raw) > 0 && !folded(raw) {
		for len(raw) > 0 {
			line, rest, _ := bytes.Cut(raw, newline)
			raw = rest
			if n := len(line); n > 0 && line[n-1] == '\r' {
				line = line[:n-1]
			}
			if colon := bytes.IndexByte(line, ':'); colon > 0 && f.pass(line[:colon]) {
				dst = append(dst, line...)
				dst = append(dst, "\r\n"...)
			}
		}
	} else {
		for name, value := range h.All() {
			if f.pass(name) {
				dst = appendField(dst, name, value)
			}
		}
	}
	if !f.host {
		dst = appendField(dst, "Host", addr)
	} else if !f.forwardedHost {
		dst = appendField(dst, "X-Forwarded-Host", h.Host())
	}
	if f.chunked {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	if expect {
		dst = append(dst, "Expect: 100-continue\r\n"...)
	}
	for _, field := range add {
		dst = appendField(dst, field.Name, field.Value)
	}
	return append(dst, "\r\n"...)
}

var newline = []byte{'\n'}

func appendField[N, V []byte | string](dst []byte, name N, value V) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

// folded reports whether a field goes on in a next line (obsolete folding): the
// lines cannot be judged one by one then.
func folded(raw []byte) bool {
	for i, c := range raw {
		if c == '\n' && i+1 < len(raw) && (raw[i+1] == ' ' || raw[i+1] == '\t') {
			return true
		}
	}
	return false
}

// fields decides which of a client's header fields go on.
type fields struct {
	add           []Header
	options       []byte // the client's Connection field: names of more that do not
	chunked       bool
	host          bool // seen
	forwardedHost bool // seen
}

func (f *fields) pass(name []byte) bool {
	switch len(name) {
	case 2:
		if is(name, "te") {
			return false
		}
	case 4:
		if is(name, "host") {
			f.host = true
			return true
		}
	case 6:
		if is(name, "expect") {
			return false
		}
	case 7:
		if is(name, "trailer") || is(name, "upgrade") {
			return false
		}
	case 10:
		if is(name, "connection") || is(name, "keep-alive") {
			return false
		}
	case 14:
		if is(name, "content-length") {
			return !f.chunked
		}
	case 16:
		if is(name, "x-forwarded-host") {
			f.forwardedHost = true
		} else if is(name, "proxy-connection") {
			return false
		}
	case 17:
		if is(name, "transfer-encoding") {
			return false
		}
	case 19:
		if is(name, "proxy-authorization") {
			return false
		}
	}
	// The nodes' own fields are not a client's to say, but for the wish to be redirected.
	if len(name) > 6 && is(name[:6], "x-ais-") && !is(name, "x-ais-redirect") {
		return false
	}
	for i := range f.add {
		if len(f.add[i].Name) == len(name) && equalFold(name, f.add[i].Name) {
			return false
		}
	}
	return len(f.options) == 0 || !listed(f.options, name)
}

// is reports whether name is lower, which must be in lower case, in any case.
func is(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func equalFold[A, B []byte | string](a A, b B) bool {
	for i := range len(a) {
		x, y := a[i], b[i]
		if 'A' <= x && x <= 'Z' {
			x |= 0x20
		}
		if 'A' <= y && y <= 'Z' {
			y |= 0x20
		}
		if x != y {
			return false
		}
	}
	return true
}

// listed reports whether the comma-separated list names name.
func listed(list, name []byte) bool {
	for len(list) > 0 {
		item, rest, _ := bytes.Cut(list, comma)
		list = rest
		if item = bytes.TrimSpace(item); len(item) == len(name) && equalFold(item, name) {
			return true
		}
	}
	return false
}

var comma = []byte{','}
