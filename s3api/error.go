package s3api

import (
	"errors"
	"net/http"

	"ais/object"
)

// Error is an error as S3 clients see it.
type Error struct {
	Code    string
	Status  int
	Message string
	Fields  []Field // further elements of the XML
}

// Field is one element of an error's XML besides those that all have.
type Field struct{ Name, Value string }

// Error returns "code: message".
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Is reports whether target is an *Error of the same code, so that errors.Is
// finds a named value behind one that With or Say made.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// With returns a copy of e with one more field.
func (e *Error) With(name, value string) *Error {
	c := *e
	c.Fields = append(c.Fields[:len(c.Fields):len(c.Fields)], Field{name, value})
	return &c
}

// Say returns a copy of e with another message.
func (e *Error) Say(message string) *Error {
	c := *e
	c.Message = message
	return &c
}

// Argument returns InvalidArgument about one argument, as S3 reports it.
func Argument(name, value, message string) *Error {
	return InvalidArgument.Say(message).With("ArgumentName", name).With("ArgumentValue", value)
}

// The errors of the protocol, each with S3's own code, status and message.
var (
	ACLNotSupported              = &Error{Code: "AccessControlListNotSupported", Status: 400, Message: "The bucket does not allow ACLs"}
	AccessDenied                 = &Error{Code: "AccessDenied", Status: 403, Message: "Access Denied"}
	AccessForbidden              = &Error{Code: "AccessForbidden", Status: 403, Message: "CORSResponse: CORS is not enabled for this bucket."}
	AuthorizationHeaderMalformed = &Error{Code: "AuthorizationHeaderMalformed", Status: 400, Message: "The authorization header that you provided is not valid."}
	AuthorizationQueryError      = &Error{Code: "AuthorizationQueryParametersError", Status: 400, Message: "The authorization query parameters that you provided are not valid."}
	BadDigest                    = &Error{Code: "BadDigest", Status: 400, Message: "The Content-MD5 you specified did not match what we received."}
	BucketAlreadyExists          = &Error{Code: "BucketAlreadyExists", Status: 409, Message: "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Select a different name and try again."}
	BucketAlreadyOwnedByYou      = &Error{Code: "BucketAlreadyOwnedByYou", Status: 409, Message: "Your previous request to create the named bucket succeeded and you already own it."}
	BucketNotEmpty               = &Error{Code: "BucketNotEmpty", Status: 409, Message: "The bucket you tried to delete is not empty"}
	ConditionalRequestConflict   = &Error{Code: "ConditionalRequestConflict", Status: 409, Message: "The conditional request cannot succeed due to a conflicting operation against this resource."}
	EntityTooLarge               = &Error{Code: "EntityTooLarge", Status: 400, Message: "Your proposed upload exceeds the maximum allowed size"}
	EntityTooSmall               = &Error{Code: "EntityTooSmall", Status: 400, Message: "Your proposed upload is smaller than the minimum allowed size"}
	ExpiredToken                 = &Error{Code: "ExpiredToken", Status: 400, Message: "The provided token has expired."}
	IllegalLocationConstraint    = &Error{Code: "IllegalLocationConstraintException", Status: 400, Message: "The specified location constraint is incompatible for the region specific endpoint this request was sent to."}
	IllegalVersioning            = &Error{Code: "IllegalVersioningConfigurationException", Status: 400, Message: "The Versioning element must be specified"}
	IncompleteBody               = &Error{Code: "IncompleteBody", Status: 400, Message: "The request body terminated unexpectedly"}
	InternalError                = &Error{Code: "InternalError", Status: 500, Message: "We encountered an internal error. Please try again."}
	InvalidAccessKeyID           = &Error{Code: "InvalidAccessKeyId", Status: 403, Message: "The AWS Access Key Id you provided does not exist in our records."}
	InvalidArgument              = &Error{Code: "InvalidArgument", Status: 400, Message: "Invalid Argument"}
	InvalidBucketACL             = &Error{Code: "InvalidBucketAclWithObjectOwnership", Status: 400, Message: "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"}
	InvalidBucketName            = &Error{Code: "InvalidBucketName", Status: 400, Message: "The specified bucket is not valid."}
	InvalidDigest                = &Error{Code: "InvalidDigest", Status: 400, Message: "The Content-MD5 you specified was invalid."}
	InvalidPart                  = &Error{Code: "InvalidPart", Status: 400, Message: "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."}
	InvalidPartOrder             = &Error{Code: "InvalidPartOrder", Status: 400, Message: "The list of parts was not in ascending order. Parts must be ordered by part number."}
	InvalidRange                 = &Error{Code: "InvalidRange", Status: 416, Message: "The requested range is not satisfiable"}
	InvalidRequest               = &Error{Code: "InvalidRequest", Status: 400, Message: "Invalid Request"}
	InvalidStorageClass          = &Error{Code: "InvalidStorageClass", Status: 400, Message: "The storage class you specified is not valid"}
	InvalidToken                 = &Error{Code: "InvalidToken", Status: 400, Message: "The provided token is malformed or otherwise not valid."}
	InvalidTag                   = &Error{Code: "InvalidTag", Status: 400, Message: "The tag provided was not a valid tag."}
	InvalidURI                   = &Error{Code: "InvalidURI", Status: 400, Message: "Couldn't parse the specified URI."}
	KeyTooLong                   = &Error{Code: "KeyTooLongError", Status: 400, Message: "Your key is too long"}
	MalformedACLError            = &Error{Code: "MalformedACLError", Status: 400, Message: "The XML you provided was not well-formed or did not validate against our published schema"}
	MalformedPolicy              = &Error{Code: "MalformedPolicy", Status: 400, Message: "Policies must be valid JSON and the first byte must be '{'"}
	MalformedTrailer             = &Error{Code: "MalformedTrailerError", Status: 400, Message: "The request contained trailing data that was not well-formed or did not conform to our published schema."}
	MalformedXML                 = &Error{Code: "MalformedXML", Status: 400, Message: "The XML you provided was not well-formed or did not validate against our published schema"}
	MetadataTooLarge             = &Error{Code: "MetadataTooLarge", Status: 400, Message: "Your metadata headers exceed the maximum allowed metadata size"}
	MethodIsNotAllowed           = &Error{Code: "MethodNotAllowed", Status: 405, Message: "The specified method is not allowed against this resource."}
	MissingSecurityHeader        = &Error{Code: "MissingSecurityHeader", Status: 400, Message: "Your request is missing a required header"}
	MissingContentLength         = &Error{Code: "MissingContentLength", Status: 411, Message: "You must provide the Content-Length HTTP header."}
	MissingRequestBody           = &Error{Code: "MissingRequestBodyError", Status: 400, Message: "Request body is empty."}
	NoSuchBucket                 = &Error{Code: "NoSuchBucket", Status: 404, Message: "The specified bucket does not exist"}
	NoSuchKey                    = &Error{Code: "NoSuchKey", Status: 404, Message: "The specified key does not exist."}
	NoSuchUpload                 = &Error{Code: "NoSuchUpload", Status: 404, Message: "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."}
	NoSuchVersion                = &Error{Code: "NoSuchVersion", Status: 404, Message: "The specified version does not exist."}
	NotImplemented               = &Error{Code: "NotImplemented", Status: 501, Message: "A header or query you provided implies functionality that is not implemented"}
	NotModified                  = &Error{Code: "NotModified", Status: 304, Message: "Not Modified"}
	OperationAborted             = &Error{Code: "OperationAborted", Status: 409, Message: "A conflicting conditional operation is currently in progress against this resource. Please try again."}
	PreconditionFailed           = &Error{Code: "PreconditionFailed", Status: 412, Message: "At least one of the pre-conditions you specified did not hold"}
	RequestHeaderSectionTooLarge = &Error{Code: "RequestHeaderSectionTooLarge", Status: 431, Message: "Your request header section exceeds the maximum allowed size."}
	RequestTimeout               = &Error{Code: "RequestTimeout", Status: 400, Message: "Your socket connection to the server was not read from or written to within the timeout period."}
	RequestTimeTooSkewed         = &Error{Code: "RequestTimeTooSkewed", Status: 403, Message: "The difference between the request time and the server's time is too large."}
	ServiceUnavailable           = &Error{Code: "ServiceUnavailable", Status: 503, Message: "Service is unable to handle request."}
	SHA256Mismatch               = &Error{Code: "XAmzContentSHA256Mismatch", Status: 400, Message: "The provided 'x-amz-content-sha256' header does not match what was computed."}
	SignatureDoesNotMatch        = &Error{Code: "SignatureDoesNotMatch", Status: 403, Message: "The request signature we calculated does not match the signature you provided. Check your key and signing method."}
	UnresolvableGrant            = &Error{Code: "UnresolvableGrantByEmailAddress", Status: 400, Message: "The e-mail address you provided does not match any account on record."}
	SlowDown                     = &Error{Code: "SlowDown", Status: 503, Message: "Please reduce your request rate."}
)

