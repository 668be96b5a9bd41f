package main

import (
	"strings"
	"testing"

	"ais/api"
	"ais/object"
)

func TestListColumns(t *testing.T) {
	for _, test := range []struct {
		bucket  api.Bucket
		options listOptions
		want    string
	}{
		{api.NewBucket(object.AIS, "b"), listOptions{}, "size"},
		{api.NewBucket(object.AIS, "b"), listOptions{all: true}, "size status"},
		{api.NewBucket(object.AWS, "b"), listOptions{}, "size cached status"},
		{api.NewBucket(object.AWS, "b"), listOptions{props: "checksum,size, atime", all: true}, "checksum size atime status"},
	} {
		chosen, err := test.options.chosen(test.bucket)
		var got []string
		for _, c := range chosen {
			got = append(got, c.name)
		}
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%s %+v: %q %v, want %q", test.bucket, test.options, got, err, test.want)
		}
	}
}

func TestStatus(t *testing.T) {
	for flags, want := range map[int]string{
		0: "ok", api.EntryCached: "ok", api.EntryCached | api.EntryChanged: "version-changed", api.EntryCached | api.EntryRemoved: "deleted", 1: "misplaced(node)", 31: "status 31",
	} {
		if got := formatStatus(flags); got != want {
			t.Errorf("%d: %q, want %q", flags, got, want)
		}
	}
}
