// Command aisnode runs a target, a storage node of an AIS cluster.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"ais/backend/s3"
	"ais/cluster"
	"ais/cluster/etcd"
	"ais/cluster/peer"
	"ais/cmd/internal/config"
	"ais/fs"
	"ais/move"
	"ais/replica"
	"ais/target"
)

// version is set by the build (-ldflags -X main.version=…).
var version = "development"

// settings is everything that the command line says.
type settings struct {
	given         map[string]string // what is to be shown of them
	node          config.Node
	mountpaths    config.List
	failureDomain string
	reserve       config.Size
	domains       config.List
	hosts         config.List
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, config.ErrDone) && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "aisnode:", err)
		os.Exit(1)
	}
}

func parse(args []string) (*settings, error) {
	s := settings{reserve: -1}
	fs := flag.NewFlagSet("aisnode", flag.ContinueOnError)
	s.node.Flags(fs, 8090)
	fs.Var(&s.mountpaths, "mountpath", "`directory` of a disk; may be repeated")
	fs.StringVar(&s.failureDomain, "failure-domain", "", "`name` of what fails together with this node, such as a rack")
	fs.Var(&s.reserve, "reserve", "free `size` on each mountpath below which writes are refused (default: 5 %, at most 256 MiB)")
	fs.Var(&s.domains, "s3-domain", "`domain` whose subdomains are buckets (virtual-host style); may be repeated")
	fs.Var(&s.hosts, "s3-host", "`host[:port]` that clients sign requests for, where a load balancer in front changes the Host; may be repeated (--public-url's is one)")
	if err := config.Parse(fs, args, os.Getenv, "aisnode "+version); err != nil {
		return nil, err
	}
	if len(s.mountpaths) == 0 {
		return nil, errors.New("at least one --mountpath is required")
	}
	if len(s.node.Etcd) == 0 {
		return nil, errors.New("--etcd is required: the client URL of the cluster's etcd, such as that of the proxy which embeds it")
	}
	err := s.node.Finish("t")
	s.given = config.Settings(fs)
	return &s, err
}

func run(ctx context.Context, args []string) (err error) {
	s, err := parse(args)
	if err != nil {
		return err
	}
	log, logger, err := s.node.Logger(os.Stderr)
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		// Most of the heap is the indexes' caches, which stay: half of them as
		// garbage before a collection is plenty.
		debug.SetGCPercent(50)
	}
	if err := s.node.CheckListen(); err != nil {
		return err
	}
	key, err := etcd.LoadOrCreateClusterKey(s.node.ClusterKey, false)
	if err != nil {
		return err
	}
	secure, etcdSecure, err := s.node.LoadTLS(logger)
	if err != nil {
		return err
	}
	go secure.Watch(ctx, config.TLSInterval)
	go etcdSecure.Watch(ctx, config.TLSInterval)
	listener, err := net.Listen("tcp", s.node.Listen)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // serving closes it too

	cfg := target.DefaultConfig()
	cfg.ID, cfg.Domains, cfg.PublicHosts, cfg.Version, cfg.Logger = s.node.ID, s.domains, s.hosts, version, logger
	cfg.Load, cfg.ShutdownDelay = s.node.Load, s.node.ShutdownDelay
	cfg.NodeCerts, cfg.Log, cfg.Settings, cfg.Now = secure.VerifiesClients(), log, s.given, s.node.Now
	cfg.Store.Cluster, cfg.Store.Target = s.node.Cluster, s.node.ID
	cfg.Store.Mountpaths, cfg.Store.ReserveBytes = s.mountpaths, int64(s.reserve)
	cfg.Store.Logger, cfg.Store.Registerer, cfg.Store.Now = logger, cfg.Registry, s.node.Now
	copies := replica.New(replica.Config{ID: s.node.ID, Logger: logger, Registerer: cfg.Registry, Now: s.node.Now})
	cfg.Copies, cfg.Moves = copies, move.New(move.Config{ID: s.node.ID, Logger: logger, Settle: move.Settle}, copies)
	cfg.Store.Copying = cfg.Moves.Hooks()
	store, err := fs.Open(cfg.Store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	members, err := etcd.Open(ctx, etcd.Config{
		Cluster: s.node.Cluster, Endpoints: s.node.Etcd, ClusterKey: key, Auth: s.node.Auth, TLS: etcdSecure.Client(), Logger: logger, Now: s.node.Now,
		Self: cluster.Node{
			ID: s.node.ID, Kind: cluster.Target, URL: s.node.URL(secure.Scheme(), listener.Addr()),
			PublicURL: strings.TrimSuffix(s.node.PublicURL, "/"), Weight: store.Weight(), FailureDomain: s.failureDomain,
			Data: store.Data(), Home: store.Home(),
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, members.Close()) }()
	store.SetHome(members.State().Map.Cluster)

	stores := s3.New(s3.Options{AppID: "ais-" + version, Now: s.node.Now})
	defer stores.Close()
	cfg.OpenBackend, cfg.ReloadKeys = stores.Open, stores.Reload

	peerConfig := peer.DefaultConfig()
	peerConfig.TLS, peerConfig.Logger, peerConfig.Registerer = secure.Client, logger, cfg.Registry
	peers := peer.New(peerConfig)
	defer func() { err = errors.Join(err, peers.Close()) }()
	t, err := target.New(cfg, store, members, peers)
	if err != nil {
		return err
	}
	logger.Info("serving", "version", version, "scheme", secure.Scheme(), "listen", listener.Addr().String(), "public_url", s.node.PublicURL, "mountpaths", s.mountpaths.String())
	return t.Run(ctx, secure.Listen(listener))
}
