package peer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"ais/object"

	"github.com/valyala/fasthttp"
)

func TestCall(t *testing.T) {
	node := serve(t, func(ctx *fasthttp.RequestCtx) {
		ctx.SetStatusCode(201)
		n := ctx.QueryArgs().GetUintOrZero("n")
		if ctx.QueryArgs().Has("chunked") {
			ctx.SetBodyStream(io.LimitReader(zeros{}, int64(n)), -1)
			return
		}
		fmt.Fprintf(ctx, "%s %s %s %s", ctx.Method(), ctx.RequestURI(), ctx.Request.Header.Peek("X-Ais-Rev"), ctx.Request.Body())
		ctx.Write(make([]byte, n)) // memory
	}, func(s *fasthttp.Server) { s.StreamRequestBody = false })
	c := newClient(t)
	status, body, err := c.Call(context.Background(), node, "POST", "/_/list?q=1", []Header{{"X-Ais-Rev", "7"}}, []byte("hello"))
	if err != nil || status != 201 || string(body) != "POST /_/list?q=1 7 hello" {
		t.Error(status, string(body), err)
	}
	for _, n := range []int{0, 1 << 10, 64 << 10, 3 << 20} {
		for _, q := range []string{"", "&chunked"} {
			_, body, err = c.Call(context.Background(), node, "GET", fmt.Sprintf("/?n=%d%s", n, q), nil, nil)
			if err != nil || bytes.Count(body, []byte{0}) != n {
				t.Error(n, q, len(body), err)
			}
		}
	}
	if c.opened.Load() != 1 {
		t.Error(c.opened.Load(), "connections")
	}
}

func TestCallFails(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	mute := serveRaw(t, func(net.Conn, *bufio.Reader) { <-release })
	c := newClient(t)
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := c.Call(ctx, mute, "GET", "/", nil, nil); !errors.Is(err, object.Unavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, _, err := c.Call(ctx, mute, "GET", "/", nil, nil); !errors.Is(err, object.Unavailable) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if time.Since(start) > 5*time.Second {
		t.Error("took", time.Since(start))
	}
	wait(t, "nothing is kept", func() bool { return c.opened.Load() == 0 })
	c.Close()
	if _, _, err := c.Call(context.Background(), mute, "GET", "/", nil, nil); !errors.Is(err, object.Unavailable) {
		t.Error("after Close:", err)
	}
}

func TestCallRetriesStale(t *testing.T) {
	node := serveRaw(t, func(nc net.Conn, r *bufio.Reader) {
		if readHead(r) != "" {
			io.WriteString(nc, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	c := newClient(t)
	for range 3 {
		if status, body, err := c.Call(context.Background(), node, "GET", "/", nil, nil); err != nil || status != 200 || string(body) != "ok" {
			t.Error(status, string(body), err)
		}
	}
}

// TestKernelMovesLargeBodies relays through a gateway in a process of its own,
// whose read calls the kernel counts: spliced bytes are not among them.
func TestKernelMovesLargeBodies(t *testing.T) {
	const size = 8 << 20
	_, node := startRole(t, fmt.Sprintf("node %d", size))
	pid, gate := startRole(t, "gateway "+node)
	readBytes := func() (n int64) {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(string(data), "rchar: %d", &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := readBytes()
	conn, r := dial(t, gate)
	send(t, conn, "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n")
	if _, body := readAnswer(t, r, "GET"); len(body) != size || strings.Trim(body, "\x00") != "" {
		t.Fatal(len(body), "bytes")
	}
	if n := readBytes() - before; n > 1<<20 {
		t.Errorf("%d bytes of %d went through the gateway's memory", n, size)
	}
}
