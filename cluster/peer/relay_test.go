package peer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ais/object"

	"github.com/valyala/fasthttp"
)

// TestRequestIsUntouched sends requests and compares what the node gets.
func TestRequestIsUntouched(t *testing.T) {
	const uri = "/s3/bucket/a//b/../c%2Fd%20+%C3%A9?x=%2B&uploads&y="
	for _, c := range []struct{ name, sent, want string }{
		{"order, case and repetition are kept",
			"GET " + uri + " HTTP/1.1\r\nx-AMZ-date:  now \r\nHost: Bucket.example.com:8080\r\nx-amz-object-attributes: ETag\r\nAccept-Encoding: identity\r\nx-amz-object-attributes: Checksum\r\nRange: bytes=0-1\r\n\r\n",
			"GET " + uri + " HTTP/1.1\r\nx-AMZ-date:  now \r\nHost: Bucket.example.com:8080\r\nx-amz-object-attributes: ETag\r\nAccept-Encoding: identity\r\nx-amz-object-attributes: Checksum\r\nRange: bytes=0-1\r\nX-Forwarded-Host: Bucket.example.com:8080\r\nX-Ais-Ticket: good\r\n\r\n"},
		{"fields of one connection end here",
			"GET / HTTP/1.1\r\nHost: h\r\nConnection: Keep-Alive, X-Secret\r\nKeep-Alive: 5\r\nx-secret: 1\r\nTE: trailers\r\nUpgrade: h2c\r\nProxy-Connection: x\r\nProxy-Authorization: x\r\nTrailer: x\r\nAccept: */*\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nX-Forwarded-Host: h\r\nX-Ais-Ticket: good\r\n\r\n"},
		{"a client cannot speak as a node",
			"DELETE /b/k HTTP/1.1\r\nHost: h\r\nx-ais-ticket: forged\r\nX-AIS-Rev: 99\r\nX-Ais-Redirect: follow\r\nX-Forwarded-Host: own\r\n\r\n",
			"DELETE /b/k HTTP/1.1\r\nHost: h\r\nX-Ais-Redirect: follow\r\nX-Forwarded-Host: own\r\nX-Ais-Ticket: good\r\n\r\n"},
		{"a folded field is unfolded",
			"GET / HTTP/1.1\r\nHost: h\r\nx-amz-meta-a: 1\r\n 2\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: h\r\nX-Amz-Meta-A: 1 2\r\nX-Forwarded-Host: h\r\nX-Ais-Ticket: good\r\n\r\n"},
		{"length and body are kept",
			"PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-MD5: x\r\n\r\nhello",
			"PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-MD5: x\r\nX-Forwarded-Host: h\r\nX-Ais-Ticket: good\r\n\r\nhello"},
		{"no length stays none",
			"PUT /b/k HTTP/1.1\r\nHost: h\r\n\r\n",
			"PUT /b/k HTTP/1.1\r\nHost: h\r\nX-Forwarded-Host: h\r\nX-Ais-Ticket: good\r\n\r\n"},
		{"chunked stays chunked",
			"PUT /b/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nx-a: b\r\n\r\n5;x=y\r\nhello\r\n0\r\n\r\n",
			"PUT /b/k HTTP/1.1\r\nHost: h\r\nx-a: b\r\nX-Forwarded-Host: h\r\nTransfer-Encoding: chunked\r\nX-Ais-Ticket: good\r\n\r\n00000005\r\nhello\r\n0\r\n\r\n"},
		{"a version before HTTP/1.1 becomes it",
			"GET /b/k HTTP/1.0\r\n\r\n",
			"GET /b/k HTTP/1.1\r\nHost: ADDR\r\nX-Ais-Ticket: good\r\n\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := make(chan string, 1)
			node := serveRaw(t, func(nc net.Conn, r *bufio.Reader) {
				want := strings.Replace(c.want, "ADDR", nc.LocalAddr().String(), 1)
				b := make([]byte, len(want))
				n, _ := io.ReadFull(r, b)
				got <- string(b[:n])
				io.WriteString(nc, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			})
			want := strings.Replace(c.want, "ADDR", node, 1)
			gate := serve(t, relayTo(newClient(t), node, Header{"X-Ais-Ticket", "good"}))
			conn, r := dial(t, gate)
			send(t, conn, "%s", c.sent)
			if resp, _ := readAnswer(t, r, "GET"); resp.StatusCode != 200 {
				t.Fatal(resp.Status)
			}
			if g := <-got; g != want {
				t.Errorf("the node got\n%q, want\n%q", g, want)
			}
		})
	}
}

