package move_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ais/cluster"
	"ais/cluster/etcd"
	"ais/cluster/peer"
	"ais/fs"
	"ais/fs/faultfs"
	"ais/internal/loopback"
	"ais/move"
	"ais/object"
	"ais/replica"
)

// nodes is a cluster of targets in this process, on a real etcd and real directories.
type nodes struct {
	t      *testing.T
	etcd   string // URL
	keeper *etcd.Store
	trace  trace

	lease      time.Duration                              // of a target
	durability object.Durability                          // of changes
	refuse     atomic.Pointer[func(id, path string) bool] // what a target does not answer

	mu       sync.Mutex // guards the rest, and what changes in a node when it starts
	all      map[string]*node
	failures []error // of what was done beside the test
}

// failed notes that something failed beside the test.
func (c *nodes) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures = append(c.failures, err)
}

// failure returns what was noted, once.
func (c *nodes) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := errors.Join(c.failures...)
	c.failures = nil
	return err
}

func (c *nodes) node(id string) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all[id]
}

// running returns the store of a node that runs, nil for another.
func (n *node) running() *fs.Store {
	if one := n.now(); one.server != nil {
		return one.store
	}
	return nil
}

// now returns the node as it is until it starts anew; it has no server where it is down.
func (n *node) now() *node {
	n.in.mu.Lock()
	defer n.in.mu.Unlock()
	one := *n
	return &one
}

// node is a target, but for what clients see of it.
type node struct {
	in      *nodes
	id      string
	addr    string
	disk    *faultfs.FS
	keeper  *replica.Keeper
	store   *fs.Store
	members *etcd.Store
	mover   *move.Mover
	server  *http.Server
	peers   *peer.Client
}

func startNodes(t *testing.T, ids ...string) *nodes {
	t.Helper()
	urls := []string{loopback.URL(t), loopback.URL(t)}
	c := &nodes{t: t, etcd: urls[0], all: map[string]*node{}, lease: 2 * time.Second, durability: object.Process}
	var err error
	c.keeper, err = etcd.Open(c.context(), etcd.Config{
		Embed: &etcd.Embed{Dir: filepath.Join(t.TempDir(), "etcd"), ClientURL: urls[0], PeerURL: urls[1]},
		Self:  cluster.Node{ID: "p1", Kind: cluster.Proxy, URL: "http://127.0.0.1:2"}, ClusterKey: make([]byte, 32),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.keeper.Close() })
	go c.watch()
	for _, id := range ids {
		c.join(id)
	}
	return c
}

func (c *nodes) context() context.Context {
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	c.t.Cleanup(cancel)
	return ctx
}

// join adds a target.
func (c *nodes) join(id string) *node {
	c.t.Helper()
	n := &node{in: c, id: id, disk: faultfs.New(), addr: loopback.Addr(c.t)}
	c.mu.Lock()
	c.all[id] = n
	c.mu.Unlock()
	n.start()
	c.t.Cleanup(n.stop)
	return n
}

func (n *node) start() {
	n.in.t.Helper()
	if err := n.tryStart(); err != nil {
		n.in.t.Fatal(err)
	}
}

