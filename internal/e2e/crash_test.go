package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// write is one PUT that was tried.
type write struct {
	bucket, key string
	seed        uint64
	size        int
	acked       bool
}

// kill -9 of a target amid 200 concurrent PUTs: what was acknowledged is there,
// whole, and nothing else is there in part, whatever the durability.
func TestKillTargetAmidPuts(t *testing.T) {
	c := Start(t, Options{Proxies: 2})
	p := c.Plain()
	power, process := bucketName(t)+"-power", bucketName(t)+"-process"
	for _, b := range []string{power, process} {
		p.do(t, "PUT", "/"+b, nil).want(t, 200, "")
	}
	c.Shell(t).run(t, "ais bucket props set ais://"+process+" durability=process")
	rounds := 2
	if long() {
		rounds = 10
	}
	var all []*write
	for round := range rounds {
		all = append(all, c.putsWithKill(t, []string{power, process}, round)...)
		c.Restart(t, "target2")
	}
	acked := 0
	there := map[string]bool{}
	blobs := 0
	for _, b := range []string{power, process} {
		for _, k := range p.list(t, b) {
			there[b+"/"+k] = true
		}
	}
	for _, w := range all {
		want := random(w.seed, w.size)
		a := p.get(t, w.bucket, w.key)
		switch {
		case w.acked && (a.status != 200 || !bytes.Equal(a.body, want)):
			t.Errorf("acknowledged %s/%s of %d bytes: %d, %d bytes", w.bucket, w.key, w.size, a.status, len(a.body))
		case !w.acked && a.status != 404 && (a.status != 200 || !bytes.Equal(a.body, want)):
			t.Errorf("%s/%s was not acknowledged and is half there: %v", w.bucket, w.key, a)
		case (a.status == 200) != there[w.bucket+"/"+w.key]:
			t.Errorf("%s/%s: GET says %d, the listing %v", w.bucket, w.key, a.status, there[w.bucket+"/"+w.key])
		}
		if w.acked {
			acked++
		}
		if a.status == 200 && w.size > 100_000 {
			blobs++
		}
	}
	if acked < len(all)/4 || acked == len(all) {
		t.Errorf("%d of %d writes were acknowledged: the kill was not amid them", acked, len(all))
	}
	t.Logf("%d of %d writes were acknowledged, %d blobs", acked, len(all), blobs)
	c.noOrphans(t, blobs)
}

// putsWithKill sends 200 PUTs at once, and kills target2 when a third are done.
func (c *Cluster) putsWithKill(t *testing.T, buckets []string, round int) []*write {
	const parallel, each = 200, 3
	var all []*write
	for i := range parallel * each {
		size := []int{300, 3000, 150_000, 400_000}[i%4]
		all = append(all, &write{bucket: buckets[i/4%2], key: fmt.Sprintf("r%d/k%04d", round, i), seed: uint64(round*100_000 + i), size: size})
	}
	clients := []plain{c.At(t, "proxy1"), c.At(t, "proxy2")}
	var workers sync.WaitGroup
	done := make(chan struct{}, len(all))
	for w := range parallel {
		workers.Go(func() {
			for i := w; i < len(all); i += parallel {
				x := all[i]
				a, err := clients[i%2].request("PUT", "/"+x.bucket+"/"+x.key, bytes.NewReader(random(x.seed, x.size)))
				x.acked = err == nil && a.status == 200
				if err == nil && a.status != 200 && a.status < 500 {
					t.Errorf("%s: %v", x.key, a)
				}
				done <- struct{}{}
			}
		})
	}
	for range len(all) / 3 {
		<-done
	}
	c.Kill(t, "target2")
	workers.Wait()
	return all
}

// noOrphans waits until the targets hold as many blob files as there are
// objects that need one.
func (c *Cluster) noOrphans(t *testing.T, want int) {
	t.Helper()
	Eventually(t, 90*time.Second, "orphans are swept", func() error {
		if got := c.files(t, "blobs"); got != want {
			return fmt.Errorf("%d blob files for %d objects", got, want)
		}
		return nil
	})
}

// files counts the files below the folders of that name on all mountpaths.
func (c *Cluster) files(t *testing.T, folder string) int {
	t.Helper()
	var dirs []string
	for i := range c.o.Targets {
		for k := range c.o.Mountpaths {
			dirs = append(dirs, filepath.Join(c.mountpath(i+1, k+1), folder))
		}
	}
	count := 0
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				count++
			}
			return nil
		})
	}
	return count
}

