package etcd

import (
	"context"
	"math/rand/v2"
	"time"

	"ais/cluster"
)

// markDown marks targets whose lease has ended, so that others go on without them,
// until the store is closed. Every node does it, each after a short time of its own, so
// that mostly one transaction is tried and no node is needed for it.
func (s *Store) markDown() {
	for s.ctx.Err() == nil {
		changes, state := s.Changes(), s.State()
		if state != nil {
			if wait, again := s.markNext(state); again {
				_ = s.pause(s.ctx, wait)
				continue
			}
		}
		select {
		case <-changes:
		case <-s.ctx.Done():
		}
	}
}

// markSpread is the most that a node waits before it marks a target.
const markSpread = 200 * time.Millisecond

// markNext marks the first target that is to be marked in a State; again is whether to
// look again, and after which pause.
func (s *Store) markNext(state *cluster.State) (wait time.Duration, again bool) {
	for _, n := range state.Targets() {
		if _, _, due := state.LeaveBehind(n.ID); !due {
			continue
		}
		if s.pause(s.ctx, rand.N(markSpread)) != nil {
			return 0, false
		}
		if _, _, due := s.State().LeaveBehind(n.ID); !due {
			return 0, true // another node was faster, or it is back
		}
		if err := s.LeaveBehind(s.ctx, n.ID); err != nil {
			if s.ctx.Err() == nil {
				s.log.Warn("a target that is down is not marked yet", "target", n.ID, "error", err)
			}
			return retryPause, true
		}
		return 0, true
	}
	return 0, false
}

// LeaveBehind marks a target whose lease has ended, if the others can go on without it
// (see cluster.State.LeaveBehind). Where nothing is to be marked it changes nothing.
func (s *Store) LeaveBehind(ctx context.Context, id string) error {
	return s.changeNode(ctx, "cluster.LeaveBehind", id, func(state *cluster.State) (cluster.Map, cluster.Node, error) {
		m, n, ok := state.LeaveBehind(id)
		if !ok {
			return state.Map, n, nil
		}
		s.log.Warn("a target is down; the others go on without it", "target", id, "map", m.Version)
		return m, n, nil
	})
}

// MarkBehind marks this target as behind: its copies are not to be relied on; full,
// where anything may be missing, and not only what changed since.
func (s *Store) MarkBehind(ctx context.Context, full bool) error {
	id := s.config.Self.ID
	return s.changeNode(ctx, "cluster.MarkBehind", id, func(state *cluster.State) (cluster.Map, cluster.Node, error) {
		return state.MarkBehind(id, full)
	})
}

// InSync tells that this target has caught up with what it missed: since is Self().Since
// as it was before it began to. The errors are those of cluster.State.InSync.
func (s *Store) InSync(ctx context.Context, since uint64) error {
	id := s.config.Self.ID
	return s.changeNode(ctx, "cluster.InSync", id, func(state *cluster.State) (cluster.Map, cluster.Node, error) {
		return state.InSync(id, s.config.Self.Boot, since)
	})
}

// LeftOut tells, before a change is acknowledged, that it could not be sent to a target
// that catches up. Conflict: the target is in sync by now, and the change needs it.
func (s *Store) LeftOut(ctx context.Context, id string) error {
	return s.changeNode(ctx, "cluster.LeftOut", id, func(state *cluster.State) (cluster.Map, cluster.Node, error) {
		return state.LeftOut(id)
	})
}

// changeNode stores the map and the node that are decided on, unless the map is as it
// was. The transaction holds only if the map, the node and its sign of life are as
// they were read.
func (s *Store) changeNode(ctx context.Context, op, id string, decide func(*cluster.State) (cluster.Map, cluster.Node, error)) error {
	return s.changeState(ctx, op, id, s.nodeKeys(id), func(state *cluster.State) ([]write, error) {
		m, n, err := decide(state)
		if err != nil || m.Version == state.Map.Version {
			return nil, err
		}
		return []write{{key: s.keys.clusterMap(), value: encode(m)}, {key: s.keys.node(id), value: encode(n)}}, nil
	})
}

// nodeKeys are what a change of a node depends on.
func (s *Store) nodeKeys(id string) []string {
	return []string{s.keys.clusterMap(), s.keys.node(id), s.keys.live(id), s.keys.bucketID()}
}
