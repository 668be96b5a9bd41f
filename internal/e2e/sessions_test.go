package e2e

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// watched is a cluster with users whose nodes log everything.
func watched(t *testing.T) people {
	c := Shared(t, Options{Auth: true, Users: "main,alt", ProxyArgs: []string{"--log-level", "debug"}, TargetArgs: []string{"--log-level", "debug"}})
	return people{c, c.Plain(), c.As(t, "main"), c.As(t, "alt"), c.Anonymous(), c.Key(t, "main").Access, c.Key(t, "alt").Access}
}

// Sessions as boto3 asks for them: what the policy bounds, nothing more, and what
// does not belong together is refused.
func TestSessions(t *testing.T) {
	p := watched(t)
	b := p.main.bucket(t)
	p.main.put(t, b, "open/k", []byte("open"))
	p.main.put(t, b, "closed/k", []byte("closed"))
	out := p.c.ShellAs(t, "main").python(t, `
import boto3, json, os
from botocore.exceptions import ClientError
endpoint, bucket = os.environ["AIS_ENDPOINT"], "`+b+`"
sts = boto3.client("sts", endpoint_url=endpoint)
def s3(c):
    return boto3.client("s3", endpoint_url=os.environ["ENDPOINT"], aws_access_key_id=c["AccessKeyId"], aws_secret_access_key=c["SecretAccessKey"], aws_session_token=c["SessionToken"])
def code(call, **args):
    try:
        call(**args)
    except ClientError as e:
        return e.response["Error"]["Code"]
    return "ok"
whole = sts.get_session_token(DurationSeconds=900)["Credentials"]
policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::" + bucket + "/open/*"}]}
bound = sts.assume_role(RoleArn="arn:aws:iam::000000000000:role/any", RoleSessionName="test", Policy=json.dumps(policy))["Credentials"]
a, z = s3(whole), s3(bound)
print("whole", code(a.get_object, Bucket=bucket, Key="closed/k"), code(a.put_object, Bucket=bucket, Key="new", Body=b"x"))
print("bound", code(z.get_object, Bucket=bucket, Key="open/k"), code(z.get_object, Bucket=bucket, Key="closed/k"), code(z.put_object, Bucket=bucket, Key="open/k", Body=b"x"), code(z.list_objects_v2, Bucket=bucket))
print("multi", z.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "open/k"}]})["Errors"][0]["Code"])
mixed = dict(whole, SessionToken=bound["SessionToken"])
print("mixed", code(s3(mixed).get_object, Bucket=bucket, Key="open/k"))
print("short", code(sts.get_session_token, DurationSeconds=901), code(boto3.client("sts", endpoint_url=endpoint, aws_access_key_id=whole["AccessKeyId"], aws_secret_access_key=whole["SecretAccessKey"], aws_session_token=whole["SessionToken"]).get_session_token))
print("url", a.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "open/k"}))
for secret in (whole, bound):
    print("secret", secret["SecretAccessKey"], secret["SessionToken"])
print("key", bound["AccessKeyId"])
`)
	wantIn(t, out, "whole ok ok\n", "bound ok AccessDenied AccessDenied AccessDenied\n", "multi AccessDenied\n", "mixed InvalidToken\n", "short ok AccessDenied\n")
	var secrets []string
	var session string
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		switch fields[0] {
		case "url":
			resp, err := http.Get(fields[1])
			if err != nil || resp.StatusCode != 200 {
				t.Errorf("presigned by a session: %v, %v", resp, err)
			} else {
				resp.Body.Close()
			}
		case "key":
			session = fields[1]
		case "secret":
			secrets = append(secrets, fields[1], fields[2])
		}
	}
	if len(secrets) != 4 {
		t.Fatalf("no secrets in %s", out)
	}
	p.main.same(t, b, "open/k", []byte("open"))
	for user := range p.c.keys {
		secrets = append(secrets, p.c.Key(t, user).Secret)
	}
	// Of a wrong signature the log has what was signed: tokens left out.
	wrong := p.main
	wrong.key.Secret = "not-the-secret-of-main"
	wrong.do(t, "GET", "/"+b+"/open/k", nil).want(t, 403, "SignatureDoesNotMatch")
	wrong.do(t, "GET", "/"+b+"/open/k", nil, "X-Amz-Security-Token: "+secrets[1]).want(t, 400, "InvalidToken")
	wrong.key = Key{session, "not-the-secret-of-the-session"}
	wrong.do(t, "GET", "/"+b+"/open/k", nil, "X-Amz-Security-Token: "+secrets[3]).want(t, 403, "SignatureDoesNotMatch")
	wantIn(t, tail(p.c.node(t, "proxy1").log, 200), "signature does not match", "redacted")
	p.nothingShows(t, secrets)
}