// TestAnswers relays answers of every framing and compares what the client gets.
func TestAnswers(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 20<<10)
	for _, c := range []struct {
		name, method, answer string
		status               int
		length               int64
		body                 string
		closes               bool
	}{
		{"small", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, 5, "hello", false},
		{"empty", "GET", "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n", 200, 0, "", false},
		{"large", "GET", fmt.Sprintf("HTTP/1.1 206 Partial\r\nContent-Length: %d\r\n\r\n%s", len(big), big), 206, int64(len(big)), big, false},
		{"middling", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n" + big[:40000], 200, 40000, big[:40000], false},
		{"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1234567\r\n\r\n", 200, 1234567, "", false},
		{"HEAD without length", "HEAD", "HTTP/1.1 404 Not Found\r\n\r\n", 404, -1, "", false},
		{"not modified", "GET", "HTTP/1.1 304 Not Modified\r\n\r\n", 304, 0, "", false},
		{"no content", "DELETE", "HTTP/1.1 204 No Content\r\n\r\n", 204, 0, "", false},
		{"error", "GET", "HTTP/1.1 404 Not Found\r\nContent-Type: application/xml\r\nContent-Length: 8\r\n\r\n<Error/>", 404, 8, "<Error/>", false},
		{"interim first", "GET", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, 5, "hello", false},
		{"chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x\r\nlo\r\n0\r\nX-T: 1\r\n\r\n", 200, -1, "hello", false},
		{"chunked large", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50000\r\n" + big + "\r\n0\r\n\r\n", 200, -1, big, false},
		{"closing", "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", 200, 5, "hello", true},
		{"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, 5, "hello", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			const fields = "ETag: \"0a-1\"\r\nx-amz-meta-a: 1\r\nSet-Cookie: a=1\r\nX-Amz-Meta-A: 2\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nKeep-Alive: 5\r\n"
			final := strings.LastIndex(c.answer, "HTTP/1.")
			answer := c.answer[:final] + strings.Replace(c.answer[final:], "\r\n", "\r\n"+fields, 1)
			var accepted atomic.Int64
			node := serveRaw(t, func(nc net.Conn, r *bufio.Reader) {
				accepted.Add(1)
				for readHead(r) != "" {
					if _, err := io.WriteString(nc, answer); err != nil || c.closes {
						return
					}
				}
			})
			conn, r := dial(t, gateway(t, newClient(t), node))
			for range 3 {
				send(t, conn, "%s /b/k HTTP/1.1\r\nHost: h\r\n\r\n", c.method)
				resp, body := readAnswer(t, r, c.method)
				if resp.StatusCode != c.status || resp.ContentLength != c.length || body != c.body {
					t.Errorf("got %s, length %d, %d bytes", resp.Status, resp.ContentLength, len(body))
				}
				h := resp.Header
				if h.Get("ETag") != `"0a-1"` || fmt.Sprint(h["X-Amz-Meta-A"]) != "[1 2]" || h.Get("Set-Cookie") != "a=1" || h.Get("Last-Modified") == "" ||
					h.Get("Keep-Alive") != "" || h.Get("Connection") != "" || len(h["Date"]) != 1 || h.Get("Content-Type") == "text/plain; charset=utf-8" {
					t.Errorf("got %v", h)
				}
			}
			want := int64(1)
			if c.closes {
				want = 3
			}
			if n := accepted.Load(); n != want {
				t.Errorf("%d connections to the node, want %d", n, want)
			}
		})
	}
}

func TestBadAnswers(t *testing.T) {
	for _, answer := range []string{
		"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 20x OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nuntil the end",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 101 Switching\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 100<<10) + "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "",
	} {
		node := serveRaw(t, func(nc net.Conn, r *bufio.Reader) {
			readHead(r)
			io.WriteString(nc, answer)
		})
		conn, r := dial(t, gateway(t, newClient(t), node))
		send(t, conn, "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n")
		if resp, body := readAnswer(t, r, "GET"); resp.StatusCode != 503 || !strings.Contains(body, object.Unavailable.Error()) {
			t.Errorf("%.40q gave %s %s", answer, resp.Status, body)
		}
	}
}

