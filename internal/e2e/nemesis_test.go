package e2e

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ais/internal/history"
)

// fault is one thing that goes wrong with the cluster, and is made good again.
type fault struct {
	kind        string
	nodes       []string // whom it hits; of a cut both ends
	at, until   time.Duration
	disk        int  // of the target: which mountpath
	thereToHere bool // of a cut: only what the second sends to the first is lost
	undone      bool
}

func (f fault) String() string {
	text := f.kind + " " + strings.Join(f.nodes, " ")
	switch f.kind {
	case "fill", "break":
		text += fmt.Sprint(" mountpath ", f.disk)
	case "cut-one-way":
		text = fmt.Sprintf("%s from %s to %s", f.kind, f.nodes[1], f.nodes[0])
	}
	return text
}

// faultKinds are the faults that there are, and for how long each may last.
var faultKinds = map[string][2]time.Duration{
	"kill-target":  {500 * time.Millisecond, 15 * time.Second},
	"kill-proxy":   {500 * time.Millisecond, 8 * time.Second}, // of the first: etcd, too
	"pause-target": {time.Second, 10 * time.Second},
	"pause-proxy":  {time.Second, 10 * time.Second},
	"cut":          {time.Second, 12 * time.Second}, // between two nodes
	"cut-one-way":  {time.Second, 12 * time.Second},
	"isolate":      {time.Second, 12 * time.Second}, // from all other nodes, not from clients
	"fill":         {2 * time.Second, 10 * time.Second},
	"break":        {2 * time.Second, 10 * time.Second},
}

// plan says what goes wrong when, a pure function of its arguments.
func plan(seed uint64, length time.Duration, proxies, targets []string, kinds []string) []fault {
	r := rand.New(rand.NewPCG(seed, 1))
	between := func(a, b time.Duration) time.Duration { return a + time.Duration(r.Int64N(int64(b-a)+1)) }
	calm := []time.Duration{6 * time.Second, 3 * time.Second, 1200 * time.Millisecond}[r.IntN(3)] // how much happens at once
	var all []fault
	busy := map[string]time.Duration{} // until when a node has a fault
	for at := between(500*time.Millisecond, 2*time.Second); at < length-time.Second; at += between(calm/4, 2*calm) {
		kind := kinds[r.IntN(len(kinds))]
		f := fault{kind: kind, at: at, disk: 1 + r.IntN(2)}
		f.until = min(at+between(faultKinds[kind][0], faultKinds[kind][1]), length)
		among := targets
		switch {
		case strings.HasSuffix(kind, "-proxy"):
			among = proxies
		case strings.HasPrefix(kind, "cut") || kind == "isolate":
			among = slices.Concat(targets, proxies)
		}
		first := among[r.IntN(len(among))]
		second := among[r.IntN(len(among))]
		if busy[first] > at || first == second && strings.HasPrefix(kind, "cut") {
			continue
		}
		busy[first] = f.until
		f.nodes = []string{first}
		if strings.HasPrefix(kind, "cut") {
			f.nodes = append(f.nodes, second)
		}
		all = append(all, f)
	}
	return all
}

// nemesis does what a plan says.
type nemesis struct {
	c     *Cluster
	h     *history.History
	disks map[string]string // by target/mountpath: the file system it is on
	did   []string
	links map[string]int // how many faults lose what goes from one to another
}

