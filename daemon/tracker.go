package daemon

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"ais/api"
)

// Kinds of metrics, as AIStore calls them.
const (
	kindCounter = "counter"
	kindSize    = "size"  // bytes
	kindTotal   = "total" // nanoseconds
	kindGauge   = "gauge"
)

// suffixes are the ends of our Prometheus names, and what they are in a tracker. A
// longer one comes before its own end.
var suffixes = []struct{ metric, tracked, kind string }{
	{"_ns_total", ".ns.total", kindTotal},
	{"_bytes_total", ".size", kindSize},
	{"_bytes", ".size", kindSize},
	{"_count", ".n", kindCounter},
}

// Tracker returns the node's counters and gauges under the names that AIStore's
// clients read: ais_target_get_count is "get.n", ais_target_get_bytes "get.size",
// ais_target_get_ns_total "get.ns.total". Of a metric with labels it is the sum. What
// cannot be gathered is left out.
func Tracker(from prometheus.Gatherer) map[string]api.Metric {
	out := map[string]api.Metric{}
	each(from, func(name, _ string, value float64) {
		out[name] = api.Metric{Value: int64(value)}
	})
	return out
}

// MetricKinds returns the kind of each metric of Tracker: counter, size, total or gauge.
func MetricKinds(from prometheus.Gatherer) map[string]string {
	out := map[string]string{}
	each(from, func(name, kind string, _ float64) { out[name] = kind })
	return out
}

func each(from prometheus.Gatherer, tell func(name, kind string, value float64)) {
	families, _ := from.Gather() // what could be gathered is in it
	for _, f := range families {
		name, kind, ok := trackedName(f.GetName())
		if !ok || f.GetType() != dto.MetricType_COUNTER && f.GetType() != dto.MetricType_GAUGE {
			continue
		}
		sum := 0.0
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
		tell(name, kind, sum)
	}
}

// trackedName returns the name in a tracker of a Prometheus metric; ok is false for
// one that is not a node's own.
func trackedName(metric string) (name, kind string, ok bool) {
	name, target := strings.CutPrefix(metric, "ais_target_")
	if !target {
		if name, ok = strings.CutPrefix(metric, "ais_proxy_"); !ok {
			return "", "", false
		}
	}
	if name == "uptime" {
		return api.UptimeMetric, kindTotal, true
	}
	kind, end := kindGauge, ""
	for _, s := range suffixes {
		if rest, is := strings.CutSuffix(name, s.metric); is {
			name, end, kind = rest, s.tracked, s.kind
			break
		}
	}
	return strings.ReplaceAll(name, "_", ".") + end, kind, true
}
