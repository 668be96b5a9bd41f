// Package target is a storage node: it serves the S3 operations on the objects
// that it owns, from the mountpaths of package fs, and sends every other request
// on to the node that can answer it.
//
// A target does not decide who owns a name; the cluster map does. It does not
// serve bucket operations; proxies do. It promises that what it acknowledged is
// stored as durably as the bucket asks, and that it never answers with bytes or
// listings that it knows to be wrong or short.
package target

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ais/access"
	"ais/backend/signed"
	"ais/cluster"
	"ais/cluster/etcd"
	"ais/cluster/peer"
	"ais/daemon"
	"ais/fs"
	"ais/load"
	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// Target is one storage node.
type Target struct {
	cfg        Config
	store      *fs.Store
	cluster    *etcd.Store
	caller     *peer.Caller
	access     *access.Control
	streams    *http.Client // bulk reads from other targets
	s3         *s3api.Server
	cors       s3api.CORSCache
	server     *fasthttp.Server
	metrics    *metrics
	daemon     *daemon.Daemon
	gates      gates
	names      names
	parts      names // the same for parts of uploads: upload/number
	remotes    remotes
	signed     *signed.Client // executes what clients signed for S3 itself
	reserved   reservedIDs
	fetches    fetches
	down       down
	lifecycles lifecycleRules
	jobs       jobs
	batches    slots // that are answered
	shares     slots // of batches that others answer
	load       *load.Limiter
	leaving    atomic.Bool // told to end
	started    time.Time
	mirrorless sync.Map // bucket id → why it has not its copies on mountpaths, as it was logged
}

// New returns a target that serves from store in the cluster that members keeps.
// The caller closes both after Run.
func New(cfg Config, store *fs.Store, members *etcd.Store, peers *peer.Client) (*Target, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	t := &Target{
		cfg:     cfg,
		store:   store,
		cluster: members,
		caller:  peer.NewCaller(peers, cfg.ID, members.State, cfg.Now),
		streams: &http.Client{Transport: &http.Transport{
			MaxIdleConnsPerHost: 16, IdleConnTimeout: 20 * time.Second, DisableCompression: true, DialContext: peers.Dial, DialTLSContext: peers.DialTLS,
		}},
		started: cfg.Now(),
	}
	t.remotes.open, t.remotes.reload = cfg.OpenBackend, cfg.ReloadKeys
	t.signed = signed.New()
	t.fetches = newFetches()
	t.batches, t.shares = make(slots, cfg.MaxBatches), make(slots, sharesOf*cfg.MaxBatches)
	t.metrics = newMetrics(cfg.Registry, t)
	cfg.Load.Registerer = cfg.Registry
	t.load = load.New(cfg.Load)
	t.daemon = daemon.New(daemon.Config{
		ID: cfg.ID, State: members.State, Status: t.status, Log: cfg.Log, Settings: cfg.Settings, Registry: cfg.Registry, Logger: cfg.Logger,
	})
	var err error
	if t.access, err = newAccess(&cfg, members); err != nil {
		return nil, err
	}
	protocol := s3api.DefaultConfig()
	protocol.Handler, protocol.Domains, protocol.TakeRequestID = t, cfg.Domains, true
	protocol.Expect, protocol.CORS = t.expectS3, t.corsRules
	protocol.PassesOn, protocol.Failed = t.passesOn, peer.Rejects
	protocol.Logger, protocol.Registerer = cfg.Logger, cfg.Registry
	if t.s3, err = s3api.NewServer(protocol); err != nil {
		return nil, err
	}
	t.server = &fasthttp.Server{}
	s3api.ConfigureServer(t.server, t.s3, t.handle, cfg.IdleTimeout)
	t.load.Bound(t.server)
	t.server.ExpectHandler = t.expect
	switch {
	case cfg.Moves != nil: // and its keeper
		cfg.Moves.Start(t.watchMoves(), store, members, t.caller, t.streams)
	case cfg.Copies != nil:
		cfg.Copies.Start(store, members, t.caller, t.streams)
	}
	return t, nil
}

// Run serves on listener until ctx ends or the node is told to end, then lets what is in flight finish: see drain.
func (t *Target) Run(ctx context.Context, listener net.Listener) error {
	ctx, cancelTasks := context.WithCancel(ctx)
	defer cancelTasks()
	ended := make(chan error, 1)
	go func() { ended <- t.server.Serve(listener) }()
	following, unfollow := context.WithCancel(context.WithoutCancel(ctx)) // while requests end, too
	defer unfollow()
	go t.caller.Follow(following, t.cluster.Changes)
	go t.dropRemoved(ctx)
	go t.runLifecycles(ctx)
	go t.watchSpace(ctx)
	go t.keepResilvering(ctx)
	go t.watchDisks(ctx)
	defer t.fetches.end()
	defer t.jobs.close()
	if t.cfg.Copies != nil {
		defer t.cfg.Copies.Stop()
	}
	if t.cfg.Moves != nil {
		defer t.cfg.Moves.Stop()
	}
	select {
	case err := <-ended:
		return err
	case <-t.cluster.Superseded():
		return errors.New("another process has joined the cluster as " + t.cfg.ID)
	case <-t.daemon.Quit():
		cancelTasks()
	case <-ctx.Done():
	}
	t.drain()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.cfg.ShutdownGrace)
	defer cancel()
	return t.server.ShutdownWithContext(grace)
}

// dropRemoved removes what is left of buckets that exist no more: at the start,
// and whenever the cluster's state has changed.
func (t *Target) dropRemoved(ctx context.Context) {
	for {
		changes := t.cluster.Changes() // before the look, so that none is missed
		t.dropAbsent(ctx)
		select {
		case <-ctx.Done():
			return
		case <-changes:
		}
	}
}

// dropAbsent drops the records of buckets that the cluster does not know. What
// this node's own snapshot lacks is not dropped before etcd says the same.
func (t *Target) dropAbsent(ctx context.Context) {
	ids, err := t.store.Buckets() // before the state is read: a bucket made meanwhile is not among them
	if err != nil {
		t.cfg.Logger.Error("list stored buckets", "err", err)
		return
	}
	absent := func(state *cluster.State) []uint64 {
		return slices.DeleteFunc(slices.Clone(ids), func(id uint64) bool { _, ok := state.BucketByID(id); return ok })
	}
	if len(absent(t.cluster.State())) == 0 {
		return
	}
	state, err := t.cluster.Sync(ctx)
	if err != nil {
		t.cfg.Logger.Warn("removed buckets are kept until etcd answers", "err", err)
		return
	}
	for _, id := range absent(state) {
		if err := t.store.DropBucket(id); err != nil {
			t.cfg.Logger.Error("drop removed bucket", "bucket", id, "err", err)
		}
		t.gates.byBucket.Delete(id)
		t.lifecycles.byBucket.Delete(id)
	}
}
