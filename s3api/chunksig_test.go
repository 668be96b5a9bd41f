package s3api

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"ais/object"
)

// chunkSigner frames and signs bodies as a client does.
type chunkSigner struct {
	key      *signingKey
	scope    string
	previous string
}

func (c *chunkSigner) sign(kind, tail string) string {
	sum := c.key.sign([]byte("AWS4-HMAC-SHA256-" + kind + "\n" + c.scope + "\n" + c.previous + "\n" + tail))
	c.previous = hex.EncodeToString(sum[:])
	return c.previous
}

// signedUpload returns a PUT whose chunks are signed, with a trailer or without.
func signedUpload(t testing.TB, data string, chunk int, trailer bool, at time.Time) (head string, body []string) {
	t.Helper()
	payload := "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	headers := []string{"x-amz-decoded-content-length: " + fmt.Sprint(len(data)), "content-encoding: aws-chunked"}
	if trailer {
		payload += "-TRAILER"
		headers = append(headers, "x-amz-trailer: x-amz-checksum-crc32c")
	}
	text := at.Format(amzTime)
	headers = append(headers, "x-amz-date: "+text, "x-amz-content-sha256: "+payload)
	m := &message{method: []byte("PUT"), path: []byte("/bkt/key"), host: []byte("node")}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		m.fields = append(m.fields, field{[]byte(name), []byte(value)})
	}
	s := v4{timeText: text, headers: []byte(strings.Join(m.signable(), ";")), scopeText: text[:8] + "/us-east-1/s3/aws4_request",
		scope: scope{example.AccessKey, text[:8], "us-east-1", "s3"}}
	m.writeCanonical(&s, form{m.path, "node"}, payload)
	m.writeToSign(&s)
	c := &chunkSigner{key: newSigningKey(example.Secret, s.scope), scope: text + "\n" + s.scopeText}
	seed := c.key.sign(m.toSign)
	c.previous = hex.EncodeToString(seed[:])
	headers = append(headers, "Authorization: AWS4-HMAC-SHA256 Credential="+example.AccessKey+"/"+s.scopeText+
		", SignedHeaders="+string(s.headers)+", Signature="+c.previous)
	sha := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	total := data
	for done := false; !done; {
		piece := data[:min(chunk, len(data))]
		data = data[len(piece):]
		done = len(piece) == 0
		body = append(body, fmt.Sprintf("%x;chunk-signature=%s\r\n%s", len(piece), c.sign("PAYLOAD", emptySHA256+"\n"+sha(piece)), piece))
		if !done {
			body[len(body)-1] += "\r\n"
		}
	}
	end := "\r\n"
	if trailer {
		line := sumHeader(object.CRC32C, total)
		end = line + "\r\nx-amz-trailer-signature:" + c.sign("TRAILER", sha(line+"\n")) + "\r\n\r\n"
	}
	body = append(body, end)
	head = "PUT /bkt/key HTTP/1.1\r\nHost: node\r\n" + lines(headers) + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(strings.Join(body, "")))
	return head, body
}

func TestChunkSignatures(t *testing.T) {
	g := startGuard(t, signedAt, nil)
	ticket := startNode(t, func(r *Request) error {
		if err := g.verifier.AttachChunks(r); err != nil {
			return err
		}
		b, err := r.Body()
		if err != nil {
			return err
		}
		_, err = b.ReadAll(nil)
		return err
	}, nil)
	data := payload(200_000)
	for _, trailer := range []bool{false, true} {
		head, body := signedUpload(t, data, 65536, trailer, signedAt)
		whole := strings.Join(body, "")
		if a := g.do(t, head+whole); a.StatusCode != 200 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		if _, got := g.last(); got != data {
			t.Errorf("%d bytes came", len(got))
		}
		// Behind a redirect the host is another one, and only chunks are verified.
		if a := ticket.do(t, strings.Replace(head, "Host: node", "Host: other", 1)+whole); a.StatusCode != 200 {
			t.Errorf("with a ticket: %d %s", a.StatusCode, a.body)
		}
		if a := g.do(t, strings.Replace(head, "Host: node", "Host: other", 1)+whole); a.code() != "SignatureDoesNotMatch" {
			t.Errorf("without one: %d %s", a.StatusCode, a.body)
		}
		changed := map[string]string{
			"a byte":                     strings.Replace(whole, data[70_000:70_020], strings.Repeat("!", 20), 1),
			"a chunk left out":           strings.Join(append([]string{body[1]}, body[2:]...), ""),
			"two chunks the other way":   body[1] + body[0] + strings.Join(body[2:], ""),
			"a signature":                strings.Replace(whole, "chunk-signature=", "chunk-signature=0", 1)[:len(whole)],
			"the last signature":         strings.Replace(whole, body[len(body)-2], "0;chunk-signature="+strings.Repeat("0", 64)+"\r\n", 1),
			"a signature from elsewhere": strings.Replace(whole, body[1][:90], body[1][:22]+body[0][22:86]+body[1][86:90], 1),
		}
		if trailer {
			at := strings.Index(whole, "trailer-signature:") + len("trailer-signature:")
			changed["the trailer's signature"] = whole[:at] + strings.Repeat("0", 64) + whole[at+64:]
		}
		for what, body := range changed {
			for name, n := range map[string]*node{"signed": g.node, "ticket": ticket} {
				request := strings.Replace(head, fmt.Sprintf("Content-Length: %d", len(whole)), fmt.Sprintf("Content-Length: %d", len(body)), 1) + body
				if a := n.do(t, request); a.StatusCode/100 != 4 {
					t.Errorf("%s, %s: %d", what, name, a.StatusCode)
				}
			}
		}
	}
	head, body := signedUpload(t, "hello", 65536, false, signedAt)
	if a := ticket.do(t, strings.Replace(head, "AKIA", "AKIB", 1)+strings.Join(body, "")); a.code() != "InvalidAccessKeyId" {
		t.Errorf("an unknown key: %d %s", a.StatusCode, a.body)
	}
}

