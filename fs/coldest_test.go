package fs_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// cache is a store on one mountpath with a clock that the test moves.
type cache struct {
	*fs.Store
	config fs.Config
	now    time.Time
}

func newCache(t *testing.T) *cache {
	c := &cache{config: memConfig(faultfs.New()), now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	c.config.Mountpaths = []string{"/m1"}
	c.config.FlushEvery = time.Hour // Close flushes
	c.config.Now = func() time.Time { return c.now }
	c.Store = open(t, c.config)
	return c
}

// after moves the clock, then does something.
func (c *cache) after(d time.Duration, do func()) {
	c.now = c.now.Add(d)
	do()
}

// putRemote keeps an object of a remote bucket that was written there long ago.
func (c *cache) putRemote(t *testing.T, n object.Name, size int) {
	t.Helper()
	f, err := c.Fill(n, fs.WriteOptions{Size: int64(size)})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(content(size, 1), 0); err != nil {
		t.Fatal(err)
	}
	m := object.Meta{Modified: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), Custom: map[string]string{object.CustomSource: "aws"}}
	if _, err := f.Commit(m, fs.Terms{}); err != nil {
		t.Fatal(err)
	}
}

func (c *cache) read(t *testing.T, n object.Name) {
	t.Helper()
	r, err := c.Open(n, "")
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
}

func wantColdest(t *testing.T, c *cache, n int, only func(uint64, *object.Meta) bool, want ...string) {
	t.Helper()
	found, err := c.Coldest(context.Background(), "/m1", []uint64{7, 9}, n, only)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, f := range found {
		got = append(got, f.Name.Key)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("the coldest %d are %q, want %q", n, got, want)
	}
}

func TestColdest(t *testing.T) {
	c := newCache(t)
	put(t, c.Store, name("local"), small)
	put(t, c.Store, object.Name{Bucket: 8, Key: "not-asked-for"}, small)
	for _, k := range []string{"c", "a", "b\x00", "b"} {
		c.after(time.Minute, func() { c.putRemote(t, name(k), 5000) })
	}
	c.after(time.Minute, func() { c.putRemote(t, object.Name{Bucket: 9, Key: "d"}, 10) })
	remote := func(_ uint64, m *object.Meta) bool { return m.Custom[object.CustomSource] != "" }
	wantColdest(t, c, 10, nil, "local", "c", "a", "b\x00", "b", "d")
	wantColdest(t, c, 3, remote, "c", "a", "b\x00")
	c.after(time.Minute, func() { c.read(t, name("c")) }) // noted in memory
	wantColdest(t, c, 3, remote, "a", "b\x00", "b")
	c.Close()
	c.Store = open(t, c.config) // noted in the index
	wantColdest(t, c, 10, remote, "a", "b\x00", "b", "d", "c")
	wantColdest(t, c, 0, remote)
	wantColdest(t, c, 10, func(bucket uint64, m *object.Meta) bool {
		return bucket == 9 || m.Accessed.Equal(c.now)
	}, "d", "c")

	found, err := c.Coldest(context.Background(), "/m1", []uint64{7}, 2, remote)
	if err != nil || found[0].Size != 5000 || !found[0].Accessed.Equal(c.now.Add(-4*time.Minute)) {
		t.Fatal(found, err)
	}
	_, err = c.Coldest(context.Background(), "/m3", []uint64{7}, 2, remote)
	wantKind(t, err, object.NotFound)
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err = c.Coldest(stopped, "/m1", []uint64{7}, 2, remote); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// TestColdestOfMany takes fewer than there are, such that what is kept in mind is
// cut often, and agrees with sorting them all.
func TestColdestOfMany(t *testing.T) {
	c := newCache(t)
	at := map[string]time.Time{}
	var all []string
	for i := range 1000 {
		key := fmt.Sprintf("%03d", i*617%1000)
		c.now = c.now.Add(time.Duration(i*7919%1000-500) * time.Hour)
		put(t, c.Store, name(key), small)
		at[key] = c.now
		all = append(all, key)
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(at[a].Compare(at[b]), cmp.Compare(a, b)) })
	for _, n := range []int{1, 10, 333, 1000} {
		wantColdest(t, c, n, nil, all[:n]...)
	}
}

// TestArrival: the access time of a remote bucket's object begins when it comes,
// that of any other one when it is first read, and it ends with the object.
func TestArrival(t *testing.T) {
	c := newCache(t)
	put(t, c.Store, name("local"), small)
	c.putRemote(t, name("k"), 100)
	wantAccessed(t, c, "local", time.Time{})
	wantAccessed(t, c, "k", c.now)
	came := c.now
	c.after(time.Minute, func() { wantAccessed(t, c, "k", came) })
	c.read(t, name("k"))
	wantAccessed(t, c, "k", c.now)
	c.after(time.Minute, func() { c.putRemote(t, name("k"), 101) })
	if _, err := c.Remove(name("k"), "", fs.Terms{}, object.Power); err != nil {
		t.Fatal(err)
	}
	put(t, c.Store, name("k"), small)
	wantAccessed(t, c, "k", time.Time{})
}

func wantAccessed(t *testing.T, c *cache, key string, want time.Time) {
	t.Helper()
	m, err := c.Stat(name(key), "")
	if err != nil || !m.Accessed.Equal(want) {
		t.Fatalf("%s was accessed at %v, want %v (%v)", key, m.Accessed, want, err)
	}
	page, err := c.List(7, object.Query{Limit: 10, Full: true})
	i := slices.IndexFunc(page.Entries, func(e object.Entry) bool { return e.Key == key })
	if err != nil || !page.Entries[i].Meta.Accessed.Equal(want) {
		t.Fatalf("%s is listed as accessed at %v, want %v (%v)", key, page.Entries[i].Meta.Accessed, want, err)
	}
}

// TestListsHaveAccessTimes lists objects of which few were read, such that the walk
// over the times has to catch up, from the start, from the middle, and under
// prefixes that are skipped.
func TestListsHaveAccessTimes(t *testing.T) {
	c := newCache(t)
	c.config.Mountpaths, c.config.OS = []string{"/m1", "/m2"}, faultfs.New()
	c.Store = open(t, c.config)
	want := map[string]time.Time{}
	for i := range 200 {
		key := fmt.Sprintf("%c/%03d", 'a'+i/50, i)
		put(t, c.Store, name(key), small)
		if i%37 == 0 || i > 100 && i < 130 {
			c.after(time.Second, func() { c.read(t, name(key)) })
			want[key] = c.now
		}
	}
	c.Close() // which writes them down
	c.Store = open(t, c.config)
	for _, q := range []object.Query{{}, {After: "a/020"}, {Prefix: "c/"}, {After: "b/099", Delimiter: "/"}} {
		q.Limit, q.Full = 1000, true
		page, err := c.List(7, q)
		if err != nil || len(page.Entries) == 0 {
			t.Fatal(len(page.Entries), err)
		}
		for _, e := range page.Entries {
			if !e.Meta.Accessed.Equal(want[e.Key]) {
				t.Fatalf("%+v: %s was accessed at %v, want %v", q, e.Key, e.Meta.Accessed, want[e.Key])
			}
		}
	}
}
