package etcd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"ais/cluster"
	"ais/object"
)

// trio is three proxies that embed a member each.
type trio struct {
	configs []Config
	stores  []*Store
}

func newTrio(t *testing.T) *trio {
	t.Helper()
	x := &trio{stores: make([]*Store, 3)}
	var clients, peers []string
	for i := range 3 {
		e := newEmbed(t)
		e.Name = fmt.Sprint("p", i+1)
		clients, peers = append(clients, e.ClientURL), append(peers, e.Name+"="+e.PeerURL)
		x.configs = append(x.configs, Config{
			Embed: &e, Self: cluster.Node{ID: e.Name, Kind: cluster.Proxy, URL: "http://" + e.Name + ":1"},
			ClusterKey: testKey, LeaseTTL: 3 * time.Second, Logger: testLogger(t),
		})
	}
	for i := range x.configs {
		x.configs[i].Endpoints, x.configs[i].Embed.Initial = clients, strings.Join(peers, ",")
	}
	t.Cleanup(func() {
		var gone sync.WaitGroup
		for _, s := range x.stores {
			gone.Go(func() {
				if s != nil {
					s.Close()
				}
			})
		}
		gone.Wait()
	})
	x.open(t, 0, 1, 2)
	return x
}

// open starts members side by side.
func (x *trio) open(t *testing.T, which ...int) {
	t.Helper()
	ctx := testContext(t)
	var started sync.WaitGroup
	errs := make([]error, 3)
	for _, i := range which {
		started.Go(func() { x.stores[i], errs[i] = Open(ctx, x.configs[i]) })
	}
	started.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// leader returns which member leads.
func (x *trio) leader() int {
	for i, s := range x.stores {
		if s != nil && uint64(s.server.etcd.Server.Leader()) == uint64(s.server.etcd.Server.MemberID()) {
			return i
		}
	}
	return -1
}

// leaseOf joins a target that knows all members, and returns what fails the test
// unless it has kept its lease.
func (x *trio) leaseOf(t *testing.T) (target *Store, kept func()) {
	t.Helper()
	target = open(t, Config{
		Endpoints: x.configs[0].Endpoints, Self: cluster.Node{ID: "t1", Kind: cluster.Target, URL: "http://t1:1"},
		ClusterKey: testKey, LeaseTTL: 3 * time.Second, Logger: testLogger(t),
	})
	id := func() clientv3.LeaseID {
		target.lease.mu.Lock()
		defer target.lease.mu.Unlock()
		return target.lease.id
	}
	lease := id()
	return target, func() {
		t.Helper()
		if id() != lease || target.Fenced() {
			t.Error("a target lost its lease")
		}
	}
}

// Of three members the leader is lost: nobody's lease ends, changes are made, and
// when it comes back it has all of them.
func TestThreeMembers(t *testing.T) {
	t.Parallel()
	x := newTrio(t)
	target, kept := x.leaseOf(t)
	first := x.leader()
	if first < 0 {
		t.Fatal("nobody leads")
	}
	kill(x.stores[first])
	mustCreate(t, target, "without-the-leader")
	mustCreate(t, x.stores[(first+1)%3], "two-members")
	x.open(t, first)
	if state, err := x.stores[first].Sync(testContext(t)); err != nil || len(state.Buckets()) != 2 {
		t.Fatalf("a member that is back has %d buckets, %v", len(state.Buckets()), err)
	}
	kept()
}

// A member whose data are lost does not start as if nothing had happened; told to,
// it takes its own place, and has a vote.
func TestLostMember(t *testing.T) {
	t.Parallel()
	x := newTrio(t)
	_, kept := x.leaseOf(t)
	lost := x.leader()
	dir := x.configs[lost].Embed.Dir
	x.stores[lost].Close()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(testContext(t), x.configs[lost]); !errors.Is(err, object.Invalid) || !strings.Contains(err.Error(), "join anew") {
		if err == nil {
			s.Close()
		}
		t.Fatalf("without its data: %v", err)
	}
	x.configs[lost].Embed.Join = true
	x.open(t, lost)
	mustCreate(t, x.stores[lost], "as-a-new-member")
	other := (lost + 1) % 3
	x.stores[other].Close()
	x.stores[other] = nil
	mustCreate(t, x.stores[lost], "by-its-vote")
	kept()
}

// Data of another cluster, or of another member, are not started.
func TestForeignMember(t *testing.T) {
	e := newEmbed(t)
	e.Name = "p1"
	c := Config{Embed: &e, Self: cluster.Node{ID: "p1", Kind: cluster.Proxy, URL: "http://p1:1"}, ClusterKey: testKey, LeaseTTL: 2 * time.Second, Logger: testLogger(t)}
	s := open(t, c)
	s.Close()
	for name, x := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"another cluster": {func(c *Config) { c.Cluster = "other" }, `of cluster "default", and this node is of cluster "other"`},
		"another key":     {func(c *Config) { c.ClusterKey = append([]byte{8}, testKey[1:]...) }, "another cluster key"},
		"another member": {func(c *Config) {
			c.Self.ID, c.Embed.Name, c.Embed.Initial, c.Endpoints = "p2", "p2", "p2="+e.PeerURL, []string{e.ClientURL}
		}, `of member "p1", and this node is "p2"`},
	} {
		c, e := c, e
		c.Embed = &e
		x.change(&c)
		s, err := Open(testContext(t), c)
		if err == nil {
			s.Close()
		}
		if !errors.Is(err, object.Invalid) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	open(t, c) // nothing was changed
}

// What a node keeps decides which cluster it can be part of; it makes no other.
func TestOtherCluster(t *testing.T) {
	server := startTestServer(t)
	c := server.config(t, cluster.Target, "t1")
	c.Self.Home = "11111111-2222-4333-8444-555555555555"
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, c); !errors.Is(err, object.Unavailable) || !strings.Contains(err.Error(), c.Self.Home) {
		t.Errorf("without a cluster: %v", err)
	}
	p1 := server.open(t, cluster.Proxy, "p1")
	is := p1.State().Map.Cluster
	_, err := Open(testContext(t), c)
	if !errors.Is(err, object.Invalid) || !strings.Contains(err.Error(), c.Self.Home) || !strings.Contains(err.Error(), is) {
		t.Errorf("in another cluster: %v", err)
	}
	if state, err := p1.Sync(testContext(t)); err != nil || len(state.Targets()) != 0 {
		t.Errorf("it is in the cluster, %v", err)
	}
	c.Self.Home = is
	open(t, c)
}
