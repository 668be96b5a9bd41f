package s3api

import (
	"strconv"
	"time"

	"ais/object"
)

// MaxKeys is the largest page of a listing.
const MaxKeys = 1000

// List is what a ListObjects, ListObjectsV2, ListObjectVersions,
// ListMultipartUploads or ListParts request asks for.
type List struct {
	V2           bool
	Query        object.Query // Limit is 0 for max-keys=0: answer an empty page
	EncodeURL    bool         // encoding-type=url
	FetchOwner   bool
	Marker       string // v1 marker, key-marker
	UploadMarker string // upload-id-marker
	Continuation string // v2 continuation-token as sent
	HasToken     bool   // there was one
	StartAfter   string
}

// ParseList reads the parameters of a listing of objects, versions or uploads.
func ParseList(r *Request) (List, error) {
	l := List{V2: r.Op == ListObjectsV2}
	l.Query.Limit = MaxKeys
	for name, value := range firstParams(r.target.query) {
		switch v := string(value); string(name) {
		case "prefix":
			l.Query.Prefix = v
		case "delimiter":
			l.Query.Delimiter = v
		case "max-keys", "max-uploads":
			limit, err := parseMax(string(name), v)
			if err != nil {
				return l, err
			}
			l.Query.Limit = limit
		case "encoding-type":
			if v != "url" {
				return l, Argument("encoding-type", v, "Invalid Encoding Method specified in Request")
			}
			l.EncodeURL = true
		case "marker", "key-marker":
			l.Marker = v
		case "upload-id-marker":
			l.UploadMarker = v
		case "version-id-marker":
			l.Query.AfterVersion = v
			if err := checkVersion(v); err != nil {
				return l, Argument("version-id-marker", v, "Invalid version id specified")
			}
		case "continuation-token":
			l.Continuation, l.HasToken = v, true
		case "start-after":
			l.StartAfter = v
		case "fetch-owner":
			l.FetchOwner = v == "true"
		}
	}
	if l.Query.Versions = r.Op == ListObjectVersions; !l.Query.Versions {
		l.Query.AfterVersion = "" // means nothing in other listings
	}
	return l, l.setAfter()
}

// setAfter decides where the page begins.
func (l *List) setAfter() error {
	if !l.V2 {
		l.Query.After = l.Marker
		if l.Marker == "" && l.Query.AfterVersion != "" {
			return Argument("version-id-marker", l.Query.AfterVersion, "A version-id marker cannot be specified without a key marker.")
		}
		return nil
	}
	l.Query.After = l.StartAfter
	if l.Continuation != "" {
		after, ok := parseToken(l.Continuation)
		if !ok {
			return Argument("continuation-token", l.Continuation, "The continuation token provided is incorrect")
		}
		l.Query.After = after
	}
	return nil
}

// parseMax reads a limit: absent or empty is MaxKeys, more is taken for that.
func parseMax(name, v string) (int, error) {
	if v == "" {
		return MaxKeys, nil
	}
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil {
		return 0, Argument(name, v, "Provided "+name+" not an integer or within integer range")
	}
	if n < 0 {
		return 0, Argument(name, v, "Argument "+name+" must be an integer between 0 and 2147483647")
	}
	return int(min(n, MaxKeys)), nil
}

// ParseListParts reads part-number-marker and max-parts.
func ParseListParts(r *Request) (after, limit int, encodeURL bool, err error) {
	limit = MaxKeys
	for name, value := range firstParams(r.target.query) {
		switch v := string(value); string(name) {
		case "max-parts":
			if limit, err = parseMax("max-parts", v); err != nil {
				return 0, 0, false, err
			}
		case "part-number-marker":
			n, err := strconv.ParseInt(v, 10, 32)
			if v != "" && (err != nil || n < 0) {
				return 0, 0, false, Argument("part-number-marker", v, "Provided part-number-marker not an integer or within integer range")
			}
			after = int(n)
		case "encoding-type":
			encodeURL = v == "url"
		}
	}
	return after, limit, encodeURL, nil
}

// tokenPrefix marks a continuation token; the rest is the name to go on after,
// in hexadecimal, so that a token needs no escaping anywhere.
const tokenPrefix = "1"

func appendToken(b []byte, after string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, tokenPrefix...)
	for i := range len(after) {
		b = append(b, digits[after[i]>>4], digits[after[i]&15])
	}
	return b
}

func parseToken(s string) (after string, ok bool) {
	if len(s) < 3 || len(s)%2 != 1 || s[:1] != tokenPrefix {
		return "", false
	}
	s = s[1:]
	b := make([]byte, len(s)/2)
	for i := range b {
		if !isHex(s[2*i]) || !isHex(s[2*i+1]) {
			return "", false
		}
		b[i] = unhex(s[2*i])<<4 | unhex(s[2*i+1])
	}
	return string(b), true
}

// Owner is who owns a bucket or object, in listings and ACLs.
type Owner struct{ ID, DisplayName string }

// Owners returns a user by id, "" being the bucket's owner.
type Owners func(id string) Owner

// OwnedBy are the Owners of a cluster in which everything has the same owner.
func OwnedBy(o Owner) Owners { return func(string) Owner { return o } }

// Anyone is the owner of everything in a cluster without users: S3's canonical id
// of the anonymous.
var Anyone = Owner{ID: "65a011a29cdf8ec533ec3d1ccaae921c", DisplayName: "anonymous"}

// ListBucketsQuery asks for a page of the buckets.
type ListBucketsQuery struct {
	Prefix string
	After  string // Position of a bucket
	Limit  int
}

// maxBuckets is the largest page of buckets (S3: 10,000), and that of a request
// which names no limit.
const maxBuckets = 10_000

// ParseListBuckets reads prefix, continuation-token and max-buckets.
func ParseListBuckets(r *Request) (ListBucketsQuery, error) {
	q := ListBucketsQuery{Limit: maxBuckets}
	for name, value := range firstParams(r.target.query) {
		switch v := string(value); string(name) {
		case "prefix":
			q.Prefix = v
		case "continuation-token":
			after, ok := parseToken(v)
			if v != "" && !ok {
				return q, Argument("continuation-token", v, "The continuation token provided is incorrect")
			}
			q.After = after
		case "max-buckets":
			n, err := strconv.ParseInt(v, 10, 32)
			if err != nil || n < 1 || n > maxBuckets {
				return q, Argument("max-buckets", v, "Argument max-buckets must be an integer between 1 and 10000")
			}
			q.Limit = int(n)
		}
	}
	return q, nil
}

// BucketEntry is one bucket of ListBuckets.
type BucketEntry struct {
	Name     string
	Created  time.Time
	Provider object.Provider
	// Note follows the provider, for a name that two providers share.
	Note string
}

// Position is where the bucket is in a list: those of one name are next to each other.
func (e *BucketEntry) Position() string { return e.Name + "\x00" + string(e.Provider) }
