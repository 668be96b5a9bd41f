package target

import (
	"math/rand/v2"
	"testing"
)

func TestSpans(t *testing.T) {
	a := spans{size: 100}
	first := a.take(0, 10)
	if n := a.ready(0); n != 0 {
		t.Errorf("%d bytes ready of a span that has none", n)
	}
	first.got = 4
	if n := a.ready(1); n != 3 {
		t.Errorf("%d bytes ready, want 3", n)
	}
	if a.at(9) != first || a.at(10) != nil {
		t.Error("at")
	}
	later := a.take(50, 60)
	if from, to, ok := a.gap(5); from != 10 || to != 50 || !ok {
		t.Errorf("gap %d to %d, %t", from, to, ok)
	}
	if from, to, ok := a.gap(55); from != 60 || to != 100 || !ok {
		t.Errorf("gap %d to %d, %t", from, to, ok)
	}
	rest := a.split(later, 55)
	if later.end != 55 || rest.from != 55 || rest.end != 60 || a.at(57) != rest {
		t.Errorf("split into %+v and %+v", later, rest)
	}
	a.take(10, 50)
	a.take(60, 100)
	if _, _, ok := a.gap(0); ok {
		t.Error("a gap where everything was asked for")
	}
}

// TestSpansAtRandom: whatever the order in which bytes come, ready says the truth,
// and in the end there is one span.
func TestSpansAtRandom(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		const size = 64
		a := spans{size: size}
		here := [size]bool{}
		var open []*span
		for a.ready(0) < size {
			switch from, to, ok := a.gap(r.Int64N(size)); {
			case ok && (len(open) == 0 || r.IntN(3) == 0):
				open = append(open, a.take(from, min(to, from+1+r.Int64N(10))))
			case len(open) > 0:
				i := r.IntN(len(open))
				s := open[i]
				if r.IntN(4) == 0 && s.end-s.claimed > 1 {
					open = append(open, a.split(s, s.claimed+1))
				}
				n := r.Int64N(s.end - s.got + 1)
				for at := s.got; at < s.got+n; at++ {
					here[at] = true
				}
				s.got += n
				s.claimed = s.got
				if s.complete() {
					a.join(s)
					open = append(open[:i], open[i+1:]...)
				}
			}
			for pos := range int64(size) {
				want := int64(0)
				for at := pos; at < size && here[at]; at++ {
					want++
				}
				if got := a.ready(pos); got != want {
					t.Fatalf("seed %d: %d bytes ready at %d, want %d", seed, got, pos, want)
				}
			}
		}
		if len(open) == 0 && len(a.list) != 1 {
			t.Fatalf("seed %d: %d spans of a complete object", seed, len(a.list))
		}
	}
}

// TestSpanWithoutBytes joins the span of an empty object, which has no neighbours.
func TestSpanWithoutBytes(t *testing.T) {
	a := &spans{}
	a.join(a.take(0, 0))
	if from, to, ok := a.gap(0); ok || a.ready(0) != 0 {
		t.Errorf("an empty object lacks %d to %d, and has %d bytes", from, to, a.ready(0))
	}
}
