package s3api

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"ais/object"
)

// bodyPlan is what the headers of a request announce about its body.
type bodyPlan struct {
	size    int64 // decoded; −1 for not known
	encoded int64 // Content-Length; −1 for Transfer-Encoding: chunked
	chunked bool  // aws-chunked
	signed  bool  // every chunk carries a signature
	trailer bool  // a checksum follows in a trailer
	check   ChunkCheck

	md5, sha256 []byte          // announced; nil for none
	sum         object.Checksum // announced; with a trailer its Value is not known yet
}

// digestSizes are the lengths of the checksums that S3 takes.
var digestSizes = [...]int{object.CRC32: 4, object.CRC32C: 4, object.CRC64NVME: 8, object.SHA1: 20, object.SHA256: 32}

// checksumHeaders are the headers of the additional checksums.
var checksumHeaders = [...]struct {
	algorithm object.Algorithm
	header    string
}{
	{object.CRC32, "X-Amz-Checksum-Crc32"},
	{object.CRC32C, "X-Amz-Checksum-Crc32c"},
	{object.CRC64NVME, "X-Amz-Checksum-Crc64nvme"},
	{object.SHA1, "X-Amz-Checksum-Sha1"},
	{object.SHA256, "X-Amz-Checksum-Sha256"},
}

// planBody reads the headers about the body. A control body need not announce
// its length.
func planBody(r *Request, control bool) (bodyPlan, error) {
	var p bodyPlan
	p.check = r.chunkCheck
	p.encoded = int64(max(r.ctx.Request.Header.ContentLength(), -1))
	if err := p.readSHA256(r); err != nil {
		return p, err
	}
	if err := p.readMD5(r); err != nil {
		return p, err
	}
	// The checksum that a CompleteMultipartUpload announces in a header is of the
	// object, not of the document: see ParseCompleteSum.
	if r.Op != CompleteMultipartUpload || p.trailer {
		if err := p.readSum(r); err != nil {
			return p, err
		}
	}
	return p, p.readSize(r, control)
}

// readSHA256 reads x-amz-content-sha256, which also says how the body is framed.
func (p *bodyPlan) readSHA256(r *Request) error {
	switch v := r.peek(hContentSHA256); string(v) {
	case "", "UNSIGNED-PAYLOAD":
	case "STREAMING-UNSIGNED-PAYLOAD-TRAILER":
		p.chunked, p.trailer = true, true
	case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD":
		p.chunked, p.signed = true, true
	case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER":
		p.chunked, p.signed, p.trailer = true, true, true
	case "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER":
		return NotImplemented
	default:
		sum, err := hex.DecodeString(string(v))
		if err != nil || len(sum) != 32 {
			return Argument("x-amz-content-sha256", string(v),
				"x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.")
		}
		p.sha256 = sum
	}
	if !p.chunked && len(r.peek(hDecodedLength)) > 0 && hasToken(r.peek("Content-Encoding"), "aws-chunked") {
		p.chunked, p.trailer = true, len(r.peek(hTrailer)) > 0
	}
	return nil
}

func (p *bodyPlan) readMD5(r *Request) error {
	v := r.peek(hContentMD5)
	if v == nil {
		return nil
	}
	sum, err := base64.StdEncoding.DecodeString(string(v))
	if err != nil || len(sum) != 16 {
		return InvalidDigest.With("Content-MD5", string(v))
	}
	p.md5 = sum
	return nil
}

// readSum reads the one additional checksum that a request may announce, in a
// header or, by its name only, for a trailer.
func (p *bodyPlan) readSum(r *Request) error {
	if p.trailer {
		names := r.ctx.Request.Header.PeekAll(hTrailer)
		for _, name := range bytes.Split(bytes.Join(names, []byte{','}), []byte{','}) {
			if name = bytes.TrimSpace(name); len(name) == 0 {
				continue
			}
			a, ok := checksumNamed(name)
			if !ok {
				return InvalidRequest.Say("The value specified in the x-amz-trailer header is not supported")
			}
			if p.sum.Algorithm != object.NoChecksum {
				return errManySums
			}
			p.sum.Algorithm = a
		}
		p.trailer = p.sum.Algorithm != object.NoChecksum
	}
	for _, c := range checksumHeaders {
		v := r.peek(c.header)
		if v == nil {
			continue
		}
		if p.sum.Algorithm != object.NoChecksum {
			return errManySums
		}
		sum, err := parseSum(c.algorithm, v)
		if err != nil {
			return err
		}
		p.sum = sum
	}
	if want := r.peek(hSDKChecksum); len(want) > 0 && p.sum.Algorithm != object.NoChecksum &&
		!strings.EqualFold(string(want), p.sum.Algorithm.String()) {
		return InvalidRequest.Say("Value for x-amz-sdk-checksum-algorithm header is invalid.")
	}
	return nil
}

