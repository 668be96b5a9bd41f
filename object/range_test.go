package object

import (
	"errors"
	"testing"
)

func TestParseRange(t *testing.T) {
	whole := Range{0, 10}
	tests := []struct {
		header  string
		size    int64
		want    Range
		partial bool
		bad     bool
	}{
		{"", 10, whole, false, false},
		{"bytes=0-0", 10, Range{0, 1}, true, false},
		{"bytes=0-9", 10, whole, true, false},
		{"bytes=0-99", 10, whole, true, false},
		{"bytes=3-", 10, Range{3, 7}, true, false},
		{"bytes=9-9", 10, Range{9, 1}, true, false},
		{"bytes=-3", 10, Range{7, 3}, true, false},
		{"bytes=-99", 10, whole, true, false},
		{" bytes= 2 - 4 ", 10, Range{2, 3}, true, false},
		{"bytes=5-18446744073709551616", 10, Range{5, 5}, true, false},
		{"bytes=10-", 10, Range{}, false, true},
		{"bytes=10-20", 10, Range{}, false, true},
		{"bytes=99999999999999999999-", 10, Range{}, false, true},
		{"bytes=-0", 10, Range{}, false, true},
		{"bytes=0-0", 0, Range{}, false, true},
		{"bytes=-1", 0, Range{}, false, true},
		{"bytes=4-2", 10, whole, false, false},
		{"bytes=0-1,3-4", 10, whole, false, false},
		{"bytes=a-b", 10, whole, false, false},
		{"bytes=-", 10, whole, false, false},
		{"bytes=5", 10, whole, false, false},
		{"bytes=-5-6", 10, whole, false, false},
		{"bytes=+1-2", 10, whole, false, false},
		{"lines=0-1", 10, whole, false, false},
	}
	for _, tt := range tests {
		got, partial, err := ParseRange(tt.header, tt.size)
		if got != tt.want || partial != tt.partial || errors.Is(err, RangeInvalid) != tt.bad {
			t.Errorf("%q of %d: %v %v %v, want %v %v", tt.header, tt.size, got, partial, err, tt.want, tt.partial)
		}
	}
}

func TestParseCopyRange(t *testing.T) {
	tests := []struct {
		header string
		want   Range
		err    error
	}{
		{"bytes=0-9", Range{0, 10}, nil},
		{"bytes=2-2", Range{2, 1}, nil},
		{"bytes=0-10", Range{}, RangeInvalid},
		{"bytes=5-99999999999999999999", Range{}, RangeInvalid},
		{"bytes=2-", Range{}, Invalid},
		{"bytes=-2", Range{}, Invalid},
		{"bytes=3-2", Range{}, Invalid},
		{"0-2", Range{}, Invalid},
		{"", Range{}, Invalid},
		{"bytes=0-1,2-3", Range{}, Invalid},
	}
	for _, tt := range tests {
		got, err := ParseCopyRange(tt.header, 10)
		if got != tt.want || !errors.Is(err, tt.err) || tt.err == nil && err != nil {
			t.Errorf("%q: %v %v, want %v %v", tt.header, got, err, tt.want, tt.err)
		}
	}
}

func FuzzParseRange(f *testing.F) {
	for _, s := range []string{"", "bytes=0-1", "bytes=-5", "bytes=7-", "bytes=1-2,3-4", "bytes=99999999999999999999-"} {
		f.Add(s, int64(10))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			size = -(size + 1)
		}
		r, partial, err := ParseRange(header, size)
		switch {
		case err != nil:
			if r != (Range{}) || partial {
				t.Fatalf("%q of %d: an error with %v", header, size, r)
			}
		case r.Offset < 0 || r.Length < 0 || r.Length > size-r.Offset:
			t.Fatalf("%q of %d: %v is outside", header, size, r)
		case partial && r.Length == 0:
			t.Fatalf("%q of %d: a partial answer of nothing", header, size)
		case !partial && r != (Range{0, size}):
			t.Fatalf("%q of %d: %v is not the whole", header, size, r)
		}
		if r, err := ParseCopyRange(header, size); err == nil && (r.Offset < 0 || r.Length < 1 || r.Length > size-r.Offset) {
			t.Fatalf("copy range %q of %d: %v is outside", header, size, r)
		}
	})
}
