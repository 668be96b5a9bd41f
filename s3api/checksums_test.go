package s3api

import (
	"errors"
	"testing"

	"ais/object"
)

func TestParseCompletion(t *testing.T) {
	sum := object.Sum(object.CRC32, []byte("x"))
	tests := []struct {
		name    string
		headers []string
		want    Completion
		err     error
	}{
		{"nothing", nil, Completion{Size: -1}, nil},
		{"composite by its count", []string{"x-amz-checksum-crc32: " + sum.Base64() + "-3"},
			Completion{Size: -1, Sum: object.Checksum{Algorithm: object.CRC32, Composite: true, Value: sum.Value}}, nil},
		{"all", []string{"x-amz-checksum-crc32: " + sum.Base64(), "x-amz-checksum-type: FULL_OBJECT", "x-amz-mp-object-size: 7"},
			Completion{Size: 7, Type: "FULL_OBJECT", Sum: sum}, nil},
		{"no digest", []string{"x-amz-checksum-sha256: bad"}, Completion{}, BadDigest},
		{"two digests", []string{"x-amz-checksum-crc32: " + sum.Base64(), "x-amz-checksum-crc32c: " + sum.Base64()}, Completion{}, InvalidRequest},
		{"no type", []string{"x-amz-checksum-type: HALF"}, Completion{}, InvalidRequest},
		{"no size", []string{"x-amz-mp-object-size: -1"}, Completion{}, InvalidRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseCompletion(newRequest(t, "POST", "/bkt/k?uploadId=u", tt.headers...))
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if err != nil {
				return
			}
			if got.Size != tt.want.Size || got.Type != tt.want.Type || got.Sum.Algorithm != tt.want.Sum.Algorithm ||
				got.Sum.Composite != tt.want.Sum.Composite || got.Sum.Hex() != tt.want.Sum.Hex() {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestCompletionCheck(t *testing.T) {
	full, other := object.Sum(object.CRC32, []byte("x")), object.Sum(object.CRC32, []byte("y"))
	u := &object.Upload{Algorithm: object.CRC32}
	tests := []struct {
		name string
		c    Completion
		u    *object.Upload
		want error
	}{
		{"nothing announced", Completion{Size: -1}, u, nil},
		{"all as announced", Completion{Size: 5, Type: "FULL_OBJECT", Sum: full}, u, nil},
		{"another size", Completion{Size: 6}, u, InvalidRequest},
		{"another digest", Completion{Size: -1, Sum: other}, u, BadDigest},
		{"another type", Completion{Size: -1, Type: "COMPOSITE"}, u, InvalidRequest},
		{"a type where there is no checksum", Completion{Size: -1, Type: "COMPOSITE"}, &object.Upload{}, nil},
		{"a digest that the upload does not keep", Completion{Size: -1, Sum: object.Sum(object.SHA1, nil)}, u, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.c.Check(tt.u, 5, []object.Checksum{full}); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestCheckPartSum(t *testing.T) {
	tests := []struct {
		upload, part object.Algorithm
		want         error
	}{
		{object.NoChecksum, object.CRC32, nil},
		{object.SHA256, object.NoChecksum, nil},
		{object.SHA256, object.SHA256, nil},
		{object.SHA256, object.CRC32, InvalidRequest},
	}
	for _, tt := range tests {
		if err := CheckPartSum(&object.Upload{Algorithm: tt.upload}, tt.part); !errors.Is(err, tt.want) {
			t.Errorf("%v for %v: error %v, want %v", tt.part, tt.upload, err, tt.want)
		}
	}
}

// A part has the checksums of its object, without a count, and with the object's
// type.
func TestWritePartSums(t *testing.T) {
	sha, crc := object.Sum(object.SHA256, []byte("x")), object.Sum(object.CRC32, []byte("x"))
	part := &object.Part{Number: 2, Sums: []object.Checksum{crc, sha}}
	for _, composite := range []bool{true, false} {
		r := newRequest(t, "GET", "/bkt/k?partNumber=2")
		whole := object.Checksum{Algorithm: object.SHA256, Composite: composite, Value: make([]byte, 32)}
		WritePartSums(r, part, &object.Meta{Sums: []object.Checksum{whole}})
		h := &r.ctx.Response.Header
		if got := string(h.Peek("x-amz-checksum-sha256")); got != sha.Base64() {
			t.Errorf("SHA-256 %q, want %q", got, sha.Base64())
		}
		if got := string(h.Peek("x-amz-checksum-crc32")); got != "" {
			t.Errorf("a checksum that the object has not: %q", got)
		}
		if got := string(h.Peek(hChecksumType)); got != sumType(whole) {
			t.Errorf("type %q, want %q", got, sumType(whole))
		}
	}
}
