package access

import (
	"testing"

	"ais/auth"
	"ais/cluster"
	"ais/object"
	"ais/s3api"
)

var stranger = s3api.Credentials{AccessKey: "AKIASTRANGER", Secret: "nobody here knows it"}

// foreignNode is a node with a bucket of each provider, and one of both.
func foreignNode(t *testing.T, mode string, features cluster.Features) *node {
	t.Helper()
	config := cluster.DefaultConfig()
	config.Backend.Enabled, config.Features = true, features
	made := func(id uint64, provider object.Provider, name string) cluster.Bucket {
		return cluster.Bucket{ID: id, Provider: provider, Name: name, State: cluster.BucketActive, Props: cluster.DefaultProps(provider, true, config)}
	}
	readOnly, denies := made(5, object.AWS, "readonly"), made(6, object.AWS, "denies")
	if _, err := readOnly.Props.Set("access", "ro"); err != nil {
		t.Fatal(err)
	}
	denies.Documents.Policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::denies/*"}]}`
	return newNode(t, cluster.Contents{
		Map: cluster.Map{Auth: mode}, Config: config, Users: people(),
		Buckets: []cluster.Bucket{made(1, object.AIS, "ours"), made(2, object.AWS, "remote"), made(3, object.AIS, "both"), made(4, object.AWS, "both"), readOnly, denies},
	})
}

func TestForeign(t *testing.T) {
	const both = cluster.PresignedRequests | cluster.SignedRequests
	for _, c := range []struct {
		name         string
		mode         string
		features     cluster.Features
		who          s3api.Credentials
		presigned    bool
		method, path string
		passes       bool
		code         string
	}{
		{"presigned", cluster.AuthOn, cluster.PresignedRequests, stranger, true, "GET", "/remote/k", true, ""},
		{"presigned, unknown bucket", cluster.AuthOn, cluster.PresignedRequests, stranger, true, "PUT", "/nobody-knows/k", true, ""},
		{"in headers", cluster.AuthOn, cluster.SignedRequests, stranger, false, "GET", "/remote/k", true, ""},
		{"in headers, of the other feature", cluster.AuthOn, cluster.PresignedRequests, stranger, false, "GET", "/remote/k", false, ""},
		{"presigned, of the other feature", cluster.AuthOn, cluster.SignedRequests, stranger, true, "GET", "/remote/k", false, ""},
		{"a user", cluster.AuthOn, both, alice, true, "GET", "/remote/k", false, ""},
		{"a user's key that is disabled", cluster.AuthOn, both, s3api.Credentials{AccessKey: "ALICE-OFF", Secret: aliceSecret}, true, "GET", "/remote/k", false, ""},
		{"a user, without users", cluster.AuthOff, both, alice, true, "GET", "/remote/k", true, ""},
		{"nobody", cluster.AuthOn, both, s3api.Credentials{}, false, "GET", "/remote/k", false, ""},
		{"our bucket", cluster.AuthOn, both, stranger, true, "GET", "/ours/k", false, ""},
		{"ours of two", cluster.AuthOn, both, stranger, true, "GET", "/both/k", false, ""},
		{"the other of two", cluster.AuthOn, both, stranger, true, "GET", "/both/k?provider=aws", true, ""},
		{"a bucket operation", cluster.AuthOn, both, stranger, true, "GET", "/remote", false, ""},
		{"a write where nobody may", cluster.AuthOn, both, stranger, true, "PUT", "/readonly/k", false, "AccessDenied"},
		{"a read there", cluster.AuthOn, both, stranger, true, "GET", "/readonly/k", true, ""},
		{"what a policy denies", cluster.AuthOn, both, stranger, true, "GET", "/denies/k", false, "AccessDenied"},
	} {
		n := foreignNode(t, c.mode, c.features)
		ctx := n.request(c.who, "s3", c.method, c.path, "")
		if c.presigned {
			ctx = n.presigned(c.who, c.method, c.path)
		}
		var passes bool
		var ticket auth.Ticket
		code := n.serve(t, ctx, func(r *s3api.Request) error {
			f, err := n.Foreign(r)
			passes, ticket = f != nil && err == nil, n.Grant(r.Ctx())
			if f != nil && (f.Claim.AccessKey != c.who.AccessKey || f.Claim.Region != "us-east-1") {
				t.Errorf("%s: claims %+v", c.name, f.Claim)
			}
			return err
		})
		if passes != c.passes || code != c.code {
			t.Errorf("%s: passes %v, %q", c.name, passes, code)
		}
		if c.passes && c.mode == cluster.AuthOn && (ticket.Principal != foreignPrincipal || ticket.Verdict != auth.Allow) {
			t.Errorf("%s: ticket %+v", c.name, ticket)
		}
	}
}

// TestForeignIsNobody has a ticket for a request that is to be passed on be of no use
// for anything else.
func TestForeignIsNobody(t *testing.T) {
	n := foreignNode(t, cluster.AuthOn, cluster.PresignedRequests)
	ticket := auth.Ticket{Principal: foreignPrincipal, Verdict: auth.Allow, Revision: 100}
	for _, bucket := range []string{"ours", "remote"} {
		ctx := n.presigned(stranger, "GET", "/"+bucket+"/k")
		if err := n.Accept(ctx, ticket, true); err != nil {
			t.Fatal(err)
		}
		b, _ := n.state.S3Bucket("", bucket)
		if code, _ := n.decide(t, b, ctx); code != "AccessDenied" {
			t.Errorf("%s: %q", bucket, code)
		}
		if err := n.RequireHTTP(ctx, "s3:GetObject", b, "k"); err == nil {
			t.Errorf("%s: a native call is allowed", bucket)
		}
		passes := false
		n.serve(t, ctx, func(r *s3api.Request) error {
			f, err := n.Foreign(r)
			passes = f != nil
			return err
		})
		if passes != (bucket == "remote") {
			t.Errorf("%s: passes %v", bucket, passes)
		}
	}
}
