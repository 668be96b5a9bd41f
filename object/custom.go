package object

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The keys of Meta.Custom, AIStore's where it has them. An object that has
// CustomSource is the remote bucket's, kept here: it may be evicted.
const (
	CustomSource  = "source"        // provider of the remote bucket that the object came from, or was written through to
	CustomETag    = "ETag"          // there, without quotes; it is Meta.ETag too
	CustomVersion = "version"       // the remote's version id; missing where it has none
	CustomUpload  = "remote-upload" // of an Upload: the remote's upload id
	CustomAppend  = "append"        // of an Upload: it is an append that was not flushed
	CustomBucket  = "remote-bucket" // of an Upload: the name of the remote bucket that it is to
)

// MaxCustom bounds the custom properties that a client may give an object: bytes
// of keys and values together. They are said in headers.
const MaxCustom = 8 << 10

// ReservedCustom reports whether a key of Meta.Custom means something to AIS, so
// that no client may set it.
func ReservedCustom(key string) bool {
	switch strings.ToLower(key) {
	case CustomSource, "etag", CustomVersion, CustomUpload, CustomAppend, CustomBucket:
		return true
	}
	return strings.HasPrefix(strings.ToLower(key), "x-amz-meta-") // how user metadata is shown beside them
}

// OwnCustom returns those of an object's custom properties that a client gave it,
// nil for none.
func OwnCustom(custom map[string]string) map[string]string {
	var own map[string]string
	for k, v := range custom {
		if ReservedCustom(k) {
			continue
		}
		if own == nil {
			own = make(map[string]string)
		}
		own[k] = v
	}
	return own
}

// MergeCustom returns an object's custom properties after a client has given it
// more, or others in the place of all that it gave before. The error, of kind
// Invalid, names the key that is wrong.
func MergeCustom(now, given map[string]string, replace bool) (map[string]string, error) {
	merged := make(map[string]string, len(now)+len(given))
	for k, v := range now {
		if !replace || ReservedCustom(k) {
			merged[k] = v
		}
	}
	for k, v := range given {
		if err := checkCustom(k, v); err != nil {
			return nil, err
		}
		merged[k] = v
	}
	size := 0
	for k, v := range merged {
		if !ReservedCustom(k) {
			size += len(k) + len(v)
		}
	}
	if size > MaxCustom {
		return nil, E("object.MergeCustom", "", Invalid, fmt.Errorf("custom properties of %d bytes, at most %d are kept", size, MaxCustom))
	}
	if len(merged) == 0 {
		return nil, nil
	}
	return merged, nil
}

// checkCustom refuses what a header "key=value" cannot say, or says of AIS itself.
func checkCustom(k, v string) error {
	const op = "object.MergeCustom"
	control := func(r rune) bool { return r < 0x20 || r == 0x7f }
	switch {
	case k == "" || strings.TrimSpace(k) != k || strings.ContainsAny(k, "=,") || strings.ContainsFunc(k, control):
		return E(op, strconv.Quote(k), Invalid, errors.New("the name of a custom property is not empty, and has no '=', comma, control character, or blank around it"))
	case ReservedCustom(k):
		return E(op, k, Invalid, errors.New("the name is kept for what AIS notes of an object"))
	case strings.ContainsFunc(v, control) || strings.TrimSpace(v) != v:
		return E(op, k, Invalid, errors.New("the value of a custom property has no control character, and no blank around it"))
	}
	return nil
}
