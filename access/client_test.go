package access

import (
	"net"
	"testing"

	"ais/cluster"

	"github.com/valyala/fasthttp"
)

// charged returns who is charged for a request from 192.0.2.7; headers are names and
// values.
func (n *node) charged(uri string, headers ...string) string {
	var ctx fasthttp.RequestCtx
	ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 1234}, nil)
	ctx.Request.SetRequestURI(uri)
	for i := 0; i < len(headers); i += 2 {
		ctx.Request.Header.Set(headers[i], headers[i+1])
	}
	return string(n.Client(nil, &ctx))
}

// Who is charged for a request: a user, by whatever credentials; the address where
// nobody is known who could have them, so that an invented key gives no share of its
// own.
func TestClient(t *testing.T) {
	n := newNode(t, cluster.Contents{Users: people()})
	session, err := n.seal(sessionPurpose, session{AccessKey: "TEMPORARY", User: "BOB", Parent: "BOB", Expires: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	bearer, err := n.seal(bearerPurpose, token{User: "ALICE", Key: "ALICE", Expires: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	nobody := n.charged("/b/k")
	if nobody == "" {
		t.Error("nobody is charged for an anonymous request")
	}
	const scope = "/20261122/us-east-1/s3/aws4_request"
	for name, test := range map[string]struct {
		uri     string
		headers []string
		want    string
	}{
		"v4":           {"/b/k", []string{"Authorization", "AWS4-HMAC-SHA256 Credential=ALICE" + scope + ", SignedHeaders=host, Signature=00"}, "user ALICE"},
		"v2":           {"/b/k", []string{"Authorization", "AWS BOB:c2lnbmF0dXJl"}, "user BOB"},
		"presigned":    {"/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ALICE%2F20261122%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=00", nil, "user ALICE"},
		"presigned v2": {"/b/k?AWSAccessKeyId=BOB&Expires=1&Signature=00", nil, "user BOB"},
		"session":      {"/b/k", []string{"Authorization", "AWS4-HMAC-SHA256 Credential=TEMPORARY" + scope + ", Signature=00", "X-Amz-Security-Token", session}, "user BOB"},
		"bearer":       {"/v1/buckets", []string{"Authorization", "Bearer " + bearer}, "user ALICE"},
		"invented":     {"/b/k", []string{"Authorization", "AWS4-HMAC-SHA256 Credential=MALLORY" + scope + ", Signature=00"}, nobody},
		"disabled":     {"/b/k", []string{"Authorization", "AWS CAROL:c2lnbmF0dXJl"}, nobody},
		"bad token":    {"/b/k", []string{"Authorization", "Bearer x"}, nobody},
	} {
		if got := n.charged(test.uri, test.headers...); got != test.want {
			t.Errorf("%s: %q, not %q", name, got, test.want)
		}
	}
	open := newNode(t, cluster.Contents{Map: cluster.Map{Auth: cluster.AuthOff}})
	one, two := open.charged("/b/k", "Authorization", "AWS ONE:00"), open.charged("/b/k", "Authorization", "AWS TWO:00")
	if one == two || one == open.charged("/b/k") || n.syncs+open.syncs > 0 {
		t.Errorf("without users: %q and %q; %d reads of etcd", one, two, n.syncs)
	}
}
