package object

import (
	"strings"
	"time"
)

// Query asks for one page of a bucket's names, in order of their UTF-8 bytes.
type Query struct {
	Prefix    string // only keys that begin with it
	Delimiter string // keys that have it after Prefix are rolled up; "" rolls up nothing
	After     string // only what comes after it: a key, or a common prefix with all under it
	Limit     int    // entries in the page at most
	Full      bool   // fill Entry.Meta with everything, not only what an S3 listing shows

	// In a listing of versions: all versions of each key, the newest first.
	Versions     bool
	AfterVersion string // as S3 shows it; go on after this version of After. "" is after all of them
}

// CommonPrefix returns the common prefix that key is rolled up into, "" if none.
// The key must begin with q.Prefix.
func (q Query) CommonPrefix(key string) string {
	if q.Delimiter == "" {
		return ""
	}
	i := strings.Index(key[len(q.Prefix):], q.Delimiter)
	if i < 0 {
		return ""
	}
	return key[:len(q.Prefix)+i+len(q.Delimiter)]
}

// SkipsUnder reports whether q.After is itself a common prefix of this query, so
// that nothing under it is to be listed again.
func (q Query) SkipsUnder() bool {
	return strings.HasPrefix(q.After, q.Prefix) && q.After != "" && q.CommonPrefix(q.After) == q.After
}

// Entry is one line of a listing: an object, or a common prefix.
type Entry struct {
	Key      string
	Prefix   bool   // Key is a common prefix, and Meta is empty
	UploadID string // in a listing of uploads
	Latest   bool   // in a listing of versions: the current one of its key
	Standing Standing
	Meta     Meta // Size, Modified, ETag and StorageClass at least; all with Query.Full
}

// Standing says where the object of an entry is, in a listing that shows both a
// remote bucket and what is kept of it here.
type Standing uint8

// The standings.
const (
	Kept    Standing = iota // here: as it is at the remote, or without one
	Distant                 // only at the remote, which says what Meta is
	Changed                 // here, and with another content at the remote: of Meta Size, ETag and Modified are the remote's
	Removed                 // here, and no longer at the remote
)

// Page is a part of a listing. Entries ascend by Key and name each key once, in a
// listing of versions each version once, a key's newest first.
type Page struct {
	Entries   []Entry
	Truncated bool // there is more after the last entry
}

// Next returns what to ask for after this page: the key of its last entry.
func (p Page) Next() string {
	if len(p.Entries) == 0 {
		return ""
	}
	return p.Entries[len(p.Entries)-1].Key
}

// MergePages merges the first pages of several sources (mountpaths of a target,
// targets of a cluster) into one page of at most limit entries. A source whose
// page is truncated and runs dry is asked for more by refill(source, after),
// which must return what comes after the name, and make progress; pages[source]
// is the dry page still when it is called. Common
// prefixes that several sources have become one; of keys that several have the
// first source's entry is taken. What one source lists of a key stays together.
func MergePages(limit int, pages []Page, refill func(source int, after string) (Page, error)) (Page, error) {
	pos := make([]int, len(pages))
	last := -1 // source of the last entry
	out := Page{Entries: make([]Entry, 0, min(limit, total(pages)))}
	for {
		best := -1
		for i := range pages {
			for pos[i] == len(pages[i].Entries) && pages[i].Truncated {
				next, err := refill(i, pages[i].Next())
				if err != nil {
					return Page{}, err
				}
				if next.Truncated && len(next.Entries) == 0 {
					return Page{}, E("object.MergePages", "", Internal, nil)
				}
				pages[i], pos[i] = next, 0
			}
			if pos[i] == len(pages[i].Entries) {
				continue
			}
			if best < 0 || pages[i].Entries[pos[i]].Key < pages[best].Entries[pos[best]].Key {
				best = i
			}
		}
		if best < 0 {
			return out, nil
		}
		e := &pages[best].Entries[pos[best]]
		pos[best]++
		if n := len(out.Entries); n > 0 && best != last && out.Entries[n-1].Key == e.Key && out.Entries[n-1].UploadID == e.UploadID {
			continue
		}
		if len(out.Entries) == limit {
			out.Truncated = true
			return out, nil
		}
		out.Entries = append(out.Entries, *e)
		last = best
	}
}

// MergeWhole merges the pages of sources that are not asked for more: where one is
// truncated the page ends where that ends, and is truncated, and may be shorter than
// limit. Of a key that several have, all that the first source says of it is taken,
// and nothing of the others.
func MergeWhole(limit int, pages []Page) Page {
	end, bounded := "", false // of what all sources have said
	for i := range pages {
		if p := &pages[i]; p.Truncated && (!bounded || p.Next() < end) {
			end, bounded = p.Next(), true
		}
	}
	cut := make([]Page, len(pages))
	for i, p := range pages {
		n := 0
		for n < len(p.Entries) && (!bounded || p.Entries[n].Key <= end) {
			n++
		}
		cut[i].Entries = p.Entries[:n]
	}
	dropRepeated(cut)
	out, _ := MergePages(limit, cut, nil) // of pages that are not truncated
	out.Truncated = out.Truncated || bounded
	return out
}

// dropRepeated leaves of each key only what the first page has that has it.
func dropRepeated(pages []Page) {
	seen := make(map[string]int, total(pages))
	for i := range pages {
		kept := pages[i].Entries[:0:0]
		for _, e := range pages[i].Entries {
			if first, ok := seen[e.Key]; ok && first != i {
				continue
			}
			seen[e.Key] = i
			kept = append(kept, e)
		}
		pages[i].Entries = kept
	}
}

func total(pages []Page) int {
	n := 0
	for _, p := range pages {
		n += len(p.Entries)
	}
	return n
}

// FormatTime writes t as S3's XML does: ISO 8601, UTC, milliseconds.
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
