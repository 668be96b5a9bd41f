package s3api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"ais/object"
)

func TestServerAnswersByItself(t *testing.T) {
	n := startNode(t, func(r *Request) error { t.Errorf("%v reached the handler", r.Op); return nil }, nil)
	tests := []struct {
		request string
		status  int
		code    string
	}{
		{"PUT /bkt?replication", 501, "NotImplemented"},
		{"GET /bkt/key?torrent", 501, "NotImplemented"},
		{"PATCH /bkt/key", 405, "MethodNotAllowed"},
		{"FOO /bkt/key", 405, "MethodNotAllowed"},
		{"OPTIONS /bkt/key", 400, "BadRequest"},
		{"GET /bkt/%zz", 400, "InvalidURI"},
		{"GET /BKT/key", 400, "InvalidBucketName"},
		{"GET /bkt/key?versionId=a%20c", 400, "InvalidArgument"},
		{"GET /bkt/key?versionId=", 400, "InvalidArgument"},
		{"DELETE /bkt/key?versionId=" + strings.Repeat("/", 2000), 400, "InvalidArgument"},
		{"PUT /bkt/key x-amz-server-side-encryption: AES256", 501, "NotImplemented"},
		{"PUT /bkt/key x-amz-write-offset-bytes: 5", 501, "NotImplemented"},
		{"PUT /bkt X-AMZ-BUCKET-OBJECT-LOCK-ENABLED: true", 501, "NotImplemented"},
	}
	for _, tt := range tests {
		f := strings.SplitN(tt.request, " ", 3)
		a := n.get(t, f[0], f[1], append(f[2:], "Content-Length: 0")...)
		if a.StatusCode != tt.status || a.code() != tt.code {
			t.Errorf("%s: %d %s", tt.request, a.StatusCode, a.body)
		}
	}
}

func TestNullVersionIsTheObject(t *testing.T) {
	n := startNode(t, func(r *Request) error { r.NoContent(); return nil }, nil)
	for _, target := range []string{"/bkt/key?versionId=null", "/bkt/key?x=1", "/bkt?versionId=whatever"} {
		if a := n.get(t, "DELETE", target); a.StatusCode != 204 {
			t.Errorf("%s: %d %s", target, a.StatusCode, a.body)
		}
	}
}

