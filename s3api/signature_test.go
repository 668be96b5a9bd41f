package s3api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"ais/object"
)

// The credentials of the examples in S3's documentation.
var example = Credentials{AccessKey: "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}

// exampleSecrets knows the one key of the examples, with two tokens.
func exampleSecrets(accessKey, token string) (string, error) {
	switch {
	case accessKey != example.AccessKey:
		return "", object.E("test", accessKey, object.NotFound, nil)
	case token == "expired":
		return "", ExpiredToken
	case token != "" && token != "a/token+with=signs":
		return "", InvalidToken
	}
	return example.Secret, nil
}

// guard is a node that lets in what is signed, and says what it saw.
type guard struct {
	*node
	verifier *Verifier
	log      *bytes.Buffer

	mu     sync.Mutex // guards what follows
	signed Signed
	body   string
}

// startGuard starts a guard whose clock stands at now.
func startGuard(t testing.TB, now time.Time, change func(*VerifierConfig)) *guard {
	t.Helper()
	g := &guard{log: &bytes.Buffer{}}
	c := VerifierConfig{Secrets: exampleSecrets, Now: func() time.Time { return now },
		Domains: []string{"s3.amazonaws.com"},
		Logger:  slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if change != nil {
		change(&c)
	}
	g.verifier = NewVerifier(c)
	g.node = startNode(t, g.serve, func(s *Config) { s.Domains = c.Domains })
	return g
}

func (g *guard) serve(r *Request) error {
	signed, err := g.verifier.Authenticate(r)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.signed, g.body = signed, ""
	if r.Op.Writes() && r.Op != DeleteObject {
		b, err := r.Body()
		if err != nil {
			return err
		}
		data, err := b.ReadAll(nil)
		if err != nil {
			return err
		}
		g.body = string(data)
	}
	return nil
}

func (g *guard) last() (Signed, string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.signed, g.body
}

// recorded is a request that a client signed.
type recorded struct {
	Name, Method, Host, Target string
	Headers                    [][2]string
	Body                       string
}

// text returns the request as it goes over the wire.
func (r recorded) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.Target, r.Host)
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	if r.Body != "" || r.Method == "PUT" || r.Method == "POST" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.Body))
	}
	return b.String() + "\r\n" + r.Body
}

// set returns the request with a header replaced or added.
func (r recorded) set(name, value string) recorded {
	headers := [][2]string{}
	for _, h := range r.Headers {
		if !strings.EqualFold(h[0], name) {
			headers = append(headers, h)
		}
	}
	r.Headers = append(headers, [2]string{name, value})
	return r
}

