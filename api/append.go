package api

import (
	"errors"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"ais/cluster"
	"ais/object"
)

// AppendHandle is where an append stands. The zero ID is an append that is to
// begin.
type AppendHandle struct {
	ID    string // of the upload that it is
	Next  int    // number of the part that the next call brings
	Flush bool   // what was appended is to become the object's
}

// FirstAppend is the number of the first part that is appended; the object as it
// was is the one before.
const FirstAppend = 2

// String returns the text that clients send back.
func (h AppendHandle) String() string { return h.ID + "." + strconv.Itoa(h.Next) }

// readAppend reads the query of a call that appends. The error is of kind Invalid.
func readAppend(query *fasthttp.Args) (ObjectCall, error) {
	c := ObjectCall{Kind: ObjectAppend, Append: AppendHandle{Next: FirstAppend}}
	switch kind := string(query.Peek(QueryAppend)); kind {
	case "append":
	case "flush":
		c.Append.Flush = true
	default:
		return c, object.E("api.readAppend", QueryAppend, object.Invalid, errors.New("it is append or flush, not "+strconv.Quote(kind)))
	}
	text := string(query.Peek(QueryAppendHandle))
	if text == "" {
		return c, nil
	}
	id, next, _ := strings.Cut(text, ".")
	n, err := strconv.Atoi(next)
	if _, ok := cluster.UploadHome(id); !ok || err != nil || n < FirstAppend || n > object.MaxParts+1 {
		return c, object.E("api.readAppend", QueryAppendHandle, object.Invalid, errors.New("it is not what the header "+HeaderAppendHandle+" said"))
	}
	c.UploadID, c.Append.ID, c.Append.Next = id, id, n
	return c, nil
}

// SetAppendHandle sets the handle that the next call is to send.
func SetAppendHandle(h *fasthttp.ResponseHeader, a AppendHandle) {
	h.Set(HeaderAppendHandle, a.String())
}
