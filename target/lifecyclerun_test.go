package target

import (
	"errors"
	"log/slog"
	"testing"

	"ais/fs"
	"ais/object"
)

// openStore opens an empty store of one mountpath.
func openStore(t *testing.T) *fs.Store {
	t.Helper()
	cfg := fs.DefaultConfig()
	cfg.Cluster, cfg.Target, cfg.Mountpaths = "test", "t1", []string{t.TempDir()}
	cfg.Logger = slog.New(slog.DiscardHandler)
	store, err := fs.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// A decision holds only for the write that it was made about.
func TestLifecycleDecisionHolds(t *testing.T) {
	store := openStore(t)
	run := &lifecycleRun{Target: &Target{store: store}}
	n := object.Name{Bucket: 1, Key: "k"}
	put := func(v object.Versioning) object.Meta {
		t.Helper()
		w, err := store.Create(n, fs.WriteOptions{Size: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Abort()
		if _, err := w.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		m, err := w.Commit(object.Meta{ETag: "same"}, fs.Terms{Versioning: v})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	remove := func(version string, v object.Versioning) {
		t.Helper()
		if _, err := store.Remove(n, version, fs.Terms{Versioning: v}, object.Power); err != nil {
			t.Fatal(err)
		}
	}
	listed := func(i int) object.Entry {
		t.Helper()
		page, err := store.List(n.Bucket, object.Query{Versions: true, Full: true, Limit: 10})
		if err != nil || i >= len(page.Entries) {
			t.Fatalf("entry %d of %+v: %v", i, page.Entries, err)
		}
		return page.Entries[i]
	}
	want := func(what string, e object.Entry, action lifecycleAction, holds bool) {
		t.Helper()
		version := object.ShownVersion(e.Meta.VersionID)
		err := run.unchanged(n, version, &lifecycleDecision{e, action})
		if holds && err != nil || !holds && !errors.Is(err, object.Precondition) && !errors.Is(err, object.NoSuchVersion) {
			t.Errorf("%s: error %v, to be done: %v", what, err, holds)
		}
	}

	put(object.Unversioned)
	first := listed(0)
	want("what was listed", first, expire, true)
	put(object.Unversioned)
	want("overwritten since", first, expire, false)
	second := listed(0)
	remove("", object.Unversioned)
	want("removed since", second, expire, false)
	put(object.Unversioned)
	want("removed and written again", second, expire, false)

	put(object.Versioned)
	older, newest := listed(1), listed(0)
	want("a noncurrent version", older, removeNoncurrent, true)
	remove(newest.Meta.VersionID, object.Versioned)
	want("one that is the current one again", older, removeNoncurrent, false)
	put(object.Suspended) // in the place of the null version
	want("one that was replaced", older, removeNoncurrent, false)
	current := listed(0)
	put(object.Versioned)
	want("the current one no more", current, expire, false)
	want("noncurrent by now", current, removeNoncurrent, true)

	remove("", object.Versioned)
	marker := listed(0)
	if !marker.Meta.DeleteMarker || !marker.Latest {
		t.Fatalf("no marker but %+v", marker)
	}
	want("a marker", marker, removeMarker, true)
	put(object.Versioned)
	want("a marker under a new version", marker, removeMarker, false)
	want("a noncurrent marker", marker, removeNoncurrent, true)
}
