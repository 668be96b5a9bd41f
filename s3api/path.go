package s3api

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"ais/object"
)

// Prefix is the path under which the S3 API is served beside the root.
const Prefix = "/s3"

// target is what a request line and a Host address.
type target struct {
	level       Level
	bucket, key string
	path, query []byte // raw, of the request line
	prefix      bool   // the path began with Prefix
	virtual     bool   // the bucket was in the Host
}

// parseTarget takes the request line's URI (origin form or absolute form) and
// the Host header apart. Exactly one Prefix is stripped. The key is the rest
// of the path, percent-decoded once and otherwise untouched.
func parseTarget(uri, host []byte, domains []string) (target, error) {
	var t target
	t.path, t.query, host = splitURI(uri, host)
	rest := t.path
	if len(rest) == 0 || rest[0] != '/' {
		return t, InvalidURI
	}
	if p, ok := bytes.CutPrefix(rest, []byte(Prefix)); ok && (len(p) == 0 || p[0] == '/') {
		rest, t.prefix = p, true
	}
	rest = bytes.TrimPrefix(rest, []byte{'/'})
	if bucket := virtualBucket(host, domains); bucket != "" {
		t.virtual, t.bucket = true, bucket
	} else {
		raw, after, _ := bytes.Cut(rest, []byte{'/'})
		if len(raw) == 0 && len(rest) > 0 {
			return t, InvalidBucketName
		}
		name, err := unescapePath(raw)
		if err != nil {
			return t, err
		}
		t.bucket, rest = name, after
	}
	if t.bucket == "" {
		return t, nil
	}
	t.level = Bucket
	if object.CheckBucketName(t.bucket) != nil {
		return t, InvalidBucketName.With("BucketName", t.bucket)
	}
	if len(rest) == 0 {
		return t, nil
	}
	t.level = Object
	key, err := unescapePath(rest)
	if err != nil {
		return t, err
	}
	t.key = key
	return t, checkKey(key)
}

// checkKey is object.CheckKey with S3's errors.
func checkKey(key string) error {
	switch err := object.CheckKey(key); {
	case err == nil:
		return nil
	case object.KindOf(err) == object.KeyTooLong:
		return KeyTooLong.With("Size", itoa(int64(len(key)))).With("MaxSizeAllowed", itoa(object.MaxKeyLength))
	}
	return InvalidURI
}

// splitURI cuts a request target into path and query. An absolute one brings its
// own host. A '#' is part of the path or query like any other byte.
func splitURI(uri, host []byte) (path, query, effectiveHost []byte) {
	if len(uri) > 0 && uri[0] != '/' {
		if scheme, rest, ok := bytes.Cut(uri, []byte("://")); ok && isScheme(scheme) {
			end := bytes.IndexAny(rest, "/?")
			if end < 0 {
				end = len(rest)
			}
			host, uri = rest[:end], rest[end:]
			if len(uri) == 0 || uri[0] == '?' {
				uri = append([]byte{'/'}, uri...)
			}
		}
	}
	path, query, _ = bytes.Cut(uri, []byte{'?'})
	return path, query, host
}

func isScheme(s []byte) bool {
	return bytes.EqualFold(s, []byte("http")) || bytes.EqualFold(s, []byte("https"))
}

// virtualBucket returns the bucket in a Host of the form bucket.domain[:port],
// "" where the host is none of that. A bucket's name may hold dots.
func virtualBucket(host []byte, domains []string) string {
	if len(domains) == 0 || len(host) == 0 {
		return ""
	}
	name := strings.ToLower(string(host))
	if i := strings.LastIndexByte(name, ':'); i >= 0 && !strings.HasSuffix(name, "]") {
		name = name[:i]
	}
	name = strings.TrimSuffix(name, ".")
	best := ""
	for _, d := range domains {
		if name == d { // itself under another domain
			return ""
		}
		if b, ok := strings.CutSuffix(name, "."+d); ok && b != "" && (best == "" || len(b) < len(best)) {
			best = b
		}
	}
	return best
}

// unescapePath undoes percent-encoding once and strictly: every % must begin an
// escape, + is a plus, and the result must be UTF-8.
func unescapePath(s []byte) (string, error) {
	if bytes.IndexByte(s, '%') < 0 {
		if !utf8.Valid(s) {
			return "", InvalidURI
		}
		return string(s), nil
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			out = append(out, s[i])
			continue
		}
		if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
			return "", InvalidURI
		}
		out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
		i += 2
	}
	if !utf8.Valid(out) {
		return "", InvalidURI
	}
	return string(out), nil
}
