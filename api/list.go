package api

import (
	"strconv"
	"strings"
	"time"

	"ais/object"
)

// Flags of a ListMessage.
const (
	ListCached      uint64 = 1 << 0  // only objects that are here (remote buckets)
	ListArchives    uint64 = 1 << 3  // the files in archives as well
	ListNameOnly    uint64 = 1 << 4  // names and nothing else
	ListNameSize    uint64 = 1 << 5  // names and sizes
	ListNotCached   uint64 = 1 << 9  // only objects that are not here (remote buckets)
	ListNoRecursion uint64 = 1 << 11 // roll up what lies beyond the next '/'
	ListNoDirs      uint64 = 1 << 13 // leave out what was rolled up
)

// Flags of an Entry; the low 5 bits are its status, 0 for ok.
const (
	EntryStatusMask = 1<<5 - 1
	EntryCached     = 1 << 6  // the object is here
	EntryInArchive  = 1 << 7  // a file in an archive, named after it: shard.tar/file
	EntryDir        = 1 << 8  // a common prefix, not an object
	EntryArchive    = 1 << 9  // an archive, whose files follow
	EntryChanged    = 1 << 10 // the remote has another version of what is here
	EntryRemoved    = 1 << 11 // the remote no longer has what is here
	EntryChunked    = 1 << 13
)

// MaxPageSize is how many entries a page has, and may have at most, in the
// native API.
const MaxPageSize = 10_000

// DefaultListProps is what a listing shows where nothing is asked for.
const DefaultListProps = "name,size"

// ListMessage is the value of the action list on a bucket.
type ListMessage struct {
	UUID              string `json:"uuid"`
	Props             string `json:"props"` // comma-separated; "" is DefaultListProps
	TimeFormat        string `json:"time_format,omitempty"`
	Prefix            string `json:"prefix"`
	StartAfter        string `json:"start_after,omitempty"`
	ContinuationToken string `json:"continuation_token"`
	Target            string `json:"target"`
	Flags             uint64 `json:"flags,string"`
	PageSize          int    `json:"pagesize"` // 0 is MaxPageSize
}

// ParseList reads the value of the action list. The error is of kind Invalid.
func ParseList(m ActionMessage) (ListMessage, error) {
	var l ListMessage
	err := m.Decode(&l)
	return l, err
}

// Has reports whether the flag is set.
func (l ListMessage) Has(flag uint64) bool { return l.Flags&flag != 0 }

// Wants reports whether the listing is to show the property ("atime").
func (l ListMessage) Wants(prop string) bool {
	switch {
	case l.Has(ListNameOnly):
		return prop == "name"
	case l.Has(ListNameSize):
		return prop == "name" || prop == "size"
	case l.Props == "":
		return prop == "name" || prop == "size"
	}
	for p := range strings.SplitSeq(l.Props, ",") {
		if p = strings.TrimSpace(p); p == prop || p == "all" {
			return true
		}
	}
	return false
}

// Query returns what to ask the store for.
func (l ListMessage) Query() object.Query {
	q := object.Query{Prefix: l.Prefix, After: max(l.StartAfter, l.ContinuationToken), Limit: l.PageSize}
	if q.Limit <= 0 || q.Limit > MaxPageSize {
		q.Limit = MaxPageSize
	}
	if l.Has(ListNoRecursion) {
		q.Delimiter = "/"
	}
	for _, p := range []string{"checksum", "atime", "version", "copies", "custom", "location", "status"} {
		q.Full = q.Full || l.Wants(p)
	}
	return q
}

// Entry is one line of a ListResult.
type Entry struct {
	Name     string `json:"name"`
	Checksum string `json:"checksum,omitempty"`
	Atime    string `json:"atime,omitempty"`
	Version  string `json:"version,omitempty"`
	Location string `json:"location,omitempty"` // t[ID]:mp[/path]
	Custom   string `json:"custom-md,omitempty"`
	Size     int64  `json:"size,string,omitempty"`
	Copies   int    `json:"copies,omitempty"`
	Flags    int    `json:"flags,omitempty"`
}

