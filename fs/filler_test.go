package fs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// tryFill writes an object from its end to its start and returns what Commit says.
func tryFill(s *fs.Store, n object.Name, data []byte, d object.Durability, terms fs.Terms) (object.Meta, error) {
	f, err := s.Fill(n, fs.WriteOptions{Size: int64(len(data)), Durability: d, Checksum: object.MD5})
	if err != nil {
		return object.Meta{}, err
	}
	defer f.Close()
	for end := len(data); end > 0; {
		from := max(0, end-15_013)
		if _, err := f.WriteAt(data[from:end], int64(from)); err != nil {
			return object.Meta{}, err
		}
		end = from
	}
	return f.Commit(object.Meta{ETag: etag(data)}, terms)
}

func filler(t testing.TB, s *fs.Store, key string, size int, sum object.Algorithm) *fs.Filler {
	t.Helper()
	f, err := s.Fill(name(key), fs.WriteOptions{Size: int64(size), Checksum: sum})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func writeAt(t testing.TB, f *fs.Filler, data []byte, off int) {
	t.Helper()
	if n, err := f.WriteAt(data, int64(off)); err != nil || n != len(data) {
		t.Fatal(n, err)
	}
}

// order is the runs of an object in the order in which they are written.
func order(how string, size int) (runs [][2]int) {
	step := map[string]int{"forth": 256 << 10, "odd": 300_007}[how]
	if step == 0 {
		step = 128 << 10
	}
	for at := 0; at < size; at += step {
		runs = append(runs, [2]int{at, min(at+step, size)})
	}
	switch how {
	case "back":
		for i, j := 0, len(runs)-1; i < j; i, j = i+1, j-1 {
			runs[i], runs[j] = runs[j], runs[i]
		}
	case "mixed":
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(runs), func(i, j int) { runs[i], runs[j] = runs[j], runs[i] })
	case "twice":
		runs = append(runs, runs[1:3]...)
	}
	return runs
}

// TestFillInAnyOrder writes objects of sizes around those of blocks, in several
// orders, and reads them back validated: every block's checksum must be right.
func TestFillInAnyOrder(t *testing.T) {
	s := open(t, memConfig(faultfs.New()))
	for _, size := range []int{0, 1, 1 << 10, 1<<10 + 1, 1 << 20, 1<<20 + 1, 3<<20 - 1, 3<<20 + 77} {
		data := content(size, uint64(size))
		for _, how := range []string{"forth", "odd", "back", "mixed", "twice"} {
			if how == "twice" && size < 1<<20 || size > 2<<20 && how != "mixed" && how != "back" {
				continue
			}
			key := fmt.Sprint(how, size)
			f := filler(t, s, key, size, object.MD5)
			for _, r := range order(how, size) {
				writeAt(t, f, data[r[0]:r[1]], r[0])
			}
			m, err := f.Commit(object.Meta{ETag: "e"}, fs.Terms{})
			if err != nil || m.Size != int64(size) || m.ETag != "e" {
				t.Fatal(key, m, err)
			}
			wantContent(t, s, name(key), data)
			again := make([]byte, size)
			if n, err := f.ReadAt(again, 0); size > 0 && (err != nil || n != size) || !bytes.Equal(again, data) {
				t.Fatal(key, n, err)
			}
		}
	}
}

// TestFillChecksums flips a bit of what was filled, and expects the block that has
// it to be found out, whichever way its checksum came about.
func TestFillChecksums(t *testing.T) {
	for _, how := range []string{"forth", "back"} {
		o := faultfs.New()
		c := memConfig(o)
		c.Mountpaths = []string{"/m1"}
		s := open(t, c)
		data := content(2<<20+5, 9)
		f := filler(t, s, "k", len(data), object.XXHash)
		for _, r := range order(how, len(data)) {
			writeAt(t, f, data[r[0]:r[1]], r[0])
		}
		if _, err := f.Commit(object.Meta{}, fs.Terms{}); err != nil {
			t.Fatal(err)
		}
		if err := o.Flip(onlyBlob(t, o), 1<<20+3); err != nil {
			t.Fatal(err)
		}
		_, _, err := get(s, name("k"))
		wantKind(t, err, object.Corrupt)
	}
}

