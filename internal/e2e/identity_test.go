package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// refused runs a node that must not start, and returns what it says.
func (c *Cluster) refused(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(binaries(!c.o.Plain), program), args...)
	cmd.Env = cleanEnv()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err == nil || ctx.Err() != nil {
		t.Fatalf("%s %v started: %v\n%s", program, args, err, &out)
	}
	return out.String()
}

// replaceFlag returns args with another value of a flag.
func replaceFlag(args []string, flag, value string) []string {
	args = slices.Clone(args)
	args[slices.Index(args, flag)+1] = value
	return args
}

// clusterID returns the uuid of a cluster, from a target's mountpath.
func (c *Cluster) clusterID(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(c.mountpath(1, 1), "ais.json"))
	var id struct{ Home string }
	if err == nil {
		err = json.Unmarshal(data, &id)
	}
	if err != nil || id.Home == "" {
		t.Fatalf("%s: %v", data, err)
	}
	return id.Home
}

// What a node keeps says which cluster and which node it is: anything else is refused,
// and the message says what is what. Moved to another address it is the same node.
func TestIdentity(t *testing.T) {
	other := Start(t, Options{Targets: 1, Plain: true})
	c := Start(t, Options{Targets: 2, Plain: true})
	target := c.node(t, "target1")
	p := c.Plain()
	b := p.bucket(t)
	var keys []string
	for i := range 20 {
		keys = append(keys, fmt.Sprintf("k%02d", i))
		p.put(t, b, keys[i], []byte(keys[i]))
	}
	c.Kill(t, "target1")
	args := target.args[1:]

	elsewhere := replaceFlag(replaceFlag(replaceFlag(args, "--etcd", other.etcd), "--cluster-key", other.keyFile()), "--listen", "127.0.0.1:0")
	wantIn(t, c.refused(t, "aisnode", elsewhere...), c.clusterID(t), other.clusterID(t), "its mountpaths")
	renamed := replaceFlag(replaceFlag(args, "--id", "target9"), "--data-dir", t.TempDir())
	wantIn(t, c.refused(t, "aisnode", renamed...), `"target1"`, `"target9"`, c.mountpath(1, 1))
	twin := replaceFlag(replaceFlag(replaceFlag(args, "--id", "target2"), "--data-dir", t.TempDir()), "--listen", "127.0.0.1:0")
	for i := range twin {
		if twin[i] == "--mountpath" {
			twin[i+1] = t.TempDir()
		}
	}
	wantIn(t, c.refused(t, "aisnode", twin...), "another process with this id is alive", c.Host(t, "target2")[len("localhost"):])
	proxy := replaceFlag(replaceFlag(c.node(t, "proxy1").args[1:], "--cluster-key", other.keyFile()), "--listen", "127.0.0.1:0")
	c.Kill(t, "proxy1")
	wantIn(t, c.refused(t, "aisproxy", proxy...), "another cluster key", filepath.Join(c.Dir, "proxy1"))
	c.Restart(t, "proxy1")

	// The lease of the killed process has ended, or is waited for.
	ports, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	old := fmt.Sprint(target.port)
	target.port = ports[0]
	target.args = replaceFlag(target.args, "--listen", fmt.Sprintf("127.0.0.1:%d", ports[0]))
	target.args = replaceFlag(target.args, "--public-url", fmt.Sprintf("http://localhost:%d", ports[0]))
	c.Restart(t, "target1")
	p = c.Plain()
	at := map[string]bool{}
	for _, k := range keys {
		p.same(t, b, k, []byte(k))
		c.At(t, "target2").same(t, b, k, []byte(k))
		at[c.owner(t, b, k)] = true
	}
	if !at["target1"] || at[old] {
		t.Errorf("names are at %v", at)
	}
	if got := p.list(t, b); !slices.Equal(got, keys) {
		t.Errorf("listed %q", got)
	}
}

// A target that was away while etcd forgot the history knows, before it serves, what
// became of its buckets and of users, and drops what is no more.
func TestReturnAfterLong(t *testing.T) {
	urls, _ := startEtcds(t, 1)
	c := Start(t, Options{Targets: 2, External: urls, Auth: true, Users: "ann", Plain: true})
	p, sh := c.Plain(), c.Shell(t)
	keep, gone := p.bucket(t), p.bucket(t)
	large := random(5, 200_000)
	for i := range 12 {
		for _, b := range []string{keep, gone} {
			p.put(t, b, fmt.Sprint("k", i), append(large, byte(i))) // no two share a file
		}
	}
	if n := c.files(t, "blobs"); n != 24 {
		t.Fatalf("%d files", n)
	}
	sh.run(t, "ais auth policy set ann all - <<<'{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}]}'")
	c.As(t, "ann").at(t, c, "target2").do(t, "GET", "/"+keep+"/k0", nil).want(t, 200, "")
	c.Kill(t, "target2")
	sh.run(t, "ais bucket rm ais://"+gone+" --yes; ais auth user set ann --disabled")
	made := p.bucket(t)
	compact(t, urls[0])
	if err := c.node(t, "target2").start(); err != nil {
		t.Fatal(err)
	}
	// As soon as it serves at all.
	ann := c.As(t, "ann").at(t, c, "target2")
	Eventually(t, 30*time.Second, "the target serves", func() error {
		a, err := ann.request("GET", "/"+keep+"/k0", nil)
		if err == nil && a.status != 403 {
			t.Fatalf("a user who is disabled: %v", a)
		}
		return err
	})
	Eventually(t, 30*time.Second, "what it has of the removed bucket is dropped", func() error {
		if n := c.files(t, "blobs"); n != 12 {
			return fmt.Errorf("%d files", n)
		}
		return nil
	})
	p.do(t, "HEAD", "/"+gone, nil).want(t, 404, "")
	for i := range 12 {
		p.same(t, keep, fmt.Sprint("k", i), append(large, byte(i)))
		p.put(t, made, fmt.Sprint("k", i), []byte("v"))
	}
}

// compact makes an etcd forget all but the present.
func compact(t *testing.T, url string) {
	t.Helper()
	ask := func(path, body string) (out struct {
		Header struct{ Revision string }
	}) {
		resp, err := http.Post(url+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", path, resp.Status, err)
		}
		return out
	}
	now := ask("/v3/kv/range", `{"key":"AA=="}`).Header.Revision
	ask("/v3/kv/compaction", fmt.Sprintf(`{"revision":%q,"physical":true}`, now))
}
