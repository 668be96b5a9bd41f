package peer

import (
	"context"

	"ais/object"

	"github.com/valyala/fasthttp"
)

// Header is one header field to add to a request.
type Header struct{ Name, Value string }

// Client relays requests to nodes and calls them. It is safe for concurrent use.
type Client struct{ config Config }

// New returns a Client; Close it at the end.
func New(config Config) *Client { return &Client{config: config.withDefaults()} }

// Close closes the connections that are kept and those that are busy.
func (c *Client) Close() error { return nil }

// Relay passes the request on to the node at addr (host:port) and writes its answer into ctx.
func (c *Client) Relay(ctx *fasthttp.RequestCtx, addr string, add []Header) error {
	return object.E("peer.Relay", addr, object.Unavailable, nil)
}

// RelayExpect, called from the server's ExpectHandler, passes on the head of a request that expects 100-continue.
// It returns 100 where the node wants the body (the handler that follows calls Relay, which sends it on
// the same connection), and any other status where the node has answered already: ctx.Response is the answer.
func (c *Client) RelayExpect(ctx *fasthttp.RequestCtx, addr string, add []Header) (status int, err error) {
	return 0, object.E("peer.Relay", addr, object.Unavailable, nil)
}

// Call sends a small control message and returns the answer's status and body.
func (c *Client) Call(ctx context.Context, addr, method, path string, headers []Header, body []byte) (status int, answer []byte, err error) {
	return 0, nil, object.E("peer.Call", addr, object.Unavailable, nil)
}