// TestFillInParallel lets writers fill an object at the same time, in runs that
// do not end where blocks do, while others read what is there already.
func TestFillInParallel(t *testing.T) {
	s := open(t, diskConfig(t, 2))
	data := content(9<<20+123, 4)
	f := filler(t, s, "k", len(data), object.MD5)
	const chunk = 700_001
	var all sync.WaitGroup
	for at := 0; at < len(data); at += chunk {
		all.Add(1)
		go func() {
			defer all.Done()
			end := min(at+chunk, len(data))
			for from := at; from < end; from += 100_000 {
				to := min(from+100_000, end)
				if _, err := f.WriteAt(data[from:to], int64(from)); err != nil {
					t.Error(err)
				}
				got := make([]byte, to-from)
				if _, err := f.ReadAt(got, int64(from)); err != nil || !bytes.Equal(got, data[from:to]) {
					t.Error("other bytes", err)
				}
			}
		}()
	}
	all.Wait()
	if _, err := f.Commit(object.Meta{}, fs.Terms{}); err != nil {
		t.Fatal(err)
	}
	wantContent(t, s, name("k"), data)
}

// TestFillLacksBytes must not make an object of what was never written.
func TestFillLacksBytes(t *testing.T) {
	o := faultfs.New()
	c := memConfig(o)
	s := open(t, c)
	data := content(3<<20, 1)
	for what, runs := range map[string][][2]int{
		"nothing":       nil,
		"the end":       {{0, 3<<20 - 1}},
		"the start":     {{1, 3 << 20}},
		"a block":       {{0, 1 << 20}, {2 << 20, 3 << 20}, {0, 1 << 20}},
		"half a block":  {{0, 1<<20 + 1<<19}, {2 << 20, 3 << 20}, {0, 1 << 20}},
		"a late half":   {{0, 1 << 20}, {1<<20 + 1<<19, 3 << 20}, {0, 1 << 20}},
		"a small thing": {{0, 100}},
	} {
		for _, sum := range []object.Algorithm{object.MD5, object.NoChecksum} {
			if sum == object.NoChecksum && len(runs) == 3 {
				continue // only blocks tell that some came twice
			}
			f := filler(t, s, "k", len(data), sum)
			for _, r := range runs {
				writeAt(t, f, data[r[0]:r[1]], r[0])
			}
			_, err := f.Commit(object.Meta{}, fs.Terms{})
			if object.KindOf(err) != object.Incomplete {
				t.Fatalf("without %s: %v", what, err)
			}
		}
	}
	f := filler(t, s, "k", 100, object.MD5)
	writeAt(t, f, data[:99], 0)
	_, err := f.Commit(object.Meta{}, fs.Terms{})
	wantKind(t, err, object.Incomplete)
	if n := blobs(t, o, c); n != 0 {
		t.Fatalf("%d blobs", n)
	}
	_, err = s.Stat(name("k"), "")
	wantKind(t, err, object.NotFound)
}

