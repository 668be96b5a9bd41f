package main

import (
	"math"
	"math/bits"
	"time"
)

// histogram counts durations in buckets of less than 2 % width. It is not safe
// for concurrent use: each worker has its own.
type histogram struct {
	counts [64 * 64]int64
	total  int64
}

func bucketOf(d time.Duration) int {
	n := uint64(max(d, 0))
	if n < 64 {
		return int(n)
	}
	shift := bits.Len64(n) - 7 // the top 7 bits tell, the first of which is set
	return (shift+1)*64 + int(n>>shift) - 64
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucketOf(d)]++
	h.total++
}

func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
}

// quantile returns the duration that a share q of all did not exceed.
func (h *histogram) quantile(q float64) time.Duration {
	rank := int64(math.Ceil(q * float64(h.total)))
	for i, n := range h.counts {
		if rank -= n; rank <= 0 && n > 0 {
			if i < 64 {
				return time.Duration(i)
			}
			return time.Duration(uint64(i%64+64) << (i/64 - 1))
		}
	}
	return 0
}