func (n *node) tryStart() error {
	t := n.in.t
	l, err := net.Listen("tcp", n.addr)
	if err != nil {
		return err
	}
	n.in.mu.Lock()
	defer n.in.mu.Unlock()
	n.keeper = replica.New(replica.Config{ID: n.id, Hold: 5 * time.Second, Doubt: 200 * time.Millisecond})
	n.mover = move.New(move.Config{ID: n.id, Tick: 50 * time.Millisecond}, n.keeper)
	cfg := fs.DefaultConfig()
	cfg.Cluster, cfg.Target, cfg.Mountpaths, cfg.OS = "test", n.id, []string{"/a", "/b"}, n.disk
	cfg.InlineMax, cfg.CheckpointEvery, cfg.SweepEvery = 1<<10, 0, 0
	cfg.Copying = n.mover.Hooks()
	if n.store, err = fs.Open(cfg); err != nil {
		return errors.Join(err, l.Close())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	members, err := etcd.Open(ctx, etcd.Config{
		Endpoints: []string{n.in.etcd}, ClusterKey: make([]byte, 32), LeaseTTL: n.in.lease, Logger: slog.New(slog.DiscardHandler),
		Self: cluster.Node{ID: n.id, Kind: cluster.Target, URL: "http://" + n.addr, Weight: 1},
	})
	if err != nil {
		return errors.Join(err, l.Close(), n.store.Close())
	}
	n.members = members
	n.peers = peer.New(peer.DefaultConfig())
	caller := peer.NewCaller(n.peers, n.id, n.members.State, time.Now)
	n.mover.Start(move.Watch{}, n.store, n.members, caller, http.DefaultClient)
	one := *n
	server := &http.Server{Handler: &one}
	n.server, one.server = server, server
	go server.Serve(l)
	return nil
}

// crash ends the node as kill -9 does, or, power, as the loss of power.
func (n *node) crash(power bool) {
	n.in.trace.note(nil, "%s crashes", n.id)
	n.disk.CutPower(1)
	n.stop()
	if power {
		n.setDisk(n.disk.AfterPowerLoss(50, uint64(time.Now().UnixNano())))
	} else {
		n.setDisk(n.disk.AfterKill())
	}
}

// setDisk gives a node that does not run other disks.
func (n *node) setDisk(f *faultfs.FS) {
	n.in.mu.Lock()
	defer n.in.mu.Unlock()
	n.disk = f
}

// stop ends the node, which gives its lease back.
func (n *node) stop() {
	if n.halt() {
		n.members.Close()
	}
}

// halt ends all of the node but its lease; ok is false where it does not run.
func (n *node) halt() (ok bool) {
	n.in.mu.Lock()
	server := n.server
	n.server = nil
	n.in.mu.Unlock()
	if server == nil {
		return false
	}
	server.Close()
	n.mover.Stop()
	n.keeper.Stop()
	n.store.Close()
	n.peers.Close()
	return true
}

// ServeHTTP answers other nodes.
func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body []byte
	var err error
	if refuse := n.in.refuse.Load(); refuse != nil && (*refuse)(n.id, r.URL.Path) {
		panic(http.ErrAbortHandler)
	}
	if r.URL.Path == peer.PathStage {
		err = n.keeper.ServeStage(r.Body, make([]byte, 64<<10))
	} else if body, err = io.ReadAll(r.Body); err == nil {
		err = n.answer(w, r, body)
	}
	if n.disk.Hit() {
		panic(http.ErrAbortHandler) // it is dead
	}
	n.in.trace.note(body, "%s answers %s %.60q: %v", n.id, r.URL.Path, bytes.Map(printable, body), err)
	if err != nil {
		w.WriteHeader(http.StatusConflict)
		text, _ := json.Marshal(peer.ErrorAnswer{Kind: object.KindOf(err).Error(), Message: err.Error()})
		w.Write(text)
	}
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return '.'
	}
	return r
}

