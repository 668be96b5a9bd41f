package peer

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ais/object"

	"github.com/valyala/fasthttp"
)

// TestCutUploads hangs up in the middle of a body: the node must see it cut.
func TestCutUploads(t *testing.T) {
	for name, sent := range map[string]string{
		"length":                 "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 60000),
		"length, first bytes":    "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 9000),
		"chunked, in a chunk":    "Transfer-Encoding: chunked\r\n\r\n10000\r\nabc",
		"chunked, between":       "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"chunked, before any":    "Transfer-Encoding: chunked\r\n\r\n",
		"chunked, in a size":     "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1",
		"chunked, before the LF": "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r",
	} {
		for _, how := range []string{"close", "shutdown", "reset"} {
			t.Run(name+", "+how, func(t *testing.T) {
				result := make(chan string, 1)
				node := serve(t, func(ctx *fasthttp.RequestCtx) {
					body, err := io.ReadAll(ctx.RequestBodyStream())
					if want := ctx.Request.Header.ContentLength(); err == nil && (want < 0 || want == len(body)) {
						result <- fmt.Sprintf("a whole body of %d bytes", len(body))
						return
					}
					result <- ""
				})
				c := newClient(t)
				conn, r := dial(t, gateway(t, c, node))
				send(t, conn, "PUT /b/k HTTP/1.1\r\nHost: h\r\n%s", sent)
				switch how {
				case "close":
					conn.Close()
				case "reset":
					conn.(*net.TCPConn).SetLinger(0)
					conn.Close()
				default:
					conn.(*net.TCPConn).CloseWrite()
					if resp, body := readAnswer(t, r, "PUT"); resp.StatusCode != 503 || !strings.Contains(body, object.Incomplete.Error()) {
						t.Error(resp.Status, body)
					}
				}
				wait(t, "the connection to the node closes", func() bool { return c.opened.Load() == 0 })
				select {
				case got := <-result:
					if got != "" {
						t.Error("the node saw", got)
					}
				default: // it was cut before the handler ran
				}
			})
		}
	}
}

