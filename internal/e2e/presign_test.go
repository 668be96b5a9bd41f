package e2e

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// signed executes a presigned request at an endpoint, as a client that knows
// nothing but the URL: host is the one that the URL was made for.
func signed(t testing.TB, endpoint string, r *v4.PresignedHTTPRequest, body string) answer {
	t.Helper()
	u, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	u.Scheme, u.Host = at.Scheme, at.Host
	req, err := http.NewRequest(r.Method, u.String(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range r.SignedHeader {
		if !strings.EqualFold(name, "Host") && !strings.EqualFold(name, "Content-Length") {
			req.Header[name] = values
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, body: data}
	if _, rest, ok := bytes.Cut(data, []byte("<Code>")); ok {
		code, _, _ := bytes.Cut(rest, []byte("</Code>"))
		a.code = string(code)
	}
	return a
}

// URLs that were signed for a public name are good at every node behind it, and
// for what they were signed for only.
func TestPresignedForPublicName(t *testing.T) {
	const public = "s3.public.example:9000"
	c := Start(t, Options{Auth: true, Users: "main", ProxyArgs: []string{"--s3-host", public}, TargetArgs: []string{"--s3-host", public}})
	b := c.As(t, "main").bucket(t)
	ctx := context.Background()
	direct := c.SDK(t, "main")
	presigner := s3.NewPresignClient(c.SDK(t, "main", func(o *s3.Options) { o.BaseEndpoint = aws.String("http://" + public) }))
	must := func(r *v4.PresignedHTTPRequest, err error) *v4.PresignedHTTPRequest {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	put := must(presigner.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: &b, Key: aws.String("a b/é")}))
	get := must(presigner.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &b, Key: aws.String("a b/é"), ResponseContentType: aws.String("text/x-test")}))
	head := must(presigner.PresignHeadObject(ctx, &s3.HeadObjectInput{Bucket: &b, Key: aws.String("a b/é")}))
	remove := must(presigner.PresignDeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b, Key: aws.String("a b/é")}))
	brief := must(presigner.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &b, Key: aws.String("a b/é")}, s3.WithPresignExpires(time.Second)))
	for _, node := range []string{"proxy1", "target1", "target2"} {
		at := c.URL(t, node)
		signed(t, at, put, "hello from "+node).want(t, 200, "")
		a := signed(t, at, get, "").want(t, 200, "")
		if string(a.body) != "hello from "+node || a.header.Get("Content-Type") != "text/x-test" {
			t.Errorf("%s: %q %v", node, a.body, a.header)
		}
		signed(t, at, head, "").want(t, 200, "")
		other := *get
		other.URL = strings.Replace(other.URL, "a%20b", "a%20c", 1)
		signed(t, at, &other, "").want(t, 403, "SignatureDoesNotMatch")
		other = *get
		other.Method = "DELETE"
		signed(t, at, &other, "").want(t, 403, "SignatureDoesNotMatch")
		signed(t, at, remove, "").want(t, 204, "")
		signed(t, at, get, "").want(t, 404, "NoSuchKey")
	}

	upload, err := direct.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &b, Key: aws.String("big")})
	if err != nil {
		t.Fatal(err)
	}
	part := must(presigner.PresignUploadPart(ctx, &s3.UploadPartInput{Bucket: &b, Key: aws.String("big"), UploadId: upload.UploadId, PartNumber: aws.Int32(1)}))
	a := signed(t, c.URL(t, "proxy1"), part, "one part").want(t, 200, "")
	_, err = direct.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &b, Key: aws.String("big"), UploadId: upload.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: aws.String(a.header.Get("ETag"))}}}})
	if err != nil {
		t.Fatal(err)
	}
	c.As(t, "main").same(t, b, "big", []byte("one part"))

	time.Sleep(1100 * time.Millisecond)
	signed(t, c.URL(t, "proxy1"), brief, "").want(t, 403, "AccessDenied")
}
