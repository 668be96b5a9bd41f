package e2e

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Options says what cluster to start. The zero value is one proxy and three
// targets of two mountpaths, built with the race detector.
type Options struct {
	Proxies, Targets, Mountpaths int
	Plain                        bool     // without the race detector, for tests that measure
	Redirect                     string   // --redirect of the proxies
	S3Domain                     string   // --s3-domain of all nodes
	Auth                         bool     // verify every request; Plain, At and Shell act as root
	Users                        string   // with Auth: more users, separated by commas
	TLS                          bool     // HTTPS on every port, mutual among nodes and to etcd
	ProxyArgs, TargetArgs        []string // more flags
	External                     []string // URLs of an etcd that is there; none: proxy1 embeds one
	Members                      int      // of etcd, one in each of the first proxies; 0 is one alone
	Remote                       Remote   // of the buckets of provider aws, which the targets have the key of
	TargetEnv                    []string // more variables for the targets
	Clocks                       []string // NODE=OFFSET of clocks that are wrong, such as target1=-10m
	Hosts                        string   // what /etc/hosts says to the targets; takes root
	Network                      bool     // each node in a network namespace of its own, see network; takes root
	// Disk returns the directory of a target's mountpath; nil: below the cluster's own.
	Disk func(target, mountpath int) string
}

// Cluster is a running cluster. Its nodes are proxy1, …, target1, ….
type Cluster struct {
	Dir   string
	o     Options
	nodes []*node
	etcd  string         // client URLs, separated by commas, of the first proxy's member first
	peers []string       // of etcd's members, in the order of the proxies
	keys  map[string]Key // with Auth, by user
	roots *x509.CertPool // with TLS
	net   *network       // with Network
}

// Key is an access key and its secret.
type Key struct{ Access, Secret string }

type node struct {
	name string
	host string // an address
	port int
	args []string
	env  []string
	log  string
	c    *Cluster

	mu      sync.Mutex // guards what follows
	cmd     *exec.Cmd
	done    chan struct{} // closed when the process is gone
	checked int64         // how much of the log was searched for races and panics
}

// Start starts a cluster for one test and ends it with the test.
func Start(t *testing.T, o Options) *Cluster {
	t.Helper()
	c, err := launch(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.stop)
	c.watch(t)
	return c
}

// launch starts a cluster in dir and waits until every node is ready.
func launch(dir string, o Options) (*Cluster, error) {
	o.Proxies, o.Targets, o.Mountpaths = max(o.Proxies, 1), max(o.Targets, 0), max(o.Mountpaths, 2)
	if o.Targets == 0 {
		o.Targets = 3
	}
	if !o.Plain {
		if err := buildRace(); err != nil {
			return nil, err
		}
	}
	c := &Cluster{Dir: dir, o: o}
	if err := c.chooseAddresses(); err != nil {
		return nil, err
	}
	if err := c.secure(); err != nil {
		return nil, err
	}
	for i := range o.Proxies {
		if err := c.addProxy(i + 1); err != nil {
			return nil, err
		}
	}
	for i := range o.Targets {
		if err := c.addTarget(i + 1); err != nil {
			return nil, err
		}
	}
	err := c.startAll()
	if err == nil {
		err = c.makeUsers()
	}
	if err == nil {
		err = c.useRemote()
	}
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("%w\n%s", err, c.logTails(40))
	}
	return c, nil
}

