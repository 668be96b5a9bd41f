package access

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ais/auth"
	"ais/cluster"
	"ais/object"
	"ais/s3api"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
)

// node is a Control over users and buckets that a test changes. What is put into
// next is known to etcd alone until somebody syncs.
type node struct {
	*Control
	state *cluster.State
	next  *cluster.State
	away  bool // etcd does not answer
	syncs int
	now   time.Time
	log   bytes.Buffer
	seen  *prometheus.Registry
}

var errAway = object.E("test.Sync", "", object.Unavailable, errors.New("etcd is away"))

func newNode(t *testing.T, c cluster.Contents) *node {
	t.Helper()
	if c.Map.Auth == "" {
		c.Map.Auth = cluster.AuthOn
	}
	n := &node{state: cluster.NewState(c), now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), seen: prometheus.NewRegistry()}
	var err error
	n.Control, err = New(Config{
		State: func() *cluster.State { return n.state },
		Sync: func(context.Context) (*cluster.State, error) {
			n.syncs++
			if n.away {
				return nil, errAway
			}
			if n.next != nil {
				n.state, n.next = n.next, nil
			}
			return n.state, nil
		},
		Seal: func(purpose string, plain []byte) ([]byte, error) {
			out := append([]byte(purpose+"\x00"), plain...)
			for i := range out {
				out[i] ^= 0xa5
			}
			return out, nil
		},
		Unseal: func(purpose string, sealed []byte) ([]byte, error) {
			out := bytes.Clone(sealed)
			for i := range out {
				out[i] ^= 0xa5
			}
			plain, ok := bytes.CutPrefix(out, []byte(purpose+"\x00"))
			if !ok {
				return nil, errors.New("not sealed for " + purpose)
			}
			return plain, nil
		},
		SyncTimeout: time.Second, Now: func() time.Time { return n.now },
		Logger:     slog.New(slog.NewTextHandler(&n.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Registerer: n.seen,
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// counted returns how many failures of a code the metrics show.
func (n *node) counted(t *testing.T, code string) float64 {
	t.Helper()
	families, err := n.seen.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "ais_auth_failures_total" && m.GetLabel()[0].GetValue() == code {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

const (
	aliceSecret = "alice-secret-which-nobody-prints"
	bobSecret   = "bob-secret-which-nobody-prints"
)

func people() []cluster.User {
	return []cluster.User{
		{ID: "ALICE", Name: "alice", Keys: []cluster.AccessKey{{ID: "ALICE", Secret: aliceSecret}, {ID: "ALICE-OFF", Secret: aliceSecret, Disabled: true}}},
		{ID: "BOB", Name: "bob", Keys: []cluster.AccessKey{{ID: "BOB", Secret: bobSecret}}},
		{ID: "CAROL", Name: "carol", Disabled: true, Keys: []cluster.AccessKey{{ID: "CAROL", Secret: bobSecret}}},
		{ID: "ROOT", Name: "root", Admin: true, Root: true, Keys: []cluster.AccessKey{{ID: "ROOT", Secret: bobSecret}}},
	}
}

func hers() cluster.Bucket {
	return cluster.Bucket{
		ID: 1, Provider: object.AIS, Name: "hers", Owner: "ALICE", State: cluster.BucketActive, Revision: 5,
		Props: cluster.DefaultProps(object.AIS, true, cluster.DefaultConfig()),
	}
}

var (
	alice = s3api.Credentials{AccessKey: "ALICE", Secret: aliceSecret}
	bob   = s3api.Credentials{AccessKey: "BOB", Secret: bobSecret}
)

// request makes a request at the node, signed if who has a key.
func (n *node) request(who s3api.Credentials, service, method, path, body string, headers ...string) *fasthttp.RequestCtx {
	req, err := http.NewRequest(method, "http://node.test:8080"+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	if who.AccessKey != "" {
		sum := sha256.Sum256([]byte(body))
		s3api.SignV4(req, who, service, "us-east-1", hex.EncodeToString(sum[:]), n.now)
	}
	ctx := new(fasthttp.RequestCtx)
	var in fasthttp.Request
	in.Header.SetMethod(method)
	in.Header.SetRequestURI(path)
	in.Header.SetHost("node.test:8080")
	for name, values := range req.Header {
		in.Header.Set(name, values[0])
	}
	in.SetBody([]byte(body))
	ctx.Init(&in, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 1234}, nil)
	return ctx
}

type handler func(*s3api.Request) error

func (h handler) ServeS3(r *s3api.Request) error { return h(r) }

// serve has the S3 server parse the request and calls f with it. It returns the
// code of S3's error, "" for none.
func (n *node) serve(t *testing.T, ctx *fasthttp.RequestCtx, f func(*s3api.Request) error) string {
	t.Helper()
	var failed error
	called := false
	c := s3api.DefaultConfig()
	c.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	c.Handler = handler(func(r *s3api.Request) error {
		called, failed = true, f(r)
		return failed
	})
	server, err := s3api.NewServer(c)
	if err != nil {
		t.Fatal(err)
	}
	server.Serve(ctx)
	if !called {
		t.Fatalf("%s %s did not reach the handler: %d", ctx.Method(), ctx.RequestURI(), ctx.Response.StatusCode())
	}
	if failed == nil {
		return ""
	}
	return s3api.FromError(failed).Code
}

// decide is what a node does before it serves: the code of S3's error, "" for
// none, and what the ticket for another node would say.
func (n *node) decide(t *testing.T, b *cluster.Bucket, ctx *fasthttp.RequestCtx) (code string, ticket auth.Ticket) {
	t.Helper()
	code = n.serve(t, ctx, func(r *s3api.Request) error {
		if _, err := n.Identify(r); err != nil {
			return err
		}
		err := n.Admit(r, b)
		ticket = n.Grant(r.Ctx())
		return err
	})
	return code, ticket
}
