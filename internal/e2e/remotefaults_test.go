package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"ais/backend/backendtest"
)

// A remote that is down: what is here is served, and says so where it would have
// been checked; everything else fails clearly, in time, and leaks nothing.
func TestRemoteDown(t *testing.T) {
	t.Parallel()
	f := startFlaky(t, Moto(t), "2s", Options{Targets: 2})
	p := f.Plain()
	b, checked := f.remote.bucket(t), f.remote.bucket(t)
	for _, bucket := range []string{b, checked} {
		for i := range 10 {
			f.remote.put(t, bucket, fmt.Sprint("warm", i), []byte("content"))
			p.same(t, bucket, fmt.Sprint("warm", i), []byte("content"))
		}
		f.remote.put(t, bucket, "cold", []byte("content"))
	}
	u := p.begin(t, b, "upload")
	f.ais(t, "bucket props set aws://"+checked+" versioning.validate_warm_get=true")
	unknown := f.remote.bucket(t)
	f.Down()
	for i := range 10 {
		key := fmt.Sprint("warm", i)
		if h := p.get(t, b, key).want(t, 200, "").header; h.Get("X-Ais-Remote") != "" {
			t.Errorf("unchecked: X-Ais-Remote %q", h.Get("X-Ais-Remote"))
		}
		if h := p.get(t, checked, key).want(t, 200, "").header; h.Get("X-Ais-Remote") != "unreachable" {
			t.Errorf("checked: X-Ais-Remote %q", h.Get("X-Ais-Remote"))
		}
		if h := p.do(t, "HEAD", "/"+checked+"/"+key, nil).want(t, 200, "").header; h.Get("X-Ais-Remote") != "unreachable" {
			t.Errorf("HEAD: X-Ais-Remote %q", h.Get("X-Ais-Remote"))
		}
	}
	if n := f.sum(t, "ais_target_warm_unchecked_count"); n < 20 {
		t.Errorf("%g unchecked reads were counted", n)
	}
	for what, ask := range map[string]func() answer{
		"cold GET":  func() answer { return p.get(t, b, "cold") },
		"cold HEAD": func() answer { return p.do(t, "HEAD", "/"+b+"/cold", nil) },
		"PUT":       func() answer { return p.do(t, "PUT", "/"+b+"/new", []byte("x")) },
		"PUT over":  func() answer { return p.do(t, "PUT", "/"+b+"/warm0", []byte("x")) },
		"DELETE":    func() answer { return p.do(t, "DELETE", "/"+b+"/warm1", nil) },
		"part":      func() answer { return u.part(t, 1, []byte("x")) },
		"upload":    func() answer { return p.do(t, "POST", "/"+b+"/other?uploads", nil) },
		"copy":      func() answer { return p.do(t, "PUT", "/"+b+"/copy", nil, "X-Amz-Copy-Source: "+b+"/warm2") },
		"list":      func() answer { return p.do(t, "GET", "/"+b+"?list-type=2", nil) },
		"unknown":   func() answer { return p.get(t, unknown, "k") },
		"multi-delete": func() answer {
			return p.do(t, "POST", "/"+b+"?delete", []byte("<Delete><Object><Key>warm3</Key></Object></Delete>"))
		},
	} {
		began := time.Now()
		a := ask()
		took := time.Since(began)
		good := a.status == http.StatusServiceUnavailable && (a.code != "" || what == "cold HEAD")
		if what == "multi-delete" {
			good = a.status == 503 || a.status == 200 && strings.Contains(string(a.body), "<Error>") && !strings.Contains(string(a.body), "<Deleted>")
		}
		if !good || took > 6*time.Second {
			t.Errorf("%s: %v after %s", what, a, took)
		}
	}
	if n := f.sum(t, "ais_target_remote_err_count"); n < 5 {
		t.Errorf("%g errors of the remote were counted", n)
	}
	if err := f.Up(); err != nil {
		t.Fatal(err)
	}
	p.same(t, b, "cold", []byte("content"))
	p.put(t, b, "new", []byte("x"))
	u.part(t, 1, []byte("x")).want(t, 200, "")
	u.complete(t, u.manifest(1)).want(t, 200, "")
	Eventually(t, 15*time.Second, "the bucket is found again", func() error {
		if a := p.do(t, "HEAD", "/"+unknown, nil); a.status != 200 {
			return fmt.Errorf("%v", a)
		}
		return nil
	})
	if h := p.get(t, checked, "warm0").want(t, 200, "").header; h.Get("X-Ais-Remote") != "" {
		t.Errorf("up again: X-Ais-Remote %q", h.Get("X-Ais-Remote"))
	}
}

