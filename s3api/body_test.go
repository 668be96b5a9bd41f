package s3api

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"ais/object"
)

func TestBodyFramings(t *testing.T) {
	for how, read := range readers {
		k := newKeeper()
		k.read = read
		n := startNode(t, k.serve, nil)
		for _, f := range framings() {
			w := n.dial(t)
			for _, size := range []int{0, 1, 100, 8191, 8193, 70_000, 400_000} {
				if (how == "small reads" || f.small) && size > 10_000 {
					continue
				}
				name, data := fmt.Sprintf("%s-%d", strings.ReplaceAll(f.name, " ", "_"), size), payload(size)
				head, body := f.request(strings.ReplaceAll(name, ",", ""), data)
				a := w.send(head + body).receive("PUT") // all on one connection: framing must be exact
				got, ok := k.get(strings.ReplaceAll(name, ",", ""))
				if a.StatusCode != 200 || !ok || got != data {
					t.Fatalf("%s, %s, %d bytes: %d %s, stored %v", how, f.name, size, a.StatusCode, a.body, ok)
				}
			}
		}
	}
}

func TestBodySumsAreKept(t *testing.T) {
	k := newKeeper()
	n := startNode(t, k.serve, nil)
	for _, f := range framings() {
		head, body := f.request("key", "hello")
		if a := n.do(t, head+body); a.StatusCode != 200 {
			t.Fatalf("%s: %d %s", f.name, a.StatusCode, a.body)
		}
		want := 0
		if strings.Contains(strings.ToLower(head), "crc") {
			want = 1
		}
		if sums := k.sums["key"]; len(sums) != want || want == 1 && !slices.Equal(sums[0].Value, object.Sum(sums[0].Algorithm, []byte("hello")).Value) {
			t.Errorf("%s: sums %v", f.name, sums)
		}
	}
}

// TestBodyCut closes the connection after every byte of a small body: nothing
// but the whole may be stored.
func TestBodyCut(t *testing.T) {
	k := newKeeper()
	n := startNode(t, k.serve, nil)
	data := payload(24)
	for _, f := range framings() {
		head, body := f.request("cut", data)
		end := len(body)
		if f.te {
			// What is left is the end of HTTP's own framing, after all that was
			// meant: its loss loses nothing.
			end = strings.LastIndex(body, "\r\n0\r\n\r\n")
		}
		for i := range end {
			w := n.dial(t)
			w.send(head + body[:i])
			if i%2 == 0 {
				_ = w.CloseWrite()
				if a, err := w.tryReceive("PUT"); err == nil && (a.StatusCode != 400 || a.code() != "IncompleteBody") {
					t.Errorf("%s cut at %d of %d: %d %s", f.name, i, len(body), a.StatusCode, a.body)
				}
			} else {
				_ = w.Close()
			}
		}
	}
	eventually(t, "the requests end", func() bool { return n.http.GetOpenConnectionsCount() == 0 })
	if v, ok := k.get("cut"); ok {
		t.Errorf("%q was stored", v)
	}
}

// TestBodyCutLarge does the same behind what fasthttp prefetches.
func TestBodyCutLarge(t *testing.T) {
	data := payload(300_000)
	for how, read := range readers {
		if how == "small reads" {
			continue
		}
		k := newKeeper()
		k.read = read
		n := startNode(t, k.serve, nil)
		for _, f := range framings() {
			if f.small {
				continue
			}
			head, body := f.request("cut", data)
			for _, i := range []int{8192, 8193, 20_000, 65_536, 131_072, 262_144, len(body) - 10} {
				w := n.dial(t)
				w.send(head + body[:i])
				_ = w.CloseWrite()
				a, err := w.tryReceive("PUT")
				if err != nil {
					t.Fatalf("%s, %s cut at %d: %v", how, f.name, i, err)
				}
				if a.code() != "IncompleteBody" {
					t.Errorf("%s, %s cut at %d: %d %s", how, f.name, i, a.StatusCode, a.body)
				}
			}
		}
		if _, ok := k.get("cut"); ok {
			t.Errorf("%s: something was stored", how)
		}
	}
}

