package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Evict and prefetch by object, list, template, prefix and bucket, by the commands
// that people type.
func TestEvictAndPrefetch(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r Remote) {
		c := Cached(t, r)
		p := c.Plain()
		b := r.bucket(t)
		for i := range 40 {
			r.put(t, b, fmt.Sprintf("a/%02d", i), random(uint64(i), 2000))
			r.put(t, b, fmt.Sprintf("b/%02d", i), random(uint64(i), 2000))
		}
		expect := func(when string, want int, prefix string) {
			t.Helper()
			n := 0
			for _, name := range c.here(t, b) {
				if strings.HasPrefix(name, prefix) {
					n++
				}
			}
			if n != want {
				t.Errorf("%s: %d of %s are here, want %d", when, n, prefix, want)
			}
		}
		c.ais(t, "create aws://"+b)
		for _, step := range []struct {
			line string
			a, b int
		}{
			{"prefetch aws://" + b + "/a/ --wait", 40, 0},
			{"prefetch s3://" + b + " --template 'b/{00..09}' --wait", 40, 10},
			{"prefetch s3://" + b + " --list b/20,b/21,b/22 --wait", 40, 13},
			{"evict aws://" + b + "/a/07", 39, 13},
			{"evict aws://" + b + " --list a/08,a/09", 37, 13},
			{"evict aws://" + b + " --template 'a/{10..19..2}'", 32, 13},
			{"evict aws://" + b + " --prefix a/", 0, 13},
			{"prefetch aws://" + b + " --wait", 40, 40},
			{"evict aws://" + b + " --keep-md", 0, 0},
		} {
			out := c.ais(t, step.line)
			if strings.HasPrefix(step.line, "evict") {
				c.settled(t, out)
			}
			expect(step.line, step.a, "a/")
			expect(step.line, step.b, "b/")
		}
		if got := len(r.plain().list(t, b)); got != 80 {
			t.Fatalf("%d objects are left at the remote", got)
		}
		p.same(t, b, "a/07", random(7, 2000))
		out := c.ais(t, "evict aws://"+b)
		c.settled(t, out)
		if out := c.ais(t, "ls s3:"); strings.Contains(out, b) {
			t.Errorf("the evicted bucket is there:\n%s", out)
		}
	})
}

// settled waits for the job that a command's output names, if it names one.
func (c *Cluster) settled(t *testing.T, out string) {
	t.Helper()
	if id := regexp.MustCompile(`ais (?:show job|wait) ([\w-]+)`).FindStringSubmatch(out); id != nil {
		c.ais(t, "wait "+id[1]+" --timeout 30s")
	}
}

// Jobs are shown, waited for and stopped.
func TestJobs(t *testing.T) {
	t.Parallel()
	f := startFlaky(t, Moto(t), "10s", Options{Targets: 2})
	b := f.remote.bucket(t)
	for i := range 60 {
		f.remote.put(t, b, fmt.Sprintf("k%02d", i), random(uint64(i), 3000))
	}
	f.ais(t, "create aws://"+b)
	out := f.ais(t, "prefetch aws://"+b)
	id := regexp.MustCompile(`show job ([\w-]+)`).FindStringSubmatch(out)
	if id == nil {
		t.Fatalf("no job in %q", out)
	}
	f.ais(t, "wait "+id[1]+" --timeout 30s")
	out = f.ais(t, "show job "+id[1])
	wantIn(t, out, id[1], "prefetch", b)
	wantIn(t, strings.ToLower(out), "finished")
	if got := len(f.here(t, b)); got != 60 {
		t.Errorf("%d are here", got)
	}
	out = f.ais(t, "show job --all --json")
	if !json.Valid([]byte(out)) || !strings.Contains(out, id[1]) {
		t.Errorf("--json: %s", clip(out, 500))
	}
	f.ais(t, "evict aws://"+b+" --keep-md")

	// A job that takes long is stopped.
	f.slow(b)
	out = f.ais(t, "prefetch aws://"+b)
	if id = regexp.MustCompile(`show job ([\w-]+)`).FindStringSubmatch(out); id == nil {
		t.Fatalf("no job in %q", out)
	}
	wantIn(t, strings.ToLower(f.ais(t, "show job "+id[1])), "running")
	f.ais(t, "stop "+id[1])
	if _, err := f.Shell(t).try(t, "ais wait "+id[1]+" --timeout 10s"); err == nil {
		t.Log("wait for a stopped job is no error")
	}
	wantIn(t, strings.ToLower(f.ais(t, "show job "+id[1])), "abort")
	n := len(f.here(t, b))
	time.Sleep(time.Second)
	if after := len(f.here(t, b)); n == 60 || after > n+8 {
		t.Errorf("%d were here when it was stopped, %d later", n, after)
	}
}

