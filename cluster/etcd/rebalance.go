package etcd

import (
	"context"

	"ais/cluster"
	"ais/object"
)

// StartMove begins to move the bucket's names to where they are due, if they still are,
// and returns the bucket as stored: from then on its requests go by its Next. A bucket
// that is being moved already, or is not due, is returned as it is. Errors: NoSuchBucket.
func (s *Store) StartMove(ctx context.Context, b *cluster.Bucket) (cluster.Bucket, error) {
	return s.moveBucket(ctx, "cluster.StartMove", b, func(state *cluster.State, now *cluster.Bucket) (cluster.Map, cluster.Bucket, bool, error) {
		m, moving, ok := state.StartMove(now)
		return m, moving, ok, nil
	})
}

// EndMove tells that all names of the bucket are where the placement says, which is its
// Next, and returns the bucket as stored: that is its placement now. Generations that no
// bucket needs any more are dropped. Errors: NoSuchBucket; Conflict where the names are
// being moved somewhere else.
func (s *Store) EndMove(ctx context.Context, b *cluster.Bucket, to cluster.Placement) (cluster.Bucket, error) {
	return s.moveBucket(ctx, "cluster.EndMove", b, func(state *cluster.State, now *cluster.Bucket) (cluster.Map, cluster.Bucket, bool, error) {
		return state.EndMove(now, to)
	})
}

// moveBucket stores the map and the bucket that are decided on, if it is so decided.
func (s *Store) moveBucket(ctx context.Context, op string, b *cluster.Bucket, decide func(*cluster.State, *cluster.Bucket) (cluster.Map, cluster.Bucket, bool, error)) (cluster.Bucket, error) {
	key := s.keys.bucket(b.Provider, b.Name)
	var stored cluster.Bucket
	err := s.changeBy(ctx, op, b.Name, []string{s.keys.clusterMap(), key, s.keys.bucketID()}, s.readAll, func(read values, revision int64) ([]write, error) {
		now, err := s.sameBucket(op, b, read)
		if err != nil {
			return nil, err
		}
		state, err := s.assemble(read, revision)
		if err != nil {
			return nil, object.E(op, b.Name, object.Corrupt, err)
		}
		m, after, ok, err := decide(state, &now)
		if stored = now; err != nil || !ok {
			return nil, err
		}
		stored = after
		return []write{{key: s.keys.clusterMap(), value: encode(m)}, {key: key, value: encode(after)}}, nil
	})
	if err != nil {
		return cluster.Bucket{}, err
	}
	if shown, ok := s.State().BucketByID(b.ID); ok {
		stored.Revision = shown.Revision
	}
	return stored, nil
}

// Rebalance starts or halts the moving of names to where the targets are now. The
// errors are those of cluster.State.Rebalance.
func (s *Store) Rebalance(ctx context.Context, start bool) error {
	return s.changeState(ctx, "cluster.Rebalance", "", []string{s.keys.clusterMap()}, func(state *cluster.State) ([]write, error) {
		m, err := state.Rebalance(start)
		if err != nil {
			return nil, err
		}
		return []write{{key: s.keys.clusterMap(), value: encode(m)}}, nil
	})
}