// startAll starts the first proxy, then, once the cluster's key is there, the rest.
func (c *Cluster) startAll() error {
	if len(c.o.External) > 0 || c.o.Members > 1 { // no proxy makes the key, or several need it
		key := hex.EncodeToString(random(1, 32))
		if err := os.WriteFile(c.keyFile(), []byte(key+"\n"), 0o600); err != nil {
			return err
		}
	}
	for _, n := range c.nodes[:max(1, c.o.Members)] { // one member of three answers nothing
		if err := n.start(); err != nil {
			return err
		}
	}
	if err := c.nodes[0].await(time.Minute, func() error {
		if fi, err := os.Stat(c.keyFile()); err != nil || fi.Size() == 0 {
			return fmt.Errorf("no cluster key yet: %v", err)
		}
		if len(c.o.External) > 0 {
			return nil
		}
		first, _, _ := strings.Cut(strings.TrimPrefix(c.etcd, c.scheme()+"://"), ",")
		return dialable(first)
	}); err != nil {
		return err
	}
	for _, n := range c.nodes[max(1, c.o.Members):] {
		if err := n.start(); err != nil {
			return err
		}
	}
	for _, n := range c.nodes {
		if err := n.await(time.Minute, n.ready); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) keyFile() string { return filepath.Join(c.Dir, "cluster.key") }

func (c *Cluster) addNode(name, program string, more ...string) error {
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	n := &node{name: name, host: "127.0.0.1", port: ports[0], log: filepath.Join(c.Dir, name+".log"), c: c}
	public := "localhost"
	if c.net != nil {
		if n.host, err = c.net.add(name); err != nil {
			return err
		}
		public, more = n.host, append(more, "--insecure-no-auth")
	}
	for _, entry := range c.o.Clocks {
		if offset, ok := strings.CutPrefix(entry, name+"="); ok {
			more = append(more, "--debug-clock-offset", offset)
		}
	}
	if c.o.S3Domain != "" {
		more = append(more, "--s3-domain", c.o.S3Domain)
	}
	n.args = append([]string{
		filepath.Join(binaries(!c.o.Plain), program), "--id", name, "--cluster", "e2e",
		"--listen", fmt.Sprintf("%s:%d", n.host, n.port), "--public-url", fmt.Sprintf("%s://%s:%d", c.scheme(), public, n.port),
		"--data-dir", filepath.Join(c.Dir, name), "--cluster-key", c.keyFile(),
	}, more...)
	n.args = append(n.args, c.secureFlags()...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AIS_") && !strings.HasPrefix(v, "AWS_") {
			n.env = append(n.env, v)
		}
	}
	if root, ok := c.keys["root"]; ok && name == "proxy1" {
		n.env = append(n.env, "AIS_ROOT_ACCESS_KEY="+root.Access, "AIS_ROOT_SECRET_KEY="+root.Secret)
	}
	if program == "aisnode" && c.o.Hosts != "" {
		hosts := filepath.Join(c.Dir, "hosts")
		if err := os.WriteFile(hosts, []byte(c.o.Hosts), 0o644); err != nil {
			return err
		}
		n.args = append([]string{"unshare", "-m", "bash", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, hosts}, n.args...)
	}
	if c.net != nil {
		n.args = append(c.net.within(name), n.args...)
	}
	if program == "aisnode" {
		n.env = append(n.env, "AWS_CONFIG_FILE="+filepath.Join(c.Dir, "aws-config"), "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(c.Dir, "aws-credentials"))
		n.env = append(append(n.env, c.o.Remote.env()...), c.o.TargetEnv...)
	}
	c.nodes = append(c.nodes, n)
	return nil
}

func (c *Cluster) addProxy(i int) error {
	more := []string{"--etcd", c.etcd}
	switch {
	case len(c.o.External) > 0:
		more[1] = strings.Join(c.o.External, ",")
	case i <= len(c.peers):
		more = c.embedded(i)
	}
	if c.o.Redirect != "" {
		more = append(more, "--redirect", c.o.Redirect)
	}
	return c.addNode("proxy"+strconv.Itoa(i), "aisproxy", append(more, c.o.ProxyArgs...)...)
}

func (c *Cluster) addTarget(i int) error {
	more := []string{"--etcd", c.etcd}
	if len(c.o.External) > 0 {
		more[1] = strings.Join(c.o.External, ",")
	}
	for k := range c.o.Mountpaths {
		dir := c.mountpath(i, k+1)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		more = append(more, "--mountpath", dir)
	}
	return c.addNode("target"+strconv.Itoa(i), "aisnode", append(more, c.o.TargetArgs...)...)
}

// mountpath returns the directory of a target's mountpath, both counted from 1.
func (c *Cluster) mountpath(target, k int) string {
	if c.o.Disk != nil {
		return c.o.Disk(target, k)
	}
	return filepath.Join(c.Dir, "target"+strconv.Itoa(target), "mp"+strconv.Itoa(k))
}

// Join adds a target to the running cluster and returns its name.
func (c *Cluster) Join(t *testing.T) string {
	t.Helper()
	c.o.Targets++
	if err := c.addTarget(c.o.Targets); err != nil {
		t.Fatal(err)
	}
	n := c.nodes[len(c.nodes)-1]
	c.Restart(t, n.name)
	return n.name
}

// stop ends every node, the first proxy last.
func (c *Cluster) stop() {
	var gone sync.WaitGroup
	for _, n := range c.nodes[min(1, len(c.nodes)):] {
		gone.Go(func() { n.end(syscall.SIGTERM) })
	}
	gone.Wait()
	if len(c.nodes) > 0 {
		c.nodes[0].end(syscall.SIGTERM)
	}
	if c.net != nil {
		c.net.remove()
	}
}

func (c *Cluster) node(t testing.TB, name string) *node {
	t.Helper()
	for _, n := range c.nodes {
		if n.name == name {
			return n
		}
	}
	t.Fatalf("there is no node %s", name)
	return nil
}

// URL returns a node's address as clients write it, without a path.
func (c *Cluster) URL(t testing.TB, name string) string {
	return c.scheme() + "://" + c.Host(t, name)
}

// Host returns a node's host:port as clients write it.
func (c *Cluster) Host(t testing.TB, name string) string { return c.node(t, name).public() }

// Endpoint returns the S3 endpoint of the first proxy.
func (c *Cluster) Endpoint() string {
	return fmt.Sprintf("%s://%s/s3", c.scheme(), c.nodes[0].public())
}

// Kill sends SIGKILL to a node and waits until it is gone.
func (c *Cluster) Kill(t testing.TB, name string) {
	t.Helper()
	c.node(t, name).end(syscall.SIGKILL)
}

// Stop ends a node with SIGTERM and waits until it is gone.
func (c *Cluster) Stop(t testing.TB, name string) {
	t.Helper()
	c.node(t, name).end(syscall.SIGTERM)
}

// Restart starts a node that was ended, as before, and waits until it is ready.
func (c *Cluster) Restart(t testing.TB, name string) {
	t.Helper()
	n := c.node(t, name)
	if err := n.start(); err != nil {
		t.Fatal(err)
	}
	if err := n.await(time.Minute, n.ready); err != nil {
		t.Fatal(err)
	}
}

// Names returns the names of the nodes that begin with kind ("proxy", "target").
func (c *Cluster) Names(kind string) []string {
	var names []string
	for _, n := range c.nodes {
		if strings.HasPrefix(n.name, kind) {
			names = append(names, n.name)
		}
	}
	return names
}

// --- one process ---

func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd != nil {
		return fmt.Errorf("%s runs already", n.name)
	}
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(n.args[0], n.args[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Env = log, log, append(n.env, "GOTRACEBACK=all")
	// Whatever ends this test process ends the nodes too.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // Pdeathsig goes by the thread that started the process
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	n.cmd, n.done = cmd, done
	return nil
}

func (n *node) end(signal syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Signal(signal)
	select {
	case <-n.done:
	case <-time.After(20 * time.Second):
		_ = n.cmd.Process.Signal(syscall.SIGQUIT) // leaves the goroutines in the log
		select {
		case <-n.done:
		case <-time.After(5 * time.Second):
			_ = n.cmd.Process.Kill()
			<-n.done
		}
	}
	n.cmd = nil
}

func (n *node) pid() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return 0
	}
	return n.cmd.Process.Pid
}

