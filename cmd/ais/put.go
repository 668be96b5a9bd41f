package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"ais/api"
	"ais/object"
)

// putOptions are the flags of put.
type putOptions struct {
	recursive bool
	workers   int
}

func (a *app) putCommand() *cobra.Command {
	var o putOptions
	cmd := &cobra.Command{
		Use:   "put FILE|DIR|- URI",
		Short: "Put a file, a directory or the standard input",
		Example: `  ais put README.md ais://abc
  ais put README.md ais://abc/docs/readme
  ais put images ais://abc/images -r
  tar c . | ais put - ais://abc/backup.tar`,
		Args:              args(2, 2, "a file and a bucket or object, as in README.md ais://abc"),
		ValidArgsFunction: a.completePut,
		RunE: func(cmd *cobra.Command, given []string) error {
			b, key, err := parseURI(given[1])
			if err != nil {
				return err
			}
			if b.Name == "" {
				return usagef("%q names no bucket", given[1])
			}
			if err := api.CheckBucket(b); err != nil {
				return err
			}
			if o.workers < 1 {
				return usagef("--workers is 1 or more")
			}
			if given[0] == "-" {
				return a.putInput(cmd.Context(), b, key)
			}
			info, err := os.Stat(given[0])
			switch {
			case err != nil:
				return err
			case info.IsDir():
				return a.putTree(cmd.Context(), given[0], b, key, o)
			case !info.Mode().IsRegular():
				return fmt.Errorf("%s is not a regular file; 'ais put - URI' reads from a pipe", given[0])
			}
			if key == "" || strings.HasSuffix(key, "/") {
				key += filepath.Base(given[0])
			}
			return a.putOne(cmd.Context(), given[0], b, key)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.recursive, "recursive", "r", false, "put the files of subdirectories as well")
	flags.IntVar(&o.workers, "workers", 8, "files of a directory to put at a time")
	return cmd
}

// uploader puts files into one bucket.
type uploader struct {
	client *api.Client
	bucket api.Bucket
	verify object.Algorithm // the bucket's checksum type
}

// uploader asks the bucket how it digests, so that what is stored can be compared
// with what was sent.
func (a *app) uploader(ctx context.Context, b api.Bucket) (*uploader, error) {
	p, err := a.client.HeadBucket(ctx, b)
	if err != nil {
		return nil, err
	}
	verify, err := object.ParseAlgorithm(p.Get("checksum.type"))
	if err != nil {
		verify = object.NoChecksum // of a newer cluster
	}
	return &uploader{client: a.client, bucket: b, verify: verify}, nil
}

// announceUpTo is the size up to which the checksum of a file goes out before it,
// so that damage on the way stores nothing. Of a larger file it is compared
// afterwards, for that takes one reading of the file and not two.
const announceUpTo = 1 << 20

// put sends size bytes of content. A reading that ends early fails.
func (u *uploader) put(ctx context.Context, key string, content io.ReadSeeker, size int64, p *progress) error {
	o := api.PutOptions{Verify: u.verify}
	if size <= announceUpTo {
		small := make([]byte, size)
		if _, err := io.ReadFull(content, small); err != nil {
			return fmt.Errorf("the file became shorter while it was read: %w", err)
		}
		o.Announced, o.Verify = object.Sum(u.verify, small), object.NoChecksum
		content = bytes.NewReader(small)
	}
	_, err := u.client.PutObject(ctx, u.bucket, key, &counted{ReadSeeker: content, p: p}, size, o)
	return err
}

func (u *uploader) putFile(ctx context.Context, name, key string, p *progress) (int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), u.put(ctx, key, f, info.Size(), p)
}

func (a *app) putOne(ctx context.Context, name string, b api.Bucket, key string) error {
	u, err := a.uploader(ctx, b)
	if err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	p := a.progress("PUT "+filepath.Base(name), info.Size())
	size, err := u.putFile(ctx, name, key, p)
	p.close()
	if err != nil {
		return err
	}
	return a.done(map[string]any{"put": b.String() + "/" + key, "size": size}, "PUT %q => %s/%s", name, b, key)
}

