package signed

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ais/backend"
	"ais/object"
)

const mismatch = "<Error><Code>SignatureDoesNotMatch</Code></Error>"

// counted is a body that knows how much of it was read.
type counted struct {
	io.Reader
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// TestRightHost has a store that takes the signature for one host only: a wrong
// guess costs no body, and is made once.
func TestRightHost(t *testing.T) {
	var hosts []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hosts = append(hosts, r.Host)
		if !strings.HasPrefix(r.Host, "bucket.") {
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, mismatch)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, body)
	}))
	defer server.Close()
	config := backend.Config{Bucket: "bucket", Endpoint: strings.Replace(server.URL, "127.0.0.1", "localhost", 1), Timeout: 10 * time.Second}
	client := New()
	defer client.Close()
	for i, wantTries := range []int{2, 1} {
		hosts = nil
		content := strings.Repeat("x", 300<<10)
		body := &counted{Reader: strings.NewReader(content)}
		answer, err := client.Do(t.Context(), config, []Form{HostForm, PathForm}, &Request{
			Method: "PUT", RawKey: "a%2Fb//c|", RawQuery: "X-Amz-Signature=1", AccessKey: "AK", Body: body, Size: int64(len(content)),
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(answer.Body)
		answer.Drop()
		if want := "PUT /a%2Fb//c|?X-Amz-Signature=1 " + content; err != nil || string(got) != want {
			t.Errorf("%.80q, %v", got, err)
		}
		if len(hosts) != wantTries || body.n != len(content) {
			t.Errorf("%d: went to %q with %d bytes of %d", i, hosts, body.n, len(content))
		}
	}
}

// TestMismatchEverywhere has the first address's answer returned, and a store that
// knows no buckets in hosts not be asked for one.
func TestMismatchEverywhere(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Host, "bucket.") {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, "<Error><Code>NoSuchBucket</Code></Error>")
			return
		}
		w.Header().Set("x-amz-request-id", "first")
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, mismatch)
	}))
	defer server.Close()
	client := New()
	defer client.Close()
	config := backend.Config{Bucket: "bucket", Endpoint: strings.Replace(server.URL, "127.0.0.1", "localhost", 1), Timeout: 10 * time.Second}
	answer, err := client.Do(t.Context(), config, []Form{HostForm, PathForm}, &Request{Method: "GET", RawKey: "k"})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Drop()
	body, _ := io.ReadAll(answer.Body)
	if answer.Status != http.StatusForbidden || string(body) != mismatch || answer.Header.Get("X-Amz-Request-Id") != "first" {
		t.Errorf("%d %s %q", answer.Status, body, answer.Header)
	}
}

// TestAsSigned has a request arrive byte for byte, but for what concerns only the
// connection it came over.
func TestAsSigned(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan []string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		var lines []string
		for r := bufio.NewReader(conn); ; {
			line, err := r.ReadString('\n')
			if line = strings.TrimRight(line, "\r\n"); err != nil || line == "" {
				break
			}
			lines = append(lines, line)
		}
		io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
		got <- lines
	}()
	client := New()
	defer client.Close()
	header := http.Header{
		"Host": {"gateway"}, "Connection": {"keep-alive"}, "X-Ais-Ticket": {"secret"}, "X-Forwarded-Host": {"gateway"}, "Expect": {"100-continue"}, "Cookie": {"a=b"},
		"Authorization": {"AWS4-HMAC-SHA256 Credential=…"}, "x-amz-meta-A": {"one", "two"}, "Range": {"bytes=1-2"}, "Accept-Encoding": {"identity"},
	}
	answer, err := client.Do(t.Context(), backend.Config{Bucket: "bucket", Endpoint: "http://" + l.Addr().String(), Timeout: 5 * time.Second}, []Form{PathForm},
		&Request{Method: "GET", RawKey: "/x/../%e4%2f+\"", RawQuery: "b=%2B&a&c=d+e", Header: header})
	if err != nil {
		t.Fatal(err)
	}
	answer.Drop()
	want := map[string]bool{
		"GET /bucket//x/../%e4%2f+\"?b=%2B&a&c=d+e HTTP/1.1": true, "Host: " + l.Addr().String(): true, "Authorization: AWS4-HMAC-SHA256 Credential=…": true,
		"X-Amz-Meta-A: one": true, "X-Amz-Meta-A: two": true, "Range: bytes=1-2": true, "Accept-Encoding: identity": true,
	}
	for _, line := range <-got {
		if !want[line] {
			t.Errorf("arrived: %s", line)
		}
		delete(want, line)
	}
	for line := range want {
		t.Errorf("did not arrive: %s", line)
	}
}

