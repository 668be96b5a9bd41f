package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ais/object"
)

// ClientConfig says how a Client reaches a cluster.
type ClientConfig struct {
	Endpoint   string // URL of a proxy, "http://localhost:8080"; "host:port" is http
	UserAgent  string
	SkipVerify bool   // accept any certificate
	CA         []byte // PEM of the authorities to trust besides the system's

	// Authorize adds to a request what says who makes it, such as a signature;
	// payload is the body's SHA-256 in hexadecimal, "" for none, or
	// "UNSIGNED-PAYLOAD". nil adds nothing.
	Authorize func(r *http.Request, payload string) error
}

// Client calls the native API of a cluster. It follows redirects to targets, and
// its methods may be called at once. Its errors are *ErrorMessage where a server
// answered one, so errors.Is(err, object.NotFound) and such work; *url.Error
// where none answered.
type Client struct {
	endpoint  *url.URL
	agent     string
	authorize func(r *http.Request, payload string) error
	transport *http.Transport // and not an http.Client, which would make ready to follow redirects itself
}

// The times that a Client waits: for a connection, and for a 100 Continue before
// it sends a body that it could not send twice.
const (
	dialTimeout     = 10 * time.Second
	continueTimeout = 30 * time.Second
)

// NewClient returns a client. The error is of kind Invalid.
func NewClient(c ClientConfig) (*Client, error) {
	const op = "api.NewClient"
	raw := c.Endpoint
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	u, err := url.Parse(strings.TrimRight(raw, "/"))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, object.E(op, c.Endpoint, object.Invalid, errors.New("the endpoint is not a URL like http://localhost:8080"))
	}
	tlsConfig := &tls.Config{InsecureSkipVerify: c.SkipVerify} //nolint:gosec // what --skip-verify asks for
	if len(c.CA) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(c.CA) {
			return nil, object.E(op, "", object.Invalid, errors.New("the CA file holds no PEM certificate"))
		}
		tlsConfig.RootCAs = pool
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       tlsConfig,
		TLSHandshakeTimeout:   dialTimeout,
		ExpectContinueTimeout: continueTimeout,
		MaxIdleConnsPerHost:   32,
		IdleConnTimeout:       30 * time.Second,
		DisableCompression:    true,
		ReadBufferSize:        64 << 10,
		WriteBufferSize:       64 << 10,
	}
	return &Client{endpoint: u, agent: c.UserAgent, authorize: c.Authorize, transport: transport}, nil
}

// Endpoint returns the URL of the proxy.
func (c *Client) Endpoint() string { return c.endpoint.String() }

// call is one request, before it is known who answers it.
type call struct {
	method string
	path   string // escaped
	query  url.Values
	header http.Header
	body   *body // nil for none
}

// bucketCall returns a call about a bucket or an object in it.
func bucketCall(method, path string, b Bucket) call {
	return call{method: method, path: path, query: url.Values{QueryProvider: {string(b.Provider)}}, header: http.Header{}}
}

// withAction adds an action message as the body.
func (r call) withAction(action, name string, value any) (call, error) {
	m, err := NewAction(action, name, value)
	if err != nil {
		return r, err
	}
	raw, err := jsonAPI.Marshal(m)
	if err != nil {
		return r, object.E("api.Client", action, object.Internal, err)
	}
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set("Content-Type", ContentJSON)
	r.body = newBody(bytes.NewReader(raw), int64(len(raw)))
	return r, nil
}

// maxRedirects is how often a call is sent on. One is usual; two are a target
// that has just lost the object to another.
const maxRedirects = 5

// do sends the call, follows redirects with body and ticket, and returns the
// answer if it is a success. The caller closes its body.
func (c *Client) do(ctx context.Context, r call) (*http.Response, error) {
	at := c.endpoint.String() + r.path
	if len(r.query) > 0 {
		at += "?" + r.query.Encode()
	}
	r, err := c.authorized(ctx, r, at)
	if err != nil {
		return nil, err
	}
	redirected := false
	for range maxRedirects {
		resp, err := c.send(ctx, r, at)
		if err != nil {
			return nil, targetError(err, redirected)
		}
		switch resp.StatusCode {
		case http.StatusTemporaryRedirect, http.StatusPermanentRedirect, http.StatusMovedPermanently, http.StatusFound:
			at, err = redirectTo(at, resp.Header.Get("Location"))
			drain(resp.Body)
			_ = resp.Body.Close()
			if err != nil {
				return nil, err
			}
			redirected = true
			r.header = withoutAuthorization(r.header) // it was for the proxy; the ticket is for the target
			continue
		}
		if resp.StatusCode >= 300 {
			defer resp.Body.Close()
			return nil, readError(resp)
		}
		return resp, nil
	}
	return nil, object.E("api.Client", r.path, object.Unavailable, errors.New("too many redirects"))
}

