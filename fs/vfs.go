package fs

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"
)

// errRetired is what a retired index gets from its file system.
var errRetired = errors.New("the index was closed after a failure")

// indexFS is Pebble's file system over the store's OS, with two gates of its own.
//
// The sync gate. Every commit is a pebble.Sync one, so that it waits for the
// write(2) of the log; whether the log is also synced is decided here: power
// counts the commits now in flight that want it, and the log's Sync does nothing
// while it is 0. No power commit can be acknowledged without a sync: it adds 1
// before it hands its record to Pebble and takes it off when Pebble has answered,
// Pebble answers only after a Sync that began after the record was written, and
// that Sync therefore sees a count of at least 1. The count, and not a flag that
// the last commit sets, makes this hold for commits that overlap. A log that was
// written since its last true sync is synced on Close, before Pebble starts the
// next one: recovery takes an unclean end of the last log only for a loss of
// power, and of any other for damage.
//
// The retirement gate. After a failure Pebble's goroutines cannot all be
// stopped; retire waits for their calls in flight and refuses all later ones, so
// that the index can be opened anew in the same process without two writers.
type indexFS struct {
	os    OS
	power atomic.Int64

	earlier atomic.Pointer[string] // directory of the checkpoint before the one being made

	gate    sync.RWMutex
	retired bool
	onError func(op string, err error) // told of a failed write or sync
}

func (x *indexFS) enter() error {
	x.gate.RLock()
	if x.retired {
		x.gate.RUnlock()
		return errRetired
	}
	return nil
}

func (x *indexFS) leave() { x.gate.RUnlock() }

// retire makes every later call fail.
func (x *indexFS) retire() {
	x.gate.Lock()
	defer x.gate.Unlock()
	x.retired = true
}

// label returns the kind of an index file, the first word of its operations.
func label(name string) string {
	base := filepath.Base(name)
	switch {
	case strings.HasSuffix(base, ".log"):
		return "wal"
	case strings.HasSuffix(base, ".sst"):
		return "table"
	case strings.HasPrefix(base, "MANIFEST"):
		return "manifest"
	case strings.HasPrefix(base, "marker"):
		return "marker"
	}
	return "index"
}

func (x *indexFS) open(verb, name string, flag int) (vfs.File, error) {
	if err := x.enter(); err != nil {
		return nil, err
	}
	defer x.leave()
	kind := label(name)
	f, err := x.os.OpenFile(kind+"."+verb, name, flag, 0o644)
	if err != nil {
		return nil, err
	}
	if kind != "wal" {
		kind = ""
	}
	return &indexFile{File: f, fs: x, wal: kind != ""}, nil
}

