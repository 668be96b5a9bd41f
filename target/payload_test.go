package target

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"ais/object"
)

func TestStream(t *testing.T) {
	content := strings.Repeat("payload ", 1000)
	size := int64(len(content))
	sum := object.Sum(object.SHA256, []byte(content))
	tests := []struct {
		name string
		from io.Reader
		size int64
		sum  object.Checksum
		want error // nil: all is well
	}{
		{"whole", strings.NewReader(content), size, sum, nil},
		{"one byte at a time", iotest.OneByteReader(strings.NewReader(content)), size, sum, nil},
		{"data with EOF", iotest.DataErrReader(strings.NewReader(content)), size, sum, nil},
		{"ends early", strings.NewReader(content[:len(content)-1]), size, sum, object.Incomplete},
		{"ends early, data with EOF", iotest.DataErrReader(strings.NewReader(content[:10])), size, sum, object.Incomplete},
		{"empty where bytes were announced", strings.NewReader(""), size, sum, object.Incomplete},
		{"altered", strings.NewReader("P" + content[1:]), size, sum, object.BadDigest},
		{"breaks", io.MultiReader(strings.NewReader(content[:100]), iotest.ErrReader(io.ErrClosedPipe)), size, sum, io.ErrClosedPipe},
		{"longer than announced", strings.NewReader(content + "more"), size, sum, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStream(tt.from, tt.size, []object.Checksum{tt.sum}, object.CRC32C)
			var got bytes.Buffer
			md5, err := receive(&got, s, object.MD5)
			if tt.want != nil {
				if !errors.Is(err, tt.want) {
					t.Fatalf("error %v, want %v", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != content {
				t.Errorf("%d bytes, want %d", got.Len(), len(content))
			}
			if want := object.Sum(object.MD5, []byte(content)); md5.Hex() != want.Hex() {
				t.Errorf("MD5 %s, want %s", md5.Hex(), want.Hex())
			}
			if sums := s.Sums(); len(sums) != 1 || sums[0].Hex() != object.Sum(object.CRC32C, []byte(content)).Hex() {
				t.Errorf("kept checksums %v", sums)
			}
		})
	}
}

func TestETag(t *testing.T) {
	content := []byte("content")
	if got, want := etag(object.Sum(object.MD5, content)), object.Sum(object.MD5, content).Hex(); got != want {
		t.Errorf("MD5: %q, want %q", got, want)
	}
	for _, a := range []object.Algorithm{object.XXHash, object.CRC32C, object.SHA256} {
		if got := etag(object.Sum(a, content)); !strings.Contains(got, "-") {
			t.Errorf("%v: %q could be taken for an MD5", a, got)
		}
	}
	if one, two := etag(object.Checksum{}), etag(object.Checksum{}); one == two || !strings.Contains(one, "-") {
		t.Errorf("without a checksum: %q and %q", one, two)
	}
}
