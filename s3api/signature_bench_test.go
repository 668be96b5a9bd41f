package s3api

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// BenchmarkVerify measures what a signature costs each request, its key at hand.
func BenchmarkVerify(b *testing.B) {
	for _, r := range botocoreRequests(b) {
		switch r.Name {
		case "v4 put with metadata", "v4 query signed", "v2 put", "v2 query":
		default:
			continue
		}
		v := NewVerifier(VerifierConfig{Secrets: exampleSecrets, Now: func() time.Time { return signedAt }, Logger: slog.New(slog.DiscardHandler)})
		q := parsedRequest(b, r)
		b.Run(strings.ReplaceAll(r.Name, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			cpu := cpuTime()
			for b.Loop() {
				if _, err := v.Authenticate(q); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}

// parsedRequest returns the Request of a recorded one, without a connection.
func parsedRequest(t testing.TB, r recorded) *Request {
	t.Helper()
	var ctx fasthttp.RequestCtx
	ctx.Init(&fasthttp.Request{}, nil, nil)
	ctx.Request.Header.SetMethod(r.Method)
	ctx.Request.Header.SetRequestURI(r.Target)
	ctx.Request.Header.SetHost(r.Host)
	for _, h := range r.Headers {
		ctx.Request.Header.Add(h[0], h[1])
	}
	q := &Request{ctx: &ctx, server: &Server{}}
	if err := q.parse(); err != nil {
		t.Fatal(err)
	}
	return q
}
