package proxy

import (
	"testing"

	"github.com/valyala/fasthttp"
)

func TestProbes(t *testing.T) {
	for request, want := range map[[4]string]bool{
		{"PUT", "/v1/objects/b/k?provider=ais", "ais/python/2.0.0", "close"}:       true,
		{"PUT", "/v1/objects/b/k?provider=ais", "ais/python/2.0.0", "keep-alive"}:  false,
		{"PUT", "/v1/objects/b/k?provider=ais", "python-requests/2.34.2", "close"}: false,
		{"GET", "/v1/objects/b/k?provider=ais", "ais/python/2.0.0", "close"}:       false,
		{"PUT", "/v1/buckets/b", "ais/python/2.0.0", "close"}:                      false,
	} {
		var h fasthttp.RequestHeader
		h.SetMethod(request[0])
		h.SetRequestURI(request[1])
		h.SetUserAgent(request[2])
		h.Set("Connection", request[3])
		next := 0
		announceProbes(func(*fasthttp.RequestHeader) fasthttp.RequestConfig { next++; return fasthttp.RequestConfig{} })(&h)
		if announced := string(h.Peek("Expect")) == "100-continue"; announced != want || next != 1 {
			t.Errorf("%v: announced: %v", request, announced)
		}
	}
}
