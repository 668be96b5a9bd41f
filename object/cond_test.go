package object

import (
	"errors"
	"testing"
	"time"
)

var (
	noon   = time.Date(2026, 1, 2, 12, 0, 0, 500e6, time.UTC)
	before = noon.Add(-time.Hour).Truncate(time.Second)
	after  = noon.Add(time.Hour).Truncate(time.Second)
	same   = noon.Truncate(time.Second) // what a client has from Last-Modified
)

func TestCheckRead(t *testing.T) {
	m := &Meta{ETag: "abc", Modified: noon}
	tests := []struct {
		name string
		cond Cond
		want error
	}{
		{"none", Cond{}, nil},
		{"match", Cond{IfMatch: `"abc"`}, nil},
		{"match unquoted", Cond{IfMatch: `abc`}, nil},
		{"match weak", Cond{IfMatch: `W/"abc"`}, nil},
		{"match in a list", Cond{IfMatch: `"x", "abc"`}, nil},
		{"match star", Cond{IfMatch: `*`}, nil},
		{"match other", Cond{IfMatch: `"abd"`}, Precondition},
		{"none-match", Cond{IfNoneMatch: `"abc"`}, NotModified},
		{"none-match star", Cond{IfNoneMatch: `*`}, NotModified},
		{"none-match other", Cond{IfNoneMatch: `"x"`}, nil},
		{"modified since before", Cond{IfModifiedSince: before}, nil},
		{"modified since the same second", Cond{IfModifiedSince: same}, NotModified},
		{"modified since after", Cond{IfModifiedSince: after}, NotModified},
		{"unmodified since before", Cond{IfUnmodifiedSince: before}, Precondition},
		{"unmodified since the same second", Cond{IfUnmodifiedSince: same}, nil},
		{"unmodified since after", Cond{IfUnmodifiedSince: after}, nil},
		{"match silences unmodified", Cond{IfMatch: "abc", IfUnmodifiedSince: before}, nil},
		{"none-match silences modified", Cond{IfNoneMatch: "x", IfModifiedSince: after}, nil},
		{"none-match holds though modified", Cond{IfNoneMatch: "abc", IfModifiedSince: before}, NotModified},
		{"match fails before none-match", Cond{IfMatch: "x", IfNoneMatch: "abc"}, Precondition},
		{"match and none-match", Cond{IfMatch: "abc", IfNoneMatch: "abc"}, NotModified},
		{"unmodified and modified", Cond{IfUnmodifiedSince: after, IfModifiedSince: after}, NotModified},
	}
	for _, tt := range tests {
		if got := tt.cond.CheckRead(m); !errors.Is(got, tt.want) || tt.want == nil && got != nil {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		want := tt.want
		if want != nil {
			want = Precondition
		}
		if got := tt.cond.CheckCopy(m); !errors.Is(got, want) || want == nil && got != nil {
			t.Errorf("%s as a copy's: %v, want %v", tt.name, got, want)
		}
		if tt.cond.Any() != (tt.name != "none") {
			t.Errorf("%s: Any is %v", tt.name, tt.cond.Any())
		}
	}
}

func TestCheckWrite(t *testing.T) {
	m := &Meta{ETag: "abc", Modified: noon}
	tests := []struct {
		name    string
		cond    Cond
		there   error // with m
		nothing error // with no object
	}{
		{"none", Cond{}, nil, nil},
		{"create only", Cond{IfNoneMatch: "*"}, Precondition, nil},
		{"match", Cond{IfMatch: `"abc"`}, nil, NotFound},
		{"match other", Cond{IfMatch: `"x"`}, Precondition, NotFound},
		{"match star", Cond{IfMatch: `*`}, nil, NotFound},
		{"both", Cond{IfMatch: "abc", IfNoneMatch: "*"}, Precondition, NotFound},
		{"unmodified since", Cond{IfUnmodifiedSince: before}, Precondition, nil},
		{"unmodified since the same second", Cond{IfUnmodifiedSince: same}, nil, nil},
	}
	for _, tt := range tests {
		if got := tt.cond.CheckWrite(m); !errors.Is(got, tt.there) || tt.there == nil && got != nil {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.there)
		}
		if got := tt.cond.CheckWrite(nil); !errors.Is(got, tt.nothing) || tt.nothing == nil && got != nil {
			t.Errorf("%s on nothing: %v, want %v", tt.name, got, tt.nothing)
		}
	}
}

func TestCheckDelete(t *testing.T) {
	size := func(n int64) *int64 { return &n }
	m := &Meta{ETag: "abc", Modified: noon, Size: 5}
	marker := &Meta{DeleteMarker: true, Modified: noon}
	for _, tt := range []struct {
		name string
		cond Cond
		now  *Meta
		want error
	}{
		{"none", Cond{}, m, nil},
		{"none on nothing", Cond{}, nil, nil},
		{"none on a marker", Cond{}, marker, nil},
		{"match", Cond{IfMatch: `"abc"`}, m, nil},
		{"match other", Cond{IfMatch: `"x"`}, m, Precondition},
		{"match on nothing", Cond{IfMatch: "*"}, nil, NotFound},
		{"match on a marker", Cond{IfMatch: `"abc"`}, marker, Precondition},
		{"match all on a marker", Cond{IfMatch: "*"}, marker, nil},
		{"size", Cond{IfSize: size(5)}, m, nil},
		{"size other", Cond{IfSize: size(0)}, m, Precondition},
		{"size on nothing", Cond{IfSize: size(0)}, nil, NotFound},
		{"modified the same second", Cond{IfModified: same}, m, nil},
		{"modified before", Cond{IfModified: before}, m, Precondition},
		{"modified after", Cond{IfModified: after}, m, Precondition},
		{"all", Cond{IfMatch: "abc", IfSize: size(5), IfModified: same}, m, nil},
		{"one of all fails", Cond{IfMatch: "abc", IfSize: size(6), IfModified: same}, m, Precondition},
	} {
		if got := tt.cond.CheckDelete(tt.now); !errors.Is(got, tt.want) || tt.want == nil && got != nil {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		if tt.cond.Any() != (tt.cond != Cond{}) {
			t.Errorf("%s: Any is %v", tt.name, tt.cond.Any())
		}
	}
}
