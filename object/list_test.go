package object

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// source is a sorted list of keys that gives pages.
type source []string

func (s source) page(q Query, limit int) Page {
	var p Page
	for _, k := range s {
		if !strings.HasPrefix(k, q.Prefix) || k <= q.After || q.SkipsUnder() && strings.HasPrefix(k, q.After) {
			continue
		}
		e := Entry{Key: k}
		if c := q.CommonPrefix(k); c != "" {
			e = Entry{Key: c, Prefix: true}
			if n := len(p.Entries); n > 0 && p.Entries[n-1].Key == c {
				continue
			}
		}
		if len(p.Entries) == limit {
			p.Truncated = true
			break
		}
		p.Entries = append(p.Entries, e)
	}
	return p
}

// TestMergePagesIsSort compares paging through the merge of several sources with
// paging through one that has everything.
func TestMergePagesIsSort(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 300 {
		sources := make([]source, 1+r.IntN(4))
		var all source
		for range r.IntN(60) {
			k := fmt.Sprintf("%c/%c%d", 'a'+r.IntN(3), 'a'+r.IntN(2), r.IntN(40))
			if slices.Contains(all, k) {
				continue
			}
			i := r.IntN(len(sources))
			sources[i], all = append(sources[i], k), append(all, k)
		}
		for i := range sources {
			slices.Sort(sources[i])
		}
		slices.Sort(all)
		q := Query{Delimiter: []string{"", "/", "a"}[r.IntN(3)], Prefix: []string{"", "a/", "b"}[r.IntN(3)]}
		limit, share := 1+r.IntN(9), 1+r.IntN(9)
		for {
			pages := make([]Page, len(sources))
			for i, s := range sources {
				pages[i] = s.page(q, share)
			}
			got, err := MergePages(limit, pages, func(i int, after string) (Page, error) {
				more := q
				more.After = after
				return sources[i].page(more, share), nil
			})
			want := all.page(q, limit)
			if err != nil || !slices.EqualFunc(got.Entries, want.Entries, func(a, b Entry) bool { return a.Key == b.Key && a.Prefix == b.Prefix }) || got.Truncated != want.Truncated {
				t.Fatalf("round %d, %+v: got %v %v, want %v", round, q, got, err, want)
			}
			if !got.Truncated {
				break
			}
			q.After = got.Next()
		}
	}
}

// TestMergePagesKeepsVersions merges a key's versions, of which one source has all.
func TestMergePagesKeepsVersions(t *testing.T) {
	entry := func(key, id string) Entry { return Entry{Key: key, Meta: Meta{VersionID: id}} }
	pages := []Page{
		{Entries: []Entry{{Key: "a/", Prefix: true}, entry("k", "3")}, Truncated: true},
		{Entries: []Entry{{Key: "a/", Prefix: true}, entry("l", "1")}},
	}
	got, err := MergePages(9, pages, func(int, string) (Page, error) {
		return Page{Entries: []Entry{entry("k", "2"), entry("k", ""), {Key: "z/", Prefix: true}}}, nil
	})
	want := []Entry{{Key: "a/", Prefix: true}, entry("k", "3"), entry("k", "2"), entry("k", ""), entry("l", "1"), {Key: "z/", Prefix: true}}
	same := func(a, b Entry) bool { return a.Key == b.Key && a.Meta.VersionID == b.Meta.VersionID }
	if err != nil || got.Truncated || !slices.EqualFunc(got.Entries, want, same) {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestMergePagesErrors(t *testing.T) {
	full := Page{Entries: []Entry{{Key: "a"}}, Truncated: true}
	if _, err := MergePages(5, []Page{full}, func(int, string) (Page, error) { return Page{}, Unavailable }); !errors.Is(err, Unavailable) {
		t.Errorf("a refill that fails: %v", err)
	}
	full = Page{Entries: []Entry{{Key: "a"}}, Truncated: true}
	if _, err := MergePages(5, []Page{full}, func(int, string) (Page, error) { return Page{Truncated: true}, nil }); !errors.Is(err, Internal) {
		t.Errorf("a refill without progress: %v", err)
	}
	if p, err := MergePages(5, nil, nil); err != nil || len(p.Entries) != 0 || p.Truncated {
		t.Errorf("no sources: %v %v", p, err)
	}
}

func TestCommonPrefix(t *testing.T) {
	tests := []struct{ prefix, delimiter, key, want string }{
		{"", "/", "a/b/c", "a/"},
		{"a/", "/", "a/b/c", "a/b/"},
		{"a/", "/", "a/b", ""},
		{"a", "/", "a/b", "a/"},
		{"", "", "a/b", ""},
		{"", "ab", "xxabyy", "xxab"},
		{"", "/", "/a", "/"},
		{"a/", "/", "a//b", "a//"},
	}
	for _, tt := range tests {
		q := Query{Prefix: tt.prefix, Delimiter: tt.delimiter}
		if got := q.CommonPrefix(tt.key); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt, got, tt.want)
		}
	}
	for _, tt := range []struct {
		q    Query
		want bool
	}{
		{Query{Delimiter: "/", After: "a/"}, true},
		{Query{Delimiter: "/", After: "a"}, false},
		{Query{Delimiter: "/", After: "a/b"}, false},
		{Query{Delimiter: "/", Prefix: "b", After: "a/"}, false},
		{Query{After: "a/"}, false},
		{Query{Delimiter: "/"}, false},
	} {
		if got := tt.q.SkipsUnder(); got != tt.want {
			t.Errorf("%+v: %v", tt.q, got)
		}
	}
}