func withoutAuthorization(h http.Header) http.Header {
	h = h.Clone()
	h.Del("Authorization")
	return h
}

// targetError makes what befell a connection to a target Unavailable: the proxy
// that sent the call there does not know yet that the target is down.
func targetError(err error, redirected bool) error {
	var dial *net.OpError
	if redirected && errors.As(err, &dial) {
		return object.E("api.Client", "", object.Unavailable, fmt.Errorf("the target at %s does not answer: %w", dial.Addr, dial.Err))
	}
	return err
}

// send sends the call to one server. A connection that the server had closed
// meanwhile is replaced by the transport, where the body allows it.
func (c *Client) send(ctx context.Context, r call, at string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, at, nil)
	if err != nil {
		return nil, object.E("api.Client", at, object.Invalid, err)
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if c.agent != "" {
		req.Header.Set("User-Agent", c.agent)
	}
	req.Header.Set("X-Ais-Redirect", "follow")
	if r.body != nil {
		if req.Body, err = r.body.again(); err != nil {
			return nil, err
		}
		req.ContentLength = r.body.size
		req.GetBody = r.body.again
		if r.body.size == 0 {
			_ = req.Body.Close() // never fails
			req.Body, req.GetBody = http.NoBody, nil
		}
		if r.body.size > expectOver || r.body.seeker == nil && r.body.size > 0 {
			req.Header.Set("Expect", "100-continue")
		}
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &url.Error{Op: r.method, URL: at, Err: err}
	}
	return resp, nil
}

// redirectTo resolves a Location. It is used as it is, unlike by net/http, which
// would resolve dot segments in the name of an object.
func redirectTo(from, location string) (string, error) {
	if strings.Contains(location, "://") {
		return location, nil
	}
	u, err := url.Parse(from)
	if err != nil || !strings.HasPrefix(location, "/") {
		return "", object.E("api.Client", location, object.Internal, errors.New("a redirect that leads nowhere"))
	}
	return u.Scheme + "://" + u.Host + location, nil
}

// maxErrorBody is how much of a failed answer is read.
const maxErrorBody = 64 << 10

// readError returns the error that a failed answer carries.
func readError(resp *http.Response) error {
	m := &ErrorMessage{}
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // what came is what there is to show
	drain(resp.Body)
	if err := jsonAPI.Unmarshal(raw, m); err != nil || m.Message == "" {
		m.Message = resp.Header.Get(HeaderError)
		if text := bytes.TrimSpace(raw); m.Message == "" && isText(text) {
			m.Message = string(text)
		}
		if m.Message == "" {
			m.Message = "the server answered " + resp.Status
		}
	}
	if m.Code == "" {
		m.Code = resp.Header.Get(HeaderErrorCode)
	}
	m.Status = resp.StatusCode
	return m
}

// isText reports whether an answer of unknown make can be shown as one line.
func isText(raw []byte) bool {
	return len(raw) > 0 && len(raw) < 300 && !bytes.ContainsAny(raw, "<\n\x00")
}

// drain reads a little of what is left, so that the connection can be used again
// after the body is closed.
func drain(body io.Reader) { _, _ = io.CopyN(io.Discard, body, maxErrorBody) }

// decode sends the call and reads the JSON of the answer into to.
func (c *Client) decode(ctx context.Context, r call, to any) error {
	resp, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	err = jsonAPI.NewDecoder(resp.Body).Decode(to)
	drain(resp.Body)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("the answer to %s %s is not understood (is %s an AIS proxy?): %w", r.method, r.path, c.endpoint, err)
	}
	return nil
}

// finish sends a call of which only the success counts.
func (c *Client) finish(ctx context.Context, r call) (http.Header, error) {
	resp, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	drain(resp.Body)
	return resp.Header, nil
}