// TestLargeBodies echoes bodies through two gateways in a row, many at once.
func TestLargeBodies(t *testing.T) {
	echo := serve(t, func(ctx *fasthttp.RequestCtx) {
		body := bytes.NewBuffer(make([]byte, 0, max(512, ctx.Request.Header.ContentLength())))
		if _, err := body.ReadFrom(ctx.RequestBodyStream()); err != nil || body.Len() == 0 {
			ctx.Error("bad body", 400)
			return
		}
		ctx.Response.SetBodyRaw(body.Bytes())
	})
	c := newClient(t)
	gate := gateway(t, c, gateway(t, c, echo))
	data := make([]byte, 64<<20)
	random := rand.NewChaCha8([32]byte{1})
	random.Read(data) // cannot fail
	var group sync.WaitGroup
	for _, size := range []int{1, 8 << 10, 8<<10 + 1, 19 << 10, 20 << 10, 64 << 10, 256 << 10, 1<<20 + 1, 64 << 20} {
		for _, framing := range []string{"length", "chunked"} {
			if size == len(data) && framing == "chunked" {
				continue
			}
			group.Go(func() {
				var body io.Reader = bytes.NewReader(data[:size])
				if framing == "chunked" {
					body = struct{ io.Reader }{body}
				}
				resp, err := http.Post("http://"+gate+"/k", "", body)
				if err != nil {
					t.Error(size, framing, err)
					return
				}
				defer resp.Body.Close()
				got := make([]byte, size+1)
				n, err := io.ReadFull(resp.Body, got)
				if err != io.ErrUnexpectedEOF || resp.StatusCode != 200 || !bytes.Equal(got[:n], data[:size]) {
					t.Error(size, framing, resp.Status, n, err)
				}
			})
		}
	}
	group.Wait()
	http.DefaultClient.CloseIdleConnections()
}

// TestKeptConnections pipelines requests and counts connections.
func TestKeptConnections(t *testing.T) {
	var accepted atomic.Int64
	node := serve(t, func(ctx *fasthttp.RequestCtx) {
		ctx.SetBody(append(ctx.Path(), ctx.Request.Body()...))
	}, func(s *fasthttp.Server) {
		s.ConnState = func(_ net.Conn, st fasthttp.ConnState) {
			if st == fasthttp.StateNew {
				accepted.Add(1)
			}
		}
	})
	c := newClient(t)
	conn, r := dial(t, gateway(t, c, node))
	var all strings.Builder
	for i := range 50 {
		fmt.Fprintf(&all, "GET /%d HTTP/1.1\r\nHost: h\r\n\r\nPUT /%d HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody", i, i)
	}
	send(t, conn, "%s", all.String())
	for i := range 50 {
		for _, want := range []string{fmt.Sprintf("/%d", i), fmt.Sprintf("/%dbody", i)} {
			if _, body := readAnswer(t, r, "GET"); body != want {
				t.Fatalf("got %q, want %q", body, want)
			}
		}
	}
	if n := accepted.Load(); n != 1 {
		t.Errorf("%d connections to the node", n)
	}
	if c.opened.Load() != 1 || c.idle.Load() != 1 {
		t.Errorf("%d open, %d idle", c.opened.Load(), c.idle.Load())
	}
}

func TestErrorKinds(t *testing.T) {
	refused := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().String()
	}()
	c := newClient(t)
	errs := make(chan error, 1)
	gate := serve(t, func(ctx *fasthttp.RequestCtx) {
		ctx.Response.Header.Set("X-Before", "kept")
		errs <- c.Relay(ctx, refused, nil)
	})
	conn, r := dial(t, gate)
	send(t, conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if resp, body := readAnswer(t, r, "GET"); resp.StatusCode != 200 || body != "" || resp.Header.Get("X-Before") != "kept" {
		t.Error("something was written to ctx:", resp.Status, resp.Header, body)
	}
	if err := <-errs; !errors.Is(err, object.Unavailable) {
		t.Error(err)
	}
}
