package peer

import (
	"encoding/json"
	"errors"
	"net/http"

	"ais/cluster"
	"ais/object"
)

// Headers that nodes send each other.
const (
	HeaderTicket    = "X-Ais-Ticket"     // what the sender authorised; see package auth
	HeaderRevision  = "X-Ais-Rev"        // the etcd revision of the sender's State
	HeaderRequestID = "X-Ais-Request-Id" // the request's id, as the client sees it
	HeaderHops      = "X-Ais-Hops"       // how often the request was sent on already
)

// QueryTicket is the query parameter that carries the ticket in a redirect.
const QueryTicket = "ais-ticket"

// Paths that only nodes call, on a target. No bucket can have their first segment.
const (
	PathList    = "/_/list"    // ListRequest → a page (EncodePage)
	PathUploads = "/_/uploads" // UploadsRequest → a page
	PathDelete  = "/_/delete"  // DeleteRequest → DeleteAnswer
	PathEmpty   = "/_/empty"   // BucketRequest → EmptyAnswer
	PathStat    = "/_/stat"    // NameRequest → metadata (EncodeMeta)
	PathRead    = "/_/read"    // ReadRequest → bytes
	PathStatus  = "/_/status"  // {} → api.NodeStatus; on proxies too
	PathLookup  = "/_/lookup"  // LookupRequest → LookupAnswer
	PathMembers = "/_/members" // MembersRequest → MembersAnswer
	PathRename  = "/_/rename"  // RenameRequest → {}
	PathForget  = "/_/forget"  // ForgetRequest → {}

	PathRemoteList = "/_/remote-list" // ListRequest → a page of the remote bucket behind this one; it may be shorter than asked for
)

// BucketRequest names a bucket by its id.
type BucketRequest struct {
	Bucket uint64 `json:"bucket"`
	View   View   `json:"view,omitzero"`
}

// ListRequest asks a target for its share of a page.
type ListRequest struct {
	Bucket uint64       `json:"bucket"`
	Query  object.Query `json:"query"`
	View   View         `json:"view,omitzero"`
}

// UploadsRequest asks a target for the uploads that have it as their home.
type UploadsRequest struct {
	Bucket   uint64       `json:"bucket"`
	Query    object.Query `json:"query"`
	UploadID string       `json:"upload_id"` // of Query.After: uploads of that key after it are listed too
	View     View         `json:"view,omitzero"`
}

// DeleteRequest asks a target to remove names that it owns, or versions of them.
type DeleteRequest struct {
	Bucket   uint64              `json:"bucket"`
	Keys     []string            `json:"keys"`
	Versions map[int]string      `json:"versions,omitempty"` // by index of the key, as S3 shows them
	Conds    map[int]object.Cond `json:"conds,omitempty"`    // by index of the key
	Owner    string              `json:"owner,omitempty"`    // of the delete markers that are made
}

// DeleteAnswer says what came of each key, by its index.
type DeleteAnswer struct {
	Failed  map[int]string `json:"failed,omitempty"`  // text of the Kind, where it could not be removed
	Again   map[int]int64  `json:"again,omitempty"`   // of those, the keys that nobody has begun with: the revision to reach before they are sent again
	Markers map[int]string `json:"markers,omitempty"` // version, as S3 shows it, of the delete marker that was made or removed
}

// EmptyAnswer says whether a target has no object of a bucket.
type EmptyAnswer struct {
	Empty bool `json:"empty"`
}

// NameRequest names a version of an object.
type NameRequest struct {
	Bucket    uint64 `json:"bucket"`
	Key       string `json:"key"`
	VersionID string `json:"version_id,omitempty"` // as S3 shows it; "" is the current one

	// Of an object in a remote bucket: what is here is compared with the remote's
	// first, and where that has none and Synchronize is set, it goes here.
	Latest      bool `json:"latest,omitempty"`
	Synchronize bool `json:"synchronize,omitempty"`
}

// ForgetRequest tells the owner of objects of a remote bucket that what it keeps of them
// goes: the sender has written to them, or removed them.
type ForgetRequest struct {
	Bucket uint64   `json:"bucket"`
	Keys   []string `json:"keys"`
}

// RenameRequest asks the target that owns To for a copy of From, an object of the
// same bucket, which the sender is about to remove: Conflict where From has another
// ETag by now.
type RenameRequest struct {
	Bucket       uint64 `json:"bucket"`
	From         string `json:"from"`
	To           string `json:"to"`
	ETag         string `json:"etag"`
	Owner        string `json:"owner,omitempty"` // of the copy, and likewise what follows
	ACL          string `json:"acl,omitempty"`
	StorageClass string `json:"storage_class,omitempty"`
}

// ReadRequest asks for bytes of one version of an object; Busy where that is
// another by now.
type ReadRequest struct {
	Bucket    uint64         `json:"bucket"`
	Key       string         `json:"key"`
	VersionID string         `json:"version_id,omitempty"` // as S3 shows it; "" is the current one
	Version   object.Version `json:"version"`
	ETag      string         `json:"etag"`
	Offset    int64          `json:"offset"`
	Length    int64          `json:"length"`
	Latest    bool           `json:"latest,omitempty"` // as of NameRequest
}

// MembersRequest asks the owner of an object, which should be an archive, for the
// files in it: Limit at most, after the first Skip.
type MembersRequest struct {
	Bucket uint64 `json:"bucket"`
	Key    string `json:"key"`
	Skip   int    `json:"skip"`
	Limit  int    `json:"limit"`
}

// MembersAnswer is files of an archive, in its order.
type MembersAnswer struct {
	Archive bool     `json:"archive"` // it can be read as one; else the rest is empty
	Members []Member `json:"members,omitempty"`
	More    bool     `json:"more,omitempty"` // there are others after these
}

// Member is a file in an archive.
type Member struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
}

// LookupRequest asks a target what the remote store says of a bucket, which need
// not be known here.
type LookupRequest struct {
	Bucket string              `json:"bucket"`
	Remote cluster.RemoteProps `json:"remote,omitzero"` // the bucket's own settings
}

// LookupAnswer is what it says.
type LookupAnswer struct {
	Region    string `json:"region,omitempty"`
	Versioned bool   `json:"versioned,omitempty"`
}

// ErrorAnswer is how a node says no to another: the text of an object.Kind.
type ErrorAnswer struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

// Answered reports whether err is what another node answered, not that it could not
// be asked.
func Answered(err error) bool {
	var e remoteError
	return errors.As(err, &e)
}

// remoteError is a failure that another node reported.
type remoteError struct{ message string }

func (e remoteError) Error() string { return e.message }

// errorFrom makes an error of another node's answer to op.
func errorFrom(op, node string, status int, body []byte) error {
	var a ErrorAnswer
	if err := json.Unmarshal(body, &a); err != nil || a.Kind == "" {
		return object.E(op, node, object.Internal, errors.New(http.StatusText(status)))
	}
	return object.E(op, node, object.KindFromText(a.Kind), remoteError{a.Message})
}
