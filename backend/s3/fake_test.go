package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"ais/backend"
	"ais/backend/backendtest"
)

// fake is as much of a store as the faults of a real one need: objects that are
// put, read and looked at, and answers that a test brings.
type fake struct {
	*backendtest.Faulty
	mu      sync.Mutex // guards the rest
	objects map[string]stored
	seen    []*http.Request // without their bodies
	bodies  []string
	answer  func(w http.ResponseWriter, r *http.Request) bool // reports whether it answered
}

type stored struct {
	header http.Header
	body   []byte
}

// isolate makes the AWS configuration that of the test alone.
func isolate(t *testing.T) {
	t.Helper()
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		t.Setenv(name, "/nonexistent")
	}
	for _, name := range []string{"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDFAKE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
}

func startFake(t *testing.T) *fake {
	t.Helper()
	isolate(t)
	f := &fake{objects: map[string]stored{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	var err error
	if f.Faulty, err = backendtest.NewFaulty(server.URL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// open opens a bucket of the store.
func (f *fake) open(t *testing.T, timeout time.Duration) backend.Backend {
	t.Helper()
	stores := New(Options{AppID: "ais"})
	t.Cleanup(stores.Close)
	b, err := stores.Open(backend.Config{Bucket: "bucket", Endpoint: f.URL, Region: "us-east-1", Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen, f.bodies = append(f.seen, r), append(f.bodies, string(body))
	if f.answer != nil && f.answer(w, r) {
		return
	}
	switch key := r.URL.Path; r.Method {
	case http.MethodPut:
		sum := md5.Sum(body)
		header := http.Header{"Etag": {`"` + hex.EncodeToString(sum[:]) + `"`}}
		for name, values := range r.Header {
			if strings.HasPrefix(name, "X-Amz-Meta-") || name == "Content-Type" {
				header[name] = values
			}
		}
		f.objects[key] = stored{header, body}
		w.Header().Set("ETag", header.Get("ETag"))
	case http.MethodGet, http.MethodHead:
		o, ok := f.objects[key]
		if !ok {
			refuse(w, http.StatusNotFound, "NoSuchKey")
			return
		}
		for name, values := range o.header {
			w.Header()[name] = values
		}
		http.ServeContent(w, r, "", time.Now(), bytes.NewReader(o.body))
	case http.MethodDelete:
		delete(f.objects, key)
		w.WriteHeader(http.StatusNoContent)
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>said the fake</Message></Error>")
}

// last returns the last request that arrived, and its body.
func (f *fake) last() (*http.Request, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[len(f.seen)-1], f.bodies[len(f.bodies)-1]
}

// respond makes the store answer with f until it is called again.
func (f *fake) respond(answer func(w http.ResponseWriter, r *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

func put(b backend.Backend, key, body string) error {
	_, err := b.Put(context.Background(), key, backend.PutOptions{Body: strings.NewReader(body), Size: int64(len(body))})
	return err
}

func read(b backend.Backend, key string, o backend.GetOptions) (string, error) {
	opened, err := b.Get(context.Background(), key, o)
	if err != nil {
		return "", err
	}
	defer opened.Body.Close()
	body, err := io.ReadAll(opened.Body)
	return string(body), err
}
