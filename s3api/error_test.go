package s3api

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ais/object"
)

func TestErrorAnswers(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	n := startNode(t, func(r *Request) error {
		m := &object.Meta{ETag: "abc", Modified: noon, User: map[string]string{"secret": "1"}, Header: object.Header{ContentType: "text/plain"}}
		WriteObjectHeaders(r, m, true)
		r.Stream(strings.NewReader("never sent"), 10)
		switch r.Key {
		case "missing":
			return object.E("fs.Open", r.Key, object.NotFound, nil)
		case "same":
			return object.NotModified
		case "condition":
			return object.Precondition
		case "range":
			return RangeError("bytes=9-", 5)
		case "down":
			return object.E("proxy.owner", "target1", object.Unavailable, errors.New("secret address"))
		case "panic":
			panic("a broken invariant")
		case "<&>":
			return Argument("a<b", "x&y\x01", "It's \"quoted\"")
		}
		return errors.New("something internal: /var/secret")
	}, nil)
	tests := []struct {
		key      string
		status   int
		code     string
		contains []string
	}{
		{"missing", 404, "NoSuchKey", []string{"<Resource>/bkt/missing</Resource>"}},
		{"same", 304, "", nil},
		{"condition", 412, "PreconditionFailed", nil},
		{"range", 416, "InvalidRange", []string{"<ActualObjectSize>5<", "<RangeRequested>bytes=9-<"}},
		{"down", 503, "ServiceUnavailable", nil},
		{"panic", 500, "InternalError", nil},
		{"other", 500, "InternalError", nil},
		{"%3C&%3E", 400, "InvalidArgument", []string{"<ArgumentName>a&lt;b</", "<ArgumentValue>x&amp;y&#x1;</", "It's &quot;quoted&quot;", "/bkt/%3C&amp;%3E"}},
	}
	for _, tt := range tests {
		for _, method := range []string{"GET", "HEAD"} {
			w := n.dial(t)
			for range 2 { // the connection lives on
				a := w.send(method + " /bkt/" + tt.key + " HTTP/1.1\r\nHost: n\r\n\r\n").receive(method)
				if a.StatusCode != tt.status || a.Header.Get("x-amz-request-id") == "" || a.Header.Get("X-Amz-Meta-Secret") != "" {
					t.Errorf("%s %s: %d %v", method, tt.key, a.StatusCode, a.Header)
				}
				if strings.Contains(a.body, "secret") && tt.key != "missing" {
					t.Errorf("%s tells a secret: %s", tt.key, a.body)
				}
				if validators := a.Header.Get("ETag") == `"abc"` && a.Header.Get("Last-Modified") == "Fri, 02 Jan 2026 12:00:00 GMT"; validators != (tt.status == 304 || tt.status == 412) {
					t.Errorf("%s %s: %v", method, tt.key, a.Header)
				}
				if method == "HEAD" || tt.status == 304 {
					if a.body != "" {
						t.Errorf("%s %s has a body: %q", method, tt.key, a.body)
					}
					continue
				}
				if a.code() != tt.code || a.Header.Get("Content-Type") != "application/xml" {
					t.Errorf("%s: %s %v", tt.key, a.body, a.Header)
				}
				for _, want := range tt.contains {
					if !strings.Contains(a.body, want) {
						t.Errorf("%s: no %s in %s", tt.key, want, a.body)
					}
				}
			}
		}
	}
	if a := n.get(t, "GET", "/bkt/range"); a.Header.Get("Content-Range") != "bytes */5" {
		t.Errorf("%v", a.Header)
	}
	if a := n.get(t, "GET", "/bkt/down"); a.Header.Get("Retry-After") == "" {
		t.Errorf("%v", a.Header)
	}
}

func TestEveryKindHasAnAnswer(t *testing.T) {
	seen := map[string]bool{}
	for k := object.Internal; object.KindFromText(k.Error()) == k; k++ {
		e := FromError(object.E("op", "name", k, nil))
		if e == nil || e.Status < 300 || e.Code == "" || (e.Code == "InternalError") != (k == object.Internal || k == object.Corrupt) {
			t.Errorf("%v: %v", k, e)
		}
		seen[e.Code] = true
	}
	if len(seen) < 15 {
		t.Errorf("only %d codes", len(seen))
	}
	if e := FromError(fmt.Errorf("x: %w", MalformedXML.With("a", "b"))); !errors.Is(e, MalformedXML) || errors.Is(e, NoSuchKey) {
		t.Errorf("%v", e)
	}
	if e := FromError(object.E("op", "n", object.Invalid, errors.New("why"))); e.Message != "why" {
		t.Errorf("%v", e)
	}
}
