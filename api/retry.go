package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"ais/object"
)

// reach is how far a call came that failed.
type reach int

const (
	reachedNobody  reach = iota // it was not sent, and no other proxy would help
	refusedByProxy              // there was no connection to the proxy
	refusedByOwner              // none to the target that the proxy named
	reachedSomeone              // it was sent, and what became of it is not known
	reachedAnswer               // it was answered with an error
)

// reachOf says how far a call came on which a connection failed.
func reachOf(err error, redirected bool) reach {
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial" && redirected:
		return refusedByOwner
	case errors.As(err, &dial) && dial.Op == "dial":
		return refusedByProxy
	case isProtocol(err):
		return reachedNobody
	}
	return reachedSomeone
}

// isProtocol reports whether a connection failed because the two sides do not
// agree on TLS or HTTP, which they will not the next time either.
func isProtocol(err error) bool {
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	if errors.As(err, &verify) || errors.As(err, &record) || errors.As(err, &alert) {
		return true
	}
	text := err.Error()
	return strings.Contains(text, "malformed HTTP response") || strings.Contains(text, "tls: ")
}

// The pauses between two tries: the first, and the longest.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 2 * time.Second
)

// tries is the sending of one call, again and again.
type tries struct {
	client  *Client
	call    call
	begun   time.Time
	pause   time.Duration
	count   int
	sent    bool     // some try may have done it already
	at      string   // the proxy to ask
	refused []string // proxies that could not be connected to since the last pause
	dead    []error  // why, in the same order
}

// do sends the call until it is answered, as long as the client's patience and
// the nature of the call allow. The caller closes the body of the answer.
func (c *Client) do(ctx context.Context, r call) (*http.Response, error) {
	t := tries{client: c, call: r, begun: time.Now(), pause: firstPause, at: c.proxies.current()}
	for {
		resp, failed, err := c.once(ctx, r, t.at)
		t.count++
		if err == nil {
			return resp, nil
		}
		if t.sent && r.method == http.MethodDelete && errors.Is(err, object.NotFound) {
			return &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: http.NoBody}, nil // deleted by an earlier try
		}
		if err := t.again(ctx, failed, err); err != nil {
			return nil, err
		}
	}
}

// again prepares another try, waiting where that may help. It returns the error
// to give up with.
func (t *tries) again(ctx context.Context, failed reach, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if t.call.body != nil {
		if cause := t.call.body.failed(); cause != nil && failed != reachedAnswer {
			return cause
		}
		if !t.call.resendable() {
			return err
		}
	}
	switch failed {
	case reachedNobody:
		return err
	case refusedByProxy:
		t.refused, t.dead = append(t.refused, t.at), append(t.dead, err)
		if next := t.client.proxies.next(t.refused); next != "" {
			t.at = next
			return nil
		}
		err = unreachable(t.dead)
		if !t.client.Answered() { // a wrong address, rather than a proxy that is being restarted
			return err
		}
	case reachedSomeone, reachedAnswer:
		if failed == reachedAnswer && !isPassing(err) || !t.call.repeatable() {
			return err
		}
		t.sent = t.sent || failed == reachedSomeone
	}
	return t.wait(ctx, err)
}

// wait pauses before the next try, with a doubling pause of which a random half is
// left out, so that many clients do not come back at once.
func (t *tries) wait(ctx context.Context, err error) error {
	pause := t.pause/2 + rand.N(t.pause/2)
	var m *ErrorMessage
	if errors.As(err, &m) {
		pause = min(max(pause, m.retryAfter), longestPause)
	}
	t.pause = min(2*t.pause, longestPause)
	took := time.Since(t.begun)
	if took+pause > t.client.patience {
		if t.count > 1 && len(t.dead) == 0 {
			return &TriedError{Times: t.count, Took: took, Err: err}
		}
		return err
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	}
	t.at, t.refused, t.dead = t.client.proxies.current(), nil, nil
	return nil
}

// isPassing reports whether an answer says that the same call may succeed soon.
func isPassing(err error) bool {
	var m *ErrorMessage
	if !errors.As(err, &m) {
		return false
	}
	switch m.Status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// repeatable reports whether doing the call twice is the same as once.
func (r *call) repeatable() bool {
	switch r.method {
	case http.MethodGet, http.MethodHead:
		return true
	case http.MethodPut, http.MethodDelete:
		appends := r.query.Has("append_type") || r.query.Has("archpath")
		return r.harmless || strings.HasPrefix(r.path, PathObjects+"/") && !appends
	}
	return r.harmless
}

// resendable reports whether the body, of which there is one, can be sent again.
func (r *call) resendable() bool {
	return r.body.seeker != nil || r.body.untouched()
}

// TriedError is the last error of a call that was tried several times.
type TriedError struct {
	Times int
	Took  time.Duration
	Err   error
}

// Error returns the error and what was done against it.
func (e *TriedError) Error() string {
	return fmt.Sprintf("%v (tried %d times in %s)", e.Err, e.Times, e.Took.Round(100*time.Millisecond))
}

// Unwrap returns the last error.
func (e *TriedError) Unwrap() error { return e.Err }

// unreachable is the error of a call for which no proxy could be connected to.
func unreachable(dead []error) error {
	if len(dead) == 1 {
		return dead[0]
	}
	return &UnreachableError{Tried: dead}
}

// UnreachableError says why each of several proxies could not be connected to;
// each error is a *url.Error.
type UnreachableError struct{ Tried []error }

// Error lists the proxies.
func (e *UnreachableError) Error() string {
	texts := make([]string, len(e.Tried))
	for i, err := range e.Tried {
		texts[i] = err.Error()
	}
	return "no proxy answers: " + strings.Join(texts, "; ")
}

// Unwrap returns the errors.
func (e *UnreachableError) Unwrap() []error { return e.Tried }
