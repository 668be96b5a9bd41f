package target

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"ais/cluster"
	"ais/object"
)

// verifying is a store that takes presigned requests: those with the signature
// "good". What it holds and what it was asked can be looked at.
type verifying struct {
	mu    sync.Mutex
	held  map[string]string // by path
	asked []string
	lie   string // sent in the place of what is held
}

func (v *verifying) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	v.asked = append(v.asked, strings.TrimSpace(r.Method+" "+r.Header.Get("Range")))
	v.mu.Unlock()
	if strings.HasPrefix(r.UserAgent(), "aws-sdk-go-v2/") { // as a cluster of this kind does
		http.Redirect(w, r, "http://elsewhere.test/", http.StatusTemporaryRedirect)
		return
	}
	if r.URL.Query().Get("X-Amz-Signature") != "good" || r.URL.Query().Has("provider") {
		w.Header().Set("x-amz-id-2", "of the store")
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, "<Error><Code>SignatureDoesNotMatch</Code><HostId>of the store</HostId></Error>")
		return
	}
	body, err := io.ReadAll(r.Body)
	v.mu.Lock()
	defer v.mu.Unlock()
	content, ok := v.held[r.URL.Path]
	switch {
	case err != nil:
		return
	case r.Method == http.MethodPut:
		v.held[r.URL.Path] = string(body)
		content = string(body)
	case r.Method == http.MethodDelete:
		delete(v.held, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
		return
	case !ok:
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, "<Error><Code>NoSuchKey</Code></Error>")
		return
	}
	sum := md5.Sum([]byte(content))
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
	w.Header().Set("x-amz-version-id", "v-"+hex.EncodeToString(sum[:4]))
	if r.Method == http.MethodPut {
		return
	}
	w.Header().Set("x-amz-meta-color", "blue")
	if v.lie != "" {
		content = v.lie
	}
	if r.Header.Get("Range") == "bytes=0-0" {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-0/%d", len(content)))
		w.WriteHeader(http.StatusPartialContent)
		content = content[:1]
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	io.WriteString(w, content)
}

// questions returns what the store was asked since the last time.
func (v *verifying) questions() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	list := strings.Join(v.asked, ", ")
	v.asked = nil
	return list
}

// startPassing returns a target that passes presigned requests on to a store.
func startPassing(t *testing.T) (*Target, *verifying) {
	t.Helper()
	store := &verifying{held: map[string]string{}}
	server := httptest.NewServer(store)
	t.Cleanup(server.Close)
	target, _ := startAlone(t)
	configure(t, target, "backend.aws.endpoint", server.URL, "features", "S3-Presigned-Request", "backend.timeout", "5s")
	return target, store
}