func TestHTTPServer(t *testing.T) {
	handler := func(r *Request) error {
		if r.Op == HeadObject {
			r.HeadOnly(12345)
			return nil
		}
		r.Bytes([]byte(r.Key))
		return nil
	}
	n := startNode(t, handler, nil)

	t.Run("pipelining", func(t *testing.T) {
		w := n.dial(t)
		var b strings.Builder
		for i := range 20 {
			fmt.Fprintf(&b, "GET /bkt/k%d HTTP/1.1\r\nHost: n\r\n\r\n", i)
		}
		w.send(b.String())
		for i := range 20 {
			if a := w.receive("GET"); a.body != fmt.Sprint("k", i) {
				t.Fatalf("answer %d: %s", i, a.body)
			}
		}
	})
	t.Run("HTTP/1.0", func(t *testing.T) {
		w := n.dial(t)
		a := w.send("GET /bkt/old HTTP/1.0\r\n\r\n").receive("GET")
		if a.body != "old" || !a.Close {
			t.Errorf("%v %s", a.Response, a.body)
		}
		if _, err := w.r.ReadByte(); err != io.EOF {
			t.Errorf("the connection is not closed: %v", err)
		}
	})
	t.Run("HEAD", func(t *testing.T) {
		w := n.dial(t)
		for range 2 {
			if a := w.send("HEAD /bkt/k HTTP/1.1\r\nHost: n\r\n\r\n").receive("HEAD"); a.ContentLength != 12345 || a.StatusCode != 200 {
				t.Fatalf("%v", a.Response)
			}
		}
	})
	t.Run("header of 31 KiB", func(t *testing.T) {
		if a := n.get(t, "GET", "/bkt/k", "X-Long: "+strings.Repeat("a", 31<<10)); a.body != "k" {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
	t.Run("header of 1 MiB", func(t *testing.T) {
		w := n.dial(t)
		_, _ = io.WriteString(w.TCPConn, "GET /bkt/k HTTP/1.1\r\nHost: n\r\nX-Long: "+strings.Repeat("a", 1<<20)+"\r\n\r\n")
		a, err := w.tryReceive("GET")
		if err == nil && (a.StatusCode != 431 || a.code() != "RequestHeaderSectionTooLarge" || !a.Close) {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
	t.Run("another expectation", func(t *testing.T) {
		if a := n.get(t, "GET", "/bkt/k", "Expect: 200"); a.body != "k" {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
	t.Run("many headers", func(t *testing.T) {
		w := n.dial(t)
		_, _ = io.WriteString(w.TCPConn, "GET /bkt/k HTTP/1.1\r\nHost: n\r\n"+strings.Repeat("a: b\r\n", 200_000)+"\r\n")
		if a, err := w.tryReceive("GET"); err == nil && a.StatusCode != 431 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
	t.Run("not HTTP", func(t *testing.T) {
		for _, junk := range []string{"hello\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\x00\r\n\r\n", "GET /bkt/\x01 HTTP/1.1\r\nHost: n\r\n\r\n", "GET /a HTTP/1.1\r\n: x\r\n\r\n"} {
			w := n.dial(t)
			a := w.send(junk).receive("GET")
			if a.StatusCode != 400 || a.code() == "" || a.Header.Get("Content-Type") != "application/xml" {
				t.Errorf("%q: %d %q", junk, a.StatusCode, a.body)
			}
		}
	})
	t.Run("header names in any case", func(t *testing.T) {
		for _, name := range []string{"x-amz-object-lock-mode", "X-AMZ-OBJECT-LOCK-MODE", "X-amz-Object-lock-mode"} {
			if a := n.get(t, "PUT", "/bkt/k", name+": a=b", "Content-Length: 0"); a.StatusCode != 501 {
				t.Errorf("%s: %d", name, a.StatusCode)
			}
		}
	})
	t.Run("response overrides cannot split", func(t *testing.T) {
		n := startNode(t, func(r *Request) error { WriteObjectHeaders(r, &object.Meta{ETag: "e"}, false); return nil }, nil)
		a := n.get(t, "GET", "/bkt/k?response-content-disposition=a%0D%0AX-Evil:%201&response-content-type=text/x%0d%0aX-Evil:1")
		if a.Header.Get("X-Evil") != "" || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "a") {
			t.Errorf("%v", a.Header)
		}
	})
}

func TestSlowHeaderIsCut(t *testing.T) {
	n := startNode(t, func(*Request) error { return nil }, nil, func(f *fasthttp.Server) { f.ReadTimeout = 150 * time.Millisecond })
	w := n.dial(t)
	start := time.Now()
	w.send("GET /bkt/k HTTP/1.1\r\nHost: n\r\n")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	go func() {
		for range tick.C {
			if _, err := io.WriteString(w.TCPConn, "a: b\r\n"); err != nil {
				return
			}
		}
	}()
	if a, err := w.tryReceive("GET"); err == nil && a.code() != "RequestTimeout" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if d := time.Since(start); d > 3*time.Second {
		t.Errorf("it took %v", d)
	}
}

// TestIdleConnectionsAreCheap holds connections that have been used, and those
// that have not, to a bound of heap each.
func TestIdleConnectionsAreCheap(t *testing.T) {
	const conns = 100
	big := bytes.Repeat([]byte("x"), 300<<10)
	n := startNode(t, func(r *Request) error {
		if r.Op == PutObject {
			b, err := r.Body()
			if err == nil {
				_, err = b.WriteTo(io.Discard)
			}
			return err
		}
		r.WriteXML(func(b []byte) []byte { return append(b, big...) })
		return nil
	}, nil)
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	before := heap()
	held := make([]net.Conn, conns)
	for i := range held {
		w := n.dial(t)
		held[i] = w.TCPConn
		w.send("GET /bkt HTTP/1.1\r\nHost: n\r\n\r\n").receive("GET")
		w.r = nil
	}
	per := (int64(heap()) - int64(before)) / conns
	t.Logf("%d bytes of heap for an idle connection after a large listing", per)
	if per > 64<<10 {
		t.Errorf("%d bytes a connection", per)
	}
	runtime.KeepAlive(held)
}

func TestRequestIDs(t *testing.T) {
	h := func(r *Request) error { r.Bytes([]byte(r.ID)); return nil }
	n := startNode(t, h, nil)
	seen := map[string]bool{}
	w := n.dial(t)
	for range 100 {
		a := w.send("GET /bkt HTTP/1.1\r\nHost: n\r\nX-Ais-Request-Id: 0123456789ABCDEF\r\n\r\n").receive("GET")
		id := a.Header.Get("x-amz-request-id")
		if !isRequestID([]byte(id)) || id != a.body || seen[id] || id == "0123456789ABCDEF" {
			t.Fatalf("%q %q", id, a.body)
		}
		seen[id] = true
	}
	n = startNode(t, h, func(c *Config) { c.TakeRequestID = true })
	if a := n.get(t, "GET", "/bkt", "X-Ais-Request-Id: 0123456789ABCDEF"); a.body != "0123456789ABCDEF" || a.Header.Get("x-amz-request-id") != a.body {
		t.Errorf("%v %s", a.Header, a.body)
	}
	if a := n.get(t, "GET", "/bkt", "X-Ais-Request-Id: 0123456789abcdeF<"); a.body == "0123456789abcdeF<" || len(a.body) != 16 {
		t.Errorf("%s", a.body)
	}
}

// TestChunkedBodyThatNeverEnds answers at once, and does not wait for ever for
// the rest of the body.
func TestChunkedBodyThatNeverEnds(t *testing.T) {
	n := startNode(t, newKeeper().serve, nil)
	w := n.dial(t)
	a := w.send("PUT /bkt/k HTTP/1.1\r\nHost: n\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").receive("PUT")
	if a.code() != "MissingContentLength" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// closer is a stream that counts its closings.
type closer struct {
	io.Reader
	closed *atomic.Int32
}

func (c closer) Close() error { c.closed.Add(1); return nil }

func TestStreamIsClosedOnce(t *testing.T) {
	var closed atomic.Int32
	n := startNode(t, func(r *Request) error {
		r.Stream(closer{strings.NewReader(strings.Repeat("x", 1<<20)), &closed}, 1<<20)
		if r.Key == "fails" {
			return object.Corrupt
		}
		return nil
	}, nil)
	for i, key := range []string{"whole", "fails"} {
		a := n.get(t, "GET", "/bkt/"+key)
		if key == "whole" && len(a.body) != 1<<20 || key == "fails" && a.StatusCode != 500 {
			t.Errorf("%s: %d, %d bytes", key, a.StatusCode, len(a.body))
		}
		eventually(t, "the stream is closed", func() bool { return closed.Load() == int32(i+1) })
	}
	w := n.dial(t) // a client that leaves
	w.send("GET /bkt/left HTTP/1.1\r\nHost: n\r\n\r\n")
	_ = w.Close()
	eventually(t, "the stream is closed when the client leaves", func() bool { return closed.Load() == 3 })
}

func TestMetricsAndLog(t *testing.T) {
	reg := prometheus.NewRegistry()
	var log lockedBuffer
	n := startNode(t, func(r *Request) error {
		if r.Op == PutObject {
			b, err := r.Body()
			if err == nil {
				_, err = b.ReadAll(nil)
			}
			return err
		}
		if r.Key == "bad" {
			return errors.New("broken disk")
		}
		if r.Key == "away" {
			return object.E("x", "t1", object.Unavailable, errors.New("about to end"))
		}
		r.Bytes([]byte("12345"))
		return nil
	}, func(c *Config) { c.Registerer, c.Logger = reg, slog.New(slog.NewTextHandler(&log, nil)) })
	n.get(t, "GET", "/bkt/key")
	n.get(t, "GET", "/bkt/key")
	n.get(t, "GET", "/bkt/key?torrent")
	n.do(t, "PUT /bkt/key HTTP/1.1\r\nHost: n\r\nContent-Length: 7\r\n\r\n1234567")
	n.do(t, "PUT /bkt/key HTTP/1.1\r\nHost: n\r\nContent-MD5: x\r\nContent-Length: 0\r\n\r\n")
	n.get(t, "GET", "/bkt/away")
	bad := n.get(t, "GET", "/bkt/bad")
	for series, want := range map[string]float64{
		"ais_s3_requests_total code=2xx op=GetObject":                 2,
		"ais_s3_requests_total code=InternalError op=GetObject":       1,
		"ais_s3_requests_total code=ServiceUnavailable op=GetObject":  1,
		"ais_s3_requests_total code=NotImplemented op=NotImplemented": 1,
		"ais_s3_requests_total code=2xx op=PutObject":                 1,
		"ais_s3_requests_total code=InvalidDigest op=PutObject":       1,
		"ais_s3_received_bytes_total op=PutObject":                    7,
		"ais_s3_request_duration_seconds op=GetObject":                4,
		"ais_s3_requests_in_flight":                                   0,
	} {
		eventually(t, series, func() bool { return gather(t, reg)[series] == want })
	}
	id := bad.Header.Get("x-amz-request-id")
	passing, wrong, _ := strings.Cut(log.String(), "\n")
	if !strings.Contains(passing, "level=WARN") || !strings.Contains(passing, "about to end") {
		t.Errorf("the log begins with %s", passing)
	}
	if !strings.Contains(wrong, "level=ERROR") || !strings.Contains(wrong, "broken disk") || !strings.Contains(wrong, "request="+id) || strings.Count(wrong, "\n") != 1 {
		t.Errorf("the log ends with %s", wrong)
	}
	m := newMetrics(nil)
	if a := testing.AllocsPerRun(100, func() { m.observe(GetObject, 200, "", time.Millisecond, 1, 2) }); a != 0 {
		t.Errorf("counting a request allocates %v times", a)
	}
}

// gather returns the value of every series, a histogram's by its count.
func gather(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName()
			for _, l := range m.Label {
				name += " " + l.GetName() + "=" + l.GetValue()
			}
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return values
}

// lockedBuffer is a bytes.Buffer for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
