package target

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// batchMetrics are those of Get-Batch: the batches that this target has answered, and
// what was in them.
type batchMetrics struct {
	count     prometheus.Counter
	errors    prometheus.Counter
	soft      prometheus.Counter
	objects   prometheus.Counter
	files     prometheus.Counter
	objBytes  prometheus.Counter
	fileBytes prometheus.Counter
	rxWait    prometheus.Counter
}

func newBatchMetrics(counter func(name, help string) prometheus.Counter) batchMetrics {
	return batchMetrics{
		count:     counter("getbatch_count", "Batches that this target was to answer."),
		errors:    counter("err_getbatch_count", "Batches that were refused, or cut."),
		soft:      counter("err_soft_getbatch_count", "Entries of batches that failed, in their place."),
		objects:   counter("getbatch_obj_count", "Objects sent in batches."),
		files:     counter("getbatch_file_count", "Files in archives sent in batches."),
		objBytes:  counter("getbatch_obj_bytes", "Bytes of objects sent in batches."),
		fileBytes: counter("getbatch_file_bytes", "Bytes of files in archives sent in batches."),
		rxWait:    counter("getbatch_rxwait_ns_total", "Time that batches waited for other targets, nanoseconds."),
	}
}

// began counts a batch that begins to be answered, or fails with err before.
func (m *batchMetrics) began(err error) {
	m.count.Inc()
	if err != nil {
		m.errors.Inc()
	}
}

// sent counts an entry.
func (m *batchMetrics) sent(file bool, size int64) {
	if file {
		m.files.Inc()
		m.fileBytes.Add(float64(size))
		return
	}
	m.objects.Inc()
	m.objBytes.Add(float64(size))
}

// waited counts time spent waiting for another target.
func (m *batchMetrics) waited(d time.Duration) { m.rxWait.Add(float64(d)) }
