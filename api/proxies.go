package api

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"ais/object"
)

// proxies are the proxies of a cluster that a client knows.
type proxies struct {
	answered atomic.Bool // any call, ever

	mu    sync.Mutex
	known []string // URLs, in the order in which they are tried
	good  int      // index of the one to call
	more  func() []string
}

// newProxies reads a list of URLs. Kind: Invalid.
func newProxies(list string, more func() []string) (*proxies, error) {
	p := &proxies{more: more}
	for raw := range strings.SplitSeq(list, ",") {
		at, err := parseProxy(raw)
		if err != nil {
			return nil, err
		}
		p.add(at)
	}
	return p, nil
}

// parseProxy returns the URL of a proxy without a slash at its end. Kind: Invalid.
func parseProxy(raw string) (string, error) {
	full := strings.TrimSpace(raw)
	if !strings.Contains(full, "://") {
		full = "http://" + full
	}
	u, err := url.Parse(strings.TrimRight(full, "/"))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", object.E("api.NewClient", raw, object.Invalid, errors.New("the endpoint is not a URL like http://localhost:8080"))
	}
	return u.String(), nil
}

func (p *proxies) add(at string) {
	if !slices.Contains(p.known, at) {
		p.known = append(p.known, at)
	}
}

// current returns the proxy to call.
func (p *proxies) current() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known[p.good]
}

// next returns a proxy that is not among those tried, "" where there is none.
// What More adds is called over TLS if the endpoint is.
func (p *proxies) next(tried []string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := p.untried(tried); at != "" || p.more == nil {
		return at
	}
	scheme, _, _ := strings.Cut(p.known[0], "://")
	for _, raw := range p.more() {
		if at, err := parseProxy(raw); err == nil && strings.HasPrefix(at, scheme+"://") {
			p.add(at)
		}
	}
	p.more = nil
	return p.untried(tried)
}

// untried makes the first proxy after the good one that was not tried the good
// one. mu is held.
func (p *proxies) untried(tried []string) string {
	for n := range p.known {
		i := (p.good + n) % len(p.known)
		if !slices.Contains(tried, p.known[i]) {
			p.good = i
			return p.known[i]
		}
	}
	return ""
}
