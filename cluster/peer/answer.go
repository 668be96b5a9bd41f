package peer

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"syscall"

	"github.com/valyala/fasthttp"
)

var (
	errBadAnswer = errors.New("the node's answer is not HTTP/1.1")
	headEnd      = []byte("\r\n\r\n")
	lineEnd      = []byte("\r\n")
)

// readAnswer reads the head of the final answer. Interim answers are skipped;
// with interim the first one is returned, in x.status.
func (x *exchange) readAnswer(toHead, interim bool) error {
	searched := 0
	for first := true; ; {
		i := bytes.Index(x.buf[x.r+searched:x.w], headEnd)
		if i < 0 {
			searched = max(0, x.w-x.r-len(headEnd)+1)
			if err := x.fill(); err != nil {
				if first && x.w == x.r {
					err = x.stale(err)
				}
				return err
			}
			continue
		}
		head := x.buf[x.r : x.r+searched+i+len(lineEnd)]
		x.r += searched + i + len(headEnd)
		first, searched = false, 0
		if err := x.parseHead(head, toHead); err != nil {
			return err
		}
		if x.status >= 200 || interim {
			return nil
		}
		if x.status == fasthttp.StatusSwitchingProtocols {
			return errBadAnswer
		}
	}
}

// parseHead reads the status line and the framing of an answer.
func (x *exchange) parseHead(head []byte, toHead bool) error {
	// "HTTP/1.1 200"
	if len(head) < 14 || string(head[:7]) != "HTTP/1." || head[8] != ' ' {
		return errBadAnswer
	}
	code, ok := parseDigits(head[9:12])
	if !ok || code < 100 {
		return errBadAnswer
	}
	x.status = int(code)
	closes := head[7] == '0'
	_, x.head, _ = bytes.Cut(head, lineEnd)
	x.length = untilClose
	for rest := x.head; len(rest) > 0; {
		var name, value []byte
		if name, value, rest, ok = nextField(rest); !ok {
			return errBadAnswer
		}
		switch len(name) {
		case 10:
			if is(name, "connection") {
				if listed(value, []byte("close")) {
					closes = true
				} else if listed(value, []byte("keep-alive")) {
					closes = false
				}
			}
		case 14:
			if is(name, "content-length") && x.length != chunked {
				n, ok := parseDigits(value)
				if !ok || x.length >= 0 && x.length != n {
					return errBadAnswer
				}
				x.length = n
			}
		case 17:
			if is(name, "transfer-encoding") {
				if !is(value, "chunked") {
					return errBadAnswer
				}
				x.length = chunked
			}
		}
	}
	if x.status < 200 {
		return nil
	}
	x.closes = closes
	x.reusable = x.reusable && !closes
	if toHead || x.status == fasthttp.StatusNoContent || x.status == fasthttp.StatusNotModified {
		x.left, x.ended = 0, true
		return nil
	}
	if x.length == untilClose {
		// Its end could not be told from its truncation.
		return errBadAnswer
	}
	x.left = max(0, x.length)
	x.ended = false
	return nil
}

// nextField cuts the first field off a head whose lines end in CR LF.
func nextField(head []byte) (name, value, rest []byte, ok bool) {
	line, rest, ok := bytes.Cut(head, lineEnd)
	colon := bytes.IndexByte(line, ':')
	if !ok || colon <= 0 || line[0] == ' ' || line[0] == '\t' {
		return nil, nil, nil, false
	}
	return line[:colon], bytes.Trim(line[colon+1:], " \t"), rest, true
}

func parseDigits(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// deliver writes the answer into ctx: a small body whole, any other as a stream
// that x is from then on. On an error nothing was written.
func (x *exchange) deliver(ctx *fasthttp.RequestCtx) error {
	whole := x.ended || x.length >= 0 && x.r+int(min(x.length, maxHead)) <= len(x.buf)
	if whole && !x.ended {
		if err := x.readWhole(int(x.length)); err != nil {
			return err
		}
	}
	resp := &ctx.Response
	resp.ResetBody()
	resp.SetStatusCode(x.status)
	x.copyFields(&resp.Header)
	if x.closes && x.status >= fasthttp.StatusBadRequest {
		// The node does not trust what follows the request; it is the client's.
		resp.SetConnectionClose()
	}
	switch {
	case x.ended:
		x.release()
	case whole:
		resp.AppendBody(x.buf[x.r : x.r+int(x.length)])
		x.r += int(x.length)
		x.release()
	default:
		x.downstream = ctx.Conn()
		resp.SetBodyStream(x, int(x.length))
	}
	return nil
}

// readWhole reads a body of n bytes to behind the head, which it leaves where it is.
func (x *exchange) readWhole(n int) error {
	for end := x.r + n; x.w < end; {
		m, err := x.conn.Read(x.buf[x.w:end])
		x.w += m
		x.client.metrics.received.Add(float64(m))
		if m == 0 && err != nil {
			return noEOF(err)
		}
	}
	return nil
}

// noEOF makes the end of a connection, where more was to come, an error that
// nobody takes for the end of a body.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// copyFields copies the answer's fields but for those that concern only the
// connection to the node. A field replaces what the handler has set before, and
// one that comes several times is kept several times.
func (x *exchange) copyFields(h *fasthttp.ResponseHeader) {
	h.SetNoDefaultContentType(true)
	for rest := x.head; len(rest) > 0; {
		var name, value []byte
		at := len(x.head) - len(rest)
		name, value, rest, _ = nextField(rest)
		switch len(name) {
		case 4:
			if is(name, "date") {
				continue
			}
		case 7:
			if is(name, "trailer") || is(name, "upgrade") {
				continue
			}
		case 10:
			if is(name, "connection") || is(name, "keep-alive") {
				continue
			}
		case 14:
			if is(name, "content-length") && x.length == chunked {
				continue
			}
		case 17:
			if is(name, "transfer-encoding") {
				continue
			}
		}
		if repeats(x.head[:at], name) {
			h.AddBytesKV(name, value)
		} else {
			h.SetBytesKV(name, value)
		}
	}
}

// repeats reports whether one of the fields before has the name.
func repeats(before, name []byte) bool {
	for len(before) > 0 {
		var other []byte
		other, _, before, _ = nextField(before)
		if len(other) == len(name) && equalFold(other, name) {
			return true
		}
	}
	return false
}

// isReset reports whether err is what a connection gives that the other side has
// closed.
func isReset(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// parseChunkSize reads the line that begins a chunk: hexadecimal digits, perhaps
// an extension.
func parseChunkSize(line []byte) (int64, bool) {
	digits, _, _ := bytes.Cut(line, []byte(";"))
	n, err := strconv.ParseInt(string(bytes.TrimRight(digits, " \t")), 16, 62)
	return n, err == nil && n >= 0 && digits[0] != '+'
}
