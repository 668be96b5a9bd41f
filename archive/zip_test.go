package archive

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"ais/object"
)

// stored returns a zip of one file that is not compressed, after prefix, with a
// comment.
func stored(t testing.TB, prefix, comment string) []byte {
	t.Helper()
	var buf bytes.Buffer
	buf.WriteString(prefix)
	w := zip.NewWriter(&buf)
	w.SetOffset(0)
	f, err := w.CreateHeader(&zip.FileHeader{Name: "dir/", Method: zip.Store})
	if err == nil {
		f, err = w.CreateHeader(&zip.FileHeader{Name: "f", Method: zip.Store, Modified: now})
	}
	if err == nil {
		_, err = io.WriteString(f, "content of f")
	}
	if err == nil {
		err = w.SetComment(comment)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestStored(t *testing.T) {
	for _, prefix := range []string{"", "#!/bin/sh\nexec unpack $0\n"} {
		for _, comment := range []string{"", "PK\x05\x06 is no end", strings.Repeat("c", 60000)} {
			raw := stored(t, prefix, comment)
			got, f, err := read(t, open(raw, Zip), "f")
			if err != nil || got != "content of f" || f.Offset < 0 || string(raw[f.Offset:f.Offset+f.Size]) != got {
				t.Errorf("%.10q, %.10q: %q, %+v, %v", prefix, comment, got, f, err)
			}
		}
	}
}

// entryAt returns where the n-th entry of a zip's directory is.
func entryAt(raw []byte, n int) int {
	at := -1
	for range n + 1 {
		at += 1 + bytes.Index(raw[at+1:], []byte(zipEntry))
	}
	return at
}

func TestHostileZips(t *testing.T) {
	good := stored(t, "", "")
	at := entryAt(good, 1)
	end := bytes.LastIndex(good, []byte(zipEnd))
	put16 := func(at int, v uint16) func([]byte) {
		return func(raw []byte) { binary.LittleEndian.PutUint16(raw[at:], v) }
	}
	put32 := func(at int, v uint32) func([]byte) {
		return func(raw []byte) { binary.LittleEndian.PutUint32(raw[at:], v) }
	}
	for name, c := range map[string]struct {
		change func([]byte)
		kind   object.Kind
	}{
		"encrypted":              {put16(at+8, 9), object.Unsupported},
		"another compression":    {put16(at+10, 93), object.Unsupported},
		"a wrong checksum":       {put32(at+16, 1), object.Invalid},
		"a wrong packed size":    {put32(at+20, 5), object.Invalid},
		"a huge packed size":     {put32(at+20, 1<<31), object.Invalid},
		"a wrong size":           {put32(at+24, 1<<31), object.Invalid},
		"an offset outside":      {put32(at+42, 1<<30), object.Invalid},
		"a zip64 without fields": {put32(at+42, none32), object.Invalid},
		"a damaged entry":        {put32(at, 0), object.Invalid},
		"a damaged header":       {put32(bytes.Index(good[4:], []byte(zipLocal))+4, 0), object.Invalid},
		"more entries than are":  {put16(end+10, 50), object.Invalid},
		"a directory outside":    {put32(end+16, 1<<30), object.Invalid},
		"a directory too long":   {put32(end+12, 1<<30), object.Invalid},
		"no end":                 {put32(end, 0), object.Invalid},
	} {
		raw := bytes.Clone(good)
		c.change(raw)
		wanted := "f"
		if name == "more entries than are" {
			wanted = "g"
		}
		if _, _, err := read(t, open(raw, Zip), wanted); err == nil || object.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLargeZip: sizes and counts in zip64 fields.
func TestLargeZip(t *testing.T) {
	raw := stored(t, "", "")
	at, end := entryAt(raw, 1), bytes.LastIndex(raw, []byte(zipEnd))
	start := binary.LittleEndian.Uint32(raw[end+16:])
	le := binary.LittleEndian
	// The entry says that its three numbers are in a zip64 field, which is put in after its name.
	field := le.AppendUint16(le.AppendUint16(nil, 1), 24)
	for _, from := range []int{24, 20, 42} {
		field = le.AppendUint64(field, uint64(le.Uint32(raw[at+from:])))
	}
	entry := bytes.Clone(raw[at:end])
	for _, from := range []int{20, 24, 42} {
		le.PutUint32(entry[from:], none32)
	}
	name := entryLength + int(le.Uint16(entry[28:]))
	le.PutUint16(entry[30:], le.Uint16(entry[30:])+uint16(len(field)))
	out := append(bytes.Clone(raw[:at]), entry[:name]...)
	out = append(append(out, field...), entry[name:]...)
	// Then the end of a zip64, which says what the old end does not.
	at64, length := len(out), len(out)-int(start)
	record := make([]byte, end64Length)
	copy(record, zip64End)
	le.PutUint64(record[24:], 2)
	le.PutUint64(record[32:], 2)
	le.PutUint64(record[40:], uint64(length))
	le.PutUint64(record[48:], uint64(start))
	locator := make([]byte, locatorLength)
	copy(locator, zip64Locator)
	le.PutUint64(locator[8:], uint64(at64))
	locator[16] = 1 // disks
	old := bytes.Clone(raw[end:])
	le.PutUint16(old[8:], none16)
	le.PutUint16(old[10:], none16)
	le.PutUint32(old[12:], none32)
	le.PutUint32(old[16:], none32)
	out = append(append(append(out, record...), locator...), old...)
	if got, _, err := read(t, open(out, Zip), "f"); got != "content of f" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := zip.NewReader(bytes.NewReader(out), int64(len(out))); err != nil {
		t.Errorf("the test's own zip: %v", err)
	}
}

// FuzzRead: whatever the bytes are, reading ends, in an error or not, and gives of
// each file what it says.
func FuzzRead(f *testing.F) {
	for _, format := range all {
		raw := pack(f, format, order...)
		if format == Tar {
			raw = raw[:8<<10]
		}
		f.Add(uint8(format), raw)
	}
	f.Add(uint8(Zip), stored(f, "prefix", "comment"))
	f.Fuzz(func(t *testing.T, format uint8, raw []byte) {
		a := open(raw, Format(format%uint8(formats)))
		files := 0
		err := a.Each(context.Background(), func(m Member, open func() (*File, error)) (bool, error) {
			files++
			file, err := open()
			if err != nil {
				return true, nil
			}
			n, err := io.Copy(io.Discard, io.LimitReader(file, 1<<20))
			if err == nil && n < min(m.Size, 1<<20) || n > m.Size {
				t.Errorf("%q: %d bytes of %d", m.Name, n, m.Size)
			}
			return files < 100, nil
		})
		var out bytes.Buffer
		appendErr := Append(context.Background(), &limited{&out, 8 << 20}, a, func(string) bool { return false }, func(w *Writer) error {
			return w.Add(Member{Name: "more", Size: 1}, strings.NewReader("m"))
		})
		if err == nil && appendErr == nil && out.Len() < 8<<20 {
			if _, err := open(out.Bytes(), a.format).Find(context.Background(), "more"); err != nil {
				t.Errorf("what was appended is not there: %v", err)
			}
		}
	})
}

// limited is a writer that takes so many bytes.
type limited struct {
	to   io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, io.ErrShortWrite
	}
	return l.to.Write(p)
}
