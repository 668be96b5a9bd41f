package peer

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ais/object"

	"github.com/valyala/fasthttp"
)

// certificates returns what a server at 127.0.0.1 serves with, and what a client
// trusts it with.
func certificates(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	s.Close()
	client = s.Client().Transport.(*http.Transport).TLSClientConfig
	return &tls.Config{Certificates: s.TLS.Certificates}, &tls.Config{RootCAs: client.RootCAs, ServerName: "elsewhere"}
}

// serveTLS is serve over TLS, with Ended as the nodes' connections have it. The
// address is as Relay takes it.
func serveTLS(t testing.TB, config *tls.Config, handler fasthttp.RequestHandler, change ...func(*fasthttp.Server)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &fasthttp.Server{Handler: handler, StreamRequestBody: true, ReadBufferSize: 32 << 10, Logger: quietLogger{}}
	for _, f := range change {
		f(s)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(endingListener{tls.NewListener(l, config)}) // ends with the listener
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return httpsPrefix + l.Addr().String()
}

type endingListener struct{ net.Listener }

func (l endingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &endingConn{Conn: c.(*tls.Conn)}, nil
}

type endingConn struct {
	*tls.Conn
	ended atomic.Bool
}

func (c *endingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.ended.Store(true)
	}
	return n, err
}

func (c *endingConn) Ended() bool { return c.ended.Load() }

func withTLS(config *tls.Config) func(*Config) {
	return func(c *Config) { c.TLS = func() *tls.Config { return config } }
}

// TestTLS relays bodies of all sizes, both ways, over every mix of TLS and plain.
func TestTLS(t *testing.T) {
	server, client := certificates(t)
	body := make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(body)
	echo := func(ctx *fasthttp.RequestCtx) {
		if ctx.IsGet() {
			n := ctx.QueryArgs().GetUintOrZero("n")
			ctx.SetBodyStream(bytes.NewReader(body[:n]), n)
			return
		}
		got, err := io.ReadAll(ctx.RequestBodyStream())
		if err != nil || !bytes.HasPrefix(body, got) {
			ctx.Error(fmt.Sprint("wrong body ", err), 400)
			return
		}
		fmt.Fprint(ctx, len(got))
	}
	for _, mix := range []struct {
		name           string
		gateTLS, inTLS bool
	}{{"both", true, true}, {"node only", false, true}, {"gateway only", true, false}, {"none", false, false}} {
		t.Run(mix.name, func(t *testing.T) {
			node := serve(t, echo)
			if mix.inTLS {
				node = serveTLS(t, server, echo)
			}
			c := newClient(t, withTLS(client))
			gate := "http://" + gateway(t, c, node)
			if mix.gateTLS {
				gate = serveTLS(t, server, relayTo(c, node))
			}
			trust := client.Clone()
			trust.ServerName = ""
			user := &http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
			defer user.CloseIdleConnections()
			for _, n := range []int{1, 100, 30_000, 64 << 10, 100_000, 1 << 20, 3 << 20} {
				resp, err := user.Get(fmt.Sprint(gate, "/?n=", n))
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || !bytes.Equal(got, body[:n]) {
					t.Errorf("GET of %d: %d bytes, %v", n, len(got), err)
				}
				for _, up := range []io.Reader{bytes.NewReader(body[:n]), io.MultiReader(bytes.NewReader(body[:n]))} { // the second is chunked
					resp, err := user.Post(gate, "", up)
					if err != nil {
						t.Fatal(err)
					}
					got, _ := io.ReadAll(resp.Body)
					resp.Body.Close()
					if string(got) != fmt.Sprint(n) {
						t.Errorf("POST of %d: %s %s", n, resp.Status, got)
					}
				}
			}
			if opened := c.opened.Load(); opened != 1 {
				t.Errorf("%d connections to the node; one after the other they need one", opened)
			}
		})
	}
}

