package target

import (
	"slices"
	"testing"
	"time"

	"ais/object"
	"ais/s3api"
)

// lastWrite is when the objects of these tests were written: not at midnight.
var lastWrite = time.Date(2026, 3, 10, 15, 30, 0, 0, time.UTC)

func day(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }

func anything() s3api.LifecycleFilter { return s3api.LifecycleFilter{SizeGreater: -1} }

func TestLifecycleFilter(t *testing.T) {
	tags := map[string]string{"a": "1", "b": "2"}
	tests := []struct {
		name   string
		filter s3api.LifecycleFilter
		meta   object.Meta
		want   bool
	}{
		{"everything", anything(), object.Meta{}, true},
		{"prefix", s3api.LifecycleFilter{Prefix: "logs/", SizeGreater: -1}, object.Meta{}, true},
		{"another prefix", s3api.LifecycleFilter{Prefix: "logs/2", SizeGreater: -1}, object.Meta{}, false},
		{"tag", s3api.LifecycleFilter{Tags: map[string]string{"a": "1"}, SizeGreater: -1}, object.Meta{Tags: tags}, true},
		{"tag with another value", s3api.LifecycleFilter{Tags: map[string]string{"a": "2"}, SizeGreater: -1}, object.Meta{Tags: tags}, false},
		{"empty value is not no tag", s3api.LifecycleFilter{Tags: map[string]string{"c": ""}, SizeGreater: -1}, object.Meta{Tags: tags}, false},
		{"all tags", s3api.LifecycleFilter{Tags: tags, SizeGreater: -1}, object.Meta{Tags: tags}, true},
		{"one tag missing", s3api.LifecycleFilter{Tags: tags, SizeGreater: -1}, object.Meta{Tags: map[string]string{"a": "1"}}, false},
		{"just as large", s3api.LifecycleFilter{SizeGreater: 10}, object.Meta{Size: 10}, false},
		{"larger", s3api.LifecycleFilter{SizeGreater: 10}, object.Meta{Size: 11}, true},
		{"larger than nothing", s3api.LifecycleFilter{SizeGreater: 0}, object.Meta{}, false},
		{"just as small", s3api.LifecycleFilter{SizeGreater: -1, SizeLess: 10}, object.Meta{Size: 10}, false},
		{"smaller", s3api.LifecycleFilter{SizeGreater: -1, SizeLess: 10}, object.Meta{Size: 9}, true},
		{"between", s3api.LifecycleFilter{SizeGreater: 10, SizeLess: 12}, object.Meta{Size: 11}, true},
		{"marker", anything(), object.Meta{DeleteMarker: true}, true},
		{"marker and tags", s3api.LifecycleFilter{Tags: tags, SizeGreater: -1}, object.Meta{DeleteMarker: true}, false},
		{"marker and size", s3api.LifecycleFilter{SizeGreater: -1, SizeLess: 10}, object.Meta{DeleteMarker: true}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := concerns(&tt.filter, "logs/1", &tt.meta); got != tt.want {
				t.Errorf("concerned: %v, want %v", got, tt.want)
			}
		})
	}
}

