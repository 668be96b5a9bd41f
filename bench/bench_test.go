package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

func TestHistogram(t *testing.T) {
	var h histogram
	random := rand.New(rand.NewPCG(1, 2))
	var all []time.Duration
	for range 20_000 {
		d := time.Duration(random.ExpFloat64() * 1e6)
		h.add(d)
		all = append(all, d)
	}
	slices.Sort(all)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
		got, want := float64(h.quantile(q)), float64(all[int(q*float64(len(all)))-1])
		if got > want || got < want*0.98-1 {
			t.Errorf("quantile %g is %g, want %g", q, got, want)
		}
	}
	if bucketOf(1<<63-1) >= len(h.counts) || h.quantile(0) != 0 && h.quantile(0) > all[0] {
		t.Error("bounds")
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]size{"0": 0, "4096": 4096, "4KiB": 4096, "10MiB": 10 << 20, "1GiB": 1 << 30, "7B": 7} {
		var s size
		if err := s.Set(text); err != nil || s != want {
			t.Error(text, s, err)
		}
	}
	for _, text := range []string{"", "-1", "KiB", "1.5KiB", "99999999GiB"} {
		if err := new(size).Set(text); err == nil {
			t.Error(text, "was taken")
		}
	}
	if s := size(4 << 20).String(); s != "4MiB" {
		t.Error(s)
	}
}

// TestSignature compares with the SDK's signer.
func TestSignature(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := signer{access: "AKID", secret: "sec/ret", region: "eu-west-1"}
	for _, query := range []string{"", "uploads=", "uploadId=a%2Fb&partNumber=3", "delete="} {
		header := http.Header{}
		for line := range strings.Lines(string(s.sign(nil, now, "localhost:9000", "/b/k%20ey", &wire{method: "PUT", query: query, headers: []string{"range:bytes=0-1"}}, payloadUnsigned))) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			header.Set(name, value)
		}
		req, err := http.NewRequest("PUT", "http://localhost:9000/b/k%20ey?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Range", "bytes=0-1")
		req.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
		err = v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(context.Background(), aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "sec/ret"}, req, "UNSIGNED-PAYLOAD", "s3", "eu-west-1", now)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := header.Get("Authorization"), req.Header.Get("Authorization"); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", query, got, want)
		}
	}
}

// fakeS3 keeps objects in memory, as much of S3 as the loads use.
type fakeS3 struct {
	mu      sync.Mutex
	objects map[string][]byte
	counts  map[string]int
	target  string // where a GET or PUT that says that it follows is sent
}

func (f *fakeS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f.mu.Lock()
	f.counts[r.Method]++
	target := f.target
	f.mu.Unlock()
	if target != "" && r.Header.Get("X-Ais-Redirect") == "follow" {
		w.Header().Set("Location", target+r.URL.Path+"?ais-ticket=t")
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/s3/bench")
	switch {
	case q.Has("uploads"):
		fmt.Fprint(w, "<R><UploadId>u/1</UploadId></R>")
	case q.Has("uploadId"), q.Has("delete"):
		w.Header().Set("ETag", `"e"`)
		fmt.Fprint(w, "<R></R>")
	case q.Has("list-type"):
		fmt.Fprint(w, "<R><Key>a</Key><Key>b</Key></R>")
	case r.Method == "PUT" && path != "":
		f.objects[path] = body
	case r.Method == "DELETE":
		delete(f.objects, path)
		w.WriteHeader(http.StatusNoContent)
	case path != "":
		data, ok := f.objects[path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(data)))
	}
}

func serveFake(t *testing.T) (*fakeS3, endpoint) {
	t.Helper()
	f := &fakeS3{objects: make(map[string][]byte), counts: make(map[string]int)}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	e, err := parseEndpoint(s.URL+"/s3", "bench")
	if err != nil {
		t.Fatal(err)
	}
	return f, e
}

func testLoad(op operation) *load {
	return &load{op: op, size: 300 << 10, rangeSize: 1000, concurrency: 3, duration: 20 * time.Second, ops: 20, objects: 20, batch: 5, parts: 3, maxKeys: 10, name: "t"}
}

