package peer

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"ais/object"

	"github.com/valyala/fasthttp"
)

// Header is one header field to add to a request.
type Header struct{ Name, Value string }

// Client relays requests to nodes and calls them. It is safe for concurrent use.
type Client struct {
	config  Config
	metrics *metrics
	began   time.Time

	exchanges sync.Pool // *exchange
	uploads   sync.Pool // *[]byte of uploadBuffer bytes
	copies    sync.Pool // *[]byte of copyBuffer bytes

	opened, idle atomic.Int64 // connections

	mu     sync.RWMutex // guards what follows
	hosts  map[string]*host
	conns  map[*conn]struct{} // every open connection, for Close
	closed bool

	done    chan struct{} // closed by Close: ends the janitor
	janitor sync.WaitGroup
}

// New returns a Client; Close it at the end.
func New(config Config) *Client {
	c := &Client{
		config: config.withDefaults(),
		began:  time.Now(),
		hosts:  make(map[string]*host),
		conns:  make(map[*conn]struct{}),
		done:   make(chan struct{}),
	}
	c.metrics = newMetrics(c)
	c.exchanges.New = func() any { return &exchange{client: c, buf: make([]byte, exchangeBuffer)} }
	c.uploads.New = func() any { b := make([]byte, uploadBuffer); return &b }
	c.copies.New = func() any { b := make([]byte, copyBuffer); return &b }
	c.janitor.Go(c.expireIdle)
	return c
}

// Close closes every connection, busy ones included. A relay that comes later
// fails as unavailable.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	close(c.done)
	open := make([]*conn, 0, len(c.conns))
	for cn := range c.conns {
		open = append(open, cn)
	}
	c.mu.Unlock()
	for _, cn := range open {
		cn.close()
	}
	c.janitor.Wait()
	return nil
}

// expireIdle closes connections that were kept unused for too long.
func (c *Client) expireIdle() {
	tick := time.NewTicker(max(c.config.IdleTimeout/4, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-c.done:
			return
		case now := <-tick.C:
			c.mu.RLock()
			hosts := make([]*host, 0, len(c.hosts))
			for _, h := range c.hosts {
				hosts = append(hosts, h)
			}
			c.mu.RUnlock()
			for _, h := range hosts {
				h.expire(now.Add(-c.config.IdleTimeout))
			}
		}
	}
}

// Relay passes the request of ctx on to the node at addr (see Address) and writes
// its answer into ctx. Header fields of add replace the client's of the same
// name. An error means that nothing was written to ctx: of kind Unavailable
// where the node could not be reached or did not answer, Incomplete where the
// client sent less than it announced (the node has then seen a cut body too).
//
// Called from the server's handler, and after RelayExpect where that returned 100.
func (c *Client) Relay(ctx *fasthttp.RequestCtx, addr string, add []Header) error {
	err := c.TryRelay(ctx, addr, add, 0)
	if err != nil && object.KindOf(err) == object.Unavailable {
		c.Drain(ctx)
	}
	return err
}

// TryRelay is Relay for who may send the request again where Resend says so: on an
// error the body stays as it is, to be given up with Drain. A node that is asked for
// a read has patience for the head of its answer, HeaderTimeout where that is 0.
func (c *Client) TryRelay(ctx *fasthttp.RequestCtx, addr string, add []Header, patience time.Duration) error {
	x := takeExpected(ctx)
	var err error
	if x != nil {
		err = x.resume(ctx)
	} else {
		x = c.acquire()
		x.patience = patience
		err = x.run(ctx, addr, add, false)
	}
	return x.end(ctx, "peer.Relay", addr, err)
}

// end delivers the answer that x has read, or gives x back and makes err an
// error of this package.
func (x *exchange) end(ctx *fasthttp.RequestCtx, op, addr string, err error) error {
	c, m := x.client, x.client.metrics
	var never bool
	var revision int64
	if err == nil {
		if revision, never = x.again(); never && x.restore(ctx) {
			err = errAgain
		}
	} else {
		never = !x.sent
	}
	if err == nil {
		early := x.early
		if err = x.deliver(ctx); err == nil {
			m.answered.Inc()
			if early {
				c.Drain(ctx)
			}
			return nil
		}
		never = false
	}
	var cut *cutError
	if errors.As(err, &cut) {
		m.incomplete.Inc()
		x.reusable = false
		x.release()
		return object.E(op, addr, object.Incomplete, err)
	}
	m.unavailable.Inc()
	if x.restore(ctx) {
		err = &undone{err, never, revision}
	}
	x.reusable = false
	x.release()
	return object.E(op, addr, object.Unavailable, err)
}

// cutError is a request body that ended early: the client's fault.
type cutError struct{ err error }

func (e *cutError) Error() string {
	if e.err == nil {
		return "the client ended the body early"
	}
	return "reading the client's body: " + e.err.Error()
}

func (e *cutError) Unwrap() error { return e.err }
