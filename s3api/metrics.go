package s3api

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts requests by operation. The series of an operation are resolved
// once, so that counting a request looks nothing up but its error code.
type metrics struct {
	inFlight prometheus.Gauge
	requests *prometheus.CounterVec
	byOp     [ops]opMetrics
	failures sync.Map // failure → prometheus.Counter
}

type opMetrics struct {
	ok       [6]prometheus.Counter // by the first digit of the status
	duration prometheus.Observer
	received prometheus.Counter
	sent     prometheus.Counter
}

type failure struct {
	op   Op
	code string
}

// durationBuckets reach from a small object in memory to a part on a slow line.
var durationBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ais_s3_requests_in_flight", Help: "S3 requests that a handler is working on."}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ais_s3_requests_total", Help: "S3 requests by operation and outcome: 2xx, 3xx, or S3's error code."}, []string{"op", "code"}),
	}
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "ais_s3_request_duration_seconds", Help: "Time from the request's header to the answer, without the streaming of its body.", Buckets: durationBuckets}, []string{"op"})
	received := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ais_s3_received_bytes_total", Help: "Bytes of request bodies, as framed on the wire."}, []string{"op"})
	sent := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ais_s3_sent_bytes_total", Help: "Bytes of response bodies."}, []string{"op"})
	if reg != nil {
		reg.MustRegister(m.inFlight, m.requests, duration, received, sent)
	}
	for op := range ops {
		name := op.String()
		o := opMetrics{duration: duration.WithLabelValues(name), received: received.WithLabelValues(name), sent: sent.WithLabelValues(name)}
		for class := 2; class <= 3; class++ {
			o.ok[class] = m.requests.WithLabelValues(name, strconv.Itoa(class)+"xx")
		}
		m.byOp[op] = o
	}
	return m
}

// observe counts one request. code is the S3 code of its error, "" for none.
func (m *metrics) observe(op Op, status int, code string, elapsed time.Duration, received, sent int64) {
	o := &m.byOp[op]
	m.inFlight.Dec()
	o.duration.Observe(elapsed.Seconds())
	o.received.Add(float64(received))
	o.sent.Add(float64(sent))
	if code == "" {
		if class := status / 100; class == 2 || class == 3 {
			o.ok[class].Inc()
			return
		}
		code = strconv.Itoa(status/100) + "xx" // relayed from another node
	}
	c, ok := m.failures.Load(failure{op, code})
	if !ok {
		c, _ = m.failures.LoadOrStore(failure{op, code}, m.requests.WithLabelValues(op.String(), code))
	}
	c.(prometheus.Counter).Inc()
}