// A thousand failures of all kinds leave no descriptor and no goroutine behind.
func TestRemoteFailuresLeakNothing(t *testing.T) {
	t.Parallel()
	f := startFlaky(t, Moto(t), "1s", Options{Targets: 1})
	p := f.Plain()
	b := f.remote.bucket(t)
	data := random(1, 100_000)
	for i := range 20 {
		f.remote.put(t, b, fmt.Sprint("k", i), data)
	}
	p.get(t, b, "k0").want(t, 200, "")
	use := func() (descriptors, goroutines int) {
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", f.node(t, "target1").pid()))
		if err != nil {
			t.Fatal(err)
		}
		return len(open), int(f.metric(t, "target1", "go_goroutines"))
	}
	storm := func(n int) (failed int) {
		var all sync.WaitGroup
		var mu sync.Mutex
		for w := range 50 {
			all.Go(func() {
				for i := w; i < n; i += 50 {
					method, target, body := "GET", fmt.Sprintf("/%s/k%d", b, 1+i%19), []byte(nil)
					switch i % 4 {
					case 1:
						method, target, body = "PUT", fmt.Sprintf("/%s/new%d", b, i), data[:5000]
					case 3:
						target = fmt.Sprintf("/%s/none%d", b, i)
					}
					a, err := p.request(method, target, bytes.NewReader(body))
					if err != nil || a.status >= 400 {
						mu.Lock()
						failed++
						mu.Unlock()
					}
				}
			})
		}
		all.Wait()
		return failed
	}
	for i, fault := range []backendtest.Fault{
		{Status: 503, Code: "SlowDown"}, {Reset: true}, {Hang: true}, {Reset: true, After: 1000}, {Status: 403, Code: "AccessDenied"}, {Flip: true, After: 5}, {Length: 100},
	} {
		if fault.Flip || fault.Length > 0 || fault.After > 0 {
			fault.Method = "GET"
		}
		fault.Path = "/" + b + "/"
		remove := f.Inject(fault)
		if failed := storm(150); failed < 70 {
			t.Errorf("fault %d: %d of 150 requests failed", i, failed)
		}
		remove()
	}
	f.nothingHalf(t, b)
	p.http.CloseIdleConnections()
	var fds, goroutines int
	Eventually(t, 25*time.Second, "what the failures used is given back", func() error {
		fds, goroutines = use()
		if fds > 150 || goroutines == 0 || goroutines > 250 {
			return fmt.Errorf("%d descriptors, %d goroutines", fds, goroutines)
		}
		return nil
	})
	t.Logf("%d descriptors, %d goroutines", fds, goroutines)
	if err := f.configure("backend.timeout=30s"); err != nil { // the remote may have what was asked of it to end
		t.Fatal(err)
	}
	p.same(t, b, "k3", data)
}

