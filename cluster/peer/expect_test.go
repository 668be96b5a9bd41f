package peer

import (
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"ais/object"

	"github.com/valyala/fasthttp"
)

// expecting is a gateway with an ExpectHandler, as the proxy has, before a node
// with one that refuses what asks for it.
func expecting(t *testing.T, c *Client) (addr string, bodies *atomic.Int64) {
	t.Helper()
	bodies = new(atomic.Int64)
	node := serve(t, func(ctx *fasthttp.RequestCtx) {
		body, err := io.ReadAll(ctx.RequestBodyStream())
		if err != nil || len(body) != ctx.Request.Header.ContentLength() {
			return
		}
		bodies.Add(1)
		ctx.SetBodyString("stored")
	}, func(s *fasthttp.Server) {
		s.ExpectHandler = func(ctx *fasthttp.RequestCtx) int {
			if len(ctx.Request.Header.Peek("If-None-Match")) > 0 {
				ctx.SetBodyString("<Error><Code>PreconditionFailed</Code></Error>")
				return fasthttp.StatusPreconditionFailed
			}
			return fasthttp.StatusContinue
		}
	})
	addr = gateway(t, c, node, func(s *fasthttp.Server) {
		s.ExpectHandler = func(ctx *fasthttp.RequestCtx) int {
			status, err := c.RelayExpect(ctx, node, nil)
			if err != nil {
				ctx.SetBodyString(err.Error())
				return fasthttp.StatusServiceUnavailable
			}
			return status
		}
	})
	return addr, bodies
}

func TestExpectAccepted(t *testing.T) {
	c := newClient(t)
	addr, bodies := expecting(t, c)
	conn, r := dial(t, addr)
	for i, size := range []int{5, 9000, 3 << 20} {
		send(t, conn, "PUT /b/k HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", size)
		if head := readHead(r); head != "HTTP/1.1 100 Continue\r\n\r\n" {
			t.Fatalf("got %q", head)
		}
		if bodies.Load() != int64(i) {
			t.Error("a body arrived too soon")
		}
		send(t, conn, "%s", strings.Repeat("x", size))
		if resp, body := readAnswer(t, r, "PUT"); resp.StatusCode != 200 || body != "stored" {
			t.Fatal(resp.Status, body)
		}
	}
	if c.opened.Load() != 1 || c.idle.Load() != 1 {
		t.Errorf("%d open, %d idle", c.opened.Load(), c.idle.Load())
	}
}

func TestExpectRefused(t *testing.T) {
	c := newClient(t)
	addr, bodies := expecting(t, c)
	conn, r := dial(t, addr)
	send(t, conn, "PUT /b/k HTTP/1.1\r\nHost: h\r\nIf-None-Match: *\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	if resp, body := readAnswer(t, r, "PUT"); resp.StatusCode != 412 || !strings.Contains(body, "PreconditionFailed") {
		t.Error(resp.Status, body)
	}
	if bodies.Load() != 0 {
		t.Error("the node got a body")
	}
	wait(t, "the connection to the node closes", func() bool { return c.opened.Load() == 0 })
}

// TestExpectAbandoned hangs up after the 100, before and within the body.
func TestExpectAbandoned(t *testing.T) {
	for _, sent := range []string{"", "xx", strings.Repeat("x", 50000)} {
		c := newClient(t)
		addr, bodies := expecting(t, c)
		conn, r := dial(t, addr)
		send(t, conn, "PUT /b/k HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n")
		readHead(r)
		send(t, conn, "%s", sent)
		conn.Close()
		wait(t, "the connection to the node closes", func() bool { return c.opened.Load() == 0 })
		if bodies.Load() != 0 {
			t.Error("the node took a cut body for a whole one")
		}
	}
}

func TestExpectUnavailable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := newClient(t)
	addr := gateway(t, c, "", func(s *fasthttp.Server) {
		s.ExpectHandler = func(ctx *fasthttp.RequestCtx) int {
			if _, err := c.RelayExpect(ctx, l.Addr().String(), nil); object.KindOf(err) != object.Unavailable {
				t.Error(err)
			}
			return fasthttp.StatusServiceUnavailable
		}
	})
	conn, r := dial(t, addr)
	send(t, conn, "PUT /b/k HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	if resp, _ := readAnswer(t, r, "PUT"); resp.StatusCode != 503 {
		t.Error(resp.Status)
	}
}

// TestExpectWithoutHandler: the server has sent its 100 by itself; head and body go on.
func TestExpectWithoutHandler(t *testing.T) {
	node := serve(t, func(ctx *fasthttp.RequestCtx) {
		if len(ctx.Request.Header.Peek("Expect")) > 0 {
			t.Error("Expect went on")
		}
		io.Copy(ctx, ctx.RequestBodyStream()) // the client compares
	})
	conn, r := dial(t, gateway(t, newClient(t), node))
	send(t, conn, "PUT /b/k HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	readHead(r)
	send(t, conn, "hello")
	if resp, body := readAnswer(t, r, "PUT"); resp.StatusCode != 200 || body != "hello" {
		t.Error(resp.Status, body)
	}
}
