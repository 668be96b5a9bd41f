package target

import (
	"errors"
	"testing"

	"ais/object"
)

func TestChoosePart(t *testing.T) {
	parts := []object.Part{{Number: 1, Size: 10}, {Number: 3, Size: 20}, {Number: 7, Size: 5}}
	whole := &object.Meta{Size: 100}
	multi := &object.Meta{Size: 35, Parts: parts}
	tests := []struct {
		name   string
		meta   *object.Meta
		number int
		want   object.Range
		parts  int
		err    error
	}{
		{"only part of a plain object", whole, 1, object.Range{Length: 100}, 0, nil},
		{"second part of a plain object", whole, 2, object.Range{}, 0, object.InvalidPart},
		{"first", multi, 1, object.Range{Offset: 0, Length: 10}, 3, nil},
		{"middle", multi, 3, object.Range{Offset: 10, Length: 20}, 3, nil},
		{"last", multi, 7, object.Range{Offset: 30, Length: 5}, 3, nil},
		{"number that was left out", multi, 2, object.Range{}, 0, object.InvalidPart},
		{"past the last", multi, 8, object.Range{}, 0, object.InvalidPart},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := choosePart(tt.meta, tt.number)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if err == nil && (got.Range != tt.want || got.parts != tt.parts || !got.partial) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestCopyDescribes(t *testing.T) {
	src := &object.Meta{
		Size: 7, ETag: "etag", Checksum: object.Checksum{Algorithm: object.MD5, Value: []byte{1}},
		Header: object.Header{ContentType: "text/plain", WebsiteRedirect: "/x"},
		User:   map[string]string{"a": "1"}, StorageClass: "GLACIER",
		Tags: map[string]string{"t": "1"}, Owner: "ALICE", ACL: "READ BOB",
	}
	kept := (&CopyRequest{}).describe(src)
	if kept.Header.ContentType != "text/plain" || kept.User["a"] != "1" || kept.ETag != "etag" || kept.Size != 7 {
		t.Errorf("COPY: %+v", kept)
	}
	if kept.Header.WebsiteRedirect != "" || kept.StorageClass != "" {
		t.Errorf("COPY took over what is never copied: %+v", kept)
	}
	kept.User["a"] = "2"
	if src.User["a"] != "1" {
		t.Error("the copy shares its metadata with the source")
	}
	replaced := (&CopyRequest{Replace: true, Header: object.Header{ContentType: "image/png"}, User: map[string]string{"b": "2"}}).describe(src)
	if replaced.Header.ContentType != "image/png" || replaced.User["a"] != "" || replaced.User["b"] != "2" {
		t.Errorf("REPLACE: %+v", replaced)
	}
	if kept.Tags["t"] != "1" {
		t.Errorf("tags are copied: %v", kept.Tags)
	}
	given := (&CopyRequest{ReplaceTags: true, Tags: map[string]string{"u": "2"}, Owner: "CAROL", ACL: "READ DAVE"}).describe(src)
	if len(given.Tags) != 1 || given.Tags["u"] != "2" {
		t.Errorf("tags: %v", given.Tags)
	}
	if given.Owner != "CAROL" || given.ACL != "READ DAVE" || kept.Owner != "" || kept.ACL != "" {
		t.Errorf("owner and ACL are never copied: %+v, %+v", given, kept)
	}
}
