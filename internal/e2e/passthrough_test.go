package e2e

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// without returns the remote as a cluster knows it that has no key of it.
func (r Remote) without() Remote { return Remote{Name: r.Name, Endpoint: r.Endpoint} }

// passing starts a cluster that passes signed requests through, and has no key of
// its own.
func passing(t *testing.T, r Remote, o Options) *Cluster {
	t.Helper()
	o.Remote, o.Plain = r.without(), true
	c := Start(t, o)
	if err := c.configure("features=S3-Presigned-Request,S3-Signed-Request"); err != nil {
		t.Fatal(err)
	}
	return c
}

// presign returns what follows the endpoint of a URL that was presigned for the
// remote: /bucket/key?X-Amz-…. With inHost it was signed for a host that names the
// bucket. Header lines are signed too.
func (r Remote) presign(t testing.TB, method, bucket, target string, inHost bool, headers ...string) string {
	t.Helper()
	return r.presignAt(t, time.Now(), 900, method, bucket, target, inHost, headers...)
}

func (r Remote) presignAt(t testing.TB, at time.Time, expires int, method, bucket, target string, inHost bool, headers ...string) string {
	t.Helper()
	base, err := url.Parse(r.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	key, query, _ := strings.Cut(target, "?")
	host, path := base.Host, "/"+bucket+"/"+key
	if inHost {
		host, path = bucket+"."+base.Host, "/"+key
	}
	if query != "" {
		query += "&"
	}
	req := &http.Request{Method: method, Host: host, Header: http.Header{}, URL: &url.URL{Scheme: base.Scheme, Host: host, Opaque: "//" + host + path, RawQuery: query + "X-Amz-Expires=" + strconv.Itoa(expires)}}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Set(name, value)
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	signed, _, err := signer.PresignHTTP(context.Background(), aws.Credentials{AccessKeyID: r.Key.Access, SecretAccessKey: r.Key.Secret}, req, "UNSIGNED-PAYLOAD", "s3", cmp.Or(r.Region, "us-east-1"), at)
	if err != nil {
		t.Fatal(err)
	}
	_, query, _ = strings.Cut(signed, "?")
	return "/" + bucket + "/" + key + "?" + query
}

// presignV2 is presign with Signature Version 2.
func (r Remote) presignV2(method, bucket, key string) string {
	expires := time.Now().Add(time.Hour).Unix()
	mac := hmac.New(sha1.New, []byte(r.Key.Secret))
	fmt.Fprintf(mac, "%s\n\n\n%d\n/%s/%s", method, expires, bucket, key)
	return fmt.Sprintf("/%s/%s?AWSAccessKeyId=%s&Expires=%d&Signature=%s", bucket, key, url.QueryEscape(r.Key.Access), expires, url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil))))
}