// LRU makes room by access time, in buckets that let it, of what the remote has.
func TestLRU(t *testing.T) {
	disk := tmpfs(t, "128m")
	r := Moto(t)
	c := Start(t, Options{Targets: 1, Mountpaths: 2, Remote: r, Plain: true, TargetArgs: []string{"--reserve", "16MiB"}, Disk: func(_, k int) string { return fmt.Sprint(disk, "/", k) }})
	p := c.Plain()
	cold, kept, local := r.bucket(t), r.bucket(t), p.bucket(t)
	data := random(1, 4<<20)
	c.ais(t, "create aws://"+kept)
	c.ais(t, "bucket props set aws://"+kept+" lru.enabled=false")
	r.put(t, kept, "kept", data)
	p.same(t, kept, "kept", data)
	p.put(t, local, "local", data)
	for i := range 14 {
		key := fmt.Sprintf("k%02d", i)
		r.put(t, cold, key, data)
		p.same(t, cold, key, data)
	}
	p.same(t, cold, "k00", data) // of those that are coldest this is not
	before := c.here(t, cold)
	if len(before) != 14 {
		t.Fatalf("here: %q", before)
	}
	c.ais(t, "config cluster lru.dont_evict_time=0s space.lowwm=30 space.highwm=40 space.out_of_space=90")
	out := c.ais(t, "start lru")
	c.settled(t, out)
	var after []string
	Eventually(t, 20*time.Second, "eviction", func() error {
		if after = c.here(t, cold); len(after) == len(before) || len(after) == 0 {
			return fmt.Errorf("here: %q", after)
		}
		return nil
	})
	time.Sleep(500 * time.Millisecond)
	after = c.here(t, cold)
	if slices.Contains(after, "k01") || !slices.Contains(after, "k00") || !slices.Contains(after, "k13") {
		t.Errorf("by access time k01 goes first, k13 and k00 stay; here: %q", after)
	}
	if got := c.here(t, kept); len(got) != 1 {
		t.Errorf("a bucket with lru.enabled=false was evicted from: %q", got)
	}
	p.same(t, local, "local", data)
	if n, size := c.sum(t, "ais_target_lru_evict_count"), c.sum(t, "ais_target_lru_evict_bytes"); int(n) != 14-len(after) || size < n*float64(len(data)) {
		t.Errorf("%g were counted, %g bytes; %d are gone", n, size, 14-len(after))
	}
	p.same(t, cold, "k01", data) // and comes again
	// By itself, at the interval.
	c.ais(t, "config cluster lru.interval=1s space.lowwm=10 space.highwm=15")
	Eventually(t, 20*time.Second, "eviction by itself", func() error {
		if now := c.here(t, cold); len(now) > 3 {
			return fmt.Errorf("here: %q", now)
		}
		return nil
	})
	p.same(t, local, "local", data)
}

// An ais:// bucket before a remote one.
func TestBackendBucket(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r Remote) {
		c := Cached(t, r)
		p := c.Plain()
		there, b := r.bucket(t), bucketName(t)
		sh := c.RemoteShell(t, r)
		sh.write(t, "object.txt", random(9, 71671))
		out := sh.run(t, `
		ais create ais://`+b+`
		ais put object.txt ais://`+b+`/before
		ais bucket props ais://`+b+` backend_bck=aws://`+there+`
		ais bucket props ais://`+b+` checksum.type=md5
		ais put object.txt ais://`+b+`/obj-ais
		REMOTE s3 cp object.txt s3://`+there+`/obj-aws
		ais ls ais://`+b+` --props checksum,size,atime
		S3 ls s3://`+b+`/
		REMOTE s3 ls s3://`+there+`/
		`)
		wantIn(t, out, `"backend_bck" set to: "aws://`+there+`"`, "obj-ais", "obj-aws", md5hex(random(9, 71671)), "69.99KiB")
		_, listing, _ := strings.Cut(out, "ATIME")
		for line := range strings.Lines(listing) {
			isUnset := !strings.Contains(line, "UTC")
			if strings.HasPrefix(line, "obj-aws") && !isUnset || strings.HasPrefix(line, "obj-ais") && isUnset {
				t.Errorf("access time: %q", line)
			}
		}
		p.same(t, b, "obj-aws", random(9, 71671)) // read, and so it has one
		for line := range strings.Lines(c.ais(t, "ls ais://"+b+" --props size,atime")) {
			if strings.HasPrefix(line, "obj-aws") && !strings.Contains(line, "UTC") {
				t.Errorf("access time after a read: %q", line)
			}
		}
		p.same(t, b, "before", random(9, 71671)) // was put before, and is only here
		if got := p.list(t, b); !slices.Equal(got, []string{"before", "obj-ais", "obj-aws"}) {
			t.Errorf("listed %q", got)
		}
		if got := r.plain().list(t, there); !slices.Equal(got, []string{"obj-ais", "obj-aws"}) {
			t.Errorf("at the remote: %q", got)
		}
		p.put(t, b, "new", []byte("through"))
		if a := r.plain().get(t, there, "new"); string(a.body) != "through" {
			t.Errorf("at the remote: %v", a)
		}
		p.do(t, "DELETE", "/"+b+"/obj-aws", nil).want(t, 204, "")
		r.plain().get(t, there, "obj-aws").want(t, 404, "")

		c.settled(t, c.ais(t, "evict ais://"+b+" --prefix new"))
		p.same(t, b, "new", []byte("through"))
		c.ais(t, "bucket props ais://"+b+" backend_bck=none")
		p.put(t, b, "after", []byte("here"))
		r.plain().get(t, there, "after").want(t, 404, "")
		p.same(t, b, "before", random(9, 71671))
		if _, err := c.Shell(t).try(t, "ais bucket props ais://"+b+" backend_bck=aws://"+bucketName(t)); err == nil {
			t.Error("attached to a bucket that is not there")
		}
		if _, err := c.Shell(t).try(t, "ais bucket props set aws://"+there+" backend_bck=aws://"+there); err == nil {
			t.Error("a remote bucket was attached to a remote bucket")
		}
	})
}
