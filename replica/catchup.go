package replica

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"
)

// keepReturning brings this target's copies in sync whenever they are behind.
func (k *Keeper) keepReturning() {
	for k.ctx.Err() == nil {
		changes := k.members.Changes()
		self := k.members.Self()
		if self.Behind == 0 || !k.members.State().IsLive(k.cfg.ID) {
			select {
			case <-k.ctx.Done():
			case <-changes:
			}
			continue
		}
		began := k.cfg.Now()
		k.returns.going.Store(true)
		k.cfg.Logger.Info("copies catch up", "behind_since_map", self.Behind, "full", self.Full)
		names, err := k.catchUp(self)
		for pause := k.cfg.Pause; err != nil && k.ctx.Err() == nil; pause = min(2*pause, 2*time.Second) {
			k.cfg.Logger.Debug("copies do not catch up yet", "err", err)
			if sleep(k.ctx, pause) != nil {
				break
			}
			if self = k.members.Self(); self.Behind == 0 {
				break
			}
			names, err = k.catchUp(self)
		}
		k.returns.going.Store(false)
		if k.ctx.Err() == nil {
			k.metrics.returned.Inc()
			k.cfg.Logger.Info("copies are in sync", "names_fetched", names, "took", k.cfg.Now().Sub(began))
		}
	}
}

// catchUp is one try to bring this target's copies in sync: first every target sends
// it the changes to come; then what it missed before is fetched; then the cluster's
// state says so, unless a change was not sent meanwhile.
func (k *Keeper) catchUp(self cluster.Node) (fetched int64, err error) {
	ctx, cancel := context.WithCancel(k.ctx)
	defer cancel()
	if out := k.store.OutOfService(); len(out) > 0 {
		return 0, object.E("replica.catchUp", out[0], object.Unavailable, errors.New("the mountpath is out of service"))
	}
	if k.returns.closedAt(self.Since) { // what was tried then may come true yet
		if err := k.members.LeftOut(ctx, k.cfg.ID); err != nil {
			return 0, err
		}
		if self = k.members.Self(); k.returns.closedAt(self.Since) {
			return 0, errUndecided
		}
	}
	k.returns.open()
	state := k.members.State()
	live := slices.DeleteFunc(state.Targets(), func(n cluster.Node) bool { return n.ID == k.cfg.ID || !state.IsLive(n.ID) })
	if err := k.announce(ctx, live, self); err != nil {
		return 0, err
	}
	d := &drain{k: k, ctx: ctx, full: self.Full}
	for _, from := range state.Sources(k.cfg.ID) {
		if !state.IsLive(from.ID) {
			return d.fetched.Load(), object.E("replica.catchUp", from.ID, object.Unavailable, errSourceDown)
		}
		if err := d.from(from); err != nil {
			return d.fetched.Load(), err
		}
	}
	if self.Full {
		if err := d.own(); err != nil {
			return d.fetched.Load(), err
		}
	}
	for names := k.returns.owing(maxNames); len(names) > 0; names = k.returns.owing(maxNames) {
		if err := d.names(names); err != nil {
			return d.fetched.Load(), err
		}
	}
	for doubts := k.store.InDoubt(); len(doubts) > 0; doubts = doubts[min(len(doubts), maxNames):] {
		var names []object.Name
		for _, in := range doubts[:min(len(doubts), maxNames)] {
			names = append(names, in.Name)
		}
		if err := d.names(names); err != nil { // what is left is of changes that are sent now
			return d.fetched.Load(), err
		}
	}
	if err := k.moves.Return(ctx); err != nil {
		return d.fetched.Load(), err
	}
	if !k.returns.close(self.Since) {
		return d.fetched.Load(), errOwed
	}
	return d.fetched.Load(), k.members.InSync(ctx, self.Since)
}

var errOwed = errors.New("a change was not taken meanwhile, and is to be fetched")

