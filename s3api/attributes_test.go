package s3api

import (
	"errors"
	"strings"
	"testing"

	"ais/object"
)

func TestParseAttributes(t *testing.T) {
	r := newRequest(t, "GET", "/bkt/k?attributes", "x-amz-object-attributes: ETag, ObjectSize", "x-amz-object-attributes: ObjectParts",
		"x-amz-max-parts: 2", "x-amz-part-number-marker: 3")
	if a, err := ParseAttributes(r); err != nil || a != (Attributes{ETag: true, ObjectSize: true, ObjectParts: true, MaxParts: 2, AfterPart: 3}) {
		t.Errorf("%+v %v", a, err)
	}
	r = newRequest(t, "GET", "/bkt/k?attributes", "x-amz-object-attributes: Checksum,StorageClass", "x-amz-max-parts: 5000")
	if a, err := ParseAttributes(r); err != nil || a != (Attributes{Checksum: true, StorageClass: true, MaxParts: 1000}) {
		t.Errorf("%+v %v", a, err)
	}
	for header, want := range map[string]*Error{
		"x-other: 1":                                  InvalidRequest,
		"x-amz-object-attributes:":                    InvalidRequest,
		"x-amz-object-attributes: etag":               InvalidArgument,
		"x-amz-object-attributes: ETag,":              InvalidArgument,
		"x-amz-object-attributes: ETag,Colour,Weight": InvalidArgument,
	} {
		if _, err := ParseAttributes(newRequest(t, "GET", "/bkt/k?attributes", header)); !errors.Is(err, want) {
			t.Errorf("%s: %v", header, err)
		}
	}
	for _, header := range []string{"x-amz-max-parts: -1", "x-amz-max-parts: x", "x-amz-part-number-marker: 99999999999"} {
		if _, err := ParseAttributes(newRequest(t, "GET", "/bkt/k?attributes", "x-amz-object-attributes: ETag", header)); !errors.Is(err, InvalidArgument) {
			t.Errorf("%s: %v", header, err)
		}
	}
}

func TestAppendAttributes(t *testing.T) {
	part := func(n int) object.Part {
		return object.Part{Number: n, Size: int64(n), Sums: []object.Checksum{object.Sum(object.SHA1, []byte{byte(n)})}}
	}
	m := &object.Meta{ETag: "abc-3", Size: 11, Parts: []object.Part{part(1), part(3), part(7)},
		Sums: []object.Checksum{{Algorithm: object.SHA1, Composite: true, Value: make([]byte, 20)}}}
	all := Attributes{ETag: true, Checksum: true, ObjectParts: true, StorageClass: true, ObjectSize: true, MaxParts: 1, AfterPart: 1}
	golden(t, "attributes", AppendAttributes(nil, all, m))
	golden(t, "attributes-small", AppendAttributes(nil, all, &object.Meta{ETag: "e", Size: 3, StorageClass: "GLACIER"}))
	golden(t, "attributes-few", AppendAttributes(nil, Attributes{ObjectSize: true}, m))
	for after, want := range map[int]string{0: "<PartNumber>1<", 2: "<PartNumber>3<", 6: "<PartNumber>7<", 7: "<IsTruncated>false</IsTruncated></ObjectParts>"} {
		all.AfterPart = after
		if got := string(AppendAttributes(nil, all, m)); !strings.Contains(got, want) {
			t.Errorf("after %d: %s", after, got)
		}
	}
}
