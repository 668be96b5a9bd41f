package cluster

import (
	"net/url"
	"strings"
	"testing"
)

func TestUploadID(t *testing.T) {
	for _, random := range []string{"", "0123456789abcdef", "\x00\xff", strings.Repeat("r", 300)} {
		for _, target := range []string{"t1", "a", strings.Repeat("x", MaxNodeID)} {
			id := NewUploadID(random, target)
			if url.QueryEscape(id) != id || strings.Contains(id, target+"x") {
				t.Errorf("%q is not URL-safe", id)
			}
			if home, ok := UploadHome(id); !ok || home != target {
				t.Errorf("the home of %q is %q, %v", id, home, ok)
			}
			if _, ok := UploadHome(id[:len(id)-1]); ok {
				t.Errorf("a cut %q is taken", id)
			}
		}
	}
	if NewUploadID("a", "t1") == NewUploadID("b", "t1") {
		t.Error("the random part does not count")
	}
	for _, bad := range []string{"", "x", "null", "AAAAAAAA", NewUploadID("r", "a/b"), NewUploadID("r", ""), strings.Repeat("A", 1<<16)} {
		if home, ok := UploadHome(bad); ok {
			t.Errorf("%.40q is taken for an id at %q", bad, home)
		}
	}
}

func FuzzUploadHome(f *testing.F) {
	f.Add(NewUploadID("0123456789abcdef", "t1"), "r", "t1")
	f.Add("AAAA", "", "")
	f.Fuzz(func(t *testing.T, id, random, target string) {
		if home, ok := UploadHome(id); ok && CheckNodeID(home) != nil {
			t.Fatalf("%q has the home %q", id, home)
		}
		home, ok := UploadHome(NewUploadID(random, target))
		if ok != (CheckNodeID(target) == nil) || ok && home != target {
			t.Fatalf("the home of an upload at %q is %q, %v", target, home, ok)
		}
	})
}