// TestFillerEnds looks at what can be done with a Filler, and what is on disk, as
// it ends.
func TestFillerEnds(t *testing.T) {
	for _, size := range []int{1000, 50_000} {
		o := faultfs.New()
		c := memConfig(o)
		s := open(t, c)
		data := content(size, 3)
		count := min(1, size/2000)

		f := filler(t, s, "k", size, object.MD5)
		for _, bad := range []int64{-1, 1} {
			_, err := f.WriteAt(data, bad)
			wantKind(t, err, object.Invalid)
		}
		writeAt(t, f, data, 0)
		if n := blobs(t, o, c); n != count {
			t.Fatalf("%d blobs", n)
		}
		if r := sweep(t, s); r.Orphans != 0 {
			t.Fatal("the sweep took what is being written")
		}
		f.Abort()
		wantFilled(t, f, data) // by those who are reading
		if n := blobs(t, o, c); n != 0 {
			t.Fatalf("%d blobs after Abort", n)
		}
		_, err := f.WriteAt(data, 0)
		wantKind(t, err, object.Internal)
		_, err = f.Commit(object.Meta{}, fs.Terms{})
		wantKind(t, err, object.Internal)
		f.Close()
		f.Close()
		_, err = f.ReadAt(data, 0)
		wantKind(t, err, object.Internal)

		f = filler(t, s, "k", size, object.MD5)
		writeAt(t, f, data, 0)
		if _, err := f.Commit(object.Meta{}, fs.Terms{}); err != nil {
			t.Fatal(err)
		}
		f.Abort()
		put(t, s, name("k"), content(60_000, 1)) // the filled one is gone, but for readers
		wantFilled(t, f, data)
		f.Close()
		if n := blobs(t, o, c); n != 1 {
			t.Fatalf("%d blobs at the end", n)
		}

		f = filler(t, s, "l", size, object.MD5)
		writeAt(t, f, data, 0)
		f.Close() // without a word
		_, err = s.Stat(name("l"), "")
		wantKind(t, err, object.NotFound)
		if n := blobs(t, o, c); n != 1 {
			t.Fatalf("%d blobs at the end", n)
		}
	}
	s := open(t, memConfig(faultfs.New()))
	_, err := s.Fill(name("k"), fs.WriteOptions{Size: -1})
	wantKind(t, err, object.Invalid)
}

func wantFilled(t *testing.T, f *fs.Filler, data []byte) {
	t.Helper()
	got, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	p := make([]byte, 10)
	if n, err := f.ReadAt(p, f.Size()-3); n != 3 || err != io.EOF {
		t.Fatal(n, err)
	}
	if n, err := f.ReadAt(p, f.Size()); n != 0 || err != io.EOF {
		t.Fatal(n, err)
	}
}

// TestFillFaults lets the system calls of a fill fail, and the disk run full before
// and during it.
func TestFillFaults(t *testing.T) {
	o := faultfs.New()
	c := memConfig(o)
	var later atomic.Int64 // the store's own goroutines ask for the time as well
	began := time.Now()
	c.Now = func() time.Time { return began.Add(time.Duration(later.Load())) }
	c.ReserveBytes = 1 << 20
	s := open(t, c)
	data := content(2<<20, 1)

	o.Fail(1, "blob.create", unix.EMFILE, false)
	if _, err := s.Fill(name("k"), fs.WriteOptions{Size: 1 << 20}); !errors.Is(err, unix.EMFILE) {
		t.Fatal(err)
	}
	f := filler(t, s, "k", len(data), object.MD5)
	writeAt(t, f, data[:1<<19], 0)
	o.Fail(1, "blob.write", unix.ENOSPC, false)
	_, err := f.WriteAt(data[1<<19:], 1<<19)
	wantKind(t, err, object.NoSpace)
	writeAt(t, f, data[1<<19:], 1<<19) // once more, with success
	if _, err := f.Commit(object.Meta{}, fs.Terms{}); err != nil {
		t.Fatal(err)
	}
	wantContent(t, s, name("k"), data)

	f = filler(t, s, "k", len(data), object.MD5)
	for _, r := range order("back", len(data)) {
		writeAt(t, f, data[r[0]:r[1]], r[0])
	}
	o.Fail(1, "blob.read", errInjected, false)
	if _, err := f.Commit(object.Meta{}, fs.Terms{}); !errors.Is(err, errInjected) {
		t.Fatal(err)
	}

	f = filler(t, s, "l", 100<<20, object.MD5)
	o.SetUsage(fs.Usage{Capacity: 100 << 20, Free: 1 << 20})
	later.Add(int64(time.Second))
	for i := 0; err == nil || object.KindOf(err) == object.NoSpace && i == 0; i++ {
		if _, err = f.WriteAt(data, int64(i)*int64(len(data))); i > 20 {
			t.Fatal("the disk is full, and nobody said so")
		}
	}
	wantKind(t, err, object.NoSpace)
	_, err = s.Fill(name("m"), fs.WriteOptions{Size: 1 << 20})
	wantKind(t, err, object.NoSpace)
	f.Close()
	if n := blobs(t, o, c); n != 1 {
		t.Fatalf("%d blobs", n)
	}
	wantContent(t, s, name("k"), data)
}

