package access

import (
	"net/netip"
	"strings"
	"testing"

	"ais/auth"
	"ais/cluster"
	"ais/object"
	"ais/s3api"
)

func TestIdentify(t *testing.T) {
	n := newNode(t, cluster.Contents{Users: people()})
	for name, test := range map[string]struct {
		who  s3api.Credentials
		code string
		id   string
	}{
		"alice":           {alice, "", "ALICE"},
		"nobody":          {s3api.Credentials{}, "", ""},
		"wrong secret":    {s3api.Credentials{AccessKey: "ALICE", Secret: bobSecret}, "SignatureDoesNotMatch", ""},
		"unknown key":     {s3api.Credentials{AccessKey: "MALLORY", Secret: bobSecret}, "InvalidAccessKeyId", ""},
		"disabled key":    {s3api.Credentials{AccessKey: "ALICE-OFF", Secret: aliceSecret}, "InvalidAccessKeyId", ""},
		"disabled user":   {s3api.Credentials{AccessKey: "CAROL", Secret: bobSecret}, "InvalidAccessKeyId", ""},
		"malformed token": {s3api.Credentials{AccessKey: "ALICE", Secret: aliceSecret, Token: "junk"}, "InvalidToken", ""},
	} {
		var who *auth.Identity
		code := n.serve(t, n.request(test.who, "s3", "GET", "/hers/key", ""), func(r *s3api.Request) (err error) {
			if who, err = n.Identify(r); err == nil && (r.Who != who || r.Principal != who.ID || Who(r.Ctx()) != who) {
				t.Errorf("%s: the request does not know who sent it", name)
			}
			return err
		})
		if code != test.code || code == "" && who.ID != test.id {
			t.Errorf("%s: %q, %+v", name, code, who)
		}
	}
	if got := n.counted(t, "InvalidAccessKeyId"); got != 3 {
		t.Errorf("%v failures for access keys were counted", got)
	}
	for _, secret := range []string{aliceSecret, bobSecret} {
		if strings.Contains(n.log.String(), secret) {
			t.Error("a secret was logged")
		}
	}
}

// TestAuthOff: nothing is verified, not even what is wrong.
func TestAuthOff(t *testing.T) {
	n := newNode(t, cluster.Contents{Map: cluster.Map{Auth: cluster.AuthOff}, Users: people()})
	b := hers()
	code, ticket := n.decide(t, &b, n.request(s3api.Credentials{AccessKey: "MALLORY", Secret: bobSecret}, "s3", "GET", "/hers/key", ""))
	if code != "" || ticket.Verdict != auth.Allow || ticket.Principal != "" {
		t.Errorf("%q, %+v", code, ticket)
	}
}

// TestNewUsersAreFound: a user that another node has made is known before anything
// is denied, and nobody is told that a key is unknown while etcd is away.
func TestNewUsersAreFound(t *testing.T) {
	n := newNode(t, cluster.Contents{Users: people()[1:]})
	n.next = cluster.NewState(cluster.Contents{Map: cluster.Map{Auth: cluster.AuthOn}, Users: people()})
	b := hers()
	ask := func() string {
		code, _ := n.decide(t, &b, n.request(alice, "s3", "PUT", "/hers/key", "x"))
		return code
	}
	n.away = true
	if code := ask(); code != "ServiceUnavailable" {
		t.Errorf("while etcd is away an unknown key is %q", code)
	}
	n.away = false
	if code := ask(); code != "" {
		t.Errorf("a new user is %q", code)
	}
	n.away = true
	before := n.syncs
	if code := ask(); code != "" || n.syncs != before {
		t.Errorf("a known user needs etcd: %q", code)
	}
}

