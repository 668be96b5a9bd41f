package access

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"ais/auth"
	"ais/cluster"
	"ais/object"
	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// presigned makes a request with a URL that who signed.
func (n *node) presigned(who s3api.Credentials, method, path string) *fasthttp.RequestCtx {
	req, err := http.NewRequest(method, "http://node.test:8080"+path, nil)
	if err != nil {
		panic(err)
	}
	signed := s3api.PresignV4(req, who, "us-east-1", n.now, time.Minute)
	return n.request(s3api.Credentials{}, "s3", method, strings.TrimPrefix(signed, "http://node.test:8080"), "")
}

// TestPresignedHeaders: what a presigned URL carries instead of a header is decided
// about like the header.
func TestPresignedHeaders(t *testing.T) {
	policy := func(action, condition string) cluster.Bucket {
		b := hers()
		b.Documents.Policy = `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::hers/*"},
			{"Effect":"Deny","Principal":"*","Action":"` + action + `","Resource":"arn:aws:s3:::hers/*"` + condition + `}]}`
		return b
	}
	n := newNode(t, cluster.Contents{Users: people()})
	for name, b := range map[string]cluster.Bucket{
		"?x-amz-acl=public-read":         policy("s3:PutObjectAcl", ""),
		"?X-Amz-Grant-Read=id%3Dx":       policy("s3:PutObjectAcl", ""),
		"?x-amz-tagging=a%3Db":           policy("s3:PutObjectTagging", ""),
		"?x-amz-tagging=a%3Dc":           policy("s3:PutObject", `,"Condition":{"StringEquals":{"s3:RequestObjectTag/a":"c"}}`),
		"?x-amz-acl=authenticated-read":  policy("s3:PutObject", `,"Condition":{"StringEquals":{"s3:x-amz-acl":"authenticated-read"}}`),
		"?x-amz-storage-class=GLACIER":   policy("s3:PutObject", `,"Condition":{"StringEquals":{"s3:x-amz-storage-class":"GLACIER"}}`),
		"?x-amz-acl=public-read&uploads": policy("s3:PutObjectAcl", ""),
	} {
		method := "PUT"
		if strings.HasSuffix(name, "uploads") {
			method = "POST"
		}
		if code, _ := n.decide(t, &b, n.presigned(bob, method, "/hers/key"+name)); code != "AccessDenied" {
			t.Errorf("%s: %q", name, code)
		}
		if name == "?x-amz-acl=public-read&uploads" {
			continue
		}
		// Without a signature it is no header, and nobody heeds it.
		if code, _ := n.decide(t, &b, n.request(s3api.Credentials{}, "s3", method, "/hers/key"+name, "")); code != "" {
			t.Errorf("%s, anonymous: %q", name, code)
		}
	}
}

// TestConditionsAreOfWhatIsDone: what comes twice is decided about as it is served.
func TestConditionsAreOfWhatIsDone(t *testing.T) {
	b := hers()
	b.Documents.Policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:ListBucket",
		"Resource":"arn:aws:s3:::hers","Condition":{"StringEquals":{"s3:prefix":"public/"}}}]}`
	n := newNode(t, cluster.Contents{Users: people()})
	for query, want := range map[string]string{
		"?prefix=public/": "", "?prefix=private/": "AccessDenied", "?prefix=public/&prefix=private/": "", "?prefix=private/&prefix=public/": "AccessDenied",
	} {
		var served string
		code := n.serve(t, n.request(bob, "s3", "GET", "/hers"+query, ""), func(r *s3api.Request) error {
			if _, err := n.Identify(r); err != nil {
				return err
			}
			l, err := s3api.ParseList(r)
			if err != nil {
				return err
			}
			served = l.Query.Prefix
			return n.Admit(r, &b)
		})
		if code != want || code == "" && served != "public/" {
			t.Errorf("%s: %q, lists %q", query, code, served)
		}
	}
}

// TestMultiDelete: each key of a multi-delete is decided about with its version.
func TestMultiDelete(t *testing.T) {
	const version = "0123456789abcdef0123456789abcdef"
	b := hers()
	b.Documents.Policy = `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":"*","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::hers/*"},
		{"Effect":"Allow","Principal":"*","Action":"s3:DeleteObjectVersion","Resource":"arn:aws:s3:::hers/*","Condition":{"StringEquals":{"s3:VersionId":"` + version + `"}}}]}`
	n := newNode(t, cluster.Contents{Users: people()})
	ctx := n.request(bob, "s3", "POST", "/hers?delete", "")
	n.serve(t, ctx, func(r *s3api.Request) error {
		if _, err := n.Identify(r); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]auth.Verdict{"": auth.Allow, version: auth.Allow, "null": auth.Deny} {
			if got := n.DecideDelete(r, &b, "key", id, nil); got != want {
				t.Errorf("version %q: %v", id, got)
			}
		}
		return nil
	})
}

// TestNewBuckets: who may make a bucket, of which name, where, and with which ACL.
func TestNewBuckets(t *testing.T) {
	users := people()
	users[1].Policies = map[string]string{"bounds": `{"Version":"2012-10-17","Statement":[
		{"Effect":"Deny","Action":"s3:CreateBucket","Resource":"arn:aws:s3:::prod-*"},
		{"Effect":"Deny","Action":["s3:PutBucketAcl","s3:PutBucketOwnershipControls"],"Resource":"*"},
		{"Effect":"Deny","Action":"s3:CreateBucket","Resource":"*","Condition":{"StringEquals":{"s3:LocationConstraint":"eu-west-1"}}}]}`}
	n := newNode(t, cluster.Contents{Users: users})
	for _, test := range []struct {
		path, region string
		headers      []string
		code         string
	}{
		{"/his", "", nil, ""},
		{"/his", "us-west-2", nil, ""},
		{"/his", "eu-west-1", nil, "AccessDenied"},
		{"/prod-his", "", nil, "AccessDenied"},
		{"/his", "", []string{"x-amz-acl", "public-read"}, "AccessDenied"},
		{"/his", "", []string{"x-amz-object-ownership", "ObjectWriter"}, "AccessDenied"},
	} {
		code := n.serve(t, n.request(bob, "s3", "PUT", test.path, "", test.headers...), func(r *s3api.Request) error {
			if _, err := n.Identify(r); err != nil {
				return err
			}
			SetRegion(r, test.region)
			return n.Admit(r, nil)
		})
		if code != test.code {
			t.Errorf("%+v: %q", test, code)
		}
	}
	ctx := n.request(bob, "ais", "POST", "/v1/buckets/prod-his", "")
	if _, err := n.IdentifyHTTP(ctx); err != nil {
		t.Fatal(err)
	}
	if err := n.RequireCreate(ctx, "prod-his"); object.KindOf(err) != object.Denied {
		t.Errorf("a native call makes a bucket of a denied name: %v", err)
	}
	if err := n.RequireCreate(ctx, "his"); err != nil {
		t.Error(err)
	}
}
