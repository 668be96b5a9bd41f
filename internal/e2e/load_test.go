package e2e

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// Idle connections, slow ones and huge headers cost little and slow nobody down.
func TestHostileConnections(t *testing.T) {
	c := Start(t, Options{Plain: true})
	p := c.Plain()
	b := p.bucket(t)
	p.put(t, b, "k", random(1, 100_000))
	for _, n := range []string{"proxy1", "target1"} {
		for range 1000 {
			c.dial(t, n)
		}
		for i := range 200 { // slowloris: a head that never ends
			conn := c.dial(t, n)
			conn.send("PUT /s3/" + b + fmt.Sprint("/slow", i) + " HTTP/1.1\r\nHost: localhost\r\nX-A: ")
		}
		for i := range 100 { // and a body that does not come
			c.dial(t, n).send(head("PUT", fmt.Sprint("/s3/", b, "/never", i), "Content-Length: 100000000"), "x")
		}
		for range 20 {
			conn := c.dial(t, n)
			conn.send("GET /s3/"+b+"/k HTTP/1.1\r\nHost: localhost\r\nX-A: ", strings.Repeat("a", 1<<20), "\r\n\r\n")
			if a, ok := conn.answer("GET"); ok && (a.status < 400 || a.status >= 500) {
				t.Errorf("%s: a header of 1 MiB: %v", n, a)
			}
		}
	}
	for i := range 50 {
		began := time.Now()
		p.put(t, b, fmt.Sprint("n", i), random(uint64(i), 10_000))
		p.same(t, b, "k", random(1, 100_000))
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("a write and a read took %s", took)
		}
	}
	if got := len(p.list(t, b)); got != 51 {
		t.Errorf("%d are listed", got)
	}
	for _, n := range []string{"proxy1", "target1"} {
		m := c.Memory(t, n)
		t.Logf("%s: %d MiB resident", n, m.Now)
		if m.Peak > 200 {
			t.Errorf("%s: %d MiB resident at most", n, m.Peak)
		}
	}
}

// A slow sender is cut off in the end, a steady one is not.
func TestSlowHeadIsCutOff(t *testing.T) {
	t.Parallel()
	c := Shared(t, Options{})
	conn := c.dial(t, "proxy1")
	_ = conn.SetDeadline(time.Now().Add(90 * time.Second))
	conn.send("GET /s3 HTTP/1.1\r\nHost: loc")
	began := time.Now()
	if _, err := io.Copy(io.Discard, conn.r); err != nil {
		if nerr, ok := err.(net.Error); ok && nerr.Timeout() {
			t.Fatal("a head that never ended kept its connection for 90 s")
		}
	}
	t.Logf("cut off after %s", time.Since(began).Round(time.Second))
}

// 64 uploads at once: streams, so no process grows with what passes through it.
func TestConcurrentUploads(t *testing.T) {
	const parallel = 64
	size := int64(64 << 20)
	if long() {
		size = 256 << 20
	}
	c := Start(t, Options{Plain: true})
	p := c.Plain()
	p.http.Timeout = 30 * time.Minute
	b := p.bucket(t)
	var all sync.WaitGroup
	began := time.Now()
	for i := range parallel {
		all.Go(func() {
			body := io.LimitReader(&repeating{block: random(uint64(i), 1<<20)}, size)
			a, err := p.request("PUT", fmt.Sprint("/", b, "/k", i), body, fmt.Sprint("Content-Length: ", size))
			if err != nil || a.status != 200 {
				t.Errorf("upload %d: %v %v", i, a, err)
			}
		})
	}
	all.Wait()
	t.Logf("%d × %d MiB in %s", parallel, size>>20, time.Since(began).Round(time.Second))
	for _, n := range c.nodes {
		m := c.Memory(t, n.name)
		t.Logf("%s: %d MiB resident at most", n.name, m.Peak)
		if m.Peak > 200 {
			t.Errorf("%s: %d MiB resident at most", n.name, m.Peak)
		}
	}
	if got := len(p.list(t, b)); got != parallel {
		t.Errorf("%d are listed", got)
	}
}

// repeating reads as a block over and over.
type repeating struct {
	block []byte
	at    int
}

func (r *repeating) Read(p []byte) (int, error) {
	n := copy(p, r.block[r.at:])
	r.at = (r.at + n) % len(r.block)
	return n, nil
}
