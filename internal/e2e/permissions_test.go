package e2e

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// people are the clients of a cluster with auth: root, who is admin, two users,
// and who has no key.
type people struct {
	c                     *Cluster
	root, main, alt, anon plain
	mainID, altID         string
}

func withPeople(t *testing.T, redirect string) people {
	c := Shared(t, Options{Auth: true, Users: "main,alt", Redirect: redirect})
	return people{c, c.Plain(), c.As(t, "main"), c.As(t, "alt"), c.Anonymous(), c.Key(t, "main").Access, c.Key(t, "alt").Access}
}

// at returns p as a client of another node.
func (p plain) at(t testing.TB, c *Cluster, node string) plain {
	p.endpoint = c.URL(t, node) + "/s3"
	return p
}

// following returns p as a client that goes where it is redirected to, as curl -L
// does: with its signature in the header, as it was.
func (p plain) following(t testing.TB, method, target string, body []byte, headers ...string) answer {
	t.Helper()
	a := p.do(t, method, target, body, headers...)
	if p.key.Access != "" { // what a signature adds and a ticket is bound to
		sum := sha256.Sum256(body)
		headers = append(slices.Clone(headers), "x-amz-content-sha256: "+hex.EncodeToString(sum[:]))
	}
	for range 3 {
		if a.status != 307 {
			return a
		}
		next := p
		at, err := url.Parse(a.header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		next.endpoint, next.key = at.Scheme+"://"+at.Host, Key{}
		a = next.do(t, method, at.EscapedPath()+"?"+at.RawQuery, body, headers...)
	}
	return a
}

func (p plain) putPolicy(t testing.TB, bucket string, statements ...string) {
	t.Helper()
	p.do(t, "PUT", "/"+bucket+"?policy", policyJSON(bucket, statements...)).want(t, 204, "")
}

// policyJSON returns a policy of statements: the members of objects in 'single'
// quotes, with B for the bucket's ARN.
func policyJSON(bucket string, statements ...string) []byte {
	text := `{"Version":"2012-10-17","Statement":[{` + strings.Join(statements, "},{") + "}]}"
	return []byte(strings.NewReplacer("'", `"`, "B/", "arn:aws:s3:::"+bucket+"/", "B'", "arn:aws:s3:::"+bucket+`"`).Replace(text))
}

const (
	everybodyAll  = `'Effect':'Allow','Principal':'*','Action':'*','Resource':['B','B/*']`
	everybodyGets = `'Effect':'Allow','Principal':'*','Action':'s3:GetObject','Resource':'B/*'`
)

// buckets returns the names that a list of buckets shows.
func (p plain) buckets(t testing.TB) []string {
	t.Helper()
	var doc struct {
		Names []string `xml:"Buckets>Bucket>Name"`
	}
	if err := xml.Unmarshal(p.do(t, "GET", "/", nil).want(t, 200, "").body, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Names
}

// Two users see nothing of each other's buckets, through whatever node.
func TestUsersApart(t *testing.T) {
	p := withPeople(t, "")
	b := p.main.bucket(t)
	p.main.put(t, b, "k", []byte("mine"))
	for _, node := range append(p.c.Names("proxy"), p.c.Names("target")...) {
		main, alt, anon := p.main.at(t, p.c, node), p.alt.at(t, p.c, node), p.anon.at(t, p.c, node)
		main.same(t, b, "k", []byte("mine"))
		for _, stranger := range []plain{alt, anon} {
			for _, request := range []string{
				"GET /%s", "HEAD /%s", "GET /%s?list-type=2", "GET /%s?versions", "GET /%s?uploads", "GET /%s?acl", "PUT /%s?acl", "GET /%s?policy",
				"GET /%s?versioning", "GET /%s?tagging", "GET /%s?location", "DELETE /%s", "GET /%s/k", "HEAD /%s/k", "PUT /%s/k", "DELETE /%s/k",
				"GET /%s/k?acl", "PUT /%s/k?acl", "GET /%s/k?tagging", "DELETE /%s/k?tagging", "POST /%s/k?uploads",
			} {
				method, target, _ := strings.Cut(fmt.Sprintf(request, b), " ")
				a := stranger.do(t, method, target, nil, "x-amz-acl: public-read")
				if a.status != 403 || method != "HEAD" && a.code != "AccessDenied" {
					t.Errorf("%s at %s: %v", request, node, a)
				}
			}
		}
	}
	if !slices.Contains(p.main.buckets(t), b) || !slices.Contains(p.root.buckets(t), b) {
		t.Error("an owner and an admin see the bucket in their lists")
	}
	if slices.Contains(p.alt.buckets(t), b) || slices.Contains(p.anon.buckets(t), b) {
		t.Error("a stranger sees the bucket in a list")
	}
	p.alt.do(t, "PUT", "/"+b, nil).want(t, 409, "BucketAlreadyExists")
	p.anon.do(t, "PUT", "/"+bucketName(t), nil).want(t, 403, "AccessDenied")
	p.alt.do(t, "GET", "/"+bucketName(t), nil).want(t, 404, "NoSuchBucket")
	p.root.same(t, b, "k", []byte("mine"))
}

func TestBucketPolicies(t *testing.T) {
	p := withPeople(t, "")
	b := p.main.bucket(t)
	p.main.put(t, b, "public/k", []byte("x"))
	p.main.put(t, b, "private/k", []byte("y"))

	p.main.putPolicy(t, b, `'Effect':'Allow','Principal':'*','Action':'s3:GetObject','Resource':'B/public/*'`,
		`'Effect':'Allow','Principal':{'AWS':'alt'},'Action':'s3:ListBucket','Resource':'B','Condition':{'StringLike':{'s3:prefix':'public/*'}}`,
		`'Effect':'Allow','Principal':{'AWS':'arn:aws:iam:::user/alt'},'Action':'s3:PutObject','Resource':'B/inbox/*'`)
	for _, stranger := range []plain{p.alt, p.anon} {
		stranger.same(t, b, "public/k", []byte("x"))
		stranger.get(t, b, "private/k").want(t, 403, "AccessDenied")
		stranger.do(t, "PUT", "/"+b+"/public/k", []byte("z")).want(t, 403, "AccessDenied")
	}
	p.alt.do(t, "GET", "/"+b+"?prefix=public/", nil).want(t, 200, "")
	p.alt.do(t, "GET", "/"+b+"?prefix=private/", nil).want(t, 403, "AccessDenied")
	p.alt.do(t, "GET", "/"+b, nil).want(t, 403, "AccessDenied")
	p.anon.do(t, "GET", "/"+b+"?prefix=public/", nil).want(t, 403, "AccessDenied")
	p.alt.put(t, b, "inbox/k", []byte("from alt"))
	p.anon.do(t, "PUT", "/"+b+"/inbox/k", []byte("z")).want(t, 403, "AccessDenied")
	p.alt.do(t, "POST", "/"+b+"/inbox/big?uploads", nil).want(t, 200, "")

	// A deny wins over owner and admin, but over the policy itself.
	p.main.putPolicy(t, b, everybodyAll, `'Effect':'Deny','Principal':'*','Action':'s3:*','Resource':['B','B/*']`)
	for _, who := range []plain{p.main, p.root, p.alt} {
		who.get(t, b, "public/k").want(t, 403, "AccessDenied")
		who.do(t, "GET", "/"+b, nil).want(t, 403, "AccessDenied")
	}
	p.alt.do(t, "DELETE", "/"+b+"?policy", nil).want(t, 403, "AccessDenied")
	p.main.do(t, "GET", "/"+b+"?policy", nil).want(t, 200, "")
	p.root.do(t, "DELETE", "/"+b+"?policy", nil).want(t, 204, "")
	p.main.same(t, b, "public/k", []byte("x"))
	p.alt.get(t, b, "public/k").want(t, 403, "AccessDenied")

	for name, document := range map[string]string{
		"another bucket":  string(policyJSON("another-bucket", everybodyAll)),
		"too long":        string(policyJSON(b, everybodyAll)) + strings.Repeat(" ", 20<<10),
		"no JSON":         "policy",
		"unknown element": strings.Replace(string(policyJSON(b, everybodyAll)), "Effect", "Affect", 1),
		"unknown action":  string(policyJSON(b, strings.Replace(everybodyGets, "GetObject", "FetchObject", 1))),
	} {
		if a := p.main.do(t, "PUT", "/"+b+"?policy", []byte(document)); a.status != 400 || a.code != "MalformedPolicy" {
			t.Errorf("%s: %v", name, a)
		}
	}
	p.main.do(t, "GET", "/"+b+"?policy", nil).want(t, 404, "NoSuchBucketPolicy")
}

// A change of a policy is seen by the next request, at whatever node it arrives.
func TestPolicyIsSeenEverywhere(t *testing.T) {
	p := withPeople(t, "")
	b := p.main.bucket(t)
	p.main.put(t, b, "k", []byte("x"))
	nodes := append(p.c.Names("proxy"), p.c.Names("target")...)
	for round := range 5 {
		p.main.at(t, p.c, "proxy1").putPolicy(t, b, everybodyGets)
		p.anon.at(t, p.c, nodes[round%len(nodes)]).same(t, b, "k", []byte("x"))
		p.main.do(t, "DELETE", "/"+b+"?policy", nil).want(t, 204, "")
		until := time.Now().Add(10 * time.Second) // a node may allow for a moment what it has not heard was taken back
		for node := p.anon.at(t, p.c, nodes[round%len(nodes)]); node.get(t, b, "k").status != 403; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("%s still allows what was taken back", nodes[round%len(nodes)])
			}
		}
	}
}

