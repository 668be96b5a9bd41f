package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// shared are the clusters that several tests use, each test with buckets of its
// own. They live until the tests are over.
var shared = struct {
	mu       sync.Mutex
	clusters map[string]*Cluster
}{clusters: map[string]*Cluster{}}

// Shared returns a cluster that no test may kill nodes of or change settings
// of, the same for equal options (of those without a Disk).
func Shared(t *testing.T, o Options) *Cluster {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	key := fmt.Sprintf("%+v", o)
	c := shared.clusters[key]
	if c == nil {
		dir, err := os.MkdirTemp("", "ais-e2e-")
		if err != nil {
			t.Fatal(err)
		}
		if c, err = launch(dir, o); err != nil {
			t.Fatal(err)
		}
		shared.clusters[key] = c
	}
	c.watch(t)
	return c
}

func stopShared() {
	for _, c := range shared.clusters {
		c.stop()
		os.RemoveAll(c.Dir)
	}
	stopMoto()
}

// root returns the folder of the module.
func root() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	for dir != "/" {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	panic("e2e runs within the module")
}

// binaries returns where the programs under test are built to.
func binaries(race bool) string {
	if race {
		return filepath.Join(root(), ".cache", "race")
	}
	return filepath.Join(root(), ".cache", "plain")
}