// kill -9 of targets amid writes through and cold reads: nothing is there that the
// remote does not have with the same bytes, and what was acknowledged, the remote
// has.
func TestKillTargetAmidRemote(t *testing.T) {
	t.Parallel()
	f := startFlaky(t, Moto(t), "5s", Options{Targets: 2})
	b := f.remote.bucket(t)
	var cold, written []*write
	for i := range 30 {
		w := &write{bucket: b, key: fmt.Sprintf("cold%02d", i), seed: uint64(i), size: []int{500, 60_000, 700_000}[i%3]}
		f.remote.put(t, b, w.key, random(w.seed, w.size))
		cold = append(cold, w)
	}
	p := f.Plain()
	p.do(t, "HEAD", "/"+b, nil).want(t, 200, "")
	f.Inject(backendtest.Fault{Method: "GET", Path: "/" + b + "/cold", Rate: 400_000})
	rounds := 2
	if long() {
		rounds = 20
	}
	for round := range rounds {
		// The remote says yes, and the answer takes its time.
		remove := f.Inject(backendtest.Fault{Method: "PUT", Path: "/" + b + "/", Delay: time.Duration(50+100*round) * time.Millisecond})
		var all sync.WaitGroup
		done := make(chan struct{}, 1000)
		for i := range 100 {
			w := &write{bucket: b, key: fmt.Sprintf("new%02d", i%50), seed: uint64(1000*round + i), size: 200 + i*1000}
			written = append(written, w)
			all.Go(func() {
				a, err := p.request("PUT", "/"+b+"/"+w.key, bytes.NewReader(random(w.seed, w.size)))
				w.acked = err == nil && a.status == 200
				done <- struct{}{}
			})
		}
		for _, w := range cold {
			all.Go(func() {
				a, err := p.request("GET", "/"+b+"/"+w.key, nil)
				if err == nil && a.status == 200 && !bytes.Equal(a.body, random(w.seed, w.size)) {
					t.Errorf("%s: %d of %d bytes looked whole", w.key, len(a.body), w.size)
				}
			})
		}
		for range 20 + rand.N(40) {
			<-done
		}
		name := fmt.Sprintf("target%d", 1+round%2)
		f.Kill(t, name)
		all.Wait()
		remove()
		f.Restart(t, name)
	}
	f.Clear()
	acked := 0
	there := map[string][]byte{}
	for _, key := range f.remote.plain().list(t, b) {
		there[key] = f.remote.plain().get(t, b, key).want(t, 200, "").body
	}
	for _, w := range written {
		if w.acked {
			acked++
			if there[w.key] == nil {
				t.Errorf("%s was acknowledged, and the remote does not have it", w.key)
			}
		}
	}
	if acked == 0 || acked == len(written) {
		t.Errorf("%d of %d writes were acknowledged: the kill was not amid them", acked, len(written))
	}
	here := f.here(t, b)
	for _, key := range here {
		if there[key] == nil {
			t.Errorf("%s is here, and the remote does not have it", key)
			continue
		}
		p.same(t, b, key, there[key])
	}
	t.Logf("%d of %d writes were acknowledged, %d objects are here, %d there", acked, len(written), len(here), len(there))
	for _, w := range cold {
		p.same(t, b, w.key, random(w.seed, w.size))
	}
	f.nothingHalf(t, b)
}

// A disk that is too small for an object: who began to read it gets it, the others
// are told to come again, and nothing half-written stays.
func TestFullDiskColdGet(t *testing.T) {
	disks := []string{tmpfs(t, "64m"), tmpfs(t, "64m")}
	f := startFlaky(t, Moto(t), "5s", Options{Targets: 1, TargetArgs: []string{"--reserve", "16MiB"}, Disk: func(_, k int) string { return disks[k-1] }})
	p := f.Plain()
	b := f.remote.bucket(t)
	large, small := random(1, 80<<20), random(2, 1<<20)
	f.remote.put(t, b, "large", large)
	f.remote.put(t, b, "small", small)
	crc := crcOf(large)
	if size, got, err := p.pull(b, "large"); err != nil || got != crc {
		t.Errorf("too large for the disk: %d bytes, %v", size, err)
	}
	p.same(t, b, "small", small)
	var all sync.WaitGroup
	var mu sync.Mutex
	whole, refused := 0, 0
	for range 8 {
		all.Go(func() {
			size, got, err := p.pull(b, "large")
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && got == crc:
				whole++
			case err != nil:
				refused++
			default:
				t.Errorf("%d bytes looked whole", size)
			}
		})
	}
	all.Wait()
	if whole == 0 {
		t.Errorf("nobody of 8 got the object, %d were refused", refused)
	}
	t.Logf("%d got the object, %d were refused", whole, refused)
	for i := range 100 { // fill it
		f.remote.put(t, b, fmt.Sprint("fill", i), small)
		p.same(t, b, fmt.Sprint("fill", i), small)
	}
	here := f.here(t, b)
	if len(here) < 20 || len(here) > 100 {
		t.Errorf("%d of 102 are here", len(here))
	}
	a := p.do(t, "PUT", "/"+b+"/new", small)
	if a.status != 200 && a.status != 503 {
		t.Errorf("a write on a full disk: %v", a)
	}
	if there := f.remote.plain().get(t, b, "new"); (there.status == 200) != (a.status == 200) {
		t.Errorf("acknowledged: %v, at the remote: %v", a.status, there.status)
	}
	f.nothingHalf(t, b)
	f.settled(t, f.ais(t, "evict aws://"+b+" --prefix fill"))
	Eventually(t, 20*time.Second, "freed space is used", func() error {
		if a := p.do(t, "PUT", "/"+b+"/again", small); a.status != 200 {
			return fmt.Errorf("%v", a)
		}
		return nil
	})
	p.same(t, b, "again", small)
}
