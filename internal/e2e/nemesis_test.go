package e2e

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"ais/internal/history"
)

// fault is one thing that goes wrong with the cluster, and is made good again.
type fault struct {
	kind      string
	nodes     []string // whom it hits; of a cut both ends
	at, until time.Duration
	number    int // of the target's mountpath, or of the bucket, and what is made of it
	undone    bool
}

func (f fault) String() string {
	text := f.kind + " " + strings.Join(f.nodes, " ")
	switch f.kind {
	case "fill", "break":
		text += fmt.Sprint(" mountpath ", f.disk())
	case "copies":
		text = fmt.Sprintf("copies of bucket %d: %d", f.number%3, 1+f.number/3)
	case "cut-one-way":
		text = fmt.Sprintf("%s from %s to %s", f.kind, f.nodes[1], f.nodes[0])
	}
	return text
}

// faultKinds are the faults that there are, and for how long each may last.
var faultKinds = map[string][2]time.Duration{
	"kill-target":  {500 * time.Millisecond, 15 * time.Second},
	"kill-proxy":   {500 * time.Millisecond, 8 * time.Second}, // of the first: etcd, too
	"pause-target": {time.Second, 14 * time.Second},           // half of them for longer than its lease and until others have replaced it
	"pause-proxy":  {time.Second, 10 * time.Second},
	"cut":          {time.Second, 12 * time.Second}, // between two nodes
	"cut-one-way":  {time.Second, 12 * time.Second},
	"isolate":      {time.Second, 12 * time.Second},     // from all other nodes, not from clients
	"cut-etcd":     {6 * time.Second, 14 * time.Second}, // of a target, for longer than its lease
	"fill":         {2 * time.Second, 10 * time.Second},
	"break":        {2 * time.Second, 10 * time.Second},
	"maintenance":  {2 * time.Second, 10 * time.Second},
	"join":         {0, 0}, // of another target, for good
	"leave":        {0, 0},
	"copies":       {0, 0}, // another number for a bucket
}

// disk returns which of a target's two mountpaths is hit.
func (f fault) disk() int { return 1 + f.number%2 }

// planner makes plans.
type planner struct {
	r                        *rand.Rand
	length                   time.Duration
	proxies, targets, spares []string
	busy                     map[string]time.Duration // until when a node has a fault
	all                      []fault
}

func (p *planner) between(a, b time.Duration) time.Duration {
	return a + time.Duration(p.r.Int64N(int64(b-a)+1))
}

// plan says what goes wrong when, a pure function of its arguments. Spares are targets that may join.
func plan(seed uint64, length time.Duration, proxies, targets, spares []string, kinds []string) []fault {
	p := &planner{
		r: rand.New(rand.NewPCG(seed, 1)), length: length, busy: map[string]time.Duration{},
		proxies: proxies, targets: slices.Clone(targets), spares: slices.Clone(spares),
	}
	calm := []time.Duration{6 * time.Second, 3 * time.Second, 1200 * time.Millisecond}[p.r.IntN(3)] // how much happens at once
	for at := p.between(500*time.Millisecond, 2*time.Second); at < length-time.Second; at += p.between(calm/4, 2*calm) {
		p.add(kinds[p.r.IntN(len(kinds))], at)
	}
	return p.all
}

// add plans one fault, unless the node that it would hit has one.
func (p *planner) add(kind string, at time.Duration) {
	f := fault{kind: kind, at: at, number: p.r.IntN(9)}
	f.until = min(at+p.between(faultKinds[kind][0], faultKinds[kind][1]), p.length)
	among := p.targets
	switch {
	case strings.HasSuffix(kind, "-proxy"):
		among = p.proxies
	case strings.HasPrefix(kind, "cut") && kind != "cut-etcd" || kind == "isolate":
		among = slices.Concat(p.targets, p.proxies)
	case kind == "join":
		among = p.spares
	}
	if len(among) == 0 || kind == "leave" && (len(among) < 4 || at > p.length/2) {
		return
	}
	first := among[p.r.IntN(len(among))]
	second := among[p.r.IntN(len(among))]
	if p.busy[first] > at || first == second && (kind == "cut" || kind == "cut-one-way") {
		return
	}
	f.nodes = []string{first}
	switch kind {
	case "cut", "cut-one-way":
		f.nodes = append(f.nodes, second)
	case "join":
		p.spares = slices.DeleteFunc(p.spares, func(n string) bool { return n == first })
		p.targets = append(p.targets, first)
	case "leave": // nothing more happens to it
		p.targets = slices.DeleteFunc(p.targets, func(n string) bool { return n == first })
	case "copies":
		f.nodes = nil
	}
	if len(f.nodes) > 0 {
		p.busy[first] = f.until
	}
	p.all = append(p.all, f)
}

// nemesis does what a plan says.
type nemesis struct {
	c     *Cluster
	h     *history.History
	disks map[string]string // by target/mountpath: the file system it is on
	did   []string
	links map[string]int // how many faults lose what goes from one to another

	members []string        // the nodes that take part, or did
	leaving map[string]bool // of those: who was told to leave, and whether it is known that the order arrived
	buckets []string
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
		steps = append(steps, step{faults[i].at, &faults[i], false})
		if faults[i].until > faults[i].at {
			steps = append(steps, step{faults[i].until, &faults[i], true})
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	for _, s := range steps {
		select {
		case <-stop:
			return
		case <-time.After(s.at - n.h.Now()):
		}
		n.supervise()
		start := n.h.Now()
		if s.undo {
			err := n.undo(*s.fault)
			s.fault.undone = err == nil
			n.h.AddEvent(history.Event{What: s.fault.String(), Start: s.fault.at, End: n.h.Now()})
			n.say("good again: %v%s", s.fault, because(err))
			continue
		}
		s.fault.at = start
		err := n.do(*s.fault)
		n.say("%v%s", s.fault, because(err))
		if s.fault.until <= s.fault.at {
			n.h.AddEvent(history.Event{What: s.fault.String(), Start: start, End: n.h.Now()})
		}
	}
}

// say notes what was done.
func (n *nemesis) say(format string, args ...any) {
	n.did = append(n.did, fmt.Sprintf("%9.3fs  ", n.h.Now().Seconds())+fmt.Sprintf(format, args...))
}

func because(err error) string {
	if err != nil {
		return ": " + clip(err.Error(), 200)
	}
	return ""
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
		planned := func() []fault {
			return plan(seed, time.Minute, []string{"proxy1", "proxy2"}, []string{"target1", "target2", "target3", "target4"}, []string{"target5"}, kinds)
		}
		once := planned()
		if fmt.Sprint(once) != fmt.Sprint(planned()) {
			t.Fatalf("seed %d has two plans", seed)
		}
		for _, f := range once {
			met[f.kind]++
			if f.until < f.at || f.until > time.Minute {
				t.Errorf("%v from %s until %s", f, f.at, f.until)
			}
		}
	}
	if len(met) != len(kinds) {
		t.Errorf("of %v there were %v", kinds, met)
	}
}
