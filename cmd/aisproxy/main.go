// Command aisproxy runs a gateway of an AIS cluster.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"ais/cluster"
	"ais/cluster/etcd"
	"ais/cluster/peer"
	"ais/cmd/internal/config"
	"ais/proxy"
)

// version is set by the build (-ldflags -X main.version=…).
var version = "development"

// settings is everything that the command line says.
type settings struct {
	given    map[string]string // what is to be shown of them
	node     config.Node
	etcd     etcdSettings
	domains  config.List
	hosts    config.List
	redirect string
	hold     time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, config.ErrDone) && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "aisproxy:", err)
		os.Exit(1)
	}
}

func parse(args []string) (*settings, error) {
	var s settings
	fs := flag.NewFlagSet("aisproxy", flag.ContinueOnError)
	s.node.Flags(fs, 8080)
	fs.StringVar(&s.etcd.listen, "etcd-listen", "http://127.0.0.1:2379", "client `URL` of the embedded etcd (without --etcd, or with --etcd-peers)")
	fs.StringVar(&s.etcd.peer, "etcd-peer", "", "peer `URL` of the embedded etcd (default: http://127.0.0.1:2380, or this proxy's in --etcd-peers)")
	fs.Var(&s.etcd.peers, "etcd-peers", "comma-separated `NAME=URL` of each proxy that embeds a member of etcd, this one among them: their ids and peer URLs at the first start")
	fs.BoolVar(&s.etcd.join, "etcd-join", false, "become a member of the running etcd (--etcd), or take the place of this proxy's member whose data are lost; nothing once there are data")
	fs.StringVar(&s.etcd.from, "etcd-restore", "", "`file` with a snapshot of etcd (etcdctl snapshot save) to begin with, the same for all that embed it; nothing once there are data")
	fs.Var(&s.domains, "s3-domain", "`domain` whose subdomains are buckets (virtual-host style); may be repeated")
	fs.Var(&s.hosts, "s3-host", "`host[:port]` that clients sign requests for, where a load balancer in front changes the Host; may be repeated (--public-url's is one)")
	fs.StringVar(&s.redirect, "redirect", "", "auto, always or never; overrides the cluster's setting on this proxy")
	fs.DurationVar(&s.hold, "hold-time", proxy.DefaultConfig().HoldTime, "`time` that a request waits for a target that is down, before it is answered with 503")
	if err := config.Parse(fs, args, os.Getenv, "aisproxy "+version); err != nil {
		return nil, err
	}
	err := s.node.Finish("p")
	if err == nil {
		err = s.etcd.check(&s.node)
	}
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
	if err := s.node.CheckListen(); err != nil {
		return err
	}
	key, err := etcd.LoadOrCreateClusterKey(s.node.ClusterKey, s.etcd.makesKey(&s.node))
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

	rootID, rootSecret, err := config.RootKey(os.Getenv)
	if err != nil {
		return err
	}
	join := etcd.Config{
		Cluster: s.node.Cluster, Endpoints: s.node.Etcd, Embed: s.etcd.embed(&s.node), ClusterKey: key, Auth: s.node.Auth, TLS: etcdSecure.Client(), Logger: logger, Now: s.node.Now,
		Root: cluster.AccessKey{ID: rootID, Secret: cluster.Secret(rootSecret)},
		Self: cluster.Node{ID: s.node.ID, Kind: cluster.Proxy, URL: s.node.URL(secure.Scheme(), listener.Addr()), PublicURL: strings.TrimSuffix(s.node.PublicURL, "/")},
	}
	members, err := etcd.Open(ctx, join)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, members.Close()) }()
	if root, made := members.MadeRoot(); made {
		// The one time that this key is told: neither logged nor kept in plain anywhere.
		fmt.Printf("root access key: %s\nroot secret key: %s\n", root.ID, string(root.Secret))
	}

	cfg := proxy.DefaultConfig()
	cfg.ID, cfg.Domains, cfg.PublicHosts, cfg.Redirect, cfg.Version, cfg.Logger = s.node.ID, s.domains, s.hosts, s.redirect, version, logger
	cfg.Load, cfg.HoldTime, cfg.ShutdownDelay = s.node.Load, s.hold, s.node.ShutdownDelay
	cfg.NodeCerts, cfg.Log, cfg.Settings, cfg.Now = secure.VerifiesClients(), log, s.given, s.node.Now
	peerConfig := peer.DefaultConfig()
	peerConfig.TLS, peerConfig.Logger, peerConfig.Registerer = secure.Client, logger, cfg.Registry
	peers := peer.New(peerConfig)
	defer func() { err = errors.Join(err, peers.Close()) }()
	p, err := proxy.New(cfg, members, peers)
	if err != nil {
		return err
	}
	logger.Info("serving", "version", version, "scheme", secure.Scheme(), "listen", listener.Addr().String(), "public_url", s.node.PublicURL, "embedded_etcd", join.Embed != nil)
	return p.Run(ctx, secure.Listen(listener))
}
