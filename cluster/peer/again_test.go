package peer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ais/object"

	"github.com/valyala/fasthttp"
)

// resending is a gateway that asks the nodes in their order, while a request may be
// sent once more.
func resending(t *testing.T, c *Client, patience time.Duration, nodes ...string) string {
	return serve(t, func(ctx *fasthttp.RequestCtx) {
		var err error
		for _, node := range nodes {
			if err = c.TryRelay(ctx, node, nil, patience); err == nil {
				return
			}
			if _, ok := Resend(err, ctx.IsGet()); !ok {
				break
			}
		}
		c.Drain(ctx)
		ctx.Error(err.Error(), fasthttp.StatusServiceUnavailable)
	})
}

// A request that no node has begun with goes to the next one, whole; of one that may
// have been begun with only a read does. The first node is down, wants the request to
// be sent again, or reads it and goes.
func TestResend(t *testing.T) {
	var served atomic.Int64
	good := serve(t, func(ctx *fasthttp.RequestCtx) {
		served.Add(1)
		body := ctx.Request.Body()
		ctx.SetBodyString(fmt.Sprint(len(body), " bytes of x: ", strings.Count(string(body), "x") == len(body)))
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	leaving := serve(t, func(ctx *fasthttp.RequestCtx) {
		if stream := ctx.RequestBodyStream(); stream != nil {
			_, _ = io.ReadFull(stream, make([]byte, 1000))
		}
		ctx.Error("about to end", fasthttp.StatusServiceUnavailable)
		Rejects(ctx, Again("test", "", 7, errors.New("about to end")))
	})
	going := serveRaw(t, func(_ net.Conn, r *bufio.Reader) {
		head := readHead(r)
		if strings.HasPrefix(head, "PUT") {
			_, _ = io.CopyN(io.Discard, r, 5)
		}
	})
	for _, first := range []struct{ name, addr string }{{"down", l.Addr().String()}, {"leaving", leaving}, {"going", going}} {
		c := newClient(t)
		addr := resending(t, c, 0, first.addr, good)
		for _, request := range []struct {
			method string
			size   int
		}{{"GET", 0}, {"DELETE", 0}, {"PUT", 5}, {"PUT", 8000}, {"PUT", 3 << 20}} {
			want := 200
			switch {
			case first.name == "going" && request.method != "GET": // it may have been served
				want = 503
			case first.name == "leaving" && request.size > 8<<10: // its body is used up
				want = 503
			}
			before := served.Load()
			conn, r := dial(t, addr)
			send(t, conn, "%s /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", request.method, request.size, strings.Repeat("x", request.size))
			resp, body := readAnswer(t, r, request.method)
			if resp.StatusCode != want || want == 200 && body != fmt.Sprint(request.size, " bytes of x: true") {
				t.Errorf("%s, %s of %d bytes: %s %s", first.name, request.method, request.size, resp.Status, body)
			}
			if n := served.Load() - before; n != map[int]int64{200: 1, 503: 0}[want] {
				t.Errorf("%s, %s of %d bytes: served %d times", first.name, request.method, request.size, n)
			}
		}
	}
}

// A node that takes a read and says nothing is waited for while there is patience.
func TestPatience(t *testing.T) {
	end := make(chan struct{})
	hung := serveRaw(t, func(net.Conn, *bufio.Reader) { <-end })
	defer close(end)
	good := serve(t, func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString("ok") })
	conn, r := dial(t, resending(t, newClient(t), 50*time.Millisecond, hung, good))
	began := time.Now()
	send(t, conn, "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n")
	if resp, body := readAnswer(t, r, "GET"); resp.StatusCode != 200 || body != "ok" {
		t.Error(resp.Status, body)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("after %s", took)
	}
}

// A message to a node says whether it may have arrived.
func TestCallResend(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	going := serveRaw(t, func(_ net.Conn, r *bufio.Reader) { readHead(r) })
	for addr, want := range map[string]bool{l.Addr().String(): true, going: false} {
		_, _, err := newClient(t).Call(t.Context(), addr, "POST", "/_/delete", nil, []byte("{}"))
		if _, ok := Resend(err, false); ok != want || object.KindOf(err) != object.Unavailable {
			t.Errorf("resend %t: %v", ok, err)
		}
		if _, ok := Resend(err, true); !ok {
			t.Errorf("a question is not asked again: %v", err)
		}
	}
}
