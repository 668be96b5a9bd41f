// Package replica keeps the copies of names on several targets the same. The acting
// owner of a name sends each change of it to the other copies, which keep it hidden
// until they hear that it is applied; a copy that may have missed something fetches
// all of the name before it counts again (docs/adr/copies.md has the protocol).
//
// It decides nothing about who owns a name or who is in sync: the cluster's state
// does, and changes of that are etcd's. It stores nothing itself: package fs does. It
// promises that a change that was acknowledged is on every copy that the cluster's
// state calls in sync, and that a target without a lease acknowledges none.
package replica

import (
	"context"
	"errors"
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

	"github.com/prometheus/client_golang/prometheus"
)

// Config is what a Keeper is told from outside. Zero durations take DefaultConfig's.
type Config struct {
	ID         string        // of this target
	Hold       time.Duration // for how long a change waits for copies that do not answer
	Pause      time.Duration // between two tries of a change that waits
	Doubt      time.Duration // after which a change that stays prepared is asked about
	Forget     time.Duration // for how long a target is in sync before what it had missed is forgotten
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil registers nothing
	Now        func() time.Time
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Hold:   10 * time.Second,
		Pause:  100 * time.Millisecond,
		Doubt:  2 * time.Second,
		Forget: time.Minute,
		Logger: slog.New(slog.DiscardHandler),
		Now:    time.Now,
	}
}

// Keeper is a target's part in keeping copies. It is made before the store, whose
// Config has its Hooks, and Start tells it the rest.
type Keeper struct {
	cfg     Config
	metrics *metrics

	store   *fs.Store // these four are set by Start, before anybody asks
	members *etcd.Store
	caller  *peer.Caller
	streams *http.Client
	started atomic.Bool

	flights flights
	turns   turns
	links   links
	doubts  doubts
	returns returning
	lefts   lefts
	mending onces
	pours   pours
	moves   Moves

	ctx  context.Context // until Stop
	stop context.CancelFunc
	wait sync.WaitGroup
}

