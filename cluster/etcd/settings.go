package etcd

import (
	"context"
	"encoding/json"
	"time"

	"ais/cluster"
	"ais/object"
)

// UpdateConfig changes the cluster's settings and returns them as stored. edit is
// given the settings as they are, and may be called several times; its error
// is returned. Invalid: for more copies than the cluster has active targets.
func (s *Store) UpdateConfig(ctx context.Context, edit func(*cluster.Config) error) (cluster.Config, error) {
	const op = "cluster.UpdateConfig"
	key := s.keys.config()
	var now cluster.Config
	err := s.change(ctx, op, "", []string{key, s.keys.clusterMap()}, func(read values, _ int64) ([]write, error) {
		m, err := decodeMap(read[s.keys.clusterMap()])
		if err != nil {
			return nil, object.E(op, "", object.Corrupt, err)
		}
		now = cluster.DefaultConfig()
		if kv := read[key]; kv != nil {
			if now, err = decodeJSON(kv, now); err != nil {
				return nil, object.E(op, "", object.Corrupt, err)
			}
		}
		now.Auth = s.config.Auth == cluster.AuthOn
		old := now
		if err := edit(&now); err != nil || now == old {
			return nil, err
		}
		if now.Copies > old.Copies {
			if err := m.CheckCount(now.Copies); err != nil {
				return nil, err
			}
		}
		return []write{{key: key, value: encode(now)}}, nil
	})
	return now, err
}

// MoveNode puts a node into a state, and returns it as stored. The errors are those of
// cluster.State.Move. Of two changes at once the second is decided on what the first
// has left.
func (s *Store) MoveNode(ctx context.Context, id string, to cluster.NodeState, o cluster.MoveOptions) (cluster.Node, error) {
	var now cluster.Node
	err := s.changeNode(ctx, "cluster.MoveNode", id, func(state *cluster.State) (m cluster.Map, _ cluster.Node, err error) {
		m, now, err = state.Move(id, to, o)
		return m, now, err
	})
	return now, err
}

// RemoveNode takes a dead node out of the cluster for good. The errors are those
// of cluster.State.Dismiss.
func (s *Store) RemoveNode(ctx context.Context, id string) error {
	return s.changeState(ctx, "cluster.RemoveNode", id, s.nodeKeys(id), func(state *cluster.State) ([]write, error) {
		m, err := state.Dismiss(id)
		if err != nil {
			return nil, err
		}
		return []write{{key: s.keys.clusterMap(), value: encode(m)}, {key: s.keys.node(id)}}, nil
	})
}

// rotateTicketKeys adds a ticket key when the newest has reached its life, until
// the store is closed. All proxies do it; one transaction holds.
func (s *Store) rotateTicketKeys() {
	for s.ctx.Err() == nil {
		if err := s.RotateTicketKeys(s.ctx, s.config.TicketKeyLife); err != nil && s.ctx.Err() == nil {
			s.log.Warn("the ticket key is not rotated", "error", err)
		}
		_ = s.pause(s.ctx, min(s.config.TicketKeyLife/4, time.Hour))
	}
}

// RotateTicketKeys adds a ticket key if the newest is at least so old. The one
// before still verifies.
func (s *Store) RotateTicketKeys(ctx context.Context, age time.Duration) error {
	const op = "cluster.RotateTicketKeys"
	key := s.keys.ticketKeys()
	return s.change(ctx, op, "", []string{key}, func(read values, _ int64) ([]write, error) {
		var stored sealedKeys
		if kv := read[key]; kv != nil {
			if err := json.Unmarshal(kv.Value, &stored); err != nil {
				return nil, object.E(op, "", object.Corrupt, err)
			}
		}
		now := s.config.Now()
		if len(stored.Keys) > 0 && now.Sub(stored.Keys[0].Created) < age {
			return nil, nil
		}
		stored, err := s.decoder.sealer.add(stored, now)
		if err != nil {
			return nil, err
		}
		return []write{{key: key, value: encode(stored)}}, nil
	})
}
