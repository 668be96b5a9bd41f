package target

import "github.com/prometheus/client_golang/prometheus"

// jobMetrics count what left the mountpaths, or came there, without a client's
// asking for the object.
type jobMetrics struct {
	evicted, evictedBytes       prometheus.Counter
	prefetched, prefetchedBytes prometheus.Counter
	lru, lruBytes               prometheus.Counter
}

func newJobMetrics(counter func(name, help string) prometheus.Counter) jobMetrics {
	return jobMetrics{
		evicted:         counter("evict_count", "Remote objects evicted on request."),
		evictedBytes:    counter("evict_bytes", "Bytes of remote objects evicted on request."),
		prefetched:      counter("prefetch_count", "Remote objects prefetched."),
		prefetchedBytes: counter("prefetch_bytes", "Bytes of remote objects prefetched."),
		lru:             counter("lru_evict_count", "Objects evicted to make room."),
		lruBytes:        counter("lru_evict_bytes", "Bytes of objects evicted to make room."),
	}
}