func TestFaults(t *testing.T) {
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/redirect"):
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusTemporaryRedirect)
		case strings.HasSuffix(r.URL.Path, "/stall"):
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "some")
			w.(http.Flusher).Flush()
			<-hang
		case strings.HasSuffix(r.URL.Path, "/hang"):
			<-hang
		default:
			io.Copy(io.Discard, r.Body)
		}
	}))
	defer server.Close()
	defer close(hang)
	client := New()
	defer client.Close()
	config := backend.Config{Bucket: "bucket", Endpoint: server.URL, Timeout: 200 * time.Millisecond}
	do := func(r *Request) (*Answer, error) {
		t.Helper()
		return client.Do(context.Background(), config, []Form{PathForm}, r)
	}
	answer, err := do(&Request{Method: "GET", RawKey: "redirect"})
	if err != nil || answer.Status != http.StatusTemporaryRedirect {
		t.Errorf("a redirect: %+v, %v", answer, err)
	}
	answer.Drop()
	if _, err := do(&Request{Method: "GET", RawKey: "hang"}); object.KindOf(err) != object.Unavailable || err == nil {
		t.Errorf("a store that hangs: %v", err)
	}
	if answer, err = do(&Request{Method: "GET", RawKey: "stall"}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(answer.Body); object.KindOf(err) != object.Unavailable || err == nil {
		t.Errorf("a body that stalls: %v", err)
	}
	answer.Drop()
	broken := errors.New("the client is gone")
	if _, err := do(&Request{Method: "PUT", RawKey: "k", Body: io.MultiReader(strings.NewReader("abc"), failing{broken}), Size: 10}); !errors.Is(err, broken) {
		t.Errorf("a body that breaks: %v", err)
	}
	// A client that is slower than the timeout is not the store's fault.
	slow, w := io.Pipe()
	go func() {
		for range 4 {
			time.Sleep(100 * time.Millisecond)
			io.WriteString(w, "x")
		}
		w.Close()
	}()
	if answer, err = do(&Request{Method: "PUT", RawKey: "k", Body: slow, Size: 4}); err != nil {
		t.Fatalf("a slow client: %v", err)
	}
	answer.Drop()
	if _, err := do(&Request{Method: "GET", RawKey: "a b\r\nX: y"}); object.KindOf(err) != object.Invalid || err == nil {
		t.Errorf("a line in the path: %v", err)
	}
	config.Endpoint = "http://127.0.0.1:1"
	if _, err := do(&Request{Method: "GET", RawKey: "k"}); object.KindOf(err) != object.Unavailable || err == nil {
		t.Errorf("nobody there: %v", err)
	}
}

func TestMeta(t *testing.T) {
	h := http.Header{}
	for name, value := range map[string]string{
		"ETag": `"abc"`, "x-amz-version-id": "v1", "Last-Modified": "Tue, 20 Dec 2022 17:43:16 GMT", "Content-Type": "text/x", "x-amz-storage-class": "GLACIER_IR",
		"x-amz-meta-a": "1", "x-amz-meta-ais-cksum-type": "md5", "x-amz-meta-ais-cksum-val": "0a", "x-amz-server-side-encryption": "aws:kms",
	} {
		h.Set(name, value)
	}
	m := Meta(h, 7)
	if m.ETag != "abc" || m.Version != "v1" || m.Size != 7 || m.Modified.Unix() != 1671558196 || m.Header.ContentType != "text/x" || m.StorageClass != "GLACIER_IR" ||
		m.User["a"] != "1" || !m.Opaque || m.Digest.Algorithm != object.MD5 || m.Digest.Hex() != "0a" {
		t.Errorf("%+v", m)
	}
}
