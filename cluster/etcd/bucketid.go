package etcd

import (
	"context"
	"crypto/rand"
	"strconv"

	"ais/object"
)

// ReserveBucketIDs returns the first of n ids, one after the other, that no bucket
// has or will be given: CreateBucket takes one where it is told to, once. Which
// target owns a name can be known so before there is a bucket.
func (s *Store) ReserveBucketIDs(ctx context.Context, n uint64) (first uint64, err error) {
	const op = "cluster.ReserveBucketIDs"
	who := s.config.Self.ID + " " + rand.Text() // tells this reservation from another of the same ids
	err = s.change(ctx, op, "", []string{s.keys.bucketID()}, func(read values, _ int64) ([]write, error) {
		var err error
		if first, err = nextBucketID(read[s.keys.bucketID()]); err != nil {
			return nil, object.E(op, "", object.Corrupt, err)
		}
		return []write{
			{key: s.keys.bucketID(), value: strconv.AppendUint(nil, first+n-1, 10)},
			{key: s.keys.reserved(), value: []byte(who)},
		}, nil
	})
	return first, err
}
