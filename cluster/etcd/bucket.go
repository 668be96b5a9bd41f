package etcd

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"ais/cluster"
	"ais/object"
)

// CreateBucket creates a bucket of b's Provider, Name, Region and Props, and
// returns it as stored: with an id that no bucket ever had, and the newest
// placement generation, with the copies of its properties. Where b has an id, which
// must be a reserved one, that is given, if b's generation is the newest. Errors:
// Exists, with the bucket that is there; Unavailable while the cluster has no target;
// Invalid, also for more copies than the cluster has active targets; Busy for a
// reserved id of an older generation.
func (s *Store) CreateBucket(ctx context.Context, b cluster.Bucket) (cluster.Bucket, error) {
	const op = "cluster.CreateBucket"
	if err := b.Check(); err != nil {
		return cluster.Bucket{}, err
	}
	key := s.keys.bucket(b.Provider, b.Name)
	keys := []string{key, s.keys.bucketID(), s.keys.clusterMap()}
	reserved := b.ID != 0
	b.Created = s.config.Now().UTC()
	b.State = cluster.BucketActive
	// Creations race for the next id: those of this node take turns.
	select {
	case s.creating <- struct{}{}:
		defer func() { <-s.creating }()
	case <-ctx.Done():
		return cluster.Bucket{}, object.E(op, b.Name, object.Unavailable, ctx.Err())
	}
	var there cluster.Bucket
	err := s.change(ctx, op, b.Name, keys, func(read values, _ int64) ([]write, error) {
		if kv := read[key]; kv != nil {
			var err error
			if there, err = decodeBucket(kv); err != nil {
				return nil, object.E(op, b.Name, object.Corrupt, err)
			}
			if there.ID == b.ID && there.Created.Equal(b.Created) {
				return nil, nil // made by a transaction whose answer was lost
			}
			return nil, object.E(op, b.Name, object.Exists, nil)
		}
		m, err := decodeMap(read[s.keys.clusterMap()])
		if err != nil {
			return nil, object.E(op, b.Name, object.Corrupt, err)
		}
		g, ok := m.Latest()
		if !ok {
			return nil, object.E(op, b.Name, object.Unavailable, errors.New("the cluster has no target yet"))
		}
		if reserved && b.Generation != g.Number {
			return nil, object.E(op, b.Name, object.Busy, errors.New("the cluster has another placement by now"))
		}
		if err := m.CheckCopies(&b, 0); err != nil {
			return nil, err
		}
		b.Placement, b.Next = cluster.Placement{Generation: g.Number, Copies: b.Props.Copies}, cluster.Placement{}
		if reserved {
			return []write{{key: key, value: encode(b)}}, nil
		}
		if b.ID, err = nextBucketID(read[s.keys.bucketID()]); err != nil {
			return nil, object.E(op, b.Name, object.Corrupt, err)
		}
		return []write{
			{key: s.keys.bucketID(), value: strconv.AppendUint(nil, b.ID, 10)},
			{key: key, value: encode(b)},
		}, nil
	})
	if errors.Is(err, object.Exists) {
		return there, err
	}
	if err != nil {
		return cluster.Bucket{}, err
	}
	if shown, ok := s.State().BucketByID(b.ID); ok {
		b.Revision = shown.Revision
	}
	return b, nil
}

// SetBucketState changes the state of the bucket with b's id. The errors are
// those of UpdateProps.
func (s *Store) SetBucketState(ctx context.Context, b *cluster.Bucket, to cluster.BucketState) (cluster.Bucket, error) {
	return s.updateBucket(ctx, "cluster.SetBucketState", b, func(now *cluster.Bucket) error {
		now.State = to
		return nil
	})
}

// UpdateProps changes the properties of the bucket with b's id and returns it as
// stored. edit is given the properties as they are, and may be called several
// times; its error is returned. Errors: NoSuchBucket where there is none, or
// another one under that name.
func (s *Store) UpdateProps(ctx context.Context, b *cluster.Bucket, edit func(*cluster.Props) error) (cluster.Bucket, error) {
	return s.updateBucket(ctx, "cluster.UpdateProps", b, func(now *cluster.Bucket) error { return edit(&now.Props) })
}

// UpdateBucket changes the bucket with b's id and returns it as stored. edit is
// given the bucket as it is, may change what CreateBucket does not decide, and
// may be called several times; its error is returned. The errors are those of
// UpdateProps.
func (s *Store) UpdateBucket(ctx context.Context, b *cluster.Bucket, edit func(*cluster.Bucket) error) (cluster.Bucket, error) {
	return s.updateBucket(ctx, "cluster.UpdateBucket", b, edit)
}