// An object's tags decide at its owner, relayed or redirected to.
func TestPolicyOnTags(t *testing.T) {
	for _, redirect := range []string{"", "always", "never"} {
		t.Run("redirect-"+redirect, func(t *testing.T) {
			p := withPeople(t, redirect)
			b := bucketName(t)
			p.main.do(t, "PUT", "/"+b, nil).want(t, 200, "")
			p.main.following(t, "PUT", "/"+b+"/public", []byte("x"), "x-amz-tagging: security=public&x=y").want(t, 200, "")
			p.main.following(t, "PUT", "/"+b+"/secret", []byte("y"), "x-amz-tagging: security=secret").want(t, 200, "")
			p.main.following(t, "PUT", "/"+b+"/plain", []byte("z")).want(t, 200, "")
			p.main.putPolicy(t, b,
				`'Effect':'Allow','Principal':'*','Action':'s3:GetObject','Resource':'B/*','Condition':{'StringEquals':{'s3:ExistingObjectTag/security':'public'}}`,
				`'Effect':'Deny','Principal':{'AWS':'main'},'Action':'s3:GetObject','Resource':'B/*','Condition':{'StringEquals':{'s3:ExistingObjectTag/security':'secret'}}`,
				`'Effect':'Allow','Principal':{'AWS':'alt'},'Action':['s3:PutObject','s3:PutObjectTagging'],'Resource':'B/*','Condition':{'StringEquals':{'s3:RequestObjectTag/security':'public'}}`)
			for _, stranger := range []plain{p.alt, p.anon} {
				stranger.following(t, "GET", "/"+b+"/public", nil).want(t, 200, "")
				stranger.following(t, "GET", "/"+b+"/secret", nil).want(t, 403, "AccessDenied")
				stranger.following(t, "GET", "/"+b+"/plain", nil).want(t, 403, "AccessDenied")
			}
			p.main.following(t, "GET", "/"+b+"/secret", nil).want(t, 403, "AccessDenied")
			p.main.following(t, "GET", "/"+b+"/plain", nil).want(t, 200, "")
			p.alt.following(t, "PUT", "/"+b+"/new", []byte("x"), "x-amz-tagging: security=public").want(t, 200, "")
			p.alt.following(t, "PUT", "/"+b+"/new2", []byte("x"), "x-amz-tagging: security=secret").want(t, 403, "AccessDenied")
			p.alt.following(t, "PUT", "/"+b+"/new3", []byte("x")).want(t, 403, "AccessDenied")
		})
	}
}

