package etcd

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-semver/semver"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"ais/cluster"
	"ais/object"
)

// Store keeps the State of a cluster that this node is part of.
type Store struct {
	config   Config
	log      *slog.Logger
	keys     keyspace
	decoder  decoder
	client   *clientv3.Client
	server   *server // nil with an external etcd
	started  time.Time
	restored bool              // the embedded etcd began with a snapshot
	root     cluster.AccessKey // of a cluster that this store makes

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	closed sync.Once

	state atomic.Pointer[cluster.State] // replaced by the watching task only
	// reload makes the watching task read everything anew.
	reload chan struct{}
	// creating is held by the creation of a bucket that is under way.
	creating chan struct{}
	lease    lease
	syncs    rounds
	progress bool // etcd answers RequestProgress in order with the events; set by open

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced when the content of State changes
	advanced chan struct{} // the same when its Revision does
}

// Open connects to etcd, starting it if it is embedded, and joins c.Self to the
// cluster, making the cluster if there is none. It tries until ctx ends, for
// nodes may start before etcd. Errors: Invalid for a configuration, cluster
// key or auth setting that is not the cluster's; Exists while another process
// lives under the node's id; Unavailable when ctx ended.
func Open(ctx context.Context, c Config) (*Store, error) {
	c = c.withDefaults()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &Store{
		config:   c,
		log:      c.Logger.With("node", c.Self.ID),
		keys:     newKeyspace(c.Cluster),
		started:  c.Now(),
		reload:   make(chan struct{}, 1),
		creating: make(chan struct{}, 1),
		changed:  make(chan struct{}),
		advanced: make(chan struct{}),
	}
	s.lease.lost, s.lease.left = make(chan struct{}), make(chan struct{})
	sealer, err := newSealer(c.ClusterKey, s.keys, c.Rand)
	if err != nil {
		return nil, object.E("etcd.Open", c.Self.ID, object.Invalid, err)
	}
	s.decoder = decoder{keys: s.keys, sealer: sealer}
	if s.root = c.Root; s.root.ID == "" {
		s.root = NewAccessKey(c.Rand)
	}
	s.root.Created = s.started.UTC()
	s.config.Self.Etcd = s.config.Embed != nil
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.lease.kept, s.lease.leave = context.WithCancel(s.ctx)
	if err := s.open(ctx); err != nil {
		s.shut()
		return nil, err
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	const op = "etcd.Open"
	endpoints := s.config.Endpoints
	if s.config.Embed != nil {
		if err := s.embedServer(ctx); err != nil {
			return err
		}
		if own := s.config.Embed.ClientURL; !slices.ContainsFunc(endpoints, func(u string) bool { return sameURL(u, own) }) {
			endpoints = append([]string{own}, endpoints...)
		}
	}
	var err error
	if s.client, err = s.dial(endpoints); err != nil {
		return object.E(op, s.config.Self.ID, object.Invalid, err)
	}
	if s.restored {
		if err := s.leapAhead(ctx); err != nil {
			return failure(op, s.config.Self.ID, err)
		}
	}
	revision, err := s.join(ctx, false)
	if err != nil {
		return failure(op, s.config.Self.ID, err)
	}
	if s.progress, err = s.ordersProgress(ctx, endpoints); err != nil {
		return failure(op, s.config.Self.ID, err)
	}
	s.tasks.Go(s.watch)
	s.tasks.Go(s.keepAlive)
	s.tasks.Go(s.markDown)
	if s.config.Self.Kind == cluster.Proxy {
		s.tasks.Go(s.rotateTicketKeys)
	}
	if err := s.await(ctx, revision); err != nil {
		return failure(op, s.config.Self.ID, err)
	}
	if s.config.Embed != nil && s.config.Auth == cluster.AuthOn && s.config.Root.ID != "" {
		return s.replaceRoot(ctx)
	}
	return nil
}

// ordersProgress reports whether every server is of a version that answers
// RequestProgress after the events it speaks of, not before: 3.4.25 and 3.5.8
// (etcd's changelogs: "progress notification may not be in order").
func (s *Store) ordersProgress(ctx context.Context, endpoints []string) (bool, error) {
	if s.server != nil {
		return true, nil
	}
	known := 0
	for _, endpoint := range endpoints {
		wait, cancel := context.WithTimeout(ctx, s.config.RequestTimeout)
		status, err := s.client.Status(wait, endpoint)
		cancel()
		if err != nil {
			continue // one that is down now; it may be of any version
		}
		v, err := semver.NewVersion(status.Version)
		if err != nil {
			return false, nil
		}
		if v.LessThan(*semver.New("3.4.25")) || !v.LessThan(*semver.New("3.5.0")) && v.LessThan(*semver.New("3.5.8")) {
			return false, nil
		}
		known++
	}
	return known == len(endpoints), ctx.Err()
}

// dial makes the client, silent because the store tells of outages. It does not wait for a connection; one that is lost is
// tried again several times a second, not with gRPC's growing pauses of up to
// two minutes.
func (s *Store) dial(endpoints []string) (*clientv3.Client, error) {
	pauses := backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 500 * time.Millisecond}
	return clientv3.New(clientv3.Config{
		Endpoints:            endpoints,
		TLS:                  s.config.TLS,
		Context:              s.ctx,
		Logger:               zap.NewNop(),
		DialKeepAliveTime:    10 * time.Second,
		DialKeepAliveTimeout: 3 * time.Second,
		DialOptions: []grpc.DialOption{
			grpc.WithConnectParams(grpc.ConnectParams{Backoff: pauses, MinConnectTimeout: time.Second}),
		},
	})
}

// Close leaves: the lease is given back, so that the others see at once that this
// node is down, and an embedded etcd stops.
func (s *Store) Close() error {
	s.closed.Do(func() {
		s.cancel()
		s.tasks.Wait()
		s.giveBack()
		s.shut()
	})
	return nil
}

func (s *Store) shut() {
	s.cancel()
	s.tasks.Wait()
	if s.client != nil {
		_ = s.client.Close() // it only tells that its context has ended
	}
	if s.server != nil {
		s.server.close()
	}
}

// State returns the newest snapshot; never nil.
func (s *Store) State() *cluster.State { return s.state.Load() }

// Self returns this node as the newest snapshot has it.
func (s *Store) Self() cluster.Node {
	if n, ok := s.State().Node(s.config.Self.ID); ok {
		return n
	}
	return s.config.Self
}

// Changes returns a channel that is closed when State has other content. Take
// the channel first, then the State, so that no change is missed.
func (s *Store) Changes() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// advances returns a channel that is closed when State is replaced, if only by
// one of a later revision.
func (s *Store) advances() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.advanced
}

// publish replaces the State.
func (s *Store) publish(next *cluster.State, changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Store(next)
	close(s.advanced)
	s.advanced = make(chan struct{})
	if changed {
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// retryPause is how long to wait before trying again what etcd did not answer.
const retryPause = 100 * time.Millisecond

// pause waits for d, or returns ctx's error.
func (s *Store) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-s.ctx.Done():
		return object.E("etcd.Store", s.config.Self.ID, object.Unavailable, errors.New("the store is closed"))
	case <-ctx.Done():
		return ctx.Err()
	}
}
