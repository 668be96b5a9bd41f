package object_test

import (
	"slices"
	"testing"

	"ais/object"
)

func keysOf(p object.Page) []string {
	var keys []string
	for _, e := range p.Entries {
		keys = append(keys, e.Key+e.Meta.VersionID)
	}
	return keys
}

func pageOf(truncated bool, keys ...string) object.Page {
	p := object.Page{Truncated: truncated}
	for _, k := range keys {
		p.Entries = append(p.Entries, object.Entry{Key: k[:1], Meta: object.Meta{VersionID: k[1:]}})
	}
	return p
}

func TestMergeWhole(t *testing.T) {
	for _, c := range []struct {
		name  string
		limit int
		pages []object.Page
		want  []string
		more  bool
	}{
		{"all", 10, []object.Page{pageOf(false, "a", "c"), pageOf(false, "b")}, []string{"a", "b", "c"}, false},
		{"full", 2, []object.Page{pageOf(false, "a", "c"), pageOf(false, "b")}, []string{"a", "b"}, true},
		{"ends with the first that has more", 10, []object.Page{pageOf(true, "a", "b"), pageOf(false, "c"), pageOf(true, "c", "d")}, []string{"a", "b"}, true},
		{"the first source is believed", 10, []object.Page{pageOf(false, "a2", "a3"), pageOf(false, "a1", "b1")}, []string{"a2", "a3", "b1"}, false},
		{"short", 3, []object.Page{pageOf(true, "a1", "b1"), pageOf(true, "a0", "a9", "b0")}, []string{"a1", "b1"}, true},
		{"nothing", 3, []object.Page{{}, {}}, nil, false},
	} {
		p := object.MergeWhole(c.limit, c.pages)
		if got := keysOf(p); !slices.Equal(got, c.want) || p.Truncated != c.more {
			t.Errorf("%s: %v, more %v; want %v, %v", c.name, got, p.Truncated, c.want, c.more)
		}
	}
}
