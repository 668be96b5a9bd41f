package api

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"ais/object"
)

func TestTemplates(t *testing.T) {
	for _, tt := range []struct {
		template string
		names    string // with blanks between
	}{
		{"plain", "plain"},
		{"a{0..2}", "a0 a1 a2"},
		{"a{08..11}.tar", "a08.tar a09.tar a10.tar a11.tar"},
		{"{0..8..4}", "0 4 8"},
		{"{1..6..4}x", "1x 5x"},
		{"{5..5}", "5"},
		{"{0..1}-{001..002}/y", "0-001/y 0-002/y 1-001/y 1-002/y"},
		{"{0..1}{0..1}", "00 01 10 11"},
	} {
		parsed, err := ParseTemplate(tt.template)
		if err != nil {
			t.Errorf("%s: %v", tt.template, err)
			continue
		}
		names := slices.Collect(parsed.Names())
		if got := strings.Join(names, " "); got != tt.names || parsed.Count() != int64(len(names)) {
			t.Errorf("%s: %d names, %s; want %s", tt.template, parsed.Count(), got, tt.names)
		}
		if parsed.HasRanges() != strings.Contains(tt.template, "{") {
			t.Errorf("%s: HasRanges %v", tt.template, parsed.HasRanges())
		}
	}
	for _, bad := range []string{
		"{", "}", "a{0..1", "a0..1}", "{}", "{1}", "{1..}", "{..1}", "{a..b}", "{2..1}", "{0..1..0}", "{0..1..-1}", "{-1..1}", "{+1..2}", "{0..1..2..3}",
		"{{0..1}}", "{0..99999999}", "{0..9999}{0..9999}", "{0..9223372036854775807}", "{9223372036854775807..9223372036854775807}", "{0..1}}",
		"{000000000000000000001..2}", strings.Repeat("{1..1}", 1000),
	} {
		if _, err := ParseTemplate(bad); !errors.Is(err, object.Invalid) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestTemplateNamesEnd(t *testing.T) {
	parsed, err := ParseTemplate("{0..999}{0..999}")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range parsed.Names() {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("%d names", n)
	}
}

func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"", "a{0..2}", "a{08..11..2}.tar{1..2}", "{", "{1..2..9223372036854775807}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		parsed, err := ParseTemplate(s)
		if err != nil {
			if !errors.Is(err, object.Invalid) {
				t.Fatal(err)
			}
			return
		}
		count := parsed.Count()
		if count < 1 || count > MaxTemplateNames {
			t.Fatalf("%q: %d names", s, count)
		}
		n, last := int64(0), ""
		for name := range parsed.Names() {
			if n > 0 && name == last {
				t.Fatalf("%q: %q twice", s, name)
			}
			if n++; n == 1000 {
				return
			}
			last = name
		}
		if n != count {
			t.Fatalf("%q: %d names, %d counted", s, n, count)
		}
	})
}
