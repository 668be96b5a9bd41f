package api

import (
	"errors"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"ais/object"
)

// ReadCond reads the conditions of a call for an object (RFC 9110 §13.1). A date
// that is none is no condition.
func ReadCond(h *fasthttp.RequestHeader) object.Cond {
	return object.Cond{
		IfMatch: string(h.Peek("If-Match")), IfNoneMatch: string(h.Peek("If-None-Match")),
		IfModifiedSince: date(h.Peek("If-Modified-Since")), IfUnmodifiedSince: date(h.Peek("If-Unmodified-Since")),
	}
}

// ReadRange returns the Range of a GET, "" where there is none, or If-Range says
// that it is of another version than i describes (RFC 9110 §13.1.5).
func ReadRange(h *fasthttp.RequestHeader, i *ObjectInfo) string {
	if only := string(h.Peek("If-Range")); only != "" && only != `"`+i.ETag+`"` {
		if t := date([]byte(only)); t.IsZero() || !t.Equal(i.Modified.Truncate(time.Second)) {
			return ""
		}
	}
	return string(h.Peek("Range"))
}

func date(text []byte) time.Time {
	t, err := fasthttp.ParseHTTPDate(text)
	if err != nil {
		return time.Time{}
	}
	return t
}

// SetValidators sets the headers of an answer that a condition decided.
func SetValidators(h *fasthttp.ResponseHeader, i *ObjectInfo) {
	if i.ETag != "" {
		h.Set("Etag", `"`+i.ETag+`"`)
	}
	if !i.Modified.IsZero() {
		h.Set("Last-Modified", i.Modified.UTC().Format(httpTime))
	}
}

// Presence is where a HEAD wants an object to be: AIStore's numbers, of which those
// that differ in what is answered are the same here.
type Presence int

// ReadPresence reads the presence that a HEAD asks for; 0 is anywhere. The error is
// of kind Invalid.
func ReadPresence(ctx *fasthttp.RequestCtx) (Presence, error) {
	text := string(ctx.QueryArgs().Peek(QueryPresence))
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 5 {
		return 0, object.E("api.ReadPresence", QueryPresence, object.Invalid, errors.New("it is from 0 to 5: 0 and 1 anywhere, 2 to 4 here, 5 at the remote bucket only"))
	}
	return Presence(n), nil
}

// Check decides about an object that is here or, where it is not, at the remote
// bucket. The error is of kind NotFound.
func (p Presence) Check(here bool) error {
	if p >= 2 && p <= 4 && !here || p == 5 && here {
		return object.E("api.Presence", "", object.NotFound, nil)
	}
	return nil
}