// The seed document's curl line, for a URL that boto3 made.
func TestPassThroughCurl(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r Remote) {
		c := passing(t, r, Options{Targets: 2})
		b := r.bucket(t)
		sh := c.RemoteShell(t, r)
		sh.env = append(sh.env, "B="+b, "REMOTE_ENDPOINT="+r.Endpoint, "REMOTE_KEY="+r.Key.Access, "REMOTE_SECRET="+r.Key.Secret)
		if r.Name == "moto" { // it takes the form that curl says this is for none of the object's
			sh.env = append(sh.env, "TYPE=Content-Type: text/plain")
		}
		sh.write(t, "presign.py", []byte(`
import boto3, os, sys
from botocore.config import Config
s3 = boto3.client("s3", endpoint_url=os.environ["REMOTE_ENDPOINT"], region_name="us-east-1", aws_access_key_id=os.environ["REMOTE_KEY"],
    aws_secret_access_key=os.environ["REMOTE_SECRET"], config=Config(signature_version=sys.argv[2], s3={"addressing_style": "path"}))
url = s3.generate_presigned_url(sys.argv[1], Params={"Bucket": os.environ["B"], "Key": sys.argv[3]})
print(url.replace(os.environ["REMOTE_ENDPOINT"], os.environ["ENDPOINT"]))
`))
		out := sh.run(t, `
		curl -sS -f -L -X PUT ${TYPE:+-H "$TYPE"} -d 'testing 1 2 3' "$(python3 presign.py put_object s3v4 test.txt)"
		REMOTE s3 cp s3://$B/test.txt - ; echo
		curl -sS -f -L "$(python3 presign.py get_object s3v4 test.txt)" | grep -x 'testing 1 2 3'
		curl -sS -f -L -I "$(python3 presign.py head_object s3v4 test.txt)"
		curl -sS -f -L "$(python3 presign.py get_object s3 test.txt)" | grep -x 'testing 1 2 3'
		curl -sS -f -L -X DELETE "$(python3 presign.py delete_object s3v4 test.txt)"
		[ "$(curl -sS -o /dev/null -w '%{http_code}' "$(python3 presign.py get_object s3v4 test.txt)")" = 404 ]
		curl -sS -f -L -X PUT ${TYPE:+-H "$TYPE"} -d 'testing 1 2 3' "$(python3 presign.py put_object s3v4 test.txt)"
		`)
		wantIn(t, out, "testing 1 2 3", "Content-Length: 13")
		if got := c.here(t, b); !slices.Equal(got, []string{"test.txt"}) {
			t.Errorf("here: %q", got)
		}
	})
	// A cluster that has a key too shows it as the document does.
	r := Moto(t)
	c := Start(t, Options{Targets: 2, Remote: r, Plain: true})
	c.ais(t, "config cluster features S3-Presigned-Request")
	b := r.bucket(t)
	c.Shell(t).run(t, `curl -sS -f -L -X PUT -H 'Content-Type: text/plain' -d 'testing 1 2 3' "$ENDPOINT`+r.presign(t, "PUT", b, "test.txt", false)+`"`)
	out := c.ais(t, "bucket ls s3://"+b+" --all")
	wantIn(t, strings.Join(strings.Fields(out), " "), "NAME SIZE CACHED STATUS test.txt 13B yes ok")
}

// Every operation that is passed through, presigned for a path and for a host.
func TestPassThroughPresigned(t *testing.T) {
	t.Parallel()
	r := SecondAIS(t)
	c := passing(t, r, Options{Targets: 2, Redirect: "always"})
	p := c.Anonymous()
	for _, inHost := range []bool{false, true} {
		b := r.bucket(t)
		key := escape("dir//a b+é%.txt")
		data := random(1, 3<<20)
		do := func(method, target string, body []byte, headers ...string) answer {
			t.Helper()
			return p.do(t, method, r.presign(t, method, b, target, inHost, headers...), body, append(headers, "X-Ais-Redirect: follow")...)
		}
		put := do("PUT", key, data, "Content-Type: text/x", "X-Amz-Meta-Color: red").want(t, 200, "")
		if put.header.Get("ETag") != `"`+md5hex(data)+`"` {
			t.Errorf("ETag %s", put.header.Get("ETag"))
		}
		if got := c.here(t, b); len(got) != 1 {
			t.Errorf("here after PUT: %q", got)
		}
		for range 2 {
			a := do("GET", key, nil).want(t, 200, "")
			if !bytes.Equal(a.body, data) || a.header.Get("X-Amz-Meta-Color") != "red" || a.header.Get("Content-Type") != "text/x" || a.header.Get("ETag") != put.header.Get("ETag") {
				t.Errorf("GET: %d bytes, %v", len(a.body), a.header)
			}
		}
		h := do("HEAD", key, nil).want(t, 200, "").header
		if h.Get("Content-Length") != fmt.Sprint(len(data)) || h.Get("ETag") != put.header.Get("ETag") {
			t.Errorf("HEAD: %v", h)
		}
		a := p.do(t, "GET", r.presign(t, "GET", b, key, inHost), nil, "Range: bytes=10-19").want(t, 206, "")
		if !bytes.Equal(a.body, data[10:20]) {
			t.Error("the range is another")
		}
		a = do("GET", key+"?response-content-type=a%2Fb", nil).want(t, 200, "")
		if a.header.Get("Content-Type") != "a/b" {
			t.Errorf("response-content-type: %v", a.header)
		}
		// Somebody else changes it; the next read sees that.
		if err := func() error {
			_, err := r.SDK().PutObject(ctx(t), &s3.PutObjectInput{Bucket: &b, Key: aws.String("dir//a b+é%.txt"), Body: strings.NewReader("changed")})
			return err
		}(); err != nil {
			t.Fatal(err)
		}
		if a := do("GET", key, nil).want(t, 200, ""); string(a.body) != "changed" {
			t.Errorf("after a change: %d bytes", len(a.body))
		}
		r.put(t, b, "cold", data)
		for range 2 {
			if a := do("GET", "cold", nil).want(t, 200, ""); !bytes.Equal(a.body, data) {
				t.Errorf("cold: %d bytes", len(a.body))
			}
		}
		if got := c.here(t, b); !slices.Contains(got, "cold") {
			t.Errorf("here after a cold GET: %q", got)
		}
		do("GET", "none", nil).want(t, 404, "NoSuchKey")
		passMultipart(t, do, r, b)
		do("DELETE", key, nil).want(t, 204, "")
		do("GET", key, nil).want(t, 404, "NoSuchKey")
		if got := c.here(t, b); len(got) != 2 {
			t.Errorf("here after DELETE: %q", got)
		}
		if n := c.metric(t, "proxy1", "redirect"); n != 0 {
			t.Errorf("%g requests were redirected", n)
		}
	}
	// What is not passed through is refused, not done as somebody else.
	b := r.bucket(t)
	if a := p.do(t, "GET", r.presign(t, "GET", b, "?list-type=2", false), nil); a.status < 400 || a.code == "" {
		t.Errorf("a presigned list: %v", a)
	}
}

