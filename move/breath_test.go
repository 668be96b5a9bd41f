package move

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestBreath: who works rests as long as it worked, three times as long where clients were
// served within a second, and a second at most.
func TestBreath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		served := uint64(7)
		m := &Mover{watch: Watch{Served: func() uint64 { return served }}}
		b := m.newBreath(t.Context())
		for _, step := range []struct {
			requests   uint64
			work, rest time.Duration
		}{
			{0, 10 * time.Millisecond, 10 * time.Millisecond},
			{1, 10 * time.Millisecond, 30 * time.Millisecond},
			{0, 10 * time.Millisecond, 30 * time.Millisecond}, // it was a moment ago
			{0, 950 * time.Millisecond, 950 * time.Millisecond},
			{5, 700 * time.Millisecond, time.Second},
			{0, 5 * time.Second, time.Second},
		} {
			served += step.requests
			time.Sleep(step.work)
			began := time.Now()
			b.take()
			if got := time.Since(began); got != step.rest {
				t.Errorf("after %s of work and %d requests: rests for %s, want %s", step.work, step.requests, got, step.rest)
			}
		}
	})
}
