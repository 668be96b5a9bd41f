package replica

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ais/cluster/peer"
	"ais/fs"
	"ais/object"
)

// doubts are the prepared changes that nobody settles: their owner died, or lost its
// connection, or this target started with them.
type doubts struct {
	tookOver atomic.Uint64 // version of the map up to which what was prepared for names that became this target's is settled
	wake     chan struct{}
	once     sync.Once
}

func (d *doubts) waker() chan struct{} {
	d.once.Do(func() { d.wake = make(chan struct{}, 1) })
	return d.wake
}

func (d *doubts) look() {
	select {
	case d.waker() <- struct{}{}:
	default:
	}
}

// doubtWorkers is how many names are settled at a time.
const doubtWorkers = 8

// resolveDoubts settles what is prepared for names that this target owns, at once after a
// change of the cluster's map.
func (k *Keeper) resolveDoubts() {
	wake := k.doubts.waker()
	tick := time.NewTicker(k.cfg.Doubt / 2)
	defer tick.Stop()
	for {
		state := k.members.State()
		version := state.Map.Version
		if k.takeOver() {
			k.doubts.tookOver.Store(version)
		}
		select {
		case <-k.ctx.Done():
			return
		case <-wake:
		case <-tick.C:
		}
	}
}

// keepAsking asks about what stays prepared for names that others own.
func (k *Keeper) keepAsking() {
	for sleep(k.ctx, k.cfg.Doubt/2) == nil {
		k.askAbout()
	}
}

// takeOver commits what is prepared for names that this target is the acting owner
// of, and reports whether nothing of that is left.
func (k *Keeper) takeOver() bool {
	var own []object.Name
	var failed atomic.Bool
	for _, d := range k.store.InDoubt() {
		if !k.moves.InUse(d.Name) {
			if err := k.moves.Settle(d.Name); err != nil {
				failed.Store(true)
			}
			continue
		}
		s, several, err := k.stand(d.Name)
		if err != nil {
			failed.Store(true)
		}
		if err == nil && several && s.owns() && !slices.Contains(own[max(0, len(own)-1):], d.Name) {
			own = append(own, d.Name)
		}
	}
	each(doubtWorkers, own, func(n object.Name) {
		if err := k.settleOwn(n); err != nil {
			failed.Store(true)
			k.cfg.Logger.Debug("a change of an owner that is gone is not settled", "bucket", n.Bucket, "key", n.Key, "err", err)
		}
	})
	return !failed.Load()
}

// TakenOver waits until all that was prepared for names which this target owns by the
// version of the map is settled: a list shows them then. Unavailable when ctx ends, or
// the Keeper stops, before.
func (k *Keeper) TakenOver(ctx context.Context, version uint64) error {
	for pause := time.Millisecond; k.started.Load() && k.doubts.tookOver.Load() < version; pause = min(2*pause, 50*time.Millisecond) {
		k.doubts.look()
		if err := errors.Join(sleep(ctx, pause), k.ctx.Err()); err != nil {
			return object.E("replica.TakenOver", "", object.Unavailable, err)
		}
	}
	return nil
}

// settleOwn commits what is prepared of a name that this target is the acting owner
// of: an owner that is gone has, or may have, acknowledged it. First every copy has
// it, as for a change of this target's own; until then nobody reads the name. Of several
// only the last is in doubt: that it begins with the one before says that this one holds.
// A copy which has applied the last would take those before it for what was given up.
func (k *Keeper) settleOwn(n object.Name) error {
	if !k.store.Dirty(n) {
		return nil
	}
	if !k.moves.InUse(n) {
		return k.moves.Settle(n)
	}
	unlock := k.turns.lock(n)
	defer unlock()
	changes, err := k.store.Prepared(n)
	if err != nil || len(changes) == 0 {
		return err
	}
	last := changes[len(changes)-1]
	if len(changes) > 1 {
		if err := k.store.Settle(n, changes[len(changes)-2].Stamp, true); err != nil {
			return err
		}
	}
	fl := k.flights.begin(n, last.Stamp, false)
	defer k.flights.end(n, fl)
	if err := k.deliver(last, fl); err != nil {
		return err
	}
	s, several, err := k.stand(n)
	if err != nil {
		return err
	}
	if !several || !s.owns() || !k.holds(fl.tenure) {
		return elsewhere(n)
	}
	lacks := missing(s.copies)
	if err := k.store.TakeOver(n, last.Stamp, lacks); err != nil {
		return err
	}
	k.metrics.resolved.Inc()
	k.settle(last, fl, true, lacks)
	return nil
}

// askAbout asks the owners of names for what came of changes that have been prepared
// here for a while.
func (k *Keeper) askAbout() {
	var names []object.Name
	before := k.cfg.Now().Add(-k.cfg.Doubt)
	for _, d := range k.store.InDoubt() {
		if d.Since.Before(before) && !slices.Contains(names[max(0, len(names)-1):], d.Name) {
			names = append(names, d.Name)
		}
	}
	each(doubtWorkers, names, func(n object.Name) {
		if err := k.resolve(n); err != nil {
			k.cfg.Logger.Debug("a prepared change stays in doubt", "bucket", n.Bucket, "key", n.Key, "err", err)
		}
	})
}

var errUndecided = errors.New("its owner has not decided yet")

// resolve settles what is prepared here of a name as its acting owner has it.
func (k *Keeper) resolve(n object.Name) error {
	s, several, err := k.stand(n)
	if err != nil {
		return err
	}
	if !several || s.self < 0 || !k.moves.InUse(n) {
		return k.moves.Settle(n) // it is being moved, or the bucket goes
	}
	if s.owns() {
		return k.settleOwn(n)
	}
	unlock := k.turns.lock(n)
	defer unlock()
	changes, err := k.store.Prepared(n)
	if err != nil || len(changes) == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(k.ctx, 5*time.Second)
	defer cancel()
	m := nameMessage{sender: k.cfg.ID, name: n}
	text, err := k.caller.Send(ctx, s.owner().Node, peer.PathResolve, m.encode())
	if err != nil {
		return err
	}
	a, err := decodeVerdict(text)
	if err != nil {
		return err
	}
	if a.verdict != done {
		return errUndecided
	}
	k.metrics.resolved.Inc()
	return k.follows(&s, n, changes, a.stamp)
}

// follows makes the name here what its owner has, whose stamp that is.
func (k *Keeper) follows(s *standing, n object.Name, changes []*fs.Change, owner fs.Stamp) error {
	at := slices.IndexFunc(changes, func(c *fs.Change) bool { return c.Stamp == owner })
	if at >= 0 {
		if err := k.store.Settle(n, owner, true); err != nil || at == len(changes)-1 {
			return err
		}
		return k.store.Settle(n, changes[at+1].Stamp, false)
	}
	now, err := k.store.Stamp(n)
	if err != nil {
		return err
	}
	if now == owner {
		return k.store.Settle(n, changes[0].Stamp, false)
	}
	e, err := k.askEstate(s.owner().Node, n)
	if err != nil {
		return err
	}
	return k.adopt(s.owner().Node, e)
}
