package target

import (
	"errors"
	"strings"
	"testing"

	"ais/api"
	"ais/backend/backendtest"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"
)

func TestPrefetchJobs(t *testing.T) {
	target, mem := startAlone(t)
	b := makeBucket(t, target, object.AWS, "mem")
	for _, key := range []string{"a/1", "a/2", "a/4", "b/1", "c"} {
		mem.Set(key, "12345")
	}
	for _, tt := range []struct {
		name    string
		work    peer.JobWork
		here    string
		objects int64
		errors  int64
	}{
		{"a list", peer.JobWork{Keys: []string{"c", "none"}}, "c", 1, 1},
		{"a template with a hole", peer.JobWork{Template: "a/{1..3}"}, "a/1 a/2 c", 2, 0},
		{"a prefix, of which some is here", peer.JobWork{Prefix: "a/", Workers: 2}, "a/1 a/2 a/4 c", 1, 0},
		{"all", peer.JobWork{}, "a/1 a/2 a/4 b/1 c", 1, 0},
		{"all again", peer.JobWork{}, "a/1 a/2 a/4 b/1 c", 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := runJob(t, target, peer.JobRequest{Kind: api.JobPrefetch, Bucket: b.ID, Work: tt.work})
			if s.Aborted || s.Objects != tt.objects || s.Bytes != 5*tt.objects || s.Errors != tt.errors || (s.Err != "") != (tt.errors > 0) {
				t.Errorf("%+v", s)
			}
			if here := keys(t, target, b); here != tt.here {
				t.Errorf("here: %s; want %s", here, tt.here)
			}
		})
	}
	if n := mem.Calls(backendtest.OpHead); n != 0 {
		t.Errorf("%d requests for what a Get says", n)
	}
	gone := makeBucket(t, target, object.AWS, "nosuch")
	if s := runJob(t, target, peer.JobRequest{Kind: api.JobPrefetch, Bucket: gone.ID}); !s.Aborted || s.Err == "" {
		t.Errorf("a bucket that is not at the remote: %+v", s)
	}
}

func TestPrefetchLatest(t *testing.T) {
	target, mem := startAlone(t)
	b := makeBucket(t, target, object.AWS, "mem")
	for _, key := range []string{"changed", "same", "gone"} {
		mem.Set(key, "first")
	}
	hold(t, target, b, "local", "x", "")
	run := func(b *cluster.Bucket, latest bool, objects, failed int64) {
		t.Helper()
		s := runJob(t, target, peer.JobRequest{Kind: api.JobPrefetch, Bucket: b.ID, Work: peer.JobWork{Keys: []string{"changed", "same", "gone", "local"}, Latest: latest}})
		if s.Aborted || s.Objects != objects || s.Errors != failed {
			t.Errorf("%+v", s)
		}
	}
	run(b, false, 3, 0)
	mem.Set("changed", "second")
	mem.Drop("gone")
	run(b, false, 0, 0)
	run(b, true, 1, 1)
	reader, err := target.store.Open(object.Name{Bucket: b.ID, Key: "changed"}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if m := reader.Meta(); m.Size != 6 {
		t.Errorf("not the latest: %+v", m)
	}
	if here := keys(t, target, b); here != "changed gone local same" {
		t.Errorf("here: %s", here)
	}
	if _, err := target.cluster.UpdateProps(t.Context(), b, func(p *cluster.Props) error { p.Versioning.Synchronize = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := target.cluster.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	run(b, true, 0, 0)
	if here := keys(t, target, b); here != "changed local same" {
		t.Errorf("synchronized, here: %s", here)
	}
}

// Where there is no room a prefetch ends, and does not go on name by name.
func TestPrefetchOutOfSpace(t *testing.T) {
	target, mem := startAlone(t, halfFull)
	b := makeBucket(t, target, object.AWS, "mem")
	mem.Set("k", "12345")
	setSpace(t, target, "1")
	s := runJob(t, target, peer.JobRequest{Kind: api.JobPrefetch, Bucket: b.ID, Work: peer.JobWork{Template: "k{1..100000}"}})
	if !s.Aborted || !strings.Contains(s.Err, errOutOfSpace.Error()) || mem.Calls(backendtest.OpGet) != 0 {
		t.Errorf("%+v", s)
	}
	if _, _, err := target.prefetch(t.Context(), b, object.Name{Bucket: b.ID, Key: "k"}, false); !errors.Is(err, object.NoSpace) {
		t.Error(err)
	}
}
