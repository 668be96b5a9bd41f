package api

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"ais/object"
)

// ObjectInfo is what a HEAD says of an object.
type ObjectInfo struct {
	Bucket       Bucket            `json:"bucket"`
	Name         string            `json:"name"`
	Size         int64             `json:"size"`
	Version      string            `json:"version,omitempty"`
	ETag         string            `json:"etag,omitempty"`
	Modified     time.Time         `json:"last-modified"`
	Accessed     time.Time         `json:"atime"`
	ChecksumType string            `json:"checksum-type,omitempty"`
	Checksum     string            `json:"checksum,omitempty"` // hexadecimal
	Custom       map[string]string `json:"custom,omitempty"`
	Copies       int               `json:"copies"`
	Mountpaths   []string          `json:"mountpaths,omitempty"`
	Location     string            `json:"location,omitempty"`
	Parts        int               `json:"parts,omitempty"` // 0 for one written in one piece
	PartSize     int64             `json:"part-size,omitempty"`
	Present      bool              `json:"present"`
	ContentType  string            `json:"content-type,omitempty"`
}

// NewObjectInfo returns what node, the owner of the object, says of it.
func NewObjectInfo(b Bucket, key string, m *object.Meta, node string) ObjectInfo {
	i := ObjectInfo{
		Bucket: b, Name: key, Size: m.Size, Version: versionOf(m), ETag: m.ETag,
		Modified: m.Modified, Accessed: accessed(m), Custom: customOf(m), Copies: 1, Present: true,
		Parts: len(m.Parts), ContentType: m.Header.ContentType,
	}
	for _, p := range m.Parts {
		i.PartSize = max(i.PartSize, p.Size)
	}
	if verifiable(m.Checksum) {
		i.ChecksumType, i.Checksum = m.Checksum.Algorithm.String(), m.Checksum.Hex()
	}
	if m.Mountpath != "" {
		i.Mountpaths = []string{m.Mountpath}
		i.Mountpaths = append(i.Mountpaths, m.Mirrors...)
		i.Copies = len(i.Mountpaths)
	} else if m.Custom[object.CustomSource] != "" { // at the remote only
		i.Present, i.Copies, i.Accessed, node = false, 0, time.Time{}, ""
	}
	if node != "" {
		i.Location = FormatLocation(node, m.Mountpath)
	}
	return i
}

// accessed returns when the object was last read or written. The store need not
// keep the time of a write twice.
func accessed(m *object.Meta) time.Time {
	if m.Accessed.After(m.Modified) {
		return m.Accessed
	}
	return m.Modified
}

// verifiable reports whether who has the content can compute c from it.
func verifiable(c object.Checksum) bool {
	return c.Algorithm != object.NoChecksum && len(c.Value) > 0 && !c.Composite
}

// customOf returns what goes into Ais-Custom-Md: what AIS notes of the object,
// and S3 user metadata under its header's name.
func customOf(m *object.Meta) map[string]string {
	if len(m.Custom)+len(m.User) == 0 {
		return nil
	}
	out := make(map[string]string, len(m.Custom)+len(m.User))
	for k, v := range m.Custom {
		out[k] = v
	}
	for k, v := range m.User {
		out[headerCustomUser+k] = v
	}
	return out
}

// formatCustom writes "[k:v k:v]", sorted by key.
func formatCustom(custom map[string]string) string {
	if len(custom) == 0 {
		return ""
	}
	pairs := make([]string, 0, len(custom))
	for k, v := range custom {
		pairs = append(pairs, k+":"+v)
	}
	slices.Sort(pairs)
	return "[" + strings.Join(pairs, " ") + "]"
}

// CustomText returns the custom metadata as AIStore shows it, "[k:v k:v]".
func (i *ObjectInfo) CustomText() string { return formatCustom(i.Custom) }

// objectHeaders calls set for every header that describes the object in a GET.
// An empty value was already left out.
func objectHeaders(i *ObjectInfo, set func(prop, name, value string)) {
	if i.Checksum != "" {
		set("checksum", HeaderChecksumType, i.ChecksumType)
		set("checksum", HeaderChecksum, i.Checksum)
	}
	if i.Version != "" {
		set("version", HeaderVersion, i.Version)
	}
	if !i.Accessed.IsZero() {
		set("atime", HeaderAtime, strconv.FormatInt(i.Accessed.UnixNano(), 10))
	}
	for k, v := range i.Custom {
		set("custom", HeaderCustom, k+"="+v)
	}
	if i.ETag != "" {
		set("etag", "Etag", `"`+i.ETag+`"`)
	}
	if !i.Modified.IsZero() {
		set("last-modified", "Last-Modified", i.Modified.UTC().Format(httpTime))
	}
}

// infoHeaders calls set for what a HEAD says beyond a GET and HeaderPresent.
func infoHeaders(i *ObjectInfo, set func(prop, name, value string)) {
	set("name", HeaderName, escapeHeader(i.Name))
	set("name", HeaderBucketName, i.Bucket.Name)
	set("name", HeaderProvider, string(i.Bucket.Provider))
	if i.Location != "" {
		set("location", HeaderLocation, i.Location)
	}
	set("copies", HeaderCopies, strconv.Itoa(i.Copies))
	if len(i.Mountpaths) > 0 {
		set("copies", HeaderCopyPaths, "["+strings.Join(i.Mountpaths, ", ")+"]")
	}
	if i.Parts > 0 {
		set("chunked", HeaderChunks, strconv.Itoa(i.Parts))
		set("chunked", HeaderChunkSize, strconv.FormatInt(i.PartSize, 10))
	}
}

// httpTime is the form of a date in a header (RFC 9110 §5.6.7).
const httpTime = "Mon, 02 Jan 2006 15:04:05 GMT"

// escapeHeader makes a key fit for a header: control characters, which could
// end the line, are percent-encoded.
func escapeHeader(s string) string {
	clean := func(r byte) bool { return r >= 0x20 && r != 0x7f }
	for n := range len(s) {
		if !clean(s[n]) {
			return escapePath(s)
		}
	}
	return s
}