var errSourceDown = errors.New("it may have changes that nobody else has, and is down")

// announce has every live target send its changes here from now on, and end those
// that it has begun without.
func (k *Keeper) announce(ctx context.Context, live []cluster.Node, self cluster.Node) error {
	errs := make([]error, len(live))
	var wg sync.WaitGroup
	for i, node := range live {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, k.cfg.Hold+10*time.Second)
			defer cancel()
			e := newMessage(32)
			e.text(k.cfg.ID)
			e.uint(self.Since)
			_, errs[i] = k.caller.Send(ctx, node, peer.PathBarrier, e)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// serveBarrier answers when all changes here know that the sender, which is behind, is
// alive: those to come are sent to it.
func (k *Keeper) serveBarrier(body []byte) ([]byte, error) {
	d := readMessage(body)
	id, since := d.text(), d.uint()
	if err := d.err(); err != nil {
		return nil, err
	}
	state := k.members.State()
	node, ok := state.Node(id)
	if !ok || !state.IsLive(id) || node.Since != since {
		return nil, object.E("replica.barrier", id, object.Conflict, errors.New("its state is another here"))
	}
	k.lefts.forget(id)
	ctx, cancel := context.WithTimeout(k.ctx, k.cfg.Hold)
	defer cancel()
	if err := k.TakenOver(ctx, state.Map.Version); err != nil {
		return nil, err
	}
	return nil, k.flights.barrier(ctx)
}

// lefts are the targets that are behind and were left out of a change, which the
// cluster's state says: they are left out until they begin anew to catch up.
type lefts struct {
	mu   sync.Mutex // guards the rest
	byID map[string]uint64
}

func (l *lefts) set(id string, since uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID == nil {
		l.byID = make(map[string]uint64)
	}
	l.byID[id] = since
}

func (l *lefts) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byID, id)
}

// has reports whether the target, in its present state, is left out.
func (l *lefts) has(n cluster.Node) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	since, ok := l.byID[n.ID]
	return ok && n.Behind != 0 && n.Since == since
}

// leaveOut has a target that is behind, and does not take a change, catch up anew: then
// the change may go on without it.
func (k *Keeper) leaveOut(l *link) error {
	ctx, cancel := context.WithTimeout(k.ctx, 5*time.Second)
	defer cancel()
	if err := k.members.LeftOut(ctx, l.id); err != nil {
		return err
	}
	if node, ok := k.members.State().Node(l.id); ok {
		k.lefts.set(l.id, node.Since)
	}
	return nil
}

// drain fetches what this target has missed.
type drain struct {
	k       *Keeper
	ctx     context.Context
	full    bool
	fetched atomic.Int64
}

// missedMessage asks a target for names that the sender has missed changes of; or, all
// is set, for all of which the target is the acting owner and the sender has a copy.
type missedMessage struct {
	sender string
	all    bool
	after  object.Name
}

func (m *missedMessage) encode() []byte {
	e := newMessage(len(m.after.Key) + len(m.sender))
	e.text(m.sender)
	e.bool(m.all)
	e.name(m.after)
	return e
}

// from fetches what a source knows to be missing here.
func (d *drain) from(source cluster.Node) error {
	for after, more := (object.Name{}), true; more; {
		m := missedMessage{sender: d.k.cfg.ID, all: d.full, after: after}
		ctx, cancel := context.WithTimeout(d.ctx, time.Minute)
		answer, err := d.k.caller.Send(ctx, source, peer.PathMissed, m.encode())
		cancel()
		if err != nil {
			return err
		}
		in := readMessage(answer)
		next, isMore, names := in.name(), in.byte() == 1, in.names()
		if err := in.err(); err != nil {
			return err
		}
		after, more = next, isMore
		if err := d.names(names); err != nil {
			return err
		}
	}
	return nil
}

