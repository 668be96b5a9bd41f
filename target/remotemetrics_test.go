package target

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"ais/backend"
	"ais/backend/backendtest"
	"ais/object"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestRemoteMetrics asks everything of a store once well and once badly.
func TestRemoteMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		registry.MustRegister(c)
		return c
	}
	at := time.Unix(0, 0)
	m := newRemoteMetrics(registry, nil, counter, func() time.Time { at = at.Add(time.Millisecond); return at })
	mem := backendtest.NewMem()
	ctx, b := context.Background(), m.counted(mem)
	use := func() {
		_, _ = b.Info(ctx)
		_, _ = b.List(ctx, object.Query{Limit: 1})
		_, _ = b.Put(ctx, "k", backend.PutOptions{Body: strings.NewReader("12345"), Size: 5})
		_, _ = b.Head(ctx, "k", "")
		if opened, err := b.Get(ctx, "k", backend.GetOptions{}); err == nil {
			_, _ = io.Copy(io.Discard, opened.Body)
			_ = opened.Body.Close()
			_ = opened.Body.Close()
		}
		_, _ = b.(backend.Copier).Copy(ctx, mem.Name(), "k", "", "copy", nil)
		_ = b.Delete(ctx, []string{"k", "copy"})
		id, _ := b.Uploads().Begin(ctx, "k", object.Meta{})
		etag, _ := b.Uploads().Put(ctx, "k", id, 1, strings.NewReader("678"), 3)
		_, _ = b.Uploads().Complete(ctx, "k", id, []object.Listed{{Number: 1, ETag: etag}}, object.Cond{})
		_ = b.Uploads().Abort(ctx, "k", id)
	}
	want := func(what string, c prometheus.Collector, n float64) {
		t.Helper()
		if got := testutil.ToFloat64(c); got != n {
			t.Errorf("%s: %v, want %v", what, got, n)
		}
	}
	use()
	_, _ = b.Head(ctx, "absent", "") // an answer
	for what, kind := range map[string]timed{"list": m.list, "head": m.head, "get": m.get, "copy": m.copied, "del": m.del} {
		want(what, kind.count, 1)
		want(what+" time", kind.nanoseconds, float64(time.Millisecond))
	}
	want("put", m.put.count, 2)
	want("bytes got", m.getBytes, 5)
	want("bytes put", m.putBytes, 8)
	if n := testutil.CollectAndCount(m.errors); n != 0 {
		t.Errorf("%d errors although all went well", n)
	}
	mem.Hook(func(context.Context, string, string) error { return object.E("x", "", object.Unavailable, nil) })
	use()
	for _, op := range []string{"info", "list", "put", "head", "get", "copy", "del", "begin", "part", "complete", "abort"} {
		want("failed "+op, m.errors.WithLabelValues(op), 1)
	}
	want("put", m.put.count, 2)
}

// TestRemoteMetricsBrokenBody counts a body that breaks as a failure.
func TestRemoteMetricsBrokenBody(t *testing.T) {
	target, mem := startAlone(t)
	mem.Set("k", "12345")
	mem.Wrap(func(_ string, r io.ReadCloser) io.ReadCloser {
		return struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(r, 2), brokenBody{}), r}
	})
	b, err := target.remote(makeBucket(t, target, object.AWS, "mem"))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := b.Get(t.Context(), "k", backend.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, opened.Body)
	_ = opened.Body.Close()
	m := target.metrics.remote
	if failed, ok := testutil.ToFloat64(m.errors.WithLabelValues("get")), testutil.ToFloat64(m.get.count); failed != 1 || ok != 0 {
		t.Errorf("%v failed, %v did not", failed, ok)
	}
	if n := testutil.ToFloat64(m.getBytes); n != 2 {
		t.Errorf("%v bytes", n)
	}
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errors.New("broken") }
