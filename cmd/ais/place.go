package main

import (
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
)

// place is where a file is to be: a name in a directory that cannot be left through
// the name, nor through symbolic links in it.
type place struct {
	root *os.Root
	name string
}

// placeOf returns the place of a path. The caller closes it.
func placeOf(name string) (*place, error) {
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	return &place{root: root, name: filepath.Base(name)}, nil
}

func (l *place) close() { _ = l.root.Close() } // nothing is written through it

// beside returns a hidden name in the directory of the file.
func (l *place) beside(name string) string { return filepath.Join(filepath.Dir(l.name), name) }

// path returns the path of a name in the place, to show.
func (l *place) path(name string) string { return filepath.Join(l.root.Name(), name) }

// write writes the content under a name of its own beside the file and renames it
// when all of it is there and right.
func (l *place) write(r io.Reader, p *progress) (err error) {
	partial := l.beside(".ais-" + rand.Text()[:10] + ".partial")
	f, err := l.root.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = l.root.Remove(partial) // the first error is the one to tell
		}
	}()
	err = copyTo(f, r, p)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return l.root.Rename(partial, l.name)
}