// owner returns the node that a name belongs to, as a redirect says.
func (c *Cluster) owner(t *testing.T, bucket, key string) string {
	t.Helper()
	location := c.Plain().do(t, "GET", "/"+bucket+"/"+escape(key), nil, "X-Ais-Redirect: follow").want(t, 307, "").header.Get("Location")
	for _, n := range c.Names("target") {
		if strings.Contains(location, c.Host(t, n)+"/") {
			return n
		}
	}
	t.Fatalf("no target is at %s", location)
	return ""
}

// A target that is down: its names answer 503 with Retry-After once they were held for
// a second, all others go on, and no listing is short without saying so.
func TestTargetDown(t *testing.T) {
	c := Start(t, Options{Proxies: 2, Plain: true, ProxyArgs: []string{"--hold-time", "1s"}})
	p := c.Plain()
	b := p.bucket(t)
	owner := map[string]string{}
	for i := range 30 {
		key := fmt.Sprint("k", i)
		p.put(t, b, key, []byte(key))
		owner[key] = c.owner(t, b, key)
	}
	u := p.begin(t, b, "k0")
	c.Kill(t, "target2")
	check := func(when string) {
		t.Helper()
		held := 0
		for key, target := range owner {
			if target == "target2" {
				if held++; held > 2 { // each request is held for the target to come back
					continue
				}
			}
			for _, method := range []string{"GET", "HEAD", "PUT"} {
				var body []byte
				if method == "PUT" {
					body = []byte(key)
				}
				began := time.Now()
				a := p.do(t, method, "/"+b+"/"+key, body)
				took := time.Since(began)
				if target != "target2" {
					a.want(t, 200, "")
					continue
				}
				if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || took > 3*time.Second {
					t.Errorf("%s: %s %s: %v after %s, Retry-After %q", when, method, key, a, took, a.header.Get("Retry-After"))
				}
			}
		}
		for _, n := range []string{"proxy1", "proxy2", "target1"} {
			a := c.At(t, n).do(t, "GET", "/"+b+"?list-type=2", nil)
			if a.status != http.StatusServiceUnavailable || a.code == "" || a.header.Get("Retry-After") == "" {
				t.Errorf("%s: %s lists: %v", when, n, a)
			}
		}
	}
	check("at once")
	// The lease runs out; nothing changes for clients, and the cluster knows.
	Eventually(t, 40*time.Second, "the lease is lost", func() error {
		out, err := c.Shell(t).try(t, "ais show cluster --json || ais show cluster")
		if out = strings.ToLower(out); err != nil || !strings.Contains(out, "down") && !strings.Contains(out, "behind") {
			return fmt.Errorf("%v %s", err, out)
		}
		return nil
	})
	check("after the lease")
	c.Restart(t, "target2")
	for key := range owner {
		p.same(t, b, key, []byte(key))
	}
	if got := len(p.list(t, b)); got != 30 {
		t.Errorf("%d are listed", got)
	}
	u.part(t, 1, []byte("late")).want(t, 200, "")
	u.complete(t, u.manifest(1)).want(t, 200, "")
	p.same(t, b, "k0", []byte("late"))
}

// Every process is killed at once, and started again: nothing acknowledged is lost.
func TestKillEverything(t *testing.T) {
	c := Start(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	u := p.begin(t, b, "upload")
	u.part(t, 1, random(99, partSize)).want(t, 200, "")
	var keys []string
	for i := range 60 {
		key := fmt.Sprintf("k%02d", i)
		keys = append(keys, key)
		p.put(t, b, key, random(uint64(i), i*5000))
	}
	p.do(t, "DELETE", "/"+b+"/k05", nil).want(t, 204, "")
	keys = slices.Delete(keys, 5, 6)
	for _, n := range c.nodes {
		c.Kill(t, n.name)
	}
	began := time.Now()
	if err := c.startAll(); err != nil {
		t.Fatal(err)
	}
	t.Logf("ready again in %s", time.Since(began))
	p = c.Plain()
	if got := p.list(t, b); !slices.Equal(got, keys) {
		t.Fatalf("listed %q", got)
	}
	for i := range 60 {
		if i != 5 {
			p.same(t, b, fmt.Sprintf("k%02d", i), random(uint64(i), i*5000))
		}
	}
	u.p = p
	u.part(t, 2, []byte("rest")).want(t, 200, "")
	u.complete(t, u.manifest(1, 2)).want(t, 200, "")
	p.same(t, b, "upload", append(random(99, partSize), "rest"...))
}
