package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ais/api"
)

// do causes a fault.
func (n *nemesis) do(f fault) error {
	switch f.kind {
	case "kill-target", "kill-proxy":
		n.node(f).end(syscall.SIGKILL)
		return nil
	case "pause-target", "pause-proxy":
		return n.node(f).signal(syscall.SIGSTOP)
	case "cut", "cut-one-way", "cut-etcd", "isolate":
		return n.eachLink(f, n.cut)
	case "fill":
		return n.fill(f)
	case "break":
		return inOrder("umount -l " + n.c.mountpath(targetNumber(f.nodes[0]), f.disk()))
	case "maintenance":
		return n.order("PUT", "/v1/cluster", `{"action":"start-maintenance","value":{"sid":"%s","skip_rebalance":%v}}`, f.nodes[0], f.number%2 == 0)
	case "join":
		n.members = append(n.members, f.nodes[0])
		return n.node(f).start()
	case "leave":
		return n.leave(f.nodes[0])
	case "copies":
		return n.order("PATCH", "/v1/buckets/"+n.buckets[f.number%3%len(n.buckets)], `{"action":"set-bprops","value":{"copies":%d}}`, 1+f.number/3)
	}
	return fmt.Errorf("no such fault: %s", f.kind)
}

// undo makes a fault good.
func (n *nemesis) undo(f fault) error {
	switch f.kind {
	case "kill-target", "kill-proxy":
		return n.revive(f.nodes[0])
	case "pause-target", "pause-proxy":
		return n.node(f).signal(syscall.SIGCONT)
	case "cut", "cut-one-way", "cut-etcd", "isolate":
		return n.eachLink(f, n.heal)
	case "fill":
		return os.Remove(n.filler(f))
	case "break":
		return inOrder("mount --bind " + n.disks[fmt.Sprint(f.nodes[0], "/", f.disk())] + "/mp " + n.c.mountpath(targetNumber(f.nodes[0]), f.disk()))
	case "maintenance":
		return n.order("PUT", "/v1/cluster", `{"action":"stop-maintenance","value":{"sid":"%s"}}`, f.nodes[0])
	}
	return nil
}

func (n *nemesis) node(f fault) *node { return n.c.nodeNamed(f.nodes[0]) }

// leave tells a target to leave for good.
func (n *nemesis) leave(name string) error {
	err := n.order("PUT", "/v1/cluster", `{"action":"decommission-node","value":{"sid":"%s"}}`, name)
	switch {
	case err == nil:
		n.leaving[name] = true
	case strings.HasPrefix(err.Error(), "4"):
		delete(n.leaving, name)
	default:
		n.leaving[name] = false // it may have been told, or not
	}
	return err
}

// revive starts a node that does not run.
func (n *nemesis) revive(name string) error {
	node := n.c.nodeNamed(name)
	if node.running() {
		return nil
	}
	node.end(syscall.SIGKILL) // what ended by itself is forgotten
	return node.start()
}

// running reports whether the node's process is there, paused or not.
func (n *node) running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return false
	}
	select {
	case <-n.done:
		return false
	default:
		return true
	}
}

// supervise starts again what ended by itself, as an init system does, but for who was told to leave.
func (n *nemesis) supervise() {
	for _, name := range n.members {
		node := n.c.nodeNamed(name)
		node.mu.Lock()
		killed := node.cmd == nil
		node.mu.Unlock()
		if !killed && !node.running() && !n.toldToLeave(name) {
			n.say("%s ended by itself, and is started: %v", name, n.revive(name))
		}
	}
}

func (n *nemesis) toldToLeave(name string) bool {
	_, told := n.leaving[name]
	return told
}

