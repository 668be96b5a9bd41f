package fs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/sys/unix"

	"ais/object"
)

// A mountpath's index is copied to checkpoints/<its uuid>/current of another
// mountpath. Tables are immutable, so a later copy links those that the earlier
// one has and moves only what is new.

func checkpointDir(host *mountpath, id, which string) string {
	return filepath.Join(host.dir, "checkpoints", id, which)
}

// checkpoint copies every index that changed since its last copy.
func (s *Store) checkpoint(ctx context.Context) {
	all := s.layout.Load().all
	for i, m := range all {
		if ctx.Err() != nil {
			return
		}
		host := hostOf(all, i)
		if host == nil {
			continue
		}
		if err := m.checkpointTo(host); err != nil && !errors.Is(err, object.Unavailable) {
			m.logger.Warn("index checkpoint", "to", host.dir, "err", err)
		}
	}
}

// hostOf returns the next mountpath after i that works, nil if there is none.
func hostOf(all []*mountpath, i int) *mountpath {
	for j := 1; j < len(all); j++ {
		if host := all[(i+j)%len(all)]; host.index.Load() != nil {
			return host
		}
	}
	return nil
}

func (m *mountpath) checkpointTo(host *mountpath) error {
	x, err := m.use()
	if err != nil {
		return err
	}
	defer x.leave()
	if !x.changed.Swap(false) {
		return nil
	}
	done := false
	defer func() {
		if !done {
			x.changed.Store(true)
		}
	}()
	if err := host.space.admit(int64(x.db.Metrics().DiskSpaceUsage())); err != nil {
		return err
	}
	o := m.config.OS
	fresh, current, old := checkpointDir(host, m.id, "new"), checkpointDir(host, m.id, "current"), checkpointDir(host, m.id, "old")
	if err := removeAll(o, "checkpoint.remove", fresh); err != nil {
		return err
	}
	x.fs.earlier.Store(&current)
	err = x.db.Checkpoint(fresh, pebble.WithFlushedWAL())
	x.fs.earlier.Store(nil)
	if err != nil {
		return err
	}
	if err := removeAll(o, "checkpoint.remove", old); err != nil {
		return err
	}
	if err := o.Rename("checkpoint.rename", current, old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := o.Rename("checkpoint.rename", fresh, current); err != nil {
		return err
	}
	if err := syncDir(o, "checkpoint.syncdir", filepath.Dir(current)); err != nil {
		return err
	}
	done = true
	m.stats.checkpoints.Add(1)
	return removeAll(o, "checkpoint.remove", old)
}

// restore is called when m could not be opened because of cause. Where another
// mountpath has a checkpoint of its index, and it is damage and not a passing
// fault, the index is replaced and brought up to date from the blobs.
func (s *Store) restore(m *mountpath, cause error) error {
	var system unix.Errno
	if errors.As(cause, &system) && system != unix.ENOENT {
		return cause
	}
	for _, host := range s.layout.Load().all {
		if host == m {
			continue
		}
		for _, which := range []string{"current", "old"} {
			from := checkpointDir(host, m.id, which)
			if names, err := s.config.OS.List("checkpoint.list", from); err != nil || len(names) == 0 {
				continue
			}
			m.logger.Error("the index is damaged and is restored from its checkpoint", "checkpoint", from, "err", cause)
			if err := s.renewData(); err != nil {
				return errors.Join(cause, err)
			}
			if err := s.restoreFrom(m, from); err != nil {
				return errors.Join(cause, err)
			}
			// A restored index may number new tables as the lost one did.
			retired := checkpointDir(host, m.id, "restored")
			err := removeAll(s.config.OS, "checkpoint.remove", retired)
			if err == nil {
				err = s.config.OS.Rename("checkpoint.rename", from, retired)
			}
			return err
		}
	}
	return cause
}

func (s *Store) restoreFrom(m *mountpath, from string) error {
	o := m.config.OS
	dir := filepath.Join(m.dir, "index")
	bad := fmt.Sprintf("%s.bad-%d", dir, m.config.Now().Unix())
	if err := o.Rename("restore.rename", dir, bad); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	fresh := dir + ".restored"
	if err := removeAll(o, "restore.remove", fresh); err != nil {
		return err
	}
	if err := copyDir(o, from, fresh); err != nil {
		return err
	}
	if err := o.Rename("restore.rename", fresh, dir); err != nil {
		return err
	}
	if err := syncDir(o, "restore.syncdir", m.dir); err != nil {
		return err
	}
	if err := m.openIndex(false); err != nil {
		return err
	}
	return s.reconcile(m)
}

// copyDir copies the files of a directory, durably.
func copyDir(o OS, from, to string) error {
	names, err := o.List("restore.list", from)
	if err != nil {
		return err
	}
	if err := mkdirAll(o, "restore.mkdir", to, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		if err := copyFile(o, filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return err
		}
	}
	return syncDir(o, "restore.syncdir", to)
}

func copyFile(o OS, from, to string) error {
	src, err := o.OpenFile("restore.open", from, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := o.OpenFile("restore.create", to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if err == nil {
		err = dst.Sync()
	}
	return errors.Join(err, dst.Close())
}
