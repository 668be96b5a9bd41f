package fs_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// listModel is List on a sorted slice.
func listModel(all []string, q object.Query) (out []string) {
	last := ""
	for _, k := range all {
		if !strings.HasPrefix(k, q.Prefix) || k <= q.After || q.SkipsUnder() && strings.HasPrefix(k, q.After) {
			continue
		}
		if p := q.CommonPrefix(k); p != "" {
			k = p
		}
		if k != last {
			out = append(out, k)
		}
		last = k
	}
	return out
}

func TestListAgainstModel(t *testing.T) {
	s := open(t, memConfig(faultfs.New()))
	rng := rand.New(rand.NewPCG(1, 2))
	alphabet := []string{"a", "b", "/", "\x00", "\xc3\xbf", "-"}
	seen := map[string]bool{}
	for len(seen) < 300 {
		k := ""
		for range 1 + rng.IntN(6) {
			k += alphabet[rng.IntN(len(alphabet))]
		}
		seen[k] = true
	}
	var all []string
	for k := range seen {
		all = append(all, k)
		if _, err := tryPut(s, name(k), nil, object.Cond{}, object.Process); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, object.Name{Bucket: 6, Key: "z"}, nil)
	put(t, s, object.Name{Bucket: 8, Key: "a"}, nil)
	slices.Sort(all)
	for range 400 {
		q := object.Query{Limit: 1 + rng.IntN(20), Delimiter: []string{"", "/", "a", "-b", "\x00"}[rng.IntN(5)]}
		if rng.IntN(2) == 0 {
			q.Prefix = all[rng.IntN(len(all))][:1]
		}
		if rng.IntN(2) == 0 {
			q.After = all[rng.IntN(len(all))]
		}
		want := listModel(all, q)
		var got []string
		for first := q; ; {
			p, err := s.List(7, first)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range p.Entries {
				if e.Prefix != (q.CommonPrefix(e.Key) != "") {
					t.Fatalf("%q: prefix %v", e.Key, e.Prefix)
				}
				got = append(got, e.Key)
			}
			if !p.Truncated {
				break
			}
			first.After = p.Next()
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%+v:\n got %q\nwant %q", q, got, want)
		}
	}
}

func TestListShowsMetadata(t *testing.T) {
	s := open(t, memConfig(faultfs.New()))
	data := content(3000, 1)
	m := put(t, s, name("k"), data)
	for _, full := range []bool{false, true} {
		p, err := s.List(7, object.Query{Limit: 1, Full: full})
		if err != nil || p.Truncated {
			t.Fatal(err)
		}
		got := p.Entries[0].Meta
		if got.Size != m.Size || got.ETag != m.ETag || !got.Modified.Equal(m.Modified) || (got.User["seed"] == "x") != full {
			t.Fatalf("%+v", got)
		}
	}
}

// BenchmarkList measures a page of 1,000 of a million names, at the beginning,
// in the middle, and of common prefixes.
func BenchmarkList(b *testing.B) {
	c := diskConfig(b, 2)
	s := open(b, c)
	const names = 1_000_000 // takes a minute to write
	fill(b, s, names)
	for _, q := range []object.Query{
		{Limit: 1000},
		{Limit: 1000, After: key(names / 2)},
		{Limit: 1000, After: key(names - 1000)},
		{Limit: 1000, Delimiter: "/"},
		{Limit: 1000, Delimiter: "/", After: "dir00500/"},
		{Limit: 1000, Delimiter: "/", Prefix: "dir00500/"},
		{Limit: 1000, Full: true},
	} {
		b.Run(fmt.Sprintf("after=%s,delimiter=%s,prefix=%s,full=%v", q.After, q.Delimiter, q.Prefix, q.Full), func(b *testing.B) {
			for b.Loop() {
				p, err := s.List(7, q)
				if err != nil || len(p.Entries) == 0 {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("coldest", func(b *testing.B) {
		for b.Loop() {
			for _, dir := range c.Mountpaths {
				if _, err := s.Coldest(b.Context(), dir, []uint64{7}, 10_000, func(uint64, *object.Meta) bool { return true }); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("stat", func(b *testing.B) {
		rng := rand.New(rand.NewPCG(1, 2))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Stat(name(key(rng.IntN(names))), ""); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// key makes 1,000 names in each of 1,000 directories.
func key(i int) string { return fmt.Sprintf("dir%05d/object-%05d", i/1000, i%1000) }

func fill(b *testing.B, s *fs.Store, names int) {
	b.Helper()
	var failed error
	work := make(chan int, 64)
	done := make(chan error)
	for range 8 {
		go func() {
			var err error
			for i := range work {
				if _, e := tryPut(s, name(key(i)), []byte("payload"), object.Cond{}, object.Process); e != nil {
					err = e
				}
			}
			done <- err
		}()
	}
	for i := range names {
		work <- i
	}
	close(work)
	for range 8 {
		if err := <-done; err != nil {
			failed = err
		}
	}
	if failed != nil {
		b.Fatal(failed)
	}
}
