package fs

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"
)

// errRetired is what is asked of an index that has failed, or is closed.
var errRetired = errors.New("the index was closed after a failure")

// indexFS is Pebble's file system over the store's OS, with three additions.
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
// Freezing. Pebble answers a failure of its log or manifest by ending the process,
// in places with locks in a state in which not even a panic can be survived. So it
// never sees one: at the first, the file system freezes. From then on nothing that
// would change the disk does, and all of it reports success, so that the disk stays
// as if the process had been killed at that moment. The index is told before the
// failed call returns, so no commit that depends on it is acknowledged; the
// mountpath then opens another index, which recovers as from a kill.
//
// The order of a marker. Pebble has a marker's name say which manifest counts, and makes
// the new one and removes the old one before it syncs their directory. A file system that
// keeps no order might after a loss of power have the marker without the manifest, or no
// marker, which is an empty index. So the directory is synced before a marker is made, for
// the manifest, and after that, before the old one can go.
type indexFS struct {
	os    OS
	power atomic.Int64

	earlier atomic.Pointer[string] // directory of the checkpoint before the one being made

	gate    sync.RWMutex // held for reading during each call that changes the disk
	frozen  atomic.Bool  // set with gate held
	onError func(op string, err error)
}

// change makes a call that changes the disk, unless frozen. The failure of a
// final one freezes and is kept from Pebble.
func (x *indexFS) change(op string, final bool, do func() error) error {
	x.gate.RLock()
	if x.frozen.Load() {
		x.gate.RUnlock()
		return nil
	}
	err := do()
	x.gate.RUnlock()
	if err == nil || !final {
		return err
	}
	x.freeze()
	if x.onError != nil {
		x.onError(op, err)
	}
	return nil
}