// TestFillSurvivesReopening fills while the index of the mountpath is opened anew.
func TestFillSurvivesReopening(t *testing.T) {
	o := faultfs.New()
	c := memConfig(o)
	c.Mountpaths = []string{"/m1"}
	s := open(t, c)
	f := filler(t, s, "k", len(large), object.MD5)
	writeAt(t, f, large[:1000], 0)
	o.Fail(1, "wal.write", errInjected, false)
	if _, err := tryPut(s, name("x"), small, object.Cond{}, object.Power); err == nil {
		t.Fatal("the log's failure went unnoticed")
	}
	_, err := s.Fill(name("l"), fs.WriteOptions{Size: 10})
	if err != nil {
		wantKind(t, err, object.Unavailable)
	}
	writeAt(t, f, large[1000:], 1000)
	waitHealthy(t, s)
	if _, err := f.Commit(object.Meta{}, fs.Terms{}); err != nil {
		t.Fatal(err)
	}
	wantContent(t, s, name("k"), large)
}

// TestFilledInfoIsRestored finds a filled object again by its trailer alone.
func TestFilledInfoIsRestored(t *testing.T) {
	c := diskConfig(t, 2)
	c.CheckpointEvery = 20 * time.Millisecond
	s := open(t, c)
	for i := range 20 { // so that both indexes have changed
		put(t, s, name(fmt.Sprint("settled-", i)), small)
	}
	waitFor(t, func() bool { return checkpointed(c) == 2 })
	s.Close()
	c.CheckpointEvery = 0
	s = open(t, c)
	custom := map[string]string{object.CustomSource: "aws", object.CustomETag: "e", object.CustomVersion: "v"}
	for i := range 8 {
		f := filler(t, s, fmt.Sprint(i), len(large), object.MD5)
		writeAt(t, f, large, 0)
		if _, err := f.Commit(object.Meta{ETag: "e", Custom: custom}, fs.Terms{}); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	s.Close()
	damageIndex(t, c.Mountpaths[0]+"/index", "all")
	s = open(t, c)
	for i := range 8 {
		m := wantContent(t, s, name(fmt.Sprint(i)), large)
		if m.ETag != "e" || m.Custom[object.CustomSource] != "aws" || m.Custom[object.CustomVersion] != "v" {
			t.Fatal(m)
		}
	}
}

// TestWriterReadsBack reads a payload before its commit, in each of the states it
// can be in: in memory, in a blob, and partly in both.
func TestWriterReadsBack(t *testing.T) {
	s := open(t, memConfig(faultfs.New()))
	if err := s.Begin(object.Upload{ID: "u", Name: name("k")}, object.Power); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1, 1000, 1 << 10, 5000, 128<<10 - 1, 128 << 10, 128<<10 + 1, 300_000} {
		for _, announced := range []int64{int64(size), -1} {
			for _, part := range []bool{false, true} {
				o := fs.WriteOptions{Size: announced, Checksum: object.MD5}
				w, err := s.Create(name("k"), o)
				if part {
					w, err = s.CreatePart(name("k"), "u", 1, o)
				}
				if err != nil {
					t.Fatal(err)
				}
				data := content(size, uint64(size))
				for rest := data; len(rest) > 0; {
					p := rest[:min(len(rest), 9_001)]
					rest = rest[len(p):]
					if _, err := w.Write(p); err != nil {
						t.Fatal(err)
					}
				}
				wantReadBack(t, w, data)
				if part {
					_, err = w.CommitPart(object.Part{})
				} else if _, err = w.Commit(object.Meta{}, fs.Terms{}); err == nil {
					wantContent(t, s, name("k"), data)
				}
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.ReadAt(make([]byte, 1), 0); err == nil {
					t.Fatal("the writer has ended")
				}
			}
		}
	}
}

