package e2e

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// troubles are what no node may log, whatever is done to it.
var troubles = []string{"WARNING: DATA RACE", "panic: ", "fatal error: ", "panic recovered"}

// watch makes the test fail if a node logs trouble from now on, and shows the
// logs of a test that fails.
func (c *Cluster) watch(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		for _, n := range c.nodes {
			if found := n.trouble(); found != "" {
				t.Errorf("%s logged:\n%s", n.name, found)
			}
		}
		if t.Failed() {
			t.Logf("the nodes' logs end so:\n%s", clip(c.logTails(15), 24000))
		}
	})
}

// trouble searches what was logged since the last call.
func (n *node) trouble() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	data, err := os.ReadFile(n.log)
	if err != nil {
		return ""
	}
	fresh := data[min(n.checked, int64(len(data))):]
	n.checked = int64(len(data))
	for _, text := range troubles {
		if i := bytes.Index(fresh, []byte(text)); i >= 0 {
			from := bytes.LastIndexByte(fresh[:max(0, i-4000)], '\n') + 1 // with where it happened, which is logged first
			return clip(string(fresh[from:]), 10000)
		}
	}
	return ""
}

func clip(s string, limit int) string {
	if len(s) > limit {
		return s[:limit] + " …"
	}
	return s
}

// Eventually polls cond until it returns nil, or fails the test with what it
// returned last.
func Eventually(t testing.TB, limit time.Duration, what string, cond func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := cond()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s: %v", what, limit, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Memory is a process's memory in MiB, from /proc: resident now, and at most.
type Memory struct{ Now, Peak int }

// Memory returns a node's.
func (c *Cluster) Memory(t testing.TB, name string) Memory {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.node(t, name).pid()))
	if err != nil {
		t.Fatal(err)
	}
	var m Memory
	for line := range strings.SplitSeq(string(data), "\n") {
		var kib int
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			m.Now = kib >> 10
		}
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			m.Peak = kib >> 10
		}
	}
	return m
}

// Log returns all that a node logged.
func (c *Cluster) Log(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(c.node(t, name).log)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
