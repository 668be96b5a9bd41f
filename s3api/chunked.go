package s3api

import (
	"bufio"
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
	maxTrailer  = 8 << 10
)

var (
	errFraming  = InvalidRequest.Say("The aws-chunked framing of the body is malformed")
	errChunkSum = InvalidRequest.Say("A chunk of the body has no valid chunk-signature")

	chunkBuffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, chunkBuffer) }}
)

// chunkReader undoes the aws-chunked encoding (CLIENTS: "64\r\n…\r\n0\r\n…"):
// chunks of any size, each with a header of its length in hexadecimal and
// perhaps a signature, then perhaps trailers. It reads src to its very end.
type chunkReader struct {
	br      *bufio.Reader
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
	c := &chunkReader{br: chunkBuffers.Get().(*bufio.Reader), plan: plan}
	c.br.Reset(src)
	if plan.signed && plan.check != nil {
		c.sum = sha256.New()
	}
	return c
}

// release gives the buffer back; reads fail from then on.
func (c *chunkReader) release() {
	if c.br != nil {
		c.br.Reset(nil)
		chunkBuffers.Put(c.br)
		c.br, c.err = nil, IncompleteBody
	}
}

// Read reads payload.
func (c *chunkReader) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if c.left == 0 {
		if c.err = c.nextChunk(); c.err != nil {
			return 0, c.err
		}
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.br.Read(p)
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
	line, err := c.br.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		return nil, errFraming
	}
	if err != nil {
		return nil, unexpected(err)
	}
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
	rest, err := io.ReadAll(io.LimitReader(c.br, maxTrailer+1))
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
