package object

import (
	"strconv"
	"strings"
)

// Range is Length bytes from Offset on.
type Range struct {
	Offset, Length int64
}

// ParseRange reads a Range header against an object of size bytes. As S3 does,
// it takes one range only: partial is false, and r the whole object, where the
// header is empty, malformed or names several ranges. A well-formed range of
// which no byte exists is an error of kind RangeInvalid.
func ParseRange(header string, size int64) (r Range, partial bool, err error) {
	whole := Range{0, size}
	spec, ok := strings.CutPrefix(strings.TrimSpace(header), "bytes=")
	if !ok || strings.Contains(spec, ",") {
		return whole, false, nil
	}
	from, to, ok := strings.Cut(spec, "-")
	if !ok {
		return whole, false, nil
	}
	from, to = strings.TrimSpace(from), strings.TrimSpace(to)
	if from == "" { // the last n bytes
		n, ok := parsePos(to)
		if !ok {
			return whole, false, nil
		}
		if n == 0 || size == 0 {
			return Range{}, false, RangeInvalid
		}
		n = min(n, size)
		return Range{size - n, n}, true, nil
	}
	first, ok := parsePos(from)
	if !ok {
		return whole, false, nil
	}
	last := size - 1
	if to != "" {
		n, ok := parsePos(to)
		if !ok || n < first {
			return whole, false, nil
		}
		last = min(n, last)
	}
	if first >= size {
		return Range{}, false, RangeInvalid
	}
	return Range{first, last - first + 1}, true, nil
}

// ParseCopyRange reads x-amz-copy-source-range ("bytes=first-last", both given)
// against a source of size bytes. A malformed one is an error of kind Invalid, one
// that goes past the end RangeInvalid.
func ParseCopyRange(header string, size int64) (Range, error) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	from, to, dash := strings.Cut(spec, "-")
	first, ok1 := parsePos(from)
	last, ok2 := parsePos(to)
	if !ok || !dash || !ok1 || !ok2 || first > last {
		return Range{}, E("object.ParseCopyRange", header, Invalid, nil)
	}
	if last >= size {
		return Range{}, RangeInvalid
	}
	return Range{first, last - first + 1}, nil
}

// parsePos reads a byte position: digits only. A number over 63 bits is taken
// for the largest one, which is past the end of anything.
func parsePos(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 1<<63 - 1, true
	}
	return n, true
}
