// Package signed executes requests that clients signed for S3, with keys that are
// not known here, exactly as they were signed.
//
// It holds no credentials and verifies nothing: the remote store does. A signature
// covers the Host, which the client's request has lost on its way, so it is tried
// for the few hosts that it can have been made for: those of the endpoint that the
// configuration names, or Amazon's of the region. What a client says can choose
// among them, and never add one; a redirect is not followed.
package signed

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"time"

	"ais/backend"
	"ais/object"
)

// Request is a request as a client signed it.
type Request struct {
	Method    string
	RawKey    string // the key as it stands in the path, escaped
	RawQuery  string // what was signed of the query, as it stands
	Host      string // that the client's request was addressed to: a hint
	Header    http.Header
	AccessKey string // these two are what the signature says, unverified
	Region    string // "" where it does not say
	Body      io.Reader
	Size      int64 // of Body; −1 is not known
}

// Answer is the store's answer, whatever it says. The caller closes Body.
type Answer struct {
	Status int
	Header http.Header
	Length int64 // of Body; −1 is not known
	Body   io.ReadCloser
}

// OK reports whether the store did what was asked.
func (a *Answer) OK() bool { return a.Status >= 200 && a.Status < 300 }

// Client executes requests. It is safe for concurrent use.
type Client struct {
	transport *http.Transport
	found     found
}

// New returns a Client.
func New() *Client {
	return &Client{transport: &http.Transport{
		MaxIdleConnsPerHost:   32,
		IdleConnTimeout:       30 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: expectTimeout,
		DisableCompression:    true, // what the client signed goes, and what the store sent comes
		WriteBufferSize:       64 << 10,
		ReadBufferSize:        64 << 10,
		Protocols:             http1(),
	}}
}

// expectTimeout is how long a store that does not answer to Expect: 100-continue
// is waited for.
const expectTimeout = time.Second

func http1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// Close closes the connections that are not in use.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Do sends r to the remote bucket of config and returns the store's answer. Where
// the store says that the signature is not that of the request, it is sent to the
// next of the addresses that it may be for, unless too much of the body has gone;
// where all say so, the answer of the first is returned. r.Body is read by Do
// alone, and no more when Do has returned an error, or its answer's Body is closed.
//
// The errors are of kind Unavailable, where the store cannot be reached or does
// nothing for config.Timeout; Invalid; or that of r.Body.
func (c *Client) Do(ctx context.Context, config backend.Config, forms []Form, r *Request) (*Answer, error) {
	list, err := addresses(config, forms, r.Region)
	if err != nil {
		return nil, err
	}
	memory := foundKey{r.AccessKey, config.Bucket, config.Endpoint, r.Region}
	prefer(list, c.found.host(memory))
	prefer(list, r.Host)
	sent := &body{from: r.Body}
	var refused *Answer
	for i := range list {
		answer, err := c.try(ctx, &list[i], config.Timeout, r, sent)
		if err != nil {
			refused.Drop()
			return nil, err
		}
		code := answer.code()
		mismatch := code == mismatched || r.Method == http.MethodHead && answer.Status == http.StatusForbidden // which has no document
		if !mismatch {
			if refused != nil && list[i].guess && (code == "NoSuchBucket" || code == "InvalidBucketName") {
				answer.Drop() // it knows no buckets in hosts: the signature it is that was wrong
				return refused, nil
			}
			if len(list) > 1 && answer.Status < 500 {
				c.found.note(memory, list[i].host)
			}
			refused.Drop()
			return answer, nil
		}
		if refused == nil {
			refused = answer
		} else {
			answer.Drop()
		}
		if sent.spent() && i+1 < len(list) {
			c.found.note(memory, list[i+1].host) // a client that tries again is to have another chance
			break
		}
	}
	return refused, nil
}

// mismatched is S3's code where the signature is not that of the request.
const mismatched = "SignatureDoesNotMatch"

