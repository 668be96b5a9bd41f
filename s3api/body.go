package s3api

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"ais/object"
)

// Body is the payload of a request: what the client meant, without the framing
// it came in. Read ends in io.EOF only if exactly the announced bytes arrived
// and every announced digest matches; otherwise it ends in an error, and what
// was read before must not be kept.
//
// A large body is digested while its reader is busy with the block before, so
// the slice given to Read must stay as it is until the next Read.
type Body struct {
	size    int64 // decoded; −1 where only a control body may leave it open
	got     int64
	err     error // what ended the body; sticky
	conn    connReader
	chunks  *chunkReader // nil for a body that is not aws-chunked
	payload io.Reader    // conn or chunks
	plan    bodyPlan
	digest  digester
	sums    []object.Checksum
}

// overlapMin is the size from which digests are computed by a goroutine of
// their own: below it a hand-over costs more than it gains.
const overlapMin = 256 << 10

// blockSize is the size of the two buffers that WriteTo alternates between.
const blockSize = 128 << 10

// block is one of them, with room for what is read ahead.
type block [blockSize + chunkAhead]byte

// blockPool holds blocks for WriteTo.
var blockPool = sync.Pool{New: func() any { return new(block) }}

// newBody makes the body of r by what its headers announce.
func newBody(r *Request, control bool) (*Body, error) {
	plan, err := planBody(r, control)
	if err != nil {
		return nil, err
	}
	b := &Body{size: plan.size, plan: plan}
	b.conn = connReader{r: r, src: r.ctx.RequestBodyStream(), length: plan.encoded}
	b.payload = &b.conn
	if plan.chunked {
		b.chunks = newChunkReader(&b.conn, plan)
		b.payload = b.chunks
	}
	if plan.md5 != nil {
		b.Want(object.MD5)
	}
	if plan.sha256 != nil {
		b.Want(object.SHA256)
	}
	if plan.sum.Algorithm != object.NoChecksum {
		b.Want(plan.sum.Algorithm)
	}
	return b, nil
}

// Size returns the number of payload bytes that the client announced.
func (b *Body) Size() int64 { return b.size }

// Want has the checksum of algorithm a computed as well. Call it before the
// first Read.
func (b *Body) Want(a object.Algorithm) { b.digest.add(a) }

// Sum returns the checksum of the payload, after io.EOF, for an algorithm that
// was wanted or announced; the zero Checksum before, or for any other.
func (b *Body) Sum(a object.Algorithm) object.Checksum {
	if b.err != io.EOF {
		return object.Checksum{}
	}
	return b.digest.sum(a)
}

// Sums returns the additional checksums that the client announced, verified,
// after io.EOF.
func (b *Body) Sums() []object.Checksum { return b.sums }

// Announced returns the algorithm of the additional checksum that the client
// sends in a header or a trailer, NoChecksum for none.
func (b *Body) Announced() object.Algorithm { return b.plan.sum.Algorithm }

// Received returns the bytes that have come over the wire so far.
func (b *Body) Received() int64 { return b.conn.raw }

// Read reads payload. It never returns bytes and an error together.
func (b *Body) Read(p []byte) (int, error) {
	b.digest.wait()
	n, err := b.next(p)
	if n > 0 {
		b.digest.write(p[:n], b.overlaps())
	}
	return n, err
}

// WriteTo copies the whole payload to w in large blocks. The digest of one block
// overlaps both its writing and the reading of the next.
func (b *Body) WriteTo(w io.Writer) (written int64, err error) {
	var blocks [2]*block
	if b.chunks != nil {
		b.chunks.room = chunkAhead
	}
	defer func() {
		b.digest.wait()
		for _, p := range blocks {
			if p != nil {
				blockPool.Put(p)
			}
		}
	}()
	for i := 0; ; i ^= 1 {
		if blocks[i] == nil {
			blocks[i] = blockPool.Get().(*block)
		}
		n, err := b.fill(blocks[i][:blockSize])
		if n > 0 {
			b.digest.wait()
			b.digest.write(blocks[i][:n], b.overlaps())
			m, werr := w.Write(blocks[i][:n])
			written += int64(m)
			if werr != nil {
				return written, werr
			}
		}
		if err == nil {
			_, err = b.next(nil)
		}
		switch {
		case err == io.EOF:
			return written, nil
		case err != nil:
			return written, err
		}
	}
}

