package proxy

import (
	"ais/s3api"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"
)

// metrics are a proxy's own, under AIStore's names where it has one. Those of
// the S3 protocol and the peers are their packages'.
type metrics struct {
	handler fasthttp.RequestHandler

	byOp      map[s3api.Op]prometheus.Counter
	redirects prometheus.Counter
	relays    prometheus.Counter
	holds     prometheus.Counter
}

func newMetrics(registry *prometheus.Registry, p *Proxy) *metrics {
	labels := prometheus.Labels{"node_id": p.cfg.ID}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "ais_proxy_" + name, Help: help, ConstLabels: labels})
		registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string, value func() float64) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
	}
	get := counter("get_count", "Requests for the content of an object.")
	put := counter("put_count", "Requests to write an object or part.")
	head := counter("head_count", "Requests for the metadata of an object.")
	del := counter("del_count", "Requests to delete objects.")
	lst := counter("lst_count", "Requests for a page of a listing.")
	m := &metrics{
		redirects: counter("redirect_count", "Requests answered with a redirect to the owner."),
		relays:    counter("relay_count", "Requests relayed to the owner."),
		holds:     counter("hold_count", "Requests that waited for a target that was not there."),
		byOp: map[s3api.Op]prometheus.Counter{
			s3api.GetObject: get, s3api.HeadObject: head, s3api.DeleteObject: del, s3api.DeleteObjects: del,
			s3api.PutObject: put, s3api.CopyObject: put, s3api.UploadPart: put, s3api.UploadPartCopy: put,
			s3api.ListObjects: lst, s3api.ListObjectsV2: lst, s3api.ListObjectVersions: lst,
		},
	}
	gauge("ais_cluster_map_version", "Version of the cluster map that this node works with.", func() float64 {
		return float64(p.cluster.State().Map.Version)
	})
	gauge("ais_node_live", "1 while this node holds its lease.", func() float64 {
		return number(p.cluster.State().IsLive(p.cfg.ID))
	})
	gauge("ais_cluster_buckets_unmoved", "Buckets whose objects are being moved to other targets, or are to be.", func() float64 {
		return float64(len(p.cluster.State().Unmoved()))
	})
	registry.MustRegister(newTargetStates(labels, p.cluster.State))
	gauge("ais_cluster_targets_live", "Targets that hold their lease, as this proxy sees them.", func() float64 {
		state, n := p.cluster.State(), 0
		for _, node := range state.Targets() {
			if state.IsLive(node.ID) {
				n++
			}
		}
		return float64(n)
	})
	gauge("ais_proxy_requests_held", "Requests that wait for a target that is not there.", func() float64 {
		return float64(p.held.Load())
	})
	gauge("ais_proxy_uptime", "Time since this proxy started, nanoseconds.", func() float64 {
		return float64(p.cfg.Now().Sub(p.started))
	})
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = fasthttpadaptor.NewFastHTTPHandler(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return m
}

func (m *metrics) count(op s3api.Op) {
	if c := m.byOp[op]; c != nil {
		c.Inc()
	}
}
