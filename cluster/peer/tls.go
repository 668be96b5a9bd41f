package peer

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

const httpsPrefix = "https://"

// handshakeTimeout is for the handshake alone: it takes CPU at both ends, which
// a node under load may lack for a while.
const handshakeTimeout = 5 * time.Second

// secure makes nc, a fresh connection to addr (host:port), TLS. On an error nc
// is closed.
func (c *Client) secure(ctx context.Context, nc net.Conn, addr string) (net.Conn, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.config.TLS != nil {
		config = c.config.TLS().Clone()
	}
	name, _, err := net.SplitHostPort(addr)
	if err == nil {
		config.ServerName = name
		config.ClientSessionCache = nil // with one, servers would send what nobody asked for; see conn.quiet
		batch := NewBatch(nc)
		secured := tls.Client(batch, config)
		ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
		defer cancel()
		if err = secured.HandshakeContext(ctx); err == nil {
			return &securedConn{secured, batch}, nil
		}
	}
	nc.Close() // the first error is the one to tell
	return nil, err
}

// DialTLS connects to a node that serves HTTPS, as the client itself does: for
// an http.Transport that reads from nodes.
func (c *Client) DialTLS(ctx context.Context, _, addr string) (net.Conn, error) {
	return c.dialStream(ctx, httpsPrefix+addr)
}

// Dial is DialTLS for a node that serves HTTP.
func (c *Client) Dial(ctx context.Context, _, addr string) (net.Conn, error) {
	return c.dialStream(ctx, addr)
}

func (c *Client) dialStream(ctx context.Context, addr string) (net.Conn, error) {
	cn, err := c.host(addr).dial(ctx)
	if err != nil {
		return nil, err
	}
	return streamConn{cn}, nil
}

// Certified reports whether a request came over TLS from one who showed a
// certificate that was verified.
func Certified(ctx *fasthttp.RequestCtx) bool {
	state := ctx.TLSConnectionState()
	return state != nil && len(state.VerifiedChains) > 0
}