// nothingShows looks for secrets wherever somebody who may not have them could.
func (p people) nothingShows(t *testing.T, secrets []string) {
	t.Helper()
	places := map[string]string{}
	key, err := os.ReadFile(p.c.keyFile())
	if err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, strings.TrimSpace(string(key)))
	for _, n := range p.c.nodes {
		places["the log of "+n.name] = tail(n.log, 1<<30)
		places["the command line of "+n.name] = strings.Join(n.args, " ")
		at := p.root
		at.endpoint = p.c.URL(t, n.name)
		places["/metrics of "+n.name] = string(at.do(t, "GET", "/metrics", nil).body)
	}
	ps, err := exec.Command("ps", "axww", "-o", "args").Output()
	if err != nil {
		t.Fatal(err)
	}
	places["ps"] = string(ps)
	root := p.root
	root.endpoint = p.c.URL(t, "proxy1")
	for _, path := range []string{"/v1/auth/users", "/v1/cluster", "/v1/auth/users/" + p.mainID} {
		places[path] = string(root.do(t, "GET", path, nil).body)
	}
	etcd := false // its files have what it stores as it is
	err = filepath.WalkDir(p.c.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || path == p.c.keyFile() || strings.Contains(path, "credentials-") {
			return nil
		}
		data, _ := os.ReadFile(path) // what is gone meanwhile has no secrets
		places["file "+path] = string(data)
		etcd = etcd || bytes.Contains(data, []byte("users/"+p.mainID))
		return nil
	})
	if err != nil || !etcd {
		t.Fatal("etcd's files were not found", err)
	}
	for place, text := range places {
		for i, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s has secret %d", place, i)
			}
		}
	}
}

// What is wrong with a ticket is refused, and nothing is told but that.
func TestBadTickets(t *testing.T) {
	p := watched(t)
	b := p.main.bucket(t)
	p.main.put(t, b, "k", []byte("content"))
	p.main.put(t, b, "other", []byte("secret"))
	const unsigned = "X-Amz-Content-Sha256: UNSIGNED-PAYLOAD" // as every x-amz- header but two it is bound
	location := p.main.do(t, "GET", "/"+b+"/k", nil, "X-Ais-Redirect: follow", unsigned).want(t, 307, "").header.Get("Location")
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	ticket := u.Query().Get("ais-ticket")
	if ticket == "" {
		t.Fatal(location)
	}
	for _, secret := range []string{p.c.Key(t, "main").Secret} {
		if strings.Contains(location, secret) {
			t.Error("a redirect has a secret")
		}
	}
	at := func(host, method, target string, headers ...string) answer {
		a := newPlain(p.c.scheme() + "://" + host)
		return a.do(t, method, target, nil, append(headers, unsigned)...)
	}
	good := "/s3/" + b + "/k?ais-ticket=" + ticket
	at(u.Host, "GET", good).want(t, 200, "")
	at(u.Host, "GET", good, "Range: bytes=0-1").want(t, 206, "")
	for i := 0; i < len(ticket); i += 7 {
		flipped := []byte(ticket)
		flipped[i] = 'A' + (flipped[i]-'A'+1)%26
		at(u.Host, "GET", "/s3/"+b+"/k?ais-ticket="+string(flipped)).want(t, 403, "AccessDenied")
	}
	at(u.Host, "GET", "/s3/"+b+"/k?ais-ticket=").want(t, 403, "AccessDenied")
	at(u.Host, "GET", "/s3/"+b+"/other?ais-ticket="+ticket).want(t, 403, "AccessDenied")
	at(u.Host, "GET", "/s3/"+b+"/k?versionId=null&ais-ticket="+ticket).want(t, 403, "AccessDenied")
	at(u.Host, "GET", good, "If-None-Match: *").want(t, 403, "AccessDenied")
	at(u.Host, "DELETE", good).want(t, 403, "AccessDenied")
	at(u.Host, "PUT", good).want(t, 403, "AccessDenied")
	at(u.Host, "HEAD", good).want(t, 403, "")
	for _, name := range p.c.Names("target") {
		if host := p.c.Host(t, name); host != u.Host {
			at(host, "GET", good).want(t, 403, "AccessDenied")
		}
	}
	for _, name := range p.c.Names("proxy") { // tickets are for targets
		at(p.c.Host(t, name), "GET", good).want(t, 403, "AccessDenied")
	}
}

