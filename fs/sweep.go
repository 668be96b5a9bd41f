package fs

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// SweepResult is what a sweep saw and did.
type SweepResult struct {
	Blobs   int64 // files looked at
	Orphans int64 // removed: nothing referred to them
	Bytes   int64 // of those
}

// sweepPause is the pause after each directory of a sweep, so that it does not
// compete with requests.
const sweepPause = 2 * time.Millisecond

// Sweep removes the blobs that nothing refers to, which crashes leave behind,
// and outdated records of completed uploads. Only one runs at a time. A failed
// mountpath is left out.
func (s *Store) Sweep(ctx context.Context) (SweepResult, error) {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	var total SweepResult
	var errs error
	for _, m := range s.layout.Load().everywhere() {
		for dir := range 256 {
			if err := ctx.Err(); err != nil {
				return total, err
			}
			r, err := m.sweepDir(byte(dir))
			if errors.Is(err, object.Unavailable) {
				break
			}
			total.Blobs += r.Blobs
			total.Orphans += r.Orphans
			total.Bytes += r.Bytes
			errs = errors.Join(errs, err)
			if r.Blobs > 0 {
				pause(ctx, sweepPause)
			}
		}
		errs = errors.Join(errs, s.forgetCompleted(m))
	}
	return total, fault("fs.Sweep", object.Name{}, errs)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// sweepDir sweeps one directory. The order matters: list, then leave out the
// busy, then read the index. A blob that was not busy is committed, so its
// reference is in what is read later, or it will not be before it arrives anew.
func (m *mountpath) sweepDir(dir byte) (r SweepResult, err error) {
	x, err := m.use()
	if err != nil {
		return r, err
	}
	defer x.leave()
	names, err := m.config.OS.List("blobs.list", m.blobs.dir(dir))
	if err != nil {
		return r, err
	}
	ids := make([]blobID, 0, len(names))
	for _, name := range names {
		if err := m.sweepNew(name, dir, &r); err != nil {
			return r, err
		}
		if id, err := parseBlobID(name); err == nil && id[0] == dir && !m.keep.isBusy(id) {
			ids = append(ids, id)
		}
	}
	r.Blobs = int64(len(ids))
	if len(ids) == 0 {
		return r, nil
	}
	slices.SortFunc(ids, func(a, b blobID) int { return slices.Compare(a[:], b[:]) })
	orphans, err := x.unreferenced(dir, ids)
	if err != nil {
		return r, err
	}
	for _, id := range orphans {
		size := m.fileSize(id)
		removed, err := m.removeOrphan(x, id)
		if err != nil {
			return r, err
		}
		if removed {
			r.Orphans++
			r.Bytes += size
			m.stats.orphans.Add(1)
		}
	}
	return r, nil
}

// fileSize returns the size of a blob's file, 0 where that is not known.
func (m *mountpath) fileSize(id blobID) int64 {
	f, err := m.config.OS.OpenFile("blob.stat", m.blobs.path(id), os.O_RDONLY, 0)
	if err != nil {
		return 0
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// sweepNew removes a file that was to take the place of a blob, where nobody writes
// it any more.
func (m *mountpath) sweepNew(name string, dir byte, r *SweepResult) error {
	id, err := parseBlobID(strings.TrimSuffix(name, newSuffix))
	if err != nil || !strings.HasSuffix(name, newSuffix) || id[0] != dir || m.keep.isBusy(id) {
		return nil
	}
	err = m.config.OS.Remove("blob.remove", m.blobs.path(id)+newSuffix)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	r.Orphans++
	m.stats.orphans.Add(1)
	return nil
}

// unreferenced returns those of ids, sorted and all of one directory, that
// nothing refers to.
func (x *index) unreferenced(dir byte, ids []blobID) ([]blobID, error) {
	it, err := x.db.NewIter(&pebble.IterOptions{
		LowerBound: []byte{kindRef, dir},
		UpperBound: after([]byte{kindRef, dir}),
	})
	if err != nil {
		return nil, err
	}
	defer it.Close()
	var orphans []blobID
	var key []byte
	for _, id := range ids {
		key = appendBlobRefs(key[:0], id)
		if !it.SeekGE(key) || blobID(it.Key()[1:17]) != id {
			if err := it.Error(); err != nil {
				return nil, err
			}
			orphans = append(orphans, id)
		}
	}
	return orphans, nil
}

// expired reports whether a completed upload's record has served.
func (s *Store) expired(at time.Time) bool {
	return s.config.Now().Sub(at) > s.config.CompletedFor
}

// forgetCompleted removes the expired records of completed uploads.
func (s *Store) forgetCompleted(m *mountpath) error {
	x, err := m.use()
	if err != nil {
		return nil
	}
	defer x.leave()
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindCompleted}, UpperBound: []byte{kindCompleted + 1}})
	if err != nil {
		return err
	}
	defer it.Close()
	b := x.db.NewBatch()
	for it.First(); it.Valid(); it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		var done completedRecord
		if err := decodeCompleted(string(v), &done); err == nil && !s.expired(done.At) {
			continue
		}
		if err := b.Delete(it.Key(), nil); err != nil {
			return err
		}
	}
	if err := it.Error(); err != nil {
		return err
	}
	return x.apply(b, object.Process)
}