// passMultipart makes an object in parts, each call with a URL of its own.
func passMultipart(t *testing.T, do func(method, target string, body []byte, headers ...string) answer, r Remote, b string) {
	t.Helper()
	one, two := random(1, partSize), random(2, 1000)
	var begun struct {
		ID string `xml:"UploadId"`
	}
	if err := xml.Unmarshal(do("POST", "large?uploads=", nil).want(t, 200, "").body, &begun); err != nil || begun.ID == "" {
		t.Fatal(err)
	}
	id := "uploadId=" + url.QueryEscape(begun.ID)
	doc := "<CompleteMultipartUpload>"
	for i, part := range [][]byte{one, two} {
		a := do("PUT", fmt.Sprintf("large?partNumber=%d&%s", i+1, id), part).want(t, 200, "")
		doc += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, a.header.Get("ETag"))
	}
	wantIn(t, string(do("GET", "large?"+id, nil).want(t, 200, "").body), md5hex(one), md5hex(two))
	wantIn(t, string(do("POST", "large?"+id, []byte(doc+"</CompleteMultipartUpload>")).want(t, 200, "").body), `-2`)
	for range 2 {
		if a := do("GET", "large", nil).want(t, 200, ""); !bytes.Equal(a.body, append(append([]byte{}, one...), two...)) {
			t.Errorf("large: %d bytes", len(a.body))
		}
	}
	if a := r.plain().get(t, b, "large"); len(a.body) != partSize+1000 {
		t.Errorf("large at the remote: %v", a.status)
	}
	if err := xml.Unmarshal(do("POST", "aborted?uploads=", nil).want(t, 200, "").body, &begun); err != nil {
		t.Fatal(err)
	}
	do("DELETE", "aborted?uploadId="+url.QueryEscape(begun.ID), nil).want(t, 204, "")
}

