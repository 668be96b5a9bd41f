package proxy

import (
	"errors"
	"log/slog"
	"time"

	"ais/daemon"
	"ais/load"

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
	HoldTime      time.Duration // a request waits for the target that it needs; 0 is not at all
	ReadPatience  time.Duration // with a copy that was asked for a read, before the next one is
	ShutdownDelay time.Duration // the proxy serves on when it is told to end, and says that it is not ready
	ShutdownGrace time.Duration // for requests in flight after that
	Load          load.Config   // bounds of what is served at a time
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
		HoldTime:      5 * time.Second,
		ReadPatience:  2 * time.Second,
		ShutdownGrace: 20 * time.Second,
		Load:          load.DefaultConfig(),
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
	if err := c.Load.Validate(); err != nil {
		return err
	}
	switch RedirectMode(c.Redirect) {
	case "", RedirectAuto, RedirectAlways, RedirectNever:
		return nil
	}
	return errors.New("--redirect is auto, always or never, not " + c.Redirect)
}
