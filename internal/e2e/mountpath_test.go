package e2e

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// mountWorker writes, reads, lists and deletes names of its own. have is what may be
// there of each: several where an answer did not come; nil is nothing.
type mountWorker struct {
	id   int
	p    plain
	have map[string][][]byte
}

// step does one thing. An answer may be lacking only while down says so.
func (w *mountWorker) step(t *testing.T, bucket string, i int, down func() bool) {
	key := fmt.Sprintf("w%d/k%02d", w.id, i*7%40)
	had := w.have[key]
	if had == nil {
		had = [][]byte{nil}
	}
	next := random(uint64(w.id*1_000_000+i), []int{200, 9_000, 300_000}[i%3])
	method, body := "PUT", next
	if i%5 == 4 {
		method, next, body = "DELETE", nil, nil
	}
	wasDown := down()
	a, err := w.p.request(method, "/"+bucket+"/"+key, bytes.NewReader(body))
	switch {
	case err == nil && a.status < 300:
		w.have[key] = [][]byte{next}
	case !wasDown && !down():
		t.Errorf("%s %s: %d, %v", method, key, a.status, err)
	default:
		w.have[key] = append(slices.Clone(had), next)
	}
	if i%4 == 0 {
		w.read(t, bucket, fmt.Sprintf("w%d/k%02d", w.id, i*3%40), down)
	}
}

// read compares what is there with what may be.
func (w *mountWorker) read(t *testing.T, bucket, key string, down func() bool) {
	wasDown := down()
	a, err := w.p.request("GET", "/"+bucket+"/"+key, nil)
	if err != nil || a.status >= 500 {
		if !wasDown && !down() {
			t.Errorf("GET %s: %d, %v", key, a.status, err)
		}
		return
	}
	may := w.have[key]
	if may == nil {
		may = [][]byte{nil}
	}
	if !slices.ContainsFunc(may, func(b []byte) bool {
		return b == nil && a.status == 404 || b != nil && a.status == 200 && bytes.Equal(a.body, b)
	}) {
		t.Errorf("GET %s: %d with %d bytes, which is none of %d that may be there", key, a.status, len(a.body), len(may))
	}
}

// A mountpath is attached and another one detached under load, and the target is
// killed in the middle of moving: no answer is wrong, and in the end all is there.
func TestMountpathsUnderLoad(t *testing.T) {
	c := Start(t, Options{Proxies: 1, Targets: 2, Mountpaths: 2})
	p := c.Plain()
	bucket := bucketName(t)
	p.do(t, "PUT", "/"+bucket, nil).want(t, 200, "")
	for i := range 400 {
		p.do(t, "PUT", fmt.Sprintf("/%s/still/%04d", bucket, i), random(uint64(i), 100+i*97)).want(t, 200, "")
	}
	var mu sync.Mutex
	killed := false
	down := func() bool { mu.Lock(); defer mu.Unlock(); return killed }
	setDown := func(is bool) { mu.Lock(); defer mu.Unlock(); killed = is }

	stop := make(chan struct{})
	var load sync.WaitGroup
	workers := make([]*mountWorker, 4)
	for i := range workers {
		w := &mountWorker{id: i, p: p, have: map[string][][]byte{}}
		workers[i] = w
		load.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					w.step(t, bucket, n, down)
				}
			}
		})
	}
	sh := c.Shell(t)
	sh.run(t, "ais storage mountpath attach target1="+filepath.Join(c.Dir, "attached"))
	setDown(true)
	c.Kill(t, "target1")
	c.Restart(t, "target1")
	setDown(false)
	wantSettled(t, c, 3)
	gone := strings.Fields(sh.run(t, "ais show storage mountpath target1 -H"))[1]
	if strings.HasSuffix(gone, "attached") {
		gone = strings.Fields(sh.run(t, "ais show storage mountpath target1 -H | tail -1"))[1]
	}
	sh.run(t, "ais storage mountpath detach target1="+gone)
	setDown(true)
	c.Kill(t, "target1")
	c.Restart(t, "target1")
	setDown(false)
	wantSettled(t, c, 2)
	close(stop)
	load.Wait()

	if out := sh.run(t, "ais show storage mountpath target1"); strings.Contains(out, gone+" ") || !strings.Contains(out, "attached") {
		t.Errorf("the mountpaths are\n%s", out)
	}
	still := 0
	seen := map[string]bool{}
	for _, key := range p.list(t, bucket) {
		if seen[key] {
			t.Errorf("%s is listed twice", key)
		}
		seen[key] = true
		if strings.HasPrefix(key, "still/") {
			still++
		}
	}
	for i := range 400 {
		a := p.get(t, bucket, fmt.Sprintf("still/%04d", i))
		if a.status != 200 || !bytes.Equal(a.body, random(uint64(i), 100+i*97)) {
			t.Errorf("still/%04d: %d, %d bytes", i, a.status, len(a.body))
		}
	}
	if still != 400 {
		t.Errorf("%d of 400 names are listed", still)
	}
	for _, w := range workers {
		for key := range w.have {
			w.read(t, bucket, key, func() bool { return false })
		}
	}
}

// wantSettled waits until target1 has that many mountpaths and nothing is moved.
func wantSettled(t *testing.T, c *Cluster, mountpaths int) {
	t.Helper()
	deadline := time.Now().Add(40 * time.Second)
	for {
		out := c.Shell(t).run(t, "ais show storage mountpath target1 -H")
		metrics := c.Shell(t).run(t, "curl -sf "+c.URL(t, "target1")+"/metrics")
		if strings.Count(out, "/") > 0 && strings.Count(strings.TrimSpace(out), "\n")+1 == mountpaths &&
			strings.Contains(metrics, "ais_target_resilver_unsettled 0") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not settled:\n%s", out)
		}
		time.Sleep(50 * time.Millisecond) // between looks at the condition
	}
}
