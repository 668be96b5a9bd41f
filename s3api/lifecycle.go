package s3api

import (
	"crypto/rand"
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"ais/object"
)

// Bounds of a lifecycle ("Lifecycle configuration elements").
const (
	MaxLifecycleBody  = 256 << 10
	maxLifecycleRules = 1000
	maxRuleID         = 255 // characters
	maxNewer          = 100 // noncurrent versions that a rule may keep
)

// LifecycleRule is one rule of a bucket's lifecycle. A number of days of 0, and a
// zero date, is an action that the rule does not have.
type LifecycleRule struct {
	ID      string
	Enabled bool
	Filter  LifecycleFilter

	ExpireDays   int       // of the current version, after its last write
	ExpireDate   time.Time // likewise, from then on; midnight UTC
	ExpireMarker bool      // remove a delete marker that has no version under it

	NoncurrentDays  int // of other versions, after a newer one came
	NewerNoncurrent int // noncurrent versions that are kept, the newest
	AbortDays       int // of an upload, after its beginning
}

// LifecycleFilter says which objects a rule is about: those of which all holds.
type LifecycleFilter struct {
	Prefix      string
	Tags        map[string]string
	SizeGreater int64 // the size is over it; −1 for none
	SizeLess    int64 // the size is under it; 0 for none

	// How it was written, for the answer to a GET.
	legacy bool // a Prefix of the rule's own, not in a Filter
	prefix bool // there was a Prefix, if an empty one
	and    bool // in an And
}

// ParseLifecycle reads a LifecycleConfiguration document. Rules without an id get
// one. The errors are MalformedXML, InvalidArgument, InvalidRequest, and
// NotImplemented for a transition: there is one kind of storage.
func ParseLifecycle(data []byte) ([]LifecycleRule, error) {
	root, err := parseTree(data, "LifecycleConfiguration")
	if err != nil {
		return nil, err
	}
	var rules []LifecycleRule
	ids := map[string]bool{}
	err = root.read(fields{"Rule*": func(e *element) error {
		rule, err := parseRule(e)
		if err != nil {
			return err
		}
		if ids[rule.ID] {
			return InvalidArgument.Say("Rule ID must be unique. Found same ID for more than one rule.").With("ArgumentValue", rule.ID)
		}
		ids[rule.ID] = true
		rules = append(rules, rule)
		return nil
	}})
	if err == nil && (len(rules) == 0 || len(rules) > maxLifecycleRules) {
		err = MalformedXML
	}
	if err != nil {
		return nil, err
	}
	return rules, nil
}

// parseRule reads a Rule.
func parseRule(e *element) (LifecycleRule, error) {
	r := LifecycleRule{Filter: LifecycleFilter{SizeGreater: -1}}
	var status string
	var expiration, filter, transition bool
	err := e.read(fields{
		"ID":     text(&r.ID),
		"Status": word(&status),
		"Prefix": func(e *element) error {
			r.Filter.legacy = true
			return text(&r.Filter.Prefix)(e)
		},
		"Filter": func(e *element) error {
			filter = true
			return r.Filter.parse(e)
		},
		"Expiration": func(e *element) error {
			expiration = true
			return r.parseExpiration(e)
		},
		"NoncurrentVersionExpiration": r.parseNoncurrent,
		"AbortIncompleteMultipartUpload": func(e *element) error {
			if err := e.read(fields{"DaysAfterInitiation": number(&r.AbortDays)}); err != nil {
				return err
			}
			return positive("DaysAfterInitiation", r.AbortDays)
		},
		"Transition*":                  func(e *element) error { transition = true; return checkTransition(e) },
		"NoncurrentVersionTransition*": func(e *element) error { transition = true; return checkTransition(e) },
	})
	switch {
	case err != nil:
		return r, err
	case status != "Enabled" && status != "Disabled", r.Filter.legacy == filter:
		return r, MalformedXML
	case transition:
		return r, NotImplemented.Say("Lifecycle transitions are not implemented: there is one kind of storage.")
	case !expiration && r.NoncurrentDays == 0 && r.AbortDays == 0:
		return r, InvalidRequest.Say("At least one action needs to be specified in a rule.")
	}
	r.Enabled = status == "Enabled"
	if r.ID == "" {
		r.ID = newRuleID()
	}
	return r, r.check()
}

