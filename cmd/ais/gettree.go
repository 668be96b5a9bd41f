package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"ais/api"
)

// What keeps an object from becoming a file.
var (
	errNoFileName = errors.New("its name cannot be that of a file here; 'ais get' it alone, to a name of yours")
	errThere      = errors.New("there is a file of that name; -y overwrites it")
)

// getTree gets many objects to a directory.
func (a *app) getTree(ctx context.Context, uri, to string, o getOptions) error {
	b, key, err := parseURI(uri)
	switch {
	case err != nil:
		return err
	case b.Name == "":
		return usagef("%q names no bucket", uri)
	case key != "" && o.prefix != "":
		return usagef("--prefix is of the whole name; write %s", b)
	case o.ranged:
		return usagef("--offset and --length are of one object")
	case to == "-":
		return usagef("many objects go to a directory, and not to the standard output")
	}
	if err := api.CheckBucket(b); err != nil {
		return err
	}
	if to == "" {
		to = "."
	}
	if err := os.MkdirAll(to, 0o777); err != nil {
		return err
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer root.Close()
	strip := folder(key)
	t := treeTransfer{downloader: a.downloader(b, o), root: root, strip: strip, prefix: strip + o.prefix, progress: a.progress("GET", 0)}
	err = t.run(ctx)
	t.progress.close()
	if err == nil {
		err = t.failed.err("got", int(t.files.Load()), a)
	}
	switch {
	case err != nil:
		return err
	case t.files.Load() == 0:
		return fmt.Errorf("no objects in %s begin with %q", b, t.prefix)
	}
	n, size := int(t.files.Load()), t.size.Load()
	return a.done(map[string]any{"got": b.String() + "/" + t.prefix, "files": n, "size": size, "dir": to},
		"GET %s from %s/%s as %s (%s)", plural(n, "object"), b, t.prefix, to, formatSize(size))
}

// treeTransfer is many objects on their way to a directory.
type treeTransfer struct {
	*downloader
	root          *os.Root
	prefix, strip string // of the names to get; what of it the files' names are without
	progress      *progress
	failed        failures
	files, size   atomic.Int64 // that came
}

// run gets the objects while it lists them.
func (t *treeTransfer) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	listed := make(chan api.Entry, 1024)
	t.progress.finding(true)
	group.Go(func() error {
		defer t.progress.finding(false)
		defer close(listed)
		message := api.ListMessage{Prefix: t.prefix, Props: "name,size", Flags: api.ListNameSize}
		for e, err := range t.client.ListObjects(ctx, t.bucket, message, 0) {
			if err != nil {
				return err
			}
			t.progress.found(e.Size)
			select {
			case listed <- e:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range t.workers {
		group.Go(func() error {
			for e := range listed {
				err := t.getOne(ctx, e)
				t.progress.finished()
				if err = t.failed.add(t.bucket.String()+"/"+e.Name, err); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	return group.Wait()
}

// localName returns the path below the directory that an object goes to. A name
// that would leave it, or that is not the same once it is a path, has none.
func localName(name string) (string, error) {
	local := filepath.FromSlash(name)
	if !filepath.IsLocal(local) || filepath.Clean(local) != local || strings.ContainsRune(name, 0) ||
		filepath.Separator != '/' && strings.ContainsRune(name, filepath.Separator) {
		return "", errNoFileName
	}
	return local, nil
}

// getOne gets one object. One that stands for a folder becomes a directory.
func (t *treeTransfer) getOne(ctx context.Context, e api.Entry) error {
	name := strings.TrimPrefix(e.Name, t.strip)
	if name == "" {
		return nil
	}
	isFolder := strings.HasSuffix(name, "/") && e.Size == 0
	local, err := localName(strings.TrimSuffix(name, "/"))
	if err == nil && strings.HasSuffix(name, "/") && !isFolder {
		err = errNoFileName
	}
	if err != nil {
		return err
	}
	if isFolder {
		return t.root.MkdirAll(local, 0o777)
	}
	if err := t.root.MkdirAll(filepath.Dir(local), 0o777); err != nil {
		return err
	}
	there, err := t.root.Lstat(local)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case there.IsDir():
		return &fs.PathError{Op: "get", Path: filepath.Join(t.root.Name(), local), Err: errors.New("there is a directory of that name")}
	case t.app.terminal && !t.yes:
		return errThere
	}
	size, err := t.getTo(ctx, &place{root: t.root, name: local}, e)
	if err == nil {
		t.files.Add(1)
		t.size.Add(size)
	}
	return err
}

// getTo gets an object to a place, and returns its size in bytes.
func (t *treeTransfer) getTo(ctx context.Context, l *place, e api.Entry) (int64, error) {
	if e.Size > t.app.sizes.large {
		info, err := t.client.HeadObject(ctx, t.bucket, e.Name)
		if err != nil {
			return 0, err
		}
		return t.getLarge(ctx, l, info, t.progress)
	}
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	r, err := t.client.GetObject(ctx, t.bucket, e.Name, 0, -1)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return r.Size, l.write(r, t.progress)
}
