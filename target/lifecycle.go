package target

import (
	"math"
	"slices"
	"strings"
	"time"

	"ais/object"
	"ais/s3api"
)

// concerns reports whether a filter lets the object in. A delete marker has
// neither tags nor a size, so that no filter on them lets it in.
func concerns(f *s3api.LifecycleFilter, key string, m *object.Meta) bool {
	if !strings.HasPrefix(key, f.Prefix) {
		return false
	}
	if m.DeleteMarker {
		return onlyPrefix(f)
	}
	if f.SizeGreater >= 0 && m.Size <= f.SizeGreater || f.SizeLess > 0 && m.Size >= f.SizeLess {
		return false
	}
	for name, value := range f.Tags {
		if got, ok := m.Tags[name]; !ok || got != value {
			return false
		}
	}
	return true
}

func onlyPrefix(f *s3api.LifecycleFilter) bool {
	return len(f.Tags) == 0 && f.SizeGreater < 0 && f.SizeLess <= 0
}

// lifecycleAction is what is to be done with one version or upload.
type lifecycleAction uint8

// The actions. Their order is that of the counters.
const (
	keep             lifecycleAction = iota
	expire                           // delete the current version, as a client would: a marker where the bucket has versions
	removeMarker                     // remove a delete marker that has nothing under it
	removeNoncurrent                 // remove a noncurrent version for good
	abortUpload                      // end an upload and remove its parts
	lifecycleActions                 // their number
)

// String returns the action's label in metrics.
func (a lifecycleAction) String() string {
	return [...]string{"keep", "expire", "remove_marker", "remove_noncurrent", "abort_upload"}[a]
}

// lifecycle is the enabled rules of one bucket, with S3's meaning ("Lifecycle
// configuration elements"), and the length of a day.
type lifecycle struct {
	rules []s3api.LifecycleRule
	day   time.Duration
}

// calendarDay is a day as S3 means it. Only such days end at midnight.
const calendarDay = 24 * time.Hour

// after returns when a number of days from a time on are over: S3 rounds up to
// the next midnight, UTC. Days that a setting made shorter are not rounded.
func (l *lifecycle) after(from time.Time, days int) time.Time {
	from = from.UTC()
	if l.day != calendarDay {
		return from.Add(l.day * time.Duration(min(int64(days), int64(math.MaxInt64/l.day))))
	}
	due := from.AddDate(0, 0, days)
	midnight := due.Truncate(calendarDay)
	if midnight.Before(due) {
		midnight = midnight.AddDate(0, 0, 1)
	}
	return midnight
}

// over reports whether a number of days from a time on are over; of 0 they never
// are.
func (l *lifecycle) over(from time.Time, days int, now time.Time) bool {
	return days > 0 && !l.after(from, days).After(now)
}

// version is one version of a key among its others.
type version struct {
	key    string
	meta   *object.Meta
	latest bool // the current one

	// Of a noncurrent one: since when it is, and how many noncurrent versions of the
	// key are newer.
	noncurrent time.Time
	newer      int

	alone bool // there is no other version of the key
}

// decide returns what is to be done with a version now.
func (l *lifecycle) decide(v *version, now time.Time) lifecycleAction {
	for i := range l.rules {
		r := &l.rules[i]
		if !concerns(&r.Filter, v.key, v.meta) {
			continue
		}
		switch {
		case !v.latest:
			if v.newer >= r.NewerNoncurrent && l.over(v.noncurrent, r.NoncurrentDays, now) {
				return removeNoncurrent
			}
		case v.meta.DeleteMarker:
			if v.alone && (r.ExpireMarker || l.expired(r, v.meta, now)) {
				return removeMarker
			}
		case l.expired(r, v.meta, now):
			return expire
		}
	}
	return keep
}

// expired reports whether the rule's expiration of current versions has come.
func (l *lifecycle) expired(r *s3api.LifecycleRule, m *object.Meta, now time.Time) bool {
	if !r.ExpireDate.IsZero() {
		return !r.ExpireDate.After(now)
	}
	return l.over(m.Modified, r.ExpireDays, now)
}

// decideUpload returns what is to be done with an upload now. Only the prefix of a
// filter is about uploads: S3 takes no other with their abort.
func (l *lifecycle) decideUpload(key string, begun, now time.Time) lifecycleAction {
	for i := range l.rules {
		r := &l.rules[i]
		if strings.HasPrefix(key, r.Filter.Prefix) && onlyPrefix(&r.Filter) && l.over(begun, r.AbortDays, now) {
			return abortUpload
		}
	}
	return keep
}

// expiry returns when the current version will expire, and by which rule: the one
// that comes first. ok is false where none will.
func (l *lifecycle) expiry(key string, m *object.Meta) (at time.Time, rule string, ok bool) {
	if m.DeleteMarker {
		return time.Time{}, "", false
	}
	for i := range l.rules {
		r := &l.rules[i]
		due := r.ExpireDate
		switch {
		case !concerns(&r.Filter, key, m) || due.IsZero() && r.ExpireDays == 0:
			continue
		case due.IsZero():
			due = l.after(m.Modified, r.ExpireDays)
		}
		if !ok || due.Before(at) {
			at, rule, ok = due, r.ID, true
		}
	}
	return at, rule, ok
}

// prefix returns what the keys begin with that any rule is about.
func (l *lifecycle) prefix() string {
	common := l.rules[0].Filter.Prefix
	for i := range l.rules[1:] {
		other := l.rules[i+1].Filter.Prefix
		n := 0
		for n < len(common) && n < len(other) && common[n] == other[n] {
			n++
		}
		common = common[:n]
	}
	return common
}

// aborts reports whether a rule is about uploads.
func (l *lifecycle) aborts() bool {
	return slices.ContainsFunc(l.rules, func(r s3api.LifecycleRule) bool { return r.AbortDays > 0 })
}