const policyForBob = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam:::user/bob"},
	"Action":["s3:PutObject","s3:GetObject"],"Resource":"arn:aws:s3:::hers/*"}]}`

// TestDecisions goes through what a node says before it has seen the object.
func TestDecisions(t *testing.T) {
	open, closed := hers(), hers()
	open.Documents.Policy, open.Revision = policyForBob, 6
	n := newNode(t, cluster.Contents{Users: people()})
	for name, test := range map[string]struct {
		who          s3api.Credentials
		bucket       *cluster.Bucket
		method, path string
		headers      []string
		code         string
		verdict      auth.Verdict
	}{
		"owner writes":          {alice, &closed, "PUT", "/hers/key", nil, "", auth.Allow},
		"owner reads":           {alice, &closed, "GET", "/hers/key", nil, "", auth.NeedsObject}, // it may be another's
		"stranger writes":       {bob, &closed, "PUT", "/hers/key", nil, "AccessDenied", auth.Deny},
		"stranger reads":        {bob, &closed, "GET", "/hers/key", nil, "", auth.NeedsObject}, // its ACL may let him
		"nobody writes":         {s3api.Credentials{}, &closed, "PUT", "/hers/key", nil, "AccessDenied", auth.Deny},
		"nobody lists":          {s3api.Credentials{}, &closed, "GET", "/hers", nil, "AccessDenied", auth.Deny},
		"policy: write":         {bob, &open, "PUT", "/hers/key", nil, "", auth.Allow},
		"policy: read":          {bob, &open, "GET", "/hers/key", nil, "", auth.NeedsObject}, // of objects of the bucket's owner
		"policy: write ACL":     {bob, &open, "PUT", "/hers/key", []string{"x-amz-acl", "public-read"}, "", auth.Allow},
		"policy: a version":     {bob, &open, "DELETE", "/hers/key?versionId=null", nil, "AccessDenied", auth.Deny},
		"policy: delete":        {bob, &open, "DELETE", "/hers/key", nil, "AccessDenied", auth.Deny},
		"policy: tags to come":  {bob, &open, "PUT", "/hers/key?tagging", nil, "", auth.NeedsObject},
		"anybody lists buckets": {s3api.Credentials{}, nil, "GET", "/", nil, "", auth.Allow},
		"a user makes buckets":  {bob, nil, "PUT", "/his", nil, "", auth.Allow},
		"nobody makes buckets":  {s3api.Credentials{}, nil, "PUT", "/his", nil, "AccessDenied", auth.Deny},
	} {
		code, ticket := n.decide(t, test.bucket, n.request(test.who, "s3", test.method, test.path, "", test.headers...))
		if code != test.code || ticket.Verdict != test.verdict {
			t.Errorf("%s: %q, %v; want %q, %v", name, code, ticket.Verdict, test.code, test.verdict)
		}
	}
}

// TestPolicyInFlight: what a newer policy allows is not denied by a node that has
// not heard of it; while etcd is away the old one holds.
func TestPolicyInFlight(t *testing.T) {
	closed, open := hers(), hers()
	open.Documents.Policy, open.Revision = policyForBob, 6
	n := newNode(t, cluster.Contents{Users: people(), Buckets: []cluster.Bucket{closed}})
	ask := func() string {
		b, _ := n.state.BucketByID(1)
		code, _ := n.decide(t, b, n.request(bob, "s3", "PUT", "/hers/key", "x"))
		return code
	}
	n.next = n.state.Apply(2, cluster.BucketSet{Bucket: open})
	n.away = true
	if code := ask(); code != "AccessDenied" {
		t.Errorf("while etcd is away: %q", code)
	}
	n.away = false
	if code := ask(); code != "" {
		t.Errorf("the new policy does not count: %q", code)
	}
	n.state = n.state.Apply(3, cluster.BucketSet{Bucket: closed})
	if code := ask(); code != "AccessDenied" {
		t.Errorf("the policy that is gone counts: %q", code)
	}
}

// TestUnreadablePolicy: what cannot be read denies, but to the owner the policy
// itself.
func TestUnreadablePolicy(t *testing.T) {
	b := hers()
	b.Documents.Policy = "{"
	n := newNode(t, cluster.Contents{Users: people()})
	for path, want := range map[string]string{"/hers/key": "AccessDenied", "/hers?policy": ""} {
		if code, _ := n.decide(t, &b, n.request(alice, "s3", "PUT", path, "{}")); code != want {
			t.Errorf("%s: %q", path, code)
		}
	}
	if !strings.Contains(n.log.String(), "cannot be read") {
		t.Error("nothing was logged")
	}
}

// TestAccessBits: a read-only bucket is that to its owner, too, but not to admins.
func TestAccessBits(t *testing.T) {
	b := hers()
	b.Props.Access = cluster.AccessRO
	n := newNode(t, cluster.Contents{Users: people()})
	root := s3api.Credentials{AccessKey: "ROOT", Secret: bobSecret}
	for _, test := range []struct {
		who    s3api.Credentials
		method string
		code   string
	}{{alice, "PUT", "AccessDenied"}, {alice, "GET", ""}, {root, "PUT", ""}} {
		if code, _ := n.decide(t, &b, n.request(test.who, "s3", test.method, "/hers/key", "")); code != test.code {
			t.Errorf("%s %s: %q", test.who.AccessKey, test.method, code)
		}
	}
}

// TestTicket has one node decide and another finish, which knows only the ticket.
func TestTicket(t *testing.T) {
	b := hers()
	b.Documents.Policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::hers/*",
		"Condition":{"StringEquals":{"s3:ExistingObjectTag/color":"blue"},"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}]}`
	near := newNode(t, cluster.Contents{Users: people()})
	code, ticket := near.decide(t, &b, near.request(bob, "s3", "GET", "/hers/key", ""))
	if code != "" || ticket.Verdict != auth.NeedsObject || ticket.Principal != "BOB" || ticket.Facts.ClientIP.String() != "192.0.2.7" || ticket.Facts.Scheme != s3api.SchemeV4 {
		t.Fatalf("%q, %+v", code, ticket)
	}
	elsewhere := ticket
	elsewhere.Facts.ClientIP = netip.MustParseAddr("198.51.100.1")
	for name, test := range map[string]struct {
		ticket auth.Ticket
		meta   *object.Meta
		err    error
		code   string
	}{
		"blue":        {ticket, &object.Meta{Owner: "ALICE", Tags: map[string]string{"color": "blue"}}, nil, ""},
		"elsewhere":   {elsewhere, &object.Meta{Owner: "ALICE", Tags: map[string]string{"color": "blue"}}, nil, "AccessDenied"},
		"red":         {ticket, &object.Meta{Owner: "ALICE", Tags: map[string]string{"color": "red"}}, nil, "AccessDenied"},
		"his own":     {ticket, &object.Meta{Owner: "BOB"}, nil, ""},
		"public":      {ticket, &object.Meta{Owner: "ALICE", ACL: auth.ACL{{Grantee: auth.AllUsers, Permission: auth.Read}}.Encode()}, nil, ""},
		"missing":     {ticket, nil, object.NotFound, "AccessDenied"},
		"broken disk": {ticket, nil, object.Corrupt, "InternalError"},
		"removed":     {auth.Ticket{Principal: "GONE", Verdict: auth.Allow}, &object.Meta{}, nil, "InvalidAccessKeyId"},
		"denied":      {auth.Ticket{Principal: "BOB", Verdict: auth.Deny}, &object.Meta{}, nil, "AccessDenied"},
		"owner":       {auth.Ticket{Principal: "ALICE", Verdict: auth.NeedsObject}, nil, object.NotFound, "NoSuchKey"},
		"allowed":     {auth.Ticket{Principal: "BOB", Verdict: auth.Allow, Revision: 5}, &object.Meta{Owner: "ALICE"}, nil, ""},
		"outdated":    {auth.Ticket{Principal: "BOB", Verdict: auth.Allow, Revision: 4}, &object.Meta{Owner: "ALICE"}, nil, "AccessDenied"}, // the bucket is of revision 5
		"not to know": {auth.Ticket{Principal: "BOB", Verdict: auth.Allow, Revision: 5}, nil, object.NotFound, "AccessDenied"},
	} {
		far := newNode(t, cluster.Contents{Users: people()})
		// Another signature, or none: the ticket counts.
		ctx := far.request(s3api.Credentials{}, "s3", "GET", "/hers/key", "")
		got := far.serve(t, ctx, func(r *s3api.Request) error {
			if err := far.Accept(r.Ctx(), test.ticket, true); err != nil {
				return err
			}
			if _, err := far.Identify(r); err != nil {
				return err
			}
			if err := far.Admit(r, &b); err != nil {
				return err
			}
			return far.Granted(r, &b, test.meta, test.err)
		})
		if got != test.code {
			t.Errorf("%s: %q, want %q", name, got, test.code)
		}
	}
}

