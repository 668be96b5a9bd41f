package target

import (
	"context"
	"os"
	"testing"
	"time"

	"ais/object"
)

// A target without a mountpath that serves is no live member, and is one again when
// the disk is back, without a restart.
func TestNoMountpathServes(t *testing.T) {
	target, _ := startAlone(t, onDisk(t.TempDir()))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); target.watchDisks(ctx) }()
	defer func() { cancel(); <-ended }()
	b := makeBucket(t, target, object.AIS, "bbb")
	ask(t, target, "PUT", "/bbb/k", "content")
	dir := target.cfg.Store.Mountpaths[0]
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if err := target.store.CheckMountpath(dir); err == nil {
		t.Fatal("a mountpath that is not there passes")
	}
	health := func() int { return ask(t, target, "GET", "/health?readiness=true", "").status }
	eventually(t, func() bool { return !target.cluster.State().IsLive("t1") && health() == 503 })
	if !target.cluster.Fenced() {
		t.Error("the target has left and is not fenced")
	}
	if a := ask(t, target, "GET", "/bbb/k", ""); a.status != 503 {
		t.Error(a)
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return target.cluster.State().IsLive("t1") && health() == 200 && !target.cluster.Fenced() })
	if m, err := target.store.Stat(object.Name{Bucket: b.ID, Key: "k"}, ""); err != nil || m.Size != 7 {
		t.Error(m, err)
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatal("the condition does not come to hold")
		case <-tick.C:
		}
	}
}
