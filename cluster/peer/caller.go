package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"ais/auth"
	"ais/cluster"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// maxHops bounds how often a request may be sent on. Two nodes that disagree on
// the cluster map catch up with each other on the first hop; more than a few
// means a fault, and the client may try again.
const maxHops = 4

// ticketLife is how long a ticket is good for. A redirect is followed at once;
// clients that cache one may use it again within this time.
const ticketLife = 5 * time.Minute

// clockSkew is how far the clock of a node that made a ticket may be from that of
// the node that takes it. Each may be wrong by the 15 minutes that a client's
// signature allows. A ticket's verdict ends with the state that it was made of (see
// package access), whatever the time.
const clockSkew = 30 * time.Minute

// Caller speaks to other nodes in this node's name: it signs what it sends and
// verifies what it gets with the cluster's ticket keys.
type Caller struct {
	client *Client
	self   string
	state  func() *cluster.State
	now    func() time.Time
	keys   atomic.Pointer[keyring] // of the newest state that was asked for it
}

// keyring is the ticket keys of a state, ready for use.
type keyring struct {
	of   cluster.TicketKeys
	keys []*auth.Key // newest first
}

// keyring returns the keys of a state. They change seldom, states often.
func (c *Caller) keyring(state *cluster.State) []*auth.Key {
	of := state.TicketKeys
	if ring := c.keys.Load(); ring != nil && len(ring.of) == len(of) && (len(of) == 0 || &ring.of[0] == &of[0]) { // the lists are never changed in place
		return ring.keys
	}
	ring := &keyring{of: of}
	for _, secret := range of {
		ring.keys = append(ring.keys, auth.NewKey(secret))
	}
	c.keys.Store(ring)
	return ring.keys
}

// NewCaller returns a Caller for the node self.
func NewCaller(client *Client, self string, state func() *cluster.State, now func() time.Time) *Caller {
	return &Caller{client: client, self: self, state: state, now: now}
}

// Forward sends the client's request on to node and writes its answer into ctx.
// grant is what was found out about who asks: all of a ticket but Expires
// and Target; its Revision is the present one where it is 0.
func (c *Caller) Forward(ctx *fasthttp.RequestCtx, node cluster.Node, requestID string, grant auth.Ticket) error {
	headers, err := c.forwardHeaders(ctx, node, requestID, grant)
	if err != nil {
		return err
	}
	return c.client.Relay(ctx, Address(node), headers[:])
}

// TryForward is Forward for who may send the request again, to this node or another;
// see Client.TryRelay.
func (c *Caller) TryForward(ctx *fasthttp.RequestCtx, node cluster.Node, requestID string, grant auth.Ticket, patience time.Duration) error {
	headers, err := c.forwardHeaders(ctx, node, requestID, grant)
	if err != nil {
		return err
	}
	return c.client.TryRelay(ctx, Address(node), headers[:], patience)
}

// Drain gives up the body of a request that TryForward has failed with.
func (c *Caller) Drain(ctx *fasthttp.RequestCtx) { c.client.Drain(ctx) }

// Hops returns how many nodes have sent a request on, 0 for one that shows no valid
// ticket of a node in its header.
func (c *Caller) Hops(ctx *fasthttp.RequestCtx) int {
	if len(ctx.Request.Header.Peek(HeaderTicket)) == 0 {
		return 0
	}
	hops, err := strconv.Atoi(string(ctx.Request.Header.Peek(HeaderHops)))
	if _, found, invalid := c.Verify(ctx); err != nil || invalid != nil || !found {
		return 0
	}
	return hops
}

// ForwardExpect is Forward for a server's ExpectHandler: see RelayExpect.
func (c *Caller) ForwardExpect(ctx *fasthttp.RequestCtx, node cluster.Node, requestID string, grant auth.Ticket) (status int, err error) {
	headers, err := c.forwardHeaders(ctx, node, requestID, grant)
	if err != nil {
		return 0, err
	}
	return c.client.RelayExpect(ctx, Address(node), headers[:])
}

func (c *Caller) forwardHeaders(ctx *fasthttp.RequestCtx, node cluster.Node, requestID string, grant auth.Ticket) (h [4]Header, err error) {
	hops := 0
	if text := ctx.Request.Header.Peek(HeaderHops); len(text) > 0 {
		if hops, err = strconv.Atoi(string(text)); err != nil || hops >= maxHops {
			return h, object.E("peer.Forward", node.ID, object.Unavailable, errors.New("sent on too often"))
		}
	}
	return [4]Header{
		{HeaderTicket, c.sign(node, grant, requestOf(&ctx.Request))},
		{HeaderRevision, strconv.FormatInt(c.state().Revision, 10)},
		{HeaderRequestID, requestID},
		{HeaderHops, strconv.Itoa(hops + 1)},
	}, nil
}

// Redirect returns the URL of the client's request at node, with a ticket of
// grant, as for Forward.
func (c *Caller) Redirect(ctx *fasthttp.RequestCtx, node cluster.Node, grant auth.Ticket) string {
	r := requestOf(&ctx.Request)
	return node.PublicURL + r.RawPath + "?" + auth.WithTicket(r.RawQuery, c.sign(node, grant, r))
}

