// Package faultfs is a file system in memory that fails on purpose: one chosen
// call returns an error, or the power goes at one chosen call and afterwards
// only what was synced, of files and of directories, is there.
//
// It implements fs.OS for tests of package fs. It rests on Pebble's crashable
// vfs.MemFS, which keeps what is synced apart from what is written.
package faultfs

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"ais/fs"
)

// ErrPower is what every call returns once the power is gone.
var ErrPower = errors.New("faultfs: the power is off")

// FS is a file system in memory. The zero value is not usable; see New.
type FS struct {
	mem *vfs.MemFS

	mu       sync.Mutex // guards the rest
	usage    fs.Usage
	counting bool
	count    int      // changing calls since Arm
	trace    []string // their labels
	at       int      // the call to fault; 0 for none
	label    string   // only calls with this label count; "" for all that change something
	err      error    // what the call returns; nil for a power cut
	hit      bool
	sticky   bool // every later call with the label fails too
	survivor *vfs.MemFS
	written  *vfs.MemFS
}

// New returns an empty file system of 100 GiB.
func New() *FS { return wrap(vfs.NewCrashableMem()) }

func wrap(mem *vfs.MemFS) *FS {
	return &FS{mem: mem, usage: fs.Usage{Capacity: 100 << 30, Free: 100 << 30}}
}

// SetUsage changes the room that Usage reports.
func (f *FS) SetUsage(u fs.Usage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.usage = u
}

// CutPower arms a loss of power at the n-th changing call from now.
func (f *FS) CutPower(n int) { f.arm(n, "", nil, false) }

// Fail arms an error at the n-th call with the label from now; an empty label
// means any changing call. With forever all later calls with the label fail too.
func (f *FS) Fail(n int, label string, err error, forever bool) { f.arm(n, label, err, forever) }

func (f *FS) arm(n int, label string, err error, forever bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counting, f.count, f.trace, f.hit = true, 0, nil, false
	f.at, f.label, f.err, f.sticky = n, label, err, forever
}

// Disarm ends what was armed, and reports whether it struck and the labels of
// the calls that were counted.
func (f *FS) Disarm() (hit bool, trace []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counting = false
	return f.hit, f.trace
}

// Hit reports whether what was armed has struck.
func (f *FS) Hit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hit
}

// AfterPowerLoss returns what is there after the power was cut, or would be if it
// were cut now: what was synced and, of the rest, each block and directory entry
// with a probability of percent.
func (f *FS) AfterPowerLoss(percent int, seed uint64) *FS {
	f.mu.Lock()
	mem := f.survivor
	f.mu.Unlock()
	if mem != nil && percent == 0 {
		return wrap(mem)
	}
	if mem != nil {
		mem = f.written
	} else {
		mem = f.mem
	}
	return wrap(mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(seed, 1))}))
}

// AfterKill returns what is there after the process was killed: all that was
// written.
func (f *FS) AfterKill() *FS { return f.AfterPowerLoss(100, 1) }

// changes reports whether a call with this label can alter what survives.
func changes(label string) bool {
	switch label[strings.LastIndexByte(label, '.')+1:] {
	case "open", "read", "stat", "list", "usage", "close", "lock":
		return false
	}
	return true
}

// call is asked before every system call.
func (f *FS) call(label string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.survivor != nil {
		return ErrPower
	}
	if !f.counting || f.label == "" && !changes(label) || f.label != "" && label != f.label {
		return nil
	}
	f.count++
	f.trace = append(f.trace, label)
	if f.count != f.at && (!f.sticky || !f.hit) {
		return nil
	}
	f.hit = true
	if f.err != nil {
		return f.err
	}
	f.survivor = f.mem.CrashClone(vfs.CrashCloneCfg{})
	f.written = f.mem
	return ErrPower
}

// OpenFile implements fs.OS.
func (f *FS) OpenFile(op, name string, flag int, _ os.FileMode) (fs.File, error) {
	if err := f.call(op); err != nil {
		return nil, err
	}
	file, err := f.open(name, flag)
	if err != nil {
		return nil, err
	}
	word, _, _ := strings.Cut(op, ".")
	if strings.HasSuffix(op, "syncdir") {
		word = op
	}
	return &openFile{file: file, fs: f, word: word}, nil
}

