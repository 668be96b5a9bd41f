package e2e

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ais/internal/history"
)

var (
	consistencySeed   = flag.Uint64("consistency.seed", 0, "run the consistency test with this seed alone, as a failure printed it")
	consistencyTime   = flag.Duration("consistency.time", 0, "how long each seed of the consistency test runs")
	consistencySeeds  = flag.Int("consistency.seeds", 0, "how many seeds the consistency test runs with")
	consistencyFaults = flag.String("consistency.faults", "", "the faults that the consistency test causes, separated by commas; all causes all, none none (default: all in make test-long, else those that change no membership)")
)

// TestConsistency lets clients work on a few keys through all nodes while processes are
// killed and paused, the network is cut and disks fill and fail; what the clients saw
// must be what a store with one copy of each key could have answered. A failure prints
// the seed, from which the faults follow; replay it with
//
//	AIS_E2E=1 go test ./internal/e2e -run 'TestConsistency$' -consistency.seed N -consistency.time 60s
func TestConsistency(t *testing.T) {
	seeds, length := 2, 12*time.Second
	if long() {
		seeds, length = 30, time.Minute
	}
	if *consistencyTime != 0 {
		length = *consistencyTime
	}
	if *consistencySeeds != 0 {
		seeds = *consistencySeeds
	}
	all := []uint64{*consistencySeed}
	if *consistencySeed == 0 {
		all = nil
		for range seeds {
			all = append(all, rand.Uint64N(1_000_000)+1)
		}
	}
	for _, seed := range all {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { checkConsistency(t, seed, length) })
	}
}

// kindsOfFaults returns those that are to be caused.
func kindsOfFaults() []string {
	switch *consistencyFaults {
	case "":
		if long() {
			return slices.Sorted(maps.Keys(faultKinds))
		}
		kinds := slices.Sorted(maps.Keys(faultKinds))
		return slices.DeleteFunc(kinds, func(kind string) bool {
			return slices.Contains([]string{"join", "leave", "copies", "maintenance"}, kind)
		})
	case "all":
		return slices.Sorted(maps.Keys(faultKinds))
	case "none":
		return nil
	}
	return strings.Split(*consistencyFaults, ",")
}

// shapes are the clusters that seeds choose from.
var shapes = []Options{
	{Proxies: 2, Targets: 3},
	{Proxies: 3, Targets: 4, Members: 3},
	{Proxies: 2, Targets: 5},
}

// spareTargets is how many targets may join in a run.
const spareTargets = 2

func checkConsistency(t *testing.T, seed uint64, length time.Duration) {
	r := rand.New(rand.NewPCG(seed, 0))
	o := shapes[r.IntN(len(shapes))]
	o.Network, o.Plain = true, r.IntN(2) == 0 // half of the runs look for races, the others do more
	mirrored := r.IntN(2) == 0
	n := &nemesis{disks: map[string]string{}, links: map[string]int{}, leaving: map[string]bool{}}
	o.TargetArgs = []string{"--reserve", "16MiB"}
	for i := range o.Targets + spareTargets {
		for k := range 2 {
			disk := tmpfs(t, "192m")
			if err := os.Mkdir(filepath.Join(disk, "mp"), 0o755); err != nil {
				t.Fatal(err)
			}
			n.disks[fmt.Sprintf("target%d/%d", i+1, k+1)] = disk
		}
	}
	dirs := map[string]string{}
	for name, disk := range n.disks { // a mountpath can be taken away and given back
		dirs[name] = t.TempDir()
		asRoot(t, "mount", "--bind", disk+"/mp", dirs[name])
		t.Cleanup(func() { _ = tryAsRoot("umount", "-l", dirs[name]) })
	}
	o.Disk = func(target, k int) string { return dirs[fmt.Sprintf("target%d/%d", target, k)] }
	c := Start(t, o)
	w := &workload{c: c, h: history.New(), seed: seed}
	n.c, n.h, n.members = c, w.h, slices.Concat(c.Names("proxy"), c.Names("target"))
	var spares []string
	for i := range spareTargets {
		if err := c.addTarget(o.Targets + i + 1); err != nil {
			t.Fatal(err)
		}
		spares = append(spares, fmt.Sprint("target", o.Targets+i+1))
	}
	var faults []fault
	if kinds := kindsOfFaults(); len(kinds) > 0 {
		faults = plan(seed, length, c.Names("proxy"), c.Names("target")[:o.Targets], spares, kinds)
	}
	t.Cleanup(func() {
		for _, node := range c.nodes { // so that it can end
			_ = node.signal(syscall.SIGCONT)
		}
		if t.Failed() {
			w.keep(t, seed)
		}
		t.Logf("replay with -consistency.seed %d -consistency.time %s; %d proxies, %d targets; the nemesis did\n%s", seed, length, o.Proxies, o.Targets, strings.Join(n.did, "\n"))
	})
	w.buckets = consistencyBuckets(t, c, mirrored)
	n.buckets = w.buckets
	for i := range 6 {
		w.keys = append(w.keys, fmt.Sprintf("k%d", i))
	}
	w.h.Begin()
	w.attack(n, faults, length)
	n.healAll(t, faults)
	w.readAll(t, n.members)
	w.verdict(t, seed)
}