// sign makes a ticket of grant for a request, to be used at node.
func (c *Caller) sign(node cluster.Node, grant auth.Ticket, r auth.Request) string {
	state := c.state()
	keys := c.keyring(state)
	if len(keys) == 0 { // a cluster is made with one; without, nothing can be signed, and nothing is accepted
		return ""
	}
	grant.Expires, grant.Target = c.now().Add(ticketLife), node.ID
	if grant.Revision == 0 { // nothing was decided
		grant.Revision = state.Revision
	}
	return auth.Sign(keys[0], grant, r)
}

// Verify checks the ticket that the request carries, in a header or in the query.
// found is false where there is none. The error is an auth.TicketError.
func (c *Caller) Verify(ctx *fasthttp.RequestCtx) (t auth.Ticket, found bool, err error) {
	r := requestOf(&ctx.Request)
	text := string(ctx.Request.Header.Peek(HeaderTicket))
	if text == "" {
		if text = auth.FindTicket(r.RawQuery); text == "" {
			return auth.Ticket{}, false, nil
		}
	}
	t, err = auth.Verify(c.keyring(c.state()), text, r, c.self, c.now().Add(-clockSkew))
	return t, true, err
}

// Ask sends a node-only request with in as its JSON body, and decodes the JSON
// answer into out (which may be nil). Errors are those that the node reports,
// by their kind, or Unavailable.
func (c *Caller) Ask(ctx context.Context, node cluster.Node, path string, in, out any) error {
	answer, err := c.AskRaw(ctx, node, path, in)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(answer, out)
}

// AskRaw is Ask with the answer's body as it is.
func (c *Caller) AskRaw(ctx context.Context, node cluster.Node, path string, in any) ([]byte, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	status, answer, err := c.client.Call(ctx, Address(node), http.MethodPost, path, c.nodeHeaders(node, path), body)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, errorFrom(path, node.ID, status, answer)
	}
	return answer, nil
}

// Open starts a bulk read from another target. The caller closes the answer's
// body, whatever its status; see ReadError.
func (c *Caller) Open(ctx context.Context, client *http.Client, node cluster.Node, r ReadRequest) (*http.Response, error) {
	return c.post(ctx, client, node, PathRead, r)
}

// OpenPayload starts the read of a payload file at another target, like Open.
func (c *Caller) OpenPayload(ctx context.Context, client *http.Client, node cluster.Node, r PayloadRequest) (*http.Response, error) {
	return c.post(ctx, client, node, PathPayload, r)
}

// AskLong is Ask of what takes the node as long as it takes: nothing but ctx ends the
// waiting.
func (c *Caller) AskLong(ctx context.Context, client *http.Client, node cluster.Node, path string, in, out any) error {
	resp, err := c.post(ctx, client, node, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	switch {
	case err != nil:
		return object.E(path, node.ID, object.Unavailable, err)
	case resp.StatusCode != http.StatusOK:
		return errorFrom(path, node.ID, resp.StatusCode, body)
	}
	return json.Unmarshal(body, out)
}

// post sends a node-only request. The caller closes the answer's body.
func (c *Caller) post(ctx context.Context, client *http.Client, node cluster.Node, path string, in any) (*http.Response, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	return c.postBody(ctx, client, node, path, body)
}

// postBody is post for a body that is encoded already.
func (c *Caller) postBody(ctx context.Context, client *http.Client, node cluster.Node, path string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, node.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for _, h := range c.nodeHeaders(node, path) {
		req.Header.Set(h.Name, h.Value)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, object.E(path, node.ID, object.Unavailable, err)
	}
	return resp, nil
}

// ReadError returns the error in an answer of Open that is not 200.
func ReadError(resp *http.Response) error { return answerError(PathRead, "", resp) }

// answerError returns the error in a node's answer that is not 200.
func answerError(path, node string, resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return object.E(path, node, object.Unavailable, err)
	}
	return errorFrom(path, node, resp.StatusCode, body)
}

// nodeHeaders are the headers of a POST that this node makes for itself.
func (c *Caller) nodeHeaders(node cluster.Node, path string) []Header {
	ticket := c.sign(node, auth.Ticket{Principal: NodePrincipal, Verdict: auth.Allow}, auth.Request{Method: http.MethodPost, RawPath: path})
	return []Header{
		{HeaderTicket, ticket},
		{HeaderRevision, strconv.FormatInt(c.state().Revision, 10)},
	}
}

// Address returns what Relay and Call take as the address of a node: host:port,
// with https:// in front where the node serves HTTPS.
func Address(node cluster.Node) string {
	return strings.TrimPrefix(node.URL, "http://")
}

// NodePrincipal is the principal of requests that a node makes for itself. No
// user can have the name: access keys have no colon.
const NodePrincipal = "node:"

// requestOf is what a ticket for the request is bound to.
func requestOf(r *fasthttp.Request) auth.Request {
	uri := string(r.Header.RequestURI())
	if _, rest, ok := strings.Cut(uri, "://"); ok && uri[0] != '/' { // absolute form (RFC 9112 §3.2.2)
		uri = "/"
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			uri = rest[i:]
		}
	}
	path, query, _ := strings.Cut(uri, "?")
	return auth.Request{
		Method:   string(r.Header.Method()),
		RawPath:  path,
		RawQuery: query,
		Headers: func(yield func(name, value string)) {
			for name, value := range r.Header.All() {
				yield(string(name), string(value))
			}
		},
	}
}
