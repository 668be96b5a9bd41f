package target

import (
	"errors"

	"ais/backend"
	"ais/object"
	"ais/s3api"
)

// explained adds to an error of a remote bucket what the remote answered, where a
// client would otherwise take it for this cluster's own state: that it may not, or
// that the service is away.
func explained(err error) error {
	var there *backend.Error
	if err == nil || !errors.As(err, &there) {
		return err
	}
	switch object.KindOf(err) {
	case object.Denied, object.Unavailable, object.Busy, object.NoSuchBucket, object.Unsupported, object.Invalid:
		return errors.Join(err, s3api.FromError(err).Say("The remote bucket answered "+there.Error()))
	}
	return err
}
