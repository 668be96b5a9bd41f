package peer

import (
	"io"
	"log/slog"
	"net"
	"time"
)

const (
	spliceMin     = 64 << 10 // below it a copy costs no more
	spliceSegment = 1 << 20  // deadlines are renewed at least so often
)

// Read reads the body of the answer.
func (x *exchange) Read(p []byte) (int, error) {
	n, err := x.read(p)
	if err != nil && err != io.EOF {
		x.reusable = false
	}
	return n, err
}

func (x *exchange) read(p []byte) (int, error) {
	if x.length == chunked && x.left == 0 && !x.ended {
		if err := x.beginChunk(); err != nil {
			return 0, err
		}
	}
	if x.ended {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), x.left)]
	var n int
	if x.r < x.w {
		n = copy(p, x.buf[x.r:x.w])
		x.r += n
	} else {
		var err error
		n, err = x.conn.Read(p)
		x.client.metrics.received.Add(float64(n))
		if n == 0 && err != nil {
			return 0, noEOF(err)
		}
	}
	x.took(int64(n))
	return n, nil
}

// took notes that n bytes of the body, or chunk, went on.
func (x *exchange) took(n int64) {
	if x.left -= n; x.left == 0 && x.length >= 0 {
		x.ended = true
	}
}

// beginChunk reads up to the data of the next chunk, or to the end of the body.
func (x *exchange) beginChunk() error {
	if x.inChunk {
		if line, err := x.readLine(); err != nil || len(line) > 0 {
			return badChunk(err)
		}
		x.inChunk = false
	}
	line, err := x.readLine()
	if err != nil {
		return err
	}
	size, ok := parseChunkSize(line)
	if !ok {
		return errBadAnswer
	}
	x.left, x.inChunk = size, size > 0
	for size == 0 && !x.ended { // trailer fields, which nobody asked for
		if line, err = x.readLine(); err != nil {
			return err
		}
		x.ended = len(line) == 0
	}
	return nil
}

func badChunk(err error) error {
	if err == nil {
		err = errBadAnswer
	}
	return err
}

// readLine reads up to CR LF, and returns what is before it, until the next read.
func (x *exchange) readLine() ([]byte, error) {
	for {
		for i := x.r + 1; i < x.w; i++ {
			if x.buf[i] == '\n' && x.buf[i-1] == '\r' {
				line := x.buf[x.r : i-1]
				x.r = i + 1
				return line, nil
			}
		}
		if err := x.fill(); err != nil {
			return nil, err
		}
	}
}

// SupportsBodyWriteTo tells fasthttp to call WriteTo.
func (x *exchange) SupportsBodyWriteTo() bool { return true }

// WriteTo writes the body of the answer to w, which is fasthttp's writer to the
// client: it hands the connection to the node through to the kernel, which moves
// the bytes from socket to socket. Where either side is TLS they are copied, a
// buffer at a time.
//
// Either side may stall for StallTimeout. An error, a body that the node cut
// included, makes fasthttp close the client's connection, short of what was
// announced.
func (x *exchange) WriteTo(w io.Writer) (int64, error) {
	var total int64
	var pooled *[]byte
	x.progress = time.Time{}
	for !x.ended {
		n, err := x.move(w, &pooled)
		total += n
		if err != nil {
			x.reusable = false
			x.client.metrics.cut.Inc()
			x.client.config.Logger.Debug("an answer was cut while it was relayed",
				slog.String("node", x.conn.host.addr), slog.Int64("sent", total), slog.Any("error", err))
			return total, err
		}
	}
	if pooled != nil {
		x.client.copies.Put(pooled)
	}
	if err := x.downstream.SetWriteDeadline(time.Time{}); err != nil {
		return total, err
	}
	return total, nil
}

// move moves a piece of the body: what is buffered, then spliced or copied.
func (x *exchange) move(w io.Writer, pooled **[]byte) (int64, error) {
	stall := x.client.config.StallTimeout
	if err := x.conn.arm(stall); err != nil {
		return 0, err
	}
	if now := time.Now(); now.Sub(x.progress) > min(time.Second, stall/2) {
		x.progress = now
		if err := x.downstream.SetWriteDeadline(now.Add(stall)); err != nil {
			return 0, err
		}
	}
	if x.length >= 0 && x.r < x.w {
		p := x.buf[x.r:min(x.w, x.r+int(min(x.left, exchangeBuffer)))]
		n, err := w.Write(p)
		x.r += n
		x.took(int64(n))
		return int64(n), err
	}
	rf, ok := w.(io.ReaderFrom)
	if _, plain := x.downstream.(*net.TCPConn); x.length >= spliceMin && x.conn.tcp != nil && plain && ok {
		return x.splice(rf)
	}
	if *pooled == nil {
		*pooled = x.client.copies.Get().(*[]byte)
	}
	n, err := x.read(**pooled)
	if err == io.EOF {
		return 0, nil
	}
	// TLS gives a record at a time; a few of them are written at once.
	for begun := x.progress; err == nil && x.left > 0 && n < len(**pooled) && time.Since(begun) < stall/4; {
		var m int
		m, err = x.read((**pooled)[n:])
		n += m
	}
	if n > 0 {
		if _, werr := w.Write((**pooled)[:n]); err == nil {
			err = werr
		}
	}
	return int64(n), err
}

// splice moves up to a segment without a copy. The reader must be exactly a
// LimitedReader on a TCPConn for the standard library to see that it can.
func (x *exchange) splice(w io.ReaderFrom) (int64, error) {
	want := min(x.left, spliceSegment)
	if x.conn.host.lost.Load() { // so that it is seen to be moved
		want = min(want, spliceMin)
	}
	x.limited = io.LimitedReader{R: x.conn.tcp, N: want}
	x.conn.reads.Store(x.client.now()) // or the client, while there is something to be read
	n, err := w.ReadFrom(&x.limited)
	x.conn.reads.Store(0)
	x.client.metrics.received.Add(float64(n))
	x.took(n)
	if err == nil && n < want {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Close ends the exchange: the connection is kept if the whole body was taken.
func (x *exchange) Close() error {
	x.reusable = x.reusable && x.ended
	x.release()
	return nil
}
