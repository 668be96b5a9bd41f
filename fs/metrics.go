package fs

import (
	"errors"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"ais/object"
)

// mountpathStats counts what happens on a mountpath. AIStore's names are used
// where it has one: err_io_{get,put,del}_count, err_fshc_count, err_cksum_count,
// cleanup_store_count.
type mountpathStats struct {
	getErrors, putErrors, delErrors, removeErrors atomic.Int64
	corrupt, orphans, failures, checkpoints       atomic.Int64
}

func ioFault(err error) bool {
	k := object.KindOf(err)
	return k == object.Internal || k == object.Unavailable && errors.Is(err, errRetired)
}

func (m *mountpathStats) noteWrite(err error) {
	if ioFault(err) {
		m.putErrors.Add(1)
	}
}

func (m *mountpathStats) noteRead(err error) {
	if ioFault(err) {
		m.getErrors.Add(1)
	}
}

// MountpathState says what a mountpath can do now.
type MountpathState string

// The states. A full mountpath serves reads and deletes; a disabled one nothing.
const (
	MountpathOK       MountpathState = "ok"
	MountpathFull     MountpathState = "full"
	MountpathDisabled MountpathState = "disabled"
)

// MountpathStatus describes one mountpath.
type MountpathStatus struct {
	Dir      string
	ID       string
	State    MountpathState
	Capacity int64
	Free     int64
	Objects  int64
	Bytes    int64
	Corrupt  int64  // blocks or blobs found damaged since the start
	Cause    string // why it is disabled
}

// Mountpaths describes every mountpath, in the set's order.
func (s *Store) Mountpaths() []MountpathStatus {
	out := make([]MountpathStatus, len(s.mountpaths))
	for i, m := range s.mountpaths {
		out[i] = m.status()
	}
	return out
}

func (m *mountpath) status() MountpathStatus {
	st := MountpathStatus{Dir: m.dir, ID: m.id, State: MountpathOK, Corrupt: m.stats.corrupt.Load()}
	if u, err := m.space.usageNow(); err == nil {
		st.Capacity, st.Free = u.Capacity, u.Free
		if m.space.full() {
			st.State = MountpathFull
		}
	}
	x := m.index.Load()
	if x == nil {
		st.State = MountpathDisabled
		m.mu.Lock()
		if m.cause != nil {
			st.Cause = m.cause.Error()
		}
		m.mu.Unlock()
		return st
	}
	n := x.counters.all()
	st.Objects, st.Bytes = n.objects, n.bytes
	return st
}

// disable takes a mountpath that could not be opened out of service.
func (m *mountpath) disable(cause error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cause = cause
	m.stats.failures.Add(1)
	m.logger.Error("mountpath is disabled", "err", cause)
}

// metrics gives the mountpaths' numbers to Prometheus when it asks.
type metrics struct {
	s        *Store
	registry prometheus.Registerer

	up, capacity, free, objects, bytes                             *prometheus.Desc
	get, put, del, failures, corrupt, orphans, checkpoints, unlink *prometheus.Desc
}

func newMetrics(s *Store, r prometheus.Registerer) (*metrics, error) {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("ais_target_"+name, help, []string{"mountpath"}, nil)
	}
	m := &metrics{
		s: s, registry: r,
		up:          desc("mountpath_up", "1 if the mountpath is in service."),
		capacity:    desc("mountpath_capacity_bytes", "Size of the mountpath's file system."),
		free:        desc("mountpath_free_bytes", "Room left on the mountpath's file system."),
		objects:     desc("mountpath_objects", "Objects on the mountpath."),
		bytes:       desc("mountpath_bytes", "Bytes of the objects on the mountpath."),
		get:         desc("err_io_get_count", "Reads that failed in the system."),
		put:         desc("err_io_put_count", "Writes that failed in the system."),
		del:         desc("err_io_del_count", "Deletions that failed in the system."),
		failures:    desc("err_fshc_count", "Times the mountpath was taken out of service."),
		corrupt:     desc("err_cksum_count", "Blocks and blobs that were found damaged or lost."),
		orphans:     desc("cleanup_store_count", "Blobs without a reference that the sweep removed."),
		checkpoints: desc("mountpath_checkpoints_total", "Copies of the index made on another mountpath."),
		unlink:      desc("mountpath_unlink_errors_total", "Blobs that could not be removed at once."),
	}
	if r == nil {
		return m, nil
	}
	return m, r.Register(m)
}

func (m *metrics) unregister() {
	if m.registry != nil {
		m.registry.Unregister(m)
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, mp := range m.s.mountpaths {
		st := mp.status()
		gauge := func(d *prometheus.Desc, v int64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), st.Dir)
		}
		counter := func(d *prometheus.Desc, v *atomic.Int64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v.Load()), st.Dir)
		}
		up := int64(1)
		if st.State == MountpathDisabled {
			up = 0
		}
		gauge(m.up, up)
		gauge(m.capacity, st.Capacity)
		gauge(m.free, st.Free)
		gauge(m.objects, st.Objects)
		gauge(m.bytes, st.Bytes)
		counter(m.get, &mp.stats.getErrors)
		counter(m.put, &mp.stats.putErrors)
		counter(m.del, &mp.stats.delErrors)
		counter(m.failures, &mp.stats.failures)
		counter(m.corrupt, &mp.stats.corrupt)
		counter(m.orphans, &mp.stats.orphans)
		counter(m.checkpoints, &mp.stats.checkpoints)
		counter(m.unlink, &mp.stats.removeErrors)
	}
}
