package main

import (
	"os/exec"
	"strings"
	"testing"
)

// What the nodes need is not linked into the command line: it would make it start
// slowly.
func TestNoHeavyPackages(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 100 {
		t.Fatalf("go list names only %d packages", len(deps))
	}
	for _, dep := range deps {
		for _, heavy := range []string{
			"go.etcd.io/", "github.com/cockroachdb/", "github.com/aws/", "github.com/minio/minio-go", "google.golang.org/grpc",
			"ais/fs", "ais/target", "ais/proxy", "ais/backend", "ais/cluster/etcd",
		} {
			if strings.HasPrefix(dep, heavy) {
				t.Errorf("%s is linked into ais", dep)
			}
		}
	}
}
