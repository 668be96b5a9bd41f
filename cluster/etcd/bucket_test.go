package etcd

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"ais/cluster"
	"ais/object"
)

// TestCreateRaces has stores create the same and other buckets at once: of each
// name one creation succeeds, the others return that bucket, and no id is
// given twice.
func TestCreateRaces(t *testing.T) {
	server := startTestServer(t)
	stores := []*Store{
		server.open(t, cluster.Proxy, "p1"), server.open(t, cluster.Proxy, "p2"), server.open(t, cluster.Target, "t1"),
	}
	const names = 20
	var mu sync.Mutex
	created := map[string]cluster.Bucket{}
	seen := map[string][]uint64{}
	var all sync.WaitGroup
	for _, s := range stores {
		all.Go(func() {
			for i := range names {
				b, err := s.CreateBucket(testContext(t), newBucket(bucketName(i)))
				mu.Lock()
				switch {
				case err == nil:
					if _, twice := created[b.Name]; twice {
						t.Errorf("%s was created twice", b.Name)
					}
					created[b.Name] = b
				case !errors.Is(err, object.Exists):
					t.Error(err)
				}
				seen[bucketName(i)] = append(seen[bucketName(i)], b.ID)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	ids := map[uint64]string{}
	for name, list := range seen {
		for _, id := range list {
			if id != created[name].ID || id == 0 {
				t.Errorf("%s has ids %v", name, list)
			}
		}
		if other, twice := ids[list[0]]; twice {
			t.Errorf("%s and %s have the same id", name, other)
		}
		ids[list[0]] = name
	}
	if len(created) != names {
		t.Errorf("%d buckets were created", len(created))
	}
}

func TestBucketLife(t *testing.T) {
	server := startTestServer(t)
	p1 := server.open(t, cluster.Proxy, "p1")
	server.open(t, cluster.Target, "t1")
	ctx := testContext(t)
	b := mustCreate(t, p1, "demo")

	b2, err := p1.UpdateProps(ctx, &b, func(p *cluster.Props) error {
		_, err := p.Set("checksum.type", "sha256")
		return err
	})
	if err != nil || b2.Props.Checksum.Type != object.SHA256 || b2.Revision <= b.Revision {
		t.Fatalf("%+v, %v", b2, err)
	}
	if shown, _ := p1.State().Bucket(object.AIS, "demo"); *shown != b2 {
		t.Errorf("state has %+v, not %+v", shown, b2)
	}
	if _, err := p1.UpdateProps(ctx, &b, func(p *cluster.Props) error {
		_, err := p.Set("checksum.type", "sha1")
		return err
	}); !errors.Is(err, object.Invalid) {
		t.Errorf("an illegal property: %v", err)
	}
	if err := p1.RemoveBucket(ctx, &b); !errors.Is(err, object.Busy) {
		t.Errorf("removal of an active bucket: %v", err)
	}
	if _, err := p1.SetBucketState(ctx, &b, cluster.BucketDeleting); err != nil {
		t.Fatal(err)
	}
	if err := p1.RemoveBucket(ctx, &b); err != nil {
		t.Fatal(err)
	}
	if _, ok := p1.State().BucketByID(b.ID); ok {
		t.Error("the bucket is there after its removal")
	}
	if err := p1.RemoveBucket(ctx, &b); !errors.Is(err, object.NoSuchBucket) {
		t.Errorf("second removal: %v", err)
	}
	anew := mustCreate(t, p1, "demo")
	if anew.ID == b.ID {
		t.Error("an id was given again")
	}
	if _, err := p1.SetBucketState(ctx, &b, cluster.BucketDeleting); !errors.Is(err, object.NoSuchBucket) {
		t.Errorf("change of a predecessor: %v", err)
	}
	if _, err := p1.CreateBucket(ctx, newBucket("UPPER")); !errors.Is(err, object.Invalid) {
		t.Errorf("illegal name: %v", err)
	}
}

func TestConfigAndNodes(t *testing.T) {
	server := startTestServer(t)
	p1 := server.open(t, cluster.Proxy, "p1")
	p2 := server.open(t, cluster.Proxy, "p2")
	t1 := server.open(t, cluster.Target, "t1")
	ctx := testContext(t)

	config, err := p1.UpdateConfig(ctx, func(c *cluster.Config) error {
		_, err := c.Set("redirect", "always")
		return err
	})
	if err != nil || config.Redirect != cluster.RedirectAlways {
		t.Fatalf("%+v, %v", config, err)
	}
	if state, err := p2.Sync(ctx); err != nil || state.Config != config {
		t.Errorf("the other has %+v, %v", state.Config, err)
	}
	if _, err := p1.UpdateConfig(ctx, func(c *cluster.Config) error {
		_, err := c.Set("auth.enabled", "true")
		return err
	}); !errors.Is(err, object.Invalid) {
		t.Errorf("auth.enabled: %v", err)
	}

	mustCreate(t, p1, "demo")
	if err := p1.RemoveNode(ctx, "p2"); !errors.Is(err, object.Exists) {
		t.Errorf("removal of a live node: %v", err)
	}
	p2.Close()
	t1.Close()
	if _, err := p1.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if err := p1.RemoveNode(ctx, "p2"); err != nil {
		t.Error(err)
	}
	if err := p1.RemoveNode(ctx, "t1"); !errors.Is(err, object.NotEmpty) {
		t.Errorf("removal of a target with a bucket: %v", err)
	}
	if err := p1.RemoveNode(ctx, "p2"); !errors.Is(err, object.NotFound) {
		t.Errorf("second removal: %v", err)
	}
	if _, ok := p1.State().Node("p2"); ok {
		t.Error("p2 is there after its removal")
	}
}

// TestReservedBucketIDs has no id be given twice, whether it was reserved or not, and
// a bucket have the one that it is made with.
func TestReservedBucketIDs(t *testing.T) {
	server := startTestServer(t)
	stores := []*Store{server.open(t, cluster.Target, "t1"), server.open(t, cluster.Proxy, "p1")}
	var mu sync.Mutex
	given := map[uint64]bool{}
	take := func(id uint64) {
		mu.Lock()
		defer mu.Unlock()
		if given[id] || id == 0 {
			t.Errorf("id %d was given before", id)
		}
		given[id] = true
	}
	var all sync.WaitGroup
	for i, s := range stores {
		all.Go(func() {
			for k := range 5 {
				first, err := s.ReserveBucketIDs(testContext(t), 7)
				if err != nil {
					t.Error(err)
					return
				}
				for id := first; id < first+7; id++ {
					take(id)
				}
				b, err := s.CreateBucket(testContext(t), newBucket(bucketName(10*i+k)))
				if err != nil {
					t.Error(err)
					return
				}
				take(b.ID)
			}
		})
	}
	all.Wait()
	s := stores[0]
	first, err := s.ReserveBucketIDs(testContext(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	generation, _ := s.State().Map.Latest()
	b := newBucket("reserved")
	b.ID, b.Generation = first, generation.Number
	made, err := s.CreateBucket(testContext(t), b)
	if err != nil || made.ID != first {
		t.Errorf("%+v, %v", made, err)
	}
	b.Name, b.ID, b.Generation = "outdated", first+1, generation.Number+1
	if _, err := s.CreateBucket(testContext(t), b); !errors.Is(err, object.Busy) {
		t.Errorf("of another generation: %v", err)
	}
}

// TestRename: the bucket keeps its id and all else, every node sees it under one name at
// a time, and of several that want a name one gets it.
func TestRename(t *testing.T) {
	server := startTestServer(t)
	p1, p2 := server.open(t, cluster.Proxy, "p1"), server.open(t, cluster.Proxy, "p2")
	server.open(t, cluster.Target, "t1")
	ctx := testContext(t)
	b, other := mustCreate(t, p1, "demo"), mustCreate(t, p1, "other")
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			changes := p2.Changes()
			if state := p2.State(); len(state.Buckets()) > 0 {
				if now, ok := state.BucketByID(b.ID); ok {
					if named, ok := state.Bucket(object.AIS, now.Name); !ok || named != now {
						t.Errorf("%s is not under its name", now.Name)
					}
				}
				if len(state.Buckets()) > 2 {
					t.Errorf("%d buckets", len(state.Buckets()))
				}
			}
			select {
			case <-changes:
			case <-stop:
				return
			}
		}
	})
	now, err := p1.RenameBucket(ctx, &b, "renamed")
	if err != nil || now.ID != b.ID || now.Name != "renamed" || now.Revision <= b.Revision || !now.Created.Equal(b.Created) {
		t.Fatalf("%+v, %v", now, err)
	}
	if _, err := p2.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if shown, ok := p2.State().Bucket(object.AIS, "renamed"); !ok || *shown != now {
		t.Errorf("another node has %+v", shown)
	}
	close(stop)
	watching.Wait()
	if _, ok := p2.State().Bucket(object.AIS, "demo"); ok {
		t.Error("the old name is there still")
	}
	if _, err := p1.RenameBucket(ctx, &b, "again"); !errors.Is(err, object.NoSuchBucket) {
		t.Errorf("renamed from a name that it has no longer: %v", err)
	}
	if there, err := p1.RenameBucket(ctx, &other, "renamed"); !errors.Is(err, object.Exists) || there.ID != b.ID {
		t.Errorf("renamed over another bucket: %+v, %v", there, err)
	}
	if _, err := p1.RenameBucket(ctx, &other, "no"); !errors.Is(err, object.Invalid) {
		t.Errorf("a name that cannot be: %v", err)
	}
	var won atomic.Int64
	var all sync.WaitGroup
	for _, s := range []*Store{p1, p2} {
		all.Go(func() {
			if _, err := s.RenameBucket(ctx, &other, "race"); err == nil {
				won.Add(1)
			} else if !errors.Is(err, object.NoSuchBucket) && !errors.Is(err, object.Exists) {
				t.Error(err)
			}
		})
		all.Go(func() {
			if _, err := s.CreateBucket(ctx, newBucket("race")); err == nil {
				won.Add(1)
			} else if !errors.Is(err, object.Exists) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d have the name", won.Load())
	}
	if _, err := p1.UpdateBucket(ctx, &now, func(b *cluster.Bucket) error { b.Documents.Policy = "{}"; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := p1.RenameBucket(ctx, &now, "policy"); !errors.Is(err, object.Invalid) {
		t.Errorf("with a policy: %v", err)
	}
	if _, err := p1.SetBucketState(ctx, &now, cluster.BucketDeleting); err != nil {
		t.Fatal(err)
	}
	if _, err := p1.RenameBucket(ctx, &now, "deleting"); !errors.Is(err, object.Busy) {
		t.Errorf("while it is deleted: %v", err)
	}
}
