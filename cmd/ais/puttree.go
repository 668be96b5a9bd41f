package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"ais/api"
)

// source is one file to put.
type source struct {
	name, key string
	size      int64 // bytes
}

// finder hands the files to put to yield, in the order of their names, and files
// that it cannot read to failed. An error of yield ends it.
type finder func(yield func(source) error, failed func(name string, err error) error) error

// putTree puts the files of a directory; their names begin with prefix.
func (a *app) putTree(ctx context.Context, dir string, b api.Bucket, prefix string, o putOptions) error {
	prefix = folder(prefix)
	deeper := false
	find := func(yield func(source) error, failed func(string, error) error) error {
		return o.walk(dir, prefix, &deeper, yield, failed)
	}
	how := "one directory, non-recursive"
	if o.recursive {
		how = "recursive"
	}
	err := a.putFound(ctx, find, b, prefix, how, o)
	switch {
	case errors.Is(err, errNoFiles) && deeper && !o.recursive:
		return fmt.Errorf("%s has no files but in subdirectories; put those as well with -r", dir)
	case errors.Is(err, errNoFiles):
		return fmt.Errorf("there are no files in %s", dir)
	}
	return err
}

// folder returns the prefix of names in a folder.
func folder(prefix string) string {
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	return prefix
}

// putMany puts several files, and directories where it is to recurse, under their
// own names.
func (a *app) putMany(ctx context.Context, names []string, b api.Bucket, prefix string, o putOptions) error {
	prefix = folder(prefix)
	find := func(yield func(source) error, failed func(string, error) error) error {
		for _, name := range names {
			key := prefix + filepath.Base(filepath.Clean(name))
			info, err := os.Stat(name)
			switch {
			case err != nil:
				err = failed(name, err)
			case info.IsDir() && o.recursive:
				err = o.walk(name, key+"/", new(bool), yield, failed)
			case info.IsDir():
				err = usagef("%s is a directory; -r puts its files as well", name)
			case info.Mode().IsRegular():
				err = yield(source{name: name, key: key, size: info.Size()})
			default:
				err = failed(name, &fs.PathError{Op: "put", Path: name, Err: errors.New("not a regular file")})
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return a.putFound(ctx, find, b, prefix, plural(len(names), "name"), o)
}

var errNoFiles = errors.New("there are no files")

// putFound puts what find finds while it finds it.
func (a *app) putFound(ctx context.Context, find finder, b api.Bucket, prefix, how string, o putOptions) error {
	if o.dryRun {
		return a.wouldPut(find, b)
	}
	u, err := a.uploader(ctx, b, o)
	if err != nil {
		return err
	}
	var f failures
	p := a.progress("PUT", 0)
	files, size, err := u.putAll(ctx, find, &f, p)
	p.close()
	if err == nil {
		err = f.err("put", files, a)
	}
	switch {
	case err != nil:
		return err
	case files == 0:
		return errNoFiles
	}
	to := b.String()
	if prefix != "" {
		to += "/" + prefix
	}
	return a.done(map[string]any{"put": to, "files": files, "size": size}, "PUT %s (%s) => %s", plural(files, "file"), how, to)
}

// wouldPut says what putFound would put.
func (a *app) wouldPut(find finder, b api.Bucket) error {
	var f failures
	n, size := 0, int64(0)
	err := find(func(s source) error {
		n, size = n+1, size+s.size
		if a.json {
			return nil
		}
		_, err := fmt.Fprintf(a.out, "would put %q => %s/%s (%s)\n", s.name, b, s.key, formatSize(s.size))
		return err
	}, f.add)
	if err == nil {
		err = f.err("found", n, a)
	}
	if err != nil {
		return err
	}
	return a.done(map[string]any{"would-put": n, "size": size}, "would put %s (%s)", plural(n, "file"), formatSize(size))
}

// putAll puts what find finds, with as many workers as there are slots, and returns
// how many files and bytes that were.
func (u *uploader) putAll(ctx context.Context, find finder, f *failures, p *progress) (files int, size int64, err error) {
	group, ctx := errgroup.WithContext(ctx)
	found := make(chan source, 1024)
	var n, bytes atomic.Int64
	p.finding(true)
	group.Go(func() error {
		defer p.finding(false)
		defer close(found)
		return find(func(s source) error {
			p.found(s.size)
			select {
			case found <- s:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}, f.add)
	})
	for range u.workers {
		group.Go(func() error {
			for s := range found {
				size, err := u.putFile(ctx, s.name, s.key, p)
				p.finished()
				if err == nil {
					n.Add(1)
					bytes.Add(size)
				}
				if err = f.add(s.name, err); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	err = group.Wait()
	return int(n.Load()), bytes.Load(), err
}

// walk finds the regular files of a directory, and of those below if it is to
// recurse; deeper says that there are directories below. Symbolic links to files
// are followed, those to directories are not.
func (o *putOptions) walk(dir, prefix string, deeper *bool, yield func(source) error, failed func(string, error) error) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && name == dir:
			return err
		case err != nil:
			return failed(name, err)
		case d.IsDir() && name != dir:
			*deeper = true
			if !o.recursive {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		relative, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		relative = path.Clean(filepath.ToSlash(relative))
		if !o.wants(relative) {
			return nil
		}
		info, err := os.Stat(name)
		switch {
		case err != nil:
			return failed(name, err)
		case !info.Mode().IsRegular():
			return nil
		}
		return yield(source{name: name, key: prefix + relative, size: info.Size()})
	})
}

// wants reports whether a file, by its path below the directory, is to be put. A
// pattern without a slash is about the last name alone.
func (o *putOptions) wants(relative string) bool {
	matches := func(patterns []string) bool {
		for _, pattern := range patterns {
			of := relative
			if !strings.Contains(pattern, "/") {
				of = path.Base(relative)
			}
			if ok, _ := path.Match(pattern, of); ok { // check has seen the patterns
				return true
			}
		}
		return false
	}
	return !matches(o.exclude) && (len(o.include) == 0 || matches(o.include))
}
