package fs

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ais/object"
)

// Config is everything that a Store is opened with.
type Config struct {
	Cluster    string   // identity, checked against each mountpath's ais.json
	Target     string   // identity, checked likewise
	Mountpaths []string // directories, one a disk

	CacheBytes    int64  // one block cache, shared by the indexes of all mountpaths
	MemTableBytes uint64 // per mountpath
	InlineMax     int    // payloads up to this many bytes live in the index
	ReserveBytes  int64  // writes are refused when less is free; negative: min(256 MiB, 5 % of the disk)

	CheckpointEvery time.Duration // between copies of each index to another mountpath; 0 makes none
	SweepEvery      time.Duration // between background sweeps for orphans; the first one runs after Open; 0 runs none
	FlushEvery      time.Duration // between writes of access times, and of deletions put off
	CompletedFor    time.Duration // how long a repeated Publish of a published upload is answered

	Copying *Copying // how copies are kept on other targets; nil where there are none

	OnMountpath func(MountpathEvent) // told of mountpaths that fail and come back, by goroutines of the store; nil is told nothing

	OS         OS                    // nil is the real one
	Logger     *slog.Logger          // nil logs nothing
	Registerer prometheus.Registerer // nil registers nothing
	Now        func() time.Time      // nil is time.Now
	Rand       io.Reader             // nil is crypto/rand
}

// DefaultConfig returns a Config that lacks only the identity and the mountpaths.
func DefaultConfig() Config {
	return Config{
		CacheBytes:      24 << 20,
		MemTableBytes:   4 << 20,
		InlineMax:       16 << 10,
		ReserveBytes:    -1,
		CheckpointEvery: 10 * time.Minute,
		SweepEvery:      6 * time.Hour,
		FlushEvery:      time.Second,
		CompletedFor:    time.Hour,
	}
}

// maxInline bounds InlineMax: larger payloads would make memtables turn over
// faster than files cost.
const maxInline = 64 << 10

// Validate reports the first setting that is not legal, as an error of kind Invalid.
func (c Config) Validate() error {
	bad := func(format string, args ...any) error {
		return object.E("fs.Config", "", object.Invalid, fmt.Errorf(format, args...))
	}
	switch {
	case c.Cluster == "" || c.Target == "":
		return bad("the cluster and the target need a name")
	case len(c.Mountpaths) == 0:
		return bad("there is no mountpath")
	case c.CacheBytes < 1<<20:
		return bad("a cache of %d bytes is too small", c.CacheBytes)
	case c.MemTableBytes < 256<<10 || c.MemTableBytes > 1<<30:
		return bad("a memtable of %d bytes is not between 256 KiB and 1 GiB", c.MemTableBytes)
	case c.InlineMax < 0 || c.InlineMax > maxInline:
		return bad("an inline maximum of %d is not between 0 and %d", c.InlineMax, maxInline)
	case c.FlushEvery <= 0:
		return bad("FlushEvery is not positive")
	}
	seen := make(map[string]bool)
	for _, dir := range c.Mountpaths {
		if dir == "" || seen[dir] {
			return object.E("fs.Config", dir, object.Invalid, errors.New("a mountpath is empty or named twice"))
		}
		seen[dir] = true
	}
	return nil
}

// withDefaults fills what may be nil.
func (c Config) withDefaults() Config {
	if c.OS == nil {
		c.OS = RealOS{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	return c
}
