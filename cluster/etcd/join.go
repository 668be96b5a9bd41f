package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"ais/cluster"
	"ais/object"
)

// join makes this node a live member, and the cluster if there is none, and
// returns the revision at which it was. again is for a process that was a
// member and lost its lease. What can pass is tried until ctx ends: etcd does
// not answer yet; the lease of a killed process that had this id at another
// address has not ended yet.
func (s *Store) join(ctx context.Context, again bool) (int64, error) {
	giveUp := s.config.Now().Add(s.config.LeaseTTL + time.Second) // on another process with this id
	logged := false
	for {
		revision, err := s.tryJoin(ctx, again)
		switch {
		case err == nil:
			return revision, nil
		case errors.Is(err, object.Exists) && s.config.Now().Before(giveUp):
		case errors.Is(err, rpctypes.ErrLeaseNotFound): // granted, and over before it was used: etcd or this node is slow
		case !transient(err) && !errors.Is(err, errUnfounded):
			return 0, err
		}
		if !logged {
			s.log.Warn("the cluster cannot be joined yet", "error", err)
			logged = true
		}
		if ended := s.pause(ctx, retryPause); ended != nil {
			return 0, object.E("etcd.Open", s.config.Self.ID, object.Unavailable, err)
		}
	}
}

// tryJoin is one attempt. The lease is granted first, so that the time it is
// counted from is before anything else; it is given back if the attempt fails.
func (s *Store) tryJoin(ctx context.Context, again bool) (revision int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.RequestTimeout)
	defer cancel()
	if !again {
		if err := s.found(ctx); err != nil {
			return 0, err
		}
	}
	sent := s.config.Now()
	attempt, done := s.attempt(ctx)
	granted, err := s.client.Grant(attempt, int64(s.config.LeaseTTL/time.Second))
	done()
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_, _ = s.client.Revoke(ctx, granted.ID)
		}
	}()
	keys := []string{
		s.keys.clusterMap(), s.keys.node(s.config.Self.ID), s.keys.live(s.config.Self.ID),
		// A bucket that is created meanwhile may need a generation that would be
		// dropped; the transaction must not hold then.
		s.keys.bucketID(),
	}
	revision, err = s.swap(ctx, keys, s.readAll, func(read values, at int64) ([]write, error) {
		return s.admit(read, at, granted.ID, again)
	})
	if err != nil {
		return 0, err
	}
	if again { // who went on without this node, the State must say before it acts as one that lives
		if err = s.await(ctx, revision); err != nil {
			return 0, err
		}
	}
	s.lease.set(granted.ID, s.deadline(sent, granted.TTL))
	return revision, nil
}

// admit decides what to write for this node to be a live member.
func (s *Store) admit(read values, revision int64, id clientv3.LeaseID, again bool) ([]write, error) {
	bad := func(err error) error { return object.E("etcd.join", s.config.Self.ID, object.Invalid, err) }
	state, err := s.assemble(read, revision)
	if err != nil {
		return nil, bad(err)
	}
	if state.Map.Auth != s.config.Auth {
		return nil, bad(fmt.Errorf("the cluster was made with auth %s, which is fixed; this node is set to %s", state.Map.Auth, s.config.Auth))
	}
	self := s.config.Self
	self.Joined = s.config.Now().UTC()
	live := write{key: s.keys.live(self.ID), value: encode(cluster.Live{Boot: self.Boot, URL: self.URL}), lease: id}
	if again {
		if old := s.State(); old != nil && old.Map.Cluster != state.Map.Cluster { // nil: the lease ended before the first State was here
			return nil, bad(fmt.Errorf("etcd has cluster %s in the place of %s", state.Map.Cluster, old.Map.Cluster))
		}
		node, known := state.Node(self.ID)
		if l, ok := state.LiveNode(self.ID); ok && l.Boot != self.Boot || known && node.Boot != self.Boot {
			return nil, errSuperseded
		}
		if known && node.Behind == 0 {
			return []write{live}, nil
		}
		if known { // what it caught up with before counts for nothing: it was not told of changes meanwhile
			m, n, err := state.MarkBehind(node.ID, node.Full)
			return []write{{key: s.keys.clusterMap(), value: encode(m)}, {key: s.keys.node(n.ID), value: encode(n)}, live}, err
		}
	}
	m, n, err := state.Admit(self)
	if err != nil {
		return nil, err
	}
	return []write{
		{key: s.keys.clusterMap(), value: encode(m)},
		{key: s.keys.node(n.ID), value: encode(n)},
		live,
	}, nil
}

// errUnfounded is said by a target where there is no cluster yet.
var errUnfounded = errors.New("no proxy has made the cluster yet")

// found makes the cluster if etcd has none: its map, its first ticket key and,
// with auth on, its root user. With auth on only a proxy does, which can tell
// who root is; a target that has another cluster's data does not either.
func (s *Store) found(ctx context.Context) error {
	keys := []string{s.keys.clusterMap(), s.keys.ticketKeys()}
	_, err := s.swap(ctx, keys, s.readKeys, func(read values, _ int64) ([]write, error) {
		if read[s.keys.clusterMap()] != nil {
			return nil, nil
		}
		auth := s.config.Auth == cluster.AuthOn
		if home := s.config.Self.Home; home != "" {
			return nil, fmt.Errorf("etcd has no cluster, and what is on this node's mountpaths is part of cluster %s: %w", home, errUnfounded)
		}
		if auth && s.config.Self.Kind != cluster.Proxy {
			return nil, errUnfounded
		}
		now := s.config.Now()
		sealed, err := s.decoder.sealer.add(sealedKeys{}, now)
		if err != nil {
			return nil, err
		}
		m := cluster.Map{Cluster: newUUID(s.config.Rand), Version: 1, Auth: s.config.Auth, Created: now.UTC()}
		writes := []write{
			{key: s.keys.clusterMap(), value: encode(m)},
			{key: s.keys.ticketKeys(), value: encode(sealed)},
		}
		if !auth {
			return writes, nil
		}
		root, err := s.decoder.sealer.sealUser(s.rootUser(now))
		return append(writes, write{key: s.keys.user(s.root.ID), value: root}), err
	})
	return err
}
