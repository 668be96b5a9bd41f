package replica

import (
	"context"
	"sync"
	"time"

	"ais/cluster"
	"ais/cluster/peer"
)

// links are this target's ties to the others: one for each, as long as it lives under
// one lease and is in one state.
type links struct {
	mu     sync.Mutex // guards the rest
	byID   map[string]*link
	closed bool
}

// link is a tie to one target. Calls that are made over it end when it does.
type link struct {
	id     string
	node   cluster.Node
	live   cluster.Live
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex   // guards the rest
	queue   []settlement // that the target is to hear
	taken   int          // out of the queue so far, but for those that were put back
	sending bool         // somebody sends what no change takes along
}

// maxCarried is how many settlements go along with a change.
const maxCarried = 64

// gather is how long a settlement waits for a change to go with, and for others, at
// least; it is sent by itself before that has passed twice. A message of its own costs as
// much as a change; until it arrives the copy sends readers of the name on to the owner.
const gather = 20 * time.Millisecond

// maxQueue bounds the settlements that wait for a target; what goes beyond is asked
// for by the target.
const maxQueue = 10_000

// of returns the link to a live target in its present state.
func (l *links) of(k *Keeper, state *cluster.State, node cluster.Node) *link {
	live, _ := state.LiveNode(node.ID)
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.byID[node.ID]
	if old != nil && old.is(live, node) {
		return old
	}
	made := &link{id: node.ID, node: node, live: live}
	made.ctx, made.cancel = context.WithCancel(k.ctx)
	if l.closed {
		made.cancel()
	}
	if old != nil {
		old.cancel()
		made.queue = old.take(maxQueue)
	}
	if l.byID == nil {
		l.byID = make(map[string]*link)
	}
	l.byID[node.ID] = made
	return made
}

// is reports whether the link is to the target in that state.
func (l *link) is(live cluster.Live, node cluster.Node) bool {
	return l.live == live && l.node.Behind == node.Behind && l.node.URL == node.URL
}

// follow ends the links to targets that died, or are in another state.
func (l *links) follow(state *cluster.State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, one := range l.byID {
		node, ok := state.Node(id)
		live, alive := state.LiveNode(id)
		if !ok || !alive || !one.is(live, node) {
			one.cancel()
			delete(l.byID, id)
		}
	}
}

func (l *links) closeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, one := range l.byID {
		one.cancel()
	}
}

// settle has the target of that id hear what came of a change, soon. If it dies
// before, it will ask.
func (l *links) settle(k *Keeper, id string, s settlement) {
	l.mu.Lock()
	one := l.byID[id]
	l.mu.Unlock()
	if one == nil {
		return
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	if len(one.queue) >= maxQueue || one.ctx.Err() != nil {
		return
	}
	one.queue = append(one.queue, s)
	one.wake(k)
}

// wake has what is in the queue sent; mu is held.
func (l *link) wake(k *Keeper) {
	if !l.sending {
		l.sending = true
		go l.send(k)
	}
}

// take takes up to limit settlements out of the queue.
func (l *link) take(limit int) []settlement {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken += min(limit, len(l.queue))
	if len(l.queue) <= limit {
		all := l.queue
		l.queue = nil
		return all
	}
	some := append([]settlement(nil), l.queue[:limit]...)
	l.queue = append(l.queue[:0], l.queue[limit:]...)
	return some
}

// giveBack puts settlements back that may not have arrived.
func (l *link) giveBack(k *Keeper, list []settlement) {
	if len(list) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(list, l.queue...)
	l.taken -= len(list)
	l.wake(k)
}

// send sends what is in the queue, and has been for gather, until the queue is empty.
func (l *link) send(k *Keeper) {
	for before := 0; ; {
		if sleep(l.ctx, gather) != nil {
			return
		}
		first, end := l.waiting()
		switch {
		case first == end && l.rest():
			return
		case first >= before: // all of them came since
			before = end
			continue
		}
		list := l.take(maxNames)
		e := newMessage(64 * len(list))
		e.text(k.cfg.ID)
		e.settlements(list)
		ctx, cancel := context.WithTimeout(l.ctx, 10*time.Second)
		_, err := k.caller.Send(ctx, l.node, peer.PathSettle, e)
		cancel()
		if err != nil { // it will ask
			k.cfg.Logger.Debug("changes were not settled at a copy", "node", l.id, "changes", len(list), "err", err)
		}
	}
}

// waiting returns the numbers of the first settlement that waits, and of the next one
// that will.
func (l *link) waiting() (first, end int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.taken, l.taken + len(l.queue)
}

// rest ends the sending where there is nothing to be sent.
func (l *link) rest() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sending = len(l.queue) > 0
	return !l.sending
}