var errManySums = InvalidRequest.Say("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")

// parseSum reads the base64 value of a checksum header. One that no content can
// have is BadDigest, as one of other content is.
func parseSum(a object.Algorithm, v []byte) (object.Checksum, error) {
	sum, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(v)))
	if err != nil || len(sum) != digestSizes[a] {
		return object.Checksum{}, BadDigest.Say("Value for x-amz-checksum-" + a.String() + " header is invalid.")
	}
	return object.Checksum{Algorithm: a, Value: sum}, nil
}

// checksumNamed returns the algorithm of a checksum header's name, in any case.
func checksumNamed(name []byte) (object.Algorithm, bool) {
	for _, c := range checksumHeaders {
		if bytes.EqualFold(name, []byte(c.header)) {
			return c.algorithm, true
		}
	}
	return object.NoChecksum, false
}

func (p *bodyPlan) readSize(r *Request, control bool) error {
	switch {
	case p.chunked:
		v := r.peek(hDecodedLength)
		n, ok := parseSize(v)
		if len(v) == 0 {
			return MissingContentLength
		}
		if !ok {
			return Argument("x-amz-decoded-content-length", string(v), "The decoded content length is not a number of bytes")
		}
		p.size = n
	case p.encoded >= 0:
		p.size = p.encoded
		if p.size == 0 && !control && !r.hasContentLength() {
			return MissingContentLength
		}
	case control:
		p.size = -1
	default: // chunked by HTTP alone
		n, ok := parseSize(r.peek(hDecodedLength))
		if !ok {
			return MissingContentLength
		}
		p.size = n
	}
	if p.size > object.MaxPutSize {
		return EntityTooLarge.With("ProposedSize", itoa(p.size)).With("MaxSizeAllowed", itoa(object.MaxPutSize))
	}
	return nil
}

// hasContentLength tells an announced length of 0 from none at all, which
// fasthttp does not: it sets 0 for a body-less request.
func (r *Request) hasContentLength() bool {
	const name = "content-length:"
	raw := r.ctx.Request.Header.RawHeaders()
	for len(raw) > 0 {
		line, rest, _ := bytes.Cut(raw, []byte{'\n'})
		if len(line) >= len(name) && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return true
		}
		raw = rest
	}
	return false
}

// compare holds what was computed against what was announced.
func (p *bodyPlan) compare(d *digester) error {
	if p.md5 != nil {
		if got := d.sum(object.MD5); !bytes.Equal(got.Value, p.md5) {
			return BadDigest.With("ExpectedDigest", base64.StdEncoding.EncodeToString(p.md5)).With("CalculatedDigest", got.Base64())
		}
	}
	if p.sha256 != nil {
		if got := d.sum(object.SHA256); !bytes.Equal(got.Value, p.sha256) {
			return SHA256Mismatch.With("ClientComputedContentSHA256", hex.EncodeToString(p.sha256)).With("S3ComputedContentSHA256", got.Hex())
		}
	}
	if a := p.sum.Algorithm; a != object.NoChecksum {
		if got := d.sum(a); !bytes.Equal(got.Value, p.sum.Value) {
			return BadDigest.Say("The " + strings.ToUpper(a.String()) + " you specified did not match the calculated checksum.")
		}
	}
	return nil
}

// hasToken reports whether a comma-separated header value has a token, in any case.
func hasToken(value []byte, token string) bool {
	for len(value) > 0 {
		var item []byte
		item, value, _ = bytes.Cut(value, []byte{','})
		if strings.EqualFold(string(bytes.TrimSpace(item)), token) {
			return true
		}
	}
	return false
}
