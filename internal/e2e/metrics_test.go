package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// metric returns the sum of a node's counters whose name has the given text in it.
func (c *Cluster) metric(t testing.TB, name, text string) float64 {
	t.Helper()
	resp, err := http.Get(c.URL(t, name) + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status, err)
	}
	sum := 0.0
	for line := range strings.SplitSeq(string(data), "\n") {
		i := strings.LastIndexByte(line, ' ')
		if i < 0 || strings.HasPrefix(line, "#") || !strings.Contains(line[:i], text) {
			continue
		}
		if v, err := strconv.ParseFloat(line[i+1:], 64); err == nil {
			sum += v
		}
	}
	return sum
}

// A real Prometheus scrapes every node, and a query says what was done.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	c := Shared(t, Options{})
	b := c.Plain().bucket(t)
	dir := t.TempDir()
	ports, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	var nodes []string
	for _, n := range append(c.Names("proxy"), c.Names("target")...) {
		nodes = append(nodes, strconv.Quote(c.Host(t, n)))
	}
	config := fmt.Sprintf("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs: [{job_name: ais, static_configs: [{targets: [%s]}]}]\n", strings.Join(nodes, ", "))
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("prometheus", "--config.file="+dir+"/prometheus.yml", "--storage.tsdb.path="+dir+"/data", fmt.Sprintf("--web.listen-address=127.0.0.1:%d", ports[0]))
	out, err := os.Create(dir + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() }()
	ask := func(what, q string) (string, error) {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/api/v1/%s?query=%s", ports[0], what, url.QueryEscape(q)))
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		return string(data), err
	}
	expect := func(q, want string) {
		t.Helper()
		Eventually(t, 20*time.Second, q, func() error {
			got, err := ask("query", q)
			if err != nil || !strings.Contains(got, want) {
				state, _ := ask("targets", "")
				return fmt.Errorf("%v %s\n%s", err, got, state)
			}
			return nil
		})
	}
	expect(`sum(up{job="ais"})`, fmt.Sprintf(`"%d"]`, len(nodes)))
	before := 0.0
	for _, n := range c.Names("target") {
		before += c.metric(t, n, `ais_target_put_count`)
	}
	for i := range 7 {
		c.Plain().put(t, b, fmt.Sprint("k", i), random(1, 100))
	}
	expect(`sum(ais_target_put_count)`, fmt.Sprintf(`"%g"]`, before+7))
}
