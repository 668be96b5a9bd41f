package etcd

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ais/cluster"
	"ais/object"
)

// What a snapshot has is there again; what was given after it is not given again.
func TestRestore(t *testing.T) {
	e := newEmbed(t)
	c := Config{
		Embed: &e, Self: cluster.Node{ID: "p1", Kind: cluster.Proxy, URL: "http://p1:1"},
		ClusterKey: testKey, LeaseTTL: 2 * time.Second, Logger: testLogger(t),
	}
	p1 := open(t, c)
	target := Config{
		Endpoints: []string{e.ClientURL}, Self: cluster.Node{ID: "t1", Kind: cluster.Target, URL: "http://t1:1"},
		ClusterKey: testKey, LeaseTTL: 2 * time.Second, Logger: testLogger(t),
	}
	t1 := open(t, target)
	mustCreate(t, p1, "kept")
	file := filepath.Join(t.TempDir(), "snapshot")
	save(t, p1, file)
	later := mustCreate(t, p1, "later")
	before := p1.State()
	p1.Close()

	if err := os.RemoveAll(e.Dir); err != nil {
		t.Fatal(err)
	}
	e.Restore = file + ".absent"
	if _, err := Open(testContext(t), c); !errors.Is(err, object.Invalid) {
		t.Fatalf("a file that is not there: %v", err)
	}
	e.Restore = file
	p1 = open(t, c)
	state := p1.State()
	_, kept := state.Bucket(object.AIS, "kept")
	_, there := state.Bucket(object.AIS, "later")
	if !kept || there || state.Map.Cluster != before.Map.Cluster {
		t.Errorf("buckets %+v of cluster %s", state.Buckets(), state.Map.Cluster)
	}
	if state.Revision <= before.Revision || state.Map.Version <= before.Map.Version {
		t.Errorf("revision %d, map %d, after %d and %d", state.Revision, state.Map.Version, before.Revision, before.Map.Version)
	}
	// A node that ran all the time goes on with it.
	eventually(t, t1, "t1 has what was restored", func(s *cluster.State) bool {
		_, there := s.Bucket(object.AIS, "later")
		return !there && s.IsLive("t1")
	})
	if b := mustCreate(t, p1, "new"); b.ID <= later.ID {
		t.Errorf("the id %d was given before", b.ID)
	}
	p1.Close()
	p1 = open(t, c) // the snapshot counts no more
	if _, ok := p1.State().Bucket(object.AIS, "new"); !ok {
		t.Error("what was made after the restore is gone")
	}
}

func save(t *testing.T, s *Store, file string) {
	t.Helper()
	from, err := s.client.Snapshot(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
}
