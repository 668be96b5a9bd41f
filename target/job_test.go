package target

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ais/api"
	"ais/backend/backendtest"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// hold puts an object into the store, as one of the remote bucket's where etag is
// not empty.
func hold(t *testing.T, target *Target, b *cluster.Bucket, key, body, etag string) {
	t.Helper()
	w, err := target.store.Create(object.Name{Bucket: b.ID, Key: key}, fs.WriteOptions{Size: int64(len(body))})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := w.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	m := object.Meta{ETag: etag}
	if etag != "" {
		m.Custom = map[string]string{object.CustomSource: "aws", object.CustomETag: etag}
	}
	if _, err := w.Commit(m, fs.Terms{Versioning: object.Unversioned}); err != nil {
		t.Fatal(err)
	}
}

// keys returns what the store has of a bucket.
func keys(t *testing.T, target *Target, b *cluster.Bucket) string {
	t.Helper()
	page, err := target.store.List(b.ID, object.Query{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range page.Entries {
		all = append(all, e.Key)
	}
	return strings.Join(all, " ")
}

// runJob runs a job to its end and returns what became of it.
func runJob(t *testing.T, target *Target, req peer.JobRequest) peer.Job {
	t.Helper()
	if req.ID == "" {
		req.ID = fmt.Sprint("job", time.Now().UnixNano())
	}
	if _, err := target.startJob(req); err != nil {
		t.Fatal(err)
	}
	return ended(t, target, req.ID)
}

func ended(t *testing.T, target *Target, id string) peer.Job {
	t.Helper()
	for range 1000 {
		if found := target.jobs.find(peer.JobQuery{ID: id}); len(found) != 1 {
			t.Fatalf("%d jobs of the id %s", len(found), id)
		} else if s := found[0].status(); !s.Ended.IsZero() {
			return s
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("job %s does not end", id)
	return peer.Job{}
}

func TestEvict(t *testing.T) {
	target, mem := startAlone(t)
	b := makeBucket(t, target, object.AWS, "mem")
	hold(t, target, b, "remote", "12345", "e1")
	hold(t, target, b, "local", "1", "")
	name := func(key string) object.Name { return object.Name{Bucket: b.ID, Key: key} }
	mem.Set("remote", "12345")

	refuse := errors.New("no")
	if _, err := target.evict(b, name("remote"), func(*object.Meta) error { return refuse }); !errors.Is(err, refuse) {
		t.Errorf("what the caller refuses: %v", err)
	}
	if _, err := target.evict(b, name("local"), nil); !errors.Is(err, object.Precondition) {
		t.Errorf("what the remote bucket does not have: %v", err)
	}
	if _, err := target.evict(b, name("none"), nil); !errors.Is(err, object.NotFound) {
		t.Errorf("what is not here: %v", err)
	}
	if gone, err := target.evict(b, name("remote"), nil); err != nil || gone.Size != 5 {
		t.Errorf("%+v, %v", gone, err)
	}
	if left := keys(t, target, b); left != "local" {
		t.Errorf("left: %s", left)
	}
	if _, there := mem.Body("remote"); !there {
		t.Error("it was deleted at the remote")
	}
}

func TestEvictJobs(t *testing.T) {
	target, _ := startAlone(t)
	b := makeBucket(t, target, object.AWS, "mem")
	fill := func() {
		for _, key := range []string{"a/1", "a/2", "a/3", "b/1", "c"} {
			hold(t, target, b, key, "12345", "e")
		}
		hold(t, target, b, "a/local", "1", "")
	}
	for _, tt := range []struct {
		name    string
		work    peer.JobWork
		left    string
		objects int64
	}{
		{"keys", peer.JobWork{Keys: []string{"a/1", "c", "none", "a/local"}}, "a/2 a/3 a/local b/1", 2},
		{"template", peer.JobWork{Template: "a/{2..9}"}, "a/1 a/local b/1 c", 2},
		{"prefix", peer.JobWork{Prefix: "a/", Workers: 1}, "a/local b/1 c", 3},
		{"all", peer.JobWork{}, "a/local", 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fill()
			s := runJob(t, target, peer.JobRequest{Kind: api.JobEvict, Bucket: b.ID, Work: tt.work})
			if s.Aborted || s.Err != "" || s.Objects != tt.objects || s.Bytes != 5*tt.objects || s.Errors != 0 {
				t.Errorf("%+v", s)
			}
			if left := keys(t, target, b); left != tt.left {
				t.Errorf("left: %s; want %s", left, tt.left)
			}
		})
	}
	own := makeBucket(t, target, object.AIS, "own")
	hold(t, target, own, "x", "1", "")
	if s := runJob(t, target, peer.JobRequest{Kind: api.JobEvict, Bucket: own.ID}); !s.Aborted || s.Err == "" || keys(t, target, own) != "x" {
		t.Errorf("a bucket without a remote one: %+v", s)
	}
}

func TestJobsEnd(t *testing.T) {
	target, mem := startAlone(t)
	b := makeBucket(t, target, object.AWS, "mem")
	holding := make(chan struct{})
	mem.Hook(func(ctx context.Context, op, _ string) error {
		if op == backendtest.OpList {
			close(holding)
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	})
	if _, err := target.startJob(peer.JobRequest{ID: "j1", Kind: api.JobPrefetch, Bucket: b.ID}); err != nil {
		t.Fatal(err)
	}
	if _, err := target.startJob(peer.JobRequest{ID: "j1", Kind: api.JobPrefetch, Bucket: b.ID}); !errors.Is(err, object.Exists) {
		t.Errorf("the same id again: %v", err)
	}
	if _, err := target.startJob(peer.JobRequest{ID: "j2", Kind: "nosuch"}); !errors.Is(err, object.Unsupported) {
		t.Errorf("an unknown kind: %v", err)
	}
	<-holding
	j := target.jobs.find(peer.JobQuery{ID: "j1"})[0]
	if s := j.status(); !s.Ended.IsZero() || s.Aborted {
		t.Errorf("it runs: %+v", s)
	}
	j.cancel(errJobStopped)
	if s := ended(t, target, "j1"); !s.Aborted || s.Err != errJobStopped.Error() {
		t.Errorf("stopped: %+v", s)
	}
	target.jobs.close()
	if _, err := target.startJob(peer.JobRequest{ID: "j3", Kind: api.JobLRU}); !errors.Is(err, object.Unavailable) {
		t.Errorf("at the end: %v", err)
	}
}

// Of what ran by itself nothing is told where there was nothing to do.
func TestJobByItself(t *testing.T) {
	target, _ := startAlone(t)
	for i, did := range []int64{0, 1} {
		j := &job{JobRequest: peer.JobRequest{ID: fmt.Sprint(i), Kind: api.JobLRU}, byItself: true}
		err := target.runJob(j, func(_ *Target, _ context.Context, j *job) error { j.objects.Add(did); return nil })
		if err != nil {
			t.Fatal(err)
		}
		target.jobs.running.Wait()
		if told := len(target.jobs.find(peer.JobQuery{ID: j.ID})); int64(told) != did {
			t.Errorf("%d objects, and %d jobs are told of", did, told)
		}
	}
}

// A remote that is away does not keep a job trying name after name.
func TestJobGivesUp(t *testing.T) {
	target, mem := startAlone(t)
	b := makeBucket(t, target, object.AWS, "mem")
	mem.Hook(func(context.Context, string, string) error { return object.E("mem", "", object.Unavailable, nil) })
	s := runJob(t, target, peer.JobRequest{Kind: api.JobPrefetch, Bucket: b.ID, Work: peer.JobWork{Template: "{1..100000}"}})
	if !s.Aborted || s.Errors < jobFailsInRow || s.Errors > jobFailsInRow+2*jobWorkers {
		t.Errorf("%+v", s)
	}
}

func TestJobsAreForgotten(t *testing.T) {
	now := time.Now()
	var s jobs
	for i := range jobsKeptMost + 50 {
		j := &job{JobRequest: peer.JobRequest{ID: fmt.Sprint(i)}, started: now.Add(time.Duration(i) * time.Second)}
		if err := s.add(j); err != nil {
			t.Fatal(err)
		}
		s.running.Done()
		j.end(j.started, nil)
	}
	if n := len(s.byID); n != jobsKeptMost {
		t.Errorf("%d jobs are kept", n)
	}
	if s.byID["0"] != nil || s.byID["1049"] == nil {
		t.Error("not the oldest are forgotten")
	}
	if err := s.add(&job{JobRequest: peer.JobRequest{ID: "late"}, started: now.Add(2 * jobsKept)}); err != nil {
		t.Fatal(err)
	}
	if n := len(s.byID); n != 1 {
		t.Errorf("%d jobs are kept after a day", n)
	}
	for i := range jobsAtOnce {
		err := s.add(&job{JobRequest: peer.JobRequest{ID: fmt.Sprint("r", i)}, started: now.Add(2 * jobsKept)})
		if full := i == jobsAtOnce-1; errors.Is(err, object.Busy) != full {
			t.Errorf("running job %d: %v", i+1, err)
		}
	}
}

func TestDeleteJob(t *testing.T) {
	target, _ := startAlone(t)
	b := makeBucket(t, target, object.AIS, "own")
	for _, key := range []string{"a1", "a2", "b1"} {
		hold(t, target, b, key, "12345", "")
	}
	s := runJob(t, target, peer.JobRequest{Kind: api.JobDelete, Bucket: b.ID, Work: peer.JobWork{Prefix: "a"}})
	if s.Aborted || s.Objects != 2 || s.Bytes != 10 || keys(t, target, b) != "b1" {
		t.Errorf("%+v, left %s", s, keys(t, target, b))
	}
}

func TestMayEvict(t *testing.T) {
	target := &Target{}
	bucket := func(p object.Provider, behind string, lru bool, v object.Versioning) *cluster.Bucket {
		b := &cluster.Bucket{Provider: p, Name: "b", State: cluster.BucketActive, Versioning: v}
		b.Props.BackendBck, b.Props.LRU.Enabled = behind, lru
		return b
	}
	there := &object.Meta{Custom: map[string]string{object.CustomSource: "aws"}}
	local := &object.Meta{}
	for _, tt := range []struct {
		name string
		b    *cluster.Bucket
		m    *object.Meta
		want bool
	}{
		{"remote", bucket(object.AWS, "", true, object.Unversioned), there, true},
		{"remote, lru off", bucket(object.AWS, "", false, object.Unversioned), there, false},
		{"remote, not there", bucket(object.AWS, "", true, object.Unversioned), local, false},
		{"in front of a remote", bucket(object.AIS, "aws://r", true, object.Unversioned), there, true},
		{"in front of a remote, not there", bucket(object.AIS, "aws://r", true, object.Unversioned), local, false},
		{"own", bucket(object.AIS, "", false, object.Unversioned), local, false},
		{"own, lru on", bucket(object.AIS, "", true, object.Unversioned), local, true},
		{"own, lru on, with versions", bucket(object.AIS, "", true, object.Versioned), local, false},
		{"own, lru on, versions suspended", bucket(object.AIS, "", true, object.Suspended), local, false},
		{"a version", bucket(object.AIS, "", true, object.Unversioned), &object.Meta{VersionID: "v"}, false},
	} {
		if got := target.mayEvict(tt.b, tt.m); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestLRUDue(t *testing.T) {
	now := time.Now()
	ran := func(took, ago time.Duration, objects int64) *job {
		j := &job{started: now.Add(-ago - took)}
		j.objects.Store(objects)
		j.end(now.Add(-ago), nil)
		return j
	}
	for _, tt := range []struct {
		name string
		last *job
		want bool
	}{
		{"never ran", nil, true},
		{"runs", &job{started: now}, false},
		{"found something", ran(time.Second, 10*time.Second, 1), true},
		{"found something just now", ran(time.Second, 9*time.Second, 1), false},
		{"took long", ran(time.Hour, 5*time.Minute, 1), true},
		{"found nothing", ran(time.Second, 10*time.Second, 0), false},
		{"found nothing long ago", ran(time.Second, 5*time.Minute, 0), true},
	} {
		if got := lruDue(tt.last, now, 5*time.Minute); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// Room is made with what was not used for longest, and no more than it takes.
func TestMakeRoom(t *testing.T) {
	target, _ := startAlone(t)
	now := time.Now()
	target.cfg.Now = func() time.Time { return now }
	b := makeBucket(t, target, object.AWS, "mem")
	own := makeBucket(t, target, object.AIS, "own")
	for i := range 10 {
		hold(t, target, b, fmt.Sprint("k", i), strings.Repeat("x", 1000), "e")
		time.Sleep(time.Millisecond) // so that the times differ
	}
	hold(t, target, b, "local", strings.Repeat("x", 1000), "")
	hold(t, target, own, "x", "1", "")
	dirs := target.cfg.Store.Mountpaths
	room := func(over int64) *job {
		t.Helper()
		j := &job{JobRequest: peer.JobRequest{ID: "lru", Kind: api.JobLRU}}
		d := disk{usage: fs.Usage{Capacity: 100_000, Free: 100_000 - 75_000 - over}, dirs: dirs}
		if err := target.makeRoom(t.Context(), j, &d); err != nil {
			t.Fatal(err)
		}
		return j
	}
	if j := room(3500); j.objects.Load() != 0 {
		t.Errorf("%d objects were evicted that were just used", j.objects.Load())
	}
	now = now.Add(3 * time.Hour)
	reader, err := target.store.Open(object.Name{Bucket: b.ID, Key: "k0"}, "")
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	if j := room(3500); j.objects.Load() != 4 || j.bytes.Load() != 4000 {
		t.Errorf("%d objects of %d bytes evicted", j.objects.Load(), j.bytes.Load())
	}
	left := strings.Fields(keys(t, target, b))
	if want := []string{"k0", "k5", "k6", "k7", "k8", "k9", "local"}; !slices.Equal(left, want) {
		t.Errorf("left %v, want %v", left, want)
	}
	room(1 << 40)
	if left := keys(t, target, b); left != "local" || keys(t, target, own) != "x" {
		t.Errorf("left in the end: %s", left)
	}
}

func TestKeeps(t *testing.T) {
	target, _ := startAlone(t, halfFull)
	n := object.Name{Bucket: 1, Key: "k"}
	if !target.keeps(n) {
		t.Error("not kept on a mountpath that is half full")
	}
	setSpace(t, target, "1")
	if target.keeps(n) {
		t.Error("kept, although the mountpath is fuller than that")
	}
}

// halfFull has a target whose mountpath is half full.
func halfFull(c *Config) {
	disk := faultfs.New()
	disk.SetUsage(fs.Usage{Capacity: 2 << 30, Free: 1 << 30})
	c.Store.OS = disk
}

// setSpace gives all watermarks the same value.
func setSpace(t *testing.T, target *Target, percent string) {
	t.Helper()
	_, err := target.cluster.UpdateConfig(t.Context(), func(c *cluster.Config) error {
		for _, key := range []string{"space.lowwm", "space.highwm", "space.out_of_space"} {
			if _, err := c.Set(key, percent); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		_, err = target.cluster.Sync(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}
