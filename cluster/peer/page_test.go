package peer

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"ais/object"
)

func fullMeta() object.Meta {
	now := time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)
	sums := []object.Checksum{object.Sum(object.CRC32C, []byte("a")), {Algorithm: object.SHA1, Composite: true, Value: []byte{1, 2}}}
	return object.Meta{
		Size: 5 << 40, Modified: now, ETag: "0123-2", StorageClass: "STANDARD_IA",
		Version:  object.Version{Term: 3, Counter: 1 << 63},
		Header:   object.Header{ContentType: "a/b", ContentEncoding: "gzip", ContentDisposition: "x", ContentLanguage: "de", CacheControl: "no", Expires: "0", WebsiteRedirect: "/"},
		User:     map[string]string{"a": "1", "b": ""},
		Custom:   map[string]string{"source": "aws"},
		Checksum: object.Sum(object.XXHash, []byte("b")),
		Sums:     sums,
		Parts: []object.Part{
			{Number: 1, Size: 5 << 20, ETag: "e1", Modified: now, Checksum: object.Sum(object.MD5, nil), Sums: sums},
			{Number: 10000, Size: 0, Modified: now.Add(time.Hour)},
		},
		VersionID: "0000000000000001ffffffffffffffff", DeleteMarker: true,
		Owner: "user", ACL: "acl", Tags: map[string]string{"a": "", "b": "c"},
		Accessed: now.Add(-time.Hour), Mountpath: "/mnt/a", Mirrors: []string{"/mnt/b", "/mnt/c"},
	}
}

func samplePage(n int) object.Page {
	p := object.Page{Truncated: true}
	for i := range n {
		p.Entries = append(p.Entries, object.Entry{
			Key:  fmt.Sprintf("src/cmd/compile/internal/object-%06d.go", i),
			Meta: object.Meta{Size: int64(i) * 1000, Modified: time.Unix(int64(1.7e9)+int64(i), 5e6).UTC(), ETag: fmt.Sprintf("%032x", i)},
		})
	}
	return p
}

func TestPageRoundTrip(t *testing.T) {
	for name, p := range map[string]object.Page{
		"empty": {},
		"mixed": {Truncated: true, Entries: []object.Entry{
			{Key: "a//../\x00ü", Meta: fullMeta()}, {Key: "b/", Prefix: true}, {Key: "c", UploadID: "u.1", Meta: object.Meta{Modified: time.Unix(-5, 0).UTC()}},
			{Key: "d", Meta: object.Meta{Size: -1}, Latest: true},
		}},
		"listing": samplePage(1000),
	} {
		t.Run(name, func(t *testing.T) {
			b := EncodePage(p)
			got, err := DecodePage(b)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, p) {
				t.Fatalf("got %+v\nwant %+v", got, p)
			}
			for i := range min(len(b), 3000) {
				if _, err := DecodePage(b[:i]); !errors.Is(err, object.Invalid) {
					t.Fatalf("the first %d bytes of %d: %v", i, len(b), err)
				}
			}
		})
	}
}

func TestMetaRoundTrip(t *testing.T) {
	for _, m := range []object.Meta{{}, fullMeta()} {
		got, err := DecodeMeta(EncodeMeta(&m))
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Fatalf("got %+v, %v\nwant %+v", got, err, m)
		}
	}
	// Every field of Meta is encoded: a new one must be added to the encoding.
	full := reflect.ValueOf(fullMeta())
	for i := range full.NumField() {
		if full.Field(i).IsZero() {
			t.Errorf("the test leaves out %s", full.Type().Field(i).Name)
		}
	}
}

func FuzzDecodePage(f *testing.F) {
	f.Add([]byte{})
	f.Add(EncodePage(samplePage(3)))
	f.Add(EncodePage(object.Page{Entries: []object.Entry{{Key: "a", UploadID: "u", Meta: fullMeta()}, {Key: "b/", Prefix: true}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodePage(b)
		if err != nil {
			if !errors.Is(err, object.Invalid) {
				t.Fatal(err)
			}
			return
		}
		again, err := DecodePage(EncodePage(p))
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("got %+v, %v\nwant %+v", again, err, p)
		}
	})
}

func BenchmarkPage(b *testing.B) {
	p := samplePage(1000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodePage(EncodePage(p)); err != nil {
			b.Fatal(err)
		}
	}
}
