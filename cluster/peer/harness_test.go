package peer

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
)

// serve runs a fasthttp server with streamed bodies, as the nodes do, and returns
// its address.
func serve(t testing.TB, handler fasthttp.RequestHandler, change ...func(*fasthttp.Server)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &fasthttp.Server{
		Handler:                      handler,
		StreamRequestBody:            true,
		DisablePreParseMultipartForm: true,
		ReadBufferSize:               32 << 10,
		MaxIdleWorkerDuration:        100 * time.Millisecond, // for tests that count goroutines
		Logger:                       quietLogger{},
	}
	for _, f := range change {
		f(s)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(l) // ends with the listener
	}()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		s.ShutdownWithContext(ctx) // connections that a test left open
		<-done
	})
	return l.Addr().String()
}

type quietLogger struct{}

func (quietLogger) Printf(string, ...any) {}

// serveRaw accepts connections and hands each to handle.
func serveRaw(t testing.TB, handle func(c net.Conn, r *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(c, bufio.NewReader(c))
			}()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// readHead reads a request's or answer's head.
func readHead(r *bufio.Reader) string {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil || line == "\r\n" {
			return b.String()
		}
	}
}

func newClient(t testing.TB, change ...func(*Config)) *Client {
	t.Helper()
	config := DefaultConfig()
	config.DialTimeout = 10 * time.Second // the machine may be busy
	config.Registerer = prometheus.NewRegistry()
	for _, f := range change {
		f(&config)
	}
	c := New(config)
	t.Cleanup(func() { c.Close() })
	return c
}

// gateway runs a server that relays everything to the address, and answers an
// error with its kind's text.
func gateway(t testing.TB, c *Client, addr string, change ...func(*fasthttp.Server)) string {
	t.Helper()
	return serve(t, relayTo(c, addr), change...)
}

func relayTo(c *Client, addr string, add ...Header) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		if err := c.Relay(ctx, addr, add); err != nil {
			ctx.Error(err.Error(), fasthttp.StatusServiceUnavailable)
		}
	}
}

func dial(t testing.TB, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

func send(t testing.TB, c net.Conn, format string, args ...any) {
	t.Helper()
	if _, err := fmt.Fprintf(c, format, args...); err != nil {
		t.Fatal(err)
	}
}

func readAnswer(t testing.TB, r *bufio.Reader, method string) (*http.Response, string) {
	t.Helper()
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("after %d bytes: %v", len(body), err)
	}
	return resp, string(body)
}

// wait polls until the condition holds.
func wait(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !cond(); {
		if time.Now().After(end) {
			t.Fatalf("waited too long for: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func openFiles(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
