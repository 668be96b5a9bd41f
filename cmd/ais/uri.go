package main

import (
	"errors"
	"strings"

	"ais/api"
	"ais/object"
)

// bucketURI reads an argument that names a bucket.
func bucketURI(s string) (api.Bucket, error) {
	b, key, err := parseURI(s)
	if err != nil {
		return b, err
	}
	if b.Name == "" {
		return b, usagef("%q names no bucket; write %s://BUCKET", s, b.Provider)
	}
	if key != "" {
		return b, usagef("%q names an object, and a bucket is expected: %s", s, b)
	}
	return b, api.CheckBucket(b)
}

// objectURI reads an argument that names an object.
func objectURI(s string) (api.Bucket, string, error) {
	b, key, err := parseURI(s)
	if err != nil {
		return b, "", err
	}
	if b.Name == "" || key == "" {
		return b, "", usagef("%q names no object; write ais://BUCKET/OBJECT", s)
	}
	if err := api.CheckBucket(b); err != nil {
		return b, "", err
	}
	return b, key, object.CheckKey(key)
}

// parseURI reads provider://bucket/key. A mistake in it is a usage error.
func parseURI(s string) (api.Bucket, string, error) {
	b, key, err := api.ParseURI(s)
	var e *object.Error
	if errors.As(err, &e) {
		hint := ""
		if !strings.Contains(s, ":") {
			hint = " (ais://" + strings.TrimPrefix(s, "/") + "?)"
		}
		return b, key, usagef("%q is %v%s", s, e.Err, hint)
	}
	return b, key, err
}
