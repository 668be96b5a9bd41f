package peer

import (
	"bytes"
	"errors"
	"os"
	"strconv"

	"ais/object"

	"github.com/valyala/fasthttp"
)

// HeaderAgain is a header field that, on a 503, says that the node has done nothing about the request and
// that another try will find what answers it: the node is about to end, or another
// one acts for the name by now. The value is the etcd revision that the sender should
// have reached before, 0 for none.
const HeaderAgain = "Ais-Again"

// undone is why a request was not served, where it can be sent again: no byte of its
// body was used, or all of it is at hand.
type undone struct {
	err      error
	never    bool  // the node has not begun with it
	revision int64 // to reach before
}

func (u *undone) Error() string { return u.err.Error() }
func (u *undone) Unwrap() error { return u.err }

// Resend reports whether a request that failed with err can be sent once more. safe
// says that it changes nothing, so that a node may have served it already. The state
// should reach the revision first.
func Resend(err error, safe bool) (revision int64, ok bool) {
	var u *undone
	if !errors.As(err, &u) {
		return 0, false
	}
	return u.revision, u.never || safe
}

// TimedOut reports whether err is that a node was reached and said nothing in time.
func TimedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// Again returns the error of a request that is to be sent again, as Resend knows it,
// once the sender's state has reached the revision.
func Again(op, name string, revision int64, err error) error {
	return object.E(op, name, object.Unavailable, &undone{err: err, never: true, revision: revision})
}

// Rejects makes the answer that was written into ctx, for err, one that the sender
// resends where err is of Again. A node that is asked to answer for a name that it does
// not act for, by its state, returns such an error, whatever its sender believes.
func Rejects(ctx *fasthttp.RequestCtx, err error) {
	if revision, ok := Resend(err, false); ok {
		ctx.Response.Header.Set(HeaderAgain, strconv.FormatInt(revision, 10))
	}
}

var errAgain = errors.New("the node wants it to be sent again")

// again returns the revision that a node's answer wants to be reached before the
// request is sent again; asked is false where it does not want that.
func (x *exchange) again() (revision int64, asked bool) {
	if x.status != fasthttp.StatusServiceUnavailable {
		return 0, false
	}
	for rest := x.head; len(rest) > 0; {
		var name, value []byte
		name, value, rest, _ = nextField(rest)
		if is(name, "ais-again") {
			revision, _ = strconv.ParseInt(string(value), 10, 64)
			return revision, true
		}
	}
	return 0, false
}

// keepSmall keeps the body of ctx, n bytes, which are small and were just read, so
// that it can be sent again.
func (x *exchange) keepSmall(body []byte) { x.small = append(x.small[:0], body...) }

// restore gives the request back its body, where it was used; whole is false where
// that is not possible.
func (x *exchange) restore(ctx *fasthttp.RequestCtx) (whole bool) {
	if !x.consumed {
		return true
	}
	if ctx.RequestBodyStream() == nil { // it is in memory
		return true
	}
	if n := ctx.Request.Header.ContentLength(); n <= 0 || n != len(x.small) {
		return false
	}
	ctx.Request.SetBodyRaw(bytes.Clone(x.small))
	return true
}
