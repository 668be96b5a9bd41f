package move

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/object"
)

// bucketsAtOnce is how many buckets' names are moved at a time.
const bucketsAtOnce = 2

// run does what the cluster's state asks for, until Stop.
func (m *Mover) run() {
	defer m.passes.stopAll(nil)
	tick := time.NewTicker(m.cfg.Tick)
	defer tick.Stop()
	for {
		changes := m.members.Changes()
		state := m.members.State()
		m.follow(state)
		m.begin(state)
		m.end(state)
		select {
		case <-m.ctx.Done():
			return
		case <-changes:
		case <-tick.C:
		}
	}
}

// moving returns the buckets whose names are being moved, in the order of their ids.
func moving(state *cluster.State) []*cluster.Bucket {
	var out []*cluster.Bucket
	for _, b := range state.Buckets() {
		if b.Moving() {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b *cluster.Bucket) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// follow starts and ends passes as the state says.
func (m *Mover) follow(state *cluster.State) {
	wanted := map[uint64]*cluster.Bucket{}
	for _, b := range moving(state) {
		if !state.Map.Halted && b.State == cluster.BucketActive {
			wanted[b.ID] = b
		}
	}
	m.passes.stopAll(func(bucket uint64, p *pass) bool { return wanted[bucket] != nil && wanted[bucket].Next.Number == p.to })
	for _, b := range wanted {
		nodes, err := state.Placed(b)
		if err != nil || !slices.ContainsFunc(nodes, func(n cluster.Node) bool { return n.ID == m.cfg.ID }) {
			continue
		}
		m.startPass(b)
	}
}

// stopAll ends the passes that are not kept.
func (p *passes) stopAll(keep func(bucket uint64, of *pass) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for bucket, of := range p.running {
		if keep == nil || !keep(bucket, of) {
			of.stop()
		}
	}
}

// startPass starts to move this target's names of the bucket, unless it does, or has.
func (m *Mover) startPass(b *cluster.Bucket) {
	p := &m.passes
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running[b.ID] != nil || p.ended[b.ID] >= b.Next.Number {
		return
	}
	if p.running == nil {
		p.running, p.ended = map[uint64]*pass{}, map[uint64]uint64{}
	}
	ctx, stop := context.WithCancel(m.ctx)
	one := &pass{to: b.Next.Number, stop: stop}
	p.running[b.ID] = one
	m.wait.Go(func() {
		defer stop()
		err := m.work(ctx, b, one)
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.running, b.ID)
		if err == nil {
			p.ended[b.ID] = one.to
		}
	})
}

// work is one pass.
func (m *Mover) work(ctx context.Context, b *cluster.Bucket, one *pass) error {
	progress, end := &Progress{}, func(error) {}
	if m.watch.Begin != nil {
		progress, end = m.watch.Begin(b)
	}
	var err error
	if b.Provider == object.AWS {
		err = m.dropCached(ctx, b.ID, one.to, progress)
	} else {
		err = m.moveAll(ctx, b.ID, one.to, progress)
	}
	if errors.Is(err, errOver) {
		err = nil // and what is to be done now is begun anew
		one.to = 0
	}
	end(err)
	return err
}

// leads reports whether this target is the one that does what one has to do: the first
// that lives.
func (m *Mover) leads(state *cluster.State) bool {
	for _, n := range state.Targets() {
		if state.IsLive(n.ID) {
			return n.ID == m.cfg.ID
		}
	}
	return false
}

// begin begins to move buckets that are due.
func (m *Mover) begin(state *cluster.State) {
	if !m.leads(state) || state.Map.Halted || m.members.Fenced() {
		return
	}
	if !m.unchanging(state) {
		return
	}
	free := bucketsAtOnce - len(moving(state))
	for _, b := range state.Buckets() {
		if free <= 0 {
			return
		}
		if _, due := state.Due(b); !due {
			continue
		}
		ctx, cancel := context.WithTimeout(m.ctx, callTimeout)
		started, err := m.members.StartMove(ctx, b)
		cancel()
		if err != nil {
			m.cfg.Logger.Warn("a bucket's names do not begin to move", "bucket", b.Name, "err", err)
			return
		}
		if started.Moving() {
			m.cfg.Logger.Info("a bucket's names begin to move", "bucket", b.Name, "generation", started.Next.Generation, "copies", started.Next.Count())
			free--
		}
	}
}

// unchanging reports whether the targets have stayed the same for a while. Of several
// that join one after the other, names then go to all at once.
func (m *Mover) unchanging(state *cluster.State) bool {
	latest, ok := state.Map.Latest()
	if !ok || latest.Number != m.latest {
		m.latest, m.since = latest.Number, m.cfg.Now()
	}
	return m.cfg.Now().Sub(m.since) >= m.cfg.Settle
}

const callTimeout = 10 * time.Second

// end tells that the names of buckets are where they are to be, if nobody has anything
// left.
func (m *Mover) end(state *cluster.State) {
	for _, b := range moving(state) {
		if !m.passes.done(b.ID, b.Next.Number) {
			continue
		}
		nodes, err := owners(state, b)
		if err != nil || len(nodes) == 0 || !first(nodes, state, m.cfg.ID) {
			continue
		}
		if !m.allDone(state, b, nodes) {
			continue
		}
		ctx, cancel := context.WithTimeout(m.ctx, callTimeout)
		_, err = m.members.EndMove(ctx, b, b.Next)
		cancel()
		if err != nil {
			m.cfg.Logger.Warn("a bucket's names have moved, and that is not stored yet", "bucket", b.Name, "err", err)
			continue
		}
		m.cfg.Logger.Info("a bucket's names have moved", "bucket", b.Name)
	}
}

// first reports whether the target is the first of nodes that lives.
func first(nodes []cluster.Node, state *cluster.State, id string) bool {
	for _, n := range nodes {
		if state.IsLive(n.ID) {
			return n.ID == id
		}
	}
	return false
}

// allDone reports whether no target has names of the bucket left that are to be moved.
func (m *Mover) allDone(state *cluster.State, b *cluster.Bucket, nodes []cluster.Node) bool {
	ctx, cancel := context.WithTimeout(m.ctx, callTimeout)
	defer cancel()
	for _, n := range nodes {
		if n.ID == m.cfg.ID {
			continue
		}
		if !state.IsLive(n.ID) {
			return false
		}
		done, err := m.askMoved(ctx, n.ID, peer.MoveRequest{Bucket: b.ID, To: b.Next.Number, From: m.cfg.ID})
		if err != nil || !done {
			return false
		}
	}
	return true
}