func TestBodyRefused(t *testing.T) {
	const data = "hello, world"
	unsigned := []string{"x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-decoded-content-length: 12"}
	signed := []string{"x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "x-amz-decoded-content-length: 12"}
	crcTrailer := append(slices.Clone(unsigned), "x-amz-trailer: x-amz-checksum-crc32")
	good := sumHeader(object.CRC32, data) + "\r\n"
	tests := []struct {
		name    string
		headers []string
		body    string
		status  int
		code    string
	}{
		{"wrong md5", []string{"Content-MD5: " + contentMD5("other")}, data, 400, "BadDigest"},
		{"short md5", []string{"Content-MD5: AAAA"}, data, 400, "InvalidDigest"},
		{"md5 that is none", []string{"Content-MD5: not base64!"}, data, 400, "InvalidDigest"},
		{"empty md5", []string{"Content-MD5:"}, data, 400, "InvalidDigest"},
		{"wrong sha256", []string{"x-amz-content-sha256: " + object.Sum(object.SHA256, nil).Hex()}, data, 400, "XAmzContentSHA256Mismatch"},
		{"sha256 that is none", []string{"x-amz-content-sha256: abc"}, data, 400, "InvalidArgument"},
		{"ecdsa", []string{"x-amz-content-sha256: STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"}, data, 501, "NotImplemented"},
		{"wrong crc32", []string{"x-amz-checksum-crc32: AAAAAA=="}, data, 400, "BadDigest"},
		{"wrong sha1", []string{sumHeader(object.SHA1, "x")}, data, 400, "BadDigest"},
		{"malformed crc32c", []string{"x-amz-checksum-crc32c: AAAA"}, data, 400, "BadDigest"},
		{"two checksums", []string{sumHeader(object.SHA1, data), sumHeader(object.CRC32, data)}, data, 400, "InvalidRequest"},
		{"header and trailer", append(slices.Clone(crcTrailer), sumHeader(object.CRC32, data)), awsChunked(data, 9, false, good), 400, "InvalidRequest"},
		{"another algorithm", []string{sumHeader(object.SHA1, data), "x-amz-sdk-checksum-algorithm: CRC32"}, data, 400, "InvalidRequest"},
		{"unknown trailer", append(slices.Clone(unsigned), "x-amz-trailer: x-amz-color"), awsChunked(data, 9, false, ""), 400, "InvalidRequest"},
		{"no decoded length", unsigned[:1], awsChunked(data, 9, false, ""), 411, "MissingContentLength"},
		{"bad decoded length", []string{unsigned[0], "x-amz-decoded-content-length: 1x"}, awsChunked(data, 9, false, ""), 400, "InvalidArgument"},
		{"negative decoded length", []string{unsigned[0], "x-amz-decoded-content-length: -1"}, awsChunked(data, 9, false, ""), 400, "InvalidArgument"},
		{"decoded length too long", []string{unsigned[0], "x-amz-decoded-content-length: 13"}, awsChunked(data, 9, false, ""), 400, "IncompleteBody"},
		{"decoded length too short", []string{unsigned[0], "x-amz-decoded-content-length: 11"}, awsChunked(data, 9, false, ""), 400, "IncompleteBody"},
		{"decoded length over the limit", []string{unsigned[0], "x-amz-decoded-content-length: 5368709121"}, awsChunked(data, 9, false, ""), 400, "EntityTooLarge"},
		{"wrong trailer", crcTrailer, awsChunked(data, 9, false, sumHeader(object.CRC32, "x")+"\r\n"), 400, "BadDigest"},
		{"malformed trailer value", crcTrailer, awsChunked(data, 9, false, "x-amz-checksum-crc32:AA\r\n"), 400, "BadDigest"},
		{"missing trailer", crcTrailer, awsChunked(data, 9, false, ""), 400, "MalformedTrailerError"},
		{"other trailer", crcTrailer, awsChunked(data, 9, false, sumHeader(object.SHA1, data)+"\r\n"), 400, "MalformedTrailerError"},
		{"trailer twice", crcTrailer, awsChunked(data, 9, false, good+good), 400, "MalformedTrailerError"},
		{"trailer not announced", unsigned, awsChunked(data, 9, false, good), 400, "MalformedTrailerError"},
		{"trailer without colon", crcTrailer, awsChunked(data, 9, false, "x-amz-checksum-crc32\r\n"), 400, "MalformedTrailerError"},
		{"huge trailer", crcTrailer, awsChunked(data, 9, false, good+strings.Repeat("a", 9000)+"\r\n"), 400, "MalformedTrailerError"},
		{"trailer cut", crcTrailer, strings.TrimSuffix(awsChunked(data, 9, false, good), "\r\n"), 400, "IncompleteBody"},
		{"no signature", signed, awsChunked(data, 9, false, ""), 400, "InvalidRequest"},
		{"short signature", signed, "c;chunk-signature=12\r\n" + data + "\r\n0;chunk-signature=12\r\n\r\n", 400, "InvalidRequest"},
		{"no last chunk", unsigned, "c\r\n" + data + "\r\n", 400, "IncompleteBody"},
		{"size that is none", unsigned, "xyz\r\n" + data + "\r\n0\r\n\r\n", 400, "InvalidRequest"},
		{"empty size", unsigned, "\r\n" + data + "\r\n0\r\n\r\n", 400, "InvalidRequest"},
		{"negative size", unsigned, "-c\r\n" + data + "\r\n0\r\n\r\n", 400, "InvalidRequest"},
		{"huge size", unsigned, "fffffffffffffff\r\n" + data + "\r\n0\r\n\r\n", 400, "IncompleteBody"},
		{"size over 64 bits", unsigned, "10000000000000000000c\r\n" + data + "\r\n0\r\n\r\n", 400, "InvalidRequest"},
		{"endless header", unsigned, strings.Repeat("1", 5000), 400, "InvalidRequest"},
		{"chunk too long", unsigned, "b\r\n" + data + "\r\n0\r\n\r\n", 400, "InvalidRequest"},
		{"bare newline", unsigned, "c\n" + data + "\r\n0\r\n\r\n", 400, "InvalidRequest"},
		{"plain where chunks are due", unsigned, data, 400, "IncompleteBody"},
		{"junk after the end", unsigned, awsChunked(data, 9, false, "") + "more", 400, "IncompleteBody"},
	}
	k := newKeeper()
	n := startNode(t, k.serve, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := n.dial(t)
			w.send("PUT /bkt/key HTTP/1.1\r\nHost: node\r\n" + lines(tt.headers) + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(tt.body)) + tt.body)
			a := w.receive("PUT")
			if a.StatusCode != tt.status || a.code() != tt.code {
				t.Fatalf("%d %s, want %d %s", a.StatusCode, a.body, tt.status, tt.code)
			}
			if a.Header.Get("Content-Type") != "application/xml" || a.Header.Get("x-amz-request-id") == "" ||
				!strings.Contains(a.body, "<RequestId>"+a.Header.Get("x-amz-request-id")) {
				t.Errorf("headers %v, body %s", a.Header, a.body)
			}
			if !a.Close { // the connection must still be in step
				if a := w.send("GET /bkt/x?torrent HTTP/1.1\r\nHost: n\r\n\r\n").receive("GET"); a.StatusCode != 501 {
					t.Errorf("the next request: %d %s", a.StatusCode, a.body)
				}
			}
		})
	}
	if len(k.stored) != 0 {
		t.Errorf("stored: %v", k.stored)
	}
}