// ReadAll returns the whole payload, appended to dst, once it is verified.
func (b *Body) ReadAll(dst []byte) ([]byte, error) {
	if b.size > 0 && cap(dst)-len(dst) <= int(b.size) {
		grown := make([]byte, len(dst), len(dst)+int(b.size)+1)
		copy(grown, dst)
		dst = grown
	}
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := b.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (b *Body) overlaps() bool { return b.size < 0 || b.size >= overlapMin }

// fill reads until p is full or the payload ends; it returns an error only
// where it has no bytes.
func (b *Body) fill(p []byte) (n int, err error) {
	for n < len(p) {
		m, err := b.next(p[n:])
		n += m
		if err != nil {
			if n > 0 {
				return n, nil
			}
			return 0, err
		}
		if b.size >= 0 && b.got == b.size {
			return n, nil
		}
	}
	return n, nil
}

// next reads decoded bytes that are not digested yet, and concludes at their
// end. With an empty p it only tells an error that is known already.
func (b *Body) next(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	n, err := b.payload.Read(p)
	b.got += int64(n)
	if b.size >= 0 && b.got > b.size {
		b.err = IncompleteBody
		return 0, b.err
	}
	if n > 0 {
		if err != nil && err != io.EOF {
			b.err = err
		}
		return n, nil
	}
	if err == io.EOF {
		err = b.conclude()
	}
	b.err = err
	return 0, err
}

// conclude decides what the end of the payload means: io.EOF if all is well.
func (b *Body) conclude() error {
	b.digest.wait()
	if b.size >= 0 && b.got != b.size {
		return IncompleteBody
	}
	if b.conn.length >= 0 && b.conn.raw != b.conn.length {
		return IncompleteBody
	}
	if b.chunks != nil && b.plan.trailer {
		sum, err := b.chunks.trailerSum(b.plan.sum.Algorithm)
		if err != nil {
			return err
		}
		b.plan.sum = sum
	}
	if err := b.plan.compare(&b.digest); err != nil {
		return err
	}
	if b.plan.sum.Algorithm != object.NoChecksum {
		b.sums = []object.Checksum{b.plan.sum}
	}
	return io.EOF
}

// broken reports whether what was read of the body is not what was announced. A nil
// body is not.
func (b *Body) broken() bool { return b != nil && b.err != nil && b.err != io.EOF }

// close ends the digesting goroutine and gives back what was borrowed.
func (b *Body) close() {
	b.digest.stop()
	if b.err == nil {
		b.err = IncompleteBody
	}
	if b.chunks != nil {
		b.chunks.release()
	}
}

// connReader reads the body as it is on the wire, counts it, and keeps a slow
// client to a deadline.
type connReader struct {
	r      *Request
	src    io.Reader // nil for no body
	length int64     // Content-Length, −1 for chunked
	raw    int64

	armed    time.Time // when the deadline was last set; zero for never
	armedRaw int64
}

// prefetched is how much of a body of known length fasthttp has read before it
// calls the handler: no deadline is needed for that.
const prefetched = 8 << 10

// progressBytes must arrive within Config.ProgressTimeout.
const progressBytes = 16 << 10

func (c *connReader) Read(p []byte) (int, error) {
	if c.src == nil {
		return 0, io.EOF
	}
	if c.length < 0 || c.raw >= prefetched {
		c.arm()
	}
	n, err := c.src.Read(p)
	c.raw += int64(n)
	if err != nil && err != io.EOF {
		err = connError(err)
	}
	return n, err
}

// arm moves the read deadline on if the client made progress since it was set.
func (c *connReader) arm() {
	timeout := c.r.server.config.ProgressTimeout
	if timeout <= 0 || !c.armed.IsZero() && c.raw-c.armedRaw < progressBytes {
		return
	}
	now := time.Now()
	if now.Sub(c.armed) < timeout/8 {
		return
	}
	if c.r.ctx.SetReadDeadline(now.Add(timeout)) == nil {
		c.armed, c.armedRaw = now, c.raw
	}
}

// connError says what an error of the connection means for a body.
func connError(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return RequestTimeout
	}
	return IncompleteBody
}
