package peer

import (
	"io"
	"net"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

const (
	// fasthttp has read bodies up to this size whole before it calls the handler.
	prefetched = 8 << 10

	chunkHead = len("0003f000\r\n") // size lines are all of this length
	chunkTail = len("\r\n") + len(lastChunk)
	lastChunk = "0\r\n\r\n"
)

// sendUpload sends head and body, and reads the head of the answer.
func (x *exchange) sendUpload(ctx *fasthttp.RequestCtx, add []Header) error {
	if n := ctx.Request.Header.ContentLength(); n >= 0 && n <= prefetched {
		buf := appendHead(x.buf[:0], ctx, x.conn.host.addr, add, false)
		head := len(buf)
		if cap(buf) < head+n {
			buf = append(buf, make([]byte, n)...)
		}
		x.buf = buf[:cap(buf)]
		return x.sendBody(ctx, x.buf, head)
	}
	pooled := x.client.uploads.Get().(*[]byte)
	defer x.client.uploads.Put(pooled)
	buf := appendHead((*pooled)[:0], ctx, x.conn.host.addr, add, false)
	head := len(buf)
	if cap(buf) != cap(*pooled) { // a head of 256 KiB: no server lets it through
		buf = append(buf, make([]byte, uploadBuffer)...)
	}
	return x.sendBody(ctx, buf[:cap(buf)], head)
}

// resume sends the body of a request whose head was sent by RelayExpect.
func (x *exchange) resume(ctx *fasthttp.RequestCtx) error {
	if !hasBody(ctx) {
		x.sent = true
		return x.readAnswer(ctx.IsHead(), false)
	}
	pooled := x.client.uploads.Get().(*[]byte)
	defer x.client.uploads.Put(pooled)
	return x.sendBody(ctx, *pooled, 0)
}

// sendBody sends buf[:pending], then the body of ctx through buf, and reads the
// head of the answer. A node that answers before it has the whole body is heard:
// the rest is not sent. A body that the client cut is a cutError; the caller
// closes the connection, so that the node sees it cut too.
func (x *exchange) sendBody(ctx *fasthttp.RequestCtx, buf []byte, pending int) error {
	size := int64(ctx.Request.Header.ContentLength())
	begin, short := pending, size <= prefetched && size > 0
	body := x.bodyOf(ctx)
	for more, sent := true, false; more; sent = true {
		if sent && !x.conn.quiet() {
			if final, err := x.answeredEarly(); final || err != nil {
				return err
			}
		}
		if size < 0 || size > prefetched {
			x.awaitClient(ctx)
		}
		var err error
		if size == chunked {
			pending, more, err = x.nextChunkOf(ctx, body, buf, pending)
		} else {
			var n int
			n, err = readSome(body, buf[pending:min(int64(len(buf)), int64(pending)+size)])
			pending += n
			size -= int64(n)
			if more = size > 0; !more || err == nil {
				err = nil
			} else {
				err = cut(err)
			}
		}
		x.consumed = true
		if err != nil {
			return err
		}
		if short && !more && pending-begin == ctx.Request.Header.ContentLength() {
			x.keepSmall(buf[begin:pending])
		}
		if err := x.write(buf[:pending], x.client.config.StallTimeout); err != nil {
			return x.refused(err)
		}
		pending = 0
	}
	x.sent = true
	if err := x.conn.arm(x.client.config.UploadTimeout); err != nil {
		return err
	}
	return x.readAnswer(ctx.IsHead(), false)
}

// nextChunkOf reads a piece of a body of unknown length to behind buf[:pending]
// and frames it; more is false with the last one.
func (x *exchange) nextChunkOf(ctx *fasthttp.RequestCtx, body io.Reader, buf []byte, pending int) (end int, more bool, err error) {
	data := buf[pending+chunkHead : len(buf)-chunkTail]
	n, err := readSome(body, data)
	end = pending
	if n > 0 {
		const hex = "0123456789abcdef"
		for i := range chunkHead - 2 {
			buf[pending+i] = hex[n>>(4*(chunkHead-3-i))&15]
		}
		copy(buf[pending+chunkHead-2:], lineEnd)
		copy(buf[pending+chunkHead+n:], lineEnd) // behind data, where it is full
		end += chunkHead + n + len(lineEnd)
	}
	switch {
	case err == nil:
		return end, true, nil
	case err == io.EOF && !Ended(ctx.Conn()):
		return end + copy(buf[end:], lastChunk), false, nil
	}
	// fasthttp ends a stream in the same way whether the last chunk came or the
	// client went, on this side as on the node's. A chunk that is begun and not
	// finished is an error to every reader.
	x.conn.Write([]byte("1\r\n")) //nolint:errcheck // the connection is closed next
	return 0, false, cut(err)
}

// readSome is a Read that makes progress or fails.
func readSome(r io.Reader, p []byte) (int, error) {
	for range 100 {
		if n, err := r.Read(p); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

func cut(err error) error {
	if err == io.EOF {
		err = nil
	}
	return &cutError{err}
}

// bodyOf returns the body of ctx, be it streamed or read whole by the server.
func (x *exchange) bodyOf(ctx *fasthttp.RequestCtx) io.Reader {
	if stream := ctx.RequestBodyStream(); stream != nil {
		return stream
	}
	x.memory.Reset(ctx.Request.Body())
	return &x.memory
}

// awaitClient gives the client a stall timeout from now, to the second.
func (x *exchange) awaitClient(ctx *fasthttp.RequestCtx) {
	if now := time.Now(); now.Sub(x.progress) > time.Second {
		x.progress = now
		ctx.SetReadDeadline(now.Add(x.client.config.StallTimeout)) //nolint:errcheck // the read that follows tells
	}
}

// answeredEarly reads what a node says while it is being sent a body: an interim
// answer, after which it goes on, or the final one.
func (x *exchange) answeredEarly() (final bool, err error) {
	if err := x.readAnswer(false, true); err != nil {
		return false, err
	}
	if x.status < 200 {
		return false, nil
	}
	x.reusable, x.early = false, true
	return true, nil
}

// refused is called when the body could not be written: the node may have said why.
func (x *exchange) refused(err error) error {
	if isReset(err) && x.readAnswer(false, false) == nil {
		x.reusable, x.early = false, true
		return nil
	}
	return err
}

const (
	drainBytes = 64 << 20
	drainTime  = 2 * time.Second
)

// Drain reads what is left of the body of ctx and forgets it, within bounds: a
// client that is still sending when the connection closes may never see the answer.
func (c *Client) Drain(ctx *fasthttp.RequestCtx) {
	stream := ctx.RequestBodyStream()
	if stream == nil || ctx.SetReadDeadline(time.Now().Add(drainTime)) != nil {
		return
	}
	pooled := c.copies.Get().(*[]byte)
	defer c.copies.Put(pooled)
	for n := 0; n < drainBytes; {
		m, err := stream.Read(*pooled)
		if n += m; err != nil {
			return
		}
	}
}

// Ended reports whether the client has closed its side of the connection. Of a body
// of unknown length fasthttp says the same whether its last chunk came or the client
// went between two chunks: this tells them apart, since a client that has sent all
// waits for its answer.
func Ended(nc net.Conn) bool {
	if e, ok := nc.(interface{ Ended() bool }); ok && e.Ended() { // TLS has an end of its own
		return true
	}
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = t.NetConn()
	}
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	var end bool
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		end = n == 0 && err == nil || err != nil && err != unix.EAGAIN && err != unix.EINTR
		return true
	})
	return end || err != nil
}
