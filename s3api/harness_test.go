package s3api

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// serveFunc is a Handler made of a function.
type serveFunc func(*Request) error

func (f serveFunc) ServeS3(r *Request) error { return f(r) }

// node is a real server on loopback.
type node struct {
	addr   string
	server *Server
	http   *fasthttp.Server
}

// startNode serves h on a port of its own until the test ends. change, if not
// nil, may change the config before that, and tune the HTTP server.
func startNode(t testing.TB, h serveFunc, change func(*Config), tune ...func(*fasthttp.Server)) *node {
	t.Helper()
	c := DefaultConfig()
	c.Handler = h
	c.Logger = slog.New(slog.DiscardHandler)
	if change != nil {
		change(&c)
	}
	s, err := NewServer(c)
	if err != nil {
		t.Fatal(err)
	}
	f := &fasthttp.Server{}
	ConfigureServer(f, s, s.Serve, time.Minute)
	for _, set := range tune {
		set(f)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- f.Serve(l) }()
	t.Cleanup(func() {
		_ = l.Close()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return &node{addr: l.Addr().String(), server: s, http: f}
}

// wire is a raw connection to a node.
type wire struct {
	t testing.TB
	*net.TCPConn
	r *bufio.Reader
}

func (n *node) dial(t testing.TB) *wire {
	t.Helper()
	c, err := net.Dial("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &wire{t, c.(*net.TCPConn), bufio.NewReader(c)}
}

func (w *wire) send(s string) *wire {
	w.t.Helper()
	if _, err := io.WriteString(w.TCPConn, s); err != nil {
		w.t.Fatalf("send: %v", err)
	}
	return w
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

// code returns the S3 code of an error answer, else "".
func (a answer) code() string {
	_, rest, _ := strings.Cut(a.body, "<Code>")
	code, _, ok := strings.Cut(rest, "</Code>")
	if !ok {
		return ""
	}
	return code
}

// receive reads the answer to a request of the given method.
func (w *wire) receive(method string) answer {
	w.t.Helper()
	a, err := w.tryReceive(method)
	if err != nil {
		w.t.Fatalf("receive: %v", err)
	}
	return a
}

func (w *wire) tryReceive(method string) (answer, error) {
	resp, err := http.ReadResponse(w.r, &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return answer{resp, string(body)}, err
}

// do sends one request on a connection of its own.
func (n *node) do(t testing.TB, request string) answer {
	t.Helper()
	method, _, _ := strings.Cut(request, " ")
	return n.dial(t).send(request).receive(method)
}

// get requests a target without a body.
func (n *node) get(t testing.TB, method, target string, headers ...string) answer {
	t.Helper()
	return n.do(t, method+" "+target+" HTTP/1.1\r\nHost: node\r\n"+lines(headers)+"\r\n")
}

func lines(headers []string) string {
	var b strings.Builder
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	return b.String()
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within ten seconds", what)
		}
		time.Sleep(time.Millisecond) // between two looks at the condition
	}
}
