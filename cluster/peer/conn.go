package peer

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// conn is one connection to a node, plain or TLS. It belongs to one exchange at a time.
type conn struct {
	net.Conn
	host   *host
	tcp    *net.TCPConn    // the same connection where the kernel may splice it, else nil
	raw    syscall.RawConn // of the TCP connection, also below TLS
	reused bool            // has carried an exchange before

	armed     time.Time // when the deadline set last ends
	idleSince time.Time
	closed    atomic.Bool

	reads, writes atomic.Int64 // since when its user waits for the node, in Client.now; 0: it does not
	gone          atomic.Bool  // it was let go

	probe  func(fd uintptr) bool // made once, so that a probe allocates nothing
	polled [1]unix.PollFd        // the probe's result
}

// deadlineSlack is how much later than asked a deadline may fall. It lets a busy
// connection set its deadline once in many exchanges.
const deadlineSlack = 5 * time.Second

// arm sees to it that reads and writes fail after d, or up to deadlineSlack later.
func (c *conn) arm(d time.Duration) error {
	now := time.Now()
	slack := min(deadlineSlack, d/2)
	if left := c.armed.Sub(now); left < d || left > d+slack {
		c.armed = now.Add(d + slack)
		if err := c.SetDeadline(c.armed); err != nil {
			return err
		}
	}
	if c.gone.Load() {
		return errLetGo
	}
	return nil
}

// quiet reports whether there is nothing to read: no byte, no end, no error. A
// kept connection that is not quiet is stale; a node that is being sent a body
// and is not quiet has answered early. Under TLS the same holds of its records:
// a node sends none but with an answer or at the end (no session tickets, as
// this side keeps no sessions).
func (c *conn) quiet() bool {
	c.polled[0].Revents = 0
	if c.raw != nil {
		if err := c.raw.Read(c.probe); err != nil {
			return false
		}
	}
	return c.polled[0].Revents == 0
}

func (c *conn) poll(fd uintptr) bool {
	poll(fd, &c.polled)
	return true
}

// poll looks at what there is to read, without waiting.
func poll(fd uintptr, polled *[1]unix.PollFd) {
	polled[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN | unix.POLLRDHUP}
	for {
		if _, err := unix.Poll(polled[:], 0); err != unix.EINTR {
			return
		}
	}
}

// silent is quiet for who is not the user of the connection, and may look while that reads.
func (c *conn) silent() bool {
	if c.raw == nil {
		return false
	}
	var polled [1]unix.PollFd
	err := c.raw.Control(func(fd uintptr) { poll(fd, &polled) })
	return err == nil && polled[0].Revents == 0
}

func (c *conn) close() {
	if c.closed.Swap(true) {
		return
	}
	c.Close() // nothing is left to be lost
	client := c.host.client
	client.opened.Add(-1)
	client.mu.Lock()
	delete(client.conns, c)
	client.mu.Unlock()
}

// host keeps the idle connections to one address, the one used last on top.
type host struct {
	client *Client
	key    string // as of Address
	addr   string // host:port
	https  bool
	lost   atomic.Bool // the node there holds no lease

	mu   sync.Mutex
	idle []*conn
}

func (c *Client) host(addr string) *host {
	c.mu.RLock()
	h := c.hosts[addr]
	c.mu.RUnlock()
	if h != nil {
		return h
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if h = c.hosts[addr]; h == nil {
		h = &host{client: c, key: addr}
		h.addr, h.https = strings.CutPrefix(addr, httpsPrefix)
		c.hosts[addr] = h
	}
	return h
}

// take returns a kept connection, or nil. With probe it returns none that is
// seen to be stale: for requests that cannot be sent twice.
func (h *host) take(probe bool) *conn {
	for {
		h.mu.Lock()
		n := len(h.idle)
		if n == 0 {
			h.mu.Unlock()
			return nil
		}
		cn := h.idle[n-1]
		h.idle[n-1] = nil
		h.idle = h.idle[:n-1]
		h.mu.Unlock()
		h.client.idle.Add(-1)
		cn.reused = true
		if !cn.gone.Load() && (!probe || cn.quiet()) {
			return cn
		}
		cn.close()
	}
}

// keep puts a connection back, or closes it where enough are kept.
func (h *host) keep(cn *conn) {
	cn.idleSince = time.Now()
	h.mu.Lock()
	full := len(h.idle) >= h.client.config.MaxIdlePerHost
	if !full {
		h.idle = append(h.idle, cn)
		h.client.idle.Add(1)
	}
	h.mu.Unlock()
	if full {
		cn.close()
	} else if h.client.isClosed() {
		h.expire(time.Now())
	}
}

// expire closes the connections that have been idle since before the time given.
func (h *host) expire(before time.Time) {
	h.mu.Lock()
	n := 0
	for n < len(h.idle) && !h.idle[n].idleSince.After(before) {
		n++
	}
	old := append([]*conn(nil), h.idle[:n]...)
	rest := copy(h.idle, h.idle[n:])
	clear(h.idle[rest:])
	h.idle = h.idle[:rest]
	h.mu.Unlock()
	h.client.idle.Add(-int64(n))
	for _, cn := range old {
		cn.close()
	}
}

func (c *Client) isClosed() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// keepAliveProbe is how long a connection is quiet before the other machine is asked
// whether it is there, and between two such questions.
const keepAliveProbe = 3 * time.Second

// dialer makes connections that break by themselves when the link is cut, be it that bytes
// are not acknowledged, or that an answer is waited for: nobody else may notice, where
// both ends hold their leases. A process that hangs, or is slow, goes on acknowledging; only
// one that takes none of what is sent for all the time is taken for gone.
func (c *Client) dialer() *net.Dialer {
	return &net.Dialer{
		Timeout:         c.config.DialTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAliveProbe, Interval: keepAliveProbe, Count: max(1, int(c.config.LinkTimeout/keepAliveProbe))},
		Control: func(_, _ string, raw syscall.RawConn) (err error) {
			cerr := raw.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(c.config.LinkTimeout.Milliseconds()))
			})
			return errors.Join(cerr, err)
		},
	}
}

// dial opens a new connection.
func (h *host) dial(ctx context.Context) (*conn, error) {
	c := h.client
	nc, err := c.dialer().DialContext(ctx, "tcp", h.addr)
	if err != nil {
		c.metrics.dialsFailed.Inc()
		return nil, err
	}
	cn := &conn{Conn: nc, host: h}
	if cn.tcp, _ = nc.(*net.TCPConn); cn.tcp != nil {
		if cn.raw, err = cn.tcp.SyscallConn(); err != nil {
			nc.Close() // the first error is the one to tell
			return nil, err
		}
		cn.probe = cn.poll
	}
	if h.https {
		cn.tcp = nil
		if cn.Conn, err = c.secure(ctx, nc, h.addr); err != nil {
			c.metrics.dialsFailed.Inc()
			return nil, err
		}
	}
	c.metrics.dials.Inc()
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		_ = cn.Close() // never used
		return nil, net.ErrClosed
	}
	c.conns[cn] = struct{}{}
	c.mu.Unlock()
	c.opened.Add(1)
	return cn, nil
}
