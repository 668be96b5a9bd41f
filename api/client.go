package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"ais/object"
)

// ClientConfig says how a Client reaches a cluster.
type ClientConfig struct {
	Endpoint   string // URLs of proxies, separated by commas: "http://localhost:8080"; "host:port" is http
	UserAgent  string
	SkipVerify bool             // accept any certificate
	CA         []byte           // PEM of the authorities to trust besides the system's
	Cert       *tls.Certificate // of the client, for servers that ask for one; nil for none

	// More returns URLs of other proxies of the same cluster. It is called once, when
	// no proxy of Endpoint can be connected to; nil knows none.
	More func() []string

	// Patience is how long a call that can be repeated is repeated while nodes answer
	// that they are not available, or break off; 0 is one try at each proxy.
	Patience time.Duration

	// Authorize adds to a request what says who makes it, such as a signature;
	// payload is the body's SHA-256 in hexadecimal, "" for none, or
	// "UNSIGNED-PAYLOAD". nil adds nothing.
	Authorize func(r *http.Request, payload string) error
}

// Client calls the native API of a cluster. It follows redirects to targets, and
// its methods may be called at once. Its errors are *ErrorMessage where a server
// answered one, so errors.Is(err, object.NotFound) and such work; *url.Error
// where none answered.
//
// A proxy that cannot be connected to is replaced by the next one that is known,
// for this call and those that follow. Calls that were sent are sent again only
// where doing them twice is the same as once.
type Client struct {
	proxies   *proxies
	patience  time.Duration
	agent     string
	authorize func(r *http.Request, payload string) error
	transport *http.Transport // and not an http.Client, which would make ready to follow redirects itself
}

// The times that a Client waits: for a connection, and for a 100 Continue before
// it sends a body that it could not send twice.
const (
	dialTimeout     = 5 * time.Second
	continueTimeout = 30 * time.Second
)

// NewClient returns a client. The error is of kind Invalid.
func NewClient(c ClientConfig) (*Client, error) {
	const op = "api.NewClient"
	known, err := newProxies(c.Endpoint, c.More)
	if err != nil {
		return nil, err
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
	if c.Cert != nil {
		tlsConfig.Certificates = []tls.Certificate{*c.Cert}
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       tlsConfig,
		TLSHandshakeTimeout:   dialTimeout,
		ExpectContinueTimeout: continueTimeout,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       30 * time.Second,
		DisableCompression:    true,
		ReadBufferSize:        64 << 10,
		WriteBufferSize:       64 << 10,
	}
	return &Client{proxies: known, patience: c.Patience, agent: c.UserAgent, authorize: c.Authorize, transport: transport}, nil
}

// Endpoint returns the URL of the proxy that is called.
func (c *Client) Endpoint() string { return c.proxies.current() }

// Answered reports whether any call was answered yet, by whom and how ever.
func (c *Client) Answered() bool { return c.proxies.answered.Load() }

// WithPatience returns the same client with another patience.
func (c *Client) WithPatience(d time.Duration) *Client {
	patient := *c
	patient.patience = d
	return &patient
}

// call is one request, before it is known who answers it.
type call struct {
	method string
	path   string // escaped
	query  url.Values
	header http.Header
	body   *body // nil for none

	harmless bool // may be done twice, though its method says otherwise
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
		return fmt.Errorf("the answer to %s %s is not understood (is %s an AIS proxy?): %w", r.method, r.path, c.Endpoint(), err)
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
