package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"mime/multipart"
	"testing"
	"time"
)

// form returns the body of a form upload that key signed, and its content type.
func form(t testing.TB, key Key, bucket string, file []byte, atMost int, fields ...[2]string) (body []byte, contentType string) {
	t.Helper()
	policy := base64.StdEncoding.EncodeToString(fmt.Appendf(nil,
		`{"expiration":%q,"conditions":[{"bucket":%q},["starts-with","$key","dir/"],["starts-with","$x-amz-meta-a",""],["content-length-range",0,%d]]}`,
		time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05Z"), bucket, atMost))
	if key != (Key{}) {
		mac := hmac.New(sha1.New, []byte(key.Secret))
		mac.Write([]byte(policy))
		fields = append(fields, [2]string{"AWSAccessKeyId", key.Access}, [2]string{"policy", policy},
			[2]string{"signature", base64.StdEncoding.EncodeToString(mac.Sum(nil))})
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		if err := w.WriteField(f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", "a file.bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(file); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.FormDataContentType()
}

// TestFormUpload uploads with a browser's form, to a proxy and to a target, which
// passes it on.
func TestFormUpload(t *testing.T) {
	p := withPeople(t, "")
	bucket := p.root.bucket(t)
	for _, node := range []string{"proxy1", "target1"} {
		post := func(key Key, size, atMost int, fields ...[2]string) answer {
			file := bytes.Repeat([]byte("form data\r\n"), size/11+1)[:size]
			fields = append([][2]string{{"key", "dir/${filename}"}, {"x-amz-meta-a", node}}, fields...)
			body, contentType := form(t, key, bucket, file, atMost, fields...)
			return p.anon.at(t, p.c, node).do(t, "POST", "/"+bucket, body, "Content-Type: "+contentType)
		}
		for _, size := range []int{0, 1000, 3 << 20} {
			post(p.c.Key(t, "root"), size, 1<<30).want(t, 204, "")
			got := p.root.do(t, "GET", "/"+bucket+"/dir/a%20file.bin", nil).want(t, 200, "")
			if len(got.body) != size || got.header.Get("x-amz-meta-a") != node {
				t.Errorf("%s: %d bytes of %d, %v", node, len(got.body), size, got.header)
			}
		}
		post(p.c.Key(t, "root"), 1000, 999).want(t, 400, "EntityTooLarge")
		post(p.c.Key(t, "root"), 10, 99, [2]string{"acl", "private"}).want(t, 403, "AccessDenied")
		post(p.c.Key(t, "root"), 10, 99, [2]string{"x-amz-checksum-crc32", "AAAAAA=="}).want(t, 400, "BadDigest")
		post(p.c.Key(t, "alt"), 10, 99).want(t, 403, "AccessDenied")
		post(Key{}, 10, 99).want(t, 403, "AccessDenied")
		post(Key{p.c.Key(t, "root").Access, "wrong"}, 10, 99).want(t, 403, "SignatureDoesNotMatch")
	}
}