// New returns a Keeper that does nothing until Start.
func New(cfg Config) *Keeper {
	d := DefaultConfig()
	setDefault(&cfg.Hold, d.Hold)
	setDefault(&cfg.Pause, d.Pause)
	setDefault(&cfg.Doubt, d.Doubt)
	setDefault(&cfg.Forget, d.Forget)
	if cfg.Logger == nil {
		cfg.Logger = d.Logger
	}
	if cfg.Now == nil {
		cfg.Now = d.Now
	}
	k := &Keeper{cfg: cfg, moves: stay()}
	k.metrics = newMetrics(cfg.Registerer, k)
	k.ctx, k.stop = context.WithCancel(context.Background())
	return k
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// Hooks returns what the store's Config.Copying is to be.
func (k *Keeper) Hooks() *fs.Copying {
	return &fs.Copying{
		Enter: k.Enter, Sends: k.sends, Term: k.term, Send: k.send, Sent: k.sent, Stream: k.stream, Lists: k.lists,
	}
}

// Start has the Keeper work for store in the cluster that members keeps, until Stop.
// Nothing may be asked of the store before.
func (k *Keeper) Start(store *fs.Store, members *etcd.Store, caller *peer.Caller, streams *http.Client) {
	k.store, k.members, k.caller, k.streams = store, members, caller, streams
	k.started.Store(true)
	k.wait.Go(k.follow)
	k.wait.Go(k.resolveDoubts)
	k.wait.Go(k.keepAsking)
	k.wait.Go(k.keepReturning)
}

// Stop ends the work in the background. It may be called twice, and before Start.
func (k *Keeper) Stop() {
	k.stop()
	k.links.closeAll()
	k.wait.Wait()
}

// Turn locks a name on the side of a copy, until unlock is called: what others send of
// it waits. Who holds it must not wait for the lock of a name at its owner.
func (k *Keeper) Turn(n object.Name) (unlock func()) { return k.turns.lock(n) }

// ErrElsewhere says that this target cannot answer for a name: its acting owner can.
var ErrElsewhere = errors.New("the acting owner of the name is to be asked")

func elsewhere(n object.Name) error {
	return object.E("replica.Enter", n.Key, object.Unavailable, ErrElsewhere)
}

// standing is how this target stands to a name that has, or is about to have, copies.
type standing struct {
	state  *cluster.State
	bucket *cluster.Bucket
	copies cluster.Copies
	self   int // index of this target among the copies; −1 for none
	acting int // index of the acting owner
}

func (s *standing) owner() cluster.Copy { return s.copies[s.acting] }
func (s *standing) owns() bool          { return s.self == s.acting }

// several returns the bucket of a name where its names have several copies or move.
func (k *Keeper) several(state *cluster.State, n object.Name) (*cluster.Bucket, bool) {
	b, ok := state.BucketByID(n.Bucket)
	return b, ok && b.Several()
}

// standing returns how this target stands to the name in bucket b, by the present state.
func (k *Keeper) standing(state *cluster.State, b *cluster.Bucket, n object.Name) (standing, error) {
	copies, err := state.Copies(b, n)
	if err != nil {
		return standing{}, err
	}
	return standing{state: state, bucket: b, copies: copies, self: copies.Index(k.cfg.ID), acting: copies.Acting()}, nil
}

// stand is standing for a name of any bucket; several is false where its names have
// one copy and do not move.
func (k *Keeper) stand(n object.Name) (s standing, several bool, err error) {
	state := k.members.State()
	b, ok := k.several(state, n)
	if !ok {
		return standing{}, false, nil
	}
	s, err = k.standing(state, b, n)
	return s, true, err
}

// notHere is what a target says before it has begun with what it is asked for: who
// sent it may send it again, to whoever acts for the name by the state of that revision.
func notHere(n object.Name, revision int64, why error) error {
	return peer.Again("replica.Enter", n.Key, revision, why)
}

var errFenced = errors.New("this target does not hold its lease now")

// Enter is fs.Copying's: it refuses names that another target answers for now, with
// ErrElsewhere, and all while this one has no lease.
func (k *Keeper) Enter(n object.Name, write bool) error {
	if !k.started.Load() {
		return nil
	}
	s, several, err := k.stand(n)
	if !several || err != nil {
		return err
	}
	if k.members.Fenced() {
		return notHere(n, 0, errFenced)
	}
	if s.owns() {
		return k.settleOwn(n)
	}
	if write || s.self < 0 || !s.copies[s.self].InSync() || k.store.Dirty(n) {
		return notHere(n, s.state.Revision, ErrElsewhere)
	}
	return nil
}

// Lists reports whether lists show the name: of the targets that have it its acting owner
// does.
func (k *Keeper) Lists(n object.Name) bool {
	if !k.started.Load() {
		return true
	}
	s, several, err := k.stand(n)
	return !several || err == nil && s.owns()
}

// lists is Lists for fs.Copying: whatever the name's stamp is.
func (k *Keeper) lists(n object.Name, _ func() (fs.Stamp, error)) bool { return k.Lists(n) }

// Reads reports whether this target has a copy of the name that may answer reads,
// besides its acting owner's. It is a hint: Enter decides.
func (k *Keeper) Reads(n object.Name) bool {
	if !k.started.Load() {
		return false
	}
	s, several, err := k.stand(n)
	return several && err == nil && s.self >= 0 && s.copies[s.self].InSync() && !k.store.Dirty(n) && !k.members.Fenced() && k.moves.InUse(n)
}

func (k *Keeper) sends(n object.Name) bool {
	if !k.started.Load() {
		return false
	}
	_, ok := k.several(k.members.State(), n)
	return ok
}

// term is fs.Copying's Term.
func (k *Keeper) term(n object.Name) (placement, term uint64, err error) {
	s, several, err := k.stand(n)
	switch {
	case err != nil:
		return 0, 0, err
	case !several:
		return 0, 0, object.E("replica.Term", n.Key, object.Unavailable, errors.New("the bucket has changed"))
	case !s.owns():
		return 0, 0, elsewhere(n)
	}
	return s.bucket.Target().Number, s.state.Map.Version, nil
}
