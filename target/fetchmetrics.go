package target

import (
	"errors"

	"ais/object"

	"github.com/prometheus/client_golang/prometheus"
)

// fetchMetrics count what reads of remote buckets' objects did besides serving
// what was here.
type fetchMetrics struct {
	coldCount, coldBytes, coldErrors prometheus.Counter
	coldUnkept, coldPassed           prometheus.Counter
	stale, gone, unchecked           prometheus.Counter
	changes, changeBytes             prometheus.Counter
}

func newFetchMetrics(counter func(name, help string) prometheus.Counter) fetchMetrics {
	return fetchMetrics{
		coldCount:   counter("cold_get_count", "Remote objects fetched and kept; however many clients waited for one, it counts once."),
		coldBytes:   counter("cold_get_bytes", "Bytes of remote objects fetched."),
		coldErrors:  counter("err_cold_get_count", "Fetches of remote objects that failed."),
		coldUnkept:  counter("cold_get_unkept_count", "Remote objects fetched that could not be kept."),
		coldPassed:  counter("cold_get_passed_count", "Reads of remote objects that passed through without being kept."),
		stale:       counter("warm_stale_count", "Reads of cached objects that the remote bucket has another version of."),
		changes:     counter("remote_ver_change_count", "Changes of remote objects that reads found out."),
		changeBytes: counter("remote_ver_change_bytes", "Bytes of the remote objects that reads found changed."),
		gone:        counter("warm_gone_count", "Cached objects removed because the remote bucket has them no more."),
		unchecked:   counter("warm_unchecked_count", "Reads of cached objects that could not be compared with the remote bucket."),
	}
}

// fetchFailed counts a fetch that has failed and, unless that is the answer to the
// request, says so in the log.
func (t *Target) fetchFailed(f *fetch, err error) {
	kind := object.KindOf(err)
	if kind == object.NotFound {
		return
	}
	t.metrics.coldErrors.Inc()
	if kind == object.Corrupt || errors.As(err, new(localError)) {
		t.cfg.Logger.Error("fetch of a remote object", "bucket", f.bucket.Name, "key", f.name.Key, "err", err)
		return
	}
	t.cfg.Logger.Warn("fetch of a remote object", "bucket", f.bucket.Name, "key", f.name.Key, "err", err)
}
