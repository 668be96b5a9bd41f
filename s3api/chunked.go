package s3api

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"io"
	"sync"

	"ais/object"
)

// ChunkCheck decides on one signature of an aws-chunked body. It is called in
// order: for every chunk, the empty last one included, with the SHA-256 of its
// bytes, and then, if there is a signed trailer, with trailer set and the
// SHA-256 of the trailer's canonical text ("name:value\n"). The signature, in
// hexadecimal, is good until it returns; that of a trailer may be missing.
type ChunkCheck func(trailer bool, signature []byte, sum [sha256.Size]byte) error

// VerifyChunks has check called for the signatures of an aws-chunked body. Call
// it before Body.
func (r *Request) VerifyChunks(check ChunkCheck) { r.chunkCheck = check }

// Bounds of what surrounds the payload in an aws-chunked body.
const (
	chunkBuffer = 4 << 10 // also the longest chunk header
	chunkAhead  = 128     // what is read along with a chunk's bytes: how it ends and the next begins
	maxTrailer  = 8 << 10
)

var (
	errFraming  = InvalidRequest.Say("The aws-chunked framing of the body is malformed")
	errChunkSum = InvalidRequest.Say("A chunk of the body has no valid chunk-signature")

	chunkBuffers = sync.Pool{New: func() any { return new([chunkBuffer]byte) }}
)

// chunkReader undoes the aws-chunked encoding (CLIENTS: "64\r\n…\r\n0\r\n…"):
// chunks of any size, each with a header of its length in hexadecimal and
// perhaps a signature, then perhaps trailers. It reads src to its very end. The
// bytes of a large chunk go from src to where they are wanted; the buffer is for
// what is between them.
type chunkReader struct {
	src     io.Reader
	buf     *[chunkBuffer]byte // nil once released
	r, w    int                // what is in buf
	room    int                // behind the slices given to Read, for its use
	plan    bodyPlan
	left    int64 // of the chunk at hand
	total   int64 // of the chunks so far
	err     error // sticky
	trailer []byte

	signature [2 * sha256.Size]byte // of the chunk at hand, where chunks are signed
	sum       hash.Hash             // of the chunk at hand; nil where nobody checks
	digest    [sha256.Size]byte     // room for what sum computes
}

func newChunkReader(src io.Reader, plan bodyPlan) *chunkReader {
	c := &chunkReader{src: src, buf: chunkBuffers.Get().(*[chunkBuffer]byte), plan: plan}
	if plan.signed && plan.check != nil {
		c.sum = sha256.New()
	}
	return c
}

// release gives the buffer back; reads fail from then on.
func (c *chunkReader) release() {
	if c.buf != nil {
		chunkBuffers.Put(c.buf)
		c.buf, c.err = nil, IncompleteBody
	}
}

// Read reads payload. Beyond what it returns, p is scratch.
func (c *chunkReader) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if c.left == 0 {
		if c.err = c.nextChunk(); c.err != nil {
			return 0, c.err
		}
	}
	n, err := c.payload(p)
	c.left -= int64(n)
	if c.sum != nil {
		c.sum.Write(p[:n])
	}
	if err != nil {
		c.err = unexpected(err)
		if n == 0 {
			return 0, c.err
		}
		return n, nil
	}
	if c.left == 0 {
		c.err = c.endChunk()
	}
	return n, nil
}

// payload reads bytes of the chunk at hand.
func (c *chunkReader) payload(p []byte) (int, error) {
	if c.r < c.w {
		n := copy(p[:min(int64(len(p)), c.left)], c.buf[c.r:c.w])
		c.r += n
		return n, nil
	}
	if len(p) < chunkBuffer && c.left < chunkBuffer {
		if err := c.fill(); err != nil {
			return 0, err
		}
		return c.payload(p)
	}
	want := min(int64(len(p)), c.left)
	p = p[:min(int64(len(p)+c.room), c.left+chunkAhead)]
	if want < c.left {
		p = p[:want]
	}
	n, err := c.src.Read(p)
	if int64(n) > want {
		c.r, c.w = 0, copy(c.buf[:], p[want:n])
		n = int(want)
		err = nil // src says it again
	}
	return n, err
}

