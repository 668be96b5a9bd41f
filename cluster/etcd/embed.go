package etcd

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync/atomic"

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

// startServer starts an embedded server and returns when it answers.
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
		return nil, object.E(op, c.Dir, object.Unavailable, err)
	}
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

func (c Embed) config() (*embed.Config, error) {
	client, err := url.Parse(c.ClientURL)
	if err != nil {
		return nil, err
	}
	peer, err := url.Parse(c.PeerURL)
	if err != nil {
		return nil, err
	}
	config := embed.NewConfig()
	config.Dir = c.Dir
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
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
	config.AuthToken = "" // etcd's own users are not used
	config.EnableGRPCGateway = false
	config.QuotaBackendBytes = 512 << 20
	config.SnapshotCount = 5000
	config.AutoCompactionMode, config.AutoCompactionRetention = "periodic", "10m"
	return config, nil
}

// close stops the server. Its gRPC is stopped first and hard: etcd would wait
// for seconds until all nodes had closed their watches. It calls that an error,
// which is nobody's business.
func (s *server) close() {
	s.closing.Store(true)
	if s.grpc != nil {
		s.grpc.Stop()
	}
	s.etcd.Close()
}