// check reports what does not go together in the rule.
func (r *LifecycleRule) check() error {
	sized := r.Filter.SizeGreater >= 0 || r.Filter.SizeLess > 0
	switch {
	case len([]rune(r.ID)) > maxRuleID:
		return InvalidArgument.Say("ID length should not exceed allowed limit of 255.")
	case len(r.Filter.Prefix) > object.MaxKeyLength:
		return InvalidRequest.Say("The maximum size of a prefix is 1024.")
	case r.Filter.SizeLess > 0 && r.Filter.SizeLess <= r.Filter.SizeGreater:
		return InvalidRequest.Say("'ObjectSizeLessThan' must be larger than 'ObjectSizeGreaterThan'.")
	case r.ExpireMarker && len(r.Filter.Tags) > 0:
		return InvalidRequest.Say("Tag based filter cannot be used when ExpiredObjectDeleteMarker is specified.")
	case r.AbortDays > 0 && len(r.Filter.Tags) > 0:
		return InvalidRequest.Say("AbortIncompleteMultipartUpload cannot be specified with Tags.")
	case r.AbortDays > 0 && sized:
		return InvalidRequest.Say("AbortIncompleteMultipartUpload cannot be specified with object size filters.")
	}
	return nil
}

// parse reads a Filter: at most one predicate, or several in an And.
func (f *LifecycleFilter) parse(e *element) error {
	if len(e.children) > 1 {
		return MalformedXML
	}
	predicates := f.predicates()
	predicates["And"] = func(e *element) error {
		f.and = true
		if len(e.children) == 0 {
			return MalformedXML
		}
		return e.read(f.predicates())
	}
	return e.read(predicates)
}

func (f *LifecycleFilter) predicates() fields {
	return fields{
		"Prefix": func(e *element) error {
			f.prefix = true
			return text(&f.Prefix)(e)
		},
		"Tag*": func(e *element) error {
			if f.Tags == nil {
				f.Tags = map[string]string{}
			}
			return readTag(e, f.Tags, MaxObjectTags)
		},
		"ObjectSizeGreaterThan": func(e *element) error { return readSize(e, &f.SizeGreater, 0) },
		"ObjectSizeLessThan":    func(e *element) error { return readSize(e, &f.SizeLess, 1) },
	}
}

func readSize(e *element, into *int64, least int64) error {
	if err := number(into)(e); err != nil {
		return err
	}
	if *into < least || *into > object.MaxSize {
		return InvalidRequest.Say("'" + e.name + "' should be between " + itoa(least) + " and " + itoa(object.MaxSize) + ".")
	}
	return nil
}

// parseExpiration reads an Expiration, which says one thing.
func (r *LifecycleRule) parseExpiration(e *element) error {
	if len(e.children) != 1 {
		return MalformedXML
	}
	return e.read(fields{
		"Days": func(e *element) error {
			if err := number(&r.ExpireDays)(e); err != nil {
				return err
			}
			return positive("Days", r.ExpireDays)
		},
		"Date":                      func(e *element) (err error) { r.ExpireDate, err = readDate(e); return err },
		"ExpiredObjectDeleteMarker": boolean(&r.ExpireMarker),
	})
}

// parseNoncurrent reads a NoncurrentVersionExpiration.
func (r *LifecycleRule) parseNoncurrent(e *element) error {
	days := 0
	newer := -1
	if err := e.read(fields{"NoncurrentDays": number(&days), "NewerNoncurrentVersions": number(&newer)}); err != nil {
		return err
	}
	if newer == 0 || newer > maxNewer {
		return InvalidArgument.Say("'NewerNoncurrentVersions' must be between 1 and 100.")
	}
	r.NoncurrentDays, r.NewerNoncurrent = days, max(newer, 0)
	return positive("NoncurrentDays", days)
}

// checkTransition reports what is wrong with a transition besides that there is
// none.
func checkTransition(e *element) error {
	var days int
	var class string
	return e.read(fields{
		"Days": number(&days), "NoncurrentDays": number(&days), "NewerNoncurrentVersions": number(&days), "StorageClass": word(&class),
		"Date": func(e *element) error { _, err := readDate(e); return err },
	})
}

// maxDays keeps the end of a period within what a time can be.
const maxDays = 1<<31 - 1

