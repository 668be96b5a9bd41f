package fs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"ais/object"
)

// HasMountpath returns Invalid where no mountpath has the directory.
func (s *Store) HasMountpath(dir string) error {
	_, _, err := s.layout.Load().find(dir)
	return err
}

// CheckMountpath writes a file, makes it durable, reads it back and removes it. Where
// that fails the mountpath is taken out of service, and opened again once it passes.
// Errors: Invalid; Refused where the mountpath is out of service or does not pass.
func (s *Store) CheckMountpath(dir string) error {
	m, _, err := s.layout.Load().find(dir)
	if err != nil {
		return err
	}
	x := m.index.Load()
	if x == nil {
		return refuse(object.Refused, "mountpath %s is out of service", m.dir)
	}
	if err := m.probe(); err != nil {
		m.outOfService(x, fmt.Errorf("health check: %w", err))
		return refuse(object.Refused, "mountpath %s does not pass the health check: %w", m.dir, err)
	}
	return nil
}

// outOfService retires an index because its mountpath does not pass the check. One
// that is open for reading stays in service when it is still no more than that.
func (m *mountpath) outOfService(x *index, cause error) {
	if x.readOnly && errors.Is(cause, unix.EROFS) {
		return
	}
	x.retire(cause)
}

// The pace of checks.
const (
	checkAgain = 200 * time.Millisecond // before a check that failed is made once more: what passes takes nothing out of service
	checkEvery = time.Second            // between the begins of checks that errors cause
)

// suspect has the mountpath checked in the background where err may come from its
// disk. A single error takes nothing out of service; a check that fails twice does.
func (m *mountpath) suspect(err error) {
	if ofDisk(err) {
		m.startCheck(err)
	}
}

// startCheck begins a check in the background, unless one runs or has just begun.
func (m *mountpath) startCheck(err error) {
	x := m.index.Load()
	if x == nil || !m.checking.CompareAndSwap(false, true) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.config.Now()
	if m.stopped || now.Sub(m.checked).Abs() < checkEvery {
		m.checking.Store(false)
		return
	}
	m.checked = now
	m.stats.checks.Add(1)
	m.work.Add(1)
	go m.check(x, err)
}

// ofDisk reports whether an error may be a disk's fault, and not the process's, or
// that of a file system without room.
func ofDisk(err error) bool {
	var e unix.Errno
	if !errors.As(err, &e) {
		return errors.Is(err, os.ErrNotExist) // a folder that must be there is not
	}
	switch e {
	case unix.ENOSPC, unix.EDQUOT, unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.EINTR, unix.EAGAIN:
		return false
	}
	return true
}

// check looks whether the mountpath works, after an operation on it ended with cause.
func (m *mountpath) check(x *index, cause error) {
	defer m.work.Done()
	defer m.checking.Store(false)
	if m.judge(x, cause) == nil {
		m.logger.Warn("an operation failed on a mountpath that passes the health check", "err", cause)
	}
}

// judge makes the check, and takes the mountpath out of service where it fails twice.
// Who asks meanwhile shares the next one.
func (m *mountpath) judge(x *index, cause error) error {
	return m.judging.do(func() error {
		err := m.probe()
		if err == nil {
			return nil
		}
		select {
		case <-m.stop:
			return err
		case <-time.After(checkAgain):
		}
		if err = m.probe(); err != nil {
			m.outOfService(x, fmt.Errorf("health check: %w (after %w)", err, cause))
		}
		return err
	})
}

// errOtherDisk says that a directory is not the mountpath that it should be: the
// disk is not mounted, or another one is.
var errOtherDisk = errors.New("the directory is not this mountpath: its disk is not mounted, or another one is")

// probe makes sure that the directory is the mountpath, and writes, syncs, reads and
// removes a file. A file system without room passes.
func (m *mountpath) probe() (err error) {
	m.probing.Lock()
	defer m.probing.Unlock()
	if _, err := m.recognise(); err != nil {
		return err
	}
	o, name := m.config.OS, filepath.Join(m.dir, "health.check")
	want := bytes.Repeat([]byte(m.id), 128)
	f, err := o.OpenFile("health.create", name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if full(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err = f.Write(want); err == nil {
		err = f.Sync()
	}
	got := make([]byte, len(want))
	if err == nil {
		_, err = f.ReadAt(got, 0)
	}
	if err == nil && !bytes.Equal(got, want) {
		err = errors.New("what was read is not what was written")
	}
	if full(err) {
		err = nil
	}
	return errors.Join(err, f.Close(), o.Remove("health.remove", name))
}

func full(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// recognise reads the mountpath's ais.json; errOtherDisk where it is not its own.
func (m *mountpath) recognise() (identity, error) {
	if m.parent != nil {
		return m.parent.recognise()
	}
	id, err := readIdentity(m.config.OS, m.dir)
	switch {
	case errors.Is(err, errNoIdentity):
		return id, errOtherDisk
	case err != nil:
		return id, err
	case id.Mountpath != m.id || id.Cluster != m.config.Cluster || id.Target != m.config.Target || id.Detached:
		return id, errOtherDisk
	}
	return id, nil
}