func TestBodyLength(t *testing.T) {
	n := startNode(t, newKeeper().serve, nil)
	tests := []struct {
		name, headers, body string
		status              int
		code                string
	}{
		{"none", "", "", 411, "MissingContentLength"},
		{"zero", "content-length: 0\r\n", "", 200, ""},
		{"chunked", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n", 411, "MissingContentLength"},
		{"5 GiB + 1", "Content-Length: 5368709121\r\n", strings.Repeat("x", 8192), 400, "EntityTooLarge"},
		{"a lie", "Content-Length: x\r\n", "", 400, "InvalidRequest"},
		{"two", "Content-Length: 1\r\nContent-Length: 2\r\n", "ab", 400, "InvalidRequest"},
	}
	for _, tt := range tests {
		a := n.do(t, "PUT /bkt/key HTTP/1.1\r\nHost: n\r\n"+tt.headers+"\r\n"+tt.body)
		if a.StatusCode != tt.status || a.code() != tt.code {
			t.Errorf("%s: %d %s, want %d %s", tt.name, a.StatusCode, a.body, tt.status, tt.code)
		}
	}
}

// TestBodyNobodyReads answers before the body is read: the next request on the
// connection is understood, or the connection is closed.
func TestBodyNobodyReads(t *testing.T) {
	n := startNode(t, func(*Request) error { return PreconditionFailed }, nil)
	for _, size := range []int{100, 10_000, 200_000, 300_000, 3_000_000} {
		for _, te := range []bool{false, true} {
			f := framing{headers: func(string) []string { return nil }, body: func(d string) string { return d }, te: te}
			head, body := f.request("key", payload(size))
			w := n.dial(t)
			go func() {
				_, _ = io.WriteString(w.TCPConn, head+body+"GET /bkt/next?torrent HTTP/1.1\r\nHost: n\r\n\r\n")
			}()
			a, err := w.tryReceive("PUT")
			if err != nil {
				if size <= 256<<10 {
					t.Errorf("%d bytes (chunked %v): %v", size, te, err)
				}
				continue // the kernel may throw an answer away with unread bytes
			}
			if a.code() != "PreconditionFailed" {
				t.Errorf("%d bytes (chunked %v): %s", size, te, a.body)
			}
			if next, err := w.tryReceive("GET"); err == nil && next.StatusCode != 501 {
				t.Errorf("%d bytes (chunked %v): the next request got %d %s", size, te, next.StatusCode, next.body)
			} else if err != nil && size <= 200_000 {
				t.Errorf("%d bytes (chunked %v): the next request: %v", size, te, err)
			}
		}
	}
}

func TestBodySlowClient(t *testing.T) {
	k := newKeeper()
	n := startNode(t, k.serve, func(c *Config) { c.ProgressTimeout = 100 * time.Millisecond })
	w := n.dial(t)
	start := time.Now()
	w.send("PUT /bkt/key HTTP/1.1\r\nHost: n\r\nContent-Length: 100000\r\n\r\n" + payload(20_000))
	if a := w.receive("PUT"); a.code() != "RequestTimeout" || !a.Close {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}

	// One that makes progress is not cut, however long it takes.
	w = n.dial(t)
	w.send("PUT /bkt/slow HTTP/1.1\r\nHost: n\r\nContent-Length: 300000\r\n\r\n")
	data := payload(300_000)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; i < len(data); i += 20_000 {
		<-tick.C
		w.send(data[i : i+20_000])
	}
	if a := w.receive("PUT"); a.StatusCode != 200 {
		t.Errorf("with progress: %d %s", a.StatusCode, a.body)
	}
	// Nor is the next request held to the deadline of the last body.
	time.AfterFunc(200*time.Millisecond, func() { _, _ = io.WriteString(w.TCPConn, "GET /bkt/x?torrent HTTP/1.1\r\nHost: n\r\n\r\n") })
	if a := w.receive("GET"); a.StatusCode != 501 {
		t.Errorf("afterwards: %d", a.StatusCode)
	}
}

func TestControlBody(t *testing.T) {
	n := startNode(t, func(r *Request) error {
		b, err := r.ControlBody(10)
		if err == nil {
			r.Bytes(b)
		}
		return err
	}, nil)
	tests := []struct{ headers, body, want string }{
		{"Content-Length: 5\r\n", "hello", "hello"},
		{"Content-Length: 10\r\n", "0123456789", "0123456789"},
		{"Content-Length: 11\r\n", "0123456789x", "MalformedXML"},
		{"", "", ""},
		{"Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n", "hello"},
		{"Transfer-Encoding: chunked\r\n", "b\r\n0123456789x\r\n0\r\n\r\n", "MalformedXML"},
		{"Content-MD5: " + contentMD5("x") + "\r\nContent-Length: 5\r\n", "hello", "BadDigest"},
		{"x-amz-checksum-crc32: AAAAAA==\r\nContent-Length: 0\r\n", "", ""},
		{"x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nx-amz-decoded-content-length: 5\r\nContent-Length: 15\r\n", "5\r\nhello\r\n0\r\n\r\n", "hello"},
	}
	for _, tt := range tests {
		a := n.do(t, "POST /bkt?delete HTTP/1.1\r\nHost: n\r\n"+tt.headers+"\r\n"+tt.body)
		got := a.body
		if c := a.code(); c != "" {
			got = c
		}
		if got != tt.want {
			t.Errorf("%q %q: %d %s, want %s", tt.headers, tt.body, a.StatusCode, a.body, tt.want)
		}
	}
}

func TestChunkSignaturesAreOffered(t *testing.T) {
	type call struct {
		trailer   bool
		signature string
		sum       string
	}
	var calls []call
	n := startNode(t, func(r *Request) error {
		r.VerifyChunks(func(trailer bool, signature []byte, sum [32]byte) error {
			calls = append(calls, call{trailer, string(signature), fmt.Sprintf("%x", sum)})
			if len(calls) > 10 {
				return SignatureDoesNotMatch
			}
			return nil
		})
		b, err := r.Body()
		if err != nil {
			return err
		}
		_, err = b.ReadAll(nil)
		return err
	}, nil)
	for _, f := range framings() {
		if f.name != "signed chunks, trailer, stray newline" {
			continue
		}
		data := payload(2500)
		head, body := f.request("key", data)
		if a := n.do(t, head+body); a.StatusCode != 200 {
			t.Fatalf("%s", a.body)
		}
		sha := func(s string) string { return object.Sum(object.SHA256, []byte(s)).Hex() }
		want := []call{{false, someSignature, sha(data[:1000])}, {false, someSignature, sha(data[1000:2000])}, {false, someSignature, sha(data[2000:])},
			{false, someSignature, sha("")}, {true, someSignature, sha(sumHeader(object.CRC32C, data) + "\n")}}
		if !slices.Equal(calls, want) {
			t.Errorf("got %v\nwant %v", calls, want)
		}
		head, body = f.request("key", payload(50_000))
		if a := n.do(t, head+body); a.code() != "SignatureDoesNotMatch" {
			t.Errorf("a wrong signature: %d %s", a.StatusCode, a.body)
		}
	}
}

// FuzzChunked feeds the decoder anything; what it accepts must be what a plain
// reading of the framing says.
func FuzzChunked(f *testing.F) {
	f.Add([]byte(awsChunked("hello, world", 5, false, "")), int64(12), false, uint8(3))
	f.Add([]byte(awsChunked("hello, world", 5, true, sumHeader(object.CRC32, "hello, world")+"\r\n")), int64(12), true, uint8(1))
	f.Add([]byte("0\r\n\r\n"), int64(0), false, uint8(0))
	f.Fuzz(func(t *testing.T, wire []byte, size int64, signed bool, step uint8) {
		if size < 0 {
			return // no request announces that
		}
		plan := bodyPlan{size: size, chunked: true, signed: signed, trailer: signed}
		c := newChunkReader(bytes.NewReader(wire), plan)
		defer c.release()
		p := make([]byte, int(step)+1)
		var out []byte
		for {
			n, err := c.Read(p)
			out = append(out, p[:n]...)
			if err == io.EOF {
				break
			}
			if err != nil {
				return
			}
			if len(out) > len(wire) {
				t.Fatal("more came out than went in")
			}
		}
		if int64(len(out)) > size {
			t.Fatalf("%d bytes of an announced %d", len(out), size)
		}
		if len(out) > 0 && !bytes.Contains(wire, out[:1]) {
			t.Fatal("bytes that were not sent")
		}
		if signed {
			_, _ = c.trailerSum(object.CRC32)
			return
		}
		if again := awsChunked(string(out), max(len(out), 1), false, ""); len(out) > 0 && !strings.HasSuffix(again, "\r\n0\r\n\r\n") {
			t.Fatal("no end")
		}
	})
}

func TestConnError(t *testing.T) {
	if err := connError(&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}); !errors.Is(err, IncompleteBody) {
		t.Errorf("a reset is %v", err)
	}
}