// putInput puts the standard input. The cluster wants to know the length of an
// object before its content, so the input goes to a temporary file first.
func (a *app) putInput(ctx context.Context, b api.Bucket, key string) error {
	if key == "" || strings.HasSuffix(key, "/") {
		return usagef("the standard input has no name; write %s/NAME", b)
	}
	u, err := a.uploader(ctx, b)
	if err != nil {
		return err
	}
	spool, size, err := a.spoolInput(ctx)
	if err != nil {
		return err
	}
	defer spool.Close()
	p := a.progress("PUT -", size)
	err = u.put(ctx, key, spool, size, p)
	p.close()
	if err != nil {
		return err
	}
	return a.done(map[string]any{"put": b.String() + "/" + key, "size": size}, "PUT (standard input) => %s/%s", b, key)
}

// spoolInput copies the standard input to a file that has no name any more.
func (a *app) spoolInput(ctx context.Context) (*os.File, int64, error) {
	f, err := os.CreateTemp("", "ais-put-")
	if err != nil {
		return nil, 0, err
	}
	os.Remove(f.Name())
	type result struct {
		n   int64
		err error
	}
	copied := make(chan result, 1)
	go func() {
		n, err := io.Copy(f, a.in)
		copied <- result{n, err}
	}()
	select {
	case <-ctx.Done(): // the copy ends with the process
		return nil, 0, ctx.Err()
	case r := <-copied:
		if r.err == nil {
			_, r.err = f.Seek(0, io.SeekStart)
		}
		if r.err != nil {
			f.Close()
			return nil, 0, r.err
		}
		return f, r.n, nil
	}
}

// source is one file of a directory to put.
type source struct {
	name, key string
	size      int64
}

// putTree puts the files of a directory; their names begin with prefix.
func (a *app) putTree(ctx context.Context, dir string, b api.Bucket, prefix string, o putOptions) error {
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	files, deeper, err := walk(dir, prefix, o.recursive)
	switch {
	case err != nil:
		return err
	case len(files) == 0 && deeper && !o.recursive:
		return fmt.Errorf("%s has no files but in subdirectories; put those as well with -r", dir)
	case len(files) == 0:
		return fmt.Errorf("there are no files in %s", dir)
	}
	u, err := a.uploader(ctx, b)
	if err != nil {
		return err
	}
	var total int64
	for _, f := range files {
		total += f.size
	}
	p := a.progress("PUT "+plural(len(files), "file"), total)
	err = u.putAll(ctx, files, o.workers, p)
	p.close()
	if err != nil {
		return err
	}
	how := "one directory, non-recursive"
	if o.recursive {
		how = "recursive"
	}
	to := b.String()
	if prefix != "" {
		to += "/" + prefix
	}
	return a.done(map[string]any{"put": to, "files": len(files), "size": total}, "PUT %s (%s) => %s", plural(len(files), "file"), how, to)
}

func (u *uploader) putAll(ctx context.Context, files []source, workers int, p *progress) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for _, f := range files {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			_, err := u.putFile(ctx, f.name, f.key, p)
			var path *fs.PathError
			if err != nil && !errors.As(err, &path) {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			return err
		})
	}
	return group.Wait()
}

// walk returns the regular files of a directory, and of those below if it is to
// recurse; deeper says that there are directories below. Symbolic links to files
// are followed, those to directories are not.
func walk(dir, prefix string, recurse bool) (files []source, deeper bool, err error) {
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name == dir {
				return nil
			}
			deeper = true
			if !recurse {
				return fs.SkipDir
			}
			return nil
		}
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return nil
		}
		relative, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		files = append(files, source{name: name, key: prefix + path.Clean(filepath.ToSlash(relative)), size: info.Size()})
		return nil
	})
	return files, deeper, err
}
