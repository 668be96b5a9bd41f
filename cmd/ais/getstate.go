package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"ais/api"
)

// partialState says what a partial file has, in a file beside it. What it says is
// on stable storage was synced before.
type partialState struct {
	Object   string `json:"object"` // its URI
	ETag     string `json:"etag"`
	Size     int64  `json:"size"` // bytes
	PartSize int64  `json:"part_size"`
	Done     string `json:"done"` // of each part 1 if it is there, else 0
}

// partial is a large object on its way to a place, in a hidden file beside it.
type partial struct {
	place *place
	name  string // of the file in the place; its state has a suffix more
	file  *os.File

	mu    sync.Mutex
	state partialState
	done  []byte // as in the state, with what was not synced yet
}

// errBusy is said where another command gets the same object to the same place.
var errBusy = errors.New("another command writes it")

// openPartial opens what is there of a version of an object, or makes a new file
// for it, or where restart is set.
func openPartial(l *place, info api.ObjectInfo, partSize int64, restart bool) (*partial, error) {
	base := filepath.Base(l.name)
	const longest = 200 // of a name to which something is added
	if len(base) > longest {
		base = shortHash(base)
	}
	k := &partial{place: l, name: l.beside("." + base + ".ais-partial"), state: partialState{
		Object: info.Bucket.String() + "/" + info.Name, ETag: info.ETag, Size: info.Size, PartSize: partSize,
	}}
	if there, err := l.root.Lstat(k.name); err == nil && !there.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: l.path(k.name), Err: errors.New("it is in the way, and no file")}
	}
	var err error
	if k.file, err = l.root.OpenFile(k.name, os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return nil, err
	}
	if tryLock(k.file) != nil {
		_ = k.file.Close() // another command's
		return nil, &fs.PathError{Op: "open", Path: l.path(k.name), Err: errBusy}
	}
	if restart || !k.resume() {
		k.done = []byte(strings.Repeat("0", k.parts()))
		err = errors.Join(l.removeIfThere(k.stateName()), k.file.Truncate(0))
	}
	if err != nil {
		_ = k.file.Close() // the first error is the one to tell
	}
	return k, err
}

// removeIfThere removes a file, which need not be there.
func (l *place) removeIfThere(name string) error {
	if err := l.root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (k *partial) stateName() string { return k.name + ".json" }

// parts returns how many there are.
func (k *partial) parts() int {
	return int((k.state.Size + k.state.PartSize - 1) / k.state.PartSize)
}

// bounds returns where a part, from 0 on, begins and how long it is, in bytes.
func (k *partial) bounds(part int) (offset, length int64) {
	offset = int64(part) * k.state.PartSize
	return offset, min(k.state.PartSize, k.state.Size-offset)
}

// resume reads the state and reports whether it is of the same version of the same
// object. Its part size replaces the one that was asked for.
func (k *partial) resume() bool {
	raw, err := k.place.root.ReadFile(k.stateName())
	var before partialState
	if err != nil || json.Unmarshal(raw, &before) != nil {
		return false
	}
	info, err := k.file.Stat()
	if err != nil || before.PartSize < 1 || before.Object != k.state.Object || before.ETag != k.state.ETag || before.Size != k.state.Size {
		return false
	}
	k.state.PartSize = before.PartSize
	if len(before.Done) != k.parts() {
		return false
	}
	k.done = []byte(before.Done)
	for part := range k.done {
		if offset, length := k.bounds(part); offset+length > info.Size() {
			k.done[part] = '0'
		}
	}
	return true
}

// has reports whether a part is there.
func (k *partial) has(part int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.done[part] == '1'
}

// add notes that a part is there.
func (k *partial) add(part int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.done[part] = '1'
}

// size returns how many bytes are there.
func (k *partial) size() int64 {
	var n int64
	for part := range k.parts() {
		if _, length := k.bounds(part); k.has(part) {
			n += length
		}
	}
	return n
}

// sync brings the parts that are there to stable storage and then says so in the
// state. It does nothing where nothing is new.
func (k *partial) sync() error {
	k.mu.Lock()
	done := string(k.done)
	known := k.state.Done == done
	k.mu.Unlock()
	if known {
		return nil
	}
	if err := k.file.Sync(); err != nil {
		return err
	}
	k.state.Done = done
	raw, err := json.Marshal(k.state)
	if err != nil {
		return err
	}
	return k.place.replace(k.stateName(), raw)
}

// replace replaces a small file in one step.
func (l *place) replace(name string, data []byte) error {
	f, err := l.root.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = l.root.Remove(name + ".new") // the first error is the one to tell
		return err
	}
	return l.root.Rename(name+".new", name)
}

// publish gives the file its final name.
func (k *partial) publish() error {
	if err := k.place.root.Rename(k.name, k.place.name); err != nil {
		return err
	}
	return k.place.removeIfThere(k.stateName())
}

// remove leaves nothing of it.
func (k *partial) remove() {
	_ = k.place.removeIfThere(k.stateName()) // without the file it is of no harm
	_ = k.place.removeIfThere(k.name)        // the next command begins anew
}

// stopped returns the error of a transfer that did not get to its end, which says
// what is left and how to go on.
func (k *partial) stopped(err error) error {
	if serr := k.sync(); serr != nil {
		return &hintedError{err, fmt.Sprintf("What came is in %s, and nothing under %s; it cannot be gone on with: %v.",
			k.place.path(k.name), k.place.path(k.place.name), serr)}
	}
	return &hintedError{err, fmt.Sprintf("%s of %s are in %s, and nothing under %s; the same command goes on with them.",
		formatSize(k.size()), formatSize(k.state.Size), k.place.path(k.name), k.place.path(k.place.name))}
}
