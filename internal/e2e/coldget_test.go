package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ais/backend/backendtest"
)

// What a cold GET promises, seen from both sides: by clients, and by what the
// remote was asked for.
func TestColdGet(t *testing.T) {
	f := startFlaky(t, Moto(t), "5s", Options{Targets: 2})
	cases := map[string]func(*testing.T, flaky){
		"one fetch for 200":    oneFetch,
		"range first":          rangeFirst,
		"client leaves":        clientLeaves,
		"resets and falls":     brokenFetches,
		"object changes":       changedMidway,
		"wrong length or byte": wrongBytes,
		"metadata":             coldMetadata,
	}
	t.Run("all", func(t *testing.T) {
		for name, test := range cases {
			t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
				t.Parallel()
				test(t, f)
			})
		}
	})
	var buckets []string
	for _, line := range strings.Fields(f.ais(t, "ls s3: --no-headers")) {
		if _, name, ok := strings.Cut(line, "s3://"); ok {
			buckets = append(buckets, name)
		}
	}
	f.nothingHalf(t, buckets...)
}

// served is how many bytes of an object the remote sent, and in how many answers.
func (f flaky) served(bucket, key string) (requests int, bytes int64) {
	all, sent := f.Requests("GET", "/"+bucket+"/"+key)
	return len(all), sent
}

func oneFetch(t *testing.T, f flaky) {
	b := f.remote.bucket(t)
	data := random(1, 12<<20)
	f.remote.put(t, b, "k", data)
	f.Plain().do(t, "HEAD", "/"+b, nil).want(t, 200, "")
	f.Inject(backendtest.Fault{Method: "GET", Path: "/" + b + "/k", Delay: 700 * time.Millisecond})
	p, crc := f.Plain(), crcOf(data)
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if size, got, err := p.pull(b, "k"); err != nil || got != crc {
				t.Errorf("%d bytes, %v", size, err)
			}
		})
	}
	all.Wait()
	// Two requests in all, of which the first may have had more under way than was read.
	if n, sent := f.served(b, "k"); sent > int64(len(data))+4<<20 || n > 4 {
		t.Errorf("the remote sent %d bytes of %d in %d answers", sent, len(data), n)
	}
	if got := f.here(t, b); !slices.Equal(got, []string{"k"}) {
		t.Errorf("here: %q", got)
	}
	if heads, _ := f.Requests("HEAD", "/"+b+"/k"); len(heads) > 0 {
		t.Errorf("%d HEADs came before or after", len(heads))
	}
}

func rangeFirst(t *testing.T, f flaky) {
	b := f.remote.bucket(t)
	data := random(2, 48<<20)
	f.remote.put(t, b, "k", data)
	f.Inject(backendtest.Fault{Method: "GET", Path: "/" + b + "/k", Rate: 4 << 20})
	p := f.Plain()
	began := time.Now()
	var first, whole, middle time.Duration
	var all sync.WaitGroup
	all.Go(func() {
		resp, err := p.open("/" + b + "/k")
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		head := make([]byte, 1000)
		_, err = io.ReadFull(resp.Body, head)
		first = time.Since(began)
		rest, err2 := io.ReadAll(resp.Body)
		whole = time.Since(began)
		if err != nil || err2 != nil || !bytes.Equal(append(head, rest...), data) {
			t.Errorf("%d bytes, %v %v", len(head)+len(rest), err, err2)
		}
	})
	time.Sleep(300 * time.Millisecond)
	all.Go(func() {
		const from = 40 << 20
		a := p.get(t, b, "k", fmt.Sprintf("Range: bytes=%d-%d", from, from+99_999)).want(t, 206, "")
		middle = time.Since(began)
		if !bytes.Equal(a.body, data[from:from+100_000]) {
			t.Error("the range is another")
		}
	})
	all.Wait()
	t.Logf("first byte after %s, the range after %s, all after %s", first, middle, whole)
	if first > time.Second || middle > whole*2/3 || whole > 11*time.Second {
		t.Errorf("first byte after %s, the range after %s, all after %s", first, middle, whole)
	}
	if n, sent := f.served(b, "k"); sent > int64(len(data)) {
		t.Errorf("the remote sent %d bytes of %d in %d answers", sent, len(data), n)
	}
	p.same(t, b, "k", data)
}

