package etcd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"go.etcd.io/etcd/etcdutl/v3/snapshot"

	"ais/cluster"
	"ais/object"
)

// leap is by how much everything that only grows is ahead after a restore: revisions,
// versions of the map, ids of buckets. What was given after the snapshot was taken is
// not given again.
const leap = 1 << 24

// restore makes the data of a server that has none, from a snapshot. They are there
// whole or not at all.
func (s *Store) restore(e Embed) error {
	const op = "etcd.Restore"
	config, err := e.config()
	if err != nil {
		return object.E(op, e.Dir, object.Invalid, err)
	}
	if _, err := os.Stat(e.Restore); err != nil {
		return object.E(op, e.Restore, object.Invalid, err)
	}
	made := filepath.Join(e.Dir, "restored")
	if err := errors.Join(os.RemoveAll(made), os.RemoveAll(filepath.Join(e.Dir, "member"))); err != nil {
		return object.E(op, e.Dir, object.Unavailable, err)
	}
	err = snapshot.NewV3(newZap(s.log, new(atomic.Bool))).Restore(snapshot.RestoreConfig{
		SnapshotPath: e.Restore, OutputDataDir: made, Name: config.Name, PeerURLs: []string{e.PeerURL},
		InitialCluster: config.InitialCluster, InitialClusterToken: config.InitialClusterToken,
		RevisionBump: leap, MarkCompacted: true,
	})
	if err == nil {
		err = os.Rename(filepath.Join(made, "member"), filepath.Join(e.Dir, "member"))
	}
	if err != nil {
		return object.E(op, e.Restore, object.Invalid, err)
	}
	s.log.Warn("etcd begins with what a snapshot has", "snapshot", e.Restore)
	return os.RemoveAll(made)
}

// leapAhead moves what only grows past all that may have been given since the snapshot.
func (s *Store) leapAhead(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.RequestTimeout)
	defer cancel()
	_, err := s.swap(ctx, []string{s.keys.clusterMap(), s.keys.bucketID()}, s.readKeys, func(read values, _ int64) ([]write, error) {
		kv := read[s.keys.clusterMap()]
		if kv == nil {
			return nil, object.E("etcd.Restore", s.config.Embed.Restore, object.Invalid, errors.New("the snapshot has no cluster of this name"))
		}
		m, err := decodeJSON(kv, cluster.Map{})
		if err != nil {
			return nil, err
		}
		next, err := nextBucketID(read[s.keys.bucketID()])
		if err != nil {
			return nil, err
		}
		m.Version += leap
		return []write{
			{key: s.keys.clusterMap(), value: encode(m)},
			{key: s.keys.bucketID(), value: strconv.AppendUint(nil, next+leap, 10)},
		}, nil
	})
	return err
}
