package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/fs"
	"ais/object"
)

// errHeld is why a change waits: what can only pass by a change of the cluster's
// state, or by trying again.
var errHeld = errors.New("a copy that is in sync does not answer, and the cluster goes on with it")

// errOutcome is what is said of a change whose owner lost its lease while it was
// applied: the next owner may have it, or not.
var errOutcome = errors.New("this target lost its lease meanwhile: whether the change holds is not known")

// patience is how fast a copy has to fetch what it lacks of a change, in bytes a
// second, for the change to wait for it.
const patience = 16 << 20

// stagePatience is how long a change waits for the copies to have its bytes, before they
// may have to fetch them.
const stagePatience = 3 * time.Second

// send is fs.Copying's Send: the change is on every copy in sync, prepared, when it
// returns nil; else on none that will ever apply it.
func (k *Keeper) send(c *fs.Change) error {
	fl := k.flights.begin(c.Name, c.Stamp, true)
	err := k.deliver(c, fl)
	for _, b := range c.Blobs {
		k.pours.drop(b.ID)
	}
	if err != nil {
		k.settle(c, fl, false, nil)
		k.flights.end(c.Name, fl)
	}
	return err
}

// sent is fs.Copying's Sent: the copies hear that the change is applied, if this
// target has had its lease all the time.
func (k *Keeper) sent(c *fs.Change, err error) error {
	fl := k.flights.of(c.Name, c.Stamp)
	k.flights.end(c.Name, fl)
	switch {
	case err != nil: // the index failed: the copies will ask what came of it
		return err
	case !k.holds(fl.tenure):
		return object.E("replica.Sent", c.Name.Key, object.Unavailable, errOutcome)
	}
	k.metrics.handoffs.Add(float64(len(c.Handoff)))
	k.settle(c, fl, true, nil)
	return nil
}

// holds reports whether this target has held the lease of that number until now.
func (k *Keeper) holds(tenure int64) bool {
	now, until := k.members.Tenure()
	return now == tenure && k.cfg.Now().Before(until)
}

// settle has the copies that may have a change prepared hear what came of it.
func (k *Keeper) settle(c *fs.Change, fl *flight, commit bool, missing []string) {
	for _, id := range fl.members {
		k.links.settle(k, id, settlement{name: c.Name, stamp: c.Stamp, commit: commit, missing: missing})
	}
}

// deliver has every copy prepare the change: those that are in sync, and those that
// live and catch up. What others miss is noted. It waits for a copy in sync that does
// not answer until the cluster goes on without it, or Config.Hold is over.
func (k *Keeper) deliver(c *fs.Change, fl *flight) error {
	giveUp := k.cfg.Now().Add(k.cfg.Hold + time.Duration(fs.SizeOf(c.Blobs)/patience)*time.Second)
	if len(c.Blobs) > 0 {
		timer := time.NewTimer(stagePatience)
		for _, b := range c.Blobs {
			k.pours.await(b.ID, timer.C)
		}
		timer.Stop()
	}
	for held := false; ; {
		changes := k.members.Changes()
		err := k.try(c, fl, giveUp)
		if err == nil || !errors.Is(err, errHeld) {
			return err
		}
		if !held {
			held = true
			k.metrics.held.Inc()
		}
		left := giveUp.Sub(k.cfg.Now())
		if left <= 0 {
			return object.E("replica.Send", c.Name.Key, object.Unavailable, err)
		}
		timer := time.NewTimer(min(k.cfg.Pause, left))
		select {
		case <-changes:
		case <-timer.C:
		case <-k.ctx.Done():
			timer.Stop()
			return object.E("replica.Send", c.Name.Key, object.Unavailable, err)
		}
		timer.Stop()
	}
}

// try is one attempt at deliver, by the state as it is now. What trying again may mend
// is errHeld.
func (k *Keeper) try(c *fs.Change, fl *flight, giveUp time.Time) error {
	k.flights.next(fl)
	tenure, _ := k.members.Tenure()
	s, several, err := k.stand(c.Name)
	switch {
	case err != nil:
		return err
	case !several || !s.owns(), fl.own && !s.counts(c), !fl.own && !k.moves.InUse(c.Name):
		return elsewhere(c.Name)
	case k.members.Fenced():
		return fmt.Errorf("%w: %w", errHeld, errFenced)
	}
	fl.tenure = tenure
	c.Handoff = c.Handoff[:0]
	var few [4]*link
	calls := few[:0]
	for i := range s.copies {
		copied := &s.copies[i]
		id := copied.Node.ID
		switch {
		case i == s.self:
		case copied.Live && !slices.Contains(fl.later, id) && !k.lefts.has(copied.Node):
			calls = append(calls, k.links.of(k, s.state, copied.Node))
		case copied.InSync():
			return fmt.Errorf("%w: %s has no lease", errHeld, id)
		default:
			c.Handoff = append(c.Handoff, id)
		}
	}
	calls = slices.DeleteFunc(calls, func(l *link) bool { return fl.has(l, c.Handoff) })
	if len(calls) == 0 {
		return nil
	}
	return k.prepareAll(c, fl, calls, giveUp)
}