// serveMissed answers a drain: the name to go on after, whether there are more, names.
func (k *Keeper) serveMissed(body []byte) ([]byte, error) {
	in := readMessage(body)
	m := missedMessage{sender: in.text(), all: in.byte() == 1, after: in.name()}
	if err := in.err(); err != nil {
		return nil, err
	}
	list := k.known
	if !m.all {
		list = func(bucket uint64, after object.Name, limit int) (names []object.Name, err error) {
			page, err := k.store.Handoffs(bucket, m.sender, after, limit)
			for _, h := range page {
				names = append(names, h.Name)
			}
			return names, err
		}
	}
	names, err := k.page(m.after, (*cluster.Bucket).Several, list)
	if err != nil {
		return nil, err
	}
	next, more := m.after, len(names) == maxNames
	if more {
		next = names[len(names)-1]
	}
	if m.all {
		names = slices.DeleteFunc(names, func(n object.Name) bool {
			s, several, err := k.stand(n)
			has := err == nil && several && s.owns() && s.copies.Index(m.sender) >= 0
			return !has && !k.moves.Had(n, m.sender)
		})
	}
	e := newMessage(64 * len(names))
	e.name(next)
	e.bool(more)
	e.names(names)
	return e, nil
}

// page returns up to maxNames names after a name, by bucket and key, that list has of
// some buckets; fewer are the last. It goes bucket by bucket: what is on a failed
// mountpath only hides what is not elsewhere, too.
func (k *Keeper) page(after object.Name, of func(*cluster.Bucket) bool,
	list func(bucket uint64, after object.Name, limit int) ([]object.Name, error)) (out []object.Name, err error) {
	buckets := slices.DeleteFunc(slices.Clone(k.members.State().Buckets()), func(b *cluster.Bucket) bool { return b.ID < after.Bucket || !of(b) })
	slices.SortFunc(buckets, func(a, b *cluster.Bucket) int { return cmp.Compare(a.ID, b.ID) })
	for _, b := range buckets {
		from := object.Name{}
		if b.ID == after.Bucket {
			from = after
		}
		names, err := list(b.ID, from, maxNames-len(out))
		if err != nil {
			return nil, err
		}
		if out = append(out, names...); len(out) == maxNames {
			break
		}
	}
	return out, nil
}

// known lists the names of a bucket that anything is here of.
func (k *Keeper) known(bucket uint64, after object.Name, limit int) (names []object.Name, err error) {
	page, err := k.store.WalkNames(bucket, after, limit)
	for _, known := range page {
		names = append(names, known.Name)
	}
	return names, err
}

// own looks at every name that is here: what nobody else knows of any more goes.
func (d *drain) own() error {
	for after, more := (object.Name{}), true; more; {
		names, err := d.k.page(after, func(*cluster.Bucket) bool { return true }, d.k.known)
		if err != nil {
			return err
		}
		if more = len(names) == maxNames; more {
			after = names[len(names)-1]
		}
		if err := d.names(names); err != nil {
			return err
		}
	}
	return nil
}

// drainWorkers is how many names are fetched at a time.
const drainWorkers = 8

// names fetches those of the names that are not here as their owners have them.
func (d *drain) names(names []object.Name) error {
	owners := make(map[string][]object.Name)
	nodes := make(map[string]cluster.Node)
	for _, n := range names {
		debt := d.k.returns.debt(n)
		if err := d.k.moves.Enter(d.ctx, n); err != nil { // what it was is nobody's copy any more
			return err
		}
		s, several, err := d.k.stand(n)
		if err == nil && several && s.self < 0 {
			err = d.k.moves.Drop(n)
		}
		if err != nil {
			return err
		}
		if several && s.self < 0 && !s.bucket.Moving() {
			if err := d.k.forgetName(n); err != nil {
				return err
			}
		}
		if !several || s.self < 0 || s.owns() {
			d.k.returns.paid(n, debt) // it is no copy any more, or nobody has a newer one
			continue
		}
		owner := s.owner().Node
		owners[owner.ID], nodes[owner.ID] = append(owners[owner.ID], n), owner
	}
	for id, of := range owners {
		if err := d.ofOwner(nodes[id], of); err != nil {
			return err
		}
	}
	return nil
}