// TestDocumentedChunks has the example of "Signature Calculations for the
// Authorization Header: Transferring Payload in Multiple Chunks".
func TestDocumentedChunks(t *testing.T) {
	g := startGuard(t, time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC), nil)
	head := "PUT /examplebucket/chunkObject.txt HTTP/1.1\r\nHost: s3.amazonaws.com\r\nx-amz-date: 20130524T000000Z\r\nx-amz-storage-class: REDUCED_REDUNDANCY\r\n" +
		"Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9\r\n" +
		"x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\nContent-Encoding: aws-chunked\r\nx-amz-decoded-content-length: 66560\r\nContent-Length: 66824\r\n\r\n"
	body := "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" + strings.Repeat("a", 65536) + "\r\n" +
		"400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" + strings.Repeat("a", 1024) + "\r\n" +
		"0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
	if a := g.do(t, head+body); a.StatusCode != 200 {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if a := g.do(t, head+strings.Replace(body, "a\r\n400", "b\r\n400", 1)); a.code() != "SignatureDoesNotMatch" {
		t.Errorf("changed: %d %s", a.StatusCode, a.body)
	}
}

// TestChunkChainAllocates checks that a chunk costs no memory.
func TestChunkChainAllocates(t *testing.T) {
	s := v4{timeText: "20260304T050607Z", scopeText: "20260304/r/s3/aws4_request", payload: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
		signature: []byte(strings.Repeat("0", 64))}
	key := newSigningKey("secret", s.scope)
	verify := newChunkChain(&s, key)
	sign := &chunkSigner{key: key, scope: s.timeText + "\n" + s.scopeText, previous: string(s.signature)}
	var signatures [][]byte
	for range 300 {
		signatures = append(signatures, []byte(sign.sign("PAYLOAD", emptySHA256+"\n"+emptySHA256)))
	}
	sum := sha256.Sum256(nil)
	i := 0
	if n := testing.AllocsPerRun(200, func() {
		if err := verify.check(false, signatures[i], sum); err != nil {
			t.Fatal(err)
		}
		i++
	}); n > 0 && !raceEnabled {
		t.Errorf("%v allocations a chunk", n)
	}
}

func BenchmarkChunkSigned(b *testing.B) {
	const size = 8 << 20
	data := make([]byte, size)
	s := v4{timeText: "20260304T050607Z", scopeText: "20260304/r/s3/aws4_request", payload: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
		signature: []byte(strings.Repeat("0", 64))}
	key := newSigningKey("secret", s.scope)
	sign := &chunkSigner{key: key, scope: s.timeText + "\n" + s.scopeText, previous: string(s.signature)}
	var signed, plain strings.Builder
	for at := 0; at <= size; at += 65536 {
		piece := data[at:min(at+65536, size)]
		sum := sha256.Sum256(piece)
		signature := sign.sign("PAYLOAD", emptySHA256+"\n"+hex.EncodeToString(sum[:]))
		fmt.Fprintf(&signed, "%x;chunk-signature=%s\r\n%s\r\n", len(piece), signature, piece)
		fmt.Fprintf(&plain, "%x\r\n%s\r\n", len(piece), piece)
	}
	measure := func(b *testing.B, do func()) {
		b.SetBytes(size)
		b.ReportAllocs()
		cpu := cpuTime()
		for b.Loop() {
			do()
		}
		b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
	}
	block := make([]byte, blockSize, blockSize+chunkAhead)
	read := func(b *testing.B, body string, plan bodyPlan) {
		c := newChunkReader(strings.NewReader(body), plan)
		defer c.release()
		c.room = chunkAhead
		for total := 0; ; {
			n, err := io.ReadFull(c, block)
			total += n
			if (err == io.EOF || err == io.ErrUnexpectedEOF) && total == size && c.err == io.EOF {
				return
			}
			if err != nil {
				b.Fatal(total, err)
			}
		}
	}
	b.Run("signed", func(b *testing.B) {
		measure(b, func() {
			read(b, signed.String(), bodyPlan{size: size, chunked: true, signed: true, check: newChunkChain(&s, key).check})
		})
	})
	b.Run("unsigned", func(b *testing.B) {
		measure(b, func() { read(b, plain.String(), bodyPlan{size: size, chunked: true}) })
	})
	b.Run("sha256", func(b *testing.B) {
		measure(b, func() { sha256.Sum256(data) })
	})
}

// cpuTime returns what this process has used: other processes on the machine do
// not change it as much as they do the time that passes.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
