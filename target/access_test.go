package target

import (
	"context"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ais/auth"
	"ais/cluster"
	"ais/cluster/etcd"
	"ais/cluster/peer"
	"ais/internal/loopback"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// startTarget returns a target of a new cluster with users that is handed requests,
// and the proxy's view of the cluster.
func startTarget(t *testing.T) (*Target, *etcd.Store) {
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
	proxy := open(etcd.Config{
		Embed: &etcd.Embed{Dir: filepath.Join(t.TempDir(), "etcd"), ClientURL: url, PeerURL: loopback.URL(t)},
		Self:  cluster.Node{ID: "p1", Kind: cluster.Proxy, URL: "http://127.0.0.1:1"},
		Root:  cluster.AccessKey{ID: "ROOT-KEY", Secret: "secret-of-root-in-tests"},
	})
	members := open(etcd.Config{Endpoints: []string{url}, Self: cluster.Node{ID: "t1", Kind: cluster.Target, URL: "http://127.0.0.1:2", PublicURL: "http://127.0.0.1:2"}})
	target := newTarget(t, members, func(c *Config) { c.Store.Registerer = c.Registry })
	if _, err := proxy.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	return target, proxy
}

func request(method, uri string, headers ...string) *fasthttp.RequestCtx {
	var in fasthttp.Request
	in.Header.SetMethod(method)
	in.Header.SetRequestURI(uri)
	in.Header.SetHost("node.test:8080")
	for i := 0; i < len(headers); i += 2 {
		in.Header.Set(headers[i], headers[i+1])
	}
	ctx := new(fasthttp.RequestCtx)
	ctx.Init(&in, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 1234}, nil)
	return ctx
}

// TestTicketsAtTarget: what a ticket says counts for its request, here, for its
// time, and as long as what it was decided by is known here.
func TestTicketsAtTarget(t *testing.T) {
	target, proxy := startTarget(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	b, err := proxy.CreateBucket(ctx, cluster.Bucket{
		Provider: object.AIS, Name: "hers", Owner: "ROOT-KEY", Props: cluster.DefaultProps(object.AIS, true, cluster.DefaultConfig()),
	})
	if err != nil {
		t.Fatal(err)
	}
	ticket := func(node string, age time.Duration, grant auth.Ticket) string {
		caller := peer.NewCaller(peer.New(peer.DefaultConfig()), "p1", proxy.State, func() time.Time { return time.Now().Add(-age) })
		u, err := url.Parse(caller.Redirect(request("GET", "/hers/key"), cluster.Node{ID: node}, grant))
		if err != nil {
			t.Fatal(err)
		}
		return u.RequestURI()
	}
	allow := auth.Ticket{Principal: "ROOT-KEY", Verdict: auth.Allow, Revision: b.Revision}
	for name, test := range map[string]struct {
		method, uri string
		status      int
		code        string
	}{
		"good":            {"GET", ticket("t1", 0, allow), 404, "NoSuchKey"}, // there is none, and its sender may know
		"expired":         {"GET", ticket("t1", time.Hour, allow), 403, "AccessDenied"},
		"other target":    {"GET", ticket("t2", 0, allow), 403, "AccessDenied"},
		"other request":   {"DELETE", ticket("t1", 0, allow), 403, "AccessDenied"},
		"other key":       {"GET", strings.Replace(ticket("t1", 0, allow), "key", "kez", 1), 403, "AccessDenied"},
		"of a node":       {"GET", ticket("t1", 0, auth.Ticket{Principal: peer.NodePrincipal, Verdict: auth.Allow}), 403, "AccessDenied"},
		"of nobody there": {"GET", ticket("t1", 0, auth.Ticket{Principal: "GONE", Verdict: auth.Allow}), 403, "InvalidAccessKeyId"},
		"denied":          {"GET", ticket("t1", 0, auth.Ticket{Principal: "ROOT-KEY", Verdict: auth.Deny}), 403, "AccessDenied"},
		"outdated":        {"GET", ticket("t1", 0, auth.Ticket{Verdict: auth.Allow, Revision: 1}), 403, "AccessDenied"},
		"from the future": {"GET", ticket("t1", 0, auth.Ticket{Principal: "ROOT-KEY", Verdict: auth.Allow, Revision: 1 << 40}), 503, "ServiceUnavailable"},
		"none":            {"GET", "/hers/key", 403, "AccessDenied"},
	} {
		ctx := request(test.method, test.uri)
		target.handle(ctx)
		if body := string(ctx.Response.Body()); ctx.Response.StatusCode() != test.status || !strings.Contains(body, "<Code>"+test.code+"</Code>") {
			t.Errorf("%s: %d %s", name, ctx.Response.StatusCode(), body)
		}
	}
	// What the proxy knows when it redirects is known here before the answer.
	for range 20 {
		now, err := proxy.UpdateBucket(ctx, &b, func(b *cluster.Bucket) error { b.Region += "x"; return nil })
		if err != nil {
			t.Fatal(err)
		}
		target.handle(request("GET", ticket("t1", 0, auth.Ticket{Principal: "ROOT-KEY", Verdict: auth.Allow})))
		if here, _ := target.cluster.State().BucketByID(b.ID); here.Revision < now.Revision {
			t.Fatalf("answered by revision %d, behind %d", here.Revision, now.Revision)
		}
	}
}
