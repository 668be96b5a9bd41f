package replica

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"ais/cluster"
	"ais/cluster/etcd"
	"ais/cluster/peer"
	"ais/fs"
	"ais/internal/loopback"
	"ais/object"
)

// nodes is a cluster of targets in this process, with one etcd.
type nodes struct {
	t       *testing.T
	etcd    []string
	members *etcd.Store // of the proxy that embeds etcd
	targets []*node
	bucket  *cluster.Bucket
}

// node is one target: its parts, and what tests do to its messages.
type node struct {
	c       *nodes
	id      string
	dir     string
	store   *fs.Store
	members *etcd.Store
	keeper  *Keeper
	peers   *peer.Client
	server  *http.Server
	addr    string
	dead    bool

	drop    atomic.Pointer[string]            // path of the messages that are lost
	prepare atomic.Pointer[[]byte]            // the last message of that kind
	before  atomic.Pointer[func(path string)] // called before a message is answered
}

// start returns a cluster of so many targets and a bucket of so many copies.
func start(t *testing.T, targets, copies int) *nodes {
	t.Helper()
	c := &nodes{t: t, etcd: []string{loopback.URL(t)}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var err error
	c.members, err = etcd.Open(ctx, etcd.Config{
		Embed:      &etcd.Embed{Dir: filepath.Join(t.TempDir(), "etcd"), ClientURL: c.etcd[0], PeerURL: loopback.URL(t)},
		Self:       cluster.Node{ID: "p1", Kind: cluster.Proxy, URL: "http://127.0.0.1:1"},
		ClusterKey: make([]byte, 32),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.members.Close() })
	for i := range targets {
		n := &node{c: c, id: fmt.Sprintf("t%d", i+1), dir: t.TempDir()}
		c.targets = append(c.targets, n)
		n.open()
		t.Cleanup(n.kill)
	}
	b := cluster.Bucket{Provider: object.AIS, Name: "bucket", Props: cluster.DefaultProps(object.AIS, true, c.members.State().Config)}
	b.Props.Copies = copies
	b.Props.Durability = object.Process
	made, err := c.members.CreateBucket(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	c.bucket = &made
	c.agree()
	return c
}

// agree waits until every target that lives knows what etcd knows.
func (c *nodes) agree() {
	c.t.Helper()
	for _, n := range c.targets {
		if n.dead {
			continue
		}
		if _, err := n.members.Sync(c.t.Context()); err != nil {
			c.t.Fatal(err)
		}
	}
}

// open starts the target, also after a kill, with what is in its directory.
func (n *node) open() {
	t := n.c.t
	t.Helper()
	n.keeper = New(Config{ID: n.id, Hold: 5 * time.Second, Pause: 5 * time.Millisecond, Doubt: 200 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	cfg := fs.DefaultConfig()
	cfg.Cluster, cfg.Target, cfg.Mountpaths = "test", n.id, []string{n.dir}
	cfg.CheckpointEvery, cfg.SweepEvery = 0, 0
	cfg.Copying = n.keeper.Hooks()
	var err error
	if n.store, err = fs.Open(cfg); err != nil {
		t.Fatal(err)
	}
	if n.addr == "" {
		n.addr = loopback.Addr(t) // also after a restart
	}
	l, err := net.Listen("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	n.addr = l.Addr().String()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n.members, err = etcd.Open(ctx, etcd.Config{
		Endpoints: n.c.etcd[:1], ClusterKey: make([]byte, 32),
		Self: cluster.Node{ID: n.id, Kind: cluster.Target, URL: "http://" + n.addr, Weight: 1, Data: n.store.Data()},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.peers = peer.New(peer.DefaultConfig())
	caller := peer.NewCaller(n.peers, n.id, n.members.State, time.Now)
	n.keeper.Start(n.store, n.members, caller, http.DefaultClient)
	n.server = &http.Server{Handler: n}
	go n.server.Serve(l)
	n.dead = false
}

// kill ends the target: its lease goes at once, as that of a process which leaves.
func (n *node) kill() {
	if n.dead {
		return
	}
	n.dead = true
	n.server.Close()
	n.keeper.Stop()
	n.members.Close()
	n.peers.Close()
	n.store.Close()
}

// ServeHTTP answers as a target does.
func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if drop := n.drop.Load(); drop != nil && *drop == r.URL.Path {
		panic(http.ErrAbortHandler)
	}
	if before := n.before.Load(); before != nil {
		(*before)(r.URL.Path)
	}
	err := n.answer(w, r)
	if err == nil {
		return
	}
	body, _ := json.Marshal(peer.ErrorAnswer{Kind: object.KindOf(err).Error(), Message: err.Error()})
	w.WriteHeader(http.StatusConflict)
	w.Write(body)
}

func (n *node) answer(w http.ResponseWriter, r *http.Request) error {
	var revision int64
	fmt.Sscan(r.Header.Get(peer.HeaderRevision), &revision)
	if _, err := n.members.SyncTo(r.Context(), revision); err != nil {
		return err
	}
	if r.URL.Path == peer.PathStage {
		return n.keeper.ServeStage(r.Body, make([]byte, 64<<10))
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if r.URL.Path == peer.PathBlob {
		blob, _, err := n.keeper.ServeBlob(body)
		if err != nil {
			return err
		}
		defer blob.Close()
		_, err = io.Copy(w, blob)
		return err
	}
	defer clear(body) // a server uses the memory again
	if r.URL.Path == peer.PathPrepare {
		kept := bytes.Clone(body)
		n.prepare.Store(&kept)
	}
	answer, ok, err := n.keeper.Serve(r.URL.Path, body)
	if !ok {
		return object.E("test", r.URL.Path, object.Unsupported, nil)
	}
	if err == nil {
		_, err = w.Write(answer)
	}
	return err
}

// copies returns the targets that have the name, its owner first.
func (c *nodes) copies(key string) (out []*node) {
	c.t.Helper()
	copies, err := c.members.State().Copies(c.bucket, c.name(key))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, one := range copies {
		for _, n := range c.targets {
			if n.id == one.Node.ID {
				out = append(out, n)
			}
		}
	}
	return out
}

func (c *nodes) name(key string) object.Name { return object.Name{Bucket: c.bucket.ID, Key: key} }

// put writes an object at the target.
func (n *node) put(key string, content []byte) error {
	w, err := n.store.Create(n.c.name(key), fs.WriteOptions{Size: int64(len(content)), Durability: object.Process, Checksum: object.XXHash})
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write(content); err != nil {
		return err
	}
	_, err = w.Commit(object.Meta{ETag: fmt.Sprint(len(content))}, fs.Terms{})
	return err
}

// get reads an object at the target.
func (n *node) get(key string) (string, error) {
	r, err := n.store.Open(n.c.name(key), "")
	if err != nil {
		return "", err
	}
	defer r.Close()
	section, err := r.Range(0, r.Meta().Size)
	if err != nil {
		return "", err
	}
	content, err := io.ReadAll(section)
	return string(content), err
}

// eventually waits until f returns nil.
func (c *nodes) eventually(what string, f func() error) {
	c.t.Helper()
	err := f()
	for deadline := time.Now().Add(30 * time.Second); err != nil; err = f() {
		if time.Now().After(deadline) {
			c.t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// has waits until the target reads content from its own copy.
func (n *node) has(key, content string) {
	n.c.t.Helper()
	n.c.eventually(n.id+" has "+key, func() error {
		got, err := n.get(key)
		if err == nil && got != content {
			err = fmt.Errorf("it reads %d bytes, %.20q", len(got), got)
		}
		return err
	})
}

// inSync waits until the cluster's state calls the target in sync, or behind, as the
// other targets see it too.
func (c *nodes) inSync(n *node, want bool) {
	c.t.Helper()
	c.eventually(fmt.Sprint(n.id, " in sync: ", want), func() error {
		for _, other := range append([]*etcd.Store{c.members}, c.living()...) {
			if now, ok := other.State().Node(n.id); !ok || (now.Behind == 0) != want {
				return fmt.Errorf("not yet")
			}
		}
		return nil
	})
}

func (c *nodes) living() (out []*etcd.Store) {
	for _, n := range c.targets {
		if !n.dead {
			out = append(out, n.members)
		}
	}
	return out
}
