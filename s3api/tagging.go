package s3api

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"ais/object"
)

// Bounds of tags ("Categorizing your storage using tags"), lengths in characters.
const (
	MaxObjectTags = 10
	MaxBucketTags = 50
	maxTagKey     = 128
	maxTagValue   = 256
)

// ParseTagging reads a Tagging document of at most limit tags. The errors are
// MalformedXML and InvalidTag.
func ParseTagging(data []byte, limit int) (map[string]string, error) {
	root, err := parseTree(data, "Tagging")
	if err != nil {
		return nil, err
	}
	var tags map[string]string
	err = root.read(fields{"TagSet": func(e *element) error {
		tags = make(map[string]string, len(e.children))
		return e.read(fields{"Tag*": func(e *element) error { return readTag(e, tags, limit) }})
	}})
	if err != nil {
		return nil, err
	}
	if tags == nil {
		return nil, MalformedXML
	}
	return tags, nil
}

// readTag reads a Tag and adds it to tags.
func readTag(e *element, tags map[string]string, limit int) error {
	var key, value string
	if len(e.children) != 2 {
		return MalformedXML
	}
	if err := e.read(fields{"Key": text(&key), "Value": text(&value)}); err != nil {
		return err
	}
	return addTag(tags, key, value, limit)
}

// ParseTaggingHeader reads x-amz-tagging, tags in the form of a query, and whether
// it is there. It is limited like the tags of an object.
func ParseTaggingHeader(r *Request) (tags map[string]string, present bool, err error) {
	v := r.amzHeader(hTagging)
	if v == "" {
		return nil, len(r.ctx.Request.Header.PeekAll(hTagging)) > 0, nil
	}
	tags, err = parseTagQuery(v)
	return tags, true, err
}

func parseTagQuery(query string) (map[string]string, error) {
	tags := map[string]string{}
	for name, value := range eachParam([]byte(query)) {
		if err := addTag(tags, string(name), string(value), MaxObjectTags); err != nil {
			return nil, err
		}
	}
	return tags, nil
}

// addTag adds a tag that is legal and new.
func addTag(tags map[string]string, key, value string, limit int) error {
	if key == "" || utf8.RuneCountInString(key) > maxTagKey || !tagText(key) || strings.HasPrefix(key, "aws:") {
		return InvalidTag.Say("The TagKey you have provided is invalid").With("TagKey", key)
	}
	if utf8.RuneCountInString(value) > maxTagValue || !tagText(value) {
		return InvalidTag.Say("The TagValue you have provided is invalid").With("TagKey", key).With("TagValue", value)
	}
	if _, there := tags[key]; there {
		return InvalidTag.Say("Cannot provide multiple Tags with the same key").With("TagKey", key)
	}
	if len(tags) == limit {
		return InvalidTag.Say("Tags cannot be greater than " + itoa(int64(limit)))
	}
	tags[key] = value
	return nil
}

// tagText reports whether s has only what a tag may be made of: letters, digits,
// spaces and + - = . _ : / @, in any script.
func tagText(s string) bool {
	for _, c := range s {
		switch {
		case unicode.IsLetter(c), unicode.IsMark(c), unicode.IsNumber(c), unicode.In(c, unicode.Zs):
		case strings.ContainsRune("+-=._:/@", c):
		default:
			return false
		}
	}
	return utf8.ValidString(s)
}

// AppendTagging appends a Tagging document, sorted by key.
func AppendTagging(b []byte, tags map[string]string) []byte {
	b = append(b, "<Tagging"+xmlns+"><TagSet>"...)
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		b = appendTag(b, key, tags[key])
	}
	return append(b, "</TagSet></Tagging>"...)
}

func appendTag(b []byte, key, value string) []byte {
	b = appendElement(append(b, "<Tag>"...), "Key", key)
	return append(appendElement(b, "Value", value), "</Tag>"...)
}

// WriteTagCount sets x-amz-tagging-count where the object has tags.
func WriteTagCount(r *Request, m *object.Meta) {
	if len(m.Tags) > 0 {
		r.SetHeader(hTaggingCount, itoa(int64(len(m.Tags))))
	}
}

// ParseTaggingDirective reads x-amz-tagging-directive: whether a copy takes its
// tags from the request (REPLACE) and not from the source (COPY, or none).
func ParseTaggingDirective(r *Request) (replace bool, err error) {
	switch v := string(r.peek(hTagDirective)); v {
	case "", "COPY":
		return false, nil
	case "REPLACE":
		return true, nil
	default:
		return false, Argument("x-amz-tagging-directive", v, "Unknown tagging directive.")
	}
}
