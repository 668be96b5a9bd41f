package etcd

import (
	"context"
	"errors"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ais/cluster"
	"ais/object"
)

// lossyKV loses the answers of transactions that were made: the client cannot
// know whether they were.
type lossyKV struct {
	clientv3.KV
	mu   sync.Mutex
	lose int    // answers of transactions that write
	then func() // after the first loss
}

func (k *lossyKV) Txn(ctx context.Context) clientv3.Txn {
	return &lossyTxn{Txn: k.KV.Txn(ctx), kv: k}
}

type lossyTxn struct {
	clientv3.Txn
	kv     *lossyKV
	writes bool
}

func (x *lossyTxn) If(c ...clientv3.Cmp) clientv3.Txn {
	x.Txn = x.Txn.If(c...)
	x.writes = true
	return x
}

func (x *lossyTxn) Then(o ...clientv3.Op) clientv3.Txn {
	x.Txn = x.Txn.Then(o...)
	return x
}

func (x *lossyTxn) Commit() (*clientv3.TxnResponse, error) {
	resp, err := x.Txn.Commit()
	x.kv.mu.Lock()
	lose := x.writes && x.kv.lose > 0
	if lose {
		x.kv.lose--
	}
	x.kv.mu.Unlock()
	if !lose || err != nil {
		return resp, err
	}
	if x.kv.then != nil {
		x.kv.then()
	}
	return nil, status.Error(codes.Unavailable, "the connection was lost")
}

// TestLostAnswers loses the answer of each kind of change, with and without
// another change of the same keys in between: none may fail because of its own
// success.
func TestLostAnswers(t *testing.T) {
	server := startTestServer(t)
	p1 := server.open(t, cluster.Proxy, "p1")
	p2 := server.open(t, cluster.Proxy, "p2")
	server.open(t, cluster.Target, "t1")
	ctx := testContext(t)
	kv := &lossyKV{KV: p1.client.KV}
	p1.client.KV = kv

	kv.lose = 1
	b, err := p1.CreateBucket(ctx, newBucket("one"))
	if err != nil || b.ID != 1 {
		t.Fatalf("%+v, %v", b, err)
	}
	kv.lose, kv.then = 1, func() { mustCreate(t, p2, "other") }
	c, err := p1.CreateBucket(ctx, newBucket("two"))
	if err != nil || c.ID != 2 {
		t.Fatalf("%+v, %v", c, err)
	}
	kv.then = nil
	if _, err := p1.CreateBucket(ctx, newBucket("two")); !errors.Is(err, object.Exists) {
		t.Errorf("second creation: %v", err)
	}
	kv.lose = 1
	if b, err = p1.SetBucketState(ctx, &b, cluster.BucketDeleting); err != nil || b.State != cluster.BucketDeleting {
		t.Errorf("%+v, %v", b, err)
	}
	kv.lose = 1
	if err := p1.RemoveBucket(ctx, &b); err != nil {
		t.Error(err)
	}
	other := func(id string) func() {
		return func() {
			if _, err := p2.CreateUser(ctx, cluster.User{ID: id}); err != nil {
				t.Error(err)
			}
		}
	}
	kv.lose, kv.then = 1, other("bob")
	if u, err := p1.CreateUser(ctx, alice()); err != nil || u.ID != "alice" {
		t.Errorf("%+v, %v", u, err)
	}
	kv.lose, kv.then = 1, other("carol")
	if err := p1.RemoveUser(ctx, "alice"); err != nil {
		t.Error(err)
	}
	state, err := p2.Sync(ctx)
	if err != nil || len(state.Buckets()) != 2 || len(state.Users()) != 2 {
		t.Errorf("%d buckets, %d users, %v", len(state.Buckets()), len(state.Users()), err)
	}
}

// TestBadValues puts values into etcd that no node would: what was there stays,
// and the rest of the state with it.
func TestBadValues(t *testing.T) {
	server := startTestServer(t)
	p1 := server.open(t, cluster.Proxy, "p1")
	server.open(t, cluster.Target, "t1")
	b := mustCreate(t, p1, "demo")
	server.open(t, cluster.Target, "t2")
	c := mustCreate(t, p1, "damaged")
	ctx := testContext(t)
	for _, key := range []string{
		p1.keys.clusterMap(), p1.keys.node("t1"), p1.keys.live("x"), p1.keys.ticketKeys(), p1.keys.config(),
		p1.keys.bucket(object.AIS, "demo"), p1.keys.bucket(object.AIS, "bad"), string(p1.keys) + "unknown/key",
	} {
		before := p1.State()
		old, err := p1.client.Get(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p1.client.Put(ctx, key, "{"); err != nil {
			t.Fatal(err)
		}
		state, err := p1.Sync(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if state.Map.Cluster != before.Map.Cluster || len(state.TicketKeys) != 1 || len(state.Nodes()) != 3 {
			t.Errorf("%s: the state lost something", key)
		}
		if now, ok := state.BucketByID(b.ID); !ok || now.Props != b.Props || now.Generation != b.Generation {
			t.Errorf("%s: the bucket is %+v", key, now)
		}
		for _, kv := range old.Kvs {
			if _, err := p1.client.Put(ctx, key, string(kv.Value)); err != nil {
				t.Fatal(err)
			}
		}
	}
	// A bucket that cannot be read may need its generation: a node that joins must
	// not drop it.
	if _, err := p1.client.Put(ctx, p1.keys.bucket(object.AIS, "damaged"), "{"); err != nil {
		t.Fatal(err)
	}
	t3 := server.open(t, cluster.Target, "t3")
	if _, ok := t3.State().BucketByID(c.ID); ok {
		t.Error("a damaged bucket is read")
	}
	if nodes, err := t3.State().Placed(&c); err != nil || len(nodes) != 2 {
		t.Errorf("it is placed on %v, %v", nodes, err)
	}
}
