package object

import (
	"errors"
	"strings"
)

// Kind says what went wrong, as a closed list that callers switch on. A Kind is
// itself an error, so errors.Is(err, object.NotFound) works through any wrap.
type Kind uint8

// The kinds of failure. The zero value is Internal, so that an error nobody
// classified is never taken for something milder.
const (
	Internal         Kind = iota // a fault of ours; details belong in the log
	NotFound                     // the bucket exists, the object does not
	NoSuchBucket                 // the bucket does not exist, or is being removed
	NoSuchUpload                 // the multipart upload does not exist or has ended
	Exists                       // the thing to create is there already
	NotEmpty                     // the bucket still holds objects
	Invalid                      // an argument is not legal; Err says which
	KeyTooLong                   // the key is over MaxKeyLength bytes
	BadDigest                    // the bytes received do not match the digest announced
	Incomplete                   // fewer or more bytes arrived than were announced
	Precondition                 // a condition of the request does not hold
	NotModified                  // a read condition says that the client has it already
	RangeInvalid                 // no byte of the requested range exists
	InvalidPart                  // a listed part is missing or its ETag differs
	InvalidPartOrder             // listed parts are not in ascending order
	TooSmall                     // a part other than the last is under the minimum
	TooLarge                     // the object or part is over the maximum
	NoSpace                      // no room for the write; reads and deletes go on
	Busy                         // overloaded, or a competing change; try again
	Unavailable                  // the owner cannot be reached now; try again
	Corrupt                      // stored bytes do not match their checksum
	Denied                       // the sender may not do this
	Unsupported                  // a legal request for something that is not built
	NoSuchVersion                // the object exists, that version of it does not
	DeleteMarked                 // the version asked for is a delete marker, which has no bytes
	NoSuchMember                 // the object is an archive, and has no file of that name
	Conflict                     // it was changed by somebody else since the sender looked at it
	Refused                      // what the cluster is now does not allow it; Err says why
	kinds
)

var kindText = [kinds]string{
	Internal:         "internal error",
	NotFound:         "no such object",
	NoSuchBucket:     "no such bucket",
	NoSuchUpload:     "no such upload",
	Exists:           "already exists",
	NotEmpty:         "bucket is not empty",
	Invalid:          "invalid argument",
	KeyTooLong:       "key is too long",
	BadDigest:        "content does not match its digest",
	Incomplete:       "body is not of the announced length",
	Precondition:     "precondition failed",
	NotModified:      "not modified",
	RangeInvalid:     "range is not satisfiable",
	InvalidPart:      "part is missing or has another ETag",
	InvalidPartOrder: "parts are not in ascending order",
	TooSmall:         "part is smaller than the minimum",
	TooLarge:         "larger than the maximum",
	NoSpace:          "no space left for writing",
	Busy:             "busy, try again",
	Unavailable:      "temporarily unavailable, try again",
	Corrupt:          "stored data is corrupt",
	Denied:           "access denied",
	Unsupported:      "not implemented",
	NoSuchVersion:    "no such version",
	DeleteMarked:     "a delete marker",
	NoSuchMember:     "no such member of the archive",
	Conflict:         "changed meanwhile",
	Refused:          "not possible now",
}

// Error returns a short lower-case text for the kind.
func (k Kind) Error() string {
	if k >= kinds {
		return kindText[Internal]
	}
	return kindText[k]
}

// KindFromText is the inverse of Kind.Error, for errors that crossed the wire.
// An unknown text is Internal.
func KindFromText(s string) Kind {
	for k, text := range kindText {
		if text == s {
			return Kind(k)
		}
	}
	return Internal
}

// Error is a failure with the operation and the name it happened to. It is made
// once, where both are known, and is not wrapped again on the way up.
type Error struct {
	Op   string // what was tried: "fs.Commit", "cluster.CreateBucket"
	Name string // what it was tried on: a key, bucket, path or node
	Kind Kind
	Err  error // the cause; may be nil
}

// E makes an *Error.
func E(op, name string, kind Kind, err error) error {
	return &Error{Op: op, Name: name, Kind: kind, Err: err}
}

// Error returns "op name: kind: cause".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Name != "" {
		b.WriteByte(' ')
		b.WriteString(e.Name)
	}
	b.WriteString(": ")
	b.WriteString(e.Kind.Error())
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Unwrap gives errors.Is and errors.As both the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// KindOf returns the kind of err: of the outermost *Error or Kind in its chain,
// Internal where there is none. KindOf(nil) is not meaningful.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	var k Kind
	if errors.As(err, &k) {
		return k
	}
	return Internal
}

// ErrEtcd is in the chain of an Unavailable that is so because etcd does not answer, or
// most of its members are gone.
var ErrEtcd = errors.New("etcd does not answer")