// A redirected request is served by what the proxy knew: a bucket, its versioning
// and its policy of this very moment.
func TestRedirectedRightAfterAChange(t *testing.T) {
	p := watched(t)
	const expect, follow = "Expect: 100-continue", "X-Ais-Redirect: follow"
	for i := range 15 {
		b := fmt.Sprintf("%s-%d", bucketName(t), i)
		p.main.do(t, "PUT", "/"+b, nil).want(t, 200, "")
		p.main.following(t, "PUT", "/"+b+"/k", []byte("null"), expect, follow).want(t, 200, "")
		p.main.do(t, "PUT", "/"+b+"?versioning", []byte(`<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`)).want(t, 200, "")
		a := p.main.following(t, "PUT", "/"+b+"/k", []byte("first"), expect, follow).want(t, 200, "")
		if len(a.header.Get("X-Amz-Version-Id")) != 32 {
			t.Fatalf("a write after versioning was enabled has the version %q", a.header.Get("X-Amz-Version-Id"))
		}
		p.anon.following(t, "GET", "/"+b+"/k", nil, follow).want(t, 403, "AccessDenied")
		p.main.putPolicy(t, b, everybodyGets)
		p.anon.following(t, "GET", "/"+b+"/k", nil, follow).want(t, 200, "")
		ticket := p.anon.do(t, "GET", "/"+b+"/k", nil, follow).want(t, 307, "").header.Get("Location")
		p.main.do(t, "DELETE", "/"+b+"?policy", nil).want(t, 204, "")
		p.anon.following(t, "GET", "/"+b+"/k", nil, follow).want(t, 403, "AccessDenied")
		// A ticket of before does not outlive the policy for long: only until the
		// target has heard of it.
		u, err := url.Parse(ticket)
		if err != nil {
			t.Fatal(err)
		}
		newPlain(u.Scheme+"://"+u.Host).do(t, "GET", u.EscapedPath()+"?"+u.RawQuery, nil).want(t, 403, "AccessDenied")
	}
}

// Of a thousand who create one key exactly one does.
func TestThousandCreateOneKey(t *testing.T) {
	p := watched(t)
	b := p.main.bucket(t)
	var mu sync.Mutex
	var all sync.WaitGroup
	answers, won := map[string]int{}, ""
	turn := make(chan struct{}, 100)
	for i := range 1000 {
		all.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			body := "writer " + strconv.Itoa(i)
			a, err := p.main.request("PUT", "/"+b+"/k", strings.NewReader(body), "If-None-Match: *")
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			if answers[fmt.Sprint(a.status, a.code)]++; a.status == 200 {
				won = body
			}
		})
	}
	all.Wait()
	if answers["200"]+answers["200 "] != 1 || len(answers) > 3 {
		t.Errorf("answers %v", answers)
	}
	for a := range answers {
		if !strings.HasPrefix(a, "200") && !strings.HasPrefix(a, "412") && !strings.HasPrefix(a, "409") {
			t.Errorf("answers %v", answers)
		}
	}
	p.main.same(t, b, "k", []byte(won))
}