func TestEveryOperation(t *testing.T) {
	for _, op := range []operation{opPut, opGet, opRange, opHead, opList, opDelete, opMultiDelete, opMixed, opComplete, opCopy} {
		for _, sdk := range []bool{false, true} {
			t.Run(fmt.Sprint(op, " sdk=", sdk), func(t *testing.T) {
				if op == opCopy && sdk {
					return // the SDK wants an answer that the fake does not give
				}
				_, e := serveFake(t)
				e.sdk = sdk
				l := testLoad(op)
				if err := l.validate(); err != nil {
					t.Fatal(err)
				}
				self, err := findProcesses(fmt.Sprint(os.Getpid()), "", "")
				if err != nil {
					t.Fatal(err)
				}
				r, err := runOnce(context.Background(), l, e, self, false)
				if err != nil {
					t.Fatal(err)
				}
				want := map[operation]int64{opMultiDelete: 4}[op]
				if want == 0 {
					want = 20
				}
				if r.Ops != want || r.Failed != 0 || r.P99 <= 0 || r.CPU <= 0 || r.Servers[0].MaxRSS <= 0 {
					t.Errorf("%+v", r)
				}
			})
		}
	}
}

// TestTickets follows a redirect once a key and goes straight from then on.
func TestTickets(t *testing.T) {
	front, e := serveFake(t)
	back, b := serveFake(t)
	front.target = "http://" + b.host
	e.direct = true
	for _, op := range []operation{opPut, opGet} {
		l := testLoad(op)
		if op == opGet {
			for i := range l.objects {
				back.objects["/"+l.key(i)] = make([]byte, l.size)
			}
		}
		p := &prepared{body: make([]byte, l.size)}
		list := l.connect(e)
		if err := l.warm(context.Background(), list, p); err != nil {
			t.Fatal(err)
		}
		o := l.run(context.Background(), list, p)
		list.close()
		if o.ops != 20 || o.failed != 0 {
			t.Error(o.ops, o.failed, o.firstError)
		}
	}
	if front.counts["PUT"] != 20 || front.counts["GET"] != 20 || back.counts["PUT"] != 40 || back.counts["GET"] != 40 {
		t.Error(front.counts, back.counts)
	}
	c := e.newClient()
	defer c.close()
	if _, err := c.do(context.Background(), &request{op: opRedirect, key: "k"}); err != nil {
		t.Error(err)
	}
}

func TestBadServers(t *testing.T) {
	for answer, want := range map[string]error{
		"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\nshort": errShort,
		"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno":        errStatus,
		"nonsense\r\n": nil, "": nil,
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello": nil, // not the length of the object
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				bufio.NewReader(c).ReadString('\n') // a test
				io.WriteString(c, answer)           // a test
				c.(*net.TCPConn).CloseWrite()       // a test
			}
		}()
		c := endpoint{host: l.Addr().String(), bucket: "b"}.newClient()
		if _, err := c.do(context.Background(), &request{op: opGet, key: "k", length: 2_000_000}); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%q gave %v", answer, err)
		}
		c.close()
		l.Close()
	}
}

func TestSink(t *testing.T) {
	dir := t.TempDir()
	client, server := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- sinkConnection(server, dir) }()
	r := bufio.NewReader(client)
	for _, n := range []int{10, 600 << 10} {
		body := strings.Repeat("x", n)
		if _, err := fmt.Fprintf(client, "PUT /b/k%d HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", n, n, body); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		if data, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("_b_k%d", n))); err != nil || string(data) != body {
			t.Fatal(len(data), err)
		}
	}
	client.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestLoopbackOnly(t *testing.T) {
	for host, ok := range map[string]bool{"127.0.0.1:80": true, "localhost:8080": true, "[::1]:80": true, "10.0.0.1:80": false} {
		if err := loopbackOnly(host); (err == nil) != ok {
			t.Error(host, err)
		}
	}
}

func TestChecks(t *testing.T) {
	s := &subject{group: "GET 4KiB", server: "nginx"}
	for _, cpu := range []float64{9, 1, 3} {
		s.reports = append(s.reports, report{CPU: cpu})
	}
	c := checks{subjects: []*subject{s}}
	if got := c.cost("GET 4KiB", "nginx"); got != 3 || c.cost("GET", "nginx") != 0 {
		t.Error(got)
	}
	var peers peerFlags
	if err := peers.Set("minio,http://localhost:9000,minio server,KEY"); err != nil || !peers.has("minio") || peers.has("x") || peers.Set("x") == nil {
		t.Error(err, peers)
	}
}