// One byte of signature, path, signed header or expiry that is another: S3's own
// refusal, unchanged, and nothing is stored or told.
func TestPassThroughForged(t *testing.T) {
	t.Parallel()
	r := SecondAIS(t)
	c := passing(t, r, Options{Targets: 2})
	p := c.Anonymous()
	b := r.bucket(t)
	r.put(t, b, "cold", []byte("secret"))
	r.put(t, b, "warm", []byte("secret"))
	for range 2 { // the first makes the bucket known
		p.do(t, "GET", r.presign(t, "GET", b, "warm", false), nil).want(t, 200, "")
	}
	flipLast := func(s, before string) string { // the last byte of what stands before a separator
		i := strings.Index(s, before) + len(before)
		end := i + strings.IndexByte(s[i:]+"&", '&')
		last := byte('0')
		if s[end-1] == '0' {
			last = '1'
		}
		return s[:end-1] + string(last) + s[end:]
	}
	for _, key := range []string{"cold", "warm", "new"} {
		method := "GET"
		var body []byte
		if key == "new" {
			method, body = "PUT", []byte("forged")
		}
		good := r.presign(t, method, b, key, false, "X-Amz-Meta-Color: red")
		for what, target := range map[string]string{
			"signature": flipLast(good, "X-Amz-Signature="),
			"path":      strings.Replace(good, "/"+key+"?", "/"+key[:len(key)-1]+"x?", 1),
			"expiry":    flipLast(good, "X-Amz-Expires="),
			"date":      strings.Replace(good, "X-Amz-Date=2", "X-Amz-Date=3", 1),
			"query":     good + "&response-content-type=text%2Fhtml",
			"expired":   r.presignAt(t, time.Now().Add(-time.Hour), 60, method, b, key, false, "X-Amz-Meta-Color: red"),
		} {
			a := p.do(t, method, target, body, "X-Amz-Meta-Color: red")
			there := r.plain()
			there.key = Key{}
			direct := there.do(t, method, target, body, "X-Amz-Meta-Color: red")
			if a.status < 400 || a.status != direct.status || a.code != direct.code || a.text != direct.text || bytes.Contains(a.body, []byte("secret")) {
				t.Errorf("%s %s: %v\nthe remote itself says %v", key, what, a, direct)
			}
		}
		if a := p.do(t, method, good, body, "X-Amz-Meta-Color: rex"); a.status != 403 {
			t.Errorf("%s, a signed header: %v", key, a)
		}
		v2 := r.presignV2(method, b, key)
		p.do(t, method, flipLast(v2, "Expires="), body).want(t, 403, "")
	}
	if got := c.here(t, b); !slices.Equal(got, []string{"warm"}) {
		t.Errorf("here: %q", got)
	}
	// What is kept here goes before a DELETE is passed on, whatever S3 says of it then.
	p.do(t, "DELETE", r.presign(t, "GET", b, "warm", false), nil).want(t, 403, "SignatureDoesNotMatch")
	if got := r.plain().list(t, b); !slices.Equal(got, []string{"cold", "warm"}) {
		t.Errorf("at the remote: %q", got)
	}
	p.do(t, "GET", r.presignV2("GET", b, "cold"), nil).want(t, 200, "")
}

// The seed document's Go client: a RoundTripper that sends what was meant for S3 to
// the gateway, presigned and signed in the header.
type customTransport struct {
	rt              http.RoundTripper
	scheme, gateway string
	inHost          bool
}

func (t *customTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	prefix := "/s3"
	if t.inHost {
		prefix += "/" + strings.Split(req.URL.Host, ".")[0]
	}
	req.URL.Scheme, req.URL.Host = t.scheme, t.gateway
	if req.URL.RawPath != "" {
		req.URL.RawPath = prefix + req.URL.RawPath
	}
	req.URL.Path = prefix + req.URL.Path
	return t.rt.RoundTrip(req)
}

func TestPassThroughGoClient(t *testing.T) {
	t.Parallel()
	r := SecondAIS(t)
	for _, tls := range []bool{false, true} {
		c := passing(t, r, Options{Targets: 2, TLS: tls})
		for _, inHost := range []bool{false, true} {
			goClient(t, c, r, r.bucket(t), inHost)
		}
	}
}