// ListResult is one page; an empty token says that it is the last.
type ListResult struct {
	UUID              string  `json:"uuid"`
	ContinuationToken string  `json:"continuation_token"`
	Entries           []Entry `json:"entries"`
	Flags             uint32  `json:"flags"`
}

// NewListResult returns the page as l asked for it. node names the target that
// owns the entry at an index of page; a nil node leaves locations out.
func NewListResult(l ListMessage, page object.Page, node func(i int) string) ListResult {
	r := ListResult{UUID: l.UUID, Entries: make([]Entry, 0, len(page.Entries))}
	if r.UUID == "" {
		r.UUID = "list" // clients take it for opaque, and an empty one for a failure
	}
	if page.Truncated {
		r.ContinuationToken = page.Next()
	}
	for i := range page.Entries {
		e := &page.Entries[i]
		if e.Prefix && l.Has(ListNoDirs) || e.Standing == object.Distant && l.Has(ListCached) || e.Standing != object.Distant && l.Has(ListNotCached) {
			continue
		}
		id := ""
		if node != nil && l.Wants("location") && e.Standing != object.Distant {
			id = node(i)
		}
		r.Entries = append(r.Entries, newEntry(l, e, id))
	}
	return r
}

func newEntry(l ListMessage, e *object.Entry, node string) Entry {
	if e.Prefix {
		return Entry{Name: e.Key, Flags: EntryDir}
	}
	out := Entry{Name: e.Key, Flags: EntryCached}
	m := &e.Meta
	if l.Wants("size") {
		out.Size = m.Size
	}
	switch e.Standing {
	case object.Distant:
		out.Flags = 0
		if l.Wants("checksum") && isMD5(m.ETag) {
			out.Checksum = m.ETag
		}
		return out
	case object.Changed:
		out.Flags |= EntryChanged
	case object.Removed:
		out.Flags |= EntryRemoved
	}
	if len(m.Parts) > 1 {
		out.Flags |= EntryChunked
	}
	if l.Wants("checksum") {
		out.Checksum = m.Checksum.Hex()
	}
	if l.Wants("atime") {
		out.Atime = formatTime(accessed(m), l.TimeFormat)
	}
	if l.Wants("version") {
		out.Version = versionOf(m)
	}
	if l.Wants("copies") {
		out.Copies = 1 + len(m.Mirrors)
	}
	if l.Wants("custom") {
		out.Custom = formatCustom(customOf(m))
	}
	if node != "" {
		out.Location = FormatLocation(node, m.Mountpath)
	}
	return out
}

// FormatLocation writes where an object lies: "t[ID]:mp[/path]".
func FormatLocation(node, mountpath string) string {
	s := "t[" + node + "]"
	if mountpath != "" {
		s += ":mp[" + mountpath + "]"
	}
	return s
}

// formatTime writes t by a Go layout, RFC 822 where there is none; the zero time
// is the empty string.
func formatTime(t time.Time, layout string) string {
	if t.IsZero() {
		return ""
	}
	if layout == "" {
		layout = time.RFC822
	}
	return t.UTC().Format(layout)
}

// isMD5 reports whether an ETag can be the MD5 of the content.
func isMD5(etag string) bool {
	for i := range len(etag) {
		if unhex(etag[i]) < 0 {
			return false
		}
	}
	return len(etag) == 32
}

// versionOf returns the version of an object: the remote's where it is a remote
// bucket's, "" where that keeps none.
func versionOf(m *object.Meta) string {
	if m.Custom[object.CustomSource] != "" {
		return m.Custom[object.CustomVersion]
	}
	return formatVersion(m.Version)
}

// formatVersion writes the counter, which is what AIStore shows for a bucket
// whose truth is here; "" for no version.
func formatVersion(v object.Version) string {
	if v == (object.Version{}) {
		return ""
	}
	return strconv.FormatUint(v.Counter, 10)
}