// consistencyBuckets makes a bucket of each number of copies, with mirrors or without.
func consistencyBuckets(t *testing.T, c *Cluster, mirrored bool) []string {
	t.Logf("mirrors: %t", mirrored)
	p := newPlain(c.URL(t, "proxy1"))
	var names []string
	for copies := 1; copies <= 3; copies++ {
		name := fmt.Sprintf("copies%d-%06x", copies, rand.N(1<<24))
		p.do(t, "POST", "/v1/buckets/"+name, fmt.Appendf(nil, `{"action":"create-bck","value":{"copies":%d,"mirror":{"enabled":%t},"checksum":{"type":"md5"}}}`, copies, mirrored), "Content-Type: application/json").want(t, 200, "")
		names = append(names, name)
	}
	return names
}

// watchers is how many clients do nothing but read, of targets straight.
const watchers = 4

// attack lets clients work while the nemesis does.
func (w *workload) attack(n *nemesis, faults []fault, length time.Duration) {
	stop := make(chan struct{})
	var working sync.WaitGroup
	for i := range 12 {
		nodes := w.c.Names("proxy")
		if i%2 == 1 { // S3 is spoken by targets, too
			nodes = slices.Clone(n.members)
		}
		k := w.client(i, nodes, []time.Duration{2 * time.Second, 4 * time.Second, 15 * time.Second}[i%3])
		k.goes = i%4 == 2
		working.Go(func() { k.run(stop) })
	}
	for i := range watchers {
		k := w.client(20+i, w.c.Names("target"), time.Second)
		working.Go(func() { k.watch(stop) })
	}
	working.Go(func() { n.run(faults, stop) })
	<-time.After(length - w.h.Now())
	close(stop)
	working.Wait()
}

// readAll reads and lists everything through every node, until all of them answer. Nobody
// writes any more: all must say the same.
func (w *workload) readAll(t *testing.T, members []string) {
	t.Helper()
	k := w.client(90, members, 15*time.Second)
	for _, bucket := range w.buckets {
		for _, node := range k.nodes {
			Eventually(t, time.Minute, node+" lists "+bucket, func() error {
				if !k.list(node, bucket, 1000) {
					return fmt.Errorf("it does not")
				}
				return nil
			})
		}
		for _, key := range w.keys {
			said := map[string]string{}
			for _, node := range k.nodes {
				op := history.Op{Client: k.id, Node: node, Bucket: bucket, Key: key}
				Eventually(t, time.Minute, node+" reads "+bucket+"/"+key, func() error {
					if !k.get(op, "GET") {
						return fmt.Errorf("it does not")
					}
					return nil
				})
				said[k.seen[bucket+"/"+key]] += " " + node
			}
			if len(said) != 1 {
				t.Errorf("%s/%s at the end, by ETag: %v", bucket, key, said)
			}
		}
	}
	for _, bucket := range w.buckets { // and everything can be written again
		for _, key := range w.keys {
			op := history.Op{Client: k.id, Node: k.nodes[0], Bucket: bucket, Key: key}
			Eventually(t, time.Minute, "writing "+bucket+"/"+key, func() error {
				if !k.put(op) || !k.get(op, "GET") {
					return fmt.Errorf("no")
				}
				return nil
			})
		}
	}
}

// verdict checks the history.
func (w *workload) verdict(t *testing.T, seed uint64) {
	t.Helper()
	began := time.Now()
	wrong, violations := w.h.Check(historyFolder(seed))
	counts, pages := w.h.Counts()
	t.Logf("%d answered, %d refused, %d unknown, %d pages; checked in %s",
		counts[history.Done], counts[history.Refused]+counts[history.Missing], counts[history.Unknown], pages, time.Since(began).Round(time.Millisecond))
	for _, text := range wrong[:min(len(wrong), 15)] {
		t.Error(text)
	}
	for _, v := range violations[:min(len(violations), 5)] {
		t.Error(v)
	}
	if len(wrong)+len(violations) > 0 {
		t.Errorf("%d answers are wrong, the histories of %d keys are impossible", len(wrong), len(violations))
	}
	if counts[history.Done] < 200 {
		t.Errorf("only %d operations were answered", counts[history.Done])
	}
}

func historyFolder(seed uint64) string {
	return filepath.Join(root(), ".cache", "consistency", fmt.Sprint(seed))
}

// keep leaves the whole history of a run that failed in a folder, and the nodes' logs.
func (w *workload) keep(t *testing.T, seed uint64) {
	t.Helper()
	folder := historyFolder(seed)
	var all bytes.Buffer
	if err := errors.Join(w.h.Write(&all), os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, "history.txt"), all.Bytes(), 0o644)); err != nil {
		t.Error(err)
	}
	for _, n := range w.c.nodes {
		if data, err := os.ReadFile(n.log); err == nil {
			_ = os.WriteFile(filepath.Join(folder, n.name+".log"), data, 0o644)
		}
	}
	t.Logf("the history and the logs are in %s", folder)
}
