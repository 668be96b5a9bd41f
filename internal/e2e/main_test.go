package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
)

func TestMain(m *testing.M) {
	if os.Getenv("AIS_E2E") == "" {
		fmt.Println("internal/e2e runs with AIS_E2E=1 (make e2e); it starts clusters and needs the clients that make test installs")
		os.Exit(0)
	}
	if err := build(false); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	stopShared()
	os.Exit(code)
}

// long reports whether the tests may take their time.
func long() bool { return os.Getenv("AIS_E2E") == "long" }

// buildRace builds the programs with the race detector, for the first cluster that
// wants them.
var buildRace = sync.OnceValue(func() error { return build(true) })

func build(race bool) error {
	args, cgo := []string{"build", "-o", binaries(race) + "/"}, "0"
	if race {
		args, cgo = append(args, "-race"), "1"
	}
	cmd := exec.Command("go", append(args, "./cmd/...")...)
	cmd.Dir, cmd.Env = root(), append(os.Environ(), "CGO_ENABLED="+cgo)
	if err := os.MkdirAll(binaries(race), 0o755); err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %v: %w\n%s", args, err, out)
	}
	return nil
}
