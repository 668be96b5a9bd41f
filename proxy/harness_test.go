package proxy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ais/cluster"
	"ais/cluster/etcd"
	"ais/cluster/peer"
	"ais/internal/loopback"
	"ais/s3api"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
)

var root = s3api.Credentials{AccessKey: "ROOT-KEY", Secret: "secret-of-root-in-tests"}

// startProxy returns a proxy of a new cluster with users and a target that nobody
// can reach. It listens on nothing: it is handed requests.
func startProxy(t *testing.T) *Proxy {
	t.Helper()
	url := loopback.URL(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	open := func(c etcd.Config) *etcd.Store {
		c.ClusterKey, c.Auth = make([]byte, 32), cluster.AuthOn
		s, err := etcd.Open(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	members := open(etcd.Config{
		Embed: &etcd.Embed{Dir: filepath.Join(t.TempDir(), "etcd"), ClientURL: url, PeerURL: loopback.URL(t)},
		Self:  cluster.Node{ID: "p1", Kind: cluster.Proxy, URL: "http://127.0.0.1:1"},
		Root:  cluster.AccessKey{ID: root.AccessKey, Secret: cluster.Secret(root.Secret)},
	})
	open(etcd.Config{Endpoints: []string{url}, Self: cluster.Node{ID: "t1", Kind: cluster.Target, URL: "http://127.0.0.1:2"}})
	if _, err := members.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.ID, cfg.Registry, cfg.Logger = "p1", prometheus.NewRegistry(), slog.New(slog.DiscardHandler)
	cfg.HoldTime = 0 // nobody will come
	p, err := New(cfg, members, peer.New(peer.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ask hands the proxy a request, signed for a service if who has a key, and
// returns the status and body of the answer. Headers are names and values.
func (p *Proxy) ask(t *testing.T, who s3api.Credentials, service, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	ctx := p.answer(t, who, service, method, path, body, headers...)
	return ctx.Response.StatusCode(), string(ctx.Response.Body())
}

// answer is ask with the whole answer.
func (p *Proxy) answer(t *testing.T, who s3api.Credentials, service, method, path, body string, headers ...string) *fasthttp.RequestCtx {
	t.Helper()
	req, err := http.NewRequest(method, "http://node.test:8080"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	if who.AccessKey != "" {
		sum := sha256.Sum256([]byte(body))
		s3api.SignV4(req, who, service, "us-east-1", hex.EncodeToString(sum[:]), time.Now())
	}
	var in fasthttp.Request
	in.Header.SetMethod(method)
	in.Header.SetRequestURI(path)
	in.Header.SetHost("node.test:8080")
	for name, values := range req.Header {
		in.Header.Set(name, values[0])
	}
	ctx := new(fasthttp.RequestCtx)
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	ctx.Init2(connection{here}, nil, false)
	in.CopyTo(&ctx.Request)
	ctx.Request.SetBodyStream(strings.NewReader(body), len(body))
	p.handle(ctx)
	ctx.ResetUserValues() // as the server does once the answer is sent
	return ctx
}

// connection is one that comes from a network.
type connection struct{ net.Conn }

func (connection) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 1234}
}