// await polls cond until it holds, the process ends or the time is over.
func (n *node) await(limit time.Duration, cond func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := cond()
		if err == nil {
			return nil
		}
		select {
		case <-n.done:
			return fmt.Errorf("%s ended: %w\n%s", n.name, err, tail(n.log, 30))
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: after %s: %w\n%s", n.name, limit, err, tail(n.log, 30))
		}
	}
}

func (n *node) ready() error {
	client := http.Client{Timeout: 2 * time.Second, Transport: n.c.transport()}
	defer client.CloseIdleConnections()
	resp, err := client.Get(fmt.Sprintf("%s://%s:%d/health?readiness=true", n.c.scheme(), n.host, n.port))
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", resp.Status)
	}
	return nil
}

func dialable(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

// freePorts returns ports on which nothing listens. They are below the range
// that the kernel gives to outgoing connections, so none is taken meanwhile.
func freePorts(count int) ([]int, error) {
	nextPort.mu.Lock()
	defer nextPort.mu.Unlock()
	var ports []int
	for len(ports) < count {
		nextPort.n++
		port := 20000 + (os.Getpid()*97+nextPort.n)%12000
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			if nextPort.n > 24000 {
				return nil, err
			}
			continue
		}
		l.Close()
		ports = append(ports, port)
	}
	return ports, nil
}

// nextPort keeps clusters of one test run from being given the same port.
var nextPort struct {
	mu sync.Mutex
	n  int
}

// tail returns the last lines of a file.
func tail(name string, lines int) string {
	data, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	all := bytes.Split(bytes.TrimRight(data, "\n"), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}

func (c *Cluster) logTails(lines int) string {
	var b strings.Builder
	for _, n := range c.nodes {
		fmt.Fprintf(&b, "--- %s\n%s\n", n.name, tail(n.log, lines))
	}
	return b.String()
}