// order sends a native call to one proxy after the other until it is answered.
func (n *nemesis) order(method, path, body string, args ...any) error {
	var err error
	for _, name := range n.c.Names("proxy") {
		p := newPlain("http://" + n.c.nodeNamed(name).public())
		p.http.Timeout = 4 * time.Second
		var a answer
		a, err = p.request(method, path, strings.NewReader(fmt.Sprintf(body, args...)), "Content-Type: application/json")
		if err == nil && a.status >= 300 {
			err = fmt.Errorf("%v", a)
		}
		if err == nil || a.status/100 == 4 {
			return err
		}
	}
	return err
}

// eachLink does something to each direction that a fault loses.
func (n *nemesis) eachLink(f fault, do func(from, to string) error) error {
	if f.kind == "cut-one-way" {
		return do(f.nodes[1], f.nodes[0])
	}
	others := f.nodes[1:]
	switch f.kind {
	case "cut-etcd":
		others = n.c.Names("proxy")[:len(n.c.peers)]
	case "isolate":
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
	return filepath.Join(n.disks[fmt.Sprint(f.nodes[0], "/", f.disk())], "filler")
}

// leftOnFull is what a filled disk has left: less than the reserve below which a
// target takes no objects, and enough for its index.
const leftOnFull = 12 << 20

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

// healAll undoes what is not undone, starts what does not run, and waits until all that
// are members serve, all copies are in sync and nothing is moved.
func (n *nemesis) healAll(t *testing.T, faults []fault) {
	t.Helper()
	for i := range faults {
		if f := &faults[i]; !f.undone && f.at < n.h.Now() && f.kind != "maintenance" {
			_ = n.undo(*f) // what was good already is no failure
			f.undone = true
		}
	}
	Eventually(t, 2*time.Minute, "everything is well after it was healed", func() error {
		members, err := n.inMap()
		if err != nil {
			for _, name := range n.c.Names("proxy") { // who tells who is a member
				_ = n.revive(name)
			}
			return err
		}
		for i := range faults {
			if f := &faults[i]; f.kind == "maintenance" && !f.undone && f.at < n.h.Now() {
				f.undone = n.undo(*f) == nil || !slices.Contains(members, f.nodes[0])
			}
		}
		for _, name := range n.members {
			if err := n.well(name, members); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return n.settled()
	})
	members, err := n.inMap()
	if err != nil {
		t.Fatal(err)
	}
	n.members = members
}

// well reports what a node lacks: it serves, or has left as it was told.
func (n *nemesis) well(name string, members []string) error {
	sure, told := n.leaving[name]
	if told && !slices.Contains(members, name) {
		return nil
	}
	if err := n.revive(name); err != nil {
		return err
	}
	if err := n.c.nodeNamed(name).ready(); err != nil {
		return err
	}
	if told && !sure {
		_ = n.leave(name)
	}
	if n.leaving[name] {
		return errors.New("it has not left yet")
	}
	return nil
}

// settled reports whether copies are behind or objects are to be moved.
func (n *nemesis) settled() error {
	resp, err := http.Get("http://" + n.c.nodes[0].public() + "/metrics")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the metrics: %s %w", resp.Status, err)
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		if (strings.HasPrefix(line, "ais_cluster_target_behind") || strings.HasPrefix(line, "ais_cluster_buckets_unmoved")) && !strings.HasSuffix(line, " 0") {
			return errors.New(line)
		}
	}
	return nil
}

// inMap returns the nodes that are members.
func (n *nemesis) inMap() ([]string, error) {
	var m api.ClusterMap
	p := newPlain("http://" + n.c.nodes[0].public())
	p.http.Timeout = 5 * time.Second
	a, err := p.request("GET", "/v1/daemon?what=smap", nil)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("the cluster map: %v", a)
	}
	if err := json.Unmarshal(a.body, &m); err != nil {
		return nil, err
	}
	var names []string
	for _, name := range slices.Concat(n.c.Names("proxy"), n.c.Names("target")) {
		_, proxy := m.Proxies[name]
		if _, target := m.Targets[name]; proxy || target {
			names = append(names, name)
		}
	}
	return names, nil
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
