package s3api

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// FuzzCanonical compares the canonical request with one written the plain way.
func FuzzCanonical(f *testing.F) {
	f.Add("/bkt/a%20b", "list-type=2&prefix=a%2Fb&acl", "x-amz-meta-a", "  two   blanks ", "node:8080")
	f.Add("/bkt/a+b(c)%zz", "a=%zz&b=+&=&&c==", "Range", "bytes=0-1", "[::1]:80")
	f.Fuzz(func(t *testing.T, path, query, name, value, host string) {
		if name == "" || strings.EqualFold(name, "host") || strings.ContainsFunc(name, func(c rune) bool { return c == ';' || c >= 0x80 }) {
			return // no header has such a name, or it is written differently
		}
		m := &message{method: []byte("GET"), path: []byte(path), query: []byte(query)}
		m.fields = []field{{[]byte(name), []byte(value)}}
		s := v4{headers: []byte("host;" + strings.ToLower(name))}
		m.readParams("")
		m.writeCanonical(&s, form{encodePath(m.path), host}, "payload")
		if want := plainCanonical(path, query, strings.ToLower(name), value, host); string(m.text) != want {
			t.Errorf("got %q\nwant %q", m.text, want)
		}
		if isCanonicalPath(m.path) && !bytes.Equal(encodePath(m.path), m.path) {
			t.Errorf("%q is taken for canonical", path)
		}
		if p := encodePath(m.path); !bytes.Contains(p, []byte("%2F")) && !isCanonicalPath(p) {
			t.Errorf("%q becomes %q, which is not canonical", path, p)
		}
	})
}

// plainCanonical writes a canonical request of two signed headers, host first.
func plainCanonical(path, query, name, value, host string) string {
	escape := func(s string) string {
		s = url.QueryEscape(s)
		s = strings.ReplaceAll(s, "+", "%20")
		return strings.ReplaceAll(s, "%7E", "~")
	}
	uri := ""
	for i, segment := range strings.Split(path, "/") {
		if i > 0 {
			uri += "/"
		}
		uri += strings.ReplaceAll(escape(looseUnescape(segment, false)), "%2F", "/")
	}
	var params [][2]string
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		if k = looseUnescape(k, true); k != "ais-ticket" {
			params = append(params, [2]string{escape(k), escape(looseUnescape(v, true))})
		}
	}
	slices.SortFunc(params, func(a, b [2]string) int {
		if c := strings.Compare(a[0], b[0]); c != 0 {
			return c
		}
		return strings.Compare(a[1], b[1])
	})
	var list []string
	for _, p := range params {
		list = append(list, p[0]+"="+p[1])
	}
	value = strings.Trim(value, " \t")
	for strings.Contains(value, "  ") {
		value = strings.ReplaceAll(value, "  ", " ")
	}
	return "GET\n" + uri + "\n" + strings.Join(list, "&") + "\nhost:" + host + "\n" + name + ":" + value + "\n\nhost;" + name + "\npayload"
}

// looseUnescape undoes escapes and leaves what is none.
func looseUnescape(s string, plus bool) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+3 <= len(s) {
			if c, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				b.Write(c)
				i += 2
				continue
			}
		}
		if s[i] == '+' && plus {
			b.WriteByte(' ')
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// FuzzAuthorization feeds headers and queries to the verifier: whatever comes, it
// must neither panic nor let in what was not signed.
func FuzzAuthorization(f *testing.F) {
	for _, r := range botocoreRequests(f) {
		authorization, date := "", ""
		for _, h := range r.Headers {
			switch h[0] {
			case hAuthorization:
				authorization = h[1]
			case hAmzDate:
				date = h[1]
			}
		}
		_, query, _ := strings.Cut(r.Target, "?")
		f.Add(authorization, date, query)
	}
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/c/20260304/r/s3/aws4_request, SignedHeaders=host, Signature="+strings.Repeat("a", 64), "20260304T050607Z", "")
	v := NewVerifier(VerifierConfig{Secrets: func(string, string) (string, error) { return "a secret that no corpus has", nil },
		Now: func() time.Time { return signedAt }, Logger: slog.New(slog.DiscardHandler)})
	f.Fuzz(func(t *testing.T, authorization, date, query string) {
		var ctx fasthttp.RequestCtx
		ctx.Init(&fasthttp.Request{}, nil, nil)
		h := &ctx.Request.Header
		h.SetMethod("GET")
		h.SetRequestURI("/bkt/key?" + strings.ReplaceAll(query, " ", ""))
		h.SetHost("node")
		h.Set(hAuthorization, authorization)
		h.Set(hAmzDate, date)
		r := &Request{ctx: &ctx, server: &Server{}}
		if r.parse() != nil {
			return
		}
		signed, err := v.Authenticate(r)
		if err == nil && signed.AccessKey != "" {
			t.Errorf("let in: %+v", signed)
		}
		if err != nil && FromError(err).Code == "InternalError" {
			t.Errorf("%v", err)
		}
	})
}

// TestHMAC holds a signing key against its definition.
func TestHMAC(t *testing.T) {
	mac := func(key []byte, s string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(s))
		return h.Sum(nil)
	}
	want := mac(mac(mac(mac(mac([]byte("AWS4secret"), "20260304"), "r"), "s3"), "aws4_request"), "message")
	got := newSigningKey("secret", scope{"any", "20260304", "r", "s3"}).sign([]byte("message"))
	if !bytes.Equal(got[:], want) {
		t.Errorf("got %x, want %x", got, want)
	}
}