// A client that announces fewer bytes than it sends would have the rest of them
// taken for its next request.
func TestBrokenBodyEndsConnection(t *testing.T) {
	k := newKeeper()
	n := startNode(t, k.serve, nil)
	w := n.dial(t).send("PUT /bkt/k HTTP/1.1\r\nHost: n\r\nContent-Length: 2\r\nContent-MD5: " + contentMD5("bar") + "\r\n\r\nbar")
	if a := w.receive("PUT"); a.code() != "BadDigest" || !a.Close {
		t.Errorf("%d %s, close %v", a.StatusCode, a.body, a.Close)
	}
	if a, err := w.tryReceive("GET"); err == nil {
		t.Errorf("an answer to what was no request: %d", a.StatusCode)
	}
	w = n.dial(t).send("PUT /bkt/k HTTP/1.1\r\nHost: n\r\nContent-Length: 3\r\nContent-MD5: " + contentMD5("bar") + "\r\n\r\nbar")
	if a := w.receive("PUT"); a.StatusCode != 200 || a.Close {
		t.Errorf("a whole body: %d, close %v", a.StatusCode, a.Close)
	}
}

// TestChunkedReads decodes chunks of sizes around those of the buffers, however
// they arrive and are asked for.
func TestChunkedReads(t *testing.T) {
	for _, chunk := range []int{1, 127, 4095, 4096, 4097, 65536, 200_000} {
		data := payload(min(200_000, 300*chunk) + 77)
		body := awsChunked(data, chunk, false, "")
		for name, arrive := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader, "with its end": iotest.DataErrReader,
			"some": func(r io.Reader) io.Reader { return bufio.NewReaderSize(struct{ io.Reader }{r}, 5000) },
		} {
			for _, room := range []int{1, 100, 4095, 4096, 65536, 65600, 1 << 20} {
				c := newChunkReader(arrive(strings.NewReader(body)), bodyPlan{size: int64(len(data)), chunked: true})
				c.room = room % 3 * 64
				got := new(strings.Builder)
				if _, err := io.CopyBuffer(struct{ io.Writer }{got}, struct{ io.Reader }{c}, make([]byte, room, room+c.room)); err != nil || got.String() != data {
					t.Fatalf("chunks of %d that come %s, %d at a time: %d bytes of %d, %v", chunk, name, room, got.Len(), len(data), err)
				}
				c.release()
			}
		}
	}
}
