package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// script is a shell in which the clients are on the PATH and the cluster's
// addresses in the environment, as after deploy/playground.sh env.
type script struct {
	dir       string
	env       []string
	functions string // bash that comes before every script
}

// Shell returns a shell for the cluster, working in a directory of its own, in
// which clients act as root where the cluster has users.
//
//	ENDPOINT  http://localhost:8080/s3    HOST  localhost:8080
func (c *Cluster) Shell(t testing.TB) script {
	host := c.Host(t, "proxy1")
	home := t.TempDir()
	return script{dir: home, env: append(append(cleanEnv(), c.clientEnv("root", host)...),
		"HOME="+home,
		"PATH="+strings.Join([]string{filepath.Join(root(), ".venv/bin"), binaries(false), os.Getenv("PATH"), "/usr/sbin"}, ":"),
		"SRC="+goSource(t),
	)}
}

// cleanEnv is the environment without what steers the clients or the nodes.
func cleanEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "AIS_") || strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "RCLONE_") || name == "HOME" || name == "PATH" {
			continue
		}
		env = append(env, v)
	}
	return env
}

// goSource returns the folder of Go's own source: thousands of real files.
func goSource(t testing.TB) string {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "src")
}

// try runs a bash script and returns what it printed.
func (s script) try(t testing.TB, text string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", s.functions+text)
	cmd.Dir, cmd.Env = s.dir, s.env
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// run is try for scripts that must succeed.
func (s script) run(t testing.TB, text string) string {
	t.Helper()
	out, err := s.try(t, text)
	if err != nil {
		t.Fatalf("%v\n%s\nprinted:\n%s", err, text, clip(out, 6000))
	}
	return out
}

// python runs a Python program with boto3 at hand.
func (s script) python(t testing.TB, program string) string {
	t.Helper()
	file := filepath.Join(s.dir, "program.py")
	if err := os.WriteFile(file, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	return s.run(t, "python3 "+file)
}

func (s script) write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// wantIn fails the test unless the text contains every one of the parts.
func wantIn(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in:\n%s", part, clip(text, 4000))
		}
	}
}
