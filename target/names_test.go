package target

import (
	"testing"

	"ais/object"
)

// A fetch that overlaps with a write, on whichever side, is not to be kept.
func TestNames(t *testing.T) {
	var s names
	n := object.Name{Bucket: 1, Key: "a"}
	before, endBefore := s.fetch(n)
	other, endOther := s.fetch(object.Name{Bucket: 1, Key: "b"})
	if before.Load() || other.Load() {
		t.Error("a fetch is outdated and nobody has written")
	}
	end := s.write(n)
	during, endDuring := s.fetch(n)
	if !before.Load() || !during.Load() || other.Load() {
		t.Errorf("outdated: before %t, during %t, of another name %t", before.Load(), during.Load(), other.Load())
	}
	second := make(chan func())
	go func() { second <- s.write(n) }()
	select {
	case <-second:
		t.Fatal("two writers at work on one name")
	default:
	}
	end()
	end = <-second
	end()
	after, endAfter := s.fetch(n)
	if after.Load() || !during.Load() {
		t.Errorf("outdated: after %t, during %t", after.Load(), during.Load())
	}
	for _, end := range []func(){endBefore, endOther, endDuring, endAfter} {
		end()
	}
	if len(s.byName) != 0 {
		t.Errorf("%d names are kept", len(s.byName))
	}
}