func TestUserPolicies(t *testing.T) {
	p := withPeople(t, "")
	b := p.main.bucket(t)
	p.main.put(t, b, "k", []byte("x"))
	file := filepath.Join(t.TempDir(), "policy.json")
	set := func(statements ...string) {
		t.Helper()
		if err := os.WriteFile(file, policyJSON(b, statements...), 0o600); err != nil {
			t.Fatal(err)
		}
		p.c.ShellAs(t, "root").run(t, "ais auth policy set alt e2e "+file)
	}
	defer p.c.ShellAs(t, "root").run(t, "ais auth policy rm alt e2e") // the cluster is others', too
	set(`'Effect':'Allow','Action':['s3:Get*','s3:List*'],'Resource':['B','B/*']`)
	p.alt.same(t, b, "k", []byte("x"))
	p.alt.do(t, "GET", "/"+b, nil).want(t, 200, "")
	p.alt.do(t, "PUT", "/"+b+"/k", []byte("y")).want(t, 403, "AccessDenied")
	own := bucketName(t)
	p.alt.do(t, "PUT", "/"+own, nil).want(t, 200, "")
	set(`'Effect':'Deny','Action':'s3:*','Resource':'*'`)
	p.alt.do(t, "GET", "/"+own, nil).want(t, 403, "AccessDenied")
	p.alt.do(t, "PUT", "/"+bucketName(t), nil).want(t, 403, "AccessDenied")
	p.alt.get(t, b, "k").want(t, 403, "AccessDenied")
	if err := os.WriteFile(file, []byte(`{"Statement":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := p.c.ShellAs(t, "root").try(t, "ais auth policy set alt e2e "+file); err == nil {
		t.Errorf("a policy without statements is taken: %s", out)
	}
}

func TestBucketACLs(t *testing.T) {
	p := withPeople(t, "")
	for _, test := range []struct {
		header string
		grants string // what alt may: list, write, read the ACL, write it
		anon   string
	}{
		{"x-amz-acl: private", "", ""},
		{"x-amz-acl: public-read", "l", "l"},
		{"x-amz-acl: public-read-write", "lw", "lw"},
		{"x-amz-acl: authenticated-read", "l", ""},
		{"x-amz-grant-read: id=" + p.altID, "l", ""},
		{"x-amz-grant-write: id=\"" + p.altID + "\"", "w", ""},
		{"x-amz-grant-read-acp: emailAddress=alt@example.com", "a", ""},
		{"x-amz-grant-write-acp: id=" + p.altID, "A", ""},
		{"x-amz-grant-full-control: id=" + p.altID, "lwaA", ""},
		{"x-amz-grant-read: uri=http://acs.amazonaws.com/groups/global/AllUsers", "l", "l"},
	} {
		b := bucketName(t)
		p.main.do(t, "PUT", "/"+b, nil, test.header).want(t, 200, "")
		p.main.put(t, b, "k", []byte("x"))
		for name, who := range map[string]plain{test.grants: p.alt, test.anon: p.anon} {
			want := map[bool]int{true: 200, false: 403}
			check := func(letter, method, target string, body []byte, headers ...string) {
				t.Helper()
				if a := who.do(t, method, target, body, headers...); a.status != want[strings.Contains(name, letter)] {
					t.Errorf("%s: %s %s: %v", test.header, method, target, a)
				}
			}
			check("l", "GET", "/"+b, nil)
			check("l", "HEAD", "/"+b, nil)
			check("w", "PUT", "/"+b+"/new", []byte("y"))
			check("w", "PUT", "/"+b+"/k2", []byte("y"))
			check("a", "GET", "/"+b+"?acl", nil)
			check("A", "PUT", "/"+b+"?acl", nil, "x-amz-acl: private")
			if who.get(t, b, "k").status != 403 {
				t.Errorf("%s opens objects", test.header)
			}
		}
	}
}

// An object is its writer's: the bucket's owner may delete it, but reads it only
// where it was granted.
func TestObjectsOfOthers(t *testing.T) {
	p := withPeople(t, "")
	b := bucketName(t)
	p.main.do(t, "PUT", "/"+b, nil, "x-amz-acl: public-read-write").want(t, 200, "")
	p.alt.put(t, b, "k", []byte("x"))
	p.alt.same(t, b, "k", []byte("x"))
	p.main.get(t, b, "k").want(t, 403, "AccessDenied")
	p.main.do(t, "GET", "/"+b+"/k?acl", nil).want(t, 403, "AccessDenied")
	p.main.do(t, "PUT", "/"+b+"/copy", nil, "x-amz-copy-source: /"+b+"/k").want(t, 403, "AccessDenied")
	p.main.putPolicy(t, b, everybodyGets) // not the bucket owner's to give
	p.main.get(t, b, "k").want(t, 403, "AccessDenied")
	p.alt.do(t, "PUT", "/"+b+"/k?acl", nil, "x-amz-acl: bucket-owner-read").want(t, 200, "")
	p.main.same(t, b, "k", []byte("x"))
	p.main.do(t, "PUT", "/"+b+"/k?acl", nil, "x-amz-acl: public-read").want(t, 403, "AccessDenied")
	p.alt.put(t, b, "k", []byte("y"), "x-amz-acl: bucket-owner-full-control")
	p.main.same(t, b, "k", []byte("y"))
	p.main.do(t, "PUT", "/"+b+"/k?acl", nil, "x-amz-acl: public-read").want(t, 200, "")
	p.anon.same(t, b, "k", []byte("y"))
	p.main.do(t, "DELETE", "/"+b+"/k", nil).want(t, 204, "")
	p.anon.put(t, b, "unsigned", []byte("z")) // nobody's is the bucket owner's
	p.main.same(t, b, "unsigned", []byte("z"))
}

func TestObjectOwnership(t *testing.T) {
	p := withPeople(t, "")
	for _, ownership := range []string{"ObjectWriter", "BucketOwnerPreferred", "BucketOwnerEnforced"} {
		b := bucketName(t)
		p.main.do(t, "PUT", "/"+b, nil, "x-amz-object-ownership: "+ownership).want(t, 200, "")
		p.main.putPolicy(t, b, everybodyAll)
		p.alt.put(t, b, "k", []byte("x"))
		p.alt.put(t, b, "given", []byte("x"), "x-amz-acl: bucket-owner-full-control")
		enforced := ownership == "BucketOwnerEnforced"
		for key, want := range map[string]string{
			"k":     map[bool]string{true: p.mainID, false: p.altID}[enforced],
			"given": map[bool]string{true: p.mainID, false: p.altID}[ownership != "ObjectWriter"],
		} {
			var doc struct {
				ID string `xml:"Owner>ID"`
			}
			a := p.alt.do(t, "GET", "/"+b+"/"+key+"?acl", nil).want(t, 200, "")
			if err := xml.Unmarshal(a.body, &doc); err != nil || doc.ID != want {
				t.Errorf("%s: %s is of %s, not %s (%v)", ownership, key, doc.ID, want, err)
			}
		}
		status, code := 200, ""
		if enforced {
			status, code = 400, "AccessControlListNotSupported"
			p.main.same(t, b, "k", []byte("x"))
		} else {
			p.main.get(t, b, "k").want(t, 403, "AccessDenied")
		}
		p.alt.do(t, "PUT", "/"+b+"/k2", []byte("x"), "x-amz-acl: private").want(t, status, code)
		p.main.do(t, "PUT", "/"+b+"?acl", nil, "x-amz-acl: private").want(t, status, code)
	}
}

func TestPublicAccessBlock(t *testing.T) {
	p := withPeople(t, "")
	b := p.main.bucket(t)
	block := func(settings ...string) {
		t.Helper()
		document := `<PublicAccessBlockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`
		for _, s := range []string{"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"} {
			document += fmt.Sprintf("<%s>%v</%s>", s, slices.Contains(settings, s), s)
		}
		p.main.do(t, "PUT", "/"+b+"?publicAccessBlock", []byte(document+"</PublicAccessBlockConfiguration>")).want(t, 200, "")
	}
	p.main.put(t, b, "k", []byte("x"), "x-amz-acl: public-read")
	p.main.do(t, "PUT", "/"+b+"?acl", nil, "x-amz-acl: public-read").want(t, 200, "")
	p.anon.same(t, b, "k", []byte("x"))

	block("BlockPublicAcls")
	p.anon.same(t, b, "k", []byte("x"))
	p.main.do(t, "PUT", "/"+b+"?acl", nil, "x-amz-acl: public-read").want(t, 403, "AccessDenied")
	p.main.do(t, "PUT", "/"+b+"/k2", []byte("x"), "x-amz-acl: authenticated-read").want(t, 403, "AccessDenied")
	p.main.do(t, "PUT", "/"+b+"/k?acl", nil, "x-amz-grant-read: uri=http://acs.amazonaws.com/groups/global/AllUsers").want(t, 403, "AccessDenied")
	p.main.put(t, b, "k3", []byte("x"), "x-amz-acl: private")

	block("IgnorePublicAcls")
	p.anon.get(t, b, "k").want(t, 403, "AccessDenied")
	p.alt.do(t, "GET", "/"+b, nil).want(t, 403, "AccessDenied")
	p.main.same(t, b, "k", []byte("x"))

	block("BlockPublicPolicy")
	p.main.do(t, "PUT", "/"+b+"?policy", policyJSON(b, everybodyGets)).want(t, 403, "AccessDenied")
	p.main.putPolicy(t, b, strings.Replace(everybodyGets, "'*'", "{'AWS':'alt'}", 1))

	block()
	p.main.putPolicy(t, b, strings.Replace(everybodyAll, "'*','Res", "'s3:*','Res", 1))
	p.anon.get(t, b, "k3").want(t, 200, "")
	block("RestrictPublicBuckets")
	p.anon.get(t, b, "k3").want(t, 403, "AccessDenied")
	p.main.same(t, b, "k3", []byte("x"))
}

// Without ListBucket nobody learns whether a key exists, by status, body or
// headers; with it they do.
func TestUnknownKeysAreNotTold(t *testing.T) {
	p := withPeople(t, "")
	b := p.main.bucket(t)
	p.main.put(t, b, "there", []byte("x"))
	blind := regexp.MustCompile(`there|gone!|<RequestId>[^<]*</RequestId>|<HostId>[^<]*</HostId>`)
	for _, who := range []plain{p.alt, p.anon} {
		for _, request := range []string{"GET /%s/%s", "HEAD /%s/%s", "GET /%s/%s?acl", "GET /%s/%s?tagging", "GET /%s/%s?attributes", "GET /%s/%s?versionId=null"} {
			var got []answer
			for _, key := range []string{"there", "gone!"} {
				method, target, _ := strings.Cut(fmt.Sprintf(request, b, key), " ")
				a := who.do(t, method, target, nil, "x-amz-object-attributes: ETag")
				a.body = blind.ReplaceAll(a.body, nil)
				for _, name := range []string{"Date", "X-Amz-Request-Id", "X-Amz-Id-2"} {
					a.header.Del(name)
				}
				got = append(got, a)
			}
			if got[0].status != 403 || got[1].status != 403 || !bytes.Equal(got[0].body, got[1].body) || fmt.Sprint(got[0].header) != fmt.Sprint(got[1].header) {
				t.Errorf("%s: %v %v\n%v %v", request, got[0], got[0].header, got[1], got[1].header)
			}
		}
	}
	p.main.putPolicy(t, b, `'Effect':'Allow','Principal':'*','Action':'s3:ListBucket','Resource':'B'`)
	for _, who := range []plain{p.alt, p.anon} {
		who.get(t, b, "there").want(t, 403, "AccessDenied")
		who.absent(t, b, "gone")
	}
	p.main.putPolicy(t, b, everybodyGets)
	p.anon.same(t, b, "there", []byte("x"))
	p.anon.get(t, b, "gone").want(t, 403, "AccessDenied")
	p.main.absent(t, b, "gone")
}

// A copy reads its source and writes its destination, each with its own rules.
func TestCopyBetweenUsers(t *testing.T) {
	p := withPeople(t, "")
	from, to := p.main.bucket(t), p.alt.bucket(t)
	for i := range 4 { // on several targets
		key := fmt.Sprint("public/", i)
		p.main.put(t, from, key, []byte(key))
		p.main.put(t, from, fmt.Sprint("private/", i), []byte("secret"))
	}
	p.main.putPolicy(t, from, `'Effect':'Allow','Principal':{'AWS':'alt'},'Action':'s3:GetObject','Resource':'B/public/*'`)
	for i := range 4 {
		key := fmt.Sprint("public/", i)
		p.alt.do(t, "PUT", "/"+to+"/"+key, nil, "x-amz-copy-source: /"+from+"/"+key).want(t, 200, "")
		p.alt.same(t, to, key, []byte(key))
		p.alt.do(t, "PUT", "/"+to+"/no", nil, fmt.Sprint("x-amz-copy-source: /", from, "/private/", i)).want(t, 403, "AccessDenied")
	}
	p.alt.do(t, "PUT", "/"+from+"/no", nil, "x-amz-copy-source: /"+to+"/public/0").want(t, 403, "AccessDenied")
	p.main.do(t, "PUT", "/"+from+"/no", nil, "x-amz-copy-source: /"+to+"/public/0").want(t, 403, "AccessDenied")
	p.alt.absent(t, to, "no")
}

// A delete of many keys is decided about key by key.
func TestDeleteManyByRules(t *testing.T) {
	p := withPeople(t, "")
	b := p.main.bucket(t)
	p.main.put(t, b, "public/k", []byte("x"))
	p.main.put(t, b, "private/k", []byte("x"))
	p.main.putPolicy(t, b, `'Effect':'Allow','Principal':{'AWS':'alt'},'Action':'s3:DeleteObject','Resource':'B/public/*'`)
	document := []byte("<Delete><Object><Key>public/k</Key></Object><Object><Key>private/k</Key></Object></Delete>")
	sum := md5.Sum(document)
	a := p.alt.do(t, "POST", "/"+b+"?delete", document, "Content-MD5: "+base64.StdEncoding.EncodeToString(sum[:])).want(t, 200, "")
	var result struct {
		Deleted []struct{ Key string }
		Error   []struct{ Key, Code string }
	}
	if err := xml.Unmarshal(a.body, &result); err != nil || len(result.Deleted) != 1 || result.Deleted[0].Key != "public/k" ||
		len(result.Error) != 1 || result.Error[0].Key != "private/k" || result.Error[0].Code != "AccessDenied" {
		t.Errorf("%s, %v", a.body, err)
	}
	p.main.absent(t, b, "public/k")
	p.main.same(t, b, "private/k", []byte("x"))
}
