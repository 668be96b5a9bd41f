package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"time"

	"ais/object"
)

// maxCallAnswer bounds the answer of a control message: a page of a listing with
// all that is known of each of its objects is some 10 MiB at most.
const maxCallAnswer = 64 << 20

// Call sends a small control message to the node at addr and returns the answer's
// status and body. The body may be in pieces, of which large ones are not copied. The
// deadline and the end of ctx hold. The message may reach the node twice, where a kept
// connection breaks. The error is of kind Unavailable.
func (c *Client) Call(ctx context.Context, addr, method, path string, headers []Header, body ...[]byte) (status int, answer []byte, err error) {
	c.metrics.calls.Inc()
	x := c.acquire()
	head := appendCall(x.small[:0], c.host(addr).addr, method, path, headers, body)
	for len(body) > 0 && len(head)+len(body[0]) <= exchangeBuffer {
		head, body = append(head, body[0]...), body[1:]
	}
	x.small = head // x.buf is for the answer
	message := append(make([][]byte, 0, 1+len(body)), head)
	message = append(message, body...)
	status, answer, err = x.call(ctx, c.host(addr), method, message)
	never := !x.sent
	x.release()
	if err != nil {
		err = &undone{err: err, never: never}
		if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
			err = fmt.Errorf("%w: %w", ended, err)
		}
		return 0, nil, object.E("peer.Call", addr+path, object.Unavailable, err)
	}
	return status, answer, nil
}

// appendCall appends the head of a request with that body.
func appendCall(dst []byte, addr, method, path string, headers []Header, body [][]byte) []byte {
	length := 0
	for _, piece := range body {
		length += len(piece)
	}
	dst = append(dst, method...)
	dst = append(dst, ' ')
	dst = append(dst, path...)
	dst = append(dst, " HTTP/1.1\r\n"...)
	dst = appendField(dst, "Host", addr)
	for _, h := range headers {
		dst = appendField(dst, h.Name, h.Value)
	}
	if length > 0 || method == "POST" || method == "PUT" {
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, int64(length), 10)
		dst = append(dst, "\r\n"...)
	}
	return append(dst, "\r\n"...)
}

func (x *exchange) call(ctx context.Context, h *host, method string, message [][]byte) (int, []byte, error) {
	if err := ctx.Err(); err != nil {
		return 0, nil, err
	}
	if x.conn = h.take(false); x.conn != nil {
		status, answer, err := x.callOnce(ctx, method, message)
		if !errors.Is(err, errStale) {
			return status, answer, err
		}
		x.conn.close()
		x.conn = nil
		x.client.metrics.retries.Inc()
	}
	var err error
	if x.conn, err = h.dial(ctx); err != nil {
		return 0, nil, err
	}
	return x.callOnce(ctx, method, message)
}

func (x *exchange) callOnce(ctx context.Context, method string, message [][]byte) (status int, answer []byte, err error) {
	x.r, x.w, x.reusable, x.sent = 0, 0, true, false
	cn := x.conn
	if err := cn.arm(x.client.config.UploadTimeout); err != nil {
		return 0, nil, err
	}
	if ctx.Done() != nil {
		stop := context.AfterFunc(ctx, func() { cn.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // the call fails later
		defer func() {
			if !stop() { // the deadline is set, or about to be
				x.reusable = false
			}
		}()
	}
	pieces := net.Buffers(slices.Clone(message)) // for one vectored write, which uses them up
	n, err := pieces.WriteTo(cn.Conn)
	x.client.metrics.sent.Add(float64(n))
	if err != nil {
		x.reusable = false
		return 0, nil, x.stale(err)
	}
	x.sent = true
	if err = x.readAnswer(method == "HEAD", false); err == nil && !x.ended {
		answer, err = x.readAll()
	}
	if err != nil {
		x.reusable = false
		return 0, nil, err
	}
	return x.status, answer, nil
}

// readAll reads the body of the answer.
func (x *exchange) readAll() ([]byte, error) {
	if x.length > maxCallAnswer {
		return nil, errBadAnswer
	}
	answer := make([]byte, 0, max(x.length, 512))
	for {
		if len(answer) == cap(answer) {
			if x.ended {
				return answer, nil
			}
			if len(answer) > maxCallAnswer {
				return nil, errBadAnswer
			}
			answer = append(answer, 0)[:len(answer)]
		}
		n, err := x.read(answer[len(answer):cap(answer)])
		answer = answer[:len(answer)+n]
		if err == io.EOF {
			return answer, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
