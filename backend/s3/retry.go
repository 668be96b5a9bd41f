package s3

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// retryer says when an operation is tried again, after the SDK's rules for what is
// worth it: until the timeout has passed since it first failed. It is of one
// operation.
type retryer struct {
	*retry.Standard
	stores *Stores
	op     *operation
	within time.Duration

	first time.Time // when it failed first
	tries int
	dials int   // that failed
	last  error // of the attempts
}

const (
	maxDials = 3 // what does not listen is not worth waiting for
	minDelay = 100 * time.Millisecond
	maxDelay = 5 * time.Second
)

func standard() *retry.Standard {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.RateLimiter = ratelimit.None
		o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(hopeless)}, o.Retryables...)
		o.Retryables = append(o.Retryables,
			retry.RetryableHTTPStatusCode{Codes: map[int]struct{}{http.StatusTooManyRequests: {}}},
			retry.RetryableErrorCode{Codes: map[string]struct{}{"ConditionalRequestConflict": {}, "OperationAborted": {}}},
		)
	})
}

// hopeless is what the SDK's rules take for a fault of the network.
func hopeless(err error) aws.Ternary {
	var certificate *tls.CertificateVerificationError
	var header tls.RecordHeaderError // the other side does not speak TLS
	if errors.As(err, &certificate) || errors.As(err, &header) {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

// MaxAttempts implements aws.Retryer: time is the limit.
func (r *retryer) MaxAttempts() int { return 0 }

// IsErrorRetryable implements aws.Retryer.
func (r *retryer) IsErrorRetryable(err error) bool {
	if r.op.ctx.Err() == nil {
		r.last = err
	}
	if r.op.failed.Load() != nil || !r.Standard.IsErrorRetryable(err) {
		return false
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		if r.dials++; r.dials == maxDials {
			return false
		}
	}
	now := r.stores.options.Now()
	if r.first.IsZero() {
		r.first = now
	}
	return now.Sub(r.first) < r.within
}

// RetryDelay implements aws.Retryer: twice as long each time, half of it by chance.
func (r *retryer) RetryDelay(int, error) (time.Duration, error) {
	d := maxDelay
	if r.tries < 6 {
		d = min(d, minDelay<<r.tries)
	}
	r.tries++
	d = d/2 + time.Duration(r.stores.options.Rand()*float64(d/2))
	return min(d, max(r.within/8, time.Millisecond)), nil
}
