package load

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// Config bounds a node.
type Config struct {
	MaxRequests int           // served at a time
	MaxBytes    int64         // of the buffers of those; see Cost. And of those of connections; see Connections
	MaxWaiting  int           // requests that wait for their turn
	MaxWait     time.Duration // for it

	Registerer prometheus.Registerer // nil registers nothing
}

// DefaultConfig returns bounds that suit this machine: buffers take an eighth of its
// memory at most.
func DefaultConfig() Config {
	return Config{MaxRequests: 1024, MaxBytes: max(memory()/8, 64<<20), MaxWaiting: 4096, MaxWait: time.Second}
}

// Connections returns how many connections a node keeps at most, idle or not: as many as
// have their buffers in MaxBytes, and never fewer than it may serve requests at a time.
func (c *Config) Connections() int {
	return int(max(c.MaxBytes/baseCost, int64(c.MaxRequests)*(1+maxHops)))
}

// Validate reports the first bound that cannot work.
func (c *Config) Validate() error {
	switch {
	case c.MaxRequests < 1:
		return errors.New("a node serves at least one request at a time")
	case c.MaxBytes < bodyCost+baseCost:
		return errors.New("the buffers of requests need 320 KiB at least")
	case c.MaxWaiting < 0 || c.MaxWait < 0:
		return errors.New("neither the number of requests that wait nor their time is below 0")
	}
	return nil
}

// memory returns the bytes of memory of this machine, 0 where they are not known.
func memory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}
