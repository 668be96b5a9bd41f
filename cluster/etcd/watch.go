package etcd

import (
	"context"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"ais/cluster"
)

// watch keeps State true until the store is closed: it reads everything, follows
// the changes from there, and begins again when the changes can no longer be
// followed (the connection was lost for long, the revisions were compacted).
func (s *Store) watch() {
	silent := false // about an outage that was logged
	for s.ctx.Err() == nil {
		state, err := s.read(s.ctx)
		if err != nil {
			if s.ctx.Err() == nil && !silent {
				s.log.Warn("cluster state cannot be read; the last one stays", "error", err)
				silent = true
			}
			_ = s.pause(s.ctx, retryPause)
			continue
		}
		if silent {
			s.log.Info("cluster state is read again", "revision", state.Revision)
			silent = false
		}
		s.publish(state, true)
		if err := s.follow(s.ctx); err != nil && s.ctx.Err() == nil {
			s.log.Info("cluster state is read anew", "reason", err)
		}
	}
}

// read returns the State as etcd has it now.
func (s *Store) read(ctx context.Context) (*cluster.State, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.RequestTimeout)
	defer cancel()
	found, revision, err := s.readAll(ctx, nil)
	if err != nil {
		return nil, err
	}
	state, err := s.assemble(found, revision)
	if err != nil {
		return nil, err
	}
	if old := s.State(); old != nil && old.Map.Cluster != state.Map.Cluster {
		return nil, fmt.Errorf("etcd has cluster %s in the place of %s", state.Map.Cluster, old.Map.Cluster)
	}
	return state, nil
}

// assemble makes a State of all keys. It refuses to without a map, and when the
// ticket keys cannot be opened; any other value that cannot be decoded is
// logged and left out.
func (s *Store) assemble(found values, revision int64) (*cluster.State, error) {
	if found[s.keys.clusterMap()] == nil {
		return nil, errors.New("etcd has no cluster map")
	}
	contents := cluster.Contents{Config: cluster.DefaultConfig(), Revision: revision}
	for key, kv := range found {
		event, err := s.decoder.event(kv, false)
		if err != nil {
			if key == s.keys.clusterMap() || key == s.keys.ticketKeys() {
				return nil, err
			}
			s.log.Error("a value in etcd is not legal; it is left out", "error", err)
			contents.Incomplete = true
			continue
		}
		switch e := event.(type) {
		case cluster.MapSet:
			contents.Map = e.Map
		case cluster.NodeSet:
			contents.Nodes = append(contents.Nodes, e.Node)
		case cluster.LiveSet:
			contents.Live = append(contents.Live, e.Live)
		case cluster.BucketSet:
			contents.Buckets = append(contents.Buckets, e.Bucket)
		case cluster.ConfigSet:
			contents.Config = e.Config
		case cluster.TicketKeysSet:
			contents.TicketKeys = e.Keys
		case cluster.UserSet:
			contents.Users = append(contents.Users, e.User)
		}
	}
	return cluster.NewState(contents), nil
}

// follow applies the changes after State's revision, in their order. It returns
// why it stopped.
func (s *Store) follow(ctx context.Context) error {
	// A server that has lost its leader would be silent: it must say so instead.
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	responses := s.client.Watch(ctx, string(s.keys), clientv3.WithPrefix(),
		clientv3.WithRev(s.State().Revision+1), clientv3.WithProgressNotify())
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.reload:
			return errors.New("the watch was behind or etcd went back")
		case r, ok := <-responses:
			if !ok {
				return errors.New("the watch ended")
			}
			if err := r.Err(); err != nil {
				return err
			}
			s.apply(r)
		}
	}
}

// apply publishes the State after a response. Only the last event, or a notice of
// progress, says up to which revision it is true: the header of a response
// with events may be of a later one, whose events are still to come.
func (s *Store) apply(r clientv3.WatchResponse) {
	state := s.State()
	if r.IsProgressNotify() {
		if r.Header.Revision > state.Revision {
			s.publish(state.Apply(r.Header.Revision), false)
		}
		return
	}
	if len(r.Events) == 0 {
		return
	}
	var events []cluster.Event
	for _, e := range r.Events {
		event, err := s.decoder.event(e.Kv, e.Type == clientv3.EventTypeDelete)
		switch {
		case err != nil:
			s.log.Error("a change in etcd is not legal; the old value stays", "error", err)
		case event != nil:
			events = append(events, event)
		}
	}
	last := r.Events[len(r.Events)-1].Kv.ModRevision
	s.publish(state.Apply(last, events...), len(events) > 0)
}
