package object

import "time"

// Sizes that S3 fixes ("Amazon S3 multipart upload limits").
const (
	MaxPutSize  int64 = 5 << 30 // bytes in one PUT or one part
	MaxSize     int64 = 5 << 40 // bytes in one object
	MaxParts          = 10_000  // parts in one upload, numbered from 1
	MaxUserMeta       = 2 << 10 // bytes of user metadata, keys and values together
	MinPartSize int64 = 5 << 20 // bytes in a part other than the last, by default
)

// Version orders the writes of one name: by the owner's term, then by a counter
// that the owner keeps. It is never a wall clock.
type Version struct {
	Term    uint64
	Counter uint64
}

// Header is what a client says about the content when it writes it and hears
// again when it reads it. An empty field was not given.
type Header struct {
	ContentType        string `json:"content_type,omitempty"`
	ContentEncoding    string `json:"content_encoding,omitempty"` // never "aws-chunked"
	ContentDisposition string `json:"content_disposition,omitempty"`
	ContentLanguage    string `json:"content_language,omitempty"`
	CacheControl       string `json:"cache_control,omitempty"`
	Expires            string `json:"expires,omitempty"` // as sent, not parsed
	WebsiteRedirect    string `json:"website_redirect,omitempty"`
}

// Meta is what is known of an object besides its bytes.
type Meta struct {
	Size         int64
	Modified     time.Time // of the last write, UTC
	ETag         string    // without quotes
	Version      Version
	StorageClass string            // "" is STANDARD
	Header       Header            // system metadata
	User         map[string]string // user metadata, keys in lower case without "x-amz-meta-"
	Custom       map[string]string // what AIS itself notes: source, remote ETag and version, …
	Checksum     Checksum          // at rest, by the bucket's checksum.type
	Sums         []Checksum        // S3's additional checksums
	Parts        []Part            // of a multipart object, ascending; nil for one written in one piece

	// S3's view of versions, tags and permissions.
	VersionID    string            // "" is the null version; see Versioning
	DeleteMarker bool              // there are no bytes: the name was deleted, its older versions were not
	Owner        string            // id of the user who wrote it; "" is the bucket's owner
	ACL          string            // as auth.ACL encodes it; "" is the owner's alone
	Tags         map[string]string // nil for none

	// The rest is where and when, filled by the store on a read and never stored
	// with the object.
	Accessed  time.Time // last read or write; zero if not known
	Mountpath string    // directory of the mountpath that holds it
	Mirrors   []string  // of those that hold its mirrors; nil where it has none
}

// Clone returns a copy that shares no map or slice with m.
func (m Meta) Clone() Meta {
	m.User = cloneMap(m.User)
	m.Custom = cloneMap(m.Custom)
	m.Tags = cloneMap(m.Tags)
	m.Sums = append([]Checksum(nil), m.Sums...)
	m.Parts = append([]Part(nil), m.Parts...)
	m.Mirrors = append([]string(nil), m.Mirrors...)
	return m
}

func cloneMap(in map[string]string) map[string]string {
	if in == nil {
		return nil
	}
	out := make(map[string]string, len(in))
	for k, v := range in {
		out[k] = v
	}
	return out
}

// Durability says what an acknowledged write survives.
type Durability uint8

// The durabilities.
const (
	Power   Durability = iota // the loss of power: the write is on stable storage
	Process                   // the death of the process, kill -9 included, but not of the machine
)

// String returns the name used in the bucket property.
func (d Durability) String() string {
	if d == Process {
		return "process"
	}
	return "power"
}
