package etcd

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"ais/cluster"
	"ais/internal/loopback"
	"ais/object"
)

var testKey = bytes.Repeat([]byte{7}, clusterKeySize)

// testServer is an etcd that stores of one test share, and that can be killed.
type testServer struct {
	embed  Embed
	server *server
}

func startTestServer(t *testing.T) *testServer {
	t.Helper()
	s := &testServer{embed: newEmbed(t)}
	s.start(t)
	t.Cleanup(s.stop)
	return s
}

func newEmbed(t *testing.T) Embed {
	t.Helper()
	return Embed{Dir: filepath.Join(t.TempDir(), "etcd"), ClientURL: loopback.URL(t), PeerURL: loopback.URL(t)}
}

func (s *testServer) start(t *testing.T) {
	t.Helper()
	server, err := startServer(testContext(t), s.embed, testLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	s.server = server
}

func (s *testServer) stop() {
	if s.server != nil {
		s.server.close()
		s.server = nil
	}
}

// client returns a plain client, to do what a store would not.
func (s *testServer) client(t *testing.T) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{s.embed.ClientURL}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// config returns that of a node, at a URL made from its id.
func (s *testServer) config(t *testing.T, kind cluster.Kind, id string) Config {
	return Config{
		Endpoints:  []string{s.embed.ClientURL},
		Self:       cluster.Node{ID: id, Kind: kind, URL: "http://" + id + ":1"},
		ClusterKey: testKey,
		LeaseTTL:   2 * time.Second,
		Logger:     testLogger(t),
	}
}

func (s *testServer) open(t *testing.T, kind cluster.Kind, id string) *Store {
	t.Helper()
	return open(t, s.config(t, kind, id))
}

func open(t *testing.T, c Config) *Store {
	t.Helper()
	s, err := Open(testContext(t), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// kill ends a store as kill -9 ends a process: its lease stays.
func kill(s *Store) {
	s.closed.Do(s.shut)
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until the store's State satisfies ok.
func eventually(t *testing.T, s *Store, what string, ok func(*cluster.State) bool) *cluster.State {
	t.Helper()
	ctx := testContext(t)
	for {
		changes := s.Changes()
		if state := s.State(); ok(state) {
			return state
		}
		select {
		case <-changes:
		case <-ctx.Done():
			t.Fatalf("it never happened: %s", what)
		}
	}
}

// waitFor waits until ok, which no channel tells of.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("it never happened: %s", what)
		}
		<-tick.C
	}
}

// testLogger writes to the test's log until the test has ended.
func testLogger(t *testing.T) *slog.Logger {
	w := &testWriter{t: t}
	t.Cleanup(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ended = true
	})
	return slog.New(slog.NewTextHandler(w, nil))
}

type testWriter struct {
	mu    sync.Mutex
	t     *testing.T
	ended bool
}

func (w *testWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.t.Log(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

func newBucket(name string) cluster.Bucket {
	return cluster.Bucket{
		Provider: object.AIS,
		Name:     name,
		Props:    cluster.DefaultProps(object.AIS, true, cluster.DefaultConfig()),
	}
}

func mustCreate(t *testing.T, s *Store, name string) cluster.Bucket {
	t.Helper()
	b, err := s.CreateBucket(testContext(t), newBucket(name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func bucketName(i int) string { return fmt.Sprintf("bucket-%03d", i) }
