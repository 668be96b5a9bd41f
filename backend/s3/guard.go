package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// operation is one call of a Backend's method, which ends by itself where the store
// does not get on with it.
type operation struct {
	b       *bucket
	name    string
	key     string
	version string
	kind    manner
	ctx     context.Context // of all its requests
	cancel  context.CancelCauseFunc
	timer   *time.Timer // ends ctx
	retry   retryer
	failed  atomic.Pointer[error] // what the body that is sent failed with
}

// manner says how an operation may take its time.
type manner int

const (
	asked manner = iota // an answer, and be it no, is there in time, from several attempts if need be
	done                // so it is, but one attempt may take all of it
	moved               // a body gets on in time
)

// attempts is how many times an operation that is asked can be hung upon.
const attempts = 3

type operationKey struct{}

var errTimeout = errors.New("the store did not answer in time")

// begin begins an operation. The caller ends it.
func (b *bucket) begin(ctx context.Context, name, key string, kind manner) *operation {
	o := &operation{b: b, name: name, key: key, kind: kind}
	o.retry = retryer{Standard: b.stores.retries, stores: b.stores, within: b.config.Timeout, op: o}
	ctx, o.cancel = context.WithCancelCause(context.WithValue(ctx, operationKey{}, o))
	o.ctx = ctx
	o.timer = time.AfterFunc(b.config.Timeout, func() {
		o.cancel(fmt.Errorf("%w: nothing for %v", errTimeout, b.config.Timeout))
	})
	return o
}

func (o *operation) end() {
	o.timer.Stop()
	o.cancel(nil)
}

// arm makes the operation end a timeout from now, pause not before it is armed
// again. Both are for bodies: other operations have one timeout in all.
func (o *operation) arm() {
	if o.kind == moved {
		o.timer.Reset(o.b.config.Timeout)
	}
}

func (o *operation) pause() {
	if o.kind == moved {
		o.timer.Stop()
	}
}

// options are the SDK's for a request of the operation.
func (o *operation) options(to *s3.Options) { to.Retryer = &o.retry }

// guarded is an HTTP client that watches over the requests of operations.
type guarded struct {
	inner interface {
		Do(*http.Request) (*http.Response, error)
	}
}

// Do implements s3.HTTPClient.
func (g guarded) Do(r *http.Request) (*http.Response, error) {
	o, _ := r.Context().Value(operationKey{}).(*operation)
	if o == nil {
		return g.inner.Do(r)
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	r = r.WithContext(ctx)
	o.arm()
	if o.kind == asked {
		each := o.b.config.Timeout / attempts
		slow := time.AfterFunc(each, func() { cancel(fmt.Errorf("%w: nothing for %v", errTimeout, each)) })
		defer slow.Stop()
	}
	answer, err := g.inner.Do(r)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		cancel(nil)
		return answer, err
	}
	answer.Body = &receiving{answer.Body, o, cancel}
	return answer, nil
}

// own is what a caller wants written. To read it, for a digest first and then to
// send it, is to get on.
type own struct {
	io.ReadSeeker
	o *operation
}

func (b *own) Read(p []byte) (int, error) {
	b.o.arm()
	n, err := b.ReadSeeker.Read(p)
	if err != nil && err != io.EOF && b.o.ctx.Err() == nil {
		b.o.failed.CompareAndSwap(nil, &err)
	}
	return n, err
}

// receiving is the body of an answer. Time counts while it is waited for.
type receiving struct {
	io.ReadCloser
	o      *operation
	cancel context.CancelCauseFunc
}

func (r *receiving) Read(p []byte) (int, error) {
	r.o.arm()
	n, err := r.ReadCloser.Read(p)
	r.o.pause()
	return n, err
}

func (r *receiving) Close() error {
	err := r.ReadCloser.Close()
	r.cancel(nil)
	return err
}
