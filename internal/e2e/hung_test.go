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

// traffic has twelve clients ask for everything in two buckets, with one copy and with two,
// and returns when there is some. end is called to have the clients end, and waits for it.
func (w *waits) traffic(t *testing.T, c *Cluster) (end func()) {
	one, two := bucketName(t), bucketName(t)
	c.Shell(t).run(t, "ais create ais://"+one)
	c.Shell(t).run(t, "ais create ais://"+two+" --props copies=2")
	var requests atomic.Int64
	var all sync.WaitGroup
	stop := make(chan struct{})
	for i := range 12 {
		p := c.At(t, c.Names("proxy")[i%2])
		p.http = &http.Client{Timeout: time.Minute, Transport: &http.Transport{}}
		b, copies := one, "one copy: "
		if i/2%2 == 1 {
			b, copies = two, "two copies: "
		}
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 2))
			for {
				select {
				case <-stop:
					return
				default:
				}
				w.step(t, p, r, copies, b, fmt.Sprintf("/%s/k%d-", b, i))
				requests.Add(1)
			}
		})
	}
	end = sync.OnceFunc(func() {
		close(stop)
		all.Wait()
		t.Logf("%d requests", requests.Load())
	})
	t.Cleanup(end)
	Eventually(t, time.Minute, "there is traffic", func() error {
		if n := requests.Load(); n < 1000 {
			return fmt.Errorf("%d requests", n)
		}
		return nil
	})
	return end
}

// step makes one request.
func (w *waits) step(t *testing.T, p plain, r *rand.Rand, copies, bucket, prefix string) {
	at := func() string { return fmt.Sprint(prefix, r.IntN(50)) }
	switch r.IntN(7) {
	case 0:
		w.ask(t, copies+"PUT", p, "PUT", at(), large[:100])
	case 1:
		w.ask(t, copies+"PUT of 1 MiB", p, "PUT", at(), large)
	case 2, 3:
		w.ask(t, copies+"GET", p, "GET", at(), nil)
	case 4:
		w.ask(t, copies+"list", p, "GET", "/"+bucket+"?list-type=2&max-keys=100", nil)
	case 5:
		w.ask(t, copies+"copy", p, "PUT", at()+"copy", nil, "x-amz-copy-source: "+at())
	default:
		var keys bytes.Buffer
		for range 10 {
			fmt.Fprintf(&keys, "<Object><Key>%s</Key></Object>", at()[len(bucket)+2:])
		}
		w.ask(t, copies+"multi-delete", p, "POST", "/"+bucket+"?delete", fmt.Appendf(nil, "<Delete>%s</Delete>", keys.Bytes()))
	}
}

// large is what a large object has.
var large = random(1, 1<<20)

// forget begins to measure anew.
func (w *waits) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.longest, w.failed = map[string]time.Duration{}, map[string]int{}
}

// within checks how long requests took.
func (w *waits) within(t *testing.T, limit time.Duration) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, what := range slices.Sorted(maps.Keys(w.longest)) {
		t.Logf("%-26s %6s at most, %d times 503", what, w.longest[what].Round(10*time.Millisecond), w.failed[what])
		if took := w.longest[what]; took > limit {
			t.Errorf("%s took %s", what, took)
		}
	}
}

// A target that hangs keeps no request for longer than its lease and some seconds, be it one
// that a proxy has sent there, or one that another target waits for, and whether there
// are other copies or not.
func TestHungTarget(t *testing.T) {
	c := Start(t, Options{Proxies: 2, Plain: true})
	var w waits
	w.forget()
	end := w.traffic(t, c)
	w.forget()
	hung := c.node(t, "target3")
	if err := hung.signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hung.signal(syscall.SIGCONT) })
	time.Sleep(16 * time.Second) // longer than any request may take
	end()
	w.within(t, 15*time.Second) // 5 + 3 s, and a busy machine
}

// A link that is cut, where all nodes hold their leases and nobody else notices, keeps no
// request for longer than some seconds either, in whichever direction it is cut: those that
// go over it fail, or are answered by another copy.
func TestCutLink(t *testing.T) {
	for what, cut := range map[string][2]string{ // proxy1 has etcd, which target3 needs
		"to a target":   {"proxy2", "target3"},
		"from a target": {"target3", "proxy2"},
	} {
		t.Run(what, func(t *testing.T) {
			c := Start(t, Options{Proxies: 2, Plain: true, Network: true})
			var w waits
			w.forget()
			end := w.traffic(t, c)
			w.forget()
			if err := c.net.cut(cut[0], cut[1]); err != nil {
				t.Fatal(err)
			}
			time.Sleep(25 * time.Second) // until requests over the link have failed, and been tried again
			end()
			w.within(t, 30*time.Second) // twice 15 s; before it was 2 minutes
		})
	}
}