// TestOutdatedTicket: what was decided by a policy or a user that has changed since
// is decided about anew.
func TestOutdatedTicket(t *testing.T) {
	open, closed := hers(), hers()
	open.Documents.Policy, open.Revision, closed.Revision = policyForBob, 6, 8
	n := newNode(t, cluster.Contents{Users: people(), Revision: 7})
	code, ticket := n.decide(t, &open, n.request(bob, "s3", "PUT", "/hers/key", "x"))
	if code != "" || ticket.Verdict != auth.Allow || ticket.Revision != 7 {
		t.Fatalf("%q, %+v", code, ticket)
	}
	finish := func(b *cluster.Bucket) string {
		return n.serve(t, n.request(s3api.Credentials{}, "s3", "PUT", "/hers/key", "x"), func(r *s3api.Request) error {
			if err := n.Accept(r.Ctx(), ticket, true); err != nil {
				return err
			}
			return n.Admit(r, b)
		})
	}
	if code := finish(&open); code != "" {
		t.Errorf("by the same policy: %q", code)
	}
	if code := finish(&closed); code != "AccessDenied" {
		t.Errorf("by a policy that is gone: %q", code)
	}
	denied := people()[1]
	denied.Revision, denied.Policies = 9, map[string]string{"none": denyAll}
	n.state = n.state.Apply(9, cluster.UserSet{User: denied})
	if code := finish(&open); code != "AccessDenied" {
		t.Errorf("for a user who may do nothing any more: %q", code)
	}
}