func (s *Store) updateBucket(ctx context.Context, op string, b *cluster.Bucket, edit func(*cluster.Bucket) error) (cluster.Bucket, error) {
	key := s.keys.bucket(b.Provider, b.Name)
	var now cluster.Bucket
	err := s.change(ctx, op, b.Name, []string{key, s.keys.clusterMap()}, func(read values, _ int64) ([]write, error) {
		m, err := decodeMap(read[s.keys.clusterMap()])
		if err != nil {
			return nil, object.E(op, b.Name, object.Corrupt, err)
		}
		if now, err = s.sameBucket(op, b, read); err != nil {
			return nil, err
		}
		old := now
		if err := edit(&now); err != nil {
			return nil, err
		}
		if now == old {
			return nil, nil
		}
		if now.Props != old.Props {
			if err := m.CheckCopies(&now, old.Props.Copies); err != nil {
				return nil, err
			}
		}
		return []write{{key: key, value: encode(now)}}, nil
	})
	if err != nil {
		return cluster.Bucket{}, err
	}
	if shown, ok := s.State().BucketByID(b.ID); ok {
		now.Revision = shown.Revision
	}
	return now, nil
}

// RenameBucket gives the bucket with b's id another name and returns it as stored; all
// else of it stays, its objects too, which are kept under its id. Errors: NoSuchBucket;
// Exists, with the bucket that has the name; Busy for one that is being deleted;
// Invalid for a name that no bucket can have, a bucket of which something is remote,
// and one with a policy, whose statements name it as it is.
func (s *Store) RenameBucket(ctx context.Context, b *cluster.Bucket, name string) (cluster.Bucket, error) {
	const op = "cluster.RenameBucket"
	if err := object.CheckBucketName(name); err != nil {
		return cluster.Bucket{}, err
	}
	from, to := s.keys.bucket(b.Provider, b.Name), s.keys.bucket(b.Provider, name)
	var renamed, there cluster.Bucket
	err := s.change(ctx, op, b.Name, []string{from, to}, func(read values, _ int64) (_ []write, err error) {
		if renamed, err = s.sameBucket(op, b, read); err != nil {
			return nil, err
		}
		if err := renamed.CheckRename(); err != nil {
			return nil, err
		}
		if kv := read[to]; kv != nil {
			if there, err = decodeBucket(kv); err != nil {
				return nil, object.E(op, name, object.Corrupt, err)
			}
			return nil, object.E(op, name, object.Exists, errors.New("another bucket has the name "+name))
		}
		renamed.Name = name
		return []write{{key: from}, {key: to, value: encode(renamed)}}, nil
	})
	if errors.Is(err, object.Exists) {
		return there, err
	}
	if err != nil {
		return cluster.Bucket{}, err
	}
	if shown, ok := s.State().BucketByID(b.ID); ok {
		renamed.Revision = shown.Revision
	}
	return renamed, nil
}

// RemoveBucket removes the bucket with b's id, which must be in state deleting:
// a name that clients can still use is not taken from under them. Errors:
// NoSuchBucket, Busy in another state.
func (s *Store) RemoveBucket(ctx context.Context, b *cluster.Bucket) error {
	const op = "cluster.RemoveBucket"
	key := s.keys.bucket(b.Provider, b.Name)
	return s.change(ctx, op, b.Name, []string{key}, func(read values, _ int64) ([]write, error) {
		now, err := s.sameBucket(op, b, read)
		if err != nil {
			return nil, err
		}
		if now.State != cluster.BucketDeleting {
			return nil, object.E(op, b.Name, object.Busy, fmt.Errorf("the bucket is %s", now.State))
		}
		return []write{{key: key}}, nil
	})
}

// sameBucket returns the bucket that was read if it has b's id.
func (s *Store) sameBucket(op string, b *cluster.Bucket, read values) (cluster.Bucket, error) {
	kv := read[s.keys.bucket(b.Provider, b.Name)]
	if kv == nil {
		return cluster.Bucket{}, object.E(op, b.Name, object.NoSuchBucket, nil)
	}
	now, err := decodeBucket(kv)
	if err != nil {
		return cluster.Bucket{}, object.E(op, b.Name, object.Corrupt, err)
	}
	if now.ID != b.ID {
		return cluster.Bucket{}, object.E(op, b.Name, object.NoSuchBucket, errors.New("another bucket has the name now"))
	}
	return now, nil
}

func decodeMap(kv *mvccpb.KeyValue) (cluster.Map, error) {
	if kv == nil {
		return cluster.Map{}, errors.New("the cluster map is gone")
	}
	return decodeJSON(kv, cluster.Map{})
}

// nextBucketID returns the id after the last that was given.
func nextBucketID(last *mvccpb.KeyValue) (uint64, error) {
	if last == nil {
		return 1, nil
	}
	n, err := strconv.ParseUint(string(last.Value), 10, 64)
	return n + 1, err
}