// Create implements vfs.FS.
func (x *indexFS) Create(name string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	for {
		f, err := x.open("create", name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
		if !errors.Is(err, os.ErrExist) {
			return f, err
		}
		if err := x.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
}

// Link implements vfs.FS. Pebble links tables into a checkpoint, and copies them
// where that is refused; a table of the checkpoint before is as good, and is on
// the right disk.
func (x *indexFS) Link(from, to string) error {
	return x.do(func() error {
		if earlier := x.earlier.Load(); earlier != nil {
			if err := x.os.Link(label(from)+".link", filepath.Join(*earlier, filepath.Base(from)), to); err == nil {
				return nil
			}
		}
		return x.os.Link(label(from)+".link", from, to)
	})
}

// Open implements vfs.FS.
func (x *indexFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := x.open("open", name, os.O_RDONLY)
	if err == nil {
		for _, o := range opts {
			o.Apply(f)
		}
	}
	return f, err
}

// OpenReadWrite implements vfs.FS.
func (x *indexFS) OpenReadWrite(name string, _ vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := x.open("open", name, os.O_RDWR|os.O_CREATE)
	if err == nil {
		for _, o := range opts {
			o.Apply(f)
		}
	}
	return f, err
}

// OpenDir implements vfs.FS.
func (x *indexFS) OpenDir(name string) (vfs.File, error) {
	if err := x.enter(); err != nil {
		return nil, err
	}
	defer x.leave()
	f, err := x.os.OpenFile("indexdir.open", name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	return &indexFile{File: f, fs: x}, nil
}

// Remove implements vfs.FS.
func (x *indexFS) Remove(name string) error {
	return x.do(func() error { return x.os.Remove(label(name)+".remove", name) })
}

// RemoveAll implements vfs.FS.
func (x *indexFS) RemoveAll(name string) error {
	return x.do(func() error { return removeAll(x.os, "index.remove", name) })
}

// Rename implements vfs.FS.
func (x *indexFS) Rename(from, to string) error {
	return x.do(func() error { return x.os.Rename(label(to)+".rename", from, to) })
}

// ReuseForWrite implements vfs.FS.
func (x *indexFS) ReuseForWrite(from, to string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	if err := x.Rename(from, to); err != nil {
		return nil, err
	}
	return x.open("reuse", to, os.O_RDWR)
}

// MkdirAll implements vfs.FS.
func (x *indexFS) MkdirAll(dir string, perm os.FileMode) error {
	return x.do(func() error { return mkdirAll(x.os, "index.mkdir", dir, perm) })
}

// Lock implements vfs.FS. The store has locked the whole mountpath already.
func (x *indexFS) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// List implements vfs.FS.
func (x *indexFS) List(dir string) (names []string, err error) {
	err = x.do(func() error { names, err = x.os.List("index.list", dir); return err })
	return names, err
}

// Stat implements vfs.FS.
func (x *indexFS) Stat(name string) (vfs.FileInfo, error) {
	f, err := x.open("stat", name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

// PathBase implements vfs.FS.
func (x *indexFS) PathBase(path string) string { return filepath.Base(path) }

// PathJoin implements vfs.FS.
func (x *indexFS) PathJoin(elem ...string) string { return filepath.Join(elem...) }

// PathDir implements vfs.FS.
func (x *indexFS) PathDir(path string) string { return filepath.Dir(path) }

// GetDiskUsage implements vfs.FS.
func (x *indexFS) GetDiskUsage(path string) (vfs.DiskUsage, error) {
	u, err := x.os.Usage("index.usage", path)
	return vfs.DiskUsage{AvailBytes: uint64(u.Free), TotalBytes: uint64(u.Capacity), UsedBytes: uint64(u.Capacity - u.Free)}, err
}

// Unwrap implements vfs.FS.
func (x *indexFS) Unwrap() vfs.FS { return nil }

func (x *indexFS) do(f func() error) error {
	if err := x.enter(); err != nil {
		return err
	}
	defer x.leave()
	return f()
}

// indexFile is a file of the index.
type indexFile struct {
	File
	fs    *indexFS
	wal   bool
	dirty atomic.Bool // the log was written since its last true sync
}

// Write implements vfs.File.
func (f *indexFile) Write(p []byte) (int, error) {
	if err := f.fs.enter(); err != nil {
		return 0, err
	}
	if f.wal {
		f.dirty.Store(true)
	}
	n, err := f.File.Write(p)
	f.fs.leave()
	f.report("write", err)
	return n, err
}

// Sync implements vfs.File.
func (f *indexFile) Sync() error {
	if f.wal && f.fs.power.Load() == 0 {
		return f.fs.enterOnce()
	}
	return f.sync(f.File.Sync)
}

// SyncData implements vfs.File.
func (f *indexFile) SyncData() error {
	if f.wal && f.fs.power.Load() == 0 {
		return f.fs.enterOnce()
	}
	return f.sync(func() error { return dataSync(f.File) })
}

// enterOnce reports only whether the file system is retired.
func (x *indexFS) enterOnce() error {
	err := x.enter()
	if err == nil {
		x.leave()
	}
	return err
}

func (f *indexFile) sync(do func() error) error {
	if err := f.fs.enter(); err != nil {
		return err
	}
	f.dirty.Store(false) // before: what is written during the sync may not be in it
	err := do()
	f.fs.leave()
	f.report("sync", err)
	return err
}

// report tells the index of a failure before Pebble hears of it, so that no new
// commit enters a log that is lost. Only the log's failures are final: Pebble
// repeats a flush or compaction that failed.
func (f *indexFile) report(op string, err error) {
	if err != nil && f.wal && f.fs.onError != nil {
		f.fs.onError(op, err)
	}
}

// Close implements vfs.File.
func (f *indexFile) Close() error {
	var err error
	if f.wal && f.dirty.Load() {
		err = f.sync(func() error { return dataSync(f.File) })
	}
	return errors.Join(err, f.File.Close())
}

// SyncTo implements vfs.File: it starts the writing and does not wait.
func (f *indexFile) SyncTo(length int64) (bool, error) {
	real, ok := f.File.(*os.File)
	if !ok {
		return false, nil
	}
	return false, unix.SyncFileRange(int(real.Fd()), 0, length, unix.SYNC_FILE_RANGE_WRITE)
}

// Preallocate implements vfs.File.
func (f *indexFile) Preallocate(offset, length int64) error {
	real, ok := f.File.(*os.File)
	if !ok {
		return nil
	}
	return unix.Fallocate(int(real.Fd()), unix.FALLOC_FL_KEEP_SIZE, offset, length)
}

// Prefetch implements vfs.File.
func (f *indexFile) Prefetch(offset, length int64) error {
	real, ok := f.File.(*os.File)
	if !ok {
		return nil
	}
	return unix.Fadvise(int(real.Fd()), offset, length, unix.FADV_WILLNEED)
}

// Stat implements vfs.File.
func (f *indexFile) Stat() (vfs.FileInfo, error) {
	info, err := f.File.Stat()
	if err != nil {
		return nil, err
	}
	return fileInfo{info}, nil
}

// Fd implements vfs.File.
func (f *indexFile) Fd() uintptr {
	if real, ok := f.File.(*os.File); ok {
		return real.Fd()
	}
	return vfs.InvalidFd
}

type fileInfo struct{ os.FileInfo }

// DeviceID implements vfs.FileInfo; nothing here asks for it.
func (fileInfo) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }
