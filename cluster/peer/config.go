package peer

import (
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config says how a Client connects. Zero fields take DefaultConfig's values.
type Config struct {
	DialTimeout    time.Duration // a node that does not accept by then is unavailable
	IdleTimeout    time.Duration // kept connections are closed after it; shorter than the nodes' own
	HeaderTimeout  time.Duration // for the head of the answer, after the request is sent
	UploadTimeout  time.Duration // the same after a request with a body
	StallTimeout   time.Duration // a body that does not move for so long is given up
	PourStall      time.Duration // likewise of the body of a Pouring, whose sender has others to serve
	LinkTimeout    time.Duration // a connection of which the other machine acknowledges nothing for so long is given up
	LeasePatience  time.Duration // a node that holds no lease, and is silent for so long, is not waited for any more; see Caller.Follow
	MaxIdlePerHost int           // kept connections to one address

	// TLS returns the configuration of a connection to a node that serves HTTPS;
	// asked each time, so that it may change. nil trusts the system's authorities.
	TLS func() *tls.Config

	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil registers nothing
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		DialTimeout:    time.Second,
		IdleTimeout:    20 * time.Second,
		HeaderTimeout:  30 * time.Second,
		UploadTimeout:  2 * time.Minute,
		StallTimeout:   time.Minute,
		PourStall:      2 * time.Second,
		LinkTimeout:    15 * time.Second,
		LeasePatience:  3 * time.Second,
		MaxIdlePerHost: 256,
	}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	setDefault(&c.DialTimeout, d.DialTimeout)
	setDefault(&c.IdleTimeout, d.IdleTimeout)
	setDefault(&c.HeaderTimeout, d.HeaderTimeout)
	setDefault(&c.UploadTimeout, d.UploadTimeout)
	setDefault(&c.StallTimeout, d.StallTimeout)
	setDefault(&c.PourStall, d.PourStall)
	setDefault(&c.LinkTimeout, d.LinkTimeout)
	setDefault(&c.LeasePatience, d.LeasePatience)
	setDefault(&c.MaxIdlePerHost, d.MaxIdlePerHost)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func setDefault[T time.Duration | int](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}