// fill reads more into the buffer. It returns an error only without bytes.
func (c *chunkReader) fill() error {
	if c.r > 0 {
		c.w = copy(c.buf[:], c.buf[c.r:c.w])
		c.r = 0
	}
	for range 100 { // as bufio does
		n, err := c.src.Read(c.buf[c.w:])
		if c.w += n; n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// nextChunk reads the header of the next chunk; io.EOF after the last one and
// all that follows it.
func (c *chunkReader) nextChunk() error {
	line, err := c.line()
	if err != nil {
		return err
	}
	size, signature, err := parseChunkHeader(line, c.plan.signed)
	if err != nil {
		return err
	}
	c.left = size
	copy(c.signature[:], signature)
	if c.left > 0 {
		c.total += c.left
		if c.total > c.plan.size {
			return IncompleteBody
		}
		return nil
	}
	if err := c.checkChunk(); err != nil {
		return err
	}
	if err := c.readTrailer(); err != nil {
		return err
	}
	return io.EOF
}

// endChunk reads the line end after a chunk's bytes.
func (c *chunkReader) endChunk() error {
	line, err := c.line()
	if err != nil {
		return err
	}
	if len(line) != 0 {
		return errFraming
	}
	return c.checkChunk()
}

func (c *chunkReader) checkChunk() error {
	if c.sum == nil {
		return nil
	}
	c.sum.Sum(c.digest[:0])
	c.sum.Reset()
	return c.plan.check(false, c.signature[:], c.digest)
}

// line returns the next line without its "\r\n", valid until the next read.
func (c *chunkReader) line() ([]byte, error) {
	end := bytes.IndexByte(c.buf[c.r:c.w], '\n')
	for end < 0 {
		seen := c.w - c.r
		if seen == len(c.buf) {
			return nil, errFraming
		}
		if err := c.fill(); err != nil {
			return nil, unexpected(err)
		}
		if end = bytes.IndexByte(c.buf[c.r+seen:c.w], '\n'); end >= 0 {
			end += seen
		}
	}
	line := c.buf[c.r : c.r+end+1]
	c.r += end + 1
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return nil, errFraming
	}
	return line, nil
}

// parseChunkHeader reads "size[;chunk-signature=hex]".
func parseChunkHeader(line []byte, signed bool) (size int64, signature []byte, err error) {
	digits, extension, _ := bytes.Cut(line, []byte{';'})
	if len(digits) == 0 || len(digits) > 15 {
		return 0, nil, errFraming
	}
	for _, c := range digits {
		if !isHex(c) {
			return 0, nil, errFraming
		}
		size = size<<4 | int64(unhex(c))
	}
	if !signed {
		return size, nil, nil
	}
	hexSum, ok := bytes.CutPrefix(extension, []byte("chunk-signature="))
	if !ok || !isSignature(hexSum) {
		return 0, nil, errChunkSum
	}
	return size, hexSum, nil
}

func isSignature(s []byte) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for _, c := range s {
		if !isHex(c) {
			return false
		}
	}
	return true
}

// readTrailer reads everything after the last chunk's header, to the end of the
// body. It must end in an empty line. Empty lines in between are let pass:
// minio-go ends a trailer with "\n\r\n".
func (c *chunkReader) readTrailer() error {
	rest, err := io.ReadAll(io.LimitReader(io.MultiReader(bytes.NewReader(c.buf[c.r:c.w]), c.src), maxTrailer+1))
	if err != nil {
		return err
	}
	if len(rest) > maxTrailer {
		return MalformedTrailer
	}
	if string(rest) != "\r\n" && !bytes.HasSuffix(rest, []byte("\n\r\n")) {
		return IncompleteBody
	}
	if c.trailer = bytes.TrimSpace(rest); len(c.trailer) > 0 && !c.plan.trailer {
		return MalformedTrailer
	}
	return nil
}

// trailerSum returns the checksum that the trailer holds. Only what was
// announced may be there, once, and nothing announced may be missing.
func (c *chunkReader) trailerSum(a object.Algorithm) (object.Checksum, error) {
	var sum object.Checksum
	var canonical []byte
	var signature []byte
	for _, line := range bytes.Split(c.trailer, []byte{'\n'}) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		name, value, ok := bytes.Cut(line, []byte{':'})
		name, value = bytes.ToLower(bytes.TrimSpace(name)), bytes.TrimSpace(value)
		switch {
		case !ok:
			return sum, MalformedTrailer
		case string(name) == "x-amz-trailer-signature":
			if !c.plan.signed || signature != nil || !isSignature(value) {
				return sum, MalformedTrailer
			}
			signature = value
		default:
			got, known := checksumNamed(name)
			if !known || got != a || sum.Value != nil {
				return sum, MalformedTrailer
			}
			var err error
			if sum, err = parseSum(a, value); err != nil {
				return sum, err
			}
			canonical = append(append(append(append(canonical, name...), ':'), value...), '\n')
		}
	}
	if sum.Value == nil {
		return sum, MalformedTrailer
	}
	if c.plan.signed && c.plan.check != nil {
		return sum, c.plan.check(true, signature, sha256.Sum256(canonical))
	}
	return sum, nil
}

// unexpected makes an end of the stream inside the framing an incomplete body.
func unexpected(err error) error {
	if err == io.EOF {
		return IncompleteBody
	}
	return err
}
