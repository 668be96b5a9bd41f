package fs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"ais/object"
)

// errReadOnly is what a change on a mountpath ends with whose file system is
// mounted for reading, be it by the kernel after an error.
var errReadOnly = fmt.Errorf("the mountpath's file system is read-only: %w", object.Unavailable)

// MountpathEvent tells of a mountpath that went out of service, or came back.
type MountpathEvent struct {
	Dir   string
	State MountpathState // failed, read-only, or ok where it serves again
	Lost  bool           // it was detached by force, and what it had is gone for good
}

// tell hands an event to whoever wants to know.
func (m *mountpath) tell(state MountpathState) {
	if m.config.OnMountpath != nil && m.parent == nil {
		m.config.OnMountpath(MountpathEvent{Dir: m.dir, State: state})
	}
}

// The pauses between tries to bring a mountpath back.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 10 * time.Second
)

// failed takes the mountpath out of service and starts to bring it back.
func (m *mountpath) failed(old *index, cause error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.failures.Add(1)
	if !m.index.CompareAndSwap(old, nil) || m.stopped {
		return
	}
	m.cause = cause
	m.logger.Error("mountpath failed and is out of service until it passes the health check", "err", cause)
	m.work.Add(1)
	if m.reviving { // one that could be read only, and now cannot even be read
		go func() {
			defer m.work.Done()
			m.leaveIndex(old)
		}()
		return
	}
	m.reviving = true
	go m.revive(old)
}

// disable takes a mountpath that could not be opened out of service, and starts to
// look whether it is back.
func (m *mountpath) disable(cause error) {
	m.out.Store(true)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cause = cause
	m.stats.failures.Add(1)
	m.logger.Error("mountpath cannot be opened and is out of service until it passes the health check", "err", cause)
	m.work.Add(1)
	m.reviving = true
	go m.revive(nil)
}

// revive waits for the operations in the old index, nil for none, which a frozen
// file system does not hold up, and tries to open another until that works. One
// that can only be read is opened for that, and again when it can be written.
func (m *mountpath) revive(old *index) {
	defer m.work.Done()
	if old != nil {
		for _, other := range []*mountpath{m.parent, m.shadow.Load()} { // on the same disk
			if other != nil {
				other.startCheck(old.cause())
			}
		}
		m.leaveIndex(old)
	}
	told := old == nil // who opens the store sees what is failed
	for wait := firstPause; ; wait = min(2*wait, lastPause) {
		select {
		case <-m.stop:
			return
		case <-time.After(wait):
		}
		now := m.index.Load()
		err := m.comeBack(now)
		was := m.note(err)
		switch {
		case err == nil && m.revived():
			m.logger.Info("mountpath is back")
			m.out.Store(false)
			m.tell(MountpathOK)
			return
		case err == nil: // and failed again at once
			wait = firstPause
			continue
		case m.index.Load() != nil && now == nil:
			m.logger.Error("mountpath is read-only: its objects are served, changes of them are refused", "err", err)
			m.out.Store(false)
			m.tell(MountpathReadOnly)
			told, wait = false, firstPause
		case m.index.Load() == nil && !told:
			m.out.Store(true)
			m.tell(MountpathFailed)
			told = true
		}
		if was == nil || was.Error() != err.Error() {
			m.logger.Warn("mountpath cannot be brought back", "err", err)
		}
	}
}

// revived ends the tries, unless the index has failed again meanwhile.
func (m *mountpath) revived() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reviving = m.index.Load() == nil
	return !m.reviving
}

// note keeps why the mountpath is out of service, and returns what was kept before.
func (m *mountpath) note(cause error) (was error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	was, m.cause = m.cause, cause
	return was
}

// leaveIndex waits for the operations inside an index and lets go of it.
func (m *mountpath) leaveIndex(x *index) {
	x.fs.freeze()
	if x.drain(10 * time.Second) {
		x.discard()
	}
}

// comeBack is one try; now is the index that the mountpath has, for reading only, nil
// for none. With the error EROFS it has one for reading.
func (m *mountpath) comeBack(now *index) error {
	id, err := m.recognise()
	if err == nil {
		err = m.probe()
	}
	readOnly := errors.Is(err, unix.EROFS)
	if err != nil && !readOnly || readOnly && now != nil {
		if now != nil && !readOnly && m.index.CompareAndSwap(now, nil) { // it cannot even be read
			m.leaveIndex(now)
		}
		return err
	}
	if now != nil && m.index.CompareAndSwap(now, nil) {
		m.leaveIndex(now)
	}
	if lerr := m.relock(readOnly); lerr != nil {
		return lerr
	}
	if !readOnly && m.welcome != nil {
		if werr := m.welcome(m, id); werr != nil {
			return werr
		}
	}
	return errors.Join(err, m.reopen(readOnly))
}

// reopen opens the index, and makes what blobs need.
func (m *mountpath) reopen(readOnly bool) error {
	if _, err := m.config.OS.List("blobs.list", m.blobs.root); err == nil {
		m.used = true
	}
	if err := m.openIndex(readOnly); err != nil {
		return err
	}
	m.used = true
	if readOnly {
		return nil
	}
	return m.blobs.prepare()
}

// relock takes the lock of the mountpath as it is now: the disk may have been
// mounted anew.
func (m *mountpath) relock(readOnly bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lock != nil {
		_ = m.lock.Close() // it may be of a disk that is gone
		m.lock = nil
	}
	flag := os.O_RDWR | os.O_CREATE
	if readOnly {
		flag = os.O_RDONLY
	}
	if m.parent != nil && !readOnly {
		if err := mkdirAll(m.config.OS, "mirror.mkdir", m.dir, 0o755); err != nil {
			return err
		}
	}
	f, err := m.config.OS.OpenFile("mountpath.lock", filepath.Join(m.dir, "lock"), flag, 0o644)
	if err != nil {
		return err
	}
	if err := lockFile(f); err != nil {
		return errors.Join(object.E("fs.Open", m.dir, object.Busy, errors.New("another process has the mountpath open")), f.Close())
	}
	m.lock = f
	return nil
}

// OutOfService returns the directories of the mountpaths whose names are not served,
// be it that they failed or were disabled by force. One that is opened again within
// a moment, as after an error of its log, is not among them.
func (s *Store) OutOfService() (dirs []string) {
	for _, m := range s.layout.Load().all {
		if m.out.Load() {
			dirs = append(dirs, m.dir)
		}
	}
	return dirs
}

// Serves reports whether any mountpath serves.
func (s *Store) Serves() bool {
	return slices.ContainsFunc(s.layout.Load().all, func(m *mountpath) bool { return !m.out.Load() })
}

// welcome gives a mountpath that comes back the set that counts, where it missed a
// change of it.
func (s *Store) welcome(m *mountpath, id identity) error {
	if !s.changing.TryLock() {
		return refuse(object.Busy, "the mountpaths are being changed")
	}
	defer s.changing.Unlock()
	set := s.layout.Load().set
	if id.Complete && id.Generation >= set.Generation {
		return nil
	}
	return writeIdentity(s.config.OS, m.dir, s.identity(set, m))
}

// writes reports whether the mountpath can be written to.
func (m *mountpath) writes() bool {
	x := m.index.Load()
	return x != nil && !x.readOnly
}

// useToWrite is use for a change.
func (m *mountpath) useToWrite() (*index, error) {
	x, err := m.use()
	if err == nil && x.readOnly {
		x.leave()
		return nil, object.E("fs.Change", m.dir, object.Unavailable, errReadOnly)
	}
	return x, err
}
