package peer

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	answered, unavailable, incomplete prometheus.Counter // relays by outcome
	cut                               prometheus.Counter
	retries                           prometheus.Counter
	calls                             prometheus.Counter
	dials, dialsFailed                prometheus.Counter
	sent, received                    prometheus.Counter
}

func newMetrics(c *Client) *metrics {
	relays := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ais_peer_relays_total",
		Help: "Requests relayed to other nodes, by outcome: answered by the node, node unavailable, body cut by the client.",
	}, []string{"outcome"})
	dials := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ais_peer_dials_total", Help: "Connections opened to other nodes, by outcome.",
	}, []string{"outcome"})
	bytes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ais_peer_bytes_total", Help: "Bytes exchanged with other nodes, by direction.",
	}, []string{"direction"})
	cut := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "ais_peer_answers_cut_total", Help: "Answers of other nodes that ended early, by their fault or the client's.",
	})
	retries := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "ais_peer_retries_total", Help: "Requests sent again because a kept connection was closed.",
	})
	calls := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "ais_peer_calls_total", Help: "Control messages sent to other nodes.",
	})
	open := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ais_peer_connections_open", Help: "Open connections to other nodes.",
	}, func() float64 { return float64(c.opened.Load()) })
	idle := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ais_peer_connections_idle", Help: "Connections to other nodes that are kept for the next request.",
	}, func() float64 { return float64(c.idle.Load()) })
	if r := c.config.Registerer; r != nil {
		r.MustRegister(relays, dials, bytes, cut, retries, calls, open, idle)
	}
	return &metrics{
		answered:    relays.WithLabelValues("answered"),
		unavailable: relays.WithLabelValues("unavailable"),
		incomplete:  relays.WithLabelValues("incomplete"),
		cut:         cut,
		retries:     retries,
		calls:       calls,
		dials:       dials.WithLabelValues("ok"),
		dialsFailed: dials.WithLabelValues("failed"),
		sent:        bytes.WithLabelValues("sent"),
		received:    bytes.WithLabelValues("received"),
	}
}