func clientLeaves(t *testing.T, f flaky) {
	b := f.remote.bucket(t)
	data := random(3, 3<<20)
	for _, key := range []string{"alone", "joined"} {
		f.remote.put(t, b, key, data)
		f.Inject(backendtest.Fault{Method: "GET", Path: "/" + b + "/" + key, Rate: 2 << 20})
		p := f.Plain()
		resp, err := p.open("/" + b + "/" + key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		if key == "alone" {
			resp.Body.Close()
		} else {
			var other sync.WaitGroup
			other.Go(func() {
				if a, err := p.request("GET", "/"+b+"/"+key, nil); err != nil || !bytes.Equal(a.body, data) {
					t.Errorf("who stayed got %d bytes, %v", len(a.body), err)
				}
			})
			time.Sleep(200 * time.Millisecond)
			resp.Body.Close()
			other.Wait()
		}
		Eventually(t, 10*time.Second, "the fetch goes on", func() error {
			if got := f.here(t, b); !slices.Contains(got, key) {
				return fmt.Errorf("here: %q", got)
			}
			return nil
		})
		p.same(t, b, key, data)
		if n, sent := f.served(b, key); sent != int64(len(data)) {
			t.Errorf("%s: the remote sent %d bytes of %d in %d answers", key, sent, len(data), n)
		}
	}
}

// fails reads an object that cannot be had: an error or a cut connection, never an
// answer that looks whole; and nothing is kept.
func (f flaky) fails(t *testing.T, bucket, key string, data []byte) {
	t.Helper()
	began := time.Now()
	a, err := f.Plain().request("GET", "/"+bucket+"/"+key, nil)
	if err == nil && a.status == http.StatusOK {
		t.Errorf("%s: %d of %d bytes came and looked whole", key, len(a.body), len(data))
	}
	if err == nil && (a.status < 500 || a.code == "") {
		t.Errorf("%s: %v", key, a)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("%s: failed after %s", key, took)
	}
	if got := f.here(t, bucket); slices.Contains(got, key) {
		t.Errorf("%s was kept", key)
	}
}

func brokenFetches(t *testing.T, f flaky) {
	b := f.remote.bucket(t)
	for name, c := range map[string]struct {
		size   int
		fault  backendtest.Fault
		then   backendtest.Fault // from then on, if it is another
		works  bool
		status int
	}{
		"reset-once":        {size: 300_000, fault: backendtest.Fault{Reset: true, After: 100_000, Times: 1}, works: true},
		"reset-large-once":  {size: 20 << 20, fault: backendtest.Fault{Reset: true, After: 1 << 20, Times: 2}, works: true},
		"reset-then-gone":   {size: 300_000, fault: backendtest.Fault{Reset: true, After: 100_000, Times: 1}, then: backendtest.Fault{Status: 404, Code: "NoSuchKey"}},
		"reset-then-503":    {size: 20 << 20, fault: backendtest.Fault{Reset: true, After: 1 << 20, Times: 2}, then: backendtest.Fault{Status: 503, Code: "SlowDown"}},
		"reset-then-reset":  {size: 300_000, fault: backendtest.Fault{Reset: true, After: 100_000, Times: 1}, then: backendtest.Fault{Reset: true}},
		"hang-then-hang":    {size: 300_000, fault: backendtest.Fault{Hang: true, After: 100_000, Times: 1}, then: backendtest.Fault{Hang: true}},
		"hang-at-once":      {size: 300_000, fault: backendtest.Fault{Hang: true}, status: 503},
		"500-twice":         {size: 1000, fault: backendtest.Fault{Status: 500, Code: "InternalError", Times: 2}, works: true},
		"slowdown-twice":    {size: 1000, fault: backendtest.Fault{Status: 503, Code: "SlowDown", Times: 2}, works: true},
		"slowdown-always":   {size: 1000, fault: backendtest.Fault{Status: 503, Code: "SlowDown"}, status: 503},
		"denied":            {size: 1000, fault: backendtest.Fault{Status: 403, Code: "AccessDenied"}, status: 403},
		"refused-by-reset":  {size: 1000, fault: backendtest.Fault{Reset: true}, status: 503},
		"one-byte-a-second": {size: 5, fault: backendtest.Fault{Rate: 1}, works: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := random(uint64(len(name)), c.size)
			f.remote.put(t, b, name, data)
			c.fault.Method, c.fault.Path = "GET", "/"+b+"/"+name
			remove := f.Inject(c.fault)
			if c.then != (backendtest.Fault{}) {
				c.then.Method, c.then.Path = "GET", "/"+b+"/"+name
				first, second := remove, f.Inject(c.then)
				remove = func() { first(); second() }
			}
			switch {
			case c.works:
				f.Plain().same(t, b, name, data)
			case c.status == 403:
				f.Plain().get(t, b, name).want(t, 403, "AccessDenied")
			case c.status != 0:
				began := time.Now()
				a := f.Plain().get(t, b, name).want(t, c.status, "")
				if a.code == "" || time.Since(began) > 8*time.Second {
					t.Errorf("%v after %s, with 5 s to try", a, time.Since(began))
				}
			default:
				f.fails(t, b, name, data)
			}
			remove()
			f.Plain().same(t, b, name, data) // it is not remembered
		})
	}
}

