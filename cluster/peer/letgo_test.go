package peer

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"ais/auth"
	"ais/cluster"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// leases is a cluster's state in which one node has a lease, or has none.
type leases struct {
	mu      sync.Mutex
	node    cluster.Node
	alive   bool
	changed chan struct{}
}

func (l *leases) state() *cluster.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := cluster.Contents{Nodes: []cluster.Node{l.node}, TicketKeys: cluster.TicketKeys{[]byte(strings.Repeat("s", 32))}}
	if l.alive {
		c.Live = []cluster.Live{{ID: l.node.ID}}
	}
	return cluster.NewState(c)
}

func (l *leases) changes() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// end ends the lease.
func (l *leases) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.alive = false
	close(l.changed)
	l.changed = make(chan struct{})
}

// follow returns a client that follows the leases of a node at addr.
func follow(t *testing.T, addr string) (*Caller, *leases) {
	t.Helper()
	l := &leases{node: cluster.Node{ID: "t1", Kind: cluster.Target, URL: "http://" + addr}, alive: true, changed: make(chan struct{})}
	c := NewCaller(newClient(t, func(c *Config) { c.LeasePatience = 300 * time.Millisecond }), "p1", l.state, time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { c.Follow(ctx, l.changes) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return c, l
}

// A node that hangs is let go of when its lease has ended, whatever it is asked, and not
// before. What cannot have reached it as a whole is to be sent again.
func TestLetGo(t *testing.T) {
	hangs := serveRaw(t, func(nc net.Conn, r *bufio.Reader) {
		if head := readHead(r); strings.Contains(head, "half") {
			fmt.Fprintf(nc, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n%s", strings.Repeat("x", 500_000))
		}
		<-t.Context().Done() // reads nothing
	})
	large := strings.Repeat("x", 32<<20) // more than the kernel takes
	relay := func(method, body string) func(t *testing.T, c *Caller, l *leases) {
		return func(t *testing.T, c *Caller, l *leases) {
			outcome := make(chan error, 1)
			conn, r := dial(t, serve(t, func(ctx *fasthttp.RequestCtx) {
				err := c.TryForward(ctx, l.node, "", auth.Ticket{}, 0)
				outcome <- err
				ctx.SetStatusCode(503)
			}))
			go fmt.Fprintf(conn, "%s /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", method, len(body), body)
			l.endsWhile(t, c, outcome)
			err := <-outcome
			if object.KindOf(err) != object.Unavailable || TimedOut(err) {
				t.Error(err)
			}
			if _, again := Resend(err, method == "GET"); again != (method == "GET") {
				t.Errorf("to be sent again: %t, %v", again, err)
			}
			if body != large {
				readAnswer(t, r, method)
			}
		}
	}
	for name, do := range map[string]func(t *testing.T, c *Caller, l *leases){
		"GET":          relay("GET", ""),
		"PUT":          relay("PUT", "x"),
		"PUT of 32 MB": relay("PUT", large),
		"DELETE":       relay("DELETE", ""),
		"call": func(t *testing.T, c *Caller, l *leases) {
			outcome := make(chan error, 1)
			go func() { outcome <- c.Ask(context.Background(), l.node, "/_/x", struct{}{}, nil) }()
			l.endsWhile(t, c, outcome)
			if err := <-outcome; object.KindOf(err) != object.Unavailable || TimedOut(err) || Answered(err) {
				t.Error(err)
			}
		},
		"stream": func(t *testing.T, c *Caller, l *leases) {
			streams := &http.Client{Transport: &http.Transport{DialContext: c.client.Dial}}
			outcome := make(chan error, 1)
			go func() {
				body, err := c.Fetch(context.Background(), streams, l.node, "/_/half", nil)
				if err == nil {
					_, err = io.Copy(io.Discard, body)
					body.Close()
				}
				outcome <- err
			}()
			l.endsWhile(t, c, outcome)
			if err := <-outcome; err == nil {
				t.Error("a body that was cut is whole")
			}
		},
		"download": func(t *testing.T, c *Caller, l *leases) {
			conn, r := dial(t, gateway(t, c.client, hangs))
			send(t, conn, "GET /half HTTP/1.1\r\nHost: h\r\n\r\n")
			outcome := make(chan error, 1)
			go func() {
				resp, err := http.ReadResponse(r, nil)
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
				}
				outcome <- err
			}()
			l.endsWhile(t, c, outcome)
			if err := <-outcome; err == nil {
				t.Error("a body that was cut is whole")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, l := follow(t, hangs)
			do(t, c, l)
			wait(t, "the connection closes", func() bool { return c.client.opened.Load() == 0 })
		})
	}
}

// endsWhile ends the lease under what waits for the node, which has gone on until then.
func (l *leases) endsWhile(t *testing.T, c *Caller, outcome <-chan error) {
	t.Helper()
	wait(t, "the node is waited for", func() bool {
		c.client.mu.RLock()
		defer c.client.mu.RUnlock()
		for cn := range c.client.conns {
			if cn.waitsFor(c.client.began) > c.client.config.LeasePatience {
				return true
			}
		}
		return false
	})
	select {
	case err := <-outcome:
		t.Fatalf("while it had its lease: %v", err)
	default:
	}
	l.end()
}

// A node without a lease that answers is heard to the end, be it slow, or the client.
func TestNotLetGo(t *testing.T) {
	const size = 4 << 20
	node := serveRaw(t, func(nc net.Conn, r *bufio.Reader) {
		head := readHead(r)
		fmt.Fprintf(nc, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
		piece := strings.Repeat("x", size/16)
		for range 16 {
			io.WriteString(nc, piece) // the client tells
			if strings.Contains(head, "slow node") {
				time.Sleep(50 * time.Millisecond)
			}
		}
	})
	for _, who := range []string{"slow node", "slow client"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			c, l := follow(t, node)
			conn, r := dial(t, gateway(t, c.client, node))
			send(t, conn, "GET /b/k HTTP/1.1\r\nHost: h\r\nX-Who: %s\r\n\r\n", who)
			l.end()
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, buf := 0, make([]byte, 256<<10)
			for err == nil {
				var n int
				n, err = resp.Body.Read(buf)
				got += n
				if who == "slow client" {
					time.Sleep(time.Millisecond)
				}
			}
			if err != io.EOF || got != size {
				t.Errorf("%d bytes, %v", got, err)
			}
		})
	}
}
