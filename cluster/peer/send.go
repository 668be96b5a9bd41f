package peer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"ais/auth"
	"ais/cluster"
	"ais/object"
)

// Upload is a PUT that this node makes of a client's request which is none, such
// as a form: it has a path, headers and a body of its own.
type Upload struct {
	Path    string // as in a request line, without a query
	Query   string // encoded; "" for none
	Headers []Header
	Body    io.Reader
	Size    int64 // of Body, exactly
}

// Answer is a node's answer to an Upload.
type Answer struct {
	Status int
	Body   []byte
	head   []byte
}

// Header returns the first value of a header, "" for none.
func (a *Answer) Header(name string) string {
	for rest := a.head; len(rest) > 0; {
		var field, value []byte
		field, value, rest, _ = nextField(rest)
		if len(field) == len(name) && equalFold(field, name) {
			return string(value)
		}
	}
	return ""
}

// Headers calls yield for each header.
func (a *Answer) Headers(yield func(name, value string)) {
	for rest := a.head; len(rest) > 0; {
		var field, value []byte
		field, value, rest, _ = nextField(rest)
		yield(string(field), string(value))
	}
}

// Upload sends u to node in the place of the client's request in ctx; grant is as
// for Forward. An error of u.Body is returned as it is, and the node has seen a
// body that is cut; others are Unavailable.
func (c *Caller) Upload(node cluster.Node, requestID string, grant auth.Ticket, u Upload) (*Answer, error) {
	signed := auth.Request{Method: http.MethodPut, RawPath: u.Path, RawQuery: u.Query, Headers: func(yield func(name, value string)) {
		for _, h := range u.Headers {
			yield(h.Name, h.Value)
		}
	}}
	head := append([]byte("PUT "), u.Path...)
	if u.Query != "" {
		head = append(append(head, '?'), u.Query...)
	}
	head = append(head, " HTTP/1.1\r\n"...)
	head = appendField(head, "Host", Address(node))
	head = appendField(head, "Content-Length", strconv.FormatInt(u.Size, 10))
	head = appendField(head, HeaderTicket, c.sign(node, grant, signed))
	head = appendField(head, HeaderRevision, strconv.FormatInt(c.state().Revision, 10))
	head = appendField(head, HeaderRequestID, requestID)
	head = appendField(head, HeaderHops, "1")
	for _, h := range u.Headers {
		head = appendField(head, h.Name, h.Value)
	}
	return c.client.send(Address(node), append(head, "\r\n"...), u.Body, u.Size)
}

// bodyError is an error of the body that is sent, not of the node.
type bodyError struct{ error }

// send sends head and size bytes of body, and reads the whole answer.
func (c *Client) send(addr string, head []byte, body io.Reader, size int64) (*Answer, error) {
	x := c.acquire()
	answer, err := x.sendAll(c.host(addr), head, body, size)
	if err == nil {
		c.metrics.answered.Inc()
		x.release()
		return answer, nil
	}
	if !x.consumed && size > 0 {
		err = &undone{err: err, never: true}
	}
	x.reusable = false
	x.release()
	var ofBody bodyError
	if errors.As(err, &ofBody) {
		c.metrics.incomplete.Inc()
		return nil, ofBody.error
	}
	c.metrics.unavailable.Inc()
	return nil, object.E("peer.Upload", addr, object.Unavailable, err)
}

// sendAll tries a second time on a new connection where the first was stale and
// nothing of the body was used.
func (x *exchange) sendAll(h *host, head []byte, body io.Reader, size int64) (*Answer, error) {
	if x.conn = h.take(true); x.conn != nil {
		answer, err := x.sendOnce(head, body, size)
		if !errors.Is(err, errStale) || x.consumed {
			return answer, err
		}
		x.conn.close()
		x.conn = nil
		x.client.metrics.retries.Inc()
	}
	var err error
	if x.conn, err = h.dial(context.Background()); err != nil {
		return nil, err
	}
	return x.sendOnce(head, body, size)
}

func (x *exchange) sendOnce(head []byte, body io.Reader, size int64) (*Answer, error) {
	x.r, x.w, x.reusable = 0, 0, true
	if err := x.write(head, x.client.config.UploadTimeout); err != nil {
		return nil, x.stale(err)
	}
	final, err := x.sendReader(body, size)
	if err == nil && !final {
		if err = x.conn.arm(x.client.config.UploadTimeout); err == nil {
			err = x.readAnswer(false, false)
		}
	}
	if err != nil {
		return nil, err
	}
	answer := &Answer{Status: x.status, head: bytes.Clone(x.head)}
	if !x.ended {
		answer.Body, err = x.readAll()
	}
	return answer, err
}

// sendReader sends the body; final says that the node has answered before it had
// all of it.
func (x *exchange) sendReader(body io.Reader, size int64) (final bool, err error) {
	pooled := x.client.uploads.Get().(*[]byte)
	defer x.client.uploads.Put(pooled)
	for size > 0 {
		if !x.conn.quiet() {
			if final, err := x.answeredEarly(); final || err != nil {
				return final, err
			}
		}
		x.consumed = true
		n, err := readSome(body, (*pooled)[:min(int64(len(*pooled)), size)])
		if n == 0 {
			return false, bodyError{noEOF(err)}
		}
		size -= int64(n)
		if err := x.write((*pooled)[:n], x.client.config.StallTimeout); err != nil {
			if err = x.refused(err); err != nil {
				return false, err
			}
			return true, nil
		}
	}
	return false, nil
}
