package tlsconfig

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"ais/cluster/peer"
)

// Listen returns a listener whose connections are TLS, handshaken at the first
// use; the same listener where there is no certificate.
func (s *Source) Listen(plain net.Listener) net.Listener {
	if !s.Serves() {
		return plain
	}
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.now.Load().server, nil },
	}
	return listener{plain, config}
}

type listener struct {
	net.Listener
	config *tls.Config
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	batch := peer.NewBatch(c)
	return &conn{Conn: tls.Server(batch, l.config), batch: batch}, nil
}

// conn is a TLS connection of a client.
type conn struct {
	*tls.Conn
	batch *peer.Batch
	ended atomic.Bool
}

// Write implements io.Writer.
func (c *conn) Write(p []byte) (int, error) { return c.batch.WriteTo(c.Conn, p) }

// plainAnswer is for a client that speaks HTTP where HTTPS is served.
const plainAnswer = "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nThis port speaks HTTPS: use an https:// URL.\n"

// Handshake runs the handshake. A client that speaks plain HTTP is told so.
func (c *conn) Handshake() error {
	err := c.Conn.Handshake()
	var header tls.RecordHeaderError
	if errors.As(err, &header) && header.Conn != nil && isHTTP(header.RecordHeader) {
		_ = header.Conn.SetDeadline(time.Now().Add(time.Second)) // who does not take it has had it
		_, _ = io.WriteString(header.Conn, plainAnswer)
		_, _ = io.CopyN(io.Discard, header.Conn, 64<<10) // unread bytes would reset the connection under the answer
	}
	return err
}

// isHTTP reports whether the beginning of what should be TLS is that of a method.
func isHTTP(head [5]byte) bool {
	switch string(head[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "DELET", "OPTIO", "PATCH":
		return true
	}
	return false
}

// Read notes the end of what the client sends.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	var timeout net.Error
	if err != nil && (!errors.As(err, &timeout) || !timeout.Timeout()) {
		c.ended.Store(true)
	}
	return n, err
}

// Ended reports whether the client has said that it sends no more, or is gone.
// The connection below does not tell: what TLS says at its end comes before.
func (c *conn) Ended() bool { return c.ended.Load() }
