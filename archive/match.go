package archive

import (
	"errors"
	"regexp"
	"strings"

	"ais/object"
)

// Matcher chooses members by their names.
type Matcher struct {
	match func(name string) bool
}

// NewMatcher returns the matcher of a pattern in one of AIStore's modes: "regexp"
// (or ""), "prefix", "suffix", "substr", or "wdskey", a WebDataset key. The error
// is of kind Invalid.
func NewMatcher(mode, pattern string) (Matcher, error) {
	if pattern == "" {
		return Matcher{}, object.E("archive.NewMatcher", "archregx", object.Invalid, errors.New("the pattern is empty"))
	}
	switch mode {
	case "", "regexp":
		expression, err := regexp.Compile(pattern)
		if err != nil {
			return Matcher{}, object.E("archive.NewMatcher", "archregx", object.Invalid, err)
		}
		return Matcher{expression.MatchString}, nil
	case "prefix":
		return Matcher{func(name string) bool { return strings.HasPrefix(name, pattern) }}, nil
	case "suffix":
		return Matcher{func(name string) bool { return strings.HasSuffix(name, pattern) }}, nil
	case "substr":
		return Matcher{func(name string) bool { return strings.Contains(name, pattern) }}, nil
	case "wdskey":
		return Matcher{func(name string) bool { return Key(name) == pattern }}, nil
	}
	return Matcher{}, object.E("archive.NewMatcher", "archmode", object.Invalid, errors.New("a mode is regexp, prefix, suffix, substr or wdskey"))
}

// Match reports whether the matcher chooses the member.
func (m Matcher) Match(name string) bool { return m.match(name) }

// Key returns the WebDataset key of a member: its name without all that follows the
// first dot of its last segment.
func Key(name string) string {
	slash := strings.LastIndexByte(name, '/') + 1
	if dot := strings.IndexByte(name[slash:], '.'); dot >= 0 {
		return name[:slash+dot]
	}
	return name
}

// Same reports whether a member of that name is the one asked for. How tar was told
// to pack it makes no difference: "./a", "/a" and "a".
func Same(member, asked string) bool {
	return member == asked || plain(member) == plain(asked)
}

// Spellings returns the names that a member may be asked for by, as Same has it.
func Spellings(member string) []string {
	name := plain(member)
	return []string{name, "./" + name, "/" + name}
}

func plain(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, "./"), "/")
}