func (n *node) answer(w http.ResponseWriter, r *http.Request, body []byte) error {
	revision, err := strconv.ParseInt(r.Header.Get(peer.HeaderRevision), 10, 64)
	if err != nil {
		return err
	}
	if _, err := n.members.SyncTo(r.Context(), revision); err != nil {
		return err
	}
	if answer, ok, err := n.keeper.Serve(r.URL.Path, body); ok || err != nil {
		if err == nil {
			w.Write(answer)
		}
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
	var q peer.EnterRequest
	var p peer.PayloadRequest
	if err := errors.Join(json.Unmarshal(body, &q), json.Unmarshal(body, &p)); err != nil {
		return err
	}
	var answer any = struct{}{}
	switch r.URL.Path {
	case peer.PathEnter:
		answer, err = n.mover.EnterFor(q)
	case peer.PathLeave:
		estate, err := n.mover.Leave(q.MoveRequest)
		if err == nil {
			w.Write(estate)
		}
		return err
	case peer.PathRelease:
		err = n.mover.Release(q.MoveRequest)
	case peer.PathTake:
		err = n.mover.Take(q.MoveRequest)
	case peer.PathEntered:
		var q peer.EnteredRequest
		if err = json.Unmarshal(body, &q); err == nil {
			answer, err = n.mover.Entered(q)
		}
	case peer.PathMoved:
		answer = n.mover.Moved(q.MoveRequest)
	case peer.PathPayload:
		file, _, err := n.mover.Payload(p)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.Copy(w, file)
		return err
	default:
		return fmt.Errorf("nobody asks for %s", r.URL.Path)
	}
	if err != nil {
		return err
	}
	text, err := json.Marshal(answer)
	w.Write(text)
	return err
}

// bucket makes a bucket over all targets that there are.
func (c *nodes) bucket(name string, copies int) *cluster.Bucket {
	c.t.Helper()
	b := cluster.Bucket{Provider: object.AIS, Name: name, Props: cluster.DefaultProps(object.AIS, true, c.keeper.State().Config)}
	b.Props.Copies, b.Props.Durability = copies, c.durability
	b, err := c.keeper.CreateBucket(c.context(), b)
	if err != nil {
		c.t.Fatal(err)
	}
	return &b
}

// state is the newest state.
func (c *nodes) state() *cluster.State {
	for deadline := time.Now().Add(patience); ; {
		state, err := c.keeper.Sync(c.t.Context())
		if err == nil {
			return state
		}
		if time.Now().After(deadline) {
			c.t.Fatal(err)
		}
	}
}

// settled waits until no bucket moves or is due.
func (c *nodes) settled() {
	c.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		changes := c.keeper.Changes()
		if len(c.state().Unmoved()) == 0 {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("names are still moved: %+v", c.state().Unmoved()[0])
		}
		select {
		case <-changes:
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c *nodes) rebalance() {
	c.t.Helper()
	if err := c.keeper.Rebalance(c.context(), true); err != nil {
		c.t.Fatal(err)
	}
}

// wantOnlyThere waits until everything of a bucket is on the targets where it is
// placed, and nowhere else.
func (c *nodes) wantOnlyThere(b *cluster.Bucket, want map[string]string) {
	c.t.Helper()
	wrong := c.misplaced(b, want)
	for deadline := time.Now().Add(20 * time.Second); wrong != nil && time.Now().Before(deadline); wrong = c.misplaced(b, want) {
		time.Sleep(50 * time.Millisecond)
	}
	if wrong != nil {
		c.t.Error(wrong)
	}
	for key, content := range want {
		got, err := c.get(object.Name{Bucket: b.ID, Key: key})
		if err != nil || got != content {
			c.t.Errorf("%s has %d bytes, want %d: %v", key, len(got), len(content), err)
		}
	}
}

// misplaced returns what of a bucket is not where it is to be.
func (c *nodes) misplaced(b *cluster.Bucket, want map[string]string) error {
	state := c.state()
	now, _ := state.BucketByID(b.ID)
	copiesOf := map[string]int{}
	for id, n := range c.all {
		s := n.running()
		if s == nil {
			continue
		}
		known, err := s.WalkNames(b.ID, object.Name{}, 1<<20)
		if err != nil {
			return err
		}
		for _, k := range known {
			if k.Removed {
				continue
			}
			copies, err := state.Copies(now, k.Name)
			switch {
			case err != nil:
				return err
			case copies.Index(id) < 0:
				return fmt.Errorf("%s has %s, which is not placed there\n%s\n%s", id, k.Name.Key, c.where(k.Name), c.trace.of(k.Name.Key))
			case want[k.Name.Key] == "":
				return fmt.Errorf("%s has %s, which is not to be there\n%s", id, k.Name.Key, c.where(k.Name))
			}
			copiesOf[k.Name.Key]++
		}
	}
	for key := range want {
		if copiesOf[key] != now.Count() {
			return fmt.Errorf("%s has %d copies, not %d\n%s", key, copiesOf[key], now.Count(), c.where(object.Name{Bucket: b.ID, Key: key}))
		}
	}
	return nil
}

// where tells where a name is, for the log of a test.
func (c *nodes) where(n object.Name) string {
	state := c.state()
	b, _ := state.BucketByID(n.Bucket)
	out := fmt.Sprintf("%s: placement %+v next %+v;", n.Key, b.Placement, b.Next)
	for _, by := range []cluster.Placement{b.Placement, b.Next} {
		if copies, err := state.CopiesBy(b, by, n); err == nil {
			out += fmt.Sprintf(" %d:", by.Number)
			for i := range copies {
				out += fmt.Sprintf(" %s live %v behind %d", copies[i].Node.ID, copies[i].Live, copies[i].Node.Behind)
			}
		}
	}
	c.mu.Lock()
	all := maps.Clone(c.all)
	c.mu.Unlock()
	for id, at := range all {
		s := at.running()
		if s == nil {
			out += "; " + id + " is down"
			continue
		}
		p, err := s.Stamp(n)
		e, _ := s.Estate(n)
		out += fmt.Sprintf("; %s has %s, removed %v, prepared %v %v", id, p, e.Removed(), s.Dirty(n), err)
	}
	return out
}

// content is bytes that tell the key and the version.
func content(key string, version, size int) string {
	text := []byte(fmt.Sprintf("%s/%d ", key, version))
	return string(bytes.Repeat(text, 1+size/len(text)))
}