// freeze waits for the calls in flight and lets no later one through.
func (x *indexFS) freeze() {
	x.gate.Lock()
	defer x.gate.Unlock()
	x.frozen.Store(true)
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

// vital reports whether Pebble cannot live with a failure to change such a file.
func vital(kind string) bool { return kind == "wal" || kind == "manifest" || kind == "marker" }

// create opens a file to be written.
func (x *indexFS) create(verb, name string, flag int) (vfs.File, error) {
	kind := label(name)
	out := &indexFile{File: sink{}, fs: x, kind: kind}
	err := x.change(kind+"."+verb, vital(kind), func() error {
		f, err := x.os.OpenFile(kind+"."+verb, name, flag, 0o644)
		if errors.Is(err, os.ErrExist) {
			if err = x.os.Remove(kind+".remove", name); err == nil {
				f, err = x.os.OpenFile(kind+"."+verb, name, flag, 0o644)
			}
		}
		if err == nil {
			out.File = f
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// read opens a file or directory to be read. What a frozen file system did not
// write is not there, which must not look like a loss.
func (x *indexFS) read(op, name string) (File, error) {
	f, err := x.os.OpenFile(op, name, os.O_RDONLY, 0)
	if err != nil && x.frozen.Load() {
		return nil, errRetired
	}
	return f, err
}

// Create implements vfs.FS.
func (x *indexFS) Create(name string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	if label(name) != "marker" {
		return x.create("create", name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	}
	order := func() { // what fails freezes, as all that is vital
		dir := filepath.Dir(name)
		_ = x.change("indexdir.sync", true, func() error { return syncDir(x.os, "indexdir.open", dir) })
	}
	order()
	f, err := x.create("create", name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err == nil {
		order()
	}
	return f, err
}

// Link implements vfs.FS. Pebble links tables into a checkpoint, and copies them
// where that is refused; a table of the checkpoint before is as good, and is on
// the right disk.
func (x *indexFS) Link(from, to string) error {
	return x.change("table.link", false, func() error {
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
	kind := label(name)
	f, err := x.read(kind+".open", name)
	if err != nil {
		return nil, err
	}
	out := &indexFile{File: f, fs: x, kind: kind}
	for _, o := range opts {
		o.Apply(out)
	}
	return out, nil
}

// OpenReadWrite implements vfs.FS.
func (x *indexFS) OpenReadWrite(name string, _ vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := x.create("open", name, os.O_RDWR|os.O_CREATE)
	if err == nil {
		for _, o := range opts {
			o.Apply(f)
		}
	}
	return f, err
}

// OpenDir implements vfs.FS.
func (x *indexFS) OpenDir(name string) (vfs.File, error) {
	f, err := x.read("indexdir.open", name)
	if err != nil {
		return nil, err
	}
	return &indexFile{File: f, fs: x, kind: "indexdir"}, nil
}

// Remove implements vfs.FS.
func (x *indexFS) Remove(name string) error {
	op := label(name) + ".remove"
	return x.change(op, false, func() error { return x.os.Remove(op, name) })
}

// RemoveAll implements vfs.FS.
func (x *indexFS) RemoveAll(name string) error {
	return x.change("index.remove", false, func() error { return removeAll(x.os, "index.remove", name) })
}

// Rename implements vfs.FS.
func (x *indexFS) Rename(from, to string) error {
	kind := label(to)
	return x.change(kind+".rename", vital(kind), func() error { return x.os.Rename(kind+".rename", from, to) })
}

// ReuseForWrite implements vfs.FS.
func (x *indexFS) ReuseForWrite(from, to string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	if err := x.Rename(from, to); err != nil {
		return nil, err
	}
	return x.create("reuse", to, os.O_RDWR)
}

// MkdirAll implements vfs.FS.
func (x *indexFS) MkdirAll(dir string, perm os.FileMode) error {
	return x.change("index.mkdir", false, func() error { return mkdirAll(x.os, "index.mkdir", dir, perm) })
}

// Lock implements vfs.FS. The store has locked the whole mountpath already.
func (x *indexFS) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// List implements vfs.FS.
func (x *indexFS) List(dir string) ([]string, error) { return x.os.List("index.list", dir) }

// Stat implements vfs.FS.
func (x *indexFS) Stat(name string) (vfs.FileInfo, error) {
	f, err := x.read(label(name)+".stat", name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return fileInfo{info}, nil
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

// indexFile is a file or directory of the index.
type indexFile struct {
	File
	fs    *indexFS
	kind  string
	dirty atomic.Bool // the log was written since its last true sync
}

// Write implements vfs.File.
func (f *indexFile) Write(p []byte) (n int, err error) {
	n = len(p)
	err = f.fs.change(f.kind+".write", vital(f.kind), func() error {
		f.dirty.Store(true)
		var err error
		n, err = f.File.Write(p)
		return err
	})
	if err == nil {
		n = len(p) // also of what a frozen file system took
	}
	return n, err
}

// Sync implements vfs.File.
func (f *indexFile) Sync() error { return f.sync(f.File.Sync) }

// SyncData implements vfs.File.
func (f *indexFile) SyncData() error {
	return f.sync(func() error { return dataSync(f.File) })
}

func (f *indexFile) sync(do func() error) error {
	if f.kind == "wal" && f.fs.power.Load() == 0 {
		return nil
	}
	return f.syncNow(do)
}

func (f *indexFile) syncNow(do func() error) error {
	return f.fs.change(f.kind+".sync", vital(f.kind) || f.kind == "indexdir", func() error {
		f.dirty.Store(false) // before: what is written during the sync may not be in it
		return do()
	})
}

// Close implements vfs.File.
func (f *indexFile) Close() error {
	var err error
	if f.kind == "wal" && f.dirty.Load() {
		err = f.syncNow(func() error { return dataSync(f.File) })
	}
	return errors.Join(err, f.File.Close())
}

// SyncTo implements vfs.File: it starts the writing and does not wait.
func (f *indexFile) SyncTo(length int64) (bool, error) {
	plain, ok := f.File.(*os.File)
	if !ok {
		return false, nil
	}
	return false, unix.SyncFileRange(int(plain.Fd()), 0, length, unix.SYNC_FILE_RANGE_WRITE)
}

// Preallocate implements vfs.File.
func (f *indexFile) Preallocate(offset, length int64) error {
	plain, ok := f.File.(*os.File)
	if !ok {
		return nil
	}
	return unix.Fallocate(int(plain.Fd()), unix.FALLOC_FL_KEEP_SIZE, offset, length)
}

// Prefetch implements vfs.File.
func (f *indexFile) Prefetch(offset, length int64) error {
	plain, ok := f.File.(*os.File)
	if !ok {
		return nil
	}
	return unix.Fadvise(int(plain.Fd()), offset, length, unix.FADV_WILLNEED)
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
	if plain, ok := f.File.(*os.File); ok {
		return plain.Fd()
	}
	return vfs.InvalidFd
}

type fileInfo struct{ os.FileInfo }

// DeviceID implements vfs.FileInfo; nothing here asks for it.
func (fileInfo) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }

// sink stands for a file that a frozen file system did not make.
type sink struct{}

func (sink) Read([]byte) (int, error)               { return 0, errRetired }
func (sink) ReadAt([]byte, int64) (int, error)      { return 0, errRetired }
func (sink) Write(p []byte) (int, error)            { return len(p), nil }
func (sink) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (sink) Close() error                           { return nil }
func (sink) Sync() error                            { return nil }
func (sink) Stat() (os.FileInfo, error)             { return sinkInfo{}, nil }

type sinkInfo struct{}

func (sinkInfo) Name() string       { return "" }
func (sinkInfo) Size() int64        { return 0 }
func (sinkInfo) Mode() os.FileMode  { return 0 }
func (sinkInfo) ModTime() time.Time { return time.Time{} }
func (sinkInfo) IsDir() bool        { return false }
func (sinkInfo) Sys() any           { return nil }
