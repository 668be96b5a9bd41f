package proxy

import (
	"ais/cluster"

	"github.com/prometheus/client_golang/prometheus"
)

// targetStates tells of each target whether it is alive and in sync, as this proxy
// sees it: a target that is down cannot tell it itself.
type targetStates struct {
	state        func() *cluster.State
	live, behind *prometheus.Desc
}

func newTargetStates(labels prometheus.Labels, state func() *cluster.State) *targetStates {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"target"}, labels)
	}
	return &targetStates{
		state:  state,
		live:   desc("ais_cluster_target_live", "1 while the target holds its lease."),
		behind: desc("ais_cluster_target_behind", "1 while the target's copies are behind: the others act for it. Alive as well, it catches up."),
	}
}

// Describe is part of prometheus.Collector.
func (t *targetStates) Describe(to chan<- *prometheus.Desc) {
	to <- t.live
	to <- t.behind
}

// Collect is part of prometheus.Collector.
func (t *targetStates) Collect(to chan<- prometheus.Metric) {
	state := t.state()
	for _, n := range state.Targets() {
		to <- prometheus.MustNewConstMetric(t.live, prometheus.GaugeValue, number(state.IsLive(n.ID)), n.ID)
		to <- prometheus.MustNewConstMetric(t.behind, prometheus.GaugeValue, number(n.Behind != 0), n.ID)
	}
}

func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