func configure(t *testing.T, target *Target, settings ...string) {
	t.Helper()
	_, err := target.cluster.UpdateConfig(t.Context(), func(c *cluster.Config) error {
		for i := 0; i < len(settings); i += 2 {
			if _, err := c.Set(settings[i], settings[i+1]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := target.cluster.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

const good = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20260101%2Fus-west-2%2Fs3%2Faws4_request&X-Amz-SignedHeaders=host&X-Amz-Signature=good"

// forged is good with another signature.
const forged = good + "er"

func keptHere(t *testing.T, target *Target, b *cluster.Bucket, key string) (object.Meta, bool) {
	t.Helper()
	m, err := target.store.Stat(object.Name{Bucket: b.ID, Key: key}, "")
	return m, err == nil
}

func TestPassPut(t *testing.T) {
	target, store := startPassing(t)
	b := makeBucket(t, target, object.AWS, "bucket")
	for _, content := range []string{"testing 1 2 3", strings.Repeat("long ", 200<<10), ""} {
		got := ask(t, target, "PUT", "/s3/bucket/a%2Fb+c"+good+"&provider=aws", content, "Content-Type", "text/x", "X-Amz-Meta-Color", "blue")
		if got.status != 200 || store.held["/bucket/a/b+c"] != content {
			t.Fatalf("%d %s; the store has %.40q", got.status, got.body, store.held["/bucket/a/b+c"])
		}
		m, ok := keptHere(t, target, b, "a/b+c")
		sum := md5.Sum([]byte(content))
		if !ok || m.Size != int64(len(content)) || m.ETag != hex.EncodeToString(sum[:]) || m.Header.ContentType != "text/x" || m.User["color"] != "blue" || !fromRemote(&m) ||
			m.Custom[object.CustomVersion] != "v-"+hex.EncodeToString(sum[:4]) {
			t.Errorf("kept: %v %+v", ok, m)
		}
	}
	before, _ := keptHere(t, target, b, "a/b+c")
	got := ask(t, target, "PUT", "/s3/bucket/a%2Fb+c"+forged, strings.Repeat("forged", 100<<10))
	if got.status != 403 || !strings.Contains(got.body, "<HostId>of the store</HostId>") || got.header.Get("X-Amz-Id-2") != "of the store" {
		t.Errorf("forged: %d %s", got.status, got.body)
	}
	if now, ok := keptHere(t, target, b, "a/b+c"); !ok || now.Version != before.Version {
		t.Errorf("a forged write has left %v %+v", ok, now)
	}
	// What the client announced otherwise is refused before S3 has all of it.
	if got = ask(t, target, "PUT", "/s3/bucket/bad"+good, "some bytes", "Content-Md5", "AAAAAAAAAAAAAAAAAAAAAA=="); got.status != 400 {
		t.Errorf("a wrong digest: %d %s", got.status, got.body)
	}
	if _, ok := store.held["/bucket/bad"]; ok {
		t.Error("the store has an object that was not what it was said to be")
	}
}

func TestPassPutChunked(t *testing.T) {
	target, store := startPassing(t)
	b := makeBucket(t, target, object.AWS, "bucket")
	framed := "5;chunk-signature=" + strings.Repeat("0", 64) + "\r\nhello\r\n0;chunk-signature=" + strings.Repeat("0", 64) + "\r\n\r\n"
	got := ask(t, target, "PUT", "/s3/bucket/k"+good, framed, "X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "X-Amz-Decoded-Content-Length", "5", "Content-Encoding", "aws-chunked")
	if got.status != 200 || store.held["/bucket/k"] != framed {
		t.Errorf("%d %s; the store got %q", got.status, got.body, store.held["/bucket/k"])
	}
	// This store has not decoded it, and says so with its ETag.
	if m, ok := keptHere(t, target, b, "k"); ok {
		t.Errorf("kept, though the store has other bytes: %+v", m)
	}
}

func TestPassGet(t *testing.T) {
	target, store := startPassing(t)
	b := makeBucket(t, target, object.AWS, "bucket")
	content := strings.Repeat("0123456789", 30<<10)
	store.held["/bucket/k"] = content
	steps := []struct {
		name, query, rangeHeader string
		status                   int
		body, asked              string
	}{
		{"cold, forged", forged, "", 403, "", "GET"},
		{"cold range", good, "bytes=0-0", 206, "0", "GET bytes=0-0"},
		{"cold", good, "", 200, content, "GET"},
		{"warm", good, "", 200, content, "GET bytes=0-0"},
		{"warm range", good, "bytes=3-5", 206, "345", "GET bytes=0-0"},
		{"warm, forged", forged, "", 403, "", "GET bytes=0-0"},
		{"with other headers", good + "&response-content-type=x", "", 200, content, "GET"},
		{"by part", good + "&partNumber=1", "", 200, content, "GET"},
	}
	for _, s := range steps {
		store.questions()
		var headers []string
		if s.rangeHeader != "" {
			headers = []string{"Range", s.rangeHeader}
		}
		got := ask(t, target, "GET", "/s3/bucket/k"+s.query, "", headers...)
		if asked := store.questions(); got.status != s.status || s.body != "" && got.body != s.body || asked != s.asked {
			t.Errorf("%s: %d, %d bytes, the store was asked %q", s.name, got.status, len(got.body), asked)
		}
		if got.status < 300 && (got.header.Get("X-Amz-Meta-Color") != "blue" || !strings.HasPrefix(got.header.Get("X-Amz-Version-Id"), "v-")) {
			t.Errorf("%s: headers %q", s.name, got.header)
		}
	}
	store.held["/bucket/k"] = "changed"
	if got := ask(t, target, "GET", "/s3/bucket/k"+good, ""); got.body != "changed" {
		t.Errorf("after a change: %.30q", got.body)
	}
	if m, ok := keptHere(t, target, b, "k"); !ok || m.Size != 7 {
		t.Errorf("kept: %v %+v", ok, m)
	}
	if got := ask(t, target, "GET", "/s3/bucket/k"+good, "", "User-Agent", "aws-sdk-go-v2/1.2.3"); got.status != 200 {
		t.Errorf("a client that follows redirects: %d", got.status)
	}
	delete(store.held, "/bucket/k")
	if got := ask(t, target, "GET", "/s3/bucket/k"+good, ""); got.status != 404 {
		t.Errorf("after a removal: %d", got.status)
	}
}

func TestPassGetOtherBytes(t *testing.T) {
	target, store := startPassing(t)
	b := makeBucket(t, target, object.AWS, "bucket")
	store.held["/bucket/k"], store.lie = "the truth", "the truht"
	if got := ask(t, target, "GET", "/s3/bucket/k"+good, ""); got.status != 503 {
		t.Errorf("%d %q", got.status, got.body)
	}
	if m, ok := keptHere(t, target, b, "k"); ok {
		t.Errorf("kept: %+v", m)
	}
}

func TestPassDelete(t *testing.T) {
	target, store := startPassing(t)
	b := makeBucket(t, target, object.AWS, "bucket")
	ask(t, target, "PUT", "/s3/bucket/k"+good, "x")
	if got := ask(t, target, "DELETE", "/s3/bucket/k"+good, ""); got.status != 204 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if _, ok := keptHere(t, target, b, "k"); ok || len(store.held) > 0 {
		t.Error("it is still there")
	}
}

// TestPassUnknownBucket has a bucket be added once S3 has said yes, with the object
// that it said yes to.
func TestPassUnknownBucket(t *testing.T) {
	target, store := startPassing(t)
	if got := ask(t, target, "PUT", "/s3/first/k"+forged, "x"); got.status != 403 {
		t.Errorf("forged: %d %s", got.status, got.body)
	}
	if _, ok := target.cluster.State().Bucket(object.AWS, "first"); ok {
		t.Fatal("a bucket was added for a forged request")
	}
	if got := ask(t, target, "PUT", "/s3/first/k"+good, "testing"); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	b, ok := target.cluster.State().Bucket(object.AWS, "first")
	if !ok || b.Region != "us-west-2" {
		t.Fatalf("added: %+v", b)
	}
	if m, ok := keptHere(t, target, b, "k"); !ok || m.Size != 7 {
		t.Errorf("kept: %v %+v", ok, m)
	}
	store.held["/second/k"] = "by GET"
	if got := ask(t, target, "GET", "/s3/second/k"+good, ""); got.body != "by GET" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	other, ok := target.cluster.State().Bucket(object.AWS, "second")
	if !ok || other.ID == b.ID {
		t.Fatalf("added: %+v", other)
	}
	if _, ok := keptHere(t, target, other, "k"); !ok {
		t.Error("not kept")
	}
}

// TestPassNot has requests not be passed on that are the cluster's own.
func TestPassNot(t *testing.T) {
	target, store := startPassing(t)
	makeBucket(t, target, object.AIS, "ours")
	remote := makeBucket(t, target, object.AWS, "bucket")
	ask(t, target, "PUT", "/s3/ours/k"+good, "x")
	ask(t, target, "GET", "/s3/bucket/k", "")
	ask(t, target, "GET", "/s3/bucket/k", "", "Authorization", "AWS4-HMAC-SHA256 Credential=AK/20260101/us-west-2/s3/aws4_request, SignedHeaders=host, Signature=good")
	if asked := store.questions(); asked != "" {
		t.Errorf("the store was asked %q", asked)
	}
	if got := ask(t, target, "GET", "/s3/bucket/k"+good+"&acl", ""); got.status != 501 {
		t.Errorf("an ACL: %d %s", got.status, got.body)
	}
	configure(t, target, "features", "none")
	ask(t, target, "GET", "/s3/bucket/k"+good, "")
	if asked := store.questions(); asked != "" {
		t.Errorf("with the feature off the store was asked %q", asked)
	}
	if _, err := target.cluster.UpdateProps(t.Context(), remote, func(p *cluster.Props) error { _, err := p.Set("features", "S3-Presigned-Request"); return err }); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, target, "GET", "/s3/bucket/k"+good, ""); store.questions() != "GET" || got.status != 404 {
		t.Errorf("with the bucket's feature: %d", got.status)
	}
}
