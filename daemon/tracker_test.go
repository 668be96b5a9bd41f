package daemon

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestTracker(t *testing.T) {
	registry := prometheus.NewRegistry()
	add := func(name string, value float64) {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name})
		c.Add(value)
		registry.MustRegister(c)
	}
	add("ais_target_get_count", 3)
	add("ais_target_get_bytes", 4096)
	add("ais_target_get_ns_total", 5e9)
	add("ais_target_err_get_count", 1)
	add("ais_target_remote_get_bytes_total", 7)
	add("go_threads", 9)
	uptime := prometheus.NewGauge(prometheus.GaugeOpts{Name: "ais_target_uptime"})
	uptime.Set(11)
	labelled := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ais_target_pass_count"}, []string{"op"})
	labelled.WithLabelValues("a").Add(2)
	labelled.WithLabelValues("b").Add(3)
	registry.MustRegister(uptime, labelled, prometheus.NewHistogram(prometheus.HistogramOpts{Name: "ais_target_wait_seconds"}))

	got := ""
	kinds := MetricKinds(registry)
	tracker := Tracker(registry)
	for _, name := range []string{"get.n", "get.size", "get.ns.total", "err.get.n", "remote.get.size", "up.ns.time", "pass.n"} {
		got += fmt.Sprintf("%s %s %d; ", name, kinds[name], tracker[name].Value)
	}
	want := "get.n counter 3; get.size size 4096; get.ns.total total 5000000000; err.get.n counter 1; remote.get.size size 7; up.ns.time total 11; pass.n counter 5; "
	if got != want || len(tracker) != 7 {
		t.Errorf("got  %s(of %d)\nwant %s", got, len(tracker), want)
	}
}