func botocoreRequests(t testing.TB) []recorded {
	t.Helper()
	data, err := os.ReadFile("testdata/botocore.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []recorded
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// signedAt is when botocore signed the requests in testdata.
var signedAt = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func TestBotocoreSignatures(t *testing.T) {
	g := startGuard(t, signedAt.Add(30*time.Second), nil)
	for _, r := range botocoreRequests(t) {
		t.Run(r.Name, func(t *testing.T) {
			if a := g.do(t, r.text()); a.StatusCode != 200 {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
			s, body := g.last()
			want := Signed{AccessKey: example.AccessKey, Scheme: SchemeV2, Method: InHeader, Time: signedAt}
			if strings.HasPrefix(r.Name, "v4") {
				want.Scheme, want.Region, want.Service = SchemeV4, "eu-west-1", "s3"
			}
			if strings.Contains(r.Name, "query signed") || strings.HasPrefix(r.Name, "v2 query") {
				want.Method = InQuery
			}
			if strings.HasPrefix(r.Name, "v2 query") {
				want.Time = time.Time{}
			}
			if strings.Contains(r.Name, "token") {
				want.Token = "a/token+with=signs"
			}
			if s != want || body != r.Body {
				t.Errorf("got %+v %q\nwant %+v", s, body, want)
			}
		})
	}
}

// TestTamperedRequests changes one thing of each recorded request.
func TestTamperedRequests(t *testing.T) {
	g := startGuard(t, signedAt, nil)
	for _, r := range botocoreRequests(t) {
		t.Run(r.Name, func(t *testing.T) {
			refuse := func(what string, r recorded) {
				t.Helper()
				if a := g.do(t, r.text()); a.StatusCode != 403 {
					t.Errorf("%s: %d %s", what, a.StatusCode, a.body)
				}
			}
			other := r
			other.Method = map[string]string{"GET": "DELETE", "PUT": "POST", "POST": "PUT"}[r.Method]
			if !strings.HasPrefix(r.Target, "/bkt?") { // not all methods exist there
				if other.Method == "DELETE" && strings.HasPrefix(strings.TrimPrefix(r.Target, "/s3"), "/bkt/") {
					refuse("method", other)
				}
			}
			other = r
			path, query, _ := strings.Cut(r.Target, "?")
			if strings.Contains(path, "bkt") {
				other.Target = strings.Replace(r.Target, "bkt", "bkx", 1)
				refuse("path", other)
			}
			if strings.HasPrefix(r.Name, "v4") {
				other.Target = path + "?" + query + "&x-other=1"
				refuse("query", other)
				other = r
				other.Host = "other:8080"
				refuse("host", other)
			}
			refuse("header", r.set("x-amz-grant-read", "id=somebody"))
		})
	}
}

// TestDocumentedSignatures has the examples of "Authenticating Requests: Using the
// Authorization Header" and "Using Query Parameters" of the S3 API reference.
func TestDocumentedSignatures(t *testing.T) {
	g := startGuard(t, time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC), nil)
	credential := "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
	requests := []string{
		"GET /test.txt HTTP/1.1\r\nHost: examplebucket.s3.amazonaws.com\r\nRange: bytes=0-9\r\n" +
			"x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\r\nx-amz-date: 20130524T000000Z\r\n" +
			"Authorization: " + credential + "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41\r\n\r\n",
		"PUT /test$file.text HTTP/1.1\r\nHost: examplebucket.s3.amazonaws.com\r\nDate: Fri, 24 May 2013 00:00:00 GMT\r\nContent-Length: 21\r\n" +
			"x-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\r\nx-amz-date: 20130524T000000Z\r\nx-amz-storage-class: REDUCED_REDUNDANCY\r\n" +
			"Authorization: " + credential + "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd\r\n\r\nWelcome to Amazon S3.",
		"GET /?lifecycle HTTP/1.1\r\nHost: examplebucket.s3.amazonaws.com\r\n" +
			"x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\r\nx-amz-date: 20130524T000000Z\r\n" +
			"Authorization: " + credential + "SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543\r\n\r\n",
		"GET /?max-keys=2&prefix=J HTTP/1.1\r\nHost: examplebucket.s3.amazonaws.com\r\n" +
			"x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\r\nx-amz-date: 20130524T000000Z\r\n" +
			"Authorization: " + credential + "SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7\r\n\r\n",
		"GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404 HTTP/1.1\r\nHost: examplebucket.s3.amazonaws.com\r\n\r\n",
	}
	for _, request := range requests {
		if a := g.do(t, request); a.StatusCode != 200 {
			t.Errorf("%s\n%d %s", request, a.StatusCode, a.body)
		}
	}
}

// TestAddressForms signs one request in each of the ways that clients see an
// endpoint with a path.
func TestAddressForms(t *testing.T) {
	g := startGuard(t, signedAt, func(c *VerifierConfig) { c.PublicHosts = []string{"s3.example.com", "other.example.com:9000"} })
	sign := func(uri, host string) recorded {
		req, err := http.NewRequest("GET", "http://"+host, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		if req.URL.Path, err = url.PathUnescape(uri); err != nil {
			t.Fatal(err)
		}
		SignV4(req, example, "s3", "US", "", signedAt)
		r := recorded{Method: "GET"}
		for name := range req.Header {
			r.Headers = append(r.Headers, [2]string{name, req.Header.Get(name)})
		}
		return r
	}
	tests := []struct{ target, host, uri, signedHost string }{
		{"/s3/bkt/key", "node:8080", "/s3/bkt/key", "node:8080"},
		{"/s3/bkt/key", "node:8080", "/bkt/key", "node:8080"},
		{"/s3/bkt/key", "node:8080", "/bkt/key", "node:8080/s3"},
		{"/s3/bkt/key", "node:8080", "/key", "node:8080/s3/bkt"},
		{"/s3/bkt/", "node:8080", "/", "node:8080/s3/bkt"},
		{"/s3/", "node:8080", "/", "node:8080/s3"},
		{"/s3", "node:8080", "/", "node:8080/s3"},
		{"/bkt/key", "node:8080", "/bkt/key", "s3.example.com"},
		{"/s3/bkt/key", "node:8080", "/bkt/key", "other.example.com:9000"},
		{"/key", "bkt.s3.amazonaws.com", "/key", "bkt.s3.amazonaws.com"},
		{"/bkt/a%2fb", "node:8080", "/bkt/a/b", "node:8080"},
		{"/bkt/a(b)", "node:8080", "/bkt/a%28b%29", "node:8080"},
	}
	for _, tt := range tests {
		r := sign(tt.uri, tt.signedHost)
		r.Target, r.Host = tt.target, tt.host
		if a := g.do(t, r.text()); a.StatusCode != 200 {
			t.Errorf("%+v: %d %s", tt, a.StatusCode, a.body)
		}
	}
	for _, bad := range []struct{ target, host, uri, signedHost string }{
		{"/bkt/key", "node:8080", "/bkt/key", "unknown.example.com"},
		{"/bkt/key", "node:8080", "/key", "node:8080/bkt"},
		{"/s3/bkt/key", "node:8080", "/s3/other/key", "node:8080"},
	} {
		r := sign(bad.uri, bad.signedHost)
		r.Target, r.Host = bad.target, bad.host
		if a := g.do(t, r.text()); a.code() != "SignatureDoesNotMatch" {
			t.Errorf("%+v: %d %s", bad, a.StatusCode, a.body)
		}
	}
}

// TestRefusedSignatures has a wrong request for each error.
func TestRefusedSignatures(t *testing.T) {
	g := startGuard(t, signedAt, nil)
	byName := map[string]recorded{}
	for _, r := range botocoreRequests(t) {
		byName[r.Name] = r
	}
	v4Get, v2Get := byName["v4 get"], byName["v2 get"]
	authorization := func(r recorded) string {
		for _, h := range r.Headers {
			if h[0] == hAuthorization {
				return h[1]
			}
		}
		return ""
	}
	replaced := func(r recorded, old, with string) recorded {
		return r.set(hAuthorization, strings.Replace(authorization(r), old, with, 1))
	}
	query := func(r recorded, old, with string) recorded {
		if !strings.Contains(r.Target, old) {
			t.Fatalf("%s has no %s", r.Target, old)
		}
		r.Target = strings.Replace(r.Target, old, with, 1)
		return r
	}
	v4Query, v2Query := byName["v4 query signed"], byName["v2 query"]
	tests := []struct {
		what    string
		request recorded
		want    string
	}{
		{"another scheme", v4Get.set(hAuthorization, "Bearer x"), "400 InvalidArgument"},
		{"V2 without a colon", v2Get.set(hAuthorization, "AWS HAHAHA"), "400 InvalidArgument"},
		{"V2 without a key", v2Get.set(hAuthorization, "AWS :x"), "400 InvalidArgument"},
		{"V4 without anything", v4Get.set(hAuthorization, "AWS4-HMAC-SHA256"), "400 AuthorizationHeaderMalformed"},
		{"an unknown part", replaced(v4Get, "SignedHeaders=", "Other="), "400 AuthorizationHeaderMalformed"},
		{"a short signature", v4Get.set(hAuthorization, authorization(v4Get)[:150]), "400 AuthorizationHeaderMalformed"},
		{"host not signed", replaced(v4Get, "host;", ""), "400 AuthorizationHeaderMalformed"},
		{"no region", replaced(v4Get, "/eu-west-1/", "//"), "400 AuthorizationHeaderMalformed"},
		{"another service", replaced(v4Get, "/s3/", "/ec2/"), "400 AuthorizationHeaderMalformed"},
		{"another terminal", replaced(v4Get, "aws4_request", "aws5_request"), "400 AuthorizationHeaderMalformed"},
		{"a short credential", replaced(v4Get, "/20260304", ""), "400 AuthorizationHeaderMalformed"},
		{"another day", replaced(v4Get, "/20260304", "/20260305"), "403 SignatureDoesNotMatch"},
		{"another region", replaced(v4Get, "/eu-west-1/", "/eu-west-2/"), "403 SignatureDoesNotMatch"},
		{"an unknown key", replaced(v4Get, "AKIA", "AKIB"), "403 InvalidAccessKeyId"},
		{"an unknown key in V2", replaced(v2Get, "AKIA", "AKIB"), "403 InvalidAccessKeyId"},
		{"another signature in V2", replaced(v2Get, ":", ":x"), "403 SignatureDoesNotMatch"},
		{"a wrong token", v4Get.set("x-amz-security-token", "wrong"), "400 InvalidToken"},
		{"an expired token", v2Get.set("x-amz-security-token", "expired"), "400 ExpiredToken"},
		{"a header that is not signed", v4Get.set("x-amz-meta-a", "b"), "403 AccessDenied"},
		{"no date", v4Get.set("x-amz-date", ""), "403 AccessDenied"},
		{"a bad date in V2", v2Get.set("x-amz-date", "Bad Date"), "403 AccessDenied"},
		{"an empty date in V2", v2Get.set("x-amz-date", ""), "403 AccessDenied"},
		{"before 1970", v2Get.set("x-amz-date", "Tue, 07 Jul 1950 21:53:04 GMT"), "403 AccessDenied"},
		{"long ago", v2Get.set("x-amz-date", "Tue, 07 Jul 2010 21:53:04 GMT"), "403 RequestTimeTooSkewed"},
		{"far ahead", v2Get.set("x-amz-date", "Tue, 07 Jul 9999 21:53:04 GMT"), "403 RequestTimeTooSkewed"},
		{"two ways at once", func() recorded {
			r := v4Query
			r.Headers = v4Get.Headers
			return r
		}(), "400 InvalidArgument"},
		{"no expiry", query(v4Query, "X-Amz-Expires", "X-Amz-Other"), "400 AuthorizationQueryParametersError"},
		{"expiry no number", query(v4Query, "X-Amz-Expires=3600", "X-Amz-Expires=1h"), "400 AuthorizationQueryParametersError"},
		{"expiry negative", query(v4Query, "X-Amz-Expires=3600", "X-Amz-Expires=-1"), "403 AuthorizationQueryParametersError"},
		{"expiry too far", query(v4Query, "X-Amz-Expires=3600", "X-Amz-Expires=604801"), "403 AuthorizationQueryParametersError"},
		{"expiry changed", query(v4Query, "X-Amz-Expires=3600", "X-Amz-Expires=3601"), "403 SignatureDoesNotMatch"},
		{"expired at once", query(v4Query, "X-Amz-Expires=3600", "X-Amz-Expires=0"), "403 AccessDenied"},
		{"another algorithm", query(v4Query, "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"), "400 AuthorizationQueryParametersError"},
		{"a malformed date", query(v4Query, "20260304T050607Z", "20260304"), "400 AuthorizationQueryParametersError"},
		{"another credential date", query(v4Query, "%2F20260304", "%2F20260303"), "400 AuthorizationQueryParametersError"},
		{"a header added to a URL", v4Query.set("x-amz-acl", "public-read"), "403 AccessDenied"},
		{"V2 without expiry", query(v2Query, "Expires=", "Other="), "403 AccessDenied"},
		{"V2 with a bad expiry", query(v2Query, "Expires=", "Expires=x"), "403 AccessDenied"},
		{"V2 expired", query(v2Query, "Expires=", "Expires=-"), "403 AccessDenied"},
		{"V2 expiry changed", query(v2Query, "Expires=", "Expires=1"), "403 SignatureDoesNotMatch"},
	}
	for _, tt := range tests {
		a := g.do(t, tt.request.text())
		if got := fmt.Sprintf("%d %s", a.StatusCode, a.code()); got != tt.want {
			t.Errorf("%s: %s, want %s\n%s", tt.what, got, tt.want, a.body)
		}
	}
	if a := g.get(t, "GET", "/bkt/key"); a.StatusCode != 200 {
		t.Errorf("without credentials: %d %s", a.StatusCode, a.body)
	}
	if s, _ := g.last(); s != (Signed{}) {
		t.Errorf("without credentials: %+v", s)
	}
}

func TestClock(t *testing.T) {
	for _, tt := range []struct {
		name string
		late time.Duration
		want string
	}{
		{"v4 get", 14 * time.Minute, ""}, {"v4 get", -14 * time.Minute, ""},
		{"v4 get", 16 * time.Minute, "RequestTimeTooSkewed"}, {"v4 get", -16 * time.Minute, "RequestTimeTooSkewed"},
		{"v2 get", 16 * time.Minute, "RequestTimeTooSkewed"},
		{"v4 query signed", 59 * time.Minute, ""}, {"v4 query signed", 61 * time.Minute, "AccessDenied"},
		{"v4 query signed", -14 * time.Minute, ""}, {"v4 query signed", -16 * time.Minute, "AccessDenied"},
		{"v2 query", 59 * time.Minute, ""}, {"v2 query", 61 * time.Minute, "AccessDenied"},
	} {
		g := startGuard(t, signedAt.Add(tt.late), nil)
		for _, r := range botocoreRequests(t) {
			if r.Name == tt.name {
				if a := g.do(t, r.text()); a.code() != tt.want {
					t.Errorf("%+v: %d %s", tt, a.StatusCode, a.body)
				}
			}
		}
	}
}

// TestMismatchIsExplained checks that client and log are told what was signed,
// and the log neither a secret nor a token.
func TestMismatchIsExplained(t *testing.T) {
	g := startGuard(t, signedAt, nil)
	for _, r := range botocoreRequests(t) {
		if r.Name != "v4 token" {
			continue
		}
		r.Target = "/bkt/other"
		a := g.do(t, r.text())
		for _, want := range []string{"<AWSAccessKeyId>AKIAIOSFODNN7EXAMPLE</AWSAccessKeyId>", "<StringToSign>AWS4-HMAC-SHA256&#xA;20260304T050607Z&#xA;20260304/eu-west-1/s3/aws4_request&#xA;",
			"<SignatureProvided>", "<StringToSignBytes>41 57 53 34 ", "<CanonicalRequest>GET&#xA;/bkt/other&#xA;&#xA;host:node:8080&#xA;", "<CanonicalRequestBytes>47 45 54 0a "} {
			if !strings.Contains(a.body, want) {
				t.Errorf("no %q in %s", want, a.body)
			}
		}
	}
	log := g.log.String()
	if !strings.Contains(log, `/bkt/other`) || strings.Contains(log, "token+with") || strings.Contains(log, example.Secret) || strings.Contains(g.log.String(), "token%2B") {
		t.Errorf("log: %s", log)
	}
}

// TestSignV4 checks that what SignV4 and PresignV4 make is accepted.
func TestSignV4(t *testing.T) {
	g := startGuard(t, signedAt, nil)
	send := func(req *http.Request) answer {
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer{resp, string(body)}
	}
	token := example
	token.Token = "a/token+with=signs"
	for _, c := range []Credentials{example, token} {
		req, err := http.NewRequest("PUT", "http://"+g.addr+"/s3/bkt/a%20b+(c)?x=2&a=%2F+y", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "text/plain")
		req.Header.Set("x-amz-meta-a", " b  c ")
		SignV4(req, c, "s3", "anywhere", PayloadSHA256([]byte("hello")), signedAt)
		if a := send(req); a.StatusCode != 200 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		if s, body := g.last(); s.AccessKey != c.AccessKey || s.Token != c.Token || s.Region != "anywhere" || body != "hello" {
			t.Errorf("%+v %q", s, body)
		}
		if req, err = http.NewRequest("GET", "http://"+g.addr+"/bkt/key?versionId=null", nil); err != nil {
			t.Fatal(err)
		}
		req.Header.Set("x-amz-checksum-mode", "ENABLED")
		signed, err := http.NewRequest("GET", PresignV4(req, c, "anywhere", signedAt, time.Minute), nil)
		if err != nil {
			t.Fatal(err)
		}
		signed.Header = req.Header
		if a := send(signed); a.StatusCode != 200 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	}
	if s := fmt.Sprintf("%v %+v %#v", token, token, token); strings.Contains(s, token.Secret) || strings.Contains(s, token.Token) {
		t.Errorf("printed: %s", s)
	}
}

// TestMissingPayloadDigest has curl's signature of a file, which covers no body
// and does not say so.
func TestMissingPayloadDigest(t *testing.T) {
	g := startGuard(t, signedAt, nil)
	for _, payload := range []string{"", UnsignedPayload} {
		m := &message{method: []byte("PUT"), path: []byte("/bkt/key"), host: []byte("node")}
		m.fields = []field{{[]byte("x-amz-date"), []byte(signedAt.Format(amzTime))}}
		s := v4{timeText: signedAt.Format(amzTime), headers: []byte("host;x-amz-date"), scopeText: "20260304/r/s3/aws4_request",
			scope: scope{example.AccessKey, "20260304", "r", "s3"}}
		if payload == "" {
			payload = emptySHA256
		}
		m.writeCanonical(&s, form{m.path, "node"}, payload)
		m.writeToSign(&s)
		sum := newSigningKey(example.Secret, s.scope).sign(m.toSign)
		request := fmt.Sprintf("PUT /bkt/key HTTP/1.1\r\nHost: node\r\nx-amz-date: %s\r\nContent-Length: 5\r\nAuthorization: AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=host;x-amz-date,Signature=%x\r\n\r\nhello",
			s.timeText, example.AccessKey, s.scopeText, sum)
		if a := g.do(t, request); a.StatusCode != 200 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	}
}

func TestAuthenticateHTTP(t *testing.T) {
	v := NewVerifier(VerifierConfig{Secrets: exampleSecrets, Now: func() time.Time { return signedAt }, Logger: slog.New(slog.DiscardHandler)})
	request := func(service, payload, body string, change func(*fasthttp.RequestCtx)) (Signed, error) {
		req, err := http.NewRequest("POST", "http://node/v1/auth/users?x=1", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		SignV4(req, example, service, "us-east-1", payload, signedAt)
		var ctx fasthttp.RequestCtx
		ctx.Init(&fasthttp.Request{}, nil, nil)
		ctx.Request.Header.SetMethod("POST")
		ctx.Request.SetRequestURI("/v1/auth/users?x=1")
		ctx.Request.Header.SetHost("node")
		for name := range req.Header {
			ctx.Request.Header.Set(name, req.Header.Get(name))
		}
		ctx.Request.SetBodyString(body)
		if change != nil {
			change(&ctx)
		}
		signed, err := v.AuthenticateHTTP(&ctx, "ais", "sts", "s3")
		if string(ctx.Request.Body()) != body {
			t.Errorf("the body is %q", ctx.Request.Body())
		}
		return signed, err
	}
	digest := PayloadSHA256([]byte("hello"))
	if s, err := request("ais", digest, "hello", nil); err != nil || s.AccessKey != example.AccessKey || s.Service != "ais" {
		t.Errorf("%+v %v", s, err)
	}
	if _, err := request("sts", digest, "hello", func(ctx *fasthttp.RequestCtx) { ctx.Request.SetBodyStream(strings.NewReader("hello"), 5) }); err != nil {
		t.Error(err)
	}
	if _, err := request("ais", UnsignedPayload, "anything", nil); err != nil {
		t.Error(err)
	}
	for _, tt := range []struct {
		service, payload, body string
		change                 func(*fasthttp.RequestCtx)
		want                   *Error
	}{
		{"ec2", digest, "hello", nil, AuthorizationHeaderMalformed},
		{"ais", digest, "other", nil, SHA256Mismatch},
		{"ais", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "x", nil, NotImplemented},
		{"ais", digest, "hello", func(ctx *fasthttp.RequestCtx) { ctx.Request.Header.Set(hAuthorization, "AWS a:b") }, InvalidArgument},
	} {
		if _, err := request(tt.service, tt.payload, tt.body, tt.change); FromError(err).Code != tt.want.Code {
			t.Errorf("%s %s: %v", tt.service, tt.payload, err)
		}
	}
}

// TestWholeBody checks the bounds of a body that must be read to be verified.
func TestWholeBody(t *testing.T) {
	large := strings.Repeat("x", MaxSignedBody+1)
	for _, tt := range []struct {
		body      string
		announced int
		want      *Error
	}{
		{large, len(large), EntityTooLarge},
		{large, -1, EntityTooLarge},
		{"cut", 5, IncompleteBody},
		{large[1:], -1, nil},
	} {
		var ctx fasthttp.RequestCtx
		ctx.Init(&fasthttp.Request{}, nil, nil)
		ctx.Request.SetBodyStream(strings.NewReader(tt.body), tt.announced)
		ctx.Request.Header.SetContentLength(tt.announced)
		body, err := wholeBody(&ctx)
		if tt.want == nil {
			if err != nil || string(body) != tt.body {
				t.Errorf("%d bytes: %v", len(tt.body), err)
			}
		} else if !errors.Is(err, tt.want) {
			t.Errorf("%d bytes, announced %d: %v, want %s", len(tt.body), tt.announced, err, tt.want.Code)
		}
	}
}

func TestSigningKeys(t *testing.T) {
	var c keyCache
	first := c.key("secret", scope{accessKey: "a"})
	if c.key("secret", scope{accessKey: "a"}) != first {
		t.Error("derived twice")
	}
	if c.key("other", scope{accessKey: "a"}) == first {
		t.Error("the key of an old secret")
	}
	first = c.key("secret", scope{accessKey: "a"})
	for i := range 3 * keyGeneration {
		c.key("secret", scope{accessKey: fmt.Sprint(i)})
		if i%100 == 0 && c.key("secret", scope{accessKey: "a"}) != first {
			t.Fatalf("a key in use was forgotten after %d others", i)
		}
	}
	if n := len(c.current) + len(c.before); n > 2*keyGeneration {
		t.Errorf("%d keys", n)
	}
}