// TestNotIdentified: what was never asked who it is gets nothing.
func TestNotIdentified(t *testing.T) {
	n := newNode(t, cluster.Contents{Users: people()})
	b := hers()
	b.Documents.ACL = auth.ACL{{Grantee: auth.AllUsers, Permission: auth.FullControl}}.Encode()
	ctx := n.request(s3api.Credentials{}, "s3", "GET", "/hers", "")
	if n.DecideHTTP(ctx, "s3:ListBucket", &b, "", nil) != auth.Deny || n.Grant(ctx).Verdict != auth.Deny {
		t.Error("a request is allowed that nobody identified")
	}
}

func TestConditions(t *testing.T) {
	n := newNode(t, cluster.Contents{Users: people()})
	ctx := n.request(alice, "s3", "PUT", "/hers/key?prefix=p%2F&max-keys=5&versionId=null", "",
		"x-amz-acl", "private", "x-amz-copy-source", "/other/a%20key?versionId=1", "x-amz-tagging", "color=blue&b=%2F", "If-None-Match", "*",
		"User-Agent", "test", "Referer", "http://here/", "x-amz-storage-class", "STANDARD")
	code := n.serve(t, ctx, func(r *s3api.Request) error { _, err := n.Identify(r); return err })
	if code != "" {
		t.Fatal(code)
	}
	for key, want := range map[string]string{
		"aws:sourceip": "192.0.2.7", "aws:securetransport": "false", "aws:useragent": "test", "aws:referer": "http://here/",
		"aws:currenttime": "2026-11-22T12:00:00Z", "aws:epochtime": "1795348800",
		"s3:prefix": "p/", "s3:max-keys": "5", "s3:versionid": "null", "s3:authtype": "REST-HEADER",
		"s3:signatureversion": "AWS4-HMAC-SHA256", "s3:signatureage": "0", "s3:if-none-match": "*",
		"s3:x-amz-acl": "private", "s3:x-amz-copy-source": "other/a key", "s3:x-amz-storage-class": "STANDARD",
		"s3:requestobjecttag/color": "blue", "s3:requestobjecttag/b": "/",
	} {
		got, ok := n.condition(ctx, subjectOf(ctx), key)
		if !ok || len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, %v; want %q", key, got, ok, want)
		}
	}
	for _, key := range []string{"s3:delimiter", "s3:if-match", "s3:x-amz-grant-read", "s3:requestobjecttag/c", "aws:unknown"} {
		if got, ok := n.condition(ctx, subjectOf(ctx), key); ok {
			t.Errorf("%s is %q", key, got)
		}
	}
	if keys, _ := n.condition(ctx, subjectOf(ctx), "s3:requestobjecttagkeys"); len(keys) != 2 {
		t.Errorf("tag keys %q", keys)
	}
}

// TestCacheIsBounded: a cache forgets before it grows without end.
func TestCacheIsBounded(t *testing.T) {
	var c cache[int, int, int]
	for i := range 3 * maxCached {
		if got := c.get(i, 1, func() int { return -i }); got != -i || len(c.made) > maxCached {
			t.Fatalf("%d for %d, %d cached", got, i, len(c.made))
		}
	}
	if c.get(1, 2, func() int { return 7 }) != 7 || c.get(1, 2, func() int { return 8 }) != 7 {
		t.Error("an older value's result is kept, or a newer one's is not")
	}
}

// TestPrompt: who sends a body before it is identified must at least sign it.
func TestPrompt(t *testing.T) {
	n := newNode(t, cluster.Contents{Users: people()})
	signed := n.request(alice, "ais", "PUT", "/v1/objects/hers/key", "body")
	if Prompt(signed) {
		t.Error("a signed body can be identified without it")
	}
	for _, headers := range [][]string{nil, {"Authorization", "Bearer x"}, {"Authorization", "AWS4-HMAC-SHA256 x", "x-amz-content-sha256", s3api.UnsignedPayload}} {
		if !Prompt(n.request(s3api.Credentials{}, "", "PUT", "/v1/objects/hers/key", "body", headers...)) {
			t.Errorf("%v needs the body", headers)
		}
	}
}
