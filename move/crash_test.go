package move_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ais/cluster"
	"ais/fs/faultfs"
	"ais/object"
)

var everyCall = flag.Bool("move.every", false, "cut targets at every disk call, not at some")

// How a target that was cut comes back.
const (
	within = iota // its lease: nobody went on without it
	atOnce        // the lease is given back; it may be behind
	after         // when the others have done all that is to be done
)

// cut is the end of a target at a disk call, and its return.
type cut struct {
	id      string
	call    int
	percent int // of what was not synced stays: 100 for kill -9, which loses nothing
	back    int
}

func (k cut) String() string {
	return fmt.Sprintf("%s is cut at call %d, keeps %d %%, returns %s", k.id, k.call, k.percent, [...]string{"within its lease", "at once", "later"}[k.back])
}

// guard is who ends a target when its disk is cut, and has it return.
type guard struct {
	cut
	n    *node
	disk *faultfs.FS // that is cut
	dead atomic.Bool
	hit  atomic.Bool
	over chan struct{} // closed when nothing is cut any more
	wait sync.WaitGroup
}

// arm begins to count the disk calls of a target.
func (c *nodes) arm(k cut) *guard {
	g := &guard{cut: k, n: c.node(k.id), over: make(chan struct{})}
	g.disk = g.n.disk
	g.disk.CutPower(k.call)
	return g
}

// watch ends the target when it is cut.
func (g *guard) watch() {
	g.wait.Go(func() {
		tick := time.NewTicker(200 * time.Microsecond)
		defer tick.Stop()
		for !g.disk.Hit() {
			select {
			case <-g.over:
				if !g.disk.Hit() {
					return
				}
			case <-tick.C:
			}
		}
		g.die()
	})
}

// die ends the target, and starts it anew unless that is to be done later.
func (g *guard) die() {
	g.dead.Store(true)
	g.hit.Store(true)
	g.n.in.trace.note(nil, "%v", g.cut)
	if g.back == within {
		g.n.halt()
	} else {
		g.n.stop()
	}
	g.lose()
	if g.back == after {
		return
	}
	if err := g.revive(); err != nil {
		g.n.in.failed(fmt.Errorf("%s does not start again: %w", g.id, err))
	}
}

// lose leaves the target what survives.
func (g *guard) lose() { g.n.setDisk(g.disk.AfterPowerLoss(g.percent, uint64(g.call))) }

// revive starts the target again.
func (g *guard) revive() error {
	lease := g.n.members
	if err := g.n.tryStart(); err != nil {
		return err
	}
	if g.back == within {
		lease.Close() // that of the process before, which another one has by now
	}
	g.dead.Store(false)
	return nil
}

// begin starts a target that was armed: it may be cut before it runs.
func (g *guard) begin() {
	if err := g.n.tryStart(); err != nil {
		if !g.disk.Hit() {
			g.n.in.t.Fatal(err)
		}
		g.hit.Store(true)
		g.lose()
		g.n.start()
		return
	}
	g.watch()
}

// end ends the watch. calls are those of the disk, or of the part before the cut.
func (g *guard) end() (hit bool, calls int) {
	_, trace := g.disk.Disarm() // from here on it is not cut any more
	close(g.over)
	g.wait.Wait()
	return g.hit.Load(), len(trace)
}

// deaf reports whether nobody hears what a target says: it was cut.
func (g *guard) deaf(id string) bool {
	return id == g.id && (g.dead.Load() || g.disk.Hit() && !g.hit.Load())
}

// crashes is a cluster whose targets are cut, one after the other.
type crashes struct {
	*nodes
	runs int
}

// startCrashes starts three targets. None loses its lease but by a cut, however busy the
// machine is: two that are gone may alone have what they were told.
func startCrashes(t *testing.T) *crashes {
	c := &crashes{nodes: startNodes(t)}
	c.lease = 10 * time.Second
	for _, id := range []string{"t1", "t2", "t3"} {
		c.join(id)
	}
	return c
}

