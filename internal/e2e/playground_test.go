package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// playgroundRun runs deploy/playground.sh on the binaries under test.
func playgroundRun(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(filepath.Join(root(), "deploy/playground.sh"), args...)
	cmd.Env = append(os.Environ(), "PLAYGROUND_BIN="+binaries(false))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func playground(t *testing.T, args ...string) string {
	t.Helper()
	out, err := playgroundRun(t, args...)
	if err != nil {
		t.Fatalf("playground.sh %v: %v\n%s", args, err, out)
	}
	return out
}

// freePlayground returns the flags of a playground that does not run yet, and
// ends it with the test.
func freePlayground(t *testing.T, port int, more ...string) []string {
	t.Helper()
	flags := append([]string{"--dir", filepath.Join(t.TempDir(), "pg"), "--port", fmt.Sprint(port)}, more...)
	t.Cleanup(func() {
		if out, err := playgroundRun(t, "down", flags[0], flags[1]); err != nil {
			t.Error(err, out)
		}
	})
	return flags
}

func TestPlayground(t *testing.T) {
	one := freePlayground(t, 14000, "--targets", "2", "--proxies", "2")
	two := freePlayground(t, 14100, "--targets", "1", "--mountpaths", "1")
	dir := one[:2]
	at := func(verb string, args ...string) []string { return append(append([]string{verb}, args...), dir...) }

	began := time.Now()
	playground(t, append([]string{"up"}, one...)...)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("up took %s", took)
	}
	playground(t, append([]string{"up"}, two...)...) // side by side
	wantIn(t, playground(t, at("up")...), "run already")
	wantIn(t, playground(t, at("status")...), "proxy2     ready", "target2    ready")

	first, second := newPlain("http://localhost:14000/s3"), newPlain("http://localhost:14100/s3")
	b := first.bucket(t)
	first.put(t, b, "k", []byte("v"))
	second.do(t, "HEAD", "/"+b, nil).want(t, 404, "")

	playground(t, at("kill", "target1")...)
	if out, err := playgroundRun(t, at("status")...); err == nil || !strings.Contains(out, "target1    down") {
		t.Errorf("status with a node down: %v\n%s", err, out)
	}
	playground(t, append([]string{"start", "target1"}, dir...)...) // flags follow the node
	playground(t, at("kill", "proxy1")...)
	wantIn(t, playground(t, at("up")...), "started proxy1")
	first.same(t, b, "k", []byte("v"))

	out, err := exec.Command("bash", "-euc", `eval "$(`+root()+`/deploy/playground.sh env `+strings.Join(dir, " ")+`)"; echo $AIS_ENDPOINT $S3_ENDPOINT $AWS_DEFAULT_REGION; command -v aws`).CombinedOutput()
	if err != nil {
		t.Errorf("env: %v %s", err, out)
	}
	wantIn(t, string(out), "http://localhost:14000 localhost:14000/s3 us-east-1", ".venv/bin/aws")
	wantIn(t, playground(t, at("logs", "target2")...), "target2")

	taken := freePlayground(t, 14000)
	if out, err := playgroundRun(t, append([]string{"up"}, taken...)...); err == nil || !strings.Contains(out, "port 14000") {
		t.Errorf("a port that is taken: %v\n%s", err, out)
	}
	playground(t, at("down")...)
	wantIn(t, playground(t, at("down")...), "nothing runs")
	second.do(t, "GET", "/", nil).want(t, 200, "") // the neighbour lives
	playground(t, at("up")...)                     // as it was called first
	wantIn(t, playground(t, at("status")...), "proxy2     ready")
	first.same(t, b, "k", []byte("v"))
	for _, bad := range [][]string{at("kill", "target9"), at("kill"), {"nonsense"}, at("up", "--port", "x"), at("up", "--targets", "1"), {"up", "--dir"}} {
		if out, err := playgroundRun(t, bad...); err == nil {
			t.Errorf("%v: no error\n%s", bad, out)
		}
	}
}
