package s3api

import (
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	xmlType   = "application/xml"
	xmlHeader = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	xmlns     = ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`

	// maxCopied is the largest XML that goes through fasthttp's own response
	// buffer, which stays with the connection; larger ones go through a pool.
	maxCopied = 8 << 10
)

var xmlBuffers = sync.Pool{New: func() any { return &xmlBody{} }}

// xmlBody is a pooled buffer that is sent as a body stream, because fasthttp
// says when it is done with that.
type xmlBody struct {
	data []byte
	read int
}

// SupportsBodyWriteTo has fasthttp use WriteTo.
func (b *xmlBody) SupportsBodyWriteTo() bool { return true }

// WriteTo writes what is left.
func (b *xmlBody) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(b.data[b.read:])
	b.read += n
	return int64(n), err
}

func (b *xmlBody) Read(p []byte) (int, error) {
	if b.read == len(b.data) {
		return 0, io.EOF
	}
	n := copy(p, b.data[b.read:])
	b.read += n
	return n, nil
}

// Close gives the buffer back; it must be called once.
func (b *xmlBody) Close() error {
	if cap(b.data) > 4<<20 {
		b.data = nil
	}
	b.data, b.read = b.data[:0], 0
	xmlBuffers.Put(b)
	return nil
}

// WriteXML sends an XML document, which fill appends to what it is given.
func (r *Request) WriteXML(fill func(b []byte) []byte) {
	r.ctx.Response.Header.SetContentType(xmlType)
	body := xmlBuffers.Get().(*xmlBody)
	body.data = fill(append(body.data[:0], xmlHeader...))
	if len(body.data) <= maxCopied {
		r.ctx.Response.SetBody(body.data)
		_ = body.Close()
		return
	}
	r.ctx.Response.SetBodyStream(body, len(body.data))
}

// appendError appends an error as S3 writes it.
func appendError(b []byte, e *Error, r *Request) []byte {
	b = append(b, xmlHeader+"<Error><Code>"...)
	b = append(b, e.Code...)
	b = append(b, "</Code><Message>"...)
	b = appendText(b, e.Message)
	b = append(b, "</Message>"...)
	for _, f := range e.Fields {
		b = appendElement(b, f.Name, f.Value)
	}
	b = appendElement(b, "Resource", string(r.target.path))
	b = appendElement(b, "RequestId", r.ID)
	return append(b, "</Error>"...)
}

// appendElement appends <name>value</name> with the value escaped.
func appendElement(b []byte, name, value string) []byte {
	b = append(append(append(b, '<'), name...), '>')
	b = appendText(b, value)
	return append(append(append(b, "</"...), name...), '>')
}

func appendInt(b []byte, name string, n int64) []byte {
	b = append(append(append(b, '<'), name...), '>')
	b = strconv.AppendInt(b, n, 10)
	return append(append(append(b, "</"...), name...), '>')
}

func appendBool(b []byte, name string, v bool) []byte {
	if v {
		return appendElement(b, name, "true")
	}
	return appendElement(b, name, "false")
}

// appendText appends text escaped for XML. Control characters, which XML 1.0
// cannot hold, become numeric references as in S3's answers; clients that meet
// such keys ask for encoding-type=url. What is not UTF-8 becomes U+FFFD.
func appendText(b []byte, s string) []byte {
	start := 0
	for i := plainText(s); i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += size
			continue
		}
		if escape := xmlEscapes[c]; escape != "" {
			b = append(append(b, s[start:i]...), escape...)
			start = i + 1
		}
		i++
	}
	return append(b, s[start:]...)
}

// plainText returns the length of the longest beginning of s that needs no
// escaping.
func plainText(s string) int {
	for i := range len(s) {
		if !plainASCII[s[i]] {
			return i
		}
	}
	return len(s)
}

// plainASCII tells the characters that stand for themselves in XML.
var plainASCII = func() (table [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		table[c] = c != '&' && c != '<' && c != '>' && c != '"'
	}
	return table
}()

// xmlEscapes holds what each ASCII character becomes, "" for itself.
var xmlEscapes = func() (table [utf8.RuneSelf]string) {
	for c := range 0x20 {
		table[c] = fmt.Sprintf("&#x%X;", c)
	}
	table['&'], table['<'], table['>'] = "&amp;", "&lt;", "&gt;"
	table['"'] = "&quot;"
	return table
}()

// appendTime appends t as S3's XML has it: ISO 8601, UTC, milliseconds.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, sec := t.Clock()
	if year < 0 || year > 9999 {
		return append(b, "1970-01-01T00:00:00.000Z"...)
	}
	b = append(append2(append2(b, year/100), year%100), '-')
	b = append(append2(b, int(month)), '-')
	b = append(append2(b, day), 'T')
	b = append(append2(b, hour), ':')
	b = append(append2(b, minute), ':')
	b = append(append2(b, sec), '.')
	milli := t.Nanosecond() / 1e6
	return append(append2(append(b, byte('0'+milli/100)), milli%100), 'Z')
}

// append2 appends two digits.
func append2(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

func fmtMessage(format string, args []any) string { return fmt.Sprintf(format, args...) }
