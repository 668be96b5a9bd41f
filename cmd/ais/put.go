package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ais/api"
	"ais/object"
)

// putOptions are the flags of put.
type putOptions struct {
	recursive        bool
	workers          int
	partSize         sizeFlag
	restart, forget  bool
	include, exclude []string
	dryRun           bool
}

// sizes say when a transfer goes in pieces, and in which, in bytes.
type sizes struct {
	large int64 // what is larger goes in parts
	part  int64 // the least that a part has
	input int64 // the first part of the standard input
}

func defaultSizes() sizes { return sizes{large: 64 << 20, part: 1 << 20, input: 16 << 20} }

// The defaults of what goes at a time, and of the parts of a file.
const (
	defaultWorkers = 8
	putPart        = 16 << 20
)

// transferPatience is how long a transfer waits for a node to come back, unless
// --retry-for says otherwise.
const transferPatience = time.Minute

func (a *app) putCommand() *cobra.Command {
	var o putOptions
	cmd := &cobra.Command{
		Use:   "put FILE…|DIR…|- URI",
		Short: "Put files, directories or the standard input",
		Long: `Put files, directories or the standard input.

A file over 64MiB goes in parts, several at a time. When that is interrupted, the
same command goes on with the parts that the cluster has not; what there is of the
object before stays until all of it is there.

Of a directory, symbolic links to files are followed, those to directories are
not. Files that cannot be read are named at the end, and the exit code is 1.`,
		Example: `  ais put README.md ais://abc
  ais put README.md ais://abc/docs/readme
  ais put images ais://abc/images -r --exclude '*.tmp'
  ais put *.txt ais://abc
  tar c . | ais put - ais://abc/backup.tar`,
		Args:              args(2, -1, "a file and a bucket or object, as in README.md ais://abc"),
		ValidArgsFunction: a.completePut,
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := o.check(a.sizes.part); err != nil {
				return err
			}
			if !cmd.Flags().Changed("retry-for") {
				a.client = a.client.WithPatience(transferPatience)
			}
			last := len(given) - 1
			b, key, err := parseURI(given[last])
			if err != nil {
				return err
			}
			if b.Name == "" {
				return usagef("%q names no bucket", given[last])
			}
			if err := api.CheckBucket(b); err != nil {
				return err
			}
			return a.put(cmd.Context(), given[:last], b, key, o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.recursive, "recursive", "r", false, "put the files of subdirectories as well")
	flags.IntVar(&o.workers, "workers", defaultWorkers, "files, or parts of a file, to put at a time")
	o.partSize = putPart
	flags.Var(&o.partSize, "part-size", "size of the parts of a large file")
	flags.BoolVar(&o.restart, "restart", false, "begin anew what was interrupted before")
	flags.BoolVar(&o.forget, "no-resume", false, "leave nothing in the cluster to go on with when interrupted")
	flags.StringArrayVar(&o.include, "include", nil, "of directories, put only files that match a `pattern`, such as '*.txt' or 'sub/*.txt'")
	flags.StringArrayVar(&o.exclude, "exclude", nil, "leave out files that match a `pattern`")
	flags.BoolVar(&o.dryRun, "dry-run", false, "say what would be put")
	return cmd
}

func (o *putOptions) check(leastPart int64) error {
	if o.workers < 1 {
		return usagef("--workers is 1 or more")
	}
	if int64(o.partSize) < leastPart || int64(o.partSize) > object.MaxPutSize {
		return usagef("--part-size is between %s and %s", formatSize(leastPart), formatSize(object.MaxPutSize))
	}
	for _, pattern := range append(o.include, o.exclude...) {
		if _, err := filepath.Match(pattern, ""); err != nil {
			return usagef("%q is not a pattern: * stands for any letters, ? for one, [a-z] for a range", pattern)
		}
	}
	return nil
}

// put puts what the command line names.
func (a *app) put(ctx context.Context, names []string, b api.Bucket, key string, o putOptions) error {
	if len(names) == 1 && names[0] == "-" {
		return a.putInput(ctx, b, key, o)
	}
	names, err := expand(names)
	if err != nil {
		return err
	}
	if len(names) > 1 {
		return a.putMany(ctx, names, b, key, o)
	}
	info, err := os.Stat(names[0])
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return a.putTree(ctx, names[0], b, key, o)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file; 'ais put - URI' reads from a pipe", names[0])
	}
	if key == "" || strings.HasSuffix(key, "/") {
		key += filepath.Base(names[0])
	}
	return a.putOne(ctx, names[0], b, key, o)
}

// expand replaces patterns that a shell has left by the files that match.
func expand(names []string) ([]string, error) {
	var all []string
	for _, name := range names {
		if _, err := os.Lstat(name); err == nil || !strings.ContainsAny(name, "*?[") {
			all = append(all, name)
			continue
		}
		found, err := filepath.Glob(name)
		if err != nil || len(found) == 0 {
			return nil, fmt.Errorf("no file matches %q", name)
		}
		all = append(all, found...)
	}
	return all, nil
}

func (a *app) putOne(ctx context.Context, name string, b api.Bucket, key string, o putOptions) error {
	if o.dryRun {
		return a.done(map[string]any{"would-put": b.String() + "/" + key, "file": name}, "would put %q => %s/%s", name, b, key)
	}
	u, err := a.uploader(ctx, b, o)
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

// uploader puts files into one bucket.
type uploader struct {
	app    *app
	client *api.Client
	bucket api.Bucket
	verify object.Algorithm // the bucket's checksum type
	putOptions
	slots chan struct{} // one for each request with content at a time
}

// uploader asks the bucket how it digests, so that what is stored can be compared
// with what was sent.
func (a *app) uploader(ctx context.Context, b api.Bucket, o putOptions) (*uploader, error) {
	p, err := a.client.HeadBucket(ctx, b)
	if err != nil {
		return nil, err
	}
	verify, err := object.ParseAlgorithm(p.Get("checksum.type"))
	if err != nil {
		verify = object.NoChecksum // of a newer cluster
	}
	return &uploader{app: a, client: a.client, bucket: b, verify: verify, putOptions: o, slots: make(chan struct{}, o.workers)}, nil
}

// turn waits until another request may be sent; the caller ends it with done.
func (u *uploader) turn(ctx context.Context) error {
	select {
	case u.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (u *uploader) done() { <-u.slots }

// announceUpTo is the size up to which the checksum of a file goes out before it,
// so that damage on the way stores nothing. Of a larger file it is compared
// afterwards, for that takes one reading of the file and not two.
const announceUpTo = 1 << 20

// put sends size bytes of content. A reading that ends early fails.
func (u *uploader) put(ctx context.Context, key string, content io.ReadSeeker, size int64, p *progress) error {
	if err := u.turn(ctx); err != nil {
		return err
	}
	defer u.done()
	o := api.PutOptions{Verify: u.verify}
	if size <= announceUpTo {
		small := make([]byte, size)
		if _, err := io.ReadFull(content, small); err == io.EOF || err == io.ErrUnexpectedEOF {
			return api.ErrShortContent
		} else if err != nil {
			return err
		}
		o.Announced, o.Verify = object.Sum(u.verify, small), object.NoChecksum
		content = bytes.NewReader(small)
	}
	_, err := u.client.PutObject(ctx, u.bucket, key, &counted{ReadSeeker: content, p: p}, size, o)
	return err
}

// putFile puts a file and returns its size in bytes.
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
	if info.Size() > max(u.app.sizes.large, int64(u.partSize)) {
		return info.Size(), u.putLarge(ctx, f, info, key, p)
	}
	return info.Size(), u.put(ctx, key, f, info.Size(), p)
}
