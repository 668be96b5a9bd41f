package peer

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"

	"ais/auth"
	"ais/cluster"
	"ais/object"
)

// Paths of what targets say to each other about the copies of names. The messages
// are binary; package replica has their forms.
const (
	PathPrepare = "/_/prepare" // a change of a name, to be kept until it is settled
	PathSettle  = "/_/settle"  // what came of changes that were prepared
	PathResolve = "/_/resolve" // asks the owner of a name for what came of a change
	PathEstate  = "/_/estate"  // asks for all that is known of a name
	PathBlob    = "/_/blob"    // asks for the bytes of a payload file
	PathStage   = "/_/stage"   // the bytes of a payload file while they are written
	PathBarrier = "/_/barrier" // asks whether a target is seen to be alive by all changes to come
	PathMissed  = "/_/missed"  // asks for names that a target has missed changes of
	PathStamps  = "/_/stamps"  // asks for the states of names
)

// Send sends a node-only request with a binary body, whose pieces follow each other, and
// returns the answer. Errors are those of Ask. The request may reach the node twice.
func (c *Caller) Send(ctx context.Context, node cluster.Node, path string, body ...[]byte) ([]byte, error) {
	headers := c.nodeHeaders(node, path)
	status, answer, err := c.client.Call(ctx, Address(node), http.MethodPost, path, headers, body...)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, errorFrom(path, node.ID, status, answer)
	}
	return answer, nil
}

// Fetch is Send for an answer of any length, of which it returns the body.
func (c *Caller) Fetch(ctx context.Context, client *http.Client, node cluster.Node, path string, body []byte) (io.ReadCloser, error) {
	resp, err := c.postBody(ctx, client, node, path, body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	return nil, answerError(path, node.ID, resp)
}

// Pouring is a node-only request whose body is written piece by piece. It is for one
// goroutine, and ends with End or Drop.
type Pouring struct {
	x     *exchange
	path  string
	node  string
	pipes net.Buffers // for one vectored write
	size  [20]byte    // of a chunk
}

// Pour begins a request. The error is of kind Unavailable.
func (c *Caller) Pour(node cluster.Node, path string) (*Pouring, error) {
	ticket := c.sign(node, auth.Ticket{Principal: NodePrincipal, Verdict: auth.Allow}, auth.Request{Method: http.MethodPost, RawPath: path})
	head := append([]byte("POST "), path...)
	head = append(head, " HTTP/1.1\r\n"...)
	head = appendField(head, "Host", Address(node))
	head = appendField(head, "Transfer-Encoding", "chunked")
	head = appendField(head, HeaderTicket, ticket)
	head = appendField(head, HeaderRevision, strconv.FormatInt(c.state().Revision, 10))
	head = append(head, "\r\n"...)
	x := c.client.acquire()
	h := c.client.host(Address(node))
	var err error
	if x.conn = h.take(true); x.conn == nil {
		x.conn, err = h.dial(context.Background())
	}
	if err == nil {
		x.r, x.w, x.reusable = 0, 0, true
		err = x.write(head, x.client.config.PourStall)
	}
	if err != nil {
		x.reusable = false
		x.release()
		return nil, object.E(path, node.ID, object.Unavailable, err)
	}
	return &Pouring{x: x, path: path, node: node.ID}, nil
}

// Write implements io.Writer. It fails where the node takes nothing for
// Config.PourStall, or has answered already.
func (p *Pouring) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if !p.x.conn.quiet() {
		return 0, errors.New("the node has answered before the end")
	}
	if err := p.x.conn.arm(p.x.client.config.PourStall); err != nil {
		return 0, err
	}
	size := append(strconv.AppendInt(p.size[:0], int64(len(b)), 16), "\r\n"...)
	p.pipes = append(p.pipes[:0], size, b, lineEnd)
	pipes := p.pipes
	p.x.conn.writes.Store(p.x.client.now())
	n, err := pipes.WriteTo(p.x.conn.Conn)
	p.x.conn.writes.Store(0)
	p.x.client.metrics.sent.Add(float64(n))
	if err != nil {
		return 0, p.x.conn.why(err)
	}
	return len(b), nil
}

// End ends the body and reads the answer. Errors are those of Ask.
func (p *Pouring) End() error {
	x := p.x
	err := x.write([]byte("0\r\n\r\n"), x.client.config.PourStall)
	var answer []byte
	if err == nil {
		err = x.readAnswer(false, false)
	}
	if err == nil && !x.ended {
		answer, err = x.readAll()
	}
	status := x.status
	x.reusable = x.reusable && err == nil
	x.release()
	switch {
	case err != nil:
		return object.E(p.path, p.node, object.Unavailable, err)
	case status != http.StatusOK:
		return errorFrom(p.path, p.node, status, answer)
	}
	return nil
}

// Drop ends the request without the end of its body: the node knows that it is cut.
func (p *Pouring) Drop() {
	p.x.reusable = false
	p.x.release()
}
