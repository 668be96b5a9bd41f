package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ais/object"
)

// maxRedirects is how often a call is sent on. One is usual; two are a target
// that has just lost the object to another.
const maxRedirects = 5

// once sends the call to a proxy, follows redirects with body and ticket, and
// returns the answer if it is a success. The caller closes its body. failed says
// how far the call came otherwise.
func (c *Client) once(ctx context.Context, r call, proxy string) (_ *http.Response, failed reach, _ error) {
	at := proxy + r.path
	if len(r.query) > 0 {
		at += "?" + r.query.Encode()
	}
	r, err := c.authorized(ctx, r, at)
	if err != nil {
		return nil, reachedNobody, err
	}
	redirected := false
	for range maxRedirects {
		resp, err := c.send(ctx, r, at)
		if err != nil {
			return nil, reachOf(err, redirected), targetError(err, redirected)
		}
		c.proxies.answered.Store(true)
		switch resp.StatusCode {
		case http.StatusTemporaryRedirect, http.StatusPermanentRedirect, http.StatusMovedPermanently, http.StatusFound:
			at, err = redirectTo(at, resp.Header.Get("Location"))
			drain(resp.Body)
			_ = resp.Body.Close()
			if err != nil {
				return nil, reachedNobody, err
			}
			redirected = true
			r.header = withoutAuthorization(r.header) // it was for the proxy; the ticket is for the target
			continue
		}
		if resp.StatusCode >= 300 {
			defer resp.Body.Close()
			return nil, reachedAnswer, readError(resp)
		}
		return resp, 0, nil
	}
	return nil, reachedNobody, object.E("api.Client", r.path, object.Unavailable, errors.New("too many redirects"))
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
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		m.retryAfter = time.Duration(seconds) * time.Second
	}
	return m
}

// isText reports whether an answer of unknown make can be shown as one line.
func isText(raw []byte) bool {
	return len(raw) > 0 && len(raw) < 300 && !bytes.ContainsAny(raw, "<\n\x00")
}

// drain reads a little of what is left, so that the connection can be used again
// after the body is closed.
func drain(body io.Reader) { _, _ = io.CopyN(io.Discard, body, maxErrorBody) }
