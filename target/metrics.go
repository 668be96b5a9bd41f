package target

import (
	"strconv"
	"time"

	"ais/backend/signed"
	"ais/object"
	"ais/s3api"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"
)

// metrics are a target's own, under AIStore's names where it has one. Those of
// the S3 protocol, the store and the peers are their packages'.
type metrics struct {
	handler fasthttp.RequestHandler

	byKind map[s3api.Op]*kindMetrics
	get    *kindMetrics
	put    *kindMetrics
	head   *kindMetrics
	del    *kindMetrics

	getBytes prometheus.Counter
	putBytes prometheus.Counter
	lists    prometheus.Counter
	relays   prometheus.Counter
	unkept   prometheus.Counter
	pass     *prometheus.CounterVec

	jobMetrics
	remote remoteMetrics
	batch  batchMetrics

	fetchMetrics

	lifecycleScanned  prometheus.Counter
	lifecycleErrors   prometheus.Counter
	lifecycleDone     [lifecycleActions]prometheus.Counter // nil for keep
	lifecycleLastRun  prometheus.Gauge
	lifecycleDuration prometheus.Gauge
}

// kindMetrics count one kind of operation.
type kindMetrics struct {
	count, nanoseconds, errors prometheus.Counter
}

func newMetrics(registry *prometheus.Registry, t *Target) *metrics {
	labels := prometheus.Labels{"node_id": t.cfg.ID}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "ais_target_" + name, Help: help, ConstLabels: labels})
		registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string, value func() float64) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
	}
	kind := func(name, what string) *kindMetrics {
		return &kindMetrics{
			count:       counter(name+"_count", "Objects "+what+"."),
			nanoseconds: counter(name+"_ns_total", "Time spent on objects "+what+", nanoseconds."),
			errors:      counter("err_"+name+"_count", "Failures of objects to be "+what+"."),
		}
	}
	m := &metrics{
		get: kind("get", "read"), put: kind("put", "written"), head: kind("head", "looked up"), del: kind("del", "deleted"),
		getBytes: counter("get_bytes", "Bytes of objects read."),
		putBytes: counter("put_bytes", "Bytes of objects written."),
		lists:    counter("lst_count", "Shares of listing pages."),
		relays:   counter("relay_count", "Requests sent on to the node that could answer them."),
		unkept:   counter("remote_put_unkept_count", "Objects that were written to a remote bucket and could not be kept here."),
	}
	m.pass = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ais_target_pass_count", Help: "Requests executed at S3 as clients signed them, by operation and S3's status; 0 where it did not answer.", ConstLabels: labels,
	}, []string{"op", "status"})
	registry.MustRegister(m.pass)
	m.addLifecycle(registry, labels)
	m.jobMetrics = newJobMetrics(counter)
	m.remote = newRemoteMetrics(registry, labels, counter, t.cfg.Now)
	m.fetchMetrics = newFetchMetrics(counter)
	m.batch = newBatchMetrics(counter)
	m.byKind = map[s3api.Op]*kindMetrics{
		s3api.GetObject: m.get, s3api.HeadObject: m.head, s3api.DeleteObject: m.del,
		s3api.PutObject: m.put, s3api.CopyObject: m.put, s3api.UploadPart: m.put, s3api.UploadPartCopy: m.put,
	}
	gauge("ais_cluster_map_version", "Version of the cluster map that this node works with.", func() float64 {
		return float64(t.cluster.State().Map.Version)
	})
	gauge("ais_node_live", "1 while this node holds its lease.", func() float64 {
		if t.cluster.State().IsLive(t.cfg.ID) {
			return 1
		}
		return 0
	})
	gauge("ais_target_uptime", "Time since this target started, nanoseconds.", func() float64 {
		return float64(t.cfg.Now().Sub(t.started))
	})
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = fasthttpadaptor.NewFastHTTPHandler(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return m
}

// observe counts an operation that took d and failed with err, or did not.
func (m *metrics) observe(op s3api.Op, d time.Duration, err error) {
	if k := m.byKind[op]; k != nil {
		k.observe(d, err)
	}
}

// passed counts a request that was signed for S3 itself; answer is nil where S3 did
// not answer.
func (m *metrics) passed(op s3api.Op, answer *signed.Answer) {
	status := 0
	if answer != nil {
		status = answer.Status
	}
	m.pass.WithLabelValues(op.String(), strconv.Itoa(status)).Inc()
}

func (k *kindMetrics) observe(d time.Duration, err error) {
	if err != nil && object.KindOf(err) != object.NotModified {
		k.errors.Inc()
		return
	}
	k.count.Inc()
	k.nanoseconds.Add(float64(d))
}

// addLifecycle makes the metrics of lifecycles.
func (m *metrics) addLifecycle(registry *prometheus.Registry, labels prometheus.Labels) {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "ais_target_lifecycle_" + name, Help: help, ConstLabels: labels})
		registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "ais_target_lifecycle_" + name, Help: help, ConstLabels: labels})
		registry.MustRegister(g)
		return g
	}
	m.lifecycleScanned = counter("scanned_count", "Versions of objects that lifecycle runs looked at.")
	m.lifecycleErrors = counter("err_count", "Buckets whose lifecycle could not be carried out to the end of a run.")
	m.lifecycleLastRun = gauge("last_run_timestamp_seconds", "When the last complete lifecycle run began; 0 for never.")
	m.lifecycleDuration = gauge("last_run_seconds", "How long the last complete lifecycle run took.")
	done := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ais_target_lifecycle_done_count", Help: "What lifecycle runs did, by action.", ConstLabels: labels,
	}, []string{"action"})
	registry.MustRegister(done)
	for action := expire; action < lifecycleActions; action++ {
		m.lifecycleDone[action] = done.WithLabelValues(action.String())
	}
}

// lifecycleEnded notes a complete run.
func (m *metrics) lifecycleEnded(began time.Time, took time.Duration) {
	m.lifecycleLastRun.Set(float64(began.UnixMilli()) / 1000)
	m.lifecycleDuration.Set(took.Seconds())
}
