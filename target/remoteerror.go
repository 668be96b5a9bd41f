package target

import (
	"errors"
	"strings"

	"ais/backend"
	"ais/object"
	"ais/s3api"
)

// explained adds to an error of a remote bucket what the remote answered, or that it
// did not, where a client would otherwise take it for this cluster's own state: that
// it may not, or that the service is away.
func explained(err error) error {
	var there *backend.Error
	var failed *object.Error
	switch {
	case !errors.As(err, &failed):
		return err
	case errors.As(err, &there):
		switch failed.Kind {
		case object.Denied, object.Unavailable, object.Busy, object.NoSuchBucket, object.Unsupported, object.Invalid:
			return &remoteError{err, s3api.FromError(err).Say("The remote bucket answered " + there.Error())}
		}
	case failed.Kind == object.Unavailable && strings.HasPrefix(failed.Op, remoteOp):
		return &remoteError{err, s3api.FromError(err).Say("The remote bucket cannot be reached. Please try again.")}
	}
	return err
}

// remoteError is an error as it goes into the log, and what a client is told of it.
type remoteError struct {
	error
	told *s3api.Error
}

func (e *remoteError) Unwrap() []error { return []error{e.error, e.told} }

// remoteOp begins the operation in an error of package backend/s3.
const remoteOp = "s3."