func TestLifecycleDays(t *testing.T) {
	tests := []struct {
		name string
		day  time.Duration
		from time.Time
		days int
		want time.Time
	}{
		{"rounded up to midnight", calendarDay, lastWrite, 1, day(12)},
		{"midnight is its own", calendarDay, day(10), 1, day(11)},
		{"another zone", calendarDay, lastWrite.In(time.FixedZone("", 9*3600)), 1, day(12)},
		{"short days are not rounded", 10 * time.Second, lastWrite, 3, lastWrite.Add(30 * time.Second)},
		{"farther than a duration goes", calendarDay, day(10), 200_000, day(10).AddDate(0, 0, 200_000)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := lifecycle{day: tt.day}
			if got := l.after(tt.from, tt.days); !got.Equal(tt.want) {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
	most := lifecycle{day: time.Hour}
	if got := most.after(lastWrite, 1<<31-1); got.Before(lastWrite.AddDate(200, 0, 0)) {
		t.Errorf("days beyond what a duration holds end at %s", got)
	}
}

func TestLifecycleDecide(t *testing.T) {
	rule := func(r s3api.LifecycleRule) []s3api.LifecycleRule {
		r.Filter.SizeGreater = -1
		return []s3api.LifecycleRule{r}
	}
	var (
		current = version{latest: true, meta: &object.Meta{Modified: lastWrite}}
		marker  = version{latest: true, meta: &object.Meta{Modified: lastWrite, DeleteMarker: true}}
		lone    = version{latest: true, alone: true, meta: marker.meta}
		old     = version{noncurrent: lastWrite, newer: 2, meta: &object.Meta{Modified: lastWrite.AddDate(-1, 0, 0)}}
		oldMark = version{noncurrent: lastWrite, meta: &object.Meta{Modified: lastWrite.AddDate(-1, 0, 0), DeleteMarker: true}}
	)
	tests := []struct {
		name  string
		rules []s3api.LifecycleRule
		v     version
		now   time.Time
		want  lifecycleAction
	}{
		{"no rule", nil, current, day(30), keep},
		{"days not over", rule(s3api.LifecycleRule{ExpireDays: 1}), current, day(12).Add(-1), keep},
		{"days over", rule(s3api.LifecycleRule{ExpireDays: 1}), current, day(12), expire},
		{"date to come", rule(s3api.LifecycleRule{ExpireDate: day(20)}), current, day(20).Add(-1), keep},
		{"date come", rule(s3api.LifecycleRule{ExpireDate: day(20)}), current, day(20), expire},
		{"date before the write", rule(s3api.LifecycleRule{ExpireDate: day(1)}), current, day(11), expire},
		{"expiration is not of noncurrent versions", rule(s3api.LifecycleRule{ExpireDays: 1}), old, day(30), keep},
		{"a marker is not deleted", rule(s3api.LifecycleRule{ExpireDays: 1}), marker, day(30), keep},
		{"a lone marker is removed when the days are over", rule(s3api.LifecycleRule{ExpireDays: 1}), lone, day(12), removeMarker},
		{"a lone marker stays until then", rule(s3api.LifecycleRule{ExpireDays: 1}), lone, day(12).Add(-1), keep},
		{"expired marker", rule(s3api.LifecycleRule{ExpireMarker: true}), lone, lastWrite, removeMarker},
		{"marker with versions", rule(s3api.LifecycleRule{ExpireMarker: true}), marker, day(30), keep},
		{"expired markers are no objects", rule(s3api.LifecycleRule{ExpireMarker: true}), current, day(30), keep},
		{"noncurrent, days from when it became so", rule(s3api.LifecycleRule{NoncurrentDays: 1}), old, day(12).Add(-1), keep},
		{"noncurrent, days over", rule(s3api.LifecycleRule{NoncurrentDays: 1}), old, day(12), removeNoncurrent},
		{"noncurrent marker", rule(s3api.LifecycleRule{NoncurrentDays: 1}), oldMark, day(12), removeNoncurrent},
		{"noncurrent, enough are newer", rule(s3api.LifecycleRule{NoncurrentDays: 1, NewerNoncurrent: 2}), old, day(12), removeNoncurrent},
		{"noncurrent, not enough are newer", rule(s3api.LifecycleRule{NoncurrentDays: 1, NewerNoncurrent: 3}), old, day(30), keep},
		{"noncurrent is not current", rule(s3api.LifecycleRule{NoncurrentDays: 1}), current, day(30), keep},
		{"any rule of several", append(rule(s3api.LifecycleRule{ExpireDays: 100}), rule(s3api.LifecycleRule{ExpireDays: 1})...), current, day(12), expire},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := lifecycle{rules: tt.rules, day: calendarDay}
			if got := l.decide(&tt.v, tt.now); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestLifecycleDecideUpload(t *testing.T) {
	l := lifecycle{day: calendarDay, rules: []s3api.LifecycleRule{
		{Filter: s3api.LifecycleFilter{Prefix: "in/", SizeGreater: -1}, AbortDays: 2},
		{Filter: s3api.LifecycleFilter{Prefix: "small/", SizeGreater: -1, SizeLess: 10}, AbortDays: 2},
		{Filter: anything(), ExpireDays: 1},
	}}
	tests := []struct {
		key  string
		now  time.Time
		want lifecycleAction
	}{
		{"in/a", day(13), abortUpload},
		{"in/a", day(13).Add(-1), keep},
		{"out/a", day(30), keep},
		{"small/a", day(30), keep}, // an upload has no size yet
	}
	for _, tt := range tests {
		if got := l.decideUpload(tt.key, lastWrite, tt.now); got != tt.want {
			t.Errorf("%s at %s: %s, want %s", tt.key, tt.now, got, tt.want)
		}
	}
}

func TestLifecycleExpiry(t *testing.T) {
	l := lifecycle{day: calendarDay, rules: []s3api.LifecycleRule{
		{ID: "late", Filter: anything(), ExpireDays: 30},
		{ID: "tagged", Filter: s3api.LifecycleFilter{Tags: map[string]string{"a": "1"}, SizeGreater: -1}, ExpireDays: 1},
		{ID: "dated", Filter: s3api.LifecycleFilter{Prefix: "d/", SizeGreater: -1}, ExpireDate: day(15)},
		{ID: "old", Filter: anything(), NoncurrentDays: 1},
	}}
	tests := []struct {
		name, key string
		meta      object.Meta
		rule      string
		at        time.Time
	}{
		{"the only one", "k", object.Meta{}, "late", day(10).AddDate(0, 0, 31)},
		{"the earlier", "k", object.Meta{Tags: map[string]string{"a": "1"}}, "tagged", day(12)},
		{"a date", "d/k", object.Meta{}, "dated", day(15)},
		{"a marker", "k", object.Meta{DeleteMarker: true}, "", time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.meta.Modified = lastWrite
			at, rule, ok := l.expiry(tt.key, &tt.meta)
			if rule != tt.rule || !at.Equal(tt.at) || ok != (rule != "") {
				t.Errorf("%s by %q (%v), want %s by %q", at, rule, ok, tt.at, tt.rule)
			}
		})
	}
	if _, _, ok := (&lifecycle{day: calendarDay}).expiry("k", &object.Meta{Modified: lastWrite}); ok {
		t.Error("an object expires without a rule")
	}
}

// A key's versions are judged alike whether a page ends between them or not.
func TestLifecycleWalk(t *testing.T) {
	entry := func(key, id string, hour int, latest, marker bool) object.Entry {
		return object.Entry{Key: key, Latest: latest, Meta: object.Meta{
			VersionID: id, DeleteMarker: marker, Modified: day(10).Add(time.Duration(hour) * time.Hour),
		}}
	}
	entries := []object.Entry{
		entry("a", "a3", 30, true, false), entry("a", "a2", 20, false, false), entry("a", "a1", 10, false, false),
		entry("b", "b1", 30, true, true),
		entry("c", "c2", 30, true, true), entry("c", "c1", 1, false, false),
		entry("d", "", 30, true, false),
		entry("e", "e1", 30, true, true),
	}
	l := lifecycle{day: time.Hour, rules: []s3api.LifecycleRule{{Filter: anything(), NoncurrentDays: 5, NewerNoncurrent: 1, ExpireMarker: true}}}
	want := []string{"remove_noncurrent a1", "remove_marker b1", "remove_marker e1"}
	for size := 1; size <= len(entries); size++ {
		w := lifecycleWalk{rules: &l, now: day(12)}
		var got []string
		for page := range slices.Chunk(entries, size) {
			for i := range page {
				w.add(&page[i])
			}
			for _, d := range w.take() {
				got = append(got, d.action.String()+" "+d.entry.Meta.VersionID)
			}
		}
		w.end()
		for _, d := range w.take() {
			got = append(got, d.action.String()+" "+d.entry.Meta.VersionID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: %q, want %q", size, got, want)
		}
	}
}

// Where the newer versions of a key were removed between two pages, nothing is
// known of when the next one became noncurrent: it is left to the next run.
func TestLifecycleWalkLostItsPlace(t *testing.T) {
	l := lifecycle{day: time.Hour, rules: []s3api.LifecycleRule{{Filter: anything(), NoncurrentDays: 1, ExpireDays: 1}}}
	w := lifecycleWalk{rules: &l, now: day(12)}
	w.add(&object.Entry{Key: "a", Meta: object.Meta{VersionID: "a1", Modified: day(1)}})
	w.end()
	if got := w.take(); len(got) != 0 {
		t.Errorf("%v was decided", got)
	}
}

func TestLifecyclePrefix(t *testing.T) {
	for _, tt := range []struct {
		prefixes []string
		want     string
	}{
		{[]string{"logs/"}, "logs/"},
		{[]string{"logs/a", "logs/b"}, "logs/"},
		{[]string{"logs/", "logs/a/b"}, "logs/"},
		{[]string{"a", "b"}, ""},
		{[]string{"a", ""}, ""},
	} {
		var l lifecycle
		for _, p := range tt.prefixes {
			l.rules = append(l.rules, s3api.LifecycleRule{Filter: s3api.LifecycleFilter{Prefix: p}})
		}
		if got := l.prefix(); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.prefixes, got, tt.want)
		}
	}
}
