package object

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"testing"
)

func etag(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestCheckParts(t *testing.T) {
	have := []Part{
		{Number: 1, Size: 10, ETag: "a", Sums: []Checksum{{Algorithm: CRC32, Value: []byte("1234")}}},
		{Number: 3, Size: 10, ETag: "b"},
		{Number: 4, Size: 2, ETag: "c"},
		{Number: 9, Size: MaxSize, ETag: "d"},
	}
	sum := func(v string) []Checksum { return []Checksum{{Algorithm: CRC32, Value: []byte(v)}} }
	tests := []struct {
		name   string
		listed []Listed
		want   []int
		err    error
	}{
		{"all", []Listed{{1, "a", nil, false}, {3, "b", nil, false}, {4, "c", nil, false}}, []int{1, 3, 4}, nil},
		{"quoted", []Listed{{1, `"a"`, nil, false}}, []int{1}, nil},
		{"some", []Listed{{3, "b", nil, false}, {4, "c", nil, false}}, []int{3, 4}, nil},
		{"small last", []Listed{{4, "c", nil, false}}, []int{4}, nil},
		{"with checksum", []Listed{{1, "a", sum("1234"), false}}, []int{1}, nil},
		{"whatever is there", []Listed{{3, "", nil, true}, {4, "other", nil, true}}, []int{3, 4}, nil},
		{"no ETag", []Listed{{1, "", nil, false}}, nil, InvalidPart},
		{"whatever is there, and nothing is", []Listed{{2, "", nil, true}}, nil, InvalidPart},
		{"none", nil, nil, Invalid},
		{"out of order", []Listed{{3, "b", nil, false}, {1, "a", nil, false}}, nil, InvalidPartOrder},
		{"twice", []Listed{{1, "a", nil, false}, {1, "a", nil, false}}, nil, InvalidPartOrder},
		{"zero", []Listed{{0, "a", nil, false}}, nil, InvalidPartOrder},
		{"missing", []Listed{{1, "a", nil, false}, {2, "b", nil, false}}, nil, InvalidPart},
		{"past the end", []Listed{{10, "a", nil, false}}, nil, InvalidPart},
		{"wrong etag", []Listed{{1, "b", nil, false}}, nil, InvalidPart},
		{"wrong checksum", []Listed{{1, "a", sum("4321"), false}}, nil, InvalidPart},
		{"checksum of a part that has none", []Listed{{3, "b", sum("1234"), false}}, nil, InvalidPart},
		{"too small", []Listed{{4, "c", nil, false}, {9, "d", nil, false}}, nil, TooSmall},
		{"too large", []Listed{{1, "a", nil, false}, {9, "d", nil, false}}, nil, TooLarge},
	}
	for _, tt := range tests {
		got, err := CheckParts(tt.listed, have, 5)
		if !errors.Is(err, tt.err) || tt.err == nil && err != nil {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
			continue
		}
		if len(got) != len(tt.want) {
			t.Errorf("%s: %v", tt.name, got)
			continue
		}
		for i, p := range got {
			if p.Number != tt.want[i] {
				t.Errorf("%s: part %d is number %d", tt.name, i, p.Number)
			}
		}
	}
}

func TestMultipartETag(t *testing.T) {
	raw1, _ := hex.DecodeString(etag("one"))
	raw2, _ := hex.DecodeString(etag("two"))
	want := etag(string(raw1)+string(raw2)) + "-2"
	if got := MultipartETag([]Part{{ETag: etag("one")}, {ETag: etag("two")}}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// Parts whose ETags are no MD5s still give an ETag that tells them apart.
	a := MultipartETag([]Part{{ETag: "0123-xxhash"}, {ETag: "4567-xxhash"}})
	b := MultipartETag([]Part{{ETag: "4567-xxhash"}, {ETag: "0123-xxhash"}})
	if a == b || a[len(a)-2:] != "-2" {
		t.Errorf("%s and %s", a, b)
	}
}

func TestCompositeSum(t *testing.T) {
	s1, s2 := Sum(SHA256, []byte("one")), Sum(SHA256, []byte("two"))
	got, ok := CompositeSum(SHA256, []Part{{Sums: []Checksum{s1}}, {Sums: []Checksum{s2}}})
	want := Sum(SHA256, append(append([]byte{}, s1.Value...), s2.Value...))
	if !ok || !got.Composite || got.Hex() != want.Hex() {
		t.Errorf("got %v %v, want %v", got, ok, want)
	}
	if _, ok := CompositeSum(SHA256, []Part{{Sums: []Checksum{s1}}, {}}); ok {
		t.Error("a part without a checksum")
	}
	if _, ok := CompositeSum(NoChecksum, nil); ok {
		t.Error("no algorithm")
	}
}

func TestETagOf(t *testing.T) {
	if got := ETagOf(Sum(MD5, []byte("x")), nil); got != etag("x") {
		t.Errorf("md5: %s", got)
	}
	for _, a := range []Algorithm{XXHash, CRC32C, SHA256} {
		if got := ETagOf(Sum(a, []byte("x")), nil); got != Sum(a, []byte("x")).Hex()+"-"+a.String() {
			t.Errorf("%v: %s", a, got)
		}
	}
	if got := ETagOf(Checksum{}, []byte{1, 2}); got != "0102-none" {
		t.Errorf("none: %s", got)
	}
}

func TestSumVectors(t *testing.T) {
	vectors := map[Algorithm]string{ // of "123456789", by the catalogue of CRCs and the RFCs
		CRC32: "cbf43926", CRC32C: "e3069283", CRC64NVME: "ae8b14860a799888",
		MD5: "25f9e794323b453885f5181f1b624d0b", SHA1: "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
	}
	for a, want := range vectors {
		if got := Sum(a, []byte("123456789")).Hex(); got != want {
			t.Errorf("%v: %s, want %s", a, got, want)
		}
	}
	if got := Sum(NoChecksum, []byte("x")); got.Value != nil {
		t.Errorf("none: %v", got)
	}
	for _, a := range []Algorithm{NoChecksum, XXHash, MD5, CRC32, CRC32C, CRC64NVME, SHA1, SHA256} {
		if got, err := ParseAlgorithm(a.String()); err != nil || got != a {
			t.Errorf("%v does not come back: %v %v", a, got, err)
		}
	}
	if _, err := ParseAlgorithm("rot13"); !errors.Is(err, Invalid) {
		t.Errorf("rot13: %v", err)
	}
}