// TestTLSCalls makes control calls, also where a kept connection was closed.
func TestTLSCalls(t *testing.T) {
	server, client := certificates(t)
	answer := func(ctx *fasthttp.RequestCtx) {
		fmt.Fprintf(ctx, "%s %s", ctx.Host(), ctx.PostBody())
		if string(ctx.Path()) == "/last" {
			ctx.SetConnectionClose()
		}
	}
	node := serveTLS(t, server, answer, func(s *fasthttp.Server) { s.StreamRequestBody, s.IdleTimeout = false, 50*time.Millisecond })
	c := newClient(t, withTLS(client))
	want := strings.TrimPrefix(node, httpsPrefix) + " in"
	for _, pause := range []time.Duration{0, 0, 120 * time.Millisecond, 0} {
		time.Sleep(pause) // the node closes what rests for 50 ms
		status, got, err := c.Call(t.Context(), node, "POST", "/", nil, []byte("in"))
		if err != nil || status != 200 || string(got) != want {
			t.Errorf("%d %q %v, want %q", status, got, err, want)
		}
	}
}

// TestTLSEarlyAnswer: a node that refuses a body is heard, not only at its end.
func TestTLSEarlyAnswer(t *testing.T) {
	server, client := certificates(t)
	node := serveTLS(t, server, func(ctx *fasthttp.RequestCtx) {
		ctx.SetConnectionClose()
		ctx.Error("no", http.StatusForbidden)
	})
	c := newClient(t, withTLS(client))
	conn, r := dial(t, gateway(t, c, node))
	send(t, conn, "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", 30<<20)
	go func() {
		piece := bytes.Repeat([]byte("x"), 1<<20)
		for range 30 {
			if _, err := conn.Write(piece); err != nil {
				return
			}
		}
	}()
	if resp, body := readAnswer(t, r, "PUT"); resp.StatusCode != http.StatusForbidden || body != "no" {
		t.Error(resp.Status, body)
	}
}

// TestTLSCutUploads hangs up in the middle of a body, with and without TLS's own
// goodbye: the node must see it cut.
func TestTLSCutUploads(t *testing.T) {
	server, client := certificates(t)
	for _, framing := range []string{"Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 60000), "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"} {
		for _, how := range []string{"close", "vanish"} {
			t.Run(framing[:7]+how, func(t *testing.T) {
				var whole atomic.Int64
				node := serveTLS(t, server, func(ctx *fasthttp.RequestCtx) {
					body, err := io.ReadAll(ctx.RequestBodyStream())
					if want := ctx.Request.Header.ContentLength(); err == nil && (want < 0 || want == len(body)) {
						whole.Add(1)
					}
				})
				c := newClient(t, withTLS(client))
				gate := serveTLS(t, server, relayTo(c, node))
				trust := client.Clone()
				trust.ServerName = "127.0.0.1"
				conn, err := tls.Dial("tcp", strings.TrimPrefix(gate, httpsPrefix), trust)
				if err != nil {
					t.Fatal(err)
				}
				send(t, conn, "PUT /b/k HTTP/1.1\r\nHost: h\r\n%s", framing)
				wait(t, "the gateway has called the node", func() bool { return c.opened.Load() == 1 })
				if how == "close" {
					conn.Close()
				} else {
					conn.NetConn().Close()
				}
				wait(t, "the connection to the node closes", func() bool { return c.opened.Load() == 0 })
				if whole.Load() > 0 {
					t.Error("the node took a cut body for a whole one")
				}
			})
		}
	}
}

// TestTLSDistrust: who cannot be verified is not spoken to.
func TestTLSDistrust(t *testing.T) {
	server, client := certificates(t)
	node := serveTLS(t, server, func(*fasthttp.RequestCtx) {})
	for name, c := range map[string]*Client{
		"another authority": newClient(t),
		"another host":      newClient(t, withTLS(client)),
	} {
		addr := node
		if name == "another host" {
			addr = strings.Replace(node, "127.0.0.1", "localhost", 1) // not in the certificate
		}
		if _, _, err := c.Call(t.Context(), addr, "GET", "/", nil, nil); !errors.Is(err, object.Unavailable) {
			t.Errorf("%s: %v", name, err)
		}
		if n := c.opened.Load(); n != 0 {
			t.Errorf("%s: %d connections are left", name, n)
		}
	}
}
