// Package backend is what a target needs from the store that a remote bucket
// lives in: Amazon S3, or anything that speaks its protocol. Package backend/s3
// is that store; package backend/backendtest says what every Backend promises,
// as tests, and has one in memory.
//
// A Backend knows nothing of caching, of the cluster or of the requests that
// clients send.
package backend

import (
	"context"
	"io"
	"time"

	"ais/object"
)

// Config says where a remote bucket lives, and as whom to go there. It can be
// compared, and serves as a key.
type Config struct {
	Bucket    string
	Endpoint  string        // URL; "" is Amazon's own, of the region
	Region    string        // "" is found out
	Profile   string        // of the AWS configuration files; "" is the default credential chain
	PathStyle PathStyle     // how the bucket is named in requests
	Timeout   time.Duration // for an operation without a body, its retries included; and for a body to make progress
	PartSize  int64         // of uploads in parts, and the least size of an object that is uploaded so; 0 is the default
}

// PathStyle says how a bucket is named in requests.
type PathStyle string

// The styles.
const (
	PathAuto PathStyle = "auto"  // in the path, where an endpoint is given; else in the host name
	PathOn   PathStyle = "true"  // in the path
	PathOff  PathStyle = "false" // in the host name
)

// Open returns the Backend of a remote bucket. It makes no request. The error is
// of kind Invalid.
type Open func(Config) (Backend, error)

// Backend is one remote bucket. Its methods may be called at the same time by many
// goroutines, try again by themselves what is worth it, with backoff and jitter,
// until the deadline, and fail with an *object.Error, of these kinds besides those
// that they name: NoSuchBucket; Denied; Unavailable, where the store answers with a
// fault of its own, with nonsense or that it is too busy, until the deadline, or
// cannot be reached, which is not waited for so long; Busy, where another change is
// under way; Invalid, Unsupported. An *Error inside says what the store answered.
type Backend interface {
	// Info asks about the bucket itself.
	Info(ctx context.Context) (Info, error)
	// List returns a page of the bucket's names: entries with Size, ETag, Modified
	// and StorageClass. Query.Versions is Unsupported.
	List(ctx context.Context, q object.Query) (object.Page, error)
	// Head returns what is known of an object. version is the remote's id, "" the
	// current one. Errors: NotFound, NoSuchVersion, DeleteMarked.
	Head(ctx context.Context, key, version string) (Meta, error)
	// Get opens an object for reading. Errors: as Head; Precondition where the
	// object has another ETag than asked for; RangeInvalid.
	Get(ctx context.Context, key string, o GetOptions) (*Object, error)
	// Put writes an object and returns what the store says of it: ETag, VersionID,
	// and whatever else it answered. Errors: Precondition, NotFound for If-Match where
	// there is nothing, BadDigest.
	Put(ctx context.Context, key string, o PutOptions) (Meta, error)
	// Delete removes objects, all that are there if it can be: an error for each
	// key in its place. To remove what is not there succeeds.
	Delete(ctx context.Context, keys []string) []error
	// Uploads returns the part of the Backend that writes objects in parts.
	Uploads() Uploads
}

// Uploads are the multipart uploads of one remote bucket.
type Uploads interface {
	// Begin begins an upload of the metadata m and returns the remote's id.
	Begin(ctx context.Context, key string, m object.Meta) (id string, err error)
	// Put writes a part and returns its ETag, as the remote has it. Errors:
	// NoSuchUpload, BadDigest.
	Put(ctx context.Context, key, id string, number int, body io.ReadSeeker, size int64) (etag string, err error)
	// Complete makes the object from the listed parts. Errors: NoSuchUpload,
	// InvalidPart, InvalidPartOrder, TooSmall, Precondition.
	Complete(ctx context.Context, key, id string, parts []object.Listed, cond object.Cond) (Meta, error)
	// Abort ends the upload. One that is not there has ended.
	Abort(ctx context.Context, key, id string) error
}

// Copier is a Backend that can copy from another bucket of the same store without
// the bytes passing through here.
type Copier interface {
	// Copy makes key a copy of version ("" is the current one) of from in the bucket
	// of that name, with the metadata m where it is not nil, the source's else.
	// Unsupported where this store cannot, so that the bytes have to be moved.
	Copy(ctx context.Context, bucket, from, version string, key string, m *object.Meta) (Meta, error)
}

// Info is what the store says of a bucket.
type Info struct {
	Region    string // "" where it does not say
	Versioned bool   // it keeps versions, so that version ids are worth comparing
}

// Meta is what the store says of an object.
type Meta struct {
	object.Meta                 // Size, Modified, ETag, StorageClass, Header, User, Sums, Parts not
	Version     string          // the remote's version id; "" where it has none
	Opaque      bool            // the ETag has no dash and yet is no MD5 of the content (encryption with a key)
	Digest      object.Checksum // of the content, as AIS noted it when it wrote the object (MetaDigestType); zero where it did not
}

// The user metadata that AIS adds to the objects that it writes to a remote
// bucket, as AIStore does, without "x-amz-meta-".
const (
	MetaDigestType  = "ais-cksum-type"
	MetaDigestValue = "ais-cksum-val" // hexadecimal
)

// GetOptions say which bytes of which version of an object are wanted.
type GetOptions struct {
	Range   *object.Range // nil is all; a Length below 0 is all from Offset on
	IfMatch string        // ETag; "" is any
	Version string        // the remote's id; "" is the current one
}

// Object is an object that is being read. Body fails where fewer bytes arrive than
// were announced, and where none arrive for the timeout; it is not read again by
// itself from where it broke.
type Object struct {
	Meta  Meta         // Size is of the whole object
	Range object.Range // the bytes of Body
	Body  io.ReadCloser
}

// PutOptions are an object to write.
type PutOptions struct {
	Meta object.Meta   // Header, User, StorageClass and Tags are sent, and Checksum as the digest that AIS notes
	Body io.ReadSeeker // from its present position on
	Size int64
	Cond object.Cond // for the store to check: If-Match and If-None-Match
}

// Error is what a store answered instead of what was asked for.
type Error struct {
	Status  int    // of HTTP
	Code    string // S3's
	Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }
