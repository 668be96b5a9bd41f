package peer

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

const (
	batchBytes  = 64 << 10 // of records that go to the kernel at once
	recordBytes = 16 << 10 // of payload at most in one record (RFC 8446, 5.1)
)

var batches = sync.Pool{New: func() any { return new([batchBytes]byte) }}

// Batch is what a TLS connection is made on: it joins the records of one large
// write. tls.Conn alone makes a system call, and wakes the other side up, for
// each 16 KiB.
type Batch struct {
	net.Conn
	on atomic.Bool

	mu  sync.Mutex // guards what follows
	buf *[batchBytes]byte
	n   int
	err error // of a flush; sticky, as secured does not know of it
}

// NewBatch returns a Batch on a plain connection.
func NewBatch(plain net.Conn) *Batch { return &Batch{Conn: plain} }

// WriteTo writes p to secured, which was made on b, and is done when all is with
// the kernel.
func (b *Batch) WriteTo(secured *tls.Conn, p []byte) (int, error) {
	if len(p) <= recordBytes {
		return secured.Write(p)
	}
	b.on.Store(true)
	n, err := secured.Write(p)
	b.on.Store(false)
	b.mu.Lock()
	defer b.mu.Unlock()
	return n, errors.Join(err, b.flush())
}

// Write takes a record.
func (b *Batch) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n+len(p) > batchBytes || !b.on.Load() {
		if err := b.flush(); err != nil {
			return 0, err
		}
	}
	if !b.on.Load() || len(p) > batchBytes {
		return b.Conn.Write(p)
	}
	if b.buf == nil {
		b.buf = batches.Get().(*[batchBytes]byte)
	}
	b.n += copy(b.buf[b.n:], p)
	return len(p), nil
}

// flush passes on what is held.
func (b *Batch) flush() error {
	if b.buf == nil || b.err != nil {
		return b.err
	}
	_, b.err = b.Conn.Write(b.buf[:b.n])
	batches.Put(b.buf)
	b.buf, b.n = nil, 0
	return b.err
}

// SyscallConn implements syscall.Conn.
func (b *Batch) SyscallConn() (syscall.RawConn, error) {
	if c, ok := b.Conn.(syscall.Conn); ok {
		return c.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// securedConn is a TLS connection whose large writes are batched.
type securedConn struct {
	*tls.Conn
	batch *Batch
}

// Write implements io.Writer.
func (c *securedConn) Write(p []byte) (int, error) { return c.batch.WriteTo(c.Conn, p) }
