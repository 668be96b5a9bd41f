package e2e

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// plain speaks bare HTTP to an S3 endpoint and shows every answer as it came.
type plain struct {
	endpoint string // http://host:port/s3
	http     *http.Client
	key      Key // to sign with; the zero Key signs nothing
}

// Plain returns a client of the first proxy that follows no redirect.
func (c *Cluster) Plain() plain { return c.plainAt(c.Endpoint(), c.keys["root"]) }

// At returns a client of one node.
func (c *Cluster) At(t testing.TB, name string) plain {
	return c.plainAt(c.URL(t, name)+"/s3", c.keys["root"])
}

func newPlain(endpoint string) plain {
	transport := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true, ExpectContinueTimeout: 5 * time.Second}
	return plain{endpoint: endpoint, http: &http.Client{
		Transport:     transport,
		Timeout:       2 * time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is a response with its body read, and the code in it if it is an error.
type answer struct {
	status int
	header http.Header
	body   []byte
	code   string // of the error XML
	text   string
}

func (a answer) String() string {
	return fmt.Sprintf("%d %s %s", a.status, a.code, clip(string(a.body), 300))
}

// escape percent-encodes a key for a path: every byte that is not unreserved,
// but for the slashes.
func escape(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(key), "+", "%20"), "%2F", "/")
}

// request sends one request. The target is what follows the endpoint, escaped:
// "/bucket/key?query". Header lines are "Name: value".
func (p plain) request(method, target string, body io.Reader, headers ...string) (answer, error) {
	path, query, _ := strings.Cut(target, "?")
	base, err := url.Parse(p.endpoint)
	if err != nil {
		return answer{}, err
	}
	req := &http.Request{Method: method, Header: http.Header{"User-Agent": {"e2e"}}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	req.URL = &url.URL{Scheme: base.Scheme, Host: base.Host, Opaque: base.Path + path, RawQuery: query}
	if body != nil {
		fresh, err := http.NewRequest(method, "http://x/", body) // sets the length and GetBody
		if err != nil {
			return answer{}, err
		}
		req.Body, req.ContentLength, req.GetBody = fresh.Body, fresh.ContentLength, fresh.GetBody
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ":")
		if name == "Content-Length" { // of a body whose reader does not tell
			if req.ContentLength, err = strconv.ParseInt(strings.TrimSpace(value), 10, 64); err != nil {
				return answer{}, err
			}
			continue
		}
		req.Header.Set(name, strings.TrimSpace(value))
	}
	if err := p.key.sign(req); err != nil {
		return answer{}, err
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	a := answer{status: resp.StatusCode, header: resp.Header, body: data}
	a.code, a.text = errorCode(data)
	return a, err
}

// errorCode returns the code and message of an S3 error document, "" if it is none.
func errorCode(body []byte) (code, message string) {
	var doc struct {
		XMLName       xml.Name
		Code, Message string
	}
	if xml.Unmarshal(body, &doc) != nil || doc.XMLName.Local != "Error" {
		return "", ""
	}
	return doc.Code, doc.Message
}

// do is request for tests to which a failure of the connection is a failure.
func (p plain) do(t testing.TB, method, target string, body []byte, headers ...string) answer {
	t.Helper()
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	a, err := p.request(method, target, r, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, clip(target, 100), err)
	}
	return a
}

// want fails the test unless the answer has the status and, where given, the code.
func (a answer) want(t testing.TB, status int, code string) answer {
	t.Helper()
	if a.status != status || code != "" && a.code != code {
		t.Fatalf("got %v, want %d %s", a, status, code)
	}
	if code != "" && (a.header.Get("X-Amz-Request-Id") == "" || !strings.HasPrefix(a.header.Get("Content-Type"), "application/xml")) {
		t.Fatalf("error without request id or not XML: %v", a.header)
	}
	return a
}

func (p plain) put(t testing.TB, bucket, key string, body []byte, headers ...string) answer {
	t.Helper()
	return p.do(t, "PUT", "/"+bucket+"/"+escape(key), append([]byte{}, body...), headers...).want(t, 200, "")
}

func (p plain) get(t testing.TB, bucket, key string, headers ...string) answer {
	t.Helper()
	return p.do(t, "GET", "/"+bucket+"/"+escape(key), nil, headers...)
}

// same fails the test unless the object is there with exactly these bytes.
func (p plain) same(t testing.TB, bucket, key string, want []byte) {
	t.Helper()
	a := p.get(t, bucket, key).want(t, 200, "")
	if !bytes.Equal(a.body, want) {
		t.Fatalf("%s/%s: got %d bytes (md5 %s), want %d (md5 %s)", bucket, key, len(a.body), md5hex(a.body), len(want), md5hex(want))
	}
}

func (p plain) absent(t testing.TB, bucket, key string) {
	t.Helper()
	p.get(t, bucket, key).want(t, 404, "NoSuchKey")
}

// bucket makes a bucket named after the test.
func (p plain) bucket(t testing.TB) string {
	t.Helper()
	name := bucketName(t)
	p.do(t, "PUT", "/"+name, nil).want(t, 200, "")
	return name
}

// bucketName returns a legal bucket name made from the test's name.
func bucketName(t testing.TB) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		}
		return '-'
	}, strings.TrimPrefix(t.Name(), "Test"))
	return strings.Trim(clip(name, 50), "- …") + fmt.Sprintf("-%06x", rand.N(1<<24))
}

// list returns all keys of a bucket, page by page.
func (p plain) list(t testing.TB, bucket string) []string {
	t.Helper()
	var keys []string
	token := ""
	for {
		target := "/" + bucket + "?list-type=2"
		if token != "" {
			target += "&continuation-token=" + url.QueryEscape(token)
		}
		a := p.do(t, "GET", target, nil).want(t, 200, "")
		var page listPage
		if err := xml.Unmarshal(a.body, &page); err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Contents {
			keys = append(keys, e.Key)
		}
		if !page.IsTruncated {
			return keys
		}
		token = page.NextContinuationToken
	}
}

// listPage is ListBucketResult of both versions.
type listPage struct {
	Name, Prefix, Marker, NextMarker, NextContinuationToken string
	Delimiter, EncodingType, StartAfter                     string
	KeyCount, MaxKeys                                       int
	IsTruncated                                             bool
	Contents                                                []struct {
		Key, ETag, LastModified, StorageClass string
		Size                                  int64
	}
	CommonPrefixes []struct{ Prefix string }
}

func md5sum(data []byte) []byte {
	sum := md5.Sum(data)
	return sum[:]
}

func md5hex(data []byte) string { return hex.EncodeToString(md5sum(data)) }

// random returns size bytes that depend on the seed alone.
func random(seed uint64, size int) []byte {
	data := make([]byte, size)
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	_, _ = rand.NewChaCha8(key).Read(data)
	return data
}

// SDK returns an aws-sdk-go-v2 client of an endpoint, with nothing set but what
// a user must set.
func SDK(endpoint string, more ...func(*s3.Options)) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(endpoint),
		Region:       "us-east-1",
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider("playground", "playground", ""),
	}, more...)
}

func ctx(t testing.TB) context.Context { return t.Context() }