// with calls do with a new bucket, and who changes its names.
func (c *crashes) with(copies int, do func(cl *client) error) error {
	c.runs++
	b := c.bucket(fmt.Sprint("run-", c.runs), copies)
	cl := &client{c: c.nodes, b: b, want: map[object.Name]view{}, dead: func(string) bool { return false }}
	if err := do(cl); err != nil {
		return err
	}
	now, _ := c.state().BucketByID(b.ID)
	deleting, err := c.keeper.SetBucketState(c.context(), now, cluster.BucketDeleting)
	if err == nil {
		err = c.keeper.RemoveBucket(c.context(), &deleting)
	}
	if err != nil {
		return err
	}
	c.trace.clear()
	return c.drop(b.ID)
}

// drop takes a bucket that is no more off the disks: what all the runs before left
// would be copied whenever a disk is cut.
func (c *crashes) drop(bucket uint64) error {
	for _, id := range c.ids() {
		s := c.node(id).running()
		if s == nil {
			return fmt.Errorf("%s does not run", id)
		}
		if err := s.DropBucket(bucket); err != nil {
			return err
		}
		if _, err := s.Sweep(c.t.Context()); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until every target is in sync and no name moves.
func (c *crashes) settle() error {
	for deadline := time.Now().Add(60 * time.Second); ; {
		changes := c.keeper.Changes()
		state := c.state()
		waits := ""
		for _, n := range state.Targets() {
			if n.Behind != 0 || !state.IsLive(n.ID) {
				waits = n.ID + " is behind"
			}
		}
		if moving := state.Unmoved(); len(moving) > 0 {
			waits = moving[0].Name + " moves"
		}
		if waits == "" {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s\n%s\n%s", waits, c.disks(), c.trace.of(""))
		}
		select {
		case <-changes:
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// disks tells in which state all disks are, for the log of a test.
func (c *crashes) disks() (text string) {
	for _, id := range c.ids() {
		s := c.node(id).running()
		if s == nil {
			text += id + " is down\n"
			continue
		}
		for _, m := range s.Mountpaths() {
			text += fmt.Sprintf("%s %+v\n", id, m)
		}
	}
	return text
}

// keysOf returns so many keys of the bucket whose first copies are on targets in this
// order, as long as there are three.
func keysOf(b *cluster.Bucket, count int, order ...string) (keys []string) {
	all := []string{"t1", "t2", "t3"}
	var digests []uint64
	for _, id := range all {
		digests = append(digests, object.HashString(id))
	}
	for i := 0; len(keys) < count; i++ {
		n := object.Name{Bucket: b.ID, Key: fmt.Sprintf("%s/%d", b.Name, i)}
		best := object.BestOf(nil, n.Digest(), digests, []float64{1, 1, 1}, []int{0, 1, 2}, len(order))
		if !slices.ContainsFunc(order, func(id string) bool { return all[best[slices.Index(order, id)]] != id }) {
			keys = append(keys, n.Key)
		}
	}
	return keys
}

// steps are changes of every kind, of four keys.
func steps(keys []string) []step {
	one, two, three, four := keys[0], keys[1], keys[2], keys[3]
	first, second := content(three, 1, 300<<10), content(three, 2, 20<<10)
	return []step{
		putStep(one, "small"),
		putStep(one, content(one, 2, 40_000)),
		noteStep(one, "noted"),
		putStep(two, content(two, 1, 300<<10)),
		beginStep(three),
		partStep(three, 1, first),
		partStep(three, 2, second),
		publishStep(three, 2, first+second),
		putStep(four, content(four, 1, 5000)),
		removeStep(four),
		touchStep(two),
		putStep(one, "small again"),
	}
}

// replicate has a target cut while names are changed of which t1 is the owner and t2 has
// a copy.
func (c *crashes) replicate(k cut, copies int) (hit bool, calls int, err error) {
	err = c.with(copies, func(cl *client) error {
		list := steps(keysOf(cl.b, 4, "t1", "t2"))
		g := c.arm(k)
		cl.dead = g.deaf
		g.watch()
		for _, st := range list {
			if err := cl.do(st); err != nil {
				return errors.Join(err, endOf(g))
			}
		}
		hit, calls = g.end()
		if hit && k.back == after {
			if err := errors.Join(cl.listed(), g.revive()); err != nil {
				return err
			}
		}
		if err := c.settle(); err != nil {
			return err
		}
		return cl.whole()
	})
	return hit, calls, err
}

func endOf(g *guard) error { g.end(); return nil }

// empty gives a target new disks, before there is anything to be lost: how many disk calls
// it takes to open old ones depends on how often that was done.
func (c *crashes) empty(id string) error {
	n := c.node(id)
	n.stop()
	n.setDisk(faultfs.New())
	n.start()
	return c.settle()
}

// comeBack has t2 miss changes of names of t1's, and then t2, which fetches them, or t1, of
// which it does, cut meanwhile.
func (c *crashes) comeBack(k cut, copies int) (hit bool, calls int, err error) {
	if err := c.empty("t2"); err != nil {
		return false, 0, err
	}
	err = c.with(copies, func(cl *client) error {
		keys := keysOf(cl.b, 5, "t1", "t2")
		list := append(steps(keys), putStep(keys[4], content(keys[4], 1, 3000)))
		for _, i := range []int{0, 3, 4, 5, 8, 12} { // some of what is changed was there
			if err := cl.do(list[i]); err != nil {
				return err
			}
		}
		away := c.node("t2")
		away.stop()
		for _, st := range append(list[1:], removeStep(keys[4])) {
			if err := cl.do(st); err != nil {
				return err
			}
		}
		g := c.arm(k)
		cl.dead = g.deaf
		var err error
		if k.id == "t2" {
			g.begin()
		} else {
			g.watch()
			away.start()
		}
		err = errors.Join(cl.do(putStep(keys[3], "while it catches up")), cl.do(removeStep(keys[0])), c.settle())
		hit, calls = g.end()
		return errors.Join(err, c.settle(), cl.whole())
	})
	return hit, calls, err
}

// move has a target cut while names go off t3, or come to it, and are changed.
func (c *crashes) move(k cut, copies int, off bool) (hit bool, calls int, err error) {
	err = c.with(copies, func(cl *client) error {
		keys := keysOf(cl.b, 5, "t3")
		list, others := steps(keys), steps(keysOf(cl.b, 4, "t1", "t3"))
		for i := range list { // half of the one, and all of the other are done before
			if i < 7 {
				err = cl.do(list[i])
			}
			if err := errors.Join(err, cl.do(others[i])); err != nil {
				return err
			}
		}
		big := keys[4]
		if err := cl.do(putStep(big, content(big, 1, 3<<19))); err != nil {
			return err
		}
		to := cluster.Active
		if off {
			to = cluster.Maintenance
		}
		g := c.arm(k)
		cl.dead = g.deaf
		g.watch()
		_, err := c.keeper.MoveNode(c.context(), "t3", to, cluster.MoveOptions{})
		for _, st := range list[7:] {
			if err == nil {
				err = cl.do(st)
			}
		}
		if k.back == after && err == nil {
			hit, calls = g.end()
			if hit {
				err = g.revive()
			}
		}
		if err == nil {
			err = c.settle()
		}
		if k.back != after {
			hit, calls = g.end()
		}
		if err == nil {
			err = errors.Join(c.settle(), cl.whole())
		}
		return err
	})
	return hit, calls, err
}

// TestCrashCopies cuts a target while its names, or copies, are changed.
func TestCrashCopies(t *testing.T) {
	ways := waysOf([]string{"t1", "t2"}, []int{2, 3}, []int{within, atOnce, after})
	crashTest(t, 2, ways, func(c *crashes, w way, call int) (bool, int, error) {
		return c.replicate(w.at(call), w.copies)
	})
}

// TestCrashReturn cuts a target that catches up, or the one that it catches up with.
func TestCrashReturn(t *testing.T) {
	ways := waysOf([]string{"t1", "t2"}, []int{2, 3}, []int{within, atOnce}) // nobody has what it has
	crashTest(t, 2, ways, func(c *crashes, w way, call int) (bool, int, error) {
		return c.comeBack(w.at(call), w.copies)
	})
}

// TestCrashMove cuts a target while names are moved, off it and to it.
func TestCrashMove(t *testing.T) {
	ids := []string{"t1", "t3"}
	ways := append(waysOf(ids, []int{1}, []int{within, atOnce}), waysOf(ids, []int{2}, []int{within, atOnce, after})...)
	crashTest(t, 1, ways, func(c *crashes, w way, call int) (hit bool, calls int, err error) {
		for _, off := range []bool{true, false} {
			cut, counted, failed := c.move(w.at(call), w.copies, off)
			hit, calls = hit || cut, max(calls, counted)
			if failed != nil {
				return hit, calls, fmt.Errorf("off it %v: %w", off, failed)
			}
		}
		return hit, calls, nil
	})
}

// way is how targets are cut, at each of many calls.
type way struct {
	cut
	durability object.Durability
	copies     int
}

func (w way) at(call int) cut {
	k := w.cut
	k.call = call
	return k
}

func (w way) String() string {
	return fmt.Sprintf("%s-%s-%d%%-%s-%d", w.id, w.durability, w.percent, [...]string{"within", "at-once", "later"}[w.back], w.copies)
}

// waysOf returns all ways to cut some targets, with kill -9 and with a loss of power.
func waysOf(ids []string, copies, backs []int) (ways []way) {
	for _, id := range ids {
		for _, how := range []way{{durability: object.Process, cut: cut{percent: 100}}, {durability: object.Power}, {durability: object.Power, cut: cut{percent: 50}}} {
			for _, back := range backs {
				for _, count := range copies {
					w := how
					w.id, w.back, w.copies = id, back, count
					ways = append(ways, w)
				}
			}
		}
	}
	return ways
}

// crashTest cuts a target at every call in every way, or at some in one way for each target.
// run does what is cut at a call, and returns how many calls it had.
func crashTest(t *testing.T, some int, ways []way, run func(c *crashes, w way, call int) (hit bool, calls int, err error)) {
	if *everyCall {
		for _, w := range ways {
			t.Run(w.String(), func(t *testing.T) {
				t.Parallel()
				for next := 1; next > 0; { // after a failure with new targets
					from := next
					next = 0
					t.Run(fmt.Sprint("from ", from), func(t *testing.T) { sweepCalls(t, w, from, &next, run) })
				}
			})
		}
		return
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	c := startCrashes(t)
	left := slices.Clone(ways)
	for len(left) > 0 {
		id := left[0].id
		of := slices.DeleteFunc(slices.Clone(left), func(w way) bool { return w.id != id })
		left = slices.DeleteFunc(left, func(w way) bool { return w.id == id })
		calls := 0
		for i := range some + 1 {
			w, call := of[random.IntN(len(of))], 1<<30 // the first counts
			if i > 0 {
				call = 1 + random.IntN(calls)
			}
			_, counted, err := c.point(t, w, call, run)
			if err != nil {
				t.Fatal(err)
			}
			calls = max(calls, counted)
		}
	}
}

// sweepCalls cuts a target at every call from one on, until it is not cut any more: what
// works in the background makes some more or fewer calls. next becomes where to go on
// after a failure.
func sweepCalls(t *testing.T, w way, from int, next *int, run func(c *crashes, w way, call int) (hit bool, calls int, err error)) {
	c := startCrashes(t)
	cuts := 0
	for call, missed := from, 0; missed < 2; call++ {
		*next = call + 1
		hit, _, err := c.point(t, w, call, run)
		if err != nil {
			t.Fatal(err)
		}
		if hit {
			cuts++
			missed = 0
		} else {
			missed++
		}
	}
	*next = 0
	t.Logf("%v: cut at %d calls", w, cuts)
}

// point cuts a target at one call.
func (c *crashes) point(t *testing.T, w way, call int, run func(c *crashes, w way, call int) (hit bool, calls int, err error)) (hit bool, calls int, err error) {
	began := time.Now()
	c.durability = w.durability
	hit, calls, err = run(c, w, call)
	err = errors.Join(err, c.failure())
	t.Logf("%v, call %d: %v of %d, %v", w, call, hit, calls, time.Since(began).Round(time.Millisecond))
	if err != nil {
		err = fmt.Errorf("%v: %w", w.at(call), err)
	}
	return hit, calls, err
}
