package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"ais/object"
)

var (
	now     = time.Date(2026, 5, 6, 7, 8, 10, 0, time.UTC)
	content = map[string]string{
		"a.txt": "first", "dir/b.bin": strings.Repeat("0123456789", 5000), "empty": "", "../up": "a name",
		strings.Repeat("long/", 60) + "name": "PAX", "ünïcode": "UTF-8",
	}
	order = []string{"a.txt", "dir/b.bin", "empty", "../up", strings.Repeat("long/", 60) + "name", "ünïcode"}
	all   = []Format{Tar, Tgz, Zip, TarLz4}
)

// pack returns an archive of the files named.
func pack(t testing.TB, f Format, names ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := NewWriter(&buf, f)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := w.Add(Member{Name: name, Size: int64(len(content[name])), Modified: now}, strings.NewReader(content[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// counting is a source that counts what is read of it.
type counting struct {
	from io.ReaderAt
	read int64
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.from.ReadAt(p, off)
	c.read += int64(n)
	return n, err
}

func read(t *testing.T, a *Archive, name string) (string, *File, error) {
	t.Helper()
	f, err := a.Find(context.Background(), name)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	return string(got), f, err
}

func open(raw []byte, f Format) *Archive { return Open(bytes.NewReader(raw), int64(len(raw)), f) }

func TestRoundTrip(t *testing.T) {
	for _, f := range all {
		raw := pack(t, f, order...)
		a := open(raw, f)
		var names []string
		err := a.Each(context.Background(), func(m Member, _ func() (*File, error)) (bool, error) {
			names = append(names, m.Name)
			if m.Size != int64(len(content[m.Name])) || !m.Modified.Equal(now) || m.Mode.Perm() != 0o644 {
				t.Errorf("%v: %+v", f, m)
			}
			return true, nil
		})
		if err != nil || fmt.Sprint(names) != fmt.Sprint(order) {
			t.Fatalf("%v: %q, %v", f, names, err)
		}
		for name, want := range content {
			got, file, err := read(t, a, name)
			if err != nil || got != want {
				t.Errorf("%v: %q has %d bytes, %v", f, name, len(got), err)
			}
			if f == Tar && string(raw[file.Offset:file.Offset+file.Size]) != want {
				t.Errorf("%q is not at its offset", name)
			}
		}
		if _, _, err := read(t, a, "missing"); object.KindOf(err) != object.NoSuchMember || !strings.Contains(err.Error(), `"missing"`) {
			t.Errorf("%v: a missing member: %v", f, err)
		}
		chosen, err := Choose("", "object", bytes.NewReader(raw), int64(len(raw)))
		if err != nil || chosen != f {
			t.Errorf("%v is taken for %v, %v", f, chosen, err)
		}
	}
}

// TestReadsLittle: the last member of a tar or zip of a gigabyte costs a few pages.
func TestReadsLittle(t *testing.T) {
	const big = 1 << 30
	var head, tail bytes.Buffer
	w := tar.NewWriter(&head)
	if err := w.WriteHeader(&tar.Header{Name: "big", Size: big, Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	v := tar.NewWriter(&tail)
	if err := v.WriteHeader(&tar.Header{Name: "last", Size: 5, Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	_, _ = v.Write([]byte("bytes"))
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	src := &counting{from: &holed{head.Bytes(), tail.Bytes(), int64(head.Len()) + big}}
	a := Open(src, int64(head.Len()+tail.Len())+big, Tar)
	if got, _, err := read(t, a, "last"); got != "bytes" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	if src.read > 32<<10 {
		t.Errorf("%d bytes were read", src.read)
	}
}

// holed is head, zeros, and tail from at on.
type holed struct {
	head, tail []byte
	at         int64
}

func (h *holed) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off < int64(len(h.head)) {
		copy(p, h.head[off:])
	}
	if end := off + int64(len(p)); end > h.at {
		return int(max(h.at-off, 0)) + copy(p[max(h.at-off, 0):], h.tail[max(off-h.at, 0):]), nil
	}
	return len(p), nil
}

func TestFormats(t *testing.T) {
	for text, want := range map[string]Format{
		".tar": Tar, "tar": Tar, "application/x-tar": Tar, ".tgz": Tgz, ".tar.gz": Tgz, "application/gzip": Tgz, "tgz": Tgz,
		"zip": Zip, "application/zip": Zip, ".tar.lz4": TarLz4, "TAR": Tar, "": 0, ".rar": 0, "text/plain": 0,
	} {
		got, err := ParseFormat(text)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for name, want := range map[string]Format{"x/a.tar": Tar, "a.TAR.GZ": Tgz, "a.tgz": Tgz, "a.zip": Zip, "a.tar.lz4": TarLz4, "a.lz4": 0, "tar": 0} {
		if got, _ := ByName(name); got != want {
			t.Errorf("%q is %v", name, got)
		}
	}
	zip := pack(t, Zip, "a.txt")
	if f, err := Choose("tgz", "x.tar", bytes.NewReader(zip), int64(len(zip))); f != Tgz || err != nil {
		t.Errorf("mime comes first: %v, %v", f, err)
	}
	if f, err := Choose("", "x.tar", bytes.NewReader(zip), int64(len(zip))); f != Tar || err != nil {
		t.Errorf("then the name: %v, %v", f, err)
	}
	for _, raw := range []string{"", "P", "text", strings.Repeat("x", 1000)} {
		if _, err := Choose("", "x", strings.NewReader(raw), int64(len(raw))); object.KindOf(err) != object.Invalid {
			t.Errorf("%.10q: %v", raw, err)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		mode, pattern, name string
		want                bool
	}{
		{"regexp", `\.jpe?g$`, "a/b.jpg", true}, {"", `^b`, "a/b.jpg", false}, {"prefix", "a/", "a/b", true}, {"prefix", "b", "a/b", false},
		{"suffix", ".cls", "x.cls", true}, {"substr", "/b.", "a/b.c", true}, {"substr", ".*", "a/b.c", false},
		{"wdskey", "a/b", "a/b.c.d", true}, {"wdskey", "a.x/b", "a.x/b.c", true}, {"wdskey", "a/b.c", "a/b.c.d", false}, {"wdskey", "a", "a", true},
	} {
		m, err := NewMatcher(c.mode, c.pattern)
		if err != nil || m.Match(c.name) != c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, c := range [][2]string{{"regexp", "("}, {"glob", "*"}, {"prefix", ""}} {
		if _, err := NewMatcher(c[0], c[1]); object.KindOf(err) != object.Invalid {
			t.Errorf("%v: %v", c, err)
		}
	}
}

func TestAppend(t *testing.T) {
	for _, f := range all {
		raw := pack(t, f, order...)
		var out bytes.Buffer
		replaced := func(name string) bool { return name == "dir/b.bin" || name == "ünïcode" }
		err := Append(context.Background(), &out, open(raw, f), replaced, func(w *Writer) error {
			return w.Add(Member{Name: "dir/b.bin", Size: 3}, strings.NewReader("new"))
		})
		if err != nil {
			t.Fatalf("%v: %v", f, err)
		}
		a := open(out.Bytes(), f)
		var names []string
		if err := a.Each(context.Background(), func(m Member, _ func() (*File, error)) (bool, error) {
			names = append(names, m.Name)
			return true, nil
		}); err != nil {
			t.Fatal(err)
		}
		if want := []string{order[0], order[2], order[3], order[4], "dir/b.bin"}; fmt.Sprint(names) != fmt.Sprint(want) {
			t.Errorf("%v: %q", f, names)
		}
		for _, name := range []string{"a.txt", order[4]} {
			if got, _, err := read(t, a, name); got != content[name] || err != nil {
				t.Errorf("%v: %q: %q, %v", f, name, got, err)
			}
		}
		if got, _, err := read(t, a, "dir/b.bin"); got != "new" || err != nil {
			t.Errorf("%v: %q, %v", f, got, err)
		}
	}
}

// TestAppendKeepsAll: folders, links and a missing end of the tar are no matter.
func TestAppendKeepsAll(t *testing.T) {
	var raw bytes.Buffer
	w := tar.NewWriter(&raw)
	for _, h := range []*tar.Header{
		{Name: "d/", Typeflag: tar.TypeDir, Mode: 0o755}, {Name: "d/l", Typeflag: tar.TypeSymlink, Linkname: "../x"},
		{Name: "zeros", Size: 1024, Mode: 0o600, PAXRecords: map[string]string{"AIS.note": "kept"}},
	} {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write(make([]byte, 1024)); err != nil {
		t.Fatal(err)
	}
	whole := raw.Len()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{whole, whole + 512, whole + 1024} {
		var out bytes.Buffer
		err := Append(context.Background(), &out, open(raw.Bytes()[:size], Tar), func(string) bool { return false }, func(w *Writer) error {
			return w.Add(Member{Name: "more", Size: 1}, strings.NewReader("m"))
		})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes()[:whole], raw.Bytes()[:whole]) || out.Len() != whole+1024+1024 {
			t.Errorf("of %d bytes: %d", size, out.Len())
		}
		if got, _, err := read(t, open(out.Bytes(), Tar), "more"); got != "m" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
}

func TestTarSize(t *testing.T) {
	for _, m := range []Member{{Name: "a"}, {Name: "b", Size: 512}, {Name: "c", Size: 513}, {Name: order[4], Size: 3, Modified: now}} {
		var out bytes.Buffer
		w, err := NewWriter(&out, Tar)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Add(m, bytes.NewReader(make([]byte, m.Size))); err != nil {
			t.Fatal(err)
		}
		if got := TarSize(m); got != int64(out.Len()) {
			t.Errorf("%+v: %d, not %d", m, got, out.Len())
		}
		before := out.Len()
		if err := w.Close(); err != nil || out.Len()-before != TarEnd {
			t.Errorf("the end has %d bytes, %v", out.Len()-before, err)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	for _, f := range all {
		var out bytes.Buffer
		w, err := NewWriter(&out, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"", "a\x00b"} {
			if err := w.Add(Member{Name: name}, strings.NewReader("")); object.KindOf(err) != object.Invalid {
				t.Errorf("%v: %q: %v", f, name, err)
			}
		}
		if err := w.Add(Member{Name: "good", Size: 2}, strings.NewReader("ok")); err != nil {
			t.Errorf("%v, after what it refused: %v", f, err)
		}
		if err := w.Add(Member{Name: "short", Size: 3}, strings.NewReader("no")); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v: a short body: %v", f, err)
		}
	}
	if _, err := NewWriter(io.Discard, 0); object.KindOf(err) != object.Invalid {
		t.Errorf("no format: %v", err)
	}
}

var errDisk = errors.New("the disk is on fire")

type burning struct{ from io.ReaderAt }

func (b burning) ReadAt(p []byte, off int64) (int, error) {
	if off > 20000 {
		return 0, errDisk
	}
	return b.from.ReadAt(p, off)
}

// TestFaults: a source that cannot be read is not taken for a damaged archive, and
// a damaged one is Invalid.
func TestFaults(t *testing.T) {
	for _, f := range all {
		raw := pack(t, f, order...)
		if f == Tar {
			a := Open(burning{bytes.NewReader(raw)}, int64(len(raw)), f)
			if _, _, err := read(t, a, "dir/b.bin"); !errors.Is(err, errDisk) {
				t.Errorf("%v: %v", f, err)
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := open(raw, f).Find(ctx, "a.txt"); !errors.Is(err, context.Canceled) {
			t.Errorf("%v: %v", f, err)
		}
		cut := raw[:len(raw)/2]
		if _, _, err := read(t, open(cut, f), "ünïcode"); object.KindOf(err) != object.Invalid {
			t.Errorf("%v, cut: %v", f, err)
		}
	}
	if _, _, err := read(t, open([]byte(strings.Repeat("x", 2000)), Tar), "x"); object.KindOf(err) != object.Invalid {
		t.Errorf("no tar: %v", err)
	}
}

// TestSparse: what GNU tar leaves out is there when it is read, and has no offset.
func TestSparse(t *testing.T) {
	// A sparse file in the PAX 1.0 format: the map is the head of the data.
	var raw bytes.Buffer
	w := tar.NewWriter(&raw)
	data := append([]byte("1\n1000\n3\n"), make([]byte, 512-9)...)
	data = append(data, "end"...)
	err := w.WriteHeader(&tar.Header{Name: "GNUSparseFile.0/f", Size: int64(len(data)), Mode: 0o600, Format: tar.FormatPAX, PAXRecords: map[string]string{"AIS.x": "y"}})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// The writer of the standard library refuses the records: they are put in by hand.
	records := record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0") + record("GNU.sparse.name", "f") + record("GNU.sparse.realsize", "1003")
	sparse := withRecords(t, raw.Bytes(), records)
	got, f, err := read(t, open(sparse, Tar), "f")
	if err != nil || got != strings.Repeat("\x00", 1000)+"end" || f.Offset != -1 {
		t.Errorf("%d bytes, %+v, %v", len(got), f, err)
	}
}

// record is a PAX record: its length, which counts itself, a key and a value.
func record(key, value string) string {
	n := len(key) + len(value) + 3
	for len(fmt.Sprint(n))+len(key)+len(value)+3 != n {
		n++
	}
	return fmt.Sprintf("%d %s=%s\n", n, key, value)
}

// withRecords replaces the PAX records at a tar's beginning.
func withRecords(t *testing.T, raw []byte, records string) []byte {
	t.Helper()
	raw = bytes.Clone(raw)
	copy(raw[512:1024], records+strings.Repeat("\x00", 512-len(records)))
	copy(raw[124:136], fmt.Sprintf("%011o\x00", len(records)))
	copy(raw[148:156], "        ")
	sum := 0
	for _, b := range raw[:512] {
		sum += int(b)
	}
	copy(raw[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return raw
}

// TestTooLarge: a size that nothing can have is refused, not believed.
func TestTooLarge(t *testing.T) {
	var raw bytes.Buffer
	w := tar.NewWriter(&raw)
	if err := w.WriteHeader(&tar.Header{Name: "f", Size: math.MaxInt64 / 2, Format: tar.FormatGNU}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(t, open(raw.Bytes(), Tar), "f"); object.KindOf(err) != object.Invalid {
		t.Errorf("%v", err)
	}
	if _, _, err := read(t, open(raw.Bytes(), Tar), "g"); object.KindOf(err) != object.Invalid {
		t.Errorf("%v", err)
	}
}
