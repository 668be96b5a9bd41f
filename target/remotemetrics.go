package target

import (
	"context"
	"io"
	"time"

	"ais/backend"
	"ais/object"

	"github.com/prometheus/client_golang/prometheus"
)

// remoteMetrics count what is asked of the stores of remote buckets, and how long
// that takes, bodies included.
type remoteMetrics struct {
	get, put, head, list, del, copied timed
	getBytes, putBytes                prometheus.Counter
	errors                            *prometheus.CounterVec // by operation
	now                               func() time.Time
}

// timed is how many operations succeeded, and how long they took.
type timed struct {
	count, nanoseconds prometheus.Counter
}

func newRemoteMetrics(registry *prometheus.Registry, labels prometheus.Labels, counter func(name, help string) prometheus.Counter, now func() time.Time) remoteMetrics {
	kind := func(name, what string) timed {
		return timed{
			count:       counter("remote_"+name+"_count", "Successful requests to remote buckets: "+what+"."),
			nanoseconds: counter("remote_"+name+"_ns_total", "Time spent on successful requests to remote buckets, nanoseconds: "+what+"."),
		}
	}
	m := remoteMetrics{
		get: kind("get", "reads of objects or their ranges"), put: kind("put", "writes of objects and parts"), head: kind("head", "looks at objects"),
		list: kind("list", "pages of listings"), del: kind("del", "deletions, of one object or many"), copied: kind("copy", "copies that the store makes"),
		getBytes: counter("remote_get_bytes_total", "Bytes read from remote buckets."),
		putBytes: counter("remote_put_bytes_total", "Bytes of objects and parts written to remote buckets."),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ais_target_remote_err_count", Help: "Requests to remote buckets that failed, by operation; a no that was an answer does not count.", ConstLabels: labels,
		}, []string{"op"}),
		now: now,
	}
	registry.MustRegister(m.errors)
	return m
}

// counted returns b with everything counted that is asked of it.
func (m *remoteMetrics) counted(b backend.Backend) backend.Backend {
	c := counted{inner: b, m: m}
	if copier, ok := b.(backend.Copier); ok {
		return countedCopier{c, copier}
	}
	return c
}

// done counts an operation that began at a time; kind may be nil.
func (m *remoteMetrics) done(op string, kind *timed, began time.Time, err error) {
	if err != nil {
		if fault(err) {
			m.errors.WithLabelValues(op).Inc()
		}
		return
	}
	if kind != nil {
		kind.count.Inc()
		kind.nanoseconds.Add(float64(m.now().Sub(began)))
	}
}

// fault reports whether an error says that a store, or the way to it, does not do
// what it is there for.
func fault(err error) bool {
	switch object.KindOf(err) {
	case object.NotFound, object.NoSuchVersion, object.DeleteMarked, object.Precondition, object.RangeInvalid, object.NoSuchUpload,
		object.InvalidPart, object.InvalidPartOrder, object.TooSmall:
		return false
	}
	return true
}

// counted is a Backend whose operations are counted.
type counted struct {
	inner backend.Backend
	m     *remoteMetrics
}

func (c counted) Info(ctx context.Context) (backend.Info, error) {
	info, err := c.inner.Info(ctx)
	c.m.done("info", nil, time.Time{}, err)
	return info, err
}

func (c counted) List(ctx context.Context, q object.Query) (object.Page, error) {
	began := c.m.now()
	page, err := c.inner.List(ctx, q)
	c.m.done("list", &c.m.list, began, err)
	return page, err
}

func (c counted) Head(ctx context.Context, key, version string) (backend.Meta, error) {
	began := c.m.now()
	meta, err := c.inner.Head(ctx, key, version)
	c.m.done("head", &c.m.head, began, err)
	return meta, err
}

func (c counted) Get(ctx context.Context, key string, o backend.GetOptions) (*backend.Object, error) {
	began := c.m.now()
	opened, err := c.inner.Get(ctx, key, o)
	if err != nil {
		c.m.done("get", nil, began, err)
		return nil, err
	}
	opened.Body = &countedBody{ReadCloser: opened.Body, m: c.m, began: began}
	return opened, nil
}

func (c counted) Put(ctx context.Context, key string, o backend.PutOptions) (backend.Meta, error) {
	began := c.m.now()
	meta, err := c.inner.Put(ctx, key, o)
	c.m.done("put", &c.m.put, began, err)
	if err == nil {
		c.m.putBytes.Add(float64(o.Size))
	}
	return meta, err
}

func (c counted) Delete(ctx context.Context, keys []string) []error {
	began := c.m.now()
	errs := c.inner.Delete(ctx, keys)
	var failed error
	for _, err := range errs {
		if err != nil && (failed == nil || fault(err)) {
			failed = err
		}
	}
	c.m.done("del", &c.m.del, began, failed)
	return errs
}

func (c counted) Uploads() backend.Uploads { return countedUploads{c.inner.Uploads(), c.m} }

// countedCopier is a counted Backend that copies.
type countedCopier struct {
	counted
	copier backend.Copier
}

func (c countedCopier) Copy(ctx context.Context, bucket, from, version, key string, meta *object.Meta) (backend.Meta, error) {
	began := c.m.now()
	made, err := c.copier.Copy(ctx, bucket, from, version, key, meta)
	c.m.done("copy", &c.m.copied, began, err)
	return made, err
}

type countedUploads struct {
	inner backend.Uploads
	m     *remoteMetrics
}

func (u countedUploads) Begin(ctx context.Context, key string, meta object.Meta) (string, error) {
	id, err := u.inner.Begin(ctx, key, meta)
	u.m.done("begin", nil, time.Time{}, err)
	return id, err
}

func (u countedUploads) Put(ctx context.Context, key, id string, number int, body io.ReadSeeker, size int64) (string, error) {
	began := u.m.now()
	etag, err := u.inner.Put(ctx, key, id, number, body, size)
	u.m.done("part", &u.m.put, began, err)
	if err == nil {
		u.m.putBytes.Add(float64(size))
	}
	return etag, err
}

func (u countedUploads) Complete(ctx context.Context, key, id string, parts []object.Listed, cond object.Cond) (backend.Meta, error) {
	meta, err := u.inner.Complete(ctx, key, id, parts, cond)
	u.m.done("complete", nil, time.Time{}, err)
	return meta, err
}

func (u countedUploads) Abort(ctx context.Context, key, id string) error {
	err := u.inner.Abort(ctx, key, id)
	u.m.done("abort", nil, time.Time{}, err)
	return err
}

// countedBody is a body that counts when it has been read: its bytes as they come,
// itself when it is closed.
type countedBody struct {
	io.ReadCloser
	m      *remoteMetrics
	began  time.Time
	failed error
	closed bool
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.m.getBytes.Add(float64(n))
	if err != nil && err != io.EOF {
		b.failed = err
	}
	return n, err
}

func (b *countedBody) Close() error {
	if !b.closed {
		b.closed = true
		b.m.done("get", &b.m.get, b.began, b.failed)
	}
	return b.ReadCloser.Close()
}
