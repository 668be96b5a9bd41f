package replica

import (
	"time"

	"ais/cluster"
)

// follow keeps the ties to the other targets as the cluster's state has them, and
// tells of those that left and returned.
func (k *Keeper) follow() {
	behind := make(map[string]uint64)
	returned := make(map[string]time.Time)
	for _, n := range k.members.State().Targets() {
		behind[n.ID] = n.Behind
	}
	tick := time.NewTicker(k.cfg.Forget / 2)
	defer tick.Stop()
	for {
		changes := k.members.Changes()
		state := k.members.State()
		k.links.follow(state)
		k.doubts.look()
		for _, n := range state.Targets() {
			was, known := behind[n.ID]
			behind[n.ID] = n.Behind
			switch {
			case n.ID == k.cfg.ID || known && was == n.Behind:
			case n.Behind != 0:
				delete(returned, n.ID)
				k.metrics.takeovers.Inc()
				k.cfg.Logger.Info("a target is behind; its copies' names go on without it", "target", n.ID, "map", n.Behind)
			default:
				returned[n.ID] = k.cfg.Now()
				k.cfg.Logger.Info("a target's copies are in sync again", "target", n.ID)
			}
		}
		k.forget(state, returned)
		select {
		case <-k.ctx.Done():
			return
		case <-changes:
		case <-tick.C:
		}
	}
}

// forget drops what is noted for targets that have been in sync for a while.
func (k *Keeper) forget(state *cluster.State, returned map[string]time.Time) {
	for id, at := range returned {
		if k.cfg.Now().Sub(at) < k.cfg.Forget {
			continue
		}
		delete(returned, id)
		if err := k.store.ForgetHandoffs(id, state.Map.Version); err != nil {
			k.cfg.Logger.Warn("what a target had missed is not forgotten", "target", id, "err", err)
		}
	}
}
