package e2e

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
)

func b64(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }

func crc32b64(data []byte) string {
	sum := crc32.ChecksumIEEE(data)
	return b64([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}

// encoding is a way in which clients send a body (CLIENTS §1.1).
type encoding struct {
	name  string
	lines func(data []byte, wire int) []string // header lines; wire is the encoded length
	wire  func(data []byte) []byte
}

func encodings() []encoding {
	length := func(n int) string { return fmt.Sprint("Content-Length: ", n) }
	decoded := func(d []byte) string { return fmt.Sprint("X-Amz-Decoded-Content-Length: ", len(d)) }
	const aws = "Content-Encoding: aws-chunked"
	trailer := func(d []byte) string { return "x-amz-checksum-crc32:" + crc32b64(d) }
	return []encoding{
		{"content-length",
			func(_ []byte, n int) []string { return []string{length(n)} },
			func(d []byte) []byte { return d }},
		{"chunked",
			func(d []byte, _ int) []string { return []string{"Transfer-Encoding: chunked", decoded(d)} },
			func(d []byte) []byte { return httpChunked(d, 8000) }},
		{"aws-chunked-signed",
			func(d []byte, n int) []string {
				return []string{length(n), aws, decoded(d), "X-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}
			},
			func(d []byte) []byte { return awsChunked(d, 16384, true, "") }},
		{"aws-chunked-trailer",
			func(d []byte, n int) []string {
				return []string{length(n), aws, decoded(d), "X-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Trailer: x-amz-checksum-crc32"}
			},
			func(d []byte) []byte { return awsChunked(d, 16384, false, trailer(d)) }},
		{"aws-chunked-in-chunked",
			func(d []byte, _ int) []string {
				return []string{"Transfer-Encoding: chunked", aws, decoded(d), "X-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Trailer: x-amz-checksum-crc32"}
			},
			func(d []byte) []byte { return httpChunked(awsChunked(d, 16384, false, trailer(d)), 5000) }},
		{"aws-chunked-signed-trailer",
			func(d []byte, n int) []string {
				return []string{length(n), aws, decoded(d), "X-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "X-Amz-Trailer: x-amz-checksum-crc32"}
			},
			// minio-go writes a stray newline before the trailer's end
			func(d []byte) []byte {
				return awsChunked(d, 65536, true, trailer(d)+"\n\r\nx-amz-trailer-signature:"+strings.Repeat("0b", 32))
			}},
	}
}

// Every encoding is decoded to the same bytes, announced with Expect or not.
func TestBodyEncodings(t *testing.T) {
	c := Shared(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	for _, e := range encodings() {
		for _, size := range []int{0, 1, 4096, 50_000, 300_000} {
			for _, expect := range []bool{false, true} {
				key := fmt.Sprintf("%s/%d/%v", e.name, size, expect)
				data := random(uint64(size), size)
				wire := e.wire(data)
				lines := e.lines(data, len(wire))
				conn := c.dial(t, "proxy1")
				if expect && size > 0 {
					conn.send(head("PUT", "/s3/"+b+"/"+key, append(lines, "Expect: 100-continue")...))
					if line, err := conn.r.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
						t.Fatalf("%s: no 100 Continue: %q %v", key, line, err)
					}
					_, _ = conn.r.ReadString('\n')
					conn.send(string(wire))
				} else {
					conn.send(head("PUT", "/s3/"+b+"/"+key, lines...), string(wire))
				}
				a, ok := conn.answer("PUT")
				if !ok {
					t.Fatalf("%s: no answer", key)
				}
				a.want(t, 200, "")
				p.same(t, b, key, data)
			}
		}
	}
}

// cuts returns where in an encoded body to hang up: around every line end and
// in the midst of payload.
func cuts(wire []byte) []int {
	at := []int{0, 1, len(wire) / 2, len(wire) - 1}
	for i := range wire {
		if i > 0 && wire[i] == '\n' && wire[i-1] == '\r' && len(at) < 60 {
			at = append(at, i-1, i, i+1)
		}
	}
	slices.Sort(at)
	return slices.DeleteFunc(slices.Compact(at), func(i int) bool { return i < 0 || i >= len(wire) })
}

// A client that hangs up mid-body leaves the old object, or none: at every
// boundary of every encoding, through the proxy and straight at a target.
func TestHangUpMidBody(t *testing.T) {
	c := Shared(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	old := []byte("the old object")
	p.put(t, b, "old", old)
	for _, e := range encodings() {
		t.Run(e.name, func(t *testing.T) {
			data := bytes.Repeat([]byte("0123456789abcdef"), 50_000/16)
			wire := e.wire(data)
			for i, cut := range cuts(wire) {
				if e.name == "chunked" && cut >= len(wire)-len("0\r\n\r\n") {
					continue // all announced bytes have come, only the last, empty chunk has not
				}
				node := []string{"proxy1", "target1", "target2"}[i%3]
				for _, key := range []string{"old", "new"} {
					conn := c.dial(t, node)
					conn.send(head("PUT", "/s3/"+b+"/"+key, e.lines(data, len(wire))...), string(wire[:cut]))
					conn.closeWrite()
					a, answered := conn.answer("PUT")
					conn.Close()
					if answered && a.status < 400 {
						t.Fatalf("cut at %d of %d at %s: answered %v", cut, len(wire), node, a)
					}
				}
			}
			p.same(t, b, "old", old)
			p.absent(t, b, "new")
		})
	}
	if keys := p.list(t, b); len(keys) != 1 {
		t.Errorf("listed: %q", keys)
	}
}

// A body that is not what its digests, lengths or framing say is refused, and
// nothing is stored.
func TestWrongBodies(t *testing.T) {
	c := Shared(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	data := random(1, 50_000)
	other := md5.Sum([]byte("other"))
	sha := sha256.Sum256([]byte("other"))
	length := func(n int) string { return fmt.Sprint("Content-Length: ", n) }
	decoded := func(n int) string { return fmt.Sprint("X-Amz-Decoded-Content-Length: ", n) }
	unsigned := awsChunked(data, 16384, false, "")
	badTrailer := awsChunked(data, 16384, false, "x-amz-checksum-crc32:"+crc32b64(data[1:]))
	badFrame := bytes.Replace(bytes.Clone(unsigned), []byte("4000\r\n"), []byte("40x0\r\n"), 1)
	streaming := []string{"Content-Encoding: aws-chunked", "X-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER"}
	for _, c2 := range []struct {
		name  string
		lines []string
		wire  []byte
		codes string
	}{
		{"md5", []string{length(len(data)), "Content-MD5: " + b64(other[:])}, data, "BadDigest"},
		{"md5-malformed", []string{length(len(data)), "Content-MD5: nonsense"}, data, "InvalidDigest"},
		{"sha256", []string{length(len(data)), "X-Amz-Content-Sha256: " + hex.EncodeToString(sha[:])}, data, "XAmzContentSHA256Mismatch"},
		{"crc32", []string{length(len(data)), "X-Amz-Checksum-Crc32: " + crc32b64(data[1:])}, data, "BadDigest"},
		{"crc32c", []string{length(len(data)), "X-Amz-Checksum-Crc32c: AAAAAA=="}, data, "BadDigest"},
		{"crc64nvme", []string{length(len(data)), "X-Amz-Checksum-Crc64nvme: AAAAAAAAAAA="}, data, "BadDigest"},
		{"sha1", []string{length(len(data)), "X-Amz-Checksum-Sha1: AAAAAAAAAAAAAAAAAAAAAAAAAAA="}, data, "BadDigest"},
		{"checksum-malformed", []string{length(len(data)), "X-Amz-Checksum-Sha256: AA"}, data, "BadDigest"},
		{"trailer", append(streaming, length(len(badTrailer)), decoded(len(data)), "X-Amz-Trailer: x-amz-checksum-crc32"), badTrailer, "BadDigest"},
		{"decoded-too-long", append(streaming, length(len(unsigned)), decoded(len(data)+1)), unsigned, "IncompleteBody"},
		{"decoded-too-short", append(streaming, length(len(unsigned)), decoded(len(data)-1)), unsigned, "IncompleteBody"},
		{"framing", append(streaming, length(len(badFrame)), decoded(len(data))), badFrame, "IncompleteBody InvalidChunkSizeError InvalidRequest"},
		{"no-length", []string{"Transfer-Encoding: chunked"}, httpChunked(data, 10_000), "MissingContentLength"},
		{"5GiB+1", []string{length(5<<30 + 1), "Expect: 100-continue"}, nil, "EntityTooLarge"},
		{"5GiB+1-decoded", append(streaming, length(5<<30+100), decoded(5<<30+1), "Expect: 100-continue"), nil, "EntityTooLarge"},
	} {
		t.Run(c2.name, func(t *testing.T) {
			for _, node := range []string{"proxy1", "target1"} {
				conn := c.dial(t, node)
				conn.send(head("PUT", "/s3/"+b+"/"+c2.name, c2.lines...), string(c2.wire))
				a, ok := conn.answer("PUT")
				if !ok {
					t.Fatalf("%s: no answer", node)
				}
				if a.status < 400 || a.status >= 500 || !strings.Contains(" "+c2.codes+" ", " "+a.code+" ") || a.code == "" {
					t.Errorf("%s: got %v, want %s", node, a, c2.codes)
				}
			}
			p.absent(t, b, c2.name)
		})
	}
	if keys := p.list(t, b); len(keys) != 0 {
		t.Errorf("listed: %q", keys)
	}
}
