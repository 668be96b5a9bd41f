package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"
)

// payload is how a body is announced and signed.
type payload string

const (
	payloadUnsigned payload = "unsigned"
	payloadSHA256   payload = "sha256" // its digest is in a header
	payloadChunks   payload = "chunks" // aws-chunked, each chunk signed
)

// chunkLength is how long the chunks of an aws-chunked body are: what the SDKs
// use.
const chunkLength = 64 << 10

// signer makes SigV4 headers. One worker uses it.
type signer struct {
	access, secret, region string

	day string // of key
	key []byte

	scope, signature string // of the request signed last
	body             *byte  // whose digests these are
	whole            string
	chunks           []string
	framed           []byte
}

// digest returns the SHA-256 of a body. That of the body before is kept: loads
// send the same one again.
func (s *signer) digest(body []byte) string {
	if len(body) == 0 || s.body != &body[0] {
		s.chunks, s.whole = nil, hexSum(body)
		for rest := body; len(rest) > 0; rest = rest[min(len(rest), chunkLength):] {
			s.chunks = append(s.chunks, hexSum(rest[:min(len(rest), chunkLength)]))
		}
		s.chunks = append(s.chunks, hexSum(nil))
		if len(body) > 0 {
			s.body = &body[0]
		}
	}
	return s.whole
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// chunkedLength is the length of what frame returns for so many bytes.
func chunkedLength(n int) int {
	const line = len(";chunk-signature=") + 64 + len("\r\n\r\n")
	total := 1 + line
	for ; n > 0; n -= chunkLength {
		piece := min(n, chunkLength)
		total += len(strconv.FormatInt(int64(piece), 16)) + line + piece
	}
	return total
}

// frame returns the body as signed chunks, of the request that was signed last.
func (s *signer) frame(body []byte) []byte {
	s.digest(body)
	b, previous := s.framed[:0], s.signature
	for i, sum := range s.chunks {
		piece := body[min(len(body), i*chunkLength):min(len(body), (i+1)*chunkLength)]
		text := "AWS4-HMAC-SHA256-PAYLOAD\n" + s.scope + "\n" + previous + "\n" + s.chunks[len(s.chunks)-1] + "\n" + sum
		previous = hex.EncodeToString(mac(s.key, text))
		b = strconv.AppendInt(b, int64(len(piece)), 16)
		b = append(append(append(b, ";chunk-signature="...), previous...), "\r\n"...)
		b = append(append(b, piece...), "\r\n"...)
	}
	s.framed = b
	return b
}

// sign appends the header lines of a signed request to dst. Its headers are those
// that S3 wants signed, as "name:value", sorted, in lower case.
func (s *signer) sign(dst []byte, now time.Time, host, path string, w *wire, p payload) []byte {
	stamp := now.UTC().Format("20060102T150405Z")
	day := stamp[:8]
	digest := "UNSIGNED-PAYLOAD"
	more := []string(nil)
	switch p {
	case payloadSHA256:
		digest = s.digest(w.body)
	case payloadChunks:
		digest = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
		more = []string{"x-amz-decoded-content-length:" + strconv.Itoa(len(w.body))}
	}
	more = append(more, "x-amz-content-sha256:"+digest, "x-amz-date:"+stamp)
	for _, line := range more {
		name, value, _ := strings.Cut(line, ":")
		dst = append(append(append(append(dst, name...), ": "...), value...), "\r\n"...)
	}
	lines := append(append([]string{"host:" + host}, more...), w.headers...)
	sort.Strings(lines)
	names := make([]string, len(lines))
	for i, line := range lines {
		names[i], _, _ = strings.Cut(line, ":")
	}
	signed := strings.Join(names, ";")
	canonical := w.method + "\n" + path + "\n" + canonicalQuery(w.query) + "\n" + strings.Join(lines, "\n") + "\n\n" + signed + "\n" + digest
	scope := day + "/" + s.region + "/s3/aws4_request"
	if s.day != day {
		key := mac([]byte("AWS4"+s.secret), day)
		s.key, s.day = mac(mac(mac(key, s.region), "s3"), "aws4_request"), day
	}
	s.scope = stamp + "\n" + scope
	s.signature = hex.EncodeToString(mac(s.key, "AWS4-HMAC-SHA256\n"+s.scope+"\n"+hexSum([]byte(canonical))))
	return append(dst, "Authorization: AWS4-HMAC-SHA256 Credential="+s.access+"/"+scope+", SignedHeaders="+signed+", Signature="+s.signature+"\r\n"...)
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func canonicalQuery(query string) string {
	if query == "" {
		return ""
	}
	parts := strings.Split(query, "&")
	for i, p := range parts {
		name, value, _ := strings.Cut(p, "=")
		parts[i] = name + "=" + value // names and values are escaped already
	}
	sort.Strings(parts)
	return strings.Join(parts, "&")
}

// escape escapes a path or, with slash false, a query value, as SigV4 wants it.
func escape(s string, slash bool) string {
	s = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	if slash {
		s = strings.ReplaceAll(s, "%2F", "/")
	}
	return s
}
