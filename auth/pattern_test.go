package auth

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func compiled(t testing.TB, text string) pattern {
	t.Helper()
	p, err := compilePattern(text, true, false, false)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPattern(t *testing.T) {
	for _, test := range []struct {
		pattern string
		yes, no string // split by "|"
	}{
		{"", "", "a"},
		{"a", "a", "|b|aa"},
		{"*", "|a|ab/c", ""},
		{"a*", "a|ab", "|ba"},
		{"*a", "a|ba|aa", "|ab"},
		{"a*b*c", "abc|axbxc|abbcc|abcbc", "ac|ab|abcd"},
		{"a*a", "aa|aba", "a|"},
		{"*ab*ab*", "abab|xabyabz", "ab|aab|aba"},
		{"a**b", "ab|axb", "a"},
		{"?", "a|é|漢", "|ab"},
		{"a?c", "abc|aéc", "ac|abbc"},
		{"?*", "a|ab", ""},
		{"*?b", "ab|aab|éb", "b"},
		{"a*?c*", "abc|abbcd", "ac"},
		{"*é", "é|aé", "e"},
	} {
		p := compiled(t, test.pattern)
		for s := range strings.SplitSeq(test.yes, "|") {
			if !p.match(s) {
				t.Errorf("%q does not match %q", test.pattern, s)
			}
		}
		for s := range strings.SplitSeq(test.no, "|") {
			if (s != "" || strings.HasPrefix(test.no, "|")) && p.match(s) {
				t.Errorf("%q matches %q", test.pattern, s)
			}
		}
	}
	if _, err := compilePattern("a\xffb", true, false, false); err == nil {
		t.Error("a pattern that is not UTF-8")
	}
}

// TestPatternTime: no pattern that fits a policy takes long on any key.
func TestPatternTime(t *testing.T) {
	key := strings.Repeat("a", 1024)
	for _, text := range []string{
		"*" + strings.Repeat("a", 500) + "b*", "*" + strings.Repeat("a?", 250) + "b*", strings.Repeat("*a", MaxPolicy/2) + "b",
		strings.Repeat("*?a", MaxPolicy/3) + "*", strings.Repeat("*aaaaaaab", MaxPolicy/9) + "*",
	} {
		p := compiled(t, text)
		start := time.Now()
		if p.match(key) {
			t.Errorf("%.20q… matches", text)
		}
		took := time.Since(start)
		t.Logf("%.20q…: %v", text, took)
		if took > time.Second {
			t.Errorf("%.20q…: %v", text, took)
		}
	}
}

// FuzzPattern compares with regexp.
func FuzzPattern(f *testing.F) {
	f.Add("a*b?c", "aXbYc")
	f.Add("**?", "é")
	f.Add("a*a*a", "aa")
	f.Fuzz(func(t *testing.T, text, s string) {
		p, err := compilePattern(text, true, false, false)
		if err != nil {
			if utf8.ValidString(text) {
				t.Fatal(err)
			}
			return
		}
		if !utf8.ValidString(s) || len(text) > 200 || len(s) > 200 {
			return
		}
		expression := regexp.QuoteMeta(text)
		expression = strings.ReplaceAll(strings.ReplaceAll(expression, `\*`, ".*"), `\?`, ".")
		want := regexp.MustCompile(`(?s)\A` + expression + `\z`).MatchString(s)
		if p.match(s) != want || matchGlob(p.glob, s) != want {
			t.Fatalf("%q and %q: pieces %v, glob %v, regexp %v", text, s, p.match(s), matchGlob(p.glob, s), want)
		}
		if want && !canBegin(p.glob, s) {
			t.Fatalf("%q matches %q, but cannot begin with it", text, s)
		}
		for i := range s {
			if want && !canBegin(p.glob, s[:i]) {
				t.Fatalf("%q matches %q, but cannot begin with %q", text, s, s[:i])
			}
		}
	})
}