func (f *FS) open(name string, flag int) (vfs.File, error) {
	_, err := f.mem.Stat(name)
	exists := err == nil
	switch {
	case flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0 && exists:
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrExist}
	case flag&os.O_CREATE != 0 && (!exists || flag&os.O_TRUNC != 0):
		return f.mem.Create(name, vfs.WriteCategoryUnspecified)
	case !exists:
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
	case flag&os.O_RDWR != 0:
		return f.mem.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	}
	return f.mem.Open(name)
}

// Remove implements fs.OS.
func (f *FS) Remove(op, name string) error {
	if err := f.call(op); err != nil {
		return err
	}
	return f.mem.Remove(name)
}

// Rename implements fs.OS.
func (f *FS) Rename(op, from, to string) error {
	if err := f.call(op); err != nil {
		return err
	}
	if _, err := f.mem.Stat(from); err != nil {
		return err
	}
	return f.mem.Rename(from, to)
}

// Link implements fs.OS.
func (f *FS) Link(op, from, to string) error {
	if err := f.call(op); err != nil {
		return err
	}
	return f.mem.Link(from, to)
}

// Mkdir implements fs.OS.
func (f *FS) Mkdir(op, name string, perm os.FileMode) error {
	if err := f.call(op); err != nil {
		return err
	}
	if _, err := f.mem.Stat(name); err == nil {
		return &os.PathError{Op: "mkdir", Path: name, Err: os.ErrExist}
	}
	if _, err := f.mem.Stat(filepath.Dir(name)); err != nil {
		return &os.PathError{Op: "mkdir", Path: name, Err: os.ErrNotExist}
	}
	return f.mem.MkdirAll(name, perm)
}

// List implements fs.OS.
func (f *FS) List(op, dir string) ([]string, error) {
	if err := f.call(op); err != nil {
		return nil, err
	}
	return f.mem.List(dir)
}

// Usage implements fs.OS.
func (f *FS) Usage(op, _ string) (fs.Usage, error) {
	if err := f.call(op); err != nil {
		return fs.Usage{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.usage, nil
}

// Flip inverts one bit of a file's byte at off, as a failing disk would.
func (f *FS) Flip(name string, off int64) error {
	file, err := f.mem.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	var b [1]byte
	if _, err := file.ReadAt(b[:], off); err != nil {
		return errors.Join(err, file.Close())
	}
	b[0] ^= 0x10
	_, err = file.WriteAt(b[:], off)
	return errors.Join(err, file.Close())
}

// openFile is a file whose calls carry labels.
type openFile struct {
	file vfs.File
	fs   *FS
	word string
}

func (o *openFile) Read(p []byte) (int, error) {
	if err := o.fs.call(o.word + ".read"); err != nil {
		return 0, err
	}
	return o.file.Read(p)
}

func (o *openFile) ReadAt(p []byte, off int64) (int, error) {
	if err := o.fs.call(o.word + ".read"); err != nil {
		return 0, err
	}
	return o.file.ReadAt(p, off)
}

func (o *openFile) Write(p []byte) (int, error) {
	if err := o.fs.call(o.word + ".write"); err != nil {
		return 0, err
	}
	return o.file.Write(bytes.Clone(p)) // the file may scribble over what it is given
}

func (o *openFile) WriteAt(p []byte, off int64) (int, error) {
	if err := o.fs.call(o.word + ".write"); err != nil {
		return 0, err
	}
	return o.file.WriteAt(bytes.Clone(p), off)
}

func (o *openFile) Sync() error {
	if err := o.fs.call(o.word + ".sync"); err != nil {
		return err
	}
	return o.file.Sync()
}

func (o *openFile) Stat() (os.FileInfo, error) { return o.file.Stat() }

// Close works without power too, so that a dead store can be closed.
func (o *openFile) Close() error { return o.file.Close() }
