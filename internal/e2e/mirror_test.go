package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ais/api"
	"ais/object"
)

// mirrored waits until each object of a bucket is on so many mountpaths, as lists say, and
// the targets know that it is.
func (c *Cluster) mirrored(t *testing.T, bucket string, copies int) {
	t.Helper()
	began, client := time.Now(), c.client(t)
	Eventually(t, time.Minute, fmt.Sprintf("each object is on %d mountpaths", copies), func() error {
		count := 0
		for entry, err := range client.ListObjects(t.Context(), api.Bucket{Name: bucket, Provider: object.AIS}, api.ListMessage{Props: "name,copies"}, 0) {
			if err != nil {
				return err
			}
			if count++; int(entry.Copies) != copies {
				return fmt.Errorf("%s has %d", entry.Name, entry.Copies)
			}
		}
		if unsettled := c.sum(t, "ais_target_resilver_unsettled"); count < 300 || unsettled > 0 {
			return fmt.Errorf("%d are listed, %g targets are not done", count, unsettled)
		}
		return nil
	})
	t.Logf("mirrored after %s", time.Since(began).Round(time.Millisecond))
}

// state waits until a mountpath of target1 is in a state.
func (c *Cluster) state(t *testing.T, dir, want string) {
	t.Helper()
	Eventually(t, 30*time.Second, dir+" is "+want, func() error {
		out := c.ais(t, "show storage mountpath target1 -H")
		for line := range strings.Lines(out) {
			if strings.Contains(line, dir+" ") && strings.Contains(line, " "+want+" ") {
				return nil
			}
		}
		return fmt.Errorf("%s", out)
	})
}

// A bucket with mirrors loses a disk under load, which comes back, then another one, which
// is replaced: no request fails, nothing is read wrong, and then each object is on two
// disks again, of which either may be lost.
func TestMirrorsUnderLoad(t *testing.T) {
	c := Start(t, Options{Proxies: 2, Targets: 2, Plain: true})
	s := c.fill(t, 1, 300)
	s.watch()
	f := startTraffic(t, c, s.bucket, 3)
	c.ais(t, "bucket props set ais://"+s.bucket+" mirror.enabled=true")
	c.mirrored(t, s.bucket, 2)
	one, two := c.mountpath(1, 1), c.mountpath(1, 2)
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	move(one, one+".away")
	f.goesOn("a disk was lost")
	c.state(t, one, "failed")
	f.goesOn("the loss was seen")
	s.each(s.get)
	move(one+".away", one)
	c.state(t, one, "ok")
	c.mirrored(t, s.bucket, 2)

	move(two, two+".lost")
	c.state(t, two, "failed")
	f.goesOn("another disk was lost")
	s.each(s.get)
	fresh := filepath.Join(c.Dir, "target1", "fresh")
	c.ais(t, "storage mountpath detach target1="+two+" --force")
	c.ais(t, "storage mountpath attach target1="+fresh)
	c.mirrored(t, s.bucket, 2)
	f.goesOn("the disk was replaced")

	move(one, one+".lost")
	c.state(t, one, "failed")
	f.goesOn("the last of the first disks was lost")
	f.stop()
	s.stop()
	s.whole()
	t.Logf("%d requests, the slowest took %s; %d complete lists, %d reads", f.requests.Load(), time.Duration(f.slowest.Load()).Round(time.Millisecond), s.lists.Load(), s.reads.Load())
}

// A bucket with copies on two targets, each on three disks, loses two disks of one target
// and then the process of another one, which returns while the disks are away, and grows
// by a target: no request fails, nobody is marked as behind for a disk, nothing is
// read wrong, and then each object has all its copies again.
func TestMirrorsAndCopies(t *testing.T) {
	c := Start(t, Options{Proxies: 2, Targets: 3, Mountpaths: 4, Plain: true})
	s := c.fill(t, 2, 300)
	c.ais(t, "bucket props set ais://"+s.bucket+" mirror.enabled=true mirror.copies=3")
	c.mirrored(t, s.bucket, 3)
	s.watch()
	f := startTraffic(t, c, s.bucket, 3)
	lost := []string{c.mountpath(1, 1), c.mountpath(1, 2)}
	for _, dir := range lost {
		if err := os.Rename(dir, dir+".away"); err != nil {
			t.Fatal(err)
		}
		f.goesOn("a disk was lost")
		c.state(t, dir, "failed")
		f.goesOn("the loss was seen")
		s.each(s.get)
	}
	if out := c.ais(t, "show cluster"); strings.Contains(out, "behind") {
		t.Errorf("a target with mirrors is behind for a disk:\n%s", out)
	}
	c.Kill(t, "target2")
	f.goesOn("a target was killed")
	s.each(s.get)
	c.Restart(t, "target2")
	c.inSync(t)
	f.goesOn("it has returned")
	for _, dir := range lost {
		if err := os.Rename(dir+".away", dir); err != nil {
			t.Fatal(err)
		}
		c.state(t, dir, "ok")
	}
	c.mirrored(t, s.bucket, 3)
	c.Join(t)
	c.moves(t)
	c.moved(t, 90*time.Second)
	f.goesOn("a target has joined")
	c.mirrored(t, s.bucket, 3)
	f.stop()
	s.stop()
	s.whole()
	t.Logf("%d requests, the slowest took %s; %d complete lists, %d reads", f.requests.Load(), time.Duration(f.slowest.Load()).Round(time.Millisecond), s.lists.Load(), s.reads.Load())
}
