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
	checks                                        atomic.Int64
}

func ioFault(err error) bool {
	k := object.KindOf(err)
	return k == object.Internal || k == object.Unavailable && errors.Is(err, errRetired)
}

func (m *mountpath) noteWrite(err error) {
	if ioFault(err) {
		m.stats.putErrors.Add(1)
	}
	m.suspect(err)
}

func (m *mountpath) noteReadError(err error) {
	if ioFault(err) {
		m.stats.getErrors.Add(1)
	}
	m.suspect(err)
}

// MountpathState says what a mountpath can do now.
type MountpathState string

// The states. A full mountpath serves reads and deletes, one that is read-only
// serves reads; one that is detaching or
// disabling serves what was not moved away yet; a failed or disabled one nothing.
const (
	MountpathOK        MountpathState = "ok"
	MountpathFull      MountpathState = "full"
	MountpathReadOnly  MountpathState = "read-only" // its file system is
	MountpathDetaching MountpathState = "detaching"
	MountpathDisabling MountpathState = "disabling"
	MountpathDisabled  MountpathState = "disabled" // by an administrator
	MountpathFailed    MountpathState = "failed"   // by itself
)

// Serves reports whether names on a mountpath in that state can be read.
func (s MountpathState) Serves() bool { return s != MountpathDisabled && s != MountpathFailed }

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
	Cause    string // why it is failed or disabled
}

// Mountpaths describes every mountpath, in the set's order.
func (s *Store) Mountpaths() []MountpathStatus {
	l := s.layout.Load()
	by := l.byID()
	out := make([]MountpathStatus, len(l.set.Members))
	for i, m := range l.set.Members {
		out[i] = by[m.ID].status(m.State)
	}
	return out
}

func (m *mountpath) status(made memberState) MountpathStatus {
	st := MountpathStatus{Dir: m.dir, ID: m.id, State: MountpathOK, Corrupt: m.stats.corrupt.Load()}
	if u, err := m.space.usageNow(); err == nil {
		st.Capacity, st.Free = u.Capacity, u.Free
		if m.space.full() {
			st.State = MountpathFull
		}
	}
	x := m.index.Load()
	switch {
	case made == memberOff || made == memberDisabled:
		st.State = MountpathDisabled
	case x == nil:
		st.State = MountpathFailed
	case x.readOnly:
		st.State = MountpathReadOnly
	case made.leaving():
		st.State = MountpathState(made)
	}
	if x == nil || x.readOnly {
		m.mu.Lock()
		if m.cause != nil {
			st.Cause = m.cause.Error()
		}
		m.mu.Unlock()
	}
	if x == nil {
		return st
	}
	n := x.counters.all()
	st.Objects, st.Bytes = n.objects, n.bytes
	return st
}

// metrics gives the mountpaths' numbers to Prometheus when it asks.
type metrics struct {
	s        *Store
	registry prometheus.Registerer

	state, resilver, moved, movedBytes, left                       *prometheus.Desc
	up, capacity, free, objects, bytes                             *prometheus.Desc
	get, put, del, failures, corrupt, orphans, checkpoints, unlink *prometheus.Desc
	checks                                                         *prometheus.Desc
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
		checks:      desc("mountpath_checks_total", "Health checks of the mountpath because an operation on it failed."),
		corrupt:     desc("err_cksum_count", "Blocks and blobs that were found damaged or lost."),
		orphans:     desc("cleanup_store_count", "Blobs without a reference that the sweep removed."),
		checkpoints: desc("mountpath_checkpoints_total", "Copies of the index made on another mountpath."),
		unlink:      desc("mountpath_unlink_errors_total", "Blobs that could not be removed at once."),
	}
	plain := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("ais_target_"+name, help, nil, nil)
	}
	m.state = prometheus.NewDesc("ais_target_mountpath_state", "1 for the state that the mountpath is in.", []string{"mountpath", "state"}, nil)
	m.resilver = plain("resilver_running", "1 while names are moved between mountpaths.")
	m.moved = plain("resilver_objects_total", "Names that were moved between mountpaths.")
	m.movedBytes = plain("resilver_bytes_total", "Bytes of payload that were moved between mountpaths.")
	m.left = plain("resilver_unsettled", "1 while names may be on mountpaths where they do not belong.")
	if r == nil {
		return m, nil
	}
	return m, r.Register(m)
}

// resilverStats is what resilvers have done since the start.
type resilverStats struct {
	resilver                    atomic.Pointer[Progress] // of the one that works
	resilvered, resilveredBytes atomic.Int64
	mirrored, repaired          atomic.Int64 // names that got a mirror anew, or were repaired from it
}

func (m *metrics) collectResilver(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, is bool) {
		v := 0.0
		if is {
			v = 1
		}
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	stats := &m.s.metricsOf
	gauge(m.resilver, stats.resilver.Load() != nil)
	gauge(m.left, m.s.Unsettled())
	ch <- prometheus.MustNewConstMetric(m.moved, prometheus.CounterValue, float64(stats.resilvered.Load()))
	ch <- prometheus.MustNewConstMetric(m.movedBytes, prometheus.CounterValue, float64(stats.resilveredBytes.Load()))
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
	m.collectResilver(ch)
	l := m.s.layout.Load()
	by := l.byID()
	for _, member := range l.set.Members {
		mp := by[member.ID]
		st := mp.status(member.State)
		gauge := func(d *prometheus.Desc, v int64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), st.Dir)
		}
		counter := func(d *prometheus.Desc, v *atomic.Int64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v.Load()), st.Dir)
		}
		up := int64(1)
		if !st.State.Serves() {
			up = 0
		}
		gauge(m.up, up)
		ch <- prometheus.MustNewConstMetric(m.state, prometheus.GaugeValue, 1, st.Dir, string(st.State))
		gauge(m.capacity, st.Capacity)
		gauge(m.free, st.Free)
		gauge(m.objects, st.Objects)
		gauge(m.bytes, st.Bytes)
		counter(m.get, &mp.stats.getErrors)
		counter(m.put, &mp.stats.putErrors)
		counter(m.del, &mp.stats.delErrors)
		counter(m.failures, &mp.stats.failures)
		counter(m.checks, &mp.stats.checks)
		counter(m.corrupt, &mp.stats.corrupt)
		counter(m.orphans, &mp.stats.orphans)
		counter(m.checkpoints, &mp.stats.checkpoints)
		counter(m.unlink, &mp.stats.removeErrors)
	}
}