// counts reports whether the copies that the state has now are those for whom the change
// was begun: one that was begun before the name moves is one of the copies that it had,
// and of the next owner's no change.
func (s *standing) counts(c *fs.Change) bool {
	b := s.bucket
	if c.Stamp.Placement == b.Target().Number {
		return true
	}
	if !b.Moving() || c.Stamp.Placement != b.Number {
		return false
	}
	had, err := s.state.CopiesBy(b, b.Placement, c.Name)
	return err == nil && had.Same(s.copies)
}

// prepareAll has the targets prepare the change, all at once.
func (k *Keeper) prepareAll(c *fs.Change, fl *flight, calls []*link, giveUp time.Time) error {
	change := fs.EncodeChange(c)
	outcomes := make([]error, len(calls))
	answers := make([]verdictAnswer, len(calls))
	m := prepareMessage{blobs: k.pours.small(c.Blobs), change: change}
	one := func(i int) { answers[i], outcomes[i] = k.prepare(calls[i], fl, m, giveUp) }
	fl.note(calls)
	var wg sync.WaitGroup
	for i := range calls[1:] {
		wg.Go(func() { one(i + 1) })
	}
	one(0)
	wg.Wait()
	var failure error
	for i, l := range calls {
		switch {
		case outcomes[i] != nil:
			if l.node.Behind != 0 && k.leaveOut(l) == nil {
				fl.later = append(fl.later, l.id)
			}
			failure = cmpError(failure, outcomes[i])
		case answers[i].verdict == stale:
			failure = cmpError(failure, k.learn(c.Name, l, answers[i].revision))
		case answers[i].verdict == later:
			fl.later = append(fl.later, l.id)
			failure = cmpError(failure, fmt.Errorf("%w: %s catches up", errHeld, l.id))
		default:
			fl.prepared = append(fl.prepared, preparedAt{l, strings.Join(c.Handoff, "\x00")})
		}
	}
	return failure
}

// cmpError returns the one of two errors that decides: what cannot be mended by trying
// again, else the first.
func cmpError(a, b error) error {
	if a == nil || b != nil && errors.Is(a, errHeld) && !errors.Is(b, errHeld) {
		return b
	}
	return a
}

// learn catches up with a target that knows of another owner.
func (k *Keeper) learn(n object.Name, l *link, revision int64) error {
	ctx, cancel := context.WithTimeout(l.ctx, 5*time.Second)
	defer cancel()
	if _, err := k.members.SyncTo(ctx, revision); err != nil {
		return fmt.Errorf("%w: %s knows of another owner: %w", errHeld, l.id, err)
	}
	if s, several, err := k.stand(n); err != nil || !several || !s.owns() {
		return elsewhere(n)
	}
	return fmt.Errorf("%w: %s knows of another owner", errHeld, l.id)
}

// prepare has one target prepare the change, which m has with its blobs.
func (k *Keeper) prepare(l *link, fl *flight, m prepareMessage, giveUp time.Time) (verdictAnswer, error) {
	ctx, cancel := context.WithTimeout(l.ctx, giveUp.Sub(k.cfg.Now())) // giveUp is of this node's clock
	defer cancel()
	m.sender, m.again, m.settle = k.cfg.ID, fl.again(l.id), l.take(maxCarried)
	k.metrics.prepares.Inc()
	answer, err := k.caller.Send(ctx, l.node, peer.PathPrepare, m.encode()...)
	if err != nil {
		l.giveBack(k, m.settle)
		return verdictAnswer{}, fmt.Errorf("%w: %s: %w", errHeld, l.id, err)
	}
	return decodeVerdict(answer)
}

// A flight's memory of who has it. They are of the goroutine that sends.

// preparedAt is a target that has the change prepared, with what is noted in it.
type preparedAt struct {
	link    *link // as long as it is the target's
	handoff string
}

// has reports whether the target has the change prepared, with those notes.
func (f *flight) has(l *link, handoff []string) bool {
	return slices.ContainsFunc(f.prepared, func(p preparedAt) bool {
		return p.link == l && p.handoff == strings.Join(handoff, "\x00")
	})
}

// again reports whether the target may have the change prepared, with other notes.
func (f *flight) again(id string) bool {
	return slices.ContainsFunc(f.prepared, func(p preparedAt) bool { return p.link.id == id })
}

// note remembers who may have the change prepared.
func (f *flight) note(calls []*link) {
	for _, l := range calls {
		if !slices.Contains(f.members, l.id) {
			f.members = append(f.members, l.id)
		}
	}
}

// missing returns the targets among copies that do not get changes now, or may have
// missed the last one of an owner that is gone.
func missing(copies cluster.Copies) (ids []string) {
	for i := range copies {
		if !copies[i].InSync() {
			ids = append(ids, copies[i].Node.ID)
		}
	}
	return ids
}
