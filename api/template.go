package api

import (
	"errors"
	"iter"
	"math"
	"strconv"
	"strings"

	"ais/object"
)

// MaxTemplateNames is how many names a template may stand for.
const MaxTemplateNames = 10_000_000

// maxTemplate is the length of the longest template.
const maxTemplate = 4 << 10

// Template is a set of names, as AIStore writes it: text with ranges in it,
// "shard-{0001..0100}.tar", "a{0..8..2}b{1..3}". The first number of a range says
// how many digits its numbers have at least; the third is the step.
type Template struct {
	prefix string // before the first range
	ranges []templateRange
}

type templateRange struct {
	first, last, step int64
	digits            int
	after             string // text up to the next range
}

// ParseTemplate reads a template. One without ranges is the one name that it is;
// AIStore takes it for a prefix (see HasRanges). The error is of kind Invalid.
func ParseTemplate(s string) (Template, error) {
	if len(s) > maxTemplate {
		return Template{}, badTemplate(s[:32]+"…", "it is longer than "+strconv.Itoa(maxTemplate)+" bytes")
	}
	before, rest, more := strings.Cut(s, "{")
	if strings.Contains(before, "}") {
		return Template{}, badTemplate(s, "a } without its {")
	}
	t := Template{prefix: before}
	for more {
		body, after, ok := strings.Cut(rest, "}")
		if !ok {
			return Template{}, badTemplate(s, "a { without its }")
		}
		r, why := parseRange(body)
		if why != "" {
			return Template{}, badTemplate(s, why)
		}
		r.after, rest, more = strings.Cut(after, "{")
		if strings.Contains(r.after, "}") {
			return Template{}, badTemplate(s, "a } without its {")
		}
		t.ranges = append(t.ranges, r)
	}
	if t.Count() < 0 {
		return Template{}, badTemplate(s, "more than "+strconv.Itoa(MaxTemplateNames)+" names")
	}
	return t, nil
}

func badTemplate(s, why string) error {
	return object.E("api.ParseTemplate", s, object.Invalid, errors.New(why+`; a template is like "name-{0001..0100}.tar" or "{0..8..2}"`))
}

// parseRange reads "first..last" or "first..last..step".
func parseRange(s string) (r templateRange, why string) {
	fields := strings.Split(s, "..")
	if len(fields) != 2 && len(fields) != 3 {
		return r, "{" + s + "} is no range"
	}
	numbers := [3]int64{2: 1}
	for i, field := range fields {
		n, err := strconv.ParseUint(field, 10, 63)
		if err != nil || field[0] == '+' || len(field) > 20 {
			return r, "{" + s + "} is no range of numbers"
		}
		numbers[i] = int64(n)
	}
	r = templateRange{first: numbers[0], last: numbers[1], step: numbers[2], digits: len(fields[0])}
	switch {
	case r.first > r.last:
		return r, "{" + s + "} begins after its end"
	case r.step == 0:
		return r, "{" + s + "} has no step"
	case r.last > math.MaxInt64-r.step:
		return r, "{" + s + "} is out of range"
	}
	return r, ""
}

// HasRanges reports whether the template has a range at all.
func (t Template) HasRanges() bool { return len(t.ranges) > 0 }

// Count returns how many names the template stands for; below 0 where they are more
// than MaxTemplateNames.
func (t Template) Count() int64 {
	n := int64(1)
	for _, r := range t.ranges {
		m := (r.last-r.first)/r.step + 1
		if m > MaxTemplateNames || n*m > MaxTemplateNames {
			return -1
		}
		n *= m
	}
	return n
}

// Names returns the names, the last range's numbers changing first.
func (t Template) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		t.expand([]byte(t.prefix), t.ranges, yield)
	}
}

// expand appends to name what the ranges say, in every way.
func (t Template) expand(name []byte, ranges []templateRange, yield func(string) bool) bool {
	if len(ranges) == 0 {
		return yield(string(name))
	}
	r := &ranges[0]
	for n := r.first; n <= r.last; n += r.step {
		if !t.expand(r.append(name, n), ranges[1:], yield) {
			return false
		}
	}
	return true
}

// append appends one number of the range, and the text after it.
func (r *templateRange) append(name []byte, n int64) []byte {
	var buf [20]byte
	number := strconv.AppendInt(buf[:0], n, 10)
	for range r.digits - len(number) {
		name = append(name, '0')
	}
	return append(append(name, number...), r.after...)
}