// While versioning and the policy change, each write is one or the other: what it
// answers is what is there, and who may not write leaves nothing.
func TestStateChangesInFlight(t *testing.T) {
	p := watched(t)
	b := p.main.bucket(t)
	const status = `<VersioningConfiguration><Status>%s</Status></VersioningConfiguration>`
	p.main.do(t, "PUT", "/"+b+"?versioning", fmt.Appendf(nil, status, "Enabled")).want(t, 200, "")
	done := make(chan struct{})
	var all sync.WaitGroup
	type write struct{ key, version, body string }
	var mu sync.Mutex
	var kept []write
	denied := 0
	for w := range 4 {
		all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				body := fmt.Sprintf("%d-%d", w, i)
				key := fmt.Sprintf("k%d", w)
				a, err := p.alt.request("PUT", "/"+b+"/"+key, strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				switch {
				case a.status == 200:
					kept = append(kept, write{key, a.header.Get("X-Amz-Version-Id"), body})
				case a.status == 403 && a.code == "AccessDenied":
					denied++
				default:
					t.Errorf("%v", a)
				}
				mu.Unlock()
			}
		})
	}
	for i := range 12 {
		p.main.putPolicy(t, b, fmt.Sprintf(`'Effect':'Allow','Principal':{'AWS':'%s'},'Action':'s3:PutObject','Resource':'B/*'`, p.altID))
		p.main.do(t, "PUT", "/"+b+"?versioning", fmt.Appendf(nil, status, []string{"Enabled", "Suspended"}[i%2])).want(t, 200, "")
		p.main.do(t, "DELETE", "/"+b+"?policy", nil).want(t, 204, "")
	}
	close(done)
	all.Wait()
	if len(kept) == 0 || denied == 0 {
		t.Errorf("%d writes, %d denied: nothing was tried", len(kept), denied)
	}
	versions := map[string]int{}
	last := map[string]string{}
	for _, w := range kept {
		if w.version == "" || w.version == "null" {
			last[w.key] = w.body // a null version takes the place of the one before
			continue
		}
		versions[w.key]++
		if a := p.root.do(t, "GET", "/"+b+"/"+w.key+"?versionId="+w.version, nil); a.status != 200 || string(a.body) != w.body {
			t.Fatalf("version %s, which was answered for %s, is %v", w.version, w.body, a)
		}
	}
	for key, body := range last {
		if a := p.root.do(t, "GET", "/"+b+"/"+key+"?versionId=null", nil); a.status != 200 || string(a.body) != body {
			t.Errorf("the null version of %s is %v, not %s", key, a, body)
		}
	}
	var list struct {
		Version []struct {
			Key       string
			VersionID string `xml:"VersionId"`
		}
	}
	if err := xml.Unmarshal(p.root.do(t, "GET", "/"+b+"?versions", nil).want(t, 200, "").body, &list); err != nil {
		t.Fatal(err)
	}
	want := len(last)
	for _, n := range versions {
		want += n
	}
	if want < 1000 && len(list.Version) != want {
		t.Errorf("%d versions are there, %d were answered for", len(list.Version), want)
	}
}

// A signed body that is cut into signed chunks, to an owner that knows the client
// by its ticket: minio-go does not follow by itself.
func TestMinioGoUnderRedirectAlways(t *testing.T) {
	c := Shared(t, Options{Auth: true, Users: "main,alt", Redirect: "always"})
	k := c.Key(t, "main")
	follow := &follower{to: c.transport()}
	client, err := minio.New(c.Host(t, "proxy1"), &minio.Options{Creds: credentials.NewStaticV4(k.Access, k.Secret, ""), TrailingHeaders: true, Transport: follow})
	if err != nil {
		t.Fatal(err)
	}
	b := c.As(t, "main").bucket(t)
	for name, o := range map[string]minio.PutObjectOptions{"signed": {}, "trailer": {Checksum: minio.ChecksumCRC32C}} {
		body := random(8, 200_000)
		follow.change = nil
		if _, err := client.PutObject(ctx(t), b, name, bytes.NewReader(body), int64(len(body)), o); err != nil {
			t.Fatal(name, err)
		}
		c.As(t, "main").at(t, c, "target1").same(t, b, name, body)
		// Bytes that were not signed are not taken, though the ticket is good.
		follow.change = func(body []byte) { body[len(body)/2] ^= 1 }
		_, err := client.PutObject(ctx(t), b, name, bytes.NewReader(body), int64(len(body)), o)
		if code := minio.ToErrorResponse(err).Code; code != "SignatureDoesNotMatch" && code != "BadDigest" && code != "XAmzContentSHA256Mismatch" {
			t.Errorf("%s, with a changed byte: %v", name, err)
		}
		c.As(t, "main").at(t, c, "target1").same(t, b, name, body)
	}
	if follow.followed == 0 || !follow.chunked {
		t.Error("nothing was redirected, or nothing was cut into chunks")
	}
}

// follower sends a request anew, as it is, to where it is redirected to.
type follower struct {
	to       http.RoundTripper
	change   func(body []byte) // before it is sent to a target
	followed int
	chunked  bool
}

func (f *follower) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body.Close()
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp, err := f.to.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusTemporaryRedirect {
		return resp, err
	}
	resp.Body.Close()
	f.followed++
	f.chunked = f.chunked || strings.HasPrefix(req.Header.Get("X-Amz-Content-Sha256"), "STREAMING-")
	next := req.Clone(req.Context())
	if next.URL, err = url.Parse(resp.Header.Get("Location")); err != nil {
		return nil, err
	}
	next.Host = next.URL.Host
	if body != nil {
		if f.change != nil {
			f.change(body)
		}
		next.Body = io.NopCloser(bytes.NewReader(body))
	}
	return f.to.RoundTrip(next)
}
