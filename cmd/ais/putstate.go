package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ais/api"
)

// uploadState is what is kept of the upload of a large file until it is complete,
// in a file of the cache directory.
type uploadState struct {
	Endpoint string    `json:"endpoint"`
	Object   string    `json:"object"` // its URI
	File     string    `json:"file"`   // absolute
	Size     int64     `json:"size"`   // bytes
	Modified time.Time `json:"modified"`
	Upload   string    `json:"upload"` // its id, "" before there is one
	PartSize int64     `json:"part_size"`
}

// keptUpload is the state in its file, which is locked: two commands do not send
// one upload.
type keptUpload struct {
	uploadState
	path string   // "" for one that is not kept
	lock *os.File // nil where path is ""
}

// keepUpload returns the state of putting a file: what was kept of it, or a new one
// without an upload. It is not kept where there is nowhere to keep it, or where
// another command is at it.
func (a *app) keepUpload(b api.Bucket, key string, f *os.File, info os.FileInfo) *keptUpload {
	k := &keptUpload{uploadState: uploadState{
		Endpoint: a.settings.Endpoint, Object: b.String() + "/" + key, Size: info.Size(), Modified: info.ModTime(),
	}}
	var err error
	dir := a.cacheDir()
	if k.File, err = filepath.Abs(f.Name()); err != nil || dir == "" {
		return k
	}
	path := filepath.Join(dir, "uploads", shortHash(k.Endpoint, k.Object, k.File)+".json")
	if os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return k
	}
	if k.lock, err = lockFile(path + ".lock"); err != nil {
		return k
	}
	k.path = path
	raw, err := os.ReadFile(path)
	var before uploadState
	if err == nil && json.Unmarshal(raw, &before) == nil && before.Object == k.Object && before.File == k.File {
		k.Upload, k.PartSize, k.Size, k.Modified = before.Upload, before.PartSize, before.Size, before.Modified
	}
	return k
}

// lockFile makes a file and locks it, unless somebody else has.
func lockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := tryLock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// isOf reports whether the state is of the file as it is now.
func (k *keptUpload) isOf(info os.FileInfo) bool {
	return k.Size == info.Size() && k.Modified.Equal(info.ModTime())
}

// save keeps the state. Where that fails, the upload is not kept.
func (k *keptUpload) save() {
	if k.path != "" && writeState(k.path, k.uploadState) != nil {
		k.remove()
		k.path = ""
	}
}

// kept reports whether a later command can go on with the upload.
func (k *keptUpload) kept() bool { return k.path != "" && k.Upload != "" }

// remove forgets the upload.
func (k *keptUpload) remove() {
	if k.path == "" {
		return
	}
	if err := os.Remove(k.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return // it is of no harm: the cluster will not know the upload
	}
	_ = os.Remove(k.path + ".lock")
}

// close lets other commands go on with it.
func (k *keptUpload) close() {
	if k.lock != nil {
		_ = k.lock.Close() // nothing was written
	}
}
