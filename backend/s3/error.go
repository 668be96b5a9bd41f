package s3

import (
	"context"
	"errors"
	"net/http"

	"ais/backend"
	"ais/object"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// kindByCode is S3's error codes ("List of error codes") whose kind does not follow
// from their status.
var kindByCode = map[string]object.Kind{
	"NoSuchKey":                  object.NotFound,
	"NoSuchBucket":               object.NoSuchBucket,
	"NoSuchVersion":              object.NoSuchVersion,
	"NoSuchUpload":               object.NoSuchUpload,
	"InvalidPart":                object.InvalidPart,
	"InvalidPartOrder":           object.InvalidPartOrder,
	"EntityTooSmall":             object.TooSmall,
	"EntityTooLarge":             object.TooLarge,
	"KeyTooLongError":            object.KeyTooLong,
	"BadDigest":                  object.BadDigest,
	"XAmzContentSHA256Mismatch":  object.BadDigest,
	"InvalidRange":               object.RangeInvalid,
	"PreconditionFailed":         object.Precondition,
	"ConditionalRequestConflict": object.Busy,
	"OperationAborted":           object.Busy,
	"RequestTimeout":             object.Unavailable,
	"SlowDown":                   object.Unavailable,
	"NotImplemented":             object.Unsupported,
	"ExpiredToken":               object.Denied,
	"InvalidToken":               object.Denied,
	"TokenRefreshRequired":       object.Denied,
}

var kindByStatus = map[int]object.Kind{
	http.StatusNotFound:                     object.NotFound,
	http.StatusMethodNotAllowed:             object.DeleteMarked,
	http.StatusPreconditionFailed:           object.Precondition,
	http.StatusRequestedRangeNotSatisfiable: object.RangeInvalid,
	http.StatusUnauthorized:                 object.Denied,
	http.StatusForbidden:                    object.Denied,
	http.StatusConflict:                     object.Busy,
	http.StatusRequestTimeout:               object.Unavailable,
	http.StatusTooManyRequests:              object.Unavailable,
	http.StatusNotImplemented:               object.Unsupported,
}

// fail makes an error of ours of whatever the SDK returned; nil of nil.
func (o *operation) fail(err error) error {
	if err == nil {
		return nil
	}
	var already *object.Error
	if errors.As(err, &already) {
		return already
	}
	name := o.key
	if name == "" {
		name = o.b.config.Bucket
	}
	kind, cause := o.explain(err)
	return object.E("s3."+o.name, name, kind, cause)
}

func (o *operation) explain(err error) (object.Kind, error) {
	if ended := context.Cause(o.ctx); ended != nil {
		if o.retry.last != nil {
			ended = errors.Join(ended, answered(o.retry.last))
		}
		return object.Unavailable, ended
	}
	if body := o.failed.Load(); body != nil {
		return object.KindOf(*body), *body
	}
	var none *credentialsError
	if errors.As(err, &none) {
		return object.Denied, &backend.Error{Status: http.StatusForbidden, Code: "NoCredentials", Message: none.Error()}
	}
	cause := answered(err)
	var answer *backend.Error
	if !errors.As(cause, &answer) {
		return object.Unavailable, cause // the network's, or an answer that makes no sense
	}
	return o.kindOf(answer), answer
}

// answered returns what the store answered, err where it did not.
func answered(err error) error {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) || response.Response == nil {
		return err
	}
	e := &backend.Error{Status: response.HTTPStatusCode(), Code: http.StatusText(response.HTTPStatusCode())}
	var api smithy.APIError
	if errors.As(err, &api) {
		e.Code, e.Message = api.ErrorCode(), api.ErrorMessage()
	} else if e.Status < http.StatusMultipleChoices {
		return err // what it meant to say could not be read
	}
	if region := response.Response.Header.Get(regionHeader); region != "" && (e.Status == http.StatusMovedPermanently || e.Status == http.StatusBadRequest) {
		e.Message += " (the bucket is in region " + region + ")"
	}
	return e
}

// kindOf returns the kind of an answer to this operation.
func (o *operation) kindOf(e *backend.Error) object.Kind {
	if kind, ok := kindByCode[e.Code]; ok {
		return kind
	}
	kind, ok := kindByStatus[e.Status]
	switch {
	case !ok && e.Status >= http.StatusInternalServerError || e.Status < http.StatusMultipleChoices:
		return object.Unavailable
	case !ok:
		return object.Invalid
	case kind == object.NotFound && o.key == "":
		return object.NoSuchBucket
	case kind == object.NotFound && o.version != "":
		return object.NoSuchVersion
	case kind == object.DeleteMarked && o.version == "":
		return object.Unsupported
	}
	return kind
}