// forgetName removes what is here of a name that nobody asks for here any more.
func (k *Keeper) forgetName(n object.Name) error {
	defer k.turns.lock(n)()
	s, several, err := k.stand(n)
	if err != nil || !several || s.self >= 0 || s.bucket.Moving() {
		return err
	}
	return k.store.Release(n)
}

// ofOwner fetches names that differ from what their owner has.
func (d *drain) ofOwner(owner cluster.Node, names []object.Name) error {
	e := newMessage(64 * len(names))
	e.names(names)
	ctx, cancel := context.WithTimeout(d.ctx, time.Minute)
	defer cancel()
	answer, err := d.k.caller.Send(ctx, owner, peer.PathStamps, e)
	if err != nil {
		return err
	}
	in := readMessage(answer)
	if in.count() != len(names) {
		in.fail()
	}
	var differ []object.Name
	for _, n := range names {
		want, dirty := in.stamp(), in.byte() == 1
		have, err := d.k.store.Stamp(n)
		if err != nil {
			return err
		}
		if have == want && !dirty && !d.k.store.Dirty(n) && d.k.returns.debt(n) == 0 {
			continue
		}
		differ = append(differ, n)
	}
	if err := in.err(); err != nil {
		return err
	}
	var mu sync.Mutex
	var failure error
	each(drainWorkers, differ, func(n object.Name) {
		if err := d.bring(n); err != nil {
			mu.Lock()
			defer mu.Unlock()
			failure = fmt.Errorf("%s: %w", n.Key, err)
		}
	})
	return failure
}

// bring makes one name here what its owner has, once that has settled what an owner
// before it had left.
func (d *drain) bring(n object.Name) error {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		debt := d.k.returns.debt(n)
		ok, err := d.k.bring(d.ctx, n, debt != 0)
		if err != nil {
			return err
		}
		if ok {
			d.fetched.Add(1)
			d.k.returns.paid(n, debt)
			return nil
		}
		if err := sleep(d.ctx, pause); err != nil {
			return err
		}
	}
}

// bring is one try: false where the name is not settled, here or at its owner. A change
// that is on its way comes here as well, unless the name is owed: its owner may be about
// to apply it without this copy.
func (k *Keeper) bring(ctx context.Context, n object.Name, owed bool) (ok bool, err error) {
	s, several, err := k.stand(n)
	if err != nil {
		return false, err
	}
	if !several || s.self < 0 || s.owns() {
		return true, nil
	}
	owner := s.owner()
	if !owner.Live {
		return false, object.E("replica.bring", owner.Node.ID, object.Unavailable, errSourceDown)
	}
	unlock := k.turns.lock(n)
	defer unlock()
	ask, cancel := context.WithTimeout(ctx, stall)
	defer cancel()
	m := nameMessage{sender: k.cfg.ID, name: n}
	text, err := k.caller.Send(ask, owner.Node, peer.PathResolve, m.encode())
	if err != nil {
		return false, err
	}
	a, err := decodeVerdict(text)
	if err != nil || a.verdict == stale || a.verdict == undecided || owed && a.verdict == inFlight {
		return false, err
	}
	changes, err := k.store.Prepared(n)
	if err != nil {
		return false, err
	}
	if len(changes) > 0 {
		if a.verdict == inFlight {
			return false, nil
		}
		if err := k.follows(&s, n, changes, a.stamp); err != nil {
			return false, err
		}
	}
	if now, err := k.store.Stamp(n); err != nil || now == a.stamp {
		return err == nil, err
	}
	e, err := k.askEstate(owner.Node, n)
	if err != nil {
		return false, err
	}
	return true, k.adopt(owner.Node, e)
}
