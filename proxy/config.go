package proxy

import (
	"errors"
	"log/slog"
	"time"

	"ais/daemon"

	"github.com/prometheus/client_golang/prometheus"
)

// Config is everything that a proxy is told from outside.
type Config struct {
	ID            string        // the node's, as in the cluster map
	Domains       []string      // whose subdomains are buckets
	PublicHosts   []string      // host[:port] that clients sign for where something in front changes the Host
	NodeCerts     bool          // other nodes must show a certificate that was verified
	Redirect      string        // auto, always, never; "" is the cluster's setting
	IdleTimeout   time.Duration // of a client's connection between requests
	PeerTimeout   time.Duration // for a control call to a target
	SyncTimeout   time.Duration // to read etcd
	ShutdownGrace time.Duration // for requests in flight when the proxy is told to end
	Version       string        // of the program

	Settings map[string]string // what the node was started with, without secrets
	Log      *daemon.Log       // what Logger writes to, to be asked for; nil for none
	Logger   *slog.Logger
	Registry *prometheus.Registry
	Now      func() time.Time
}

// DefaultConfig returns the defaults of everything that has one.
func DefaultConfig() Config {
	return Config{
		IdleTimeout:   time.Minute,
		PeerTimeout:   10 * time.Second,
		SyncTimeout:   5 * time.Second,
		ShutdownGrace: 20 * time.Second,
		Logger:        slog.Default(),
		Registry:      prometheus.NewRegistry(),
		Now:           time.Now,
	}
}

// Validate reports the first setting that cannot work.
func (c *Config) Validate() error {
	if c.ID == "" {
		return errors.New("a proxy has an id")
	}
	switch RedirectMode(c.Redirect) {
	case "", RedirectAuto, RedirectAlways, RedirectNever:
		return nil
	}
	return errors.New("--redirect is auto, always or never, not " + c.Redirect)
}
