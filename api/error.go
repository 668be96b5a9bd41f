package api

import (
	"errors"
	"slices"
	"strings"
	"time"

	"ais/object"
)

// ErrorMessage is the JSON of a failed call, and in the client the error itself.
type ErrorMessage struct {
	Code       string `json:"tcode"`
	Message    string `json:"message"`
	Method     string `json:"method"`
	Path       string `json:"url_path"`
	RemoteAddr string `json:"remote_addr"`
	Caller     string `json:"caller"`
	Node       string `json:"node"`
	Status     int    `json:"status"`

	retryAfter time.Duration // what the server said, 0 for nothing
}

// Error returns the message.
func (e *ErrorMessage) Error() string { return e.Message }

// Unwrap returns the kind, so that errors.Is(err, object.NotFound) works across
// the wire.
func (e *ErrorMessage) Unwrap() error { return e.Kind() }

// Kind returns the kind of failure: by the code, or by the status where the code
// is not one of ours.
func (e *ErrorMessage) Kind() object.Kind {
	for _, row := range kindRows() {
		if row.code == e.Code {
			return row.kind
		}
	}
	for _, row := range kindRows() {
		if row.status == e.Status {
			return row.kind
		}
	}
	return object.Internal
}

// kindRow says how a kind looks on the wire.
type kindRow struct {
	kind   object.Kind
	status int
	code   string // AIStore's name where it has one
}

// kindRows returns the rows; of kinds with equal status the likeliest is first.
func kindRows() []kindRow {
	return []kindRow{
		{object.NotFound, 404, "ErrObjNotFound"},
		{object.NoSuchBucket, 404, "ErrBckNotFound"},
		{object.NoSuchUpload, 404, "ErrUploadNotFound"},
		{object.NoSuchMember, 404, "ErrMemberNotFound"},
		{object.Exists, 409, "ErrBucketAlreadyExists"},
		{object.NotEmpty, 409, "ErrBucketNotEmpty"},
		{object.Conflict, 409, "ErrConflict"},
		{object.Refused, 409, "ErrRefused"},
		{object.Invalid, 400, "ErrInvalid"},
		{object.KeyTooLong, 400, "ErrKeyTooLong"},
		{object.BadDigest, 400, "ErrBadCksum"},
		{object.Incomplete, 400, "ErrIncompleteBody"},
		{object.InvalidPart, 400, "ErrInvalidPart"},
		{object.InvalidPartOrder, 400, "ErrInvalidPartOrder"},
		{object.TooSmall, 400, "ErrPartTooSmall"},
		{object.Precondition, 412, "ErrPrecondition"},
		{object.NotModified, 304, "ErrNotModified"},
		{object.RangeInvalid, 416, "ErrRangeNotSatisfiable"},
		{object.TooLarge, 413, "ErrTooLarge"},
		{object.Denied, 403, "ErrAccessDenied"},
		{object.NoSpace, 507, "ErrCapExceeded"},
		{object.Unavailable, 503, "ErrUnavailable"},
		{object.Busy, 503, "ErrBusy"},
		{object.Unsupported, 501, "ErrUnsupported"},
		{object.Corrupt, 500, "ErrCorrupt"},
		{object.Internal, 500, "ErrInternal"},
	}
}

// NewErrorMessage returns the message for err. b and key are what the call was
// about; an empty bucket name is for a call about neither. What is said of an
// Internal error is its kind and nothing more: details belong in the log.
func NewErrorMessage(err error, b Bucket, key string) *ErrorMessage {
	kind := object.KindOf(err)
	m := &ErrorMessage{Status: 500, Code: "ErrInternal"}
	for _, row := range kindRows() {
		if row.kind == kind {
			m.Status, m.Code = row.status, row.code
		}
	}
	m.Message = errorText(err, kind, b, key)
	return m
}

func errorText(err error, kind object.Kind, b Bucket, key string) string {
	subject := b.String()
	if key != "" {
		subject += "/" + key
	}
	switch {
	case b.Name == "":
		return plainText(err, kind, "", "")
	case kind == object.NotFound && key == "" && says(err): // of a job, and not of an object
		return plainText(err, kind)
	case kind == object.NotFound:
		return `object "` + subject + `" does not exist`
	case kind == object.NoSuchBucket:
		return `bucket "` + b.String() + `" does not exist`
	case kind == object.Exists && key == "" && says(err): // of another bucket than the one in the path
		return plainText(err, object.NotFound)
	case kind == object.Exists && key == "":
		return `bucket "` + b.String() + `" already exists`
	case kind == object.NotEmpty:
		return `bucket "` + b.String() + `" is not empty`
	case kind == object.Conflict && key == "": // without its URI: of a 409 with one AIStore's clients say that the bucket exists
		return `bucket "` + b.Name + `" was ` + plainText(err, kind, b.Name)
	}
	return plainText(err, kind, b.Name, key) + ` ("` + subject + `")`
}

// says reports whether err has a cause that is to be told.
func says(err error) bool {
	var e *object.Error
	return errors.As(err, &e) && e.Err != nil
}

// plainText returns the kind's text and the cause, without the operation, which
// is ours and not the client's. What was illegal is named unless it is known.
func plainText(err error, kind object.Kind, known ...string) string {
	var e *object.Error
	if kind == object.Internal || kind == object.Corrupt || !errors.As(err, &e) || e.Err == nil {
		return kind.Error()
	}
	if kind == object.NotFound { // of a node, and not of an object
		return e.Err.Error()
	}
	text := kind.Error() + ": "
	if kind == object.Invalid && e.Name != "" && !slices.Contains(known, e.Name) {
		text += e.Name + ": "
	}
	return text + strings.TrimPrefix(e.Err.Error(), kind.Error()+": ")
}
