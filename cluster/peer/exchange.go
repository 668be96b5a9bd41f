package peer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	exchangeBuffer = 20 << 10  // a head, or the head of an answer and a small body
	maxHead        = 64 << 10  // of an answer
	uploadBuffer   = 256 << 10 // for the body of a request
	copyBuffer     = 64 << 10  // for the body of an answer that is not spliced
)

// exchange is one request and its answer on one connection. After deliver it is
// the body stream of the answer; release, which ends it, gives it back.
type exchange struct {
	client *Client
	conn   *conn

	// buf holds the head of the request until it is sent; then what was read
	// of the answer and not consumed, buf[r:w].
	buf  []byte
	r, w int

	consumed bool   // a byte of the client's body was taken: no second try
	sent     bool   // the node may have all of the request
	small    []byte // the client's body, where it was short and all of it was taken; of a call its head, and what fits with it
	early    bool   // the node answered before it had the whole body
	reusable bool   // the connection can carry another exchange after this one

	closes  bool // the answer says that the node closes the connection
	status  int
	head    []byte // the fields of the answer, a part of buf
	length  int64  // of the answer's body; chunked, or untilClose
	left    int64  // of the body, or of the current chunk
	ended   bool   // a chunked body has ended
	inChunk bool   // left is of a chunk whose line end is still to be read

	memory     bytes.Reader // the request's body where the server has read it whole
	limited    io.LimitedReader
	downstream net.Conn      // the client
	progress   time.Time     // when the client's deadline was set last
	patience   time.Duration // with a node that is asked for a read; 0 is HeaderTimeout
}

// Lengths of a body that has none announced.
const (
	chunked    = -1
	untilClose = -2
)

func (c *Client) acquire() *exchange { return c.exchanges.Get().(*exchange) }

// release ends the exchange: the connection is kept where that is safe.
func (x *exchange) release() {
	if cn := x.conn; cn != nil {
		if x.reusable && x.r == x.w {
			cn.host.keep(cn)
		} else {
			cn.close()
		}
	}
	buf := x.buf
	if cap(buf) > maxHead {
		buf = make([]byte, exchangeBuffer)
	}
	*x = exchange{client: x.client, buf: buf[:cap(buf)], small: x.small[:0]}
	x.client.exchanges.Put(x)
}

// errStale is a kept connection that the node had closed: it has most likely seen
// nothing of the request.
var errStale = errors.New("connection closed before the answer")

// run sends the request and reads the head of the answer. It tries a second time,
// on a new connection, where the first was stale, no byte of a body was used and the
// request, if the node has got it after all, changes nothing.
func (x *exchange) run(ctx *fasthttp.RequestCtx, addr string, add []Header, expect bool) error {
	h := x.client.host(addr)
	body, safe := expect || hasBody(ctx), ctx.IsGet() || ctx.IsHead()
	if x.conn = h.take(!safe); x.conn != nil {
		err := x.try(ctx, add, body, expect)
		if !errors.Is(err, errStale) || x.consumed || x.sent && !safe && !expect {
			return err
		}
		x.conn.close()
		x.conn = nil
		x.client.metrics.retries.Inc()
	}
	var err error
	if x.conn, err = h.dial(context.Background()); err != nil {
		return err
	}
	return x.try(ctx, add, body, expect)
}

func (x *exchange) try(ctx *fasthttp.RequestCtx, add []Header, body, expect bool) error {
	x.r, x.w, x.reusable, x.sent = 0, 0, true, false
	if body && !expect {
		return x.sendUpload(ctx, add)
	}
	head := appendHead(x.buf[:0], ctx, x.conn.host.addr, add, expect)
	x.buf = head[:cap(head)]
	timeout := x.client.config.HeaderTimeout
	switch {
	case !ctx.IsGet() && !ctx.IsHead():
		timeout = x.client.config.UploadTimeout
	case x.patience > 0:
		timeout = x.patience
	}
	if err := x.write(head, timeout); err != nil {
		return x.stale(err)
	}
	x.sent = !expect
	return x.readAnswer(ctx.IsHead(), expect)
}

// write sends p; the answer's first byte must follow within the timeout.
func (x *exchange) write(p []byte, timeout time.Duration) error {
	if err := x.conn.arm(timeout); err != nil {
		return err
	}
	n, err := x.conn.Write(p)
	x.client.metrics.sent.Add(float64(n))
	return err
}

// stale makes err errStale where it says that a kept connection was closed.
func (x *exchange) stale(err error) error {
	if x.conn.reused && isReset(err) {
		return errStale
	}
	return err
}

// fill reads more of the answer into buf. The end of the connection is an error.
func (x *exchange) fill() error {
	if x.r == x.w {
		x.r, x.w = 0, 0
	}
	if x.w == len(x.buf) {
		if x.r > 0 {
			x.w = copy(x.buf, x.buf[x.r:x.w])
			x.r = 0
		} else {
			if len(x.buf) >= maxHead {
				return errBadAnswer
			}
			x.buf = append(x.buf, make([]byte, len(x.buf))...)
		}
	}
	n, err := x.conn.Read(x.buf[x.w:])
	x.w += n
	x.client.metrics.received.Add(float64(n))
	if n > 0 {
		return nil
	}
	return noEOF(err)
}

// hasBody reports whether the request of ctx has a body to send on.
func hasBody(ctx *fasthttp.RequestCtx) bool {
	n := ctx.Request.Header.ContentLength()
	return n > 0 || n == chunked
}
