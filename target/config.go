package target

import (
	"errors"
	"log/slog"
	"time"

	"ais/backend"
	"ais/daemon"
	"ais/fs"
	"ais/load"
	"ais/move"
	"ais/replica"

	"github.com/prometheus/client_golang/prometheus"
)

// Config is everything that a target is told from outside.
type Config struct {
	ID            string   // the node's, as in the cluster map
	Domains       []string // whose subdomains are buckets
	PublicHosts   []string // host[:port] that clients sign for where something in front changes the Host
	NodeCerts     bool     // other nodes must show a certificate that was verified
	Store         fs.Config
	Disks         chan struct{}   // gets something when a mountpath fails or is back; DefaultConfig has Store do so
	Copies        *replica.Keeper // whose hooks Store has; nil where nothing has copies on other targets
	Moves         *move.Mover     // made with Copies, whose hooks Store has instead; nil where no name is moved
	OpenBackend   backend.Open    // of remote buckets; nil where there are none
	ReloadKeys    func()          // has OpenBackend read its credentials anew; nil for nothing
	FetchChunk    int64           // bytes of one request of a fetch, a multiple of 1 MiB; an object up to it comes by one
	IdleTimeout   time.Duration   // of a connection between requests; longer than the peers keep theirs
	PeerTimeout   time.Duration   // for a control call to another node
	BatchStall    time.Duration   // of a batch: a target that sends nothing for so long is given up
	MaxBatches    int             // that a target answers at a time; of others' it serves shares of as many for each of several targets
	SyncTimeout   time.Duration   // to catch up with etcd, or to read it
	ShutdownDelay time.Duration   // the target stays when it is told to end, serving nothing new, and says that it is not ready
	ShutdownGrace time.Duration   // for requests in flight after that
	Load          load.Config     // bounds of what is served at a time

	Version  string            // of the program
	Settings map[string]string // what the node was started with, without secrets
	Log      *daemon.Log       // what Logger writes to, to be asked for; nil for none
	Logger   *slog.Logger
	Registry *prometheus.Registry
	Now      func() time.Time
}

// DefaultConfig returns the defaults of everything that has one.
func DefaultConfig() Config {
	store, disks := fs.DefaultConfig(), make(chan struct{}, 1)
	store.OnMountpath = func(fs.MountpathEvent) {
		select {
		case disks <- struct{}{}:
		default: // who looks next sees this, too
		}
	}
	return Config{
		Store:         store,
		Disks:         disks,
		FetchChunk:    8 << 20,
		IdleTimeout:   time.Minute,
		PeerTimeout:   10 * time.Second,
		BatchStall:    time.Minute,
		MaxBatches:    64,
		SyncTimeout:   5 * time.Second,
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
		return errors.New("a target has an id")
	}
	if err := c.Load.Validate(); err != nil {
		return err
	}
	if len(c.Store.Mountpaths) == 0 {
		return errors.New("a target has at least one --mountpath")
	}
	if c.FetchChunk < fetchAlign || c.FetchChunk%fetchAlign != 0 {
		return errors.New("the chunk of a fetch is a multiple of 1 MiB")
	}
	return nil
}
