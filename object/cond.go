package object

import (
	"strings"
	"time"
)

// Cond is the conditions of a request (RFC 9110 §13, S3 "Conditional requests").
// The zero value holds always. Times have a resolution of one second.
type Cond struct {
	IfMatch           string    // ETags as sent, or "*"; "" is no condition
	IfNoneMatch       string    // ETags as sent, or "*"; "" is no condition
	IfModifiedSince   time.Time // zero is no condition
	IfUnmodifiedSince time.Time // zero is no condition

	// Of deletes only.
	IfSize     *int64    // the size in bytes; nil is no condition
	IfModified time.Time // the very second of the last write; zero is no condition
}

// Any reports whether there is a condition at all.
func (c Cond) Any() bool {
	return c.IfMatch != "" || c.IfNoneMatch != "" || !c.IfModifiedSince.IsZero() || !c.IfUnmodifiedSince.IsZero() ||
		c.IfSize != nil || !c.IfModified.IsZero()
}

// CheckRead decides a GET or HEAD of an existing object: nil, Precondition or
// NotModified. If-Match silences If-Unmodified-Since, and If-None-Match
// silences If-Modified-Since (RFC 9110 §13.2.2).
func (c Cond) CheckRead(m *Meta) error {
	switch {
	case c.IfMatch != "":
		if !matches(c.IfMatch, m.ETag) {
			return Precondition
		}
	case !c.IfUnmodifiedSince.IsZero() && seconds(m.Modified).After(c.IfUnmodifiedSince):
		return Precondition
	}
	switch {
	case c.IfNoneMatch != "":
		if matches(c.IfNoneMatch, m.ETag) {
			return NotModified
		}
	case !c.IfModifiedSince.IsZero() && !seconds(m.Modified).After(c.IfModifiedSince):
		return NotModified
	}
	return nil
}

// CheckCopy decides whether an existing object may be the source of a copy: nil
// or Precondition.
func (c Cond) CheckCopy(m *Meta) error {
	if c.CheckRead(m) != nil {
		return Precondition
	}
	return nil
}

// CheckWrite decides a write; m is what is there now, nil for
// nothing. If-Match on nothing is NotFound, every other failure Precondition.
func (c Cond) CheckWrite(m *Meta) error {
	if m == nil {
		if c.IfMatch != "" {
			return NotFound
		}
		return nil
	}
	if c.IfMatch != "" && !matches(c.IfMatch, m.ETag) {
		return Precondition
	}
	if c.IfNoneMatch != "" && matches(c.IfNoneMatch, m.ETag) {
		return Precondition
	}
	if !c.IfUnmodifiedSince.IsZero() && seconds(m.Modified).After(c.IfUnmodifiedSince) {
		return Precondition
	}
	return nil
}

// CheckDelete decides a delete; m is what is there now, a delete marker too, nil for
// nothing. A condition on nothing is NotFound, every other failure Precondition. A
// delete marker has no ETag, so that only "*" matches it.
func (c Cond) CheckDelete(m *Meta) error {
	if m == nil {
		if c.Any() {
			return NotFound
		}
		return nil
	}
	if c.IfSize != nil && m.Size != *c.IfSize || !c.IfModified.IsZero() && !seconds(m.Modified).Equal(seconds(c.IfModified)) {
		return Precondition
	}
	return c.CheckWrite(m)
}

// matches reports whether list, a comma-separated list of ETags with or without
// quotes, or "*", names etag. Weak comparison: a W/ prefix is ignored.
func matches(list, etag string) bool {
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if item == "*" || Unquote(item) == etag {
			return true
		}
	}
	return false
}

// Unquote returns an ETag without its quotes and weakness mark.
func Unquote(etag string) string {
	etag = strings.TrimPrefix(etag, "W/")
	if len(etag) >= 2 && etag[0] == '"' && etag[len(etag)-1] == '"' {
		return etag[1 : len(etag)-1]
	}
	return etag
}

func seconds(t time.Time) time.Time { return t.Truncate(time.Second) }
