package target

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ais/backend/backendtest"
	"ais/cluster"
	"ais/cluster/etcd"
	"ais/cluster/peer"
	"ais/fs"
	"ais/fs/faultfs"
	"ais/internal/loopback"
	"ais/object"

	"github.com/prometheus/client_golang/prometheus"
)

// newTarget returns a target "t1" with a mountpath in memory, configured by edit.
func newTarget(t *testing.T, members *etcd.Store, edit func(*Config)) *Target {
	t.Helper()
	cfg := DefaultConfig()
	cfg.ID, cfg.Registry, cfg.Logger = "t1", prometheus.NewRegistry(), slog.New(slog.DiscardHandler)
	cfg.Store.Cluster, cfg.Store.Target, cfg.Store.Logger = "test", "t1", cfg.Logger
	cfg.Store.OS, cfg.Store.Mountpaths = faultfs.New(), []string{"/mp"}
	edit(&cfg)
	store, err := fs.Open(cfg.Store)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	target, err := New(cfg, store, members, peer.New(peer.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// onDisk has a target's mountpaths be directories, which a test can move away and damage.
func onDisk(dirs ...string) func(*Config) {
	return func(c *Config) { c.Store.OS, c.Store.Mountpaths = fs.RealOS{}, dirs }
}

// testChunk is Config.FetchChunk where a test starts a target: little, so that few
// bytes make many chunks.
const testChunk = 2 << 20

// startAlone returns a target that is alone in a new cluster without users, and
// the store in memory that its remote buckets live in: "mem" is there. It listens
// on nothing: it is handed requests.
func startAlone(t *testing.T, edits ...func(*Config)) (*Target, *backendtest.Mem) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	members, err := etcd.Open(ctx, etcd.Config{
		Embed:      &etcd.Embed{Dir: filepath.Join(t.TempDir(), "etcd"), ClientURL: loopback.URL(t), PeerURL: loopback.URL(t)},
		Self:       cluster.Node{ID: "t1", Kind: cluster.Target, URL: "http://127.0.0.1:2"},
		ClusterKey: make([]byte, 32),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { members.Close() })
	if _, err := members.UpdateConfig(ctx, func(c *cluster.Config) error { _, err := c.Set("backend.aws.enabled", "true"); return err }); err != nil {
		t.Fatal(err)
	}
	mem := backendtest.NewMem()
	return newTarget(t, members, func(c *Config) {
		c.OpenBackend, c.FetchChunk = mem.Open, testChunk
		for _, edit := range edits {
			edit(c)
		}
	}), mem
}

// makeBucket creates a bucket with the properties, which are names and values.
func makeBucket(t *testing.T, target *Target, provider object.Provider, name string, props ...string) *cluster.Bucket {
	t.Helper()
	b := cluster.Bucket{Provider: provider, Name: name, Props: cluster.DefaultProps(provider, true, target.cluster.State().Config)}
	for i := 0; i < len(props); i += 2 {
		if _, err := b.Props.Set(props[i], props[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	b, err := target.cluster.CreateBucket(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	state, err := target.cluster.Sync(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	made, ok := state.BucketByID(b.ID)
	if !ok {
		t.Fatalf("bucket %s is not there", name)
	}
	return made
}

// answer is what a target answered.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask has the target serve a request on a connection of its own; headers are names
// and values.
func ask(t *testing.T, target *Target, method, uri, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, "http://node.test:8081"+uri, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return exchange(t, target, req)
}

// askChunked is ask for a PUT whose body comes in chunks.
func askChunked(t *testing.T, target *Target, uri, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequest(http.MethodPut, "http://node.test:8081"+uri, io.MultiReader(strings.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.TransferEncoding = []string{"chunked"}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return exchange(t, target, req)
}

func exchange(t *testing.T, target *Target, req *http.Request) answer {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	go func() { _ = target.server.ServeConn(server) }()
	go func() { _ = req.Write(client) }() // an answer may come before the body is read
	resp, err := http.ReadResponse(bufio.NewReader(client), req)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(content)}
}