func positive(name string, days int) error {
	if days < 1 || days > maxDays {
		return InvalidArgument.Say("'"+name+"' for a lifecycle action must be a positive integer").With("ArgumentName", name)
	}
	return nil
}

// readDate reads a date of a lifecycle: midnight UTC.
func readDate(e *element) (time.Time, error) {
	var s string
	if err := word(&s)(e); err != nil {
		return time.Time{}, err
	}
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateOnly} {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		if t = t.UTC(); !t.Equal(t.Truncate(24*time.Hour)) || t.Year() < 1 || t.Year() > 9999 {
			break
		}
		return t, nil
	}
	return time.Time{}, InvalidArgument.Say("'Date' must be at midnight GMT").With("ArgumentValue", s)
}

// newRuleID returns an id for a rule that came without one.
func newRuleID() string {
	var id [24]byte
	rand.Read(id[:]) // never fails (crypto/rand)
	return hex.EncodeToString(id[:])
}

// AppendLifecycle appends the LifecycleConfiguration of rules, written the way in
// which they were parsed.
func AppendLifecycle(b []byte, rules []LifecycleRule) []byte {
	b = append(b, "<LifecycleConfiguration"+xmlns+">"...)
	for i := range rules {
		b = rules[i].append(append(b, "<Rule>"...))
		b = append(b, "</Rule>"...)
	}
	return append(b, "</LifecycleConfiguration>"...)
}

func (r *LifecycleRule) append(b []byte) []byte {
	b = appendElement(b, "ID", r.ID)
	b = r.Filter.append(b)
	status := "Disabled"
	if r.Enabled {
		status = "Enabled"
	}
	b = appendElement(b, "Status", status)
	b = r.appendExpiration(b)
	return r.appendOthers(b)
}

// appendExpiration appends what becomes of current versions. A rule that does
// nothing said so in an Expiration.
func (r *LifecycleRule) appendExpiration(b []byte) []byte {
	const begin, end = "<Expiration>", "</Expiration>"
	switch {
	case r.ExpireDays > 0:
		b = appendInt(append(b, begin...), "Days", int64(r.ExpireDays))
	case !r.ExpireDate.IsZero():
		b = append(appendTime(append(b, begin+"<Date>"...), r.ExpireDate), "</Date>"...)
	case r.ExpireMarker, r.NoncurrentDays == 0 && r.AbortDays == 0:
		b = appendBool(append(b, begin...), "ExpiredObjectDeleteMarker", r.ExpireMarker)
	default:
		return b
	}
	return append(b, end...)
}

// appendOthers appends the actions that are not about current versions.
func (r *LifecycleRule) appendOthers(b []byte) []byte {
	if r.NoncurrentDays > 0 {
		b = appendInt(append(b, "<NoncurrentVersionExpiration>"...), "NoncurrentDays", int64(r.NoncurrentDays))
		if r.NewerNoncurrent > 0 {
			b = appendInt(b, "NewerNoncurrentVersions", int64(r.NewerNoncurrent))
		}
		b = append(b, "</NoncurrentVersionExpiration>"...)
	}
	if r.AbortDays > 0 {
		b = appendInt(append(b, "<AbortIncompleteMultipartUpload>"...), "DaysAfterInitiation", int64(r.AbortDays))
		b = append(b, "</AbortIncompleteMultipartUpload>"...)
	}
	return b
}

func (f *LifecycleFilter) append(b []byte) []byte {
	if f.legacy {
		return appendElement(b, "Prefix", f.Prefix)
	}
	b = append(b, "<Filter>"...)
	if f.and {
		b = append(b, "<And>"...)
	}
	if f.prefix {
		b = appendElement(b, "Prefix", f.Prefix)
	}
	for _, key := range slices.Sorted(maps.Keys(f.Tags)) {
		b = appendTag(b, key, f.Tags[key])
	}
	if f.SizeGreater >= 0 {
		b = appendInt(b, "ObjectSizeGreaterThan", f.SizeGreater)
	}
	if f.SizeLess > 0 {
		b = appendInt(b, "ObjectSizeLessThan", f.SizeLess)
	}
	if f.and {
		b = append(b, "</And>"...)
	}
	return append(b, "</Filter>"...)
}
