package replica

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	prepares    prometheus.Counter
	held        prometheus.Counter
	handoffs    prometheus.Counter
	streamsCut  prometheus.Counter
	pulls       prometheus.Counter
	pulledBytes prometheus.Counter
	repairs     prometheus.Counter
	resolved    prometheus.Counter
	takeovers   prometheus.Counter
	returned    prometheus.Counter
}

func newMetrics(registerer prometheus.Registerer, k *Keeper) *metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "ais_copies_" + name, Help: help})
		if registerer != nil {
			registerer.MustRegister(c)
		}
		return c
	}
	gauge := func(name, help string, value func() float64) {
		if registerer != nil {
			registerer.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "ais_copies_" + name, Help: help}, value))
		}
	}
	gauge("in_flight", "Changes that are on their way to other copies.", func() float64 { return float64(k.flights.count()) })
	gauge("catching_up", "1 while this target's copies are behind and catch up.", func() float64 { return k.returns.active() })
	return &metrics{
		prepares:    counter("prepares_total", "Changes sent to other copies, by the number of copies."),
		held:        counter("held_writes_total", "Changes that had to wait for a copy that did not answer."),
		handoffs:    counter("handoff_notes_total", "Changes noted for targets that missed them."),
		streamsCut:  counter("streams_cut_total", "Streams of bytes to copies that were given up; the copy fetches them."),
		pulls:       counter("pulls_total", "Names fetched whole from another copy."),
		pulledBytes: counter("pulled_bytes_total", "Bytes of payload fetched from other copies."),
		repairs:     counter("repairs_total", "Damaged copies that were replaced by good ones."),
		resolved:    counter("resolved_total", "Changes that stayed prepared and were asked about."),
		takeovers:   counter("takeovers_total", "Targets whose names were taken over."),
		returned:    counter("returns_total", "Targets whose copies are in sync again."),
	}
}
