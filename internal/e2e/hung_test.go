package e2e

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// waits is how long requests took at most, by what they are.
type waits struct {
	mu      sync.Mutex
	longest map[string]time.Duration
	failed  map[string]int
}

// ask makes a request. Every answer but success, an absent name
// and 503 fails the test.
func (w *waits) ask(t *testing.T, what string, p plain, method, target string, body []byte, headers ...string) {
	began := time.Now()
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	a, err := p.request(method, target, r, headers...)
	took := time.Since(began)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.longest[what] = max(w.longest[what], took)
	switch {
	case err != nil:
		t.Errorf("%s after %s: %v", what, took.Round(time.Millisecond), err)
	case a.status == http.StatusServiceUnavailable:
		w.failed[what]++
		if a.header.Get("Retry-After") == "" {
			t.Errorf("%s: 503 without Retry-After", what)
		}
	case a.status >= 300 && a.status != http.StatusNotFound:
		t.Errorf("%s after %s: %d %s", what, took.Round(time.Millisecond), a.status, a.body)
	}
}

// A target that hangs keeps no request for longer than its lease and some seconds, be it one
// that a proxy has sent there, or one that another target waits for, and whether there
// are other copies or not.
func TestHungTarget(t *testing.T) {
	c := Start(t, Options{Proxies: 2, Plain: true})
	one, two := bucketName(t), bucketName(t)
	c.Shell(t).run(t, "ais create ais://"+one)
	c.Shell(t).run(t, "ais create ais://"+two+" --props copies=2")
	w := &waits{longest: map[string]time.Duration{}, failed: map[string]int{}}
	var requests atomic.Int64
	var all sync.WaitGroup
	end := make(chan struct{})
	large := random(1, 1<<20)
	for i := range 12 {
		p := c.At(t, c.Names("proxy")[i%2])
		p.http = &http.Client{Timeout: time.Minute, Transport: &http.Transport{}}
		b := []string{one, two}[i/2%2]
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 2))
			for {
				select {
				case <-end:
					return
				default:
				}
				what := func(op string) string { return map[string]string{one: "one copy: ", two: "two copies: "}[b] + op }
				at := func() string { return fmt.Sprintf("/%s/k%d-%d", b, i, r.IntN(50)) }
				switch r.IntN(7) {
				case 0:
					w.ask(t, what("PUT"), p, "PUT", at(), large[:100])
				case 1:
					w.ask(t, what("PUT of 1 MiB"), p, "PUT", at(), large)
				case 2, 3:
					w.ask(t, what("GET"), p, "GET", at(), nil)
				case 4:
					w.ask(t, what("list"), p, "GET", "/"+b+"?list-type=2&max-keys=100", nil)
				case 5:
					w.ask(t, what("copy"), p, "PUT", at()+"copy", nil, "x-amz-copy-source: "+at())
				default:
					var keys bytes.Buffer
					for range 10 {
						fmt.Fprintf(&keys, "<Object><Key>k%d-%d</Key></Object>", i, r.IntN(50))
					}
					w.ask(t, what("multi-delete"), p, "POST", "/"+b+"?delete", fmt.Appendf(nil, "<Delete>%s</Delete>", keys.Bytes()))
				}
				requests.Add(1)
			}
		})
	}
	t.Cleanup(all.Wait)
	Eventually(t, time.Minute, "there is traffic", func() error {
		if n := requests.Load(); n < 1000 {
			return fmt.Errorf("%d requests", n)
		}
		return nil
	})
	w.mu.Lock()
	clear(w.longest)
	w.mu.Unlock()
	hung := c.node(t, "target3")
	if err := hung.signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hung.signal(syscall.SIGCONT) })
	time.AfterFunc(16*time.Second, func() { close(end) }) // longer than any request may take
	all.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, what := range slices.Sorted(maps.Keys(w.longest)) {
		t.Logf("%-26s %6s at most, %d times 503", what, w.longest[what].Round(10*time.Millisecond), w.failed[what])
	}
	for what, took := range w.longest {
		if took > 15*time.Second { // 5 + 3 s, and a busy machine
			t.Errorf("%s took %s", what, took)
		}
	}
	t.Logf("%d requests", requests.Load())
}