// TestCutDownloads has the node end in the middle of an answer.
func TestCutDownloads(t *testing.T) {
	for _, size := range []int{30 << 10, 100 << 10, 5 << 20} {
		for _, framing := range []string{"length", "chunked"} {
			t.Run(fmt.Sprint(size, framing), func(t *testing.T) {
				node := serveRaw(t, func(nc net.Conn, r *bufio.Reader) {
					readHead(r)
					part := strings.Repeat("x", size*2/3)
					if framing == "length" {
						fmt.Fprintf(nc, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", size, part)
					} else {
						fmt.Fprintf(nc, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(part), part)
					}
				})
				c := newClient(t)
				conn, r := dial(t, gateway(t, c, node))
				send(t, conn, "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n")
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				n, err := io.Copy(io.Discard, resp.Body)
				if err == nil {
					t.Errorf("a short body of %d bytes passed for a whole one", n)
				}
				wait(t, "the connection to the node closes", func() bool { return c.opened.Load() == 0 })
			})
		}
	}
}

// TestClientLeaves hangs up in the middle of an answer.
func TestClientLeaves(t *testing.T) {
	node := serve(t, func(ctx *fasthttp.RequestCtx) { ctx.SetBody(make([]byte, 32<<20)) })
	c := newClient(t)
	gate := gateway(t, c, node)
	conn, r := dial(t, gate)
	send(t, conn, "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n")
	if _, err := r.Discard(100 << 10); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	wait(t, "the connection to the node closes", func() bool { return c.opened.Load() == 0 && c.idle.Load() == 0 })
}

// TestStalls has the node, then the client, stop in the middle of an answer, and
// the client in the middle of a body.
func TestStalls(t *testing.T) {
	quick := func(c *Config) { c.StallTimeout, c.HeaderTimeout = 200*time.Millisecond, 200*time.Millisecond }
	release := make(chan struct{})
	defer close(release)
	for _, stall := range []string{"before the head", "in a small body", "in a large body", "client"} {
		t.Run(stall, func(t *testing.T) {
			node := serveRaw(t, func(nc net.Conn, r *bufio.Reader) {
				readHead(r)
				switch stall {
				case "in a small body":
					io.WriteString(nc, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
				case "in a large body":
					fmt.Fprintf(nc, "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n%1000000d", 1)
				case "client":
					io.WriteString(nc, "HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n")
					io.Copy(nc, zeros{})
					return
				}
				<-release
			})
			c := newClient(t, quick)
			conn, r := dial(t, gateway(t, c, node))
			send(t, conn, "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n")
			if strings.Contains(stall, "small") || strings.Contains(stall, "head") {
				if resp, _ := readAnswer(t, r, "GET"); resp.StatusCode != 503 {
					t.Error(resp.Status)
				}
			} else if stall != "client" {
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, resp.Body); err == nil {
					t.Error("a short body passed for a whole one")
				}
				resp.Body.Close()
			}
			wait(t, "the connection to the node closes", func() bool { return c.opened.Load() == 0 })
		})
	}
	t.Run("upload", func(t *testing.T) {
		node := serve(t, func(ctx *fasthttp.RequestCtx) { io.Copy(io.Discard, ctx.RequestBodyStream()) })
		c := newClient(t, quick)
		conn, r := dial(t, gateway(t, c, node))
		send(t, conn, "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n%20000d", 1)
		if resp, body := readAnswer(t, r, "PUT"); resp.StatusCode != 503 || !strings.Contains(body, object.Incomplete.Error()) {
			t.Error(resp.Status, body)
		}
		wait(t, "the connection to the node closes", func() bool { return c.opened.Load() == 0 })
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestSlowClient takes longer than the stall timeout, but moves.
func TestSlowClient(t *testing.T) {
	const size = 24 << 20
	node := serve(t, func(ctx *fasthttp.RequestCtx) { ctx.SetBody(make([]byte, size)) })
	c := newClient(t, func(c *Config) { c.StallTimeout = 400 * time.Millisecond })
	conn, r := dial(t, gateway(t, c, node))
	send(t, conn, "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n")
	readHead(r)
	pace := time.NewTicker(50 * time.Millisecond)
	defer pace.Stop()
	for left := size; left > 0; <-pace.C {
		n, err := r.Discard(min(left, 1<<20))
		if left -= n; err != nil {
			t.Fatalf("%v with %d bytes left", err, left)
		}
	}
}

// TestEarlyAnswer has the node refuse a body that it has not read.
func TestEarlyAnswer(t *testing.T) {
	for _, size := range []int{6 << 10, 100 << 10, 4 << 20} {
		node := serve(t, func(ctx *fasthttp.RequestCtx) { ctx.Error("<Denied/>", 403) })
		c := newClient(t)
		gate := gateway(t, c, node, func(s *fasthttp.Server) { s.MaxRequestBodySize = 1 << 30 })
		for range 10 {
			resp, err := http.Post("http://"+gate+"/b/k", "", io.LimitReader(zeros{}, int64(size)))
			if err != nil {
				t.Fatal(size, err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != 403 || string(body) != "<Denied/>" || err != nil {
				t.Error(size, resp.Status, string(body), err)
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestStaleConnections has the node close every kept connection.
func TestStaleConnections(t *testing.T) {
	for _, request := range []string{
		"GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n",
		"DELETE /b/k HTTP/1.1\r\nHost: h\r\n\r\n",
		"PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
		"PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 9000\r\n\r\n" + strings.Repeat("x", 9000),
	} {
		var closing atomic.Pointer[net.Conn]
		node := serve(t, func(ctx *fasthttp.RequestCtx) {
			nc := ctx.Conn()
			closing.Store(&nc)
			if stream := ctx.RequestBodyStream(); stream != nil {
				io.Copy(io.Discard, stream)
			}
			ctx.SetBodyString("ok")
		})
		c := newClient(t)
		conn, r := dial(t, gateway(t, c, node))
		for range 5 {
			send(t, conn, "%s", request)
			if resp, body := readAnswer(t, r, "GET"); resp.StatusCode != 200 || body != "ok" {
				t.Fatalf("%.3s: %s %s", request, resp.Status, body)
			}
			(*closing.Load()).(*net.TCPConn).CloseRead() // ends the node's wait for a request
			h := c.host(node)
			wait(t, "the connection goes stale", func() bool {
				h.mu.Lock()
				defer h.mu.Unlock()
				return len(h.idle) == 1 && !h.idle[0].quiet()
			})
		}
	}
}

func TestIdleConnectionsExpire(t *testing.T) {
	node := serve(t, func(*fasthttp.RequestCtx) {})
	c := newClient(t, func(c *Config) { c.IdleTimeout = 50 * time.Millisecond })
	conn, r := dial(t, gateway(t, c, node))
	send(t, conn, "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n")
	readAnswer(t, r, "GET")
	wait(t, "the connection to the node closes", func() bool { return c.opened.Load() == 0 && c.idle.Load() == 0 })
}

func TestMaxIdle(t *testing.T) {
	var waiting atomic.Int64
	all := make(chan struct{})
	node := serve(t, func(ctx *fasthttp.RequestCtx) {
		if waiting.Add(1) == 8 {
			close(all)
		}
		select {
		case <-all:
		case <-time.After(10 * time.Second):
			ctx.Error("the others did not come", 500)
		}
	})
	c := newClient(t, func(c *Config) { c.MaxIdlePerHost = 3 })
	gate := gateway(t, c, node)
	readers := make([]*bufio.Reader, 8)
	for i := range readers {
		conn, r := dial(t, gate)
		send(t, conn, "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n")
		readers[i] = r
	}
	for _, r := range readers {
		readAnswer(t, r, "GET")
	}
	wait(t, "three are kept", func() bool { return c.opened.Load() == 3 && c.idle.Load() == 3 })
}

// TestNothingLeaks counts goroutines and files around a mix of good and bad relays.
func TestNothingLeaks(t *testing.T) {
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	t.Run("traffic", func(t *testing.T) {
		node := serve(t, func(ctx *fasthttp.RequestCtx) {
			if string(ctx.Path()) == "/cut" {
				ctx.Response.SetBodyStream(io.LimitReader(zeros{}, 1<<20), 2<<20)
				return
			}
			ctx.SetBody(make([]byte, ctx.QueryArgs().GetUintOrZero("n")))
		})
		c := newClient(t)
		gate := gateway(t, c, node)
		for i := range 60 {
			conn, r := dial(t, gate)
			path := []string{"/?n=10", "/?n=50000", "/?n=3000000", "/cut"}[i%4]
			send(t, conn, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path)
			if i%3 == 0 {
				readHead(r)
			} else if resp, err := http.ReadResponse(r, nil); err == nil {
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			conn.Close()
		}
	})
	wait(t, "goroutines and files are back", func() bool {
		runtime.GC() // ends the pipes that the standard library keeps for splicing
		// Some of both are made once in a process; 60 relays would leak more.
		return runtime.NumGoroutine() <= goroutines+10 && openFiles(t) <= files+10
	})
}
