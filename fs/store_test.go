package fs_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

func TestPutGetAllSizes(t *testing.T) {
	s := open(t, diskConfig(t, 2))
	for _, size := range []int{0, 1, 4096, 16<<10 - 1, 16 << 10, 16<<10 + 1, 128 << 10, 1 << 20, 1<<20 + 1, 3<<20 + 12345} {
		n, data := name(fmt.Sprint("size-", size)), content(size, 1)
		m := put(t, s, n, data)
		if m.Version.Counter != 1 || m.Size != int64(size) || m.Modified.IsZero() {
			t.Fatalf("committed %+v", m)
		}
		got := wantContent(t, s, n, data)
		if got.ETag != etag(data) || got.User["seed"] != "x" {
			t.Fatalf("got %+v", got)
		}
		m = put(t, s, n, data)
		if m.Version.Counter != 2 {
			t.Fatalf("the second write has counter %d", m.Version.Counter)
		}
		st, err := s.Stat(n, "")
		if err != nil || st.Accessed.IsZero() || !st.Modified.Equal(m.Modified) {
			t.Fatalf("stat %+v, %v", st, err)
		}
		checkRanges(t, s, n, data)
	}
}

func checkRanges(t *testing.T, s *fs.Store, n object.Name, data []byte) {
	t.Helper()
	size := int64(len(data))
	for _, r := range []object.Range{{Offset: 0, Length: 1}, {Offset: size / 2, Length: size / 3}, {Offset: size - 1, Length: 1}, {Offset: size, Length: 0}} {
		if r.Offset < 0 || r.Offset+r.Length > size {
			continue
		}
		for _, validated := range []bool{false, true} {
			rd, err := s.Open(n, "")
			if err != nil {
				t.Fatal(err)
			}
			from := rd.Range
			if validated {
				from = rd.Validated
			}
			c, err := from(r.Offset, r.Length)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(struct{ io.Reader }{c})
			if err != nil || string(got) != string(data[r.Offset:r.Offset+r.Length]) {
				t.Fatalf("range %+v of %d, validated %v: %d bytes, %v", r, size, validated, len(got), err)
			}
			if err := errors.Join(c.Close(), c.Close(), rd.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	rd, err := s.Open(n, "")
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	buf := make([]byte, len(data)+10)
	if k, err := rd.ReadAt(buf, 0); k != len(data) || err != io.EOF || string(buf[:k]) != string(data) {
		t.Fatalf("ReadAt: %d of %d, %v", k, len(data), err)
	}
	_, err = rd.Range(0, size+1)
	wantKind(t, err, object.RangeInvalid)
}

func TestUnknownAndWrongLengths(t *testing.T) {
	s := open(t, diskConfig(t, 1))
	data := content(300<<10, 3)
	w, err := s.Create(name("unknown"), fs.WriteOptions{Size: -1})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(data); i += 1000 {
		if _, err := w.Write(data[i:min(i+1000, len(data))]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Commit(object.Meta{ETag: "x"}, fs.Terms{}); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	wantContent(t, s, name("unknown"), data)

	for _, size := range []int64{10, 100 << 10} {
		w, _ = s.Create(name("short"), fs.WriteOptions{Size: size + 1})
		if _, err := w.Write(data[:size]); err != nil {
			t.Fatal(err)
		}
		_, err = w.Commit(object.Meta{}, fs.Terms{})
		wantKind(t, err, object.Incomplete)
		w, _ = s.Create(name("short"), fs.WriteOptions{Size: size - 1})
		_, err = w.Write(data[:size])
		wantKind(t, err, object.Incomplete)
		w.Abort()
	}
	_, err = s.Stat(name("short"), "")
	wantKind(t, err, object.NotFound)
}

func TestConditionsAndGate(t *testing.T) {
	s := open(t, memConfig(faultfs.New()))
	data := content(5000, 1)
	put(t, s, name("a"), data)
	_, err := tryPut(s, name("a"), data, object.Cond{IfNoneMatch: "*"}, object.Process)
	wantKind(t, err, object.Precondition)
	_, err = tryPut(s, name("b"), data, object.Cond{IfMatch: "*"}, object.Process)
	wantKind(t, err, object.NotFound)
	_, err = s.Remove(name("a"), "", fs.Terms{Cond: object.Cond{IfMatch: "other"}}, object.Power)
	wantKind(t, err, object.Precondition)
	_, err = s.Remove(name("a"), "", fs.Terms{Gate: func() error { return object.NoSuchBucket }}, object.Power)
	wantKind(t, err, object.NoSuchBucket)
	_, err = s.Remove(name("b"), "", fs.Terms{}, object.Power)
	wantKind(t, err, object.NotFound)
	if _, err := s.Remove(name("a"), "", fs.Terms{Cond: object.Cond{IfMatch: etag(data)}}, object.Power); err != nil {
		t.Fatal(err)
	}
	_, err = s.Open(name("a"), "")
	wantKind(t, err, object.NotFound)
}

func TestReaderOutlivesTheObject(t *testing.T) {
	c := memConfig(faultfs.New())
	s := open(t, c)
	one, parts := content(200<<10, 1), [][]byte{content(9000, 2), content(8000, 3), content(7000, 4)}
	put(t, s, name("one"), one)
	listed, err := upload(s, name("many"), "u", object.Power, parts...)
	if err == nil {
		_, err = publish(s, name("many"), "u", listed, object.Power)
	}
	if err != nil {
		t.Fatal(err)
	}
	var readers []*fs.Reader
	for _, k := range []string{"one", "many"} {
		r, err := s.Open(name(k), "")
		if err != nil {
			t.Fatal(err)
		}
		readers = append(readers, r)
	}
	put(t, s, name("one"), content(10, 9))
	if _, err := s.Remove(name("many"), "", fs.Terms{}, object.Power); err != nil {
		t.Fatal(err)
	}
	if r := sweep(t, s); r.Orphans != 0 {
		t.Fatalf("the sweep took %d blobs that are open", r.Orphans)
	}
	for i, want := range [][]byte{one, join(parts...)} {
		got := make([]byte, len(want))
		if _, err := readers[i].ReadAt(got, 0); err != nil || string(got) != string(want) {
			t.Fatalf("reader %d: %v", i, err)
		}
		readers[i].Close()
	}
	if err := s.Close(); err != nil { // unlinks what waited for the readers
		t.Fatal(err)
	}
	if n := blobs(t, c.OS, c); n != 0 {
		t.Fatalf("%d blobs are left", n)
	}
}

func TestCountersAndBuckets(t *testing.T) {
	c := diskConfig(t, 2)
	s := open(t, c)
	for i := range 50 {
		put(t, s, name(fmt.Sprint(i)), content(i, 1))
		put(t, s, name(fmt.Sprint(i)), content(2*i, 1))
	}
	put(t, s, object.Name{Bucket: 9, Key: "other"}, content(77, 1))
	errs := removeAll(s, object.Power, name("0"), name("1"), name("1"), name("none"))
	if errs[0] != nil || errs[1] != nil || !errors.Is(errs[2], object.NotFound) || !errors.Is(errs[3], object.NotFound) {
		t.Fatal(errs)
	}
	check := func(s *fs.Store) {
		t.Helper()
		n, b, err := s.Count(7)
		if n != 48 || b != 2*(49*50/2-1) || err != nil {
			t.Fatalf("count %d, %d, %v", n, b, err)
		}
		if ids, err := s.Buckets(); !slices.Equal(ids, []uint64{7, 9}) || err != nil {
			t.Fatal(ids, err)
		}
	}
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, c)
	check(s)
	if err := s.Begin(object.Upload{ID: "u", Name: name("up")}, object.Power); err != nil {
		t.Fatal(err)
	}
	if err := s.DropBucket(7); err != nil {
		t.Fatal(err)
	}
	if empty, err := s.Empty(7); !empty || err != nil {
		t.Fatal(empty, err)
	}
	if ids, _ := s.Buckets(); !slices.Equal(ids, []uint64{9}) {
		t.Fatal(ids)
	}
	if n, b, _ := s.Count(7); n != 0 || b != 0 {
		t.Fatal(n, b)
	}
}

func TestUpdate(t *testing.T) {
	s := open(t, diskConfig(t, 1))
	data := content(70<<10, 1)
	put(t, s, name("a"), data)
	when := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	m, err := s.Update(name("a"), "", object.Power, nil, func(m *object.Meta) error {
		m.User, m.Modified, m.Size = map[string]string{"k": "v"}, when, 1
		return nil
	})
	if err != nil || m.Size != int64(len(data)) || m.Version.Counter != 2 {
		t.Fatal(m, err)
	}
	m = wantContent(t, s, name("a"), data)
	if m.User["k"] != "v" || !m.Modified.Equal(when) {
		t.Fatal(m)
	}
	_, err = s.Update(name("a"), "", object.Power, nil, func(*object.Meta) error { return object.Precondition })
	wantKind(t, err, object.Precondition)
	_, err = s.Update(name("none"), "", object.Power, nil, func(*object.Meta) error { return nil })
	wantKind(t, err, object.NotFound)
}

func TestCopySharesBlobs(t *testing.T) {
	c := memConfig(faultfs.New())
	s := open(t, c)
	parts := [][]byte{content(30_000, 1), content(20_000, 2)}
	listed, err := upload(s, name("many"), "u", object.Power, parts...)
	if err == nil {
		_, err = publish(s, name("many"), "u", listed, object.Power)
	}
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string][]byte{"inline": content(100, 3), "blob": content(40_000, 4), "empty": nil, "many": join(parts...)}
	for k, data := range sources {
		if k != "many" {
			put(t, s, name(k), data)
		}
	}
	for k, data := range sources {
		src, _ := s.Stat(name(k), "")
		for i := range 8 { // to both mountpaths
			dst := name(fmt.Sprint(k, "-copy-", i))
			m := src.Clone()
			m.User = map[string]string{"copy": "yes"}
			same := func(now *object.Meta) error { return object.Cond{IfMatch: src.ETag}.CheckCopy(now) }
			got, err := s.Copy(name(k), "", dst, m, same, fs.Terms{}, object.Power)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Parts) != len(src.Parts) {
				t.Fatalf("%d parts", len(got.Parts))
			}
		}
		if _, err := s.Copy(name(k), "", name(k), src, nil, fs.Terms{}, object.Power); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Remove(name(k), "", fs.Terms{}, object.Power); err != nil {
			t.Fatal(err)
		}
		for i := range 8 {
			m := wantContent(t, s, name(fmt.Sprint(k, "-copy-", i)), data)
			if m.User["copy"] != "yes" || m.ETag != src.ETag {
				t.Fatal(m)
			}
		}
	}
	if r := sweep(t, s); r.Orphans != 0 {
		t.Fatalf("%d orphans", r.Orphans)
	}
	for k := range sources {
		for i := range 8 {
			if _, err := s.Remove(name(fmt.Sprint(k, "-copy-", i)), "", fs.Terms{}, object.Process); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.Close()
	if n := blobs(t, c.OS, c); n != 0 {
		t.Fatalf("%d blobs are left", n)
	}
}

func TestIdentity(t *testing.T) {
	o := faultfs.New()
	c := memConfig(o)
	open(t, c).Close()
	other := c
	other.Cluster = "another"
	_, err := fs.Open(other)
	wantKind(t, err, object.Invalid)
	more := c
	more.Mountpaths = append(slices.Clone(c.Mountpaths), "/m3")
	open(t, more).Close() // what is no mountpath is left alone
	if names, err := o.List("test.list", "/m3"); err == nil {
		t.Fatalf("/m3 was made, with %q", names)
	}
	swapped := c
	swapped.Mountpaths = []string{"/m2", "/m1"}
	open(t, swapped).Close()
	_, err = fs.Open(fs.Config{})
	wantKind(t, err, object.Invalid)
}

func TestConcurrentWritersOfOneName(t *testing.T) {
	c := diskConfig(t, 1)
	s := open(t, c)
	versions := make([][]byte, 8)
	for i := range versions {
		versions[i] = content(10_000+30_000*(i%2), uint64(i))
	}
	var wg sync.WaitGroup
	for i := range versions {
		wg.Add(2)
		go func() {
			defer wg.Done()
			for range 20 {
				if _, err := tryPut(s, name("k"), versions[i], object.Cond{}, object.Process); err != nil {
					t.Error(err)
				}
			}
		}()
		go func() {
			defer wg.Done()
			for range 40 {
				got, _, err := get(s, name("k"))
				if err != nil && !errors.Is(err, object.NotFound) {
					t.Error(err)
				}
				if err == nil && !slices.ContainsFunc(versions, func(v []byte) bool { return string(v) == string(got) }) {
					t.Error("a torn read")
				}
			}
		}()
	}
	wg.Wait()
	m, err := s.Stat(name("k"), "")
	if err != nil || m.Version.Counter != 160 {
		t.Fatal(m.Version, err)
	}
	s.Close()
	if n := blobs(t, fs.RealOS{}, c); n > 1 {
		t.Fatalf("%d blobs are left", n)
	}
}

func TestLongAndOddKeys(t *testing.T) {
	s := open(t, memConfig(faultfs.New()))
	odd := []string{"a", "a/b", "a//b", "/", "//", "..", "a\x00b", "a\x00", "a\x00\x00", "ü", strings.Repeat("k", 1024)}
	for i, k := range odd {
		put(t, s, name(k), content(i*300, uint64(i)))
	}
	for i, k := range odd {
		wantContent(t, s, name(k), content(i*300, uint64(i)))
	}
	slices.Sort(odd)
	if got := keys(t, s, object.Query{}); !slices.Equal(got, odd) {
		t.Fatalf("%q", got)
	}
}
