package load

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
)

type metrics struct {
	refused, timedOut prometheus.Counter
	waited            prometheus.Counter
}

func newMetrics(l *Limiter) *metrics {
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ais_load_refused_total", Help: "Requests refused because the node was full: at once, or after they had waited.",
	}, []string{"reason"})
	m := &metrics{
		refused:  refused.WithLabelValues("full"),
		timedOut: refused.WithLabelValues("waited"),
		waited:   prometheus.NewCounter(prometheus.CounterOpts{Name: "ais_load_waited_total", Help: "Requests that had to wait for their turn."}),
	}
	if l.config.Registerer == nil {
		return m
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			l.mu.Lock()
			defer l.mu.Unlock()
			return value()
		})
	}
	l.config.Registerer.MustRegister(refused, m.waited,
		gauge("ais_load_requests_in_flight", "Requests that are served, until their answer is sent.", func() float64 { return float64(l.used.requests) }),
		gauge("ais_load_buffers_in_flight", "Bytes that those requests are charged for their buffers.", func() float64 { return float64(l.used.bytes) }),
		gauge("ais_load_requests_queued", "Requests that wait for their turn.", func() float64 { return float64(l.waits) }),
	)
	return m
}

// watch registers how many connections a server has.
func watch(r prometheus.Registerer, server *fasthttp.Server) {
	if r != nil {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "ais_load_connections_open", Help: "Connections of clients and other nodes, idle ones included.",
		}, func() float64 { return float64(max(server.GetOpenConnectionsCount(), 0)) }))
	}
}
