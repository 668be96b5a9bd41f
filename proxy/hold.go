package proxy

import (
	"context"
	"math/rand/v2"
	"time"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// place is what an object request is routed by.
type place struct {
	bucket   *cluster.Bucket
	key      string
	uploadID string // "" for none
}

// candidates returns the live targets that can serve a request for what is at a
// place, the first to be asked first: one for a write, which only the acting owner
// takes; for a read each copy that has missed nothing, another one first each time. The
// error is of kind Unavailable where there is none.
func (p *Proxy) candidates(at place, read bool) ([]cluster.Node, error) {
	state := p.cluster.State()
	// Uploads go where their names go; those to a bucket whose names do not move stay
	// where they began.
	if target, ok := cluster.UploadHome(at.uploadID); ok && at.bucket.Provider == object.AWS {
		if node, ok := state.Node(target); ok {
			return []cluster.Node{node}, p.reachable(node)
		}
	}
	b := state.Current(at.bucket) // it may have been moved while the request was held
	copies, err := state.Copies(b, object.Name{Bucket: b.ID, Key: at.key})
	if err != nil {
		return nil, err
	}
	owner := copies.Owner()
	read = read && at.uploadID == "" // those are the owner's
	var nodes []cluster.Node
	if owner.Live {
		nodes = append(nodes, owner.Node)
	}
	for _, c := range copies {
		if read && c.Live && c.InSync() && c.Node.ID != owner.Node.ID {
			nodes = append(nodes, c.Node)
		}
	}
	if len(nodes) > 1 { // reads are shared out
		first := rand.N(len(nodes))
		nodes[0], nodes[first] = nodes[first], nodes[0]
	}
	if len(nodes) == 0 {
		return nil, object.E("proxy.owner", owner.Node.ID, object.Unavailable, nil)
	}
	return nodes, nil
}

// relay has a request served by one of the nodes that find returns, the first that
// answers, and holds it while there is none. ask sends it to one of them, which has
// patience for its answer (0 is what the peers have).
//
// What changes something is sent again only where it is certain that no node has
// begun with it: sent twice it could undo what another client has done in between.
func (p *Proxy) relay(ctx *fasthttp.RequestCtx, find func() ([]cluster.Node, error), ask func(cluster.Node, time.Duration) error) error {
	read := ctx.IsGet() || ctx.IsHead()
	err := p.hold(ctx, func() (again bool, err error) {
		nodes, err := find()
		if err != nil {
			return object.KindOf(err) == object.Unavailable, err
		}
		for i, node := range nodes {
			patience := p.cfg.ReadPatience
			if i == len(nodes)-1 {
				patience = 0
			}
			if err = ask(node, patience); err == nil {
				return false, nil
			}
			revision, resend := peer.Resend(err, read)
			if !resend {
				return false, err
			}
			p.reach(revision)
		}
		return !peer.TimedOut(err), err
	})
	if err != nil && object.KindOf(err) == object.Unavailable {
		p.caller.Drain(ctx)
	}
	return err
}

// asks is hold of what only asks nodes, with this node's own messages: it is asked
// again where one could not be reached, not where it has answered, nor where it may
// still. ctx is nil where there is no client to wait for.
func (p *Proxy) asks(ctx *fasthttp.RequestCtx, ask func() error) error {
	return p.hold(ctx, func() (again bool, err error) {
		err = ask()
		return err != nil && object.KindOf(err) == object.Unavailable && !peer.Answered(err) && !peer.TimedOut(err), err
	})
}

// relays is relay of a request for what is at a place, with the request's id where it
// has one.
func (p *Proxy) relays(ctx *fasthttp.RequestCtx, at place, id string, redirect func(cluster.Node) bool) error {
	find := func() ([]cluster.Node, error) { return p.candidates(at, ctx.IsGet() || ctx.IsHead()) }
	return p.relay(ctx, find, func(node cluster.Node, patience time.Duration) error {
		if redirect(node) {
			return nil
		}
		p.metrics.relays.Inc()
		return p.caller.TryForward(ctx, node, id, p.access.Grant(ctx), patience)
	})
}

// relaysExpect is relays for a request whose body was not asked for yet; status is
// that of the answer, 100 for the wish for the body.
func (p *Proxy) relaysExpect(ctx *fasthttp.RequestCtx, at place, id string, redirect func(cluster.Node) bool) (status int, err error) {
	find := func() ([]cluster.Node, error) { return p.candidates(at, false) }
	err = p.relay(ctx, find, func(node cluster.Node, _ time.Duration) (err error) {
		if redirect(node) {
			status = ctx.Response.StatusCode()
			return nil
		}
		status, err = p.caller.ForwardExpect(ctx, node, id, p.access.Grant(ctx))
		return err
	})
	return status, err
}

// asksOwner is asks of a question to the owner of a name.
func (p *Proxy) asksOwner(b *cluster.Bucket, key string, ask func(context.Context, cluster.Node) error) error {
	return p.asks(nil, func() error {
		node, err := p.owner(b, key)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), p.cfg.PeerTimeout)
		defer cancel()
		return ask(ctx, node)
	})
}

// reach waits, not for long, until this node's state is true up to the revision.
func (p *Proxy) reach(revision int64) {
	if p.cluster.State().Revision >= revision {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.SyncTimeout)
	defer cancel()
	_, _ = p.cluster.SyncTo(ctx, revision) // the next try tells
}

// Pauses between two tries of a request that is held, while the state of the cluster
// does not change: a target that was restarted in time is not seen to have gone.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = 200 * time.Millisecond
)

// hold calls try until it has an outcome or wants no other try, for HoldTime at most
// from the first that failed: a target that is restarted is back by then. It tries
// again at once when the state of the cluster has changed. The time that a node had
// which hung until it had no lease counts, too. Of all requests that this
// node may serve half may be held, so that the targets that are up are not missed.
// Where ctx is not nil it ends when the client has gone.
func (p *Proxy) hold(ctx *fasthttp.RequestCtx, try func() (again bool, err error)) error {
	began, changes := time.Now(), p.cluster.Changes()
	again, err := try()
	if err == nil || !again || p.cfg.HoldTime <= 0 {
		return err
	}
	if int(p.held.Add(1)) > max(p.cfg.Load.MaxRequests/2, 1) {
		p.held.Add(-1)
		return err
	}
	defer p.held.Add(-1)
	p.metrics.holds.Inc()
	left := p.cfg.HoldTime
	if peer.LetGo(err) { // it has waited long enough, but for whoever acts in the place of the node that hangs
		left = max(left-time.Since(began), lastPause)
	}
	over := time.NewTimer(left)
	defer over.Stop()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		soon := time.NewTimer(pause)
		select {
		case <-changes:
		case <-soon.C:
		case <-over.C:
			soon.Stop()
			return err
		}
		soon.Stop()
		if ctx != nil && peer.Ended(ctx.Conn()) {
			return err
		}
		changes = p.cluster.Changes()
		if again, err = try(); err == nil || !again {
			return err
		}
	}
}
