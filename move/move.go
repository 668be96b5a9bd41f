// Package move brings names from the targets where they were to those where they are
// to be, while clients read, write and list them: when targets come and go, and when
// a bucket gets another number of copies (docs/adr/moving-names.md has the protocol).
//
// It decides nothing about where names belong: the cluster's state does. It stores
// nothing: package fs does; and what it brings to one target, package replica keeps
// the same on the other copies. It promises that a name is answered for by one target
// at every moment, that nothing acknowledged is lost whatever dies meanwhile, and that
// only what has to move is moved.
package move

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"ais/cluster"
	"ais/cluster/etcd"
	"ais/cluster/peer"
	"ais/fs"
	"ais/object"
	"ais/replica"
)

// Config is what a Mover is told from outside.
type Config struct {
	ID     string // of this target
	Logger *slog.Logger
	Now    func() time.Time

	Workers int           // names of a bucket that are moved at a time, besides those that somebody asks for
	Tick    time.Duration // between looks at what is to be done, where nothing has changed
	Settle  time.Duration // for how long the targets stay the same before names begin to be moved
}

// Settle is the usual Config.Settle.
const Settle = 2 * time.Second

// Watch is what a Mover tells the target that it is part of, and asks it. All may be
// nil.
type Watch struct {
	// Begin is called when this target begins to move its names of a bucket, and
	// returns where to tell how far it is, and what is to be called when it ends: with
	// nil, or why it stops.
	Begin func(b *cluster.Bucket) (*Progress, func(error))
	// Writing reports whether a write to the remote bucket behind b is on its way, of
	// a name that is not this target's any more.
	Writing func(b *cluster.Bucket) bool
	// Served counts the requests of clients that this target has served: names are moved
	// more slowly while it grows.
	Served func() uint64
}

// Progress is how far a target is with its names of a bucket.
type Progress struct {
	Names  atomic.Int64 // that were moved
	Bytes  atomic.Int64 // of their payload
	Failed atomic.Int64 // tries
	Total  atomic.Int64 // names that were to be moved when it began
}

// Mover is a target's part in moving names. It is made before the store, whose Config
// has its Hooks, and Start tells it the rest.
type Mover struct {
	cfg    Config
	copies *fs.Copying // the keeper's
	keeper *replica.Keeper

	watch   Watch // these five are set by Start, before anybody asks
	store   *fs.Store
	members *etcd.Store
	caller  *peer.Caller
	streams *http.Client
	started atomic.Bool

	latest uint64 // generation, since when it is that; both are of run
	since  time.Time

	unclear atomic.Uint64 // see Unclear

	entering entering
	passes   passes

	ctx  context.Context // until Stop
	stop context.CancelFunc
	wait sync.WaitGroup
}

// New returns a Mover that does nothing until Start. keeper sends changes of names to
// other copies.
func New(cfg Config, keeper *replica.Keeper) *Mover {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Workers == 0 {
		cfg.Workers = 1
	}
	if cfg.Tick == 0 {
		cfg.Tick = time.Second
	}
	m := &Mover{cfg: cfg, keeper: keeper, copies: keeper.Hooks()}
	keeper.Follow(replica.Moves{InUse: m.InUse, Enter: m.Bring, Settle: m.settleOld, Had: m.hadBy, Drop: m.dropStray, Return: m.comeBack})
	m.ctx, m.stop = context.WithCancel(context.Background())
	return m
}

// Start has the Mover, and its keeper, work for store in the cluster that members keeps,
// until Stop. Nothing may be asked of the store before. The keeper begins when all is
// here that it asks of names that move: it would take them for settled ones.
func (m *Mover) Start(watch Watch, store *fs.Store, members *etcd.Store, caller *peer.Caller, streams *http.Client) {
	m.watch = watch
	m.store, m.members, m.caller, m.streams = store, members, caller, streams
	m.started.Store(true)
	m.keeper.Start(store, members, caller, streams)
	m.wait.Go(m.run)
}

// Stop ends the work in the background. It may be called twice, and before Start.
func (m *Mover) Stop() {
	m.stop()
	m.wait.Wait()
}

// route is how a name goes from where it was to where it is to be.
type route struct {
	state  *cluster.State
	bucket *cluster.Bucket
	n      object.Name
	self   string
	old    cluster.Copies
	next   cluster.Copies
}

// route returns the way of a name; moving is false where its bucket does not move, or
// its names are not moved but read again from elsewhere.
func (m *Mover) route(n object.Name) (r route, moving bool, err error) {
	if !m.started.Load() {
		return route{}, false, nil
	}
	return m.routeBy(m.members.State(), n)
}

func (m *Mover) routeBy(state *cluster.State, n object.Name) (r route, moving bool, err error) {
	b, ok := state.BucketByID(n.Bucket)
	if !ok || !b.Moving() || b.Provider == object.AWS {
		return route{}, false, nil
	}
	r = route{state: state, bucket: b, n: n, self: m.cfg.ID}
	if r.old, err = state.CopiesBy(b, b.Placement, n); err == nil {
		r.next, err = state.CopiesBy(b, b.Next, n)
	}
	return r, true, err
}

// to is the number of the placement that the name goes to.
func (r *route) to() uint64 { return r.bucket.Next.Number }

// gets reports whether this target is the one that answers for the name from now on.
func (r *route) gets() bool { return r.next.Owner().Node.ID == r.self }

// had reports whether this target is the one that answered for it.
func (r *route) had() bool { return r.old.Owner().Node.ID == r.self }

// keeps reports whether this target is to have a copy.
func (r *route) keeps() bool { return r.next.Index(r.self) >= 0 }

// stays reports whether nothing has to be done: the same target answers for the name,
// and the same ones have the copies.
func (r *route) stays() bool { return r.old.Same(r.next) }

// A stamp of the placement that the name goes to is of term 0 while it is not certain
// that nobody answers for the name any more who did: it is here, and not in use.
func arrived(p fs.Stamp, to uint64) bool { return p.Placement == to && p.Term == 0 || p.Placement > to }

// entered reports whether a name with that stamp is in use by the placement.
func entered(p fs.Stamp, to uint64) bool { return p.Placement == to && p.Term > 0 || p.Placement > to }
