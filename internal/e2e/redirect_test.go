package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Who is redirected, as seen on the wire: a 307 with a ticket to the owner, or
// the answer itself.
func TestRedirectMatrix(t *testing.T) {
	for _, mode := range []string{"auto", "always", "never"} {
		t.Run(mode, func(t *testing.T) {
			c := Shared(t, Options{Redirect: mode})
			p := c.Plain()
			b := bucketName(t)
			p.do(t, "PUT", "/"+b, nil).want(t, 200, "")
			data := random(1, 100_000)
			c.At(t, "target1").put(t, b, "k", data)
			const sdk, boto = "User-Agent: aws-sdk-go-v2/1.47.0 ua/2.1", "User-Agent: Boto3/1.43.11 md/Botocore#1.43.11"
			for _, x := range []struct {
				method, target string
				headers        []string
				auto           bool
			}{
				{"GET", "/k", []string{sdk}, true},
				{"GET", "/k", []string{"User-Agent: rclone/v1.60.1"}, true},
				{"GET", "/k", []string{boto}, false},
				{"GET", "/k", []string{"User-Agent:"}, false},
				{"GET", "/k", []string{boto, "X-Ais-Redirect: follow"}, true},
				{"HEAD", "/k", []string{sdk}, false},
				{"DELETE", "/none", []string{boto}, false},
				{"DELETE", "/none", []string{boto, "X-Ais-Redirect: follow"}, true},
				{"GET", "?list-type=2", []string{sdk, "X-Ais-Redirect: follow"}, false},
				{"HEAD", "", []string{sdk}, false},
			} {
				a := p.do(t, x.method, "/"+b+x.target, nil, x.headers...)
				object := strings.HasPrefix(x.target, "/")
				want := object && (mode == "always" || mode == "auto" && x.auto)
				if got := a.status == http.StatusTemporaryRedirect; got != want || !want && a.status >= 300 {
					t.Errorf("%s %s %v: %d", x.method, x.target, x.headers, a.status)
				}
				if want {
					checkRedirect(t, a, b, x.method)
				}
			}
		})
	}
}

func checkRedirect(t *testing.T, a answer, bucket, method string) {
	t.Helper()
	to, err := url.Parse(a.header.Get("Location"))
	if err != nil || to.Hostname() != "localhost" || to.Query().Get("ais-ticket") == "" || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("Location %q, %v", a.header.Get("Location"), a.header)
	}
	if method == "HEAD" {
		return
	}
	wantIn(t, string(a.body), "<Code>TemporaryRedirect</Code>", "<Endpoint>"+to.Host+"/s3</Endpoint>", "<Bucket>"+bucket+"</Bucket>")
	if a.code != "TemporaryRedirect" {
		t.Errorf("redirect body %s", a.body)
	}
}

// The Go SDK follows by itself: reads go straight to the owner.
func TestGoSDKFollows(t *testing.T) {
	c := Shared(t, Options{})
	sdk := SDK(c.Endpoint())
	b := aws.String(c.Plain().bucket(t))
	before := c.metric(t, "proxy1", "redirect")
	for i := range 10 {
		key, body := aws.String(fmt.Sprint("k é+", i)), random(uint64(i), 10_000)
		if _, err := sdk.PutObject(ctx(t), &s3.PutObjectInput{Bucket: b, Key: key, Body: bytes.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
		got, err := sdk.GetObject(ctx(t), &s3.GetObjectInput{Bucket: b, Key: key, Range: aws.String("bytes=100-199")})
		if err != nil {
			t.Fatal(err)
		}
		var data bytes.Buffer
		if _, err := data.ReadFrom(got.Body); err != nil || !bytes.Equal(data.Bytes(), body[100:200]) {
			t.Fatal(data.Len(), err)
		}
	}
	if after := c.metric(t, "proxy1", "redirect"); after < before+10 {
		t.Errorf("redirects went from %v to %v", before, after)
	}
}

// A ticket is good for what it was given for, and for nothing else.
func TestTicketsAreBound(t *testing.T) {
	c := Shared(t, Options{Redirect: "always"})
	p := c.Plain()
	b := p.bucket(t)
	c.At(t, "target1").put(t, b, "k", []byte("content"))
	location := p.do(t, "GET", "/"+b+"/k", nil).want(t, 307, "").header.Get("Location")
	follow := func(method, location string, body []byte) answer {
		u, err := url.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		at := newPlain(u.Scheme + "://" + u.Host)
		return at.do(t, method, u.EscapedPath()+"?"+u.RawQuery, body)
	}
	if a := follow("GET", location, nil).want(t, 200, ""); string(a.body) != "content" {
		t.Error(a)
	}
	ticketed := func(status int) bool { return status == 403 || status == 400 }
	if a := follow("PUT", location, []byte("changed")); !ticketed(a.status) {
		t.Errorf("a ticket to read let a write through: %v", a)
	}
	if a := follow("GET", strings.Replace(location, "/k?", "/other?", 1), nil); !ticketed(a.status) {
		t.Errorf("a ticket for one name was taken for another: %v", a)
	}
	i := strings.Index(location, "ais-ticket=") + len("ais-ticket=") + 20
	forged := location[:i] + string(rune('A'+(location[i]-'A'+1)%26)) + location[i+1:]
	if a := follow("GET", forged, nil); !ticketed(a.status) {
		t.Errorf("a forged ticket was taken: %v", a)
	}
	c.At(t, "target1").same(t, b, "k", []byte("content"))
}

// Whatever node a client lands on serves it: every operation, at every target.
func TestWrongTargetServes(t *testing.T) {
	c := Shared(t, Options{})
	b := c.Plain().bucket(t)
	for i, n := range c.Names("target") {
		at := c.At(t, n)
		for k := range 8 {
			key, data := fmt.Sprintf("%s/%d", n, k), random(uint64(i*8+k), 200_000)
			at.put(t, b, key, data)
			for _, other := range c.Names("target") {
				c.At(t, other).same(t, b, key, data)
			}
		}
		u := at.begin(t, b, "upload-"+n)
		u.part(t, 1, []byte("by way of "+n)).want(t, 200, "")
		u.p = c.At(t, c.Names("target")[(i+1)%3])
		u.complete(t, u.manifest(1)).want(t, 200, "")
		c.Plain().same(t, b, "upload-"+n, []byte("by way of "+n))
	}
	if got := len(c.At(t, "target2").list(t, b)); got != 27 {
		t.Errorf("target2 lists %d", got)
	}
}

// Buckets as host names, with and without /s3 in the path.
func TestVirtualHosts(t *testing.T) {
	c := Shared(t, Options{S3Domain: "ais.example.com"})
	p := c.Plain()
	b := p.bucket(t)
	for i, prefix := range []string{"", "/s3"} {
		conn := c.dial(t, "proxy1")
		host := fmt.Sprintf("Host: %s.ais.example.com:8080", b)
		send := func(method, target, body string) answer {
			conn.send(fmt.Sprintf("%s %s%s HTTP/1.1\r\n%s\r\nContent-Length: %d\r\n\r\n%s", method, prefix, target, host, len(body), body))
			a, ok := conn.answer(method)
			if !ok {
				t.Fatal("no answer")
			}
			return a
		}
		key := fmt.Sprint("dir/k", i)
		send("PUT", "/"+key, "hello").want(t, 200, "")
		if a := send("GET", "/"+key, "").want(t, 200, ""); string(a.body) != "hello" {
			t.Error(a)
		}
		wantIn(t, string(send("GET", "/?list-type=2", "").want(t, 200, "").body), key, "<Name>"+b+"</Name>")
		p.same(t, b, key, []byte("hello"))
	}
}
