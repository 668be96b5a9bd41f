package target

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"ais/cluster"
	"ais/object"
)

// A bucket with mirror.enabled, full when it was set: every object gets its mirror by
// itself, HEAD and lists show it, the loss of one of two disks fails no read and no
// write, and the disk that is back has all again.
func TestMirroredBucket(t *testing.T) {
	dirs := []string{filepath.Join(t.TempDir(), "1"), filepath.Join(t.TempDir(), "2")}
	target, _ := startAlone(t, onDisk(dirs...))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); target.keepResilvering(ctx) }()
	defer func() { cancel(); target.jobs.close(); <-ended }()
	b := makeBucket(t, target, object.AIS, "bbb")
	head := func(key string) string {
		a := ask(t, target, "HEAD", "/v1/objects/bbb/"+key+"?provider=ais", "")
		return fmt.Sprint(a.status, " ", a.header.Get("Ais-Mirror-Copies"))
	}
	for i := range 20 {
		ask(t, target, "PUT", fmt.Sprint("/bbb/k", i), fmt.Sprint("content", i))
	}
	if got := head("k1"); got != "200 1" {
		t.Fatal(got)
	}
	_, err := target.cluster.UpdateBucket(t.Context(), b, func(now *cluster.Bucket) error { now.Props.Mirror.Enabled = true; return nil })
	if err != nil {
		t.Fatal(err)
	}
	whole := func() bool {
		copies, complete := target.store.Copies(b.ID)
		return copies == 2 && complete && !target.store.Unsettled()
	}
	eventually(t, whole)
	if got := head("k1"); got != "200 2" {
		t.Fatal(got)
	}
	if err := os.Rename(dirs[0], dirs[0]+".away"); err != nil {
		t.Fatal(err)
	}
	_ = target.store.CheckMountpath(dirs[0])
	for i := range 20 {
		if a := ask(t, target, "GET", fmt.Sprint("/bbb/k", i), ""); a.status != 200 || a.body != fmt.Sprint("content", i) {
			t.Fatal(i, a)
		}
		if a := ask(t, target, "PUT", fmt.Sprint("/bbb/k", i), fmt.Sprint("second", i)); a.status != 200 {
			t.Fatal(i, a)
		}
	}
	if err := os.Rename(dirs[0]+".away", dirs[0]); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return len(target.store.OutOfService()) == 0 && whole() })
	for i := range 20 {
		if a := ask(t, target, "GET", fmt.Sprint("/bbb/k", i), ""); a.body != fmt.Sprint("second", i) || head(fmt.Sprint("k", i)) != "200 2" {
			t.Fatal(i, a)
		}
	}
}