// run does the plan, and returns when all of it is done, or stop is closed.
func (n *nemesis) run(faults []fault, stop <-chan struct{}) {
	type step struct {
		at    time.Duration
		fault *fault
		undo  bool
	}
	var steps []step
	for i := range faults {
		steps = append(steps, step{faults[i].at, &faults[i], false}, step{faults[i].until, &faults[i], true})
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	for _, s := range steps {
		select {
		case <-stop:
			return
		case <-time.After(s.at - n.h.Now()):
		}
		start := n.h.Now()
		var err error
		if s.undo {
			err = n.undo(*s.fault)
			s.fault.undone = true
			n.h.AddEvent(history.Event{What: s.fault.String(), Start: s.fault.at, End: n.h.Now()})
		} else {
			s.fault.at = start
			err = n.do(*s.fault)
		}
		n.did = append(n.did, fmt.Sprintf("%9.3fs – %9.3fs  %s %s %v", start.Seconds(), n.h.Now().Seconds(), map[bool]string{false: "do  ", true: "undo"}[s.undo], s.fault, errOr(err, "")))
	}
}

func errOr(err error, text string) string {
	if err != nil {
		return err.Error()
	}
	return text
}

func (n *nemesis) do(f fault) error {
	node := n.c.nodeNamed(f.nodes[0])
	switch f.kind {
	case "kill-target", "kill-proxy":
		node.end(syscall.SIGKILL)
		return nil
	case "pause-target", "pause-proxy":
		return node.signal(syscall.SIGSTOP)
	case "cut", "cut-one-way", "isolate":
		return n.eachLink(f, n.cut)
	case "fill":
		return n.fill(f)
	case "break":
		return inOrder("umount -l " + n.c.mountpath(targetNumber(f.nodes[0]), f.disk))
	}
	return fmt.Errorf("no such fault: %s", f.kind)
}

func (n *nemesis) undo(f fault) error {
	node := n.c.nodeNamed(f.nodes[0])
	switch f.kind {
	case "kill-target", "kill-proxy":
		return node.start()
	case "pause-target", "pause-proxy":
		return node.signal(syscall.SIGCONT)
	case "cut", "cut-one-way", "isolate":
		return n.eachLink(f, n.heal)
	case "fill":
		return os.Remove(n.filler(f))
	case "break":
		disk := n.disks[fmt.Sprint(f.nodes[0], "/", f.disk)]
		return inOrder("mount --bind " + disk + "/mp " + n.c.mountpath(targetNumber(f.nodes[0]), f.disk))
	}
	return fmt.Errorf("no such fault: %s", f.kind)
}

// eachLink does something to each direction that a fault loses.
func (n *nemesis) eachLink(f fault, do func(from, to string) error) error {
	if f.kind == "cut-one-way" {
		return do(f.nodes[1], f.nodes[0])
	}
	others := f.nodes[1:]
	if f.kind == "isolate" {
		others = slices.Concat(n.c.Names("proxy"), n.c.Names("target"))
	}
	for _, other := range others {
		if other == f.nodes[0] {
			continue
		}
		if err := do(f.nodes[0], other); err != nil {
			return err
		}
		if err := do(other, f.nodes[0]); err != nil {
			return err
		}
	}
	return nil
}

func (n *nemesis) cut(from, to string) error {
	n.links[from+">"+to]++
	return n.c.net.cut(from, to)
}

func (n *nemesis) heal(from, to string) error {
	if n.links[from+">"+to]--; n.links[from+">"+to] > 0 {
		return nil
	}
	return n.c.net.heal(from, to)
}

func targetNumber(name string) (i int) {
	_, _ = fmt.Sscanf(name, "target%d", &i)
	return i
}

func (n *nemesis) filler(f fault) string {
	return filepath.Join(n.disks[fmt.Sprint(f.nodes[0], "/", f.disk)], "filler")
}

// fill takes what room is left but for some, so that the disk is full for the target.
func (n *nemesis) fill(f fault) error {
	var st syscall.Statfs_t
	name := n.filler(f)
	if err := syscall.Statfs(filepath.Dir(name), &st); err != nil {
		return err
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer file.Close()
	left := int64(st.Bavail)*int64(st.Bsize) - leftOnFull
	if left <= 0 {
		return nil
	}
	return syscall.Fallocate(int(file.Fd()), 0, 0, left)
}

// leftOnFull is what a filled disk has left: less than the reserve below which a
// target takes no objects, and enough for its index.
const leftOnFull = 12 << 20

// healAll undoes what is not undone, and starts what does not run.
func (n *nemesis) healAll(t *testing.T, faults []fault) {
	t.Helper()
	for _, f := range faults {
		if !f.undone && f.at < n.h.Now() {
			_ = n.undo(f) // a node that runs again is no failure
		}
	}
	for _, node := range n.c.nodes {
		_ = node.start() // unless it runs
	}
	for _, node := range n.c.nodes {
		if err := node.await(time.Minute, node.ready); err != nil {
			t.Errorf("after everything was healed: %v", err)
		}
	}
}

// signal sends a signal to a node, unless it does not run.
func (n *node) signal(s syscall.Signal) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return nil
	}
	return n.cmd.Process.Signal(s)
}

// nodeNamed returns a node that there is.
func (c *Cluster) nodeNamed(name string) *node {
	return c.nodes[slices.IndexFunc(c.nodes, func(n *node) bool { return n.name == name })]
}

// The plan depends on the seed alone, and every fault comes up.
func TestNemesisPlan(t *testing.T) {
	var kinds []string
	for kind := range faultKinds {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	met := map[string]int{}
	for seed := range uint64(50) {
		make := func() []fault {
			return plan(seed, time.Minute, []string{"proxy1", "proxy2"}, []string{"target1", "target2", "target3"}, kinds)
		}
		once := make()
		if fmt.Sprint(once) != fmt.Sprint(make()) {
			t.Fatalf("seed %d has two plans", seed)
		}
		for _, f := range once {
			met[f.kind]++
			if f.until <= f.at || f.until > time.Minute {
				t.Errorf("%v from %s until %s", f, f.at, f.until)
			}
		}
	}
	if len(met) != len(kinds) {
		t.Errorf("of %v there were %v", kinds, met)
	}
}
