package main

import (
	"slices"
	"strconv"
	"strings"

	"ais/api"
)

// bucketRow is a bucket of the bucket map.
type bucketRow struct {
	uri   string
	props api.Properties
}

// bucketRows returns the buckets of the map, sorted by URI.
func bucketRows(m api.BucketMap) []bucketRow {
	var rows []bucketRow
	for provider, spaces := range m.Providers {
		for _, buckets := range spaces {
			for name, props := range buckets {
				rows = append(rows, bucketRow{api.NewBucket(provider, name).String(), props})
			}
		}
	}
	slices.SortFunc(rows, func(a, b bucketRow) int { return strings.Compare(a.uri, b.uri) })
	return rows
}

// get returns a property, "" where the bucket has none of the name.
func (r *bucketRow) get(name string) string {
	for _, p := range r.props {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// number returns a property that is a number.
func (r *bucketRow) number(name string) (int64, bool) {
	n, err := strconv.ParseInt(r.get(name), 10, 64)
	return n, err == nil
}