func goClient(t *testing.T, c *Cluster, r Remote, bucket string, inHost bool) {
	t.Helper()
	client := &http.Client{Transport: &customTransport{rt: c.transport(), scheme: c.scheme(), gateway: c.Host(t, "proxy1"), inHost: inHost}}
	sdk := s3.New(s3.Options{
		HTTPClient: client, Region: "us-east-1", UsePathStyle: !inHost, BaseEndpoint: aws.String(r.Endpoint),
		Credentials: credentials.NewStaticCredentialsProvider(r.Key.Access, r.Key.Secret, ""),
	})
	b := &bucket
	for _, algorithm := range []types.ChecksumAlgorithm{"", types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmSha256} {
		key := aws.String("dir/é " + string(algorithm))
		data := random(5, 300_000)
		// Over HTTPS the SDK sends aws-chunked with a trailer, over HTTP a signed body.
		if _, err := sdk.PutObject(ctx(t), &s3.PutObjectInput{Bucket: b, Key: key, Body: bytes.NewReader(data), ChecksumAlgorithm: algorithm, Metadata: map[string]string{"color": "red"}}); err != nil {
			t.Fatalf("put, in the host %v, TLS %v: %v", inHost, c.o.TLS, err)
		}
		if a := r.plain().get(t, bucket, *key); !bytes.Equal(a.body, data) {
			t.Fatalf("at the remote: %v", a.status)
		}
		for range 2 {
			got, err := sdk.GetObject(ctx(t), &s3.GetObjectInput{Bucket: b, Key: key})
			if err != nil {
				t.Fatal(err)
			}
			back, err := io.ReadAll(got.Body)
			if err != nil || !bytes.Equal(back, data) || got.Metadata["color"] != "red" {
				t.Errorf("%d bytes, %v, %v", len(back), err, got.Metadata)
			}
		}
		if _, err := sdk.HeadObject(ctx(t), &s3.HeadObjectInput{Bucket: b, Key: key}); err != nil {
			t.Error(err)
		}
	}
	get, err := s3.NewPresignClient(sdk).PresignGetObject(ctx(t), &s3.GetObjectInput{Bucket: b, Key: aws.String("dir/é ")})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest("GET", get.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if back, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 || !bytes.Equal(back, random(5, 300_000)) {
		t.Errorf("presigned: %s, %d bytes, %v", resp.Status, len(back), err)
	}
	if got := c.here(t, bucket); len(got) != 3 {
		t.Errorf("here: %q", got)
	}
	wrong := s3.New(s3.Options{
		HTTPClient: client, Region: "us-east-1", UsePathStyle: !inHost, BaseEndpoint: aws.String(r.Endpoint),
		Credentials: credentials.NewStaticCredentialsProvider(r.Key.Access, r.Key.Secret+"x", ""),
	})
	if _, err := wrong.GetObject(ctx(t), &s3.GetObjectInput{Bucket: b, Key: aws.String("dir/é ")}); err == nil || !strings.Contains(err.Error(), "SignatureDoesNotMatch") {
		t.Errorf("with another secret: %v", err)
	}
	if _, err := sdk.DeleteObject(ctx(t), &s3.DeleteObjectInput{Bucket: b, Key: aws.String("dir/é ")}); err != nil {
		t.Error(err)
	}
}

// With users of its own a cluster tells theirs from S3's; without the feature it
// knows no others.
func TestPassThroughWithUsers(t *testing.T) {
	t.Parallel()
	r := SecondAIS(t)
	c := Start(t, Options{Targets: 2, Auth: true, Users: "main", Remote: r.without(), Plain: true})
	b := r.bucket(t)
	p := c.Anonymous()
	r.put(t, b, "k", []byte("theirs"))
	get := r.presign(t, "GET", b, "k", false)
	if a := p.do(t, "GET", get, nil); a.status != 403 || a.code != "InvalidAccessKeyId" {
		t.Errorf("without the feature: %v", a)
	}
	c.ais(t, "config cluster features=S3-Presigned-Request")
	if a := p.do(t, "GET", get, nil).want(t, 200, ""); string(a.body) != "theirs" {
		t.Errorf("%v", a)
	}
	p.do(t, "PUT", r.presign(t, "PUT", b, "new", false), []byte("through")).want(t, 200, "")
	if a := r.plain().get(t, b, "new"); string(a.body) != "through" {
		t.Errorf("at the remote: %v", a)
	}
	// The header is another feature.
	signedPlain := c.plainAt(c.Endpoint(), r.Key)
	if a := signedPlain.get(t, b, "k"); a.status != 403 {
		t.Errorf("signed in the header, without that feature: %v", a)
	}
	// Nobody gets by a foreign signature what is not a remote bucket.
	main := c.As(t, "main")
	own := main.bucket(t)
	main.put(t, own, "k", []byte("ours"))
	if a := p.do(t, "GET", r.presign(t, "GET", own, "k", false), nil); a.status != 403 {
		t.Errorf("a foreign key at an ais:// bucket: %v", a)
	}
	if a := p.get(t, b, "k"); a.status != 403 {
		t.Errorf("nobody at all: %v", a)
	}
	// A key that is known here is ours, and its signature is for us.
	mine := Remote{Endpoint: c.URL(t, "proxy1"), Key: c.Key(t, "main")}
	if a := p.do(t, "GET", mine.presign(t, "GET", own, "k", false), nil).want(t, 200, ""); string(a.body) != "ours" {
		t.Errorf("%v", a)
	}
}

// A presigned request goes to the configured endpoint's hosts, whatever it says.
func TestPassThroughGoesNowhereElse(t *testing.T) {
	t.Parallel()
	r := Moto(t) // takes any signature: were it asked, it would answer
	c := passing(t, r, Options{Targets: 1})
	b := r.bucket(t)
	r.put(t, b, "k", []byte("content"))
	evil, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer evil.Close()
	reached := make(chan string, 100)
	go func() {
		for {
			conn, err := evil.Accept()
			if err != nil {
				return
			}
			reached <- conn.RemoteAddr().String()
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nETag: \"x\"\r\n\r\nevil")
			conn.Close()
		}
	}()
	at := evil.Addr().String()
	good := r.presign(t, "GET", b, "k", false)
	_, query, _ := strings.Cut(good, "?")
	for _, line := range []string{
		"GET /s3" + good + " HTTP/1.1\r\nHost: " + at,
		"GET http://" + at + "/s3" + good + " HTTP/1.1\r\nHost: " + at,
		"GET http://" + at + good + " HTTP/1.1\r\nHost: localhost",
		"GET /s3/" + at + "/k?" + query + " HTTP/1.1\r\nHost: localhost",
		"GET /s3/" + at + "%2F..%2F" + b + "/k?" + query + " HTTP/1.1\r\nHost: localhost",
		"GET /s3/" + b + "//" + at + "/k?" + query + " HTTP/1.1\r\nHost: localhost",
		"GET /s3/" + b + "/@" + at + "/k?" + query + " HTTP/1.1\r\nHost: localhost",
		"GET /s3" + strings.Replace(good, "us-east-1", url.QueryEscape(at+"/#"), 1) + " HTTP/1.1\r\nHost: localhost",
		"GET /s3" + good + " HTTP/1.1\r\nHost: " + b + "." + at + "\r\nX-Forwarded-Host: " + at + "\r\nX-Forwarded-Proto: http",
		"GET /s3" + good + "&endpoint=http://" + at + " HTTP/1.1\r\nHost: localhost",
	} {
		conn := c.dial(t, "proxy1")
		conn.send(line + "\r\nUser-Agent: e2e\r\nConnection: close\r\n\r\n")
		a, ok := conn.answer("GET")
		if ok && strings.Contains(string(a.body), "evil") {
			t.Errorf("%s: %v", line, a)
		}
		conn.Close()
	}
	select {
	case from := <-reached:
		t.Errorf("a target went to a host that a client named, from %s", from)
	case <-time.After(300 * time.Millisecond):
	}
	// The cluster of Amazon's own goes to Amazon's names, and to no other.
	c.ais(t, "config cluster backend.aws.endpoint= backend.timeout=1s")
	for _, region := range []string{at, "evil.example/", "x@" + at, "..", "a b", strings.Repeat("r", 300)} {
		a := c.Anonymous().do(t, "GET", strings.Replace(good, "us-east-1", url.QueryEscape(region), 1), nil)
		if a.status < 400 {
			t.Errorf("region %q: %v", region, a)
		}
	}
	select {
	case from := <-reached:
		t.Errorf("a target went to a host that a region named, from %s", from)
	case <-time.After(300 * time.Millisecond):
	}
}

// What was refused, or broke, is not stored: the remote's trouble with a body, a
// client that leaves amid one.
func TestPassThroughBroken(t *testing.T) {
	t.Parallel()
	r := SecondAIS(t)
	way, f := Between(t, r)
	c := passing(t, way, Options{Targets: 1})
	p := c.Anonymous()
	b := r.bucket(t)
	conn := c.dial(t, "proxy1")
	conn.send("PUT /s3"+way.presign(t, "PUT", b, "half", false)+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n", string(random(1, 50_000)))
	conn.Close()
	f.Down()
	a := p.do(t, "PUT", way.presign(t, "PUT", b, "down", false), []byte("x"))
	if a.status != 503 {
		t.Errorf("a remote that is down: %v", a)
	}
	if err := f.Up(); err != nil {
		t.Fatal(err)
	}
	p.do(t, "PUT", way.presign(t, "PUT", b, "up", false), []byte("x")).want(t, 200, "")
	if got := c.here(t, b); !slices.Equal(got, []string{"up"}) {
		t.Errorf("here: %q", got)
	}
	if got := r.plain().list(t, b); !slices.Equal(got, []string{"up"}) {
		t.Errorf("at the remote: %q", got)
	}
	c.nothingHalf(t, b)
}
