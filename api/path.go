package api

import (
	"errors"
	"strings"

	"ais/object"
)

// BucketPath returns the path of a bucket.
func BucketPath(b Bucket) string { return PathBuckets + "/" + escapePath(b.Name) }

// ObjectPath returns the path of an object, encoded so that no client or server
// on the way takes a part of the key for a query, a dot segment or an escape.
func ObjectPath(b Bucket, key string) string {
	return PathObjects + "/" + escapePath(b.Name) + "/" + escapeKey(key)
}

// escapeKey is escapePath with dot segments encoded as well, and empty ones kept.
func escapeKey(key string) string {
	segments := strings.Split(key, "/")
	for i, s := range segments {
		switch s {
		case ".":
			segments[i] = "%2E"
		case "..":
			segments[i] = "%2E%2E"
		default:
			segments[i] = escapePath(s)
		}
	}
	return strings.Join(segments, "/")
}

// escapePath percent-encodes everything but RFC 3986's unreserved characters.
func escapePath(s string) string {
	const upper = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(upper[c>>4])
		b.WriteByte(upper[c&15])
	}
	return b.String()
}

// unescapePath decodes %XX once and nothing else: '+' is '+'.
func unescapePath(s string) (string, error) {
	if strings.IndexByte(s, '%') < 0 {
		return s, nil
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			out = append(out, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", errors.New("an incomplete percent escape")
		}
		hi, lo := unhex(s[i+1]), unhex(s[i+2])
		if hi < 0 || lo < 0 {
			return "", errors.New("a malformed percent escape")
		}
		out = append(out, byte(hi<<4|lo))
		i += 2
	}
	return string(out), nil
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// SplitPath reads the names in a raw path under PathBuckets or PathObjects: the
// path as the client sent it, without the query. Either name may be missing;
// neither is checked beyond its escapes. The error is of kind Invalid.
func SplitPath(rawPath string) (bucket, key string, err error) {
	rest, ok := strings.CutPrefix(rawPath, PathObjects)
	if !ok {
		rest, ok = strings.CutPrefix(rawPath, PathBuckets)
	}
	if !ok || rest != "" && rest[0] != '/' {
		return "", "", object.E("api.SplitPath", rawPath, object.Invalid, errors.New("not a path of buckets or objects"))
	}
	bucket, key, _ = strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	if bucket, err = unescapePath(bucket); err == nil {
		key, err = unescapePath(key)
	}
	if err != nil {
		return "", "", object.E("api.SplitPath", rawPath, object.Invalid, err)
	}
	return bucket, key, nil
}
