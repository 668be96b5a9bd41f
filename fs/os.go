package fs

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// OS is the system calls that the store makes. Each carries a label that says
// what for ("blob.create", "wal.sync"), so that a test can fail, or lose power
// at, exactly one of them; package faultfs does.
type OS interface {
	// OpenFile is os.OpenFile. The calls on the file carry op's first word.
	OpenFile(op, name string, flag int, perm os.FileMode) (File, error)
	// Remove removes a file or an empty directory.
	Remove(op, name string) error
	// Rename replaces what is there.
	Rename(op, from, to string) error
	// Link makes a hard link; it may be refused (another file system).
	Link(op, from, to string) error
	// Mkdir makes one directory; fs.ErrExist where it is there.
	Mkdir(op, name string, perm os.FileMode) error
	// List returns the names in a directory, unsorted.
	List(op, dir string) ([]string, error)
	// Usage returns the room of the file system that dir is on.
	Usage(op, dir string) (Usage, error)
}

// File is an open file or directory. *os.File is one.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Closer
	Sync() error
	Stat() (os.FileInfo, error)
}

// Usage is the room of a file system in bytes.
type Usage struct {
	Capacity, Free int64
}

// RealOS is the operating system's own calls.
type RealOS struct{}

// OpenFile implements OS.
func (RealOS) OpenFile(_, name string, flag int, perm os.FileMode) (File, error) {
	// os.OpenFile offers each file to the poller, which takes no regular file:
	// three more calls for every open.
	for {
		fd, err := unix.Open(name, flag|unix.O_CLOEXEC, uint32(perm.Perm()))
		if err == nil {
			return os.NewFile(uintptr(fd), name), nil
		}
		if !errors.Is(err, unix.EINTR) {
			return nil, &os.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

// Remove implements OS.
func (RealOS) Remove(_, name string) error {
	// os.Remove tries rmdir as well, two calls for what is nearly always a file.
	err := unix.Unlink(name)
	if err == nil {
		return nil
	}
	if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EPERM) {
		return os.Remove(name)
	}
	return &os.PathError{Op: "unlink", Path: name, Err: err}
}

// Rename implements OS.
func (RealOS) Rename(_, from, to string) error { return os.Rename(from, to) }

// Link implements OS.
func (RealOS) Link(_, from, to string) error { return os.Link(from, to) }

// Mkdir implements OS.
func (RealOS) Mkdir(_, name string, perm os.FileMode) error { return os.Mkdir(name, perm) }

// List implements OS.
func (RealOS) List(_, dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// Usage implements OS.
func (RealOS) Usage(_, dir string) (Usage, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return Usage{}, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	unit := int64(st.Frsize)
	if unit == 0 {
		unit = int64(st.Bsize)
	}
	return Usage{Capacity: int64(st.Blocks) * unit, Free: int64(st.Bavail) * unit}, nil
}

// dataSync makes a file's bytes, and its size, durable.
func dataSync(f File) error {
	plain, ok := f.(*os.File)
	if !ok {
		return f.Sync()
	}
	for {
		err := unix.Fdatasync(int(plain.Fd()))
		if err != unix.EINTR {
			return err
		}
	}
}

// syncDir makes the entries of a directory durable.
func syncDir(o OS, op, dir string) error {
	d, err := o.OpenFile(op, dir, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

// mkdirAll makes dir and its parents, durably.
func mkdirAll(o OS, op, dir string, perm os.FileMode) error {
	err := o.Mkdir(op, dir, perm)
	parent := filepath.Dir(dir)
	if errors.Is(err, os.ErrNotExist) && parent != dir {
		if err := mkdirAll(o, op, parent, perm); err != nil {
			return err
		}
		err = o.Mkdir(op, dir, perm)
	}
	switch {
	case errors.Is(err, os.ErrExist):
		return nil
	case err != nil:
		return err
	}
	if err := syncDir(o, "mkdir.syncdir", parent); err != nil && !errors.Is(err, os.ErrPermission) {
		return err
	}
	return nil
}

// removeAll removes dir and everything in it.
func removeAll(o OS, op, dir string) error {
	err := o.Remove(op, dir)
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	names, lerr := o.List(op, dir)
	if lerr != nil {
		return err
	}
	for _, name := range names {
		if err := removeAll(o, op, dir+"/"+name); err != nil {
			return err
		}
	}
	return o.Remove(op, dir)
}

// lockFile takes the advisory lock that keeps a second process off a mountpath.
// It is released by closing f. Files that are not the kernel's are not locked.
func lockFile(f File) error {
	plain, ok := f.(*os.File)
	if !ok {
		return nil
	}
	return unix.Flock(int(plain.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}

// topLevel asks ext4 to spread dir's subdirectories over the disk (chattr +T);
// other file systems refuse, and that does not matter.
func topLevel(f File) {
	const fsTopdirFlag = 0x00020000
	plain, ok := f.(*os.File)
	if !ok {
		return
	}
	fd := int(plain.Fd())
	if flags, err := unix.IoctlGetInt(fd, unix.FS_IOC_GETFLAGS); err == nil {
		_ = unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, flags|fsTopdirFlag)
	}
}
