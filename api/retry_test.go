package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ais/object"
)

// deadURL is the URL of a server that is not there.
func deadURL(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return "http://" + ln.Addr().String()
}

func patient(t *testing.T, patience time.Duration, more func() []string, endpoints ...string) *Client {
	t.Helper()
	c, err := NewClient(ClientConfig{Endpoint: strings.Join(endpoints, ","), Patience: patience, More: more})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.transport.CloseIdleConnections)
	return c
}

// script answers the calls that come with its steps, one after the other, the
// last one again and again.
func script(t *testing.T, calls *atomic.Int32, steps ...http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(calls.Add(1)) - 1
		steps[min(n, len(steps)-1)](w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func unavailable(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, `{"tcode":"ErrUnavailable","message":"target t1 is down"}`)
}

func breaks(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.CopyN(io.Discard, r.Body, 1)
	panic(http.ErrAbortHandler)
}

func fine(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	_, _ = io.WriteString(w, `[]`)
}

func TestDeadProxyIsReplaced(t *testing.T) {
	var calls atomic.Int32
	good, dead, other := script(t, &calls, fine), deadURL(t), deadURL(t)
	asked := 0
	more := func() []string {
		asked++
		return []string{"https://127.0.0.1:1", "no URL", other, good}
	}
	for name, c := range map[string]*Client{
		"named":  patient(t, 0, nil, dead, other, good),
		"known":  patient(t, 0, more, dead),
		"spaces": patient(t, 0, nil, dead, " "+good+"/ "),
	} {
		b := NewBucket(object.AIS, "abc")
		if err := c.CreateBucket(context.Background(), b, nil); err != nil { // no call that may be done twice
			t.Errorf("%s: %v", name, err)
		}
		if c.Endpoint() != good || !c.Answered() {
			t.Errorf("%s: the good proxy is not remembered, but %s", name, c.Endpoint())
		}
		if _, err := c.PutObject(context.Background(), b, "k", io.MultiReader(strings.NewReader("v")), 1, PutOptions{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if asked != 1 {
		t.Errorf("asked for more proxies %d times", asked)
	}
}

func TestNoProxyAnswers(t *testing.T) {
	one, two := deadURL(t), deadURL(t)
	c := patient(t, time.Hour, func() []string { return []string{two} }, one)
	_, err := c.ClusterMap(context.Background())
	var all *UnreachableError
	var first *url.Error
	if !errors.As(err, &all) || len(all.Tried) != 2 || !errors.As(err, &first) || !strings.HasPrefix(first.URL, one) || !strings.Contains(err.Error(), two) {
		t.Error(err)
	}
}

// What is repeated, and what is not.
func TestRepeats(t *testing.T) {
	b := NewBucket(object.AIS, "abc")
	put := func(content io.Reader) func(context.Context, *Client) error {
		return func(ctx context.Context, c *Client) error {
			_, err := c.PutObject(ctx, b, "k", content, 3, PutOptions{})
			return err
		}
	}
	list := func(ctx context.Context, c *Client) error { _, err := c.ListBuckets(ctx, ""); return err }
	create := func(ctx context.Context, c *Client) error { return c.CreateBucket(ctx, b, nil) }
	remove := func(ctx context.Context, c *Client) error { return c.DeleteObject(ctx, b, "k") }
	gone := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }
	for name, x := range map[string]struct {
		do    func(context.Context, *Client) error
		steps []http.HandlerFunc
		calls int
		fails bool
	}{
		"a read":                     {list, []http.HandlerFunc{unavailable, breaks, fine}, 3, false},
		"a put of a file":            {put(bytes.NewReader([]byte("abc"))), []http.HandlerFunc{unavailable, breaks, fine}, 3, false},
		"a put of a pipe":            {put(io.MultiReader(strings.NewReader("abc"))), []http.HandlerFunc{breaks, fine}, 1, true},
		"creating":                   {create, []http.HandlerFunc{breaks, fine}, 1, true},
		"creating while unavailable": {create, []http.HandlerFunc{unavailable, fine}, 1, true},
		"deleting":                   {remove, []http.HandlerFunc{breaks, gone}, 2, false},
		"deleting what is not there": {remove, []http.HandlerFunc{unavailable, gone}, 2, true},
		"a refusal":                  {list, []http.HandlerFunc{gone}, 1, true},
	} {
		var calls atomic.Int32
		err := x.do(context.Background(), patient(t, time.Minute, nil, script(t, &calls, x.steps...)))
		if (err != nil) != x.fails || int(calls.Load()) != x.calls {
			t.Errorf("%s: %v after %d calls, want %d", name, err, calls.Load(), x.calls)
		}
	}
}

func TestPatienceEnds(t *testing.T) {
	var calls atomic.Int32
	_, err := patient(t, 300*time.Millisecond, nil, script(t, &calls, unavailable)).ListBuckets(context.Background(), "")
	var tried *TriedError
	if !errors.As(err, &tried) || tried.Times != int(calls.Load()) || tried.Times < 2 || !errors.Is(err, object.Unavailable) || !strings.Contains(err.Error(), "tried") {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
	calls.Store(0)
	if _, err = patient(t, 0, nil, script(t, &calls, unavailable)).ListBuckets(context.Background(), ""); errors.As(err, &tried) || calls.Load() != 1 {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopping := func(w http.ResponseWriter, r *http.Request) {
		unavailable(w, r)
		cancel()
	}
	if _, err = patient(t, time.Hour, nil, script(t, &calls, stopping)).ListBuckets(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A target that is gone, of which the proxy does not know yet: it is asked again.
func TestDeadTargetIsAskedForAgain(t *testing.T) {
	var calls, there atomic.Int32
	to := func(target string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", target+r.URL.RequestURI())
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
	}
	proxy := script(t, &calls, to(deadURL(t)), to(script(t, &there, breaks, fine)))
	_, err := patient(t, time.Minute, nil, proxy).PutObject(context.Background(), NewBucket(object.AIS, "abc"), "k", strings.NewReader("abc"), 3, PutOptions{})
	if err != nil || calls.Load() != 3 || there.Load() != 2 {
		t.Error(err, calls.Load(), there.Load())
	}
	_, err = patient(t, 0, nil, script(t, &calls, to(deadURL(t)))).HeadObject(context.Background(), NewBucket(object.AIS, "abc"), "k")
	if !errors.Is(err, object.Unavailable) || !strings.Contains(err.Error(), "the target at") {
		t.Error(err)
	}
}

// A read whose connection breaks goes on with the rest of the same version.
func TestReadGoesOn(t *testing.T) {
	content := strings.Repeat("0123456789", 1000)
	var ranges []string
	etag := func(int) string { return "v1" }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Range"))
		w.Header().Set("Etag", `"`+etag(len(ranges))+`"`)
		w.Header().Set(HeaderChecksumType, "md5")
		w.Header().Set(HeaderChecksum, object.Sum(object.MD5, []byte(content)).Hex())
		part, partial, err := object.ParseRange(r.Header.Get("Range"), int64(len(content)))
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Length", strconv.FormatInt(part.Length, 10))
		if partial {
			w.Header().Set("Content-Range", "bytes 0-0/"+strconv.Itoa(len(content)))
			w.WriteHeader(http.StatusPartialContent)
		}
		_, _ = io.WriteString(w, content[part.Offset:part.Offset+min(part.Length, 4000)])
		if part.Length > 4000 {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(server.Close)
	b := NewBucket(object.AIS, "abc")
	data, err := readAll(patient(t, time.Minute, nil, server.URL), b, "k", 0, -1)
	if err != nil || data != content || !slices.Equal(ranges, []string{"", "bytes=4000-9999", "bytes=8000-9999"}) {
		t.Errorf("%d bytes, %v, %v", len(data), err, ranges)
	}
	if _, err = readAll(patient(t, 0, nil, server.URL), b, "k", 0, -1); !errors.Is(err, object.Incomplete) {
		t.Error(err)
	}
	ranges = nil
	etag = strconv.Itoa
	if _, err = readAll(patient(t, time.Minute, nil, server.URL), b, "k", 10, 9000); !errors.Is(err, object.Precondition) || len(ranges) != 2 {
		t.Error(err, ranges)
	}
}