func wantReadBack(t *testing.T, w *fs.Writer, data []byte) {
	t.Helper()
	if w.Size() != int64(len(data)) {
		t.Fatal(w.Size())
	}
	var readers sync.WaitGroup
	for range 2 { // a retry, and parts in parallel
		readers.Add(1)
		go func() {
			defer readers.Done()
			got, err := io.ReadAll(io.NewSectionReader(w, 0, w.Size()))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes of %d, %v", len(got), len(data), err)
			}
		}()
	}
	readers.Wait()
	for _, off := range []int{0, 1, len(data) / 2, len(data) - 1, len(data)} {
		if off < 0 || off > len(data) {
			continue
		}
		p := make([]byte, len(data)+1)
		if n, err := w.ReadAt(p, int64(off)); err != io.EOF || !bytes.Equal(p[:n], data[off:]) {
			t.Fatal(off, n, err)
		}
	}
}

// TestTermsSeeWhatIsThere gives every kind of change an If.
func TestTermsSeeWhatIsThere(t *testing.T) {
	s := open(t, memConfig(faultfs.New()))
	now := put(t, s, name("k"), large)
	var seen *object.Meta
	var calls int
	refuse := fs.Terms{If: func(m *object.Meta) error {
		calls++
		seen = m
		return object.Busy
	}, Cond: object.Cond{IfMatch: "other"}}
	changes := map[string]func() error{
		"commit": func() error {
			w, err := s.Create(name("k"), fs.WriteOptions{Size: 0})
			if err != nil {
				return err
			}
			_, err = w.Commit(object.Meta{}, refuse)
			return err
		},
		"fill": func() error {
			_, err := tryFill(s, name("k"), small, object.Power, refuse)
			return err
		},
		"publish": func() error {
			listed, err := upload(s, name("k"), "u", object.Power, part1)
			if err != nil {
				return err
			}
			_, err = s.Publish(name("k"), "u", listed, 0, finish, refuse, object.Power)
			return err
		},
		"copy": func() error {
			put(t, s, name("source"), small)
			_, err := s.Copy(name("source"), "", name("k"), object.Meta{}, nil, refuse, object.Power)
			return err
		},
		"remove": func() error {
			_, err := s.Remove(name("k"), "", refuse, object.Power)
			return err
		},
		"remove many": func() error {
			_, errs := s.RemoveMany([]fs.Removal{{Name: name("k")}}, refuse, object.Power)
			return errs[0]
		},
	}
	for what, change := range changes {
		calls, seen = 0, nil
		wantKind(t, change(), object.Busy)
		if calls != 1 || seen == nil || seen.ETag != now.ETag || seen.User["seed"] != "x" {
			t.Fatal(what, calls, seen)
		}
		wantContent(t, s, name("k"), large)
	}
	if _, err := s.Remove(name("k"), "", fs.Terms{If: func(m *object.Meta) error {
		if m.Accessed.IsZero() {
			return object.Invalid // it was read just now
		}
		return nil
	}}, object.Power); err != nil {
		t.Fatal(err)
	}
	none := &object.Meta{}
	nothing := fs.Terms{If: func(m *object.Meta) error {
		none = m
		return nil
	}}
	if _, err := tryFill(s, name("k"), small, object.Power, nothing); err != nil || none != nil {
		t.Fatal(none, err)
	}
	wantContent(t, s, name("k"), small)
}
