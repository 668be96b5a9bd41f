package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ais/api"
)

// copied waits until the targets together have so many objects, over all copies.
func (c *Cluster) copied(t testing.TB, want int) {
	t.Helper()
	Eventually(t, 30*time.Second, fmt.Sprint("the targets have ", want, " objects"), func() error {
		count := 0
		for _, name := range c.Names("target") {
			count += c.objects(t, name)
		}
		if count != want {
			return fmt.Errorf("%d", count)
		}
		return nil
	})
}

// The moving of names is stopped and started by the command line and over the native API,
// a target is killed half way, and a full bucket gets a second copy, and loses it again:
// every move ends, is shown while it goes on, and clients see nothing of it.
func TestMoveIsStoppedAndKilled(t *testing.T) {
	c := Start(t, Options{Proxies: 2, Plain: true})
	s := c.fill(t, 1, 500)
	s.watch()
	f := startTraffic(t, c, s.bucket, 2)
	sh, client := c.Shell(t), c.client(t)

	joined := c.Join(t)
	c.haltMove(t)
	out := sh.run(t, "ais show job rebalance --all")
	wantIn(t, out, "Aborted")
	Eventually(t, 10*time.Second, "nothing is moved", func() error {
		before := c.objects(t, joined)
		f.goesOn("the moving was stopped")
		out := sh.run(t, "ais show job rebalance")
		if strings.Contains(out, "Running") {
			return fmt.Errorf("%s", out)
		}
		if n := c.objects(t, joined); n > before+40 { // what clients write goes there
			return fmt.Errorf("%s had %d objects and has %d", joined, before, n)
		}
		return nil
	})
	if c.unmoved(t) != 1 {
		t.Fatalf("%g buckets are to be moved", c.unmoved(t))
	}
	if _, err := client.StartJob(t.Context(), api.JobQuery{Kind: api.JobRebalance}); err != nil {
		t.Fatal(err)
	}
	c.moves(t)
	sh.run(t, "ais cluster rebalance stop")
	f.goesOn("the moving was stopped again")
	sh.run(t, "ais start rebalance")
	c.moves(t)
	for _, name := range []string{"target2", joined} { // one that has names, and one that gets them
		c.Kill(t, name)
		c.Restart(t, name)
		f.goesOn(name + " was killed")
		t.Logf("%s was killed with %g buckets to move, and %d objects at %s", name, c.unmoved(t), c.objects(t, joined), joined)
	}
	c.moved(t, time.Minute)

	change := func(copies int, kill string) {
		t.Helper()
		began := time.Now()
		sh.run(t, fmt.Sprintf("ais bucket props set ais://%s copies=%d", s.bucket, copies))
		if kill != "" {
			c.moves(t)
			c.Kill(t, kill)
			c.Restart(t, kill)
			t.Logf("%s was killed with %g buckets to move", kill, c.unmoved(t))
		}
		said := c.moved(t, time.Minute)
		t.Logf("copies=%d: moved within %s", copies, time.Since(began).Round(time.Millisecond))
		if !slices.ContainsFunc(said, func(out string) bool {
			return strings.Contains(out, fmt.Sprintf("copies %d", copies)) && strings.Contains(out, "Running")
		}) {
			t.Errorf("no progress was shown:\n%s", strings.Join(said, "\n"))
		}
	}
	change(2, "target3")
	f.goesOn("the second copy")
	change(1, "")
	f.goesOn("it was removed")
	f.stop()
	s.stop()
	s.whole()
	t.Logf("%d requests, the slowest took %s; %d complete lists, %d reads", f.requests.Load(), time.Duration(f.slowest.Load()).Round(time.Millisecond), s.lists.Load(), s.reads.Load())
	c.copied(t, len(c.Plain().list(t, s.bucket)))
	change(2, "")
	c.inSync(t)
	s.whole()
	c.copied(t, 2*len(c.Plain().list(t, s.bucket)))
}
