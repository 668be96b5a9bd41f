package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// connection is a keep-alive HTTP/1.1 connection that costs as little as it can:
// the load generator shares the machine with the servers.
type connection struct {
	nc   net.Conn
	raw  syscall.RawConn // nil under TLS
	r    *bufio.Reader
	vec  net.Buffers
	sink []byte // where the kernel would put what it is told to drop

	timed bool // answers say when their bodies began

	left    int // for drop
	dropErr error
	drop    func(fd uintptr) bool
}

const ioTimeout = time.Minute

// dial connects, with TLS unless secure is nil.
func dial(addr string, secure *tls.Config) (*connection, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	if secure != nil {
		nc, err := tls.DialWithDialer(&d, "tcp", addr, secure)
		if err != nil {
			return nil, err
		}
		return &connection{nc: nc, r: bufio.NewReaderSize(nc, 16<<10)}, nil
	}
	nc, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &connection{nc: nc, r: bufio.NewReaderSize(nc, 16<<10), sink: make([]byte, 1)}
	if c.raw, err = nc.(*net.TCPConn).SyscallConn(); err != nil {
		return nil, err
	}
	c.drop = c.dropSome
	return c, nil
}

// answer is what a request came back with. location and etag are set where given.
type answer struct {
	status         int
	length         int64
	location, etag string
	body           []byte
	closes         bool
	first          time.Time // when the first byte of the body was there, where that was asked for
}

// send writes a request; the body may be nil.
func (c *connection) send(head, body []byte) error {
	if err := c.nc.SetDeadline(time.Now().Add(ioTimeout)); err != nil {
		return err
	}
	if len(body) == 0 {
		_, err := c.nc.Write(head)
		return err
	}
	c.vec = append(c.vec[:0], head, body)
	vec := c.vec
	_, err := vec.WriteTo(c.nc)
	return err
}

// receive reads an answer. The body is kept, or dropped in the kernel.
func (c *connection) receive(toHead, keep bool) (a answer, err error) {
	chunked := false
	line, err := c.line()
	if err != nil {
		return a, err
	}
	if len(line) < 12 || string(line[:7]) != "HTTP/1." {
		return a, fmt.Errorf("not HTTP: %q", line)
	}
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, err
	}
	for {
		if line, err = c.line(); err != nil {
			return a, err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case is(name, "content-length"):
			if a.length, err = strconv.ParseInt(string(value), 10, 64); err != nil {
				return a, err
			}
		case is(name, "transfer-encoding"):
			chunked = is(value, "chunked")
		case is(name, "connection"):
			a.closes = is(value, "close")
		case is(name, "location"):
			a.location = string(value)
		case keep && is(name, "etag"):
			a.etag = string(value)
		}
	}
	keep = keep || a.status >= 300
	if c.timed && a.length > 0 && !toHead {
		if _, err := c.r.Peek(1); err != nil {
			return a, err
		}
		a.first = time.Now()
	}
	switch {
	case toHead || a.status < 200 || a.status == 204 || a.status == 304:
	case chunked:
		a.body, err = c.chunks()
		a.length = int64(len(a.body))
	case keep:
		a.body = make([]byte, a.length)
		_, err = io.ReadFull(c.r, a.body)
	default:
		err = c.discard(a.length)
	}
	return a, err
}

func is(name []byte, lower string) bool {
	return len(name) == len(lower) && strings.EqualFold(string(name), lower)
}

func (c *connection) line() ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

func (c *connection) chunks() ([]byte, error) {
	var body []byte
	for {
		line, err := c.line()
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseInt(string(line), 16, 32)
		if err != nil {
			return nil, err
		}
		at := len(body)
		body = append(body, make([]byte, n+2)...)
		if _, err := io.ReadFull(c.r, body[at:]); err != nil {
			return nil, err
		}
		body = body[:at+int(n)]
		if n == 0 {
			return body, nil
		}
	}
}

var errShort = errors.New("the body is short")

// discard drops n bytes of a body, those not yet read without copying them.
func (c *connection) discard(n int64) error {
	buffered := min(int64(c.r.Buffered()), n)
	if _, err := c.r.Discard(int(buffered)); err != nil {
		return err
	}
	if n -= buffered; n <= int64(c.r.Size()) || c.raw == nil {
		_, err := c.r.Discard(int(n))
		return err
	}
	for n > 0 {
		c.left = int(min(n, 1<<30))
		want := c.left
		if err := c.raw.Read(c.drop); err != nil {
			return err
		}
		if c.dropErr != nil {
			return c.dropErr
		}
		n -= int64(want - c.left)
	}
	return nil
}

// dropSome has the kernel forget up to c.left bytes that have arrived (MSG_TRUNC
// of TCP), and is called again when more have.
func (c *connection) dropSome(fd uintptr) bool {
	if cap(c.sink) < min(c.left, 1<<20) {
		c.sink = make([]byte, 1<<20)
	}
	for c.left > 0 {
		n, _, err := unix.Recvfrom(int(fd), c.sink[:min(c.left, len(c.sink))], unix.MSG_TRUNC|unix.MSG_DONTWAIT)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return false
		case err != nil:
			c.dropErr = err
			return true
		case n == 0:
			c.dropErr = errShort
			return true
		}
		c.left -= n
	}
	return true
}

func (c *connection) close() { _ = c.nc.Close() }
