package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// raw is one TCP connection to a node, for what no HTTP client would send.
type raw struct {
	net.Conn
	r *bufio.Reader
}

func (c *Cluster) dial(t testing.TB, name string) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", c.node(t, name).port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return &raw{conn, bufio.NewReader(conn)}
}

// head returns the head of a request; each line is "Name: value".
func head(method, target string, lines ...string) string {
	all := append([]string{method + " " + target + " HTTP/1.1", "Host: localhost", "User-Agent: e2e"}, lines...)
	return strings.Join(all, "\r\n") + "\r\n\r\n"
}

// send writes; a connection that the server has closed is not an error here,
// what it answered is what counts.
func (r *raw) send(parts ...string) {
	for _, p := range parts {
		if _, err := io.WriteString(r, p); err != nil {
			return
		}
	}
}

// closeWrite says that no more will be sent, as a client that dies does.
func (r *raw) closeWrite() { _ = r.Conn.(*net.TCPConn).CloseWrite() }

// answer reads one response; ok is false where the connection ended without.
func (r *raw) answer(method string) (a answer, ok bool) {
	resp, err := http.ReadResponse(r.r, &http.Request{Method: method})
	for err == nil && resp.StatusCode == http.StatusContinue {
		resp, err = http.ReadResponse(r.r, &http.Request{Method: method})
	}
	if err != nil {
		return answer{}, false
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	a = answer{status: resp.StatusCode, header: resp.Header, body: data}
	a.code, a.text = errorCode(data)
	return a, true
}

// awsChunked frames data as aws-chunked in chunks of size, with a trailer line or none.
func awsChunked(data []byte, size int, signed bool, trailer string) []byte {
	var b bytes.Buffer
	extension := ""
	if signed {
		extension = ";chunk-signature=" + strings.Repeat("0a", 32)
	}
	for len(data) > 0 {
		n := min(size, len(data))
		fmt.Fprintf(&b, "%x%s\r\n", n, extension)
		b.Write(data[:n])
		b.WriteString("\r\n")
		data = data[n:]
	}
	fmt.Fprintf(&b, "0%s\r\n", extension)
	if trailer != "" {
		b.WriteString(trailer + "\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// httpChunked frames data as Transfer-Encoding: chunked.
func httpChunked(data []byte, size int) []byte {
	var b bytes.Buffer
	for len(data) > 0 {
		n := min(size, len(data))
		fmt.Fprintf(&b, "%x\r\n", n)
		b.Write(data[:n])
		b.WriteString("\r\n")
		data = data[n:]
	}
	b.WriteString("0\r\n\r\n")
	return b.Bytes()
}
