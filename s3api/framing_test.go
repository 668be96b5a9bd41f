package s3api

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"

	"ais/object"
)

// keeper is a handler that keeps what PutObject and UploadPart give it, if it
// is whole.
type keeper struct {
	mu     sync.Mutex
	stored map[string]string
	sums   map[string][]object.Checksum
	errs   []error
	read   func(*Body) ([]byte, error)
}

func newKeeper() *keeper {
	return &keeper{stored: map[string]string{}, sums: map[string][]object.Checksum{},
		read: func(b *Body) ([]byte, error) { return b.ReadAll(nil) }}
}

func (k *keeper) serve(r *Request) error {
	body, err := r.Body()
	if err != nil {
		return err
	}
	body.Want(object.MD5)
	data, err := k.read(body)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		k.errs = append(k.errs, err)
		return err
	}
	if sum := md5.Sum(data); body.Sum(object.MD5).Hex() != fmt.Sprintf("%x", sum) || body.Size() != int64(len(data)) {
		return errors.New("the wanted MD5 or the size is wrong")
	}
	k.stored[r.Key], k.sums[r.Key] = string(data), body.Sums()
	return nil
}

func (k *keeper) get(key string) (string, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	v, ok := k.stored[key]
	return v, ok
}

// readers are the ways in which a handler may take a body.
var readers = map[string]func(*Body) ([]byte, error){
	"ReadAll": func(b *Body) ([]byte, error) { return b.ReadAll(nil) },
	"WriteTo": func(b *Body) ([]byte, error) {
		var out bytes.Buffer
		_, err := b.WriteTo(&out)
		return out.Bytes(), err
	},
	"small reads": func(b *Body) ([]byte, error) {
		var out []byte
		p := make([]byte, 7)
		for {
			n, err := b.Read(p)
			out = append(out, p[:n]...)
			if err == io.EOF {
				return out, nil
			}
			if err != nil {
				return out, err
			}
		}
	},
	"large reads": func(b *Body) ([]byte, error) {
		var out []byte
		p := make([]byte, 100_000)
		for {
			n, err := b.Read(p)
			out = append(out, p[:n]...)
			if err == io.EOF {
				return out, nil
			}
			if err != nil {
				return out, err
			}
		}
	},
}

const someSignature = "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"

// awsChunked frames data with chunks of the given size.
func awsChunked(data string, size int, signed bool, trailer string) string {
	var b strings.Builder
	header := func(n int) {
		fmt.Fprintf(&b, "%x", n)
		if signed {
			b.WriteString(";chunk-signature=" + someSignature)
		}
		b.WriteString("\r\n")
	}
	for len(data) > 0 {
		n := min(size, len(data))
		header(n)
		b.WriteString(data[:n] + "\r\n")
		data = data[n:]
	}
	header(0)
	b.WriteString(trailer + "\r\n")
	return b.String()
}

// httpChunked frames a body with Transfer-Encoding: chunked.
func httpChunked(body string, size int) string {
	var b strings.Builder
	for len(body) > 0 {
		n := min(size, len(body))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	b.WriteString("0\r\n\r\n")
	return b.String()
}

func sumHeader(a object.Algorithm, data string) string {
	return "x-amz-checksum-" + a.String() + ":" + object.Sum(a, []byte(data)).Base64()
}

func contentMD5(data string) string {
	sum := md5.Sum([]byte(data))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// framing is one way to send a payload.
type framing struct {
	name    string
	headers func(data string) []string
	body    func(data string) string
	te      bool // Transfer-Encoding: chunked
	small   bool // only for small payloads, for the time it takes
}

func framings() []framing {
	plain := func(data string) string { return data }
	streaming := func(mode string, more ...string) func(string) []string {
		return func(data string) []string {
			return append([]string{"x-amz-content-sha256: STREAMING-" + mode, "content-encoding: aws-chunked",
				fmt.Sprintf("X-Amz-Decoded-Content-Length: %d", len(data))}, more...)
		}
	}
	chunked := func(size int, signed bool, trailer func(string) string) func(string) string {
		return func(data string) string {
			t := ""
			if trailer != nil {
				t = trailer(data)
			}
			return awsChunked(data, size, signed, t)
		}
	}
	crc32 := func(data string) string { return sumHeader(object.CRC32, data) + "\r\n" }
	stray := func(data string) string {
		return sumHeader(object.CRC32C, data) + "\n\r\nx-amz-trailer-signature:" + someSignature + "\r\n"
	}
	none := func(string) []string { return nil }
	unsigned := streaming("UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Trailer: x-amz-checksum-crc32")
	return []framing{
		{name: "plain", headers: none, body: plain},
		{name: "md5 and sha256", body: plain, headers: func(data string) []string {
			return []string{"Content-MD5: " + contentMD5(data), "x-amz-content-sha256: " + object.Sum(object.SHA256, []byte(data)).Hex()}
		}},
		{name: "crc64 header", body: plain, headers: func(data string) []string {
			return []string{strings.Replace(sumHeader(object.CRC64NVME, data), ":", ": ", 1), "x-amz-sdk-checksum-algorithm: CRC64NVME"}
		}},
		{name: "signed chunks", headers: streaming("AWS4-HMAC-SHA256-PAYLOAD"), body: chunked(64<<10, true, nil)},
		{name: "signed chunks, trailer, stray newline", headers: streaming("AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "x-amz-trailer: x-amz-checksum-crc32c"),
			body: chunked(1000, true, stray)},
		{name: "unsigned chunks, trailer", headers: unsigned, body: chunked(1<<30, false, crc32)},
		{name: "unsigned tiny chunks, trailer", headers: unsigned, body: chunked(3, false, crc32), small: true},
		{name: "unsigned chunks, no trailer", headers: streaming("UNSIGNED-PAYLOAD-TRAILER"), body: chunked(100, false, nil)},
		{name: "chunks in TE chunks", headers: unsigned, body: chunked(8192, false, crc32), te: true},
		{name: "signed chunks in TE chunks", headers: streaming("AWS4-HMAC-SHA256-PAYLOAD"), body: chunked(77, true, nil), te: true, small: true},
	}
}

// request makes the whole request of a payload in a framing; the head ends
// where the body begins.
func (f framing) request(key, data string) (head, body string) {
	body = f.body(data)
	length := fmt.Sprintf("Content-Length: %d", len(body))
	if f.te {
		body, length = httpChunked(body, 50), "Transfer-Encoding: chunked"
	}
	return "PUT /bkt/" + key + " HTTP/1.1\r\nHost: node\r\n" + lines(append(f.headers(data), length)) + "\r\n", body
}

// payload returns n bytes that are the same in every run.
func payload(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return string(b)
}
