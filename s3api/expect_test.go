package s3api

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"ais/object"
)

func TestExpect(t *testing.T) {
	var handled atomic.Int32
	h := func(r *Request) error {
		handled.Add(1)
		b, err := r.Body()
		if err != nil {
			return err
		}
		data, err := b.ReadAll(nil)
		r.Bytes(data)
		return err
	}
	n := startNode(t, h, func(c *Config) {
		c.Expect = func(r *Request) (bool, error) {
			switch r.Key {
			case "redirect":
				r.WriteRedirect("http://other:1/bkt/redirect?x=1", "other:1/s3")
				return true, nil
			case "denied":
				return false, AccessDenied
			case "nobucket":
				return false, object.NoSuchBucket
			case "panic":
				panic("in the hook")
			}
			return false, nil
		}
	})
	put := func(key string, headers ...string) *wire {
		return n.dial(t).send("PUT /bkt/" + key + " HTTP/1.1\r\nHost: n\r\nExpect: 100-continue\r\n" + lines(headers) + "\r\n")
	}
	tests := []struct {
		key, header string
		status      int
		code        string
	}{
		{"redirect", "Content-Length: 1000000", 307, "TemporaryRedirect"},
		{"denied", "Content-Length: 1000000", 403, "AccessDenied"},
		{"nobucket", "Transfer-Encoding: chunked\r\nx-amz-decoded-content-length: 5\r\nx-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER", 404, "NoSuchBucket"},
		{"panic", "Content-Length: 5", 500, "InternalError"},
		{"key", "Transfer-Encoding: chunked", 411, "MissingContentLength"},
		{"key", "Content-Length: 5368709121", 400, "EntityTooLarge"},
		{"key", "Content-Length: 5\r\nContent-MD5: x", 400, "InvalidDigest"},
		{"key?tagging", "Content-Length: 5", 100, ""},
	}
	for _, tt := range tests {
		w := put(tt.key, tt.header)
		a := w.receive("PUT")
		if a.StatusCode != tt.status || a.code() != tt.code {
			t.Errorf("%s %s: %d %s", tt.key, tt.header, a.StatusCode, a.body)
		}
		if tt.status == 100 {
			continue
		}
		if !a.Close || a.Header.Get("x-amz-request-id") == "" {
			t.Errorf("%s: %v", tt.key, a.Header)
		}
		if _, err := w.r.ReadByte(); err != io.EOF {
			t.Errorf("%s: the connection is not closed: %v", tt.key, err)
		}
		if tt.status == 307 && (a.Header.Get("Location") != "http://other:1/bkt/redirect?x=1" || a.Header.Get("Cache-Control") != "no-store" ||
			!strings.Contains(a.body, "<Endpoint>other:1/s3</Endpoint><Bucket>bkt</Bucket>")) {
			t.Errorf("%v %s", a.Header, a.body)
		}
	}
	if handled.Load() != 0 {
		t.Errorf("the handler was called")
	}
	for _, size := range []int{5, 100_000} {
		data := payload(size)
		w := put("key", fmt.Sprintf("Content-Length: %d", size))
		if a := w.receive("PUT"); a.StatusCode != 100 {
			t.Fatalf("%d", a.StatusCode)
		}
		if a := w.send(data).receive("PUT"); a.StatusCode != 200 || a.body != data {
			t.Errorf("%d bytes: %d", size, a.StatusCode)
		}
		if a := w.send("GET /bkt/x?torrent HTTP/1.1\r\nHost: n\r\n\r\n").receive("GET"); a.StatusCode != 501 {
			t.Errorf("afterwards: %d", a.StatusCode)
		}
	}
}

// TestExpectClientLeaves checks that a client which leaves between 100 Continue
// and its body is neither counted for ever nor taken for a success.
func TestExpectClientLeaves(t *testing.T) {
	reg := prometheus.NewRegistry()
	k := newKeeper()
	n := startNode(t, k.serve, func(c *Config) { c.Registerer = reg })
	for _, sent := range []int{0, 5, 9000} {
		w := n.dial(t)
		w.send("PUT /bkt/left HTTP/1.1\r\nHost: n\r\nExpect: 100-continue\r\nContent-Length: 10000\r\n\r\n")
		if a := w.receive("PUT"); a.StatusCode != 100 {
			t.Fatalf("%d", a.StatusCode)
		}
		w.send(payload(sent))
		_ = w.Close()
	}
	eventually(t, "the requests end", func() bool { return n.http.GetOpenConnectionsCount() == 0 })
	if v := gather(t, reg)["ais_s3_requests_in_flight"]; v != 0 {
		t.Errorf("%v requests in flight", v)
	}
	if _, ok := k.get("left"); ok {
		t.Error("something was stored")
	}
}