func changedMidway(t *testing.T, f flaky) {
	b := f.remote.bucket(t)
	old, changed := random(4, 24<<20), random(5, 24<<20)
	f.remote.put(t, b, "k", old)
	f.Inject(backendtest.Fault{Method: "GET", Path: "/" + b + "/k", Rate: 8 << 20})
	done := make(chan struct{})
	var a answer
	var err error
	go func() {
		defer close(done)
		a, err = f.Plain().request("GET", "/"+b+"/k", nil)
	}()
	time.Sleep(500 * time.Millisecond)
	f.remote.put(t, b, "k", changed)
	<-done
	if err == nil && a.status == 200 && !bytes.Equal(a.body, old) && !bytes.Equal(a.body, changed) {
		t.Errorf("%d bytes of two objects", len(a.body))
	}
	got := f.Plain().get(t, b, "k").want(t, 200, "")
	if !bytes.Equal(got.body, old) && !bytes.Equal(got.body, changed) {
		t.Error("a mixture is kept")
	}

	// An answer of another object between two ranges.
	f.remote.put(t, b, "other", old)
	remove := f.Inject(backendtest.Fault{Method: "GET", Path: "/" + b + "/other", Skip: 1, ETag: `"0123456789abcdef0123456789abcdef"`})
	f.fails(t, b, "other", old)
	remove()
	f.Plain().same(t, b, "other", old)
}

func wrongBytes(t *testing.T, f flaky) {
	b := f.remote.bucket(t)
	for name, fault := range map[string]backendtest.Fault{
		"flipped":  {Flip: true, After: 200_000},
		"short":    {Length: -1000},
		"lies":     {Length: 1000}, // announces more than it sends
		"flipped0": {Flip: true, After: 0},
	} {
		data := random(uint64(len(name)), 300_000)
		f.remote.put(t, b, name, data)
		fault.Method, fault.Path = "GET", "/"+b+"/"+name
		remove := f.Inject(fault)
		f.fails(t, b, name, data)
		remove()
		f.Plain().same(t, b, name, data)
	}
}

// What the remote says of an object is what clients are told, cold and warm.
func coldMetadata(t *testing.T, f flaky) {
	b := f.remote.bucket(t)
	data := random(6, 100_000)
	f.remote.put(t, b, "k", data, "Content-Type: text/x", "Cache-Control: max-age=5", "X-Amz-Meta-Color: red")
	f.remote.put(t, b, "empty", nil)
	p := f.Plain()
	names := []string{"ETag", "Content-Type", "Cache-Control", "X-Amz-Meta-Color", "Last-Modified", "Content-Length"}
	want := f.remote.plain().do(t, "HEAD", "/"+b+"/k", nil).header
	for _, method := range []string{"HEAD", "GET", "GET", "HEAD"} { // the first HEAD is cold too
		h := p.do(t, method, "/"+b+"/k", nil).want(t, 200, "").header
		for _, name := range names {
			if h.Get(name) != want.Get(name) {
				t.Errorf("%s %s: %q, the remote says %q", method, name, h.Get(name), want.Get(name))
			}
		}
	}
	p.same(t, b, "empty", nil)
	p.same(t, b, "empty", nil)
	p.absent(t, b, "none")
	p.do(t, "HEAD", "/"+b+"/none", nil).want(t, 404, "")
	// Ranges and conditions of what is not here yet.
	f.remote.put(t, b, "cold", data)
	a := p.get(t, b, "cold", "Range: bytes=5-9").want(t, 206, "")
	if !bytes.Equal(a.body, data[5:10]) || a.header.Get("Content-Range") != "bytes 5-9/100000" {
		t.Errorf("%q %s", a.body, a.header.Get("Content-Range"))
	}
	f.remote.put(t, b, "colder", data)
	p.get(t, b, "colder", "Range: bytes=100000-").want(t, 416, "InvalidRange")
	f.remote.put(t, b, "coldest", data)
	p.get(t, b, "coldest", "If-None-Match: "+want.Get("ETag")).want(t, 304, "")
	f.remote.put(t, b, "last", data)
	p.get(t, b, "last", `If-Match: "x"`).want(t, 412, "PreconditionFailed")
}