// FromError returns what a client is told of an error: an *Error in its chain as
// it is, otherwise what its object.Kind stands for, InternalError for all else.
// It never carries a text of ours to the client, but for the cause of an Invalid.
func FromError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	switch object.KindOf(err) {
	case object.NotFound:
		return NoSuchKey
	case object.NoSuchMember:
		return NoSuchKey.Say("The specified key exists, and the archive that it is has no file of that name.")
	case object.NoSuchBucket:
		return NoSuchBucket
	case object.NoSuchUpload:
		return NoSuchUpload
	case object.NoSuchVersion:
		return NoSuchVersion
	case object.DeleteMarked:
		return MethodIsNotAllowed.With("Method", "GET").With("ResourceType", "DeleteMarker")
	case object.Exists:
		return BucketAlreadyOwnedByYou
	case object.NotEmpty:
		return BucketNotEmpty
	case object.Conflict, object.Refused:
		return OperationAborted
	case object.Invalid:
		return invalid(err)
	case object.KeyTooLong:
		return KeyTooLong
	case object.BadDigest:
		return BadDigest
	case object.Incomplete:
		return IncompleteBody
	case object.Precondition:
		return PreconditionFailed
	case object.NotModified:
		return NotModified
	case object.RangeInvalid:
		return InvalidRange
	case object.InvalidPart:
		return InvalidPart
	case object.InvalidPartOrder:
		return InvalidPartOrder
	case object.TooSmall:
		return EntityTooSmall
	case object.TooLarge:
		return EntityTooLarge
	case object.NoSpace:
		return ServiceUnavailable.Say("There is no space left for writing. Reads and deletes are served.")
	case object.Busy:
		return SlowDown
	case object.Unavailable:
		if errors.Is(err, object.ErrEtcd) {
			return ServiceUnavailable.Say("etcd, which decides about this, does not answer. Please try again.")
		}
		return ServiceUnavailable
	case object.Denied:
		return AccessDenied
	case object.Unsupported:
		return NotImplemented
	}
	return InternalError
}

// invalid tells the cause of an Invalid, which is about the client's own
// argument.
func invalid(err error) *Error {
	var e *object.Error
	if errors.As(err, &e) && e.Err != nil {
		return InvalidArgument.Say(e.Err.Error())
	}
	return InvalidArgument
}

// hasBody reports whether an answer of this status may have a body at all.
func hasBody(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}
