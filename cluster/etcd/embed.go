package etcd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
	"google.golang.org/grpc"

	"ais/object"
)

// server is an etcd server in this process.
type server struct {
	etcd    *embed.Etcd
	grpc    *grpc.Server // etcd's own
	closing atomic.Bool
}

// quietStart is how long an embedded server may take to start before its log says
// what it waits for.
const quietStart = 3 * time.Second

// startServer starts an embedded server and returns when it answers: a member of
// several does so once most of them run.
func startServer(ctx context.Context, c Embed, log *slog.Logger) (*server, error) {
	const op = "etcd.Embed"
	config, err := c.config()
	if err != nil {
		return nil, object.E(op, c.Dir, object.Invalid, err)
	}
	s := &server{}
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(newZap(log, &s.closing))
	config.ServiceRegister = func(g *grpc.Server) { s.grpc = g }
	if s.etcd, err = embed.StartEtcd(config); err != nil {
		if strings.Contains(err.Error(), "already been bootstrapped") { // etcd has no value for it
			return nil, object.E(op, c.Dir, object.Invalid, fmt.Errorf("the members of etcd know this one, and its data are not here: bring them back, or have it join anew: %w", err))
		}
		return nil, object.E(op, c.Dir, object.Unavailable, err)
	}
	waits := time.AfterFunc(quietStart, func() {
		log.Warn("the embedded etcd waits for most of its members to run", "members", config.InitialCluster)
	})
	defer waits.Stop()
	select {
	case <-s.etcd.Server.ReadyNotify():
		return s, nil
	case err = <-s.etcd.Err():
	case <-s.etcd.Server.StopNotify():
		err = errors.New("it stopped at its start")
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.close()
	return nil, object.E(op, c.Dir, object.Unavailable, err)
}

// Serve runs a server that is not part of a node until ctx ends. The error is of kind
// Invalid for settings that cannot be, else Unavailable.
func Serve(ctx context.Context, c Embed, log *slog.Logger) error {
	const op = "etcd.Serve"
	if c.Dir == "" {
		return object.E(op, c.Name, object.Invalid, errors.New("it needs a directory for its data"))
	}
	if err := c.check(); err != nil {
		return object.E(op, c.Dir, object.Invalid, err)
	}
	s, err := startServer(ctx, c, log)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer s.close()
	select {
	case <-ctx.Done():
		return nil
	case err = <-s.etcd.Err():
	case <-s.etcd.Server.StopNotify():
		err = errors.New("it stopped")
	}
	return object.E(op, c.Dir, object.Unavailable, err)
}

func (c Embed) config() (*embed.Config, error) {
	setDefault(&c.PeerListen, c.PeerURL)
	var urls [3]url.URL
	for i, text := range []string{c.ClientURL, c.PeerURL, c.PeerListen} {
		u, err := url.Parse(text)
		if err != nil {
			return nil, err
		}
		urls[i] = *u
	}
	config := embed.NewConfig()
	config.Dir = c.Dir
	config.ListenClientUrls, config.AdvertiseClientUrls = urls[:1], urls[:1]
	config.AdvertisePeerUrls, config.ListenPeerUrls = urls[1:2], urls[2:]
	secure := transport.TLSInfo{CertFile: c.Cert, KeyFile: c.Key, TrustedCAFile: c.CA, ClientCertAuth: c.CA != ""}
	config.ClientTLSInfo, config.PeerTLSInfo = secure, secure
	setDefault(&c.Name, "ais")
	config.Name = c.Name
	config.InitialCluster = c.Initial
	if c.Initial == "" {
		config.InitialCluster = config.InitialClusterFromName(c.Name)
		// Alone it elects itself after one timeout, which nobody can disturb:
		// a short one makes for a fast start.
		config.TickMs, config.ElectionMs = 20, 200
	}
	if c.token != "" {
		config.InitialClusterToken = c.token
	}
	if c.joins {
		config.ClusterState = embed.ClusterStateFlagExisting
	}
	config.AuthToken = "" // etcd's own users are not used
	config.EnableGRPCGateway = false
	config.QuotaBackendBytes = 512 << 20
	config.SnapshotCount = 5000
	config.AutoCompactionMode, config.AutoCompactionRetention = "periodic", "10m"
	return config, nil
}

// transferTime is how long a leader may take to hand over before it stops: others
// that stop too do not take it.
const transferTime = time.Second

// close stops the server. One that leads others hands that over first, so that
// nobody waits for an election. Then its gRPC is stopped, hard: etcd would wait
// for seconds until all nodes had closed their watches. It calls that an error,
// which is nobody's business.
func (s *server) close() {
	s.closing.Store(true)
	moved := make(chan struct{})
	go func() {
		defer close(moved)
		_ = s.etcd.Server.TryTransferLeadershipOnShutdown() // else they elect one
	}()
	select {
	case <-moved:
	case <-time.After(transferTime):
	}
	if s.grpc != nil {
		s.grpc.Stop()
	}
	s.etcd.Server.HardStop()
	s.etcd.Close()
}