// try sends r to one address.
func (c *Client) try(ctx context.Context, a *address, timeout time.Duration, r *Request, sent *body) (*Answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	late := func() { cancel(errStalled) }
	waiting := newWatch(timeout, late)
	req, err := build(a, r, func() *attempt { return sent.attempt(waiting) })
	if err != nil {
		waiting.end()
		cancel(nil)
		return nil, err
	}
	waiting.start()
	resp, err := c.transport.RoundTrip(req.WithContext(ctx)) //nolint:bodyclose // it is the answer's to close
	waiting.end()
	if err != nil {
		sent.end()
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		cancel(nil)
		if failed := sent.failure(); failed != nil {
			return nil, failed
		}
		return nil, object.E("signed.Do", a.host, object.Unavailable, err)
	}
	reading := newWatch(timeout, late)
	answer := &Answer{Status: resp.StatusCode, Header: resp.Header, Length: resp.ContentLength}
	answer.Body = &answerBody{from: resp.Body, watch: reading, host: a.host, cause: func() error { return context.Cause(ctx) }, end: func() {
		reading.end()
		cancel(nil)
		sent.end()
	}}
	return answer, nil
}

var errStalled = errors.New("the store did nothing for backend.timeout")

// build makes the request that goes to a.
func build(a *address, r *Request, body func() *attempt) (*http.Request, error) {
	for _, text := range [...]string{r.RawKey, r.RawQuery} {
		for i := range len(text) {
			if text[i] <= ' ' || text[i] == 0x7f {
				return nil, object.E("signed.Do", a.host, object.Invalid, errors.New("the request line has a character that is not legal there"))
			}
		}
	}
	req := &http.Request{
		Method: r.Method, URL: target(a, r.RawKey, r.RawQuery), Host: a.host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
	}
	for name, values := range r.Header {
		if name = textproto.CanonicalMIMEHeaderKey(name); passes(name) {
			req.Header[name] = append(req.Header[name], values...)
		}
	}
	if _, ok := req.Header["User-Agent"]; !ok {
		req.Header["User-Agent"] = []string{""} // none, rather than one of this library's
	}
	if r.Body != nil && r.Size != 0 {
		req.Body, req.ContentLength = body(), r.Size
		req.GetBody = func() (io.ReadCloser, error) { return body().again() }
		req.Header["Expect"] = []string{"100-continue"}
	}
	return req, nil
}

// target is the URL of the key at a, with not a byte of it changed.
func target(a *address, rawKey, rawQuery string) *url.URL {
	u := &url.URL{Scheme: a.scheme, Host: a.dial, RawQuery: rawQuery, Opaque: a.path + rawKey}
	if !strings.HasPrefix(u.Opaque, "//") {
		return u
	}
	// Opaque has another meaning then.
	raw := u.Opaque
	u.Opaque, u.RawPath = "", raw
	if path, err := url.PathUnescape(raw); err == nil {
		u.Path = path
	}
	if u.EscapedPath() != raw {
		u.Path, u.RawPath, u.Opaque = "", "", "//"+a.host+raw
	}
	return u
}

// passes reports whether a header field is the client's word to S3, and not to the
// next server on the way.
func passes(name string) bool {
	switch name {
	case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Te", "Trailer", "Upgrade", "Expect",
		"Proxy-Authorization", "Proxy-Authenticate", "Proxy-Connection", "Forwarded", "X-Real-Ip", "Cookie", "Via":
		return false
	}
	return !strings.HasPrefix(name, "X-Ais-") && !strings.HasPrefix(name, "X-Forwarded-")
}

// found remembers which of the addresses that a signature may be for was right,
// for the clients that sign in the same way. It is bounded, and only a matter of
// speed.
type found struct {
	mu sync.Mutex // guards hosts
	by map[foundKey]string
}

type foundKey struct{ accessKey, bucket, endpoint, region string }

const maxFound = 4096

func (f *found) host(k foundKey) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.by[k]
}

func (f *found) note(k foundKey, host string) {
	if len(k.accessKey) > 128 || len(k.region) > 64 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by == nil || len(f.by) >= maxFound {
		f.by = map[foundKey]string{}
	}
	f.by[k] = host
}
