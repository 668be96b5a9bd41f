package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/spf13/cobra"

	"ais/api"
)

// getOptions are the flags of get.
type getOptions struct {
	offset, length  sizeFlag
	ranged          bool
	yes             bool
	recursive       bool
	prefix          string
	workers         int
	partSize        sizeFlag
	restart, forget bool
	files           api.Selection // of an archive
}

// getPart is the size of the ranges that a large object is read in.
const getPart = 16 << 20

func (a *app) getCommand() *cobra.Command {
	var o getOptions
	cmd := &cobra.Command{
		Use:   "get URI [FILE|DIR|-]",
		Short: "Get an object, or a range of it, or many",
		Long: `Get an object, or a range of it, or with -r all objects of a folder.

An object over 64MiB comes in ranges, several at a time, and is kept in a hidden
file beside the destination until all of it is there and right. When that is
interrupted, the same command goes on with what is missing, if the object is
still the same.`,
		Example: `  ais get ais://abc/README.md
  ais get ais://abc/README.md /tmp/readme
  ais get ais://abc/README.md -
  ais get ais://abc/README.md --offset 0 --length 10 -
  ais get ais://abc/images pictures -r
  ais get ais://abc . --prefix images/2026-`,
		Args:              args(1, 2, "the object, as in ais://abc/README.md"),
		ValidArgsFunction: a.completeGet,
		RunE: func(cmd *cobra.Command, given []string) error {
			if o.workers < 1 {
				return usagef("--workers is 1 or more")
			}
			if int64(o.partSize) < a.sizes.part {
				return usagef("--part-size is %s or more", formatSize(a.sizes.part))
			}
			if !cmd.Flags().Changed("retry-for") {
				a.client = a.client.WithPatience(transferPatience)
			}
			o.ranged = cmd.Flags().Changed("offset") || cmd.Flags().Changed("length")
			if cmd.Flags().Changed("length") && o.length == 0 {
				return usagef("--length is 1 or more")
			}
			to := ""
			if len(given) == 2 {
				to = given[1]
			}
			if o.recursive || cmd.Flags().Changed("prefix") {
				return a.getTree(cmd.Context(), given[0], to, o)
			}
			b, key, err := objectURI(given[0])
			if err != nil {
				return err
			}
			if o.files != (api.Selection{}) {
				return a.getMembers(cmd.Context(), b, key, to, o.files, o.yes)
			}
			return a.get(cmd.Context(), b, key, to, o)
		},
	}
	flags := cmd.Flags()
	flags.Var(&o.offset, "offset", "where in the object to begin")
	flags.Var(&o.length, "length", "how much to read; without it, to the end")
	flags.BoolVarP(&o.yes, "yes", "y", false, "overwrite files without asking")
	flags.BoolVarP(&o.recursive, "recursive", "r", false, "get all objects of the folder, under their names in it")
	flags.StringVar(&o.prefix, "prefix", "", "get all objects of the bucket whose names begin so, under their whole names")
	flags.IntVar(&o.workers, "workers", defaultWorkers, "objects, or ranges of one, to get at a time")
	o.partSize = getPart
	flags.Var(&o.partSize, "part-size", "size of the ranges of a large object")
	flags.BoolVar(&o.restart, "restart", false, "begin anew what was interrupted before")
	selectionFlags(cmd, &o.files)
	flags.BoolVar(&o.forget, "no-resume", false, "leave nothing to go on with when interrupted")
	return cmd
}

func (a *app) get(ctx context.Context, b api.Bucket, key, to string, o getOptions) error {
	to, err := a.destination(key, to, o.yes)
	if err != nil {
		return err
	}
	d := a.downloader(b, o)
	if to == "-" || o.ranged || isSpecial(to) {
		return a.getStream(ctx, d, key, to)
	}
	info, err := d.client.HeadObject(ctx, b, key)
	if err != nil {
		return err
	}
	if info.Size <= a.sizes.large {
		return a.getStream(ctx, d, key, to)
	}
	place, err := placeOf(to)
	if err != nil {
		return err
	}
	defer place.close()
	p := a.progress("GET "+path.Base(key), info.Size)
	size, err := d.getLarge(ctx, place, info, p)
	p.close()
	if err != nil {
		return err
	}
	return a.done(map[string]any{"got": b.String() + "/" + key, "file": to, "size": size}, "GET %s from %s as %s (%s)", key, b, to, formatSize(size))
}

// downloader gets objects of one bucket.
type downloader struct {
	app    *app
	client *api.Client
	bucket api.Bucket
	getOptions
	slots chan struct{} // one for each request with content at a time
}

func (a *app) downloader(b api.Bucket, o getOptions) *downloader {
	return &downloader{app: a, client: a.client, bucket: b, getOptions: o, slots: make(chan struct{}, o.workers)}
}

// getStream gets an object, or a range of it, in one piece.
func (a *app) getStream(ctx context.Context, d *downloader, key, to string) error {
	length := int64(-1)
	if d.ranged && d.length > 0 {
		length = int64(d.length)
	}
	r, err := d.client.GetObject(ctx, d.bucket, key, int64(d.offset), length)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // what is not read is not wanted
	p := a.progress("GET "+path.Base(key), r.Size)
	err = a.writeTo(to, r, p)
	p.close()
	if err != nil || to == "-" {
		return err
	}
	what := key
	if d.ranged {
		what += fmt.Sprintf(" (offset %d, length %d)", d.offset, r.Size)
	}
	return a.done(map[string]any{"got": d.bucket.String() + "/" + key, "file": to, "size": r.Size}, "GET %s from %s as %s (%s)", what, d.bucket, to, formatSize(r.Size))
}

// writeTo writes the content to the standard output, to what is no regular file,
// such as /dev/null, or to a file.
func (a *app) writeTo(to string, r io.Reader, p *progress) error {
	if to == "-" {
		return copyTo(a.out, r, p)
	}
	if isSpecial(to) {
		f, err := os.OpenFile(to, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		return copyTo(f, r, p)
	}
	place, err := placeOf(to)
	if err != nil {
		return err
	}
	defer place.close()
	return place.write(r, p)
}

// isSpecial reports whether there is something of that name that is no regular
// file: it is written to as it is.
func isSpecial(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.Mode().IsRegular()
}

// destination returns the file that an object goes to: to, the object's last
// name in the directory to, or the same in the current one. On a terminal it asks
// before a file is overwritten.
func (a *app) destination(key, to string, yes bool) (string, error) {
	if to == "-" {
		return to, nil
	}
	base := path.Base(key)
	if base == "." || base == ".." || base == "/" {
		base = ""
	}
	if to == "" {
		to = "."
	}
	info, err := os.Stat(to)
	if err == nil && info.IsDir() {
		if base == "" {
			return "", usagef("%q does not end in a name for a file; say which file to write", key)
		}
		to = filepath.Join(to, base)
		info, err = os.Stat(to)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return to, nil
	case err != nil:
		return "", err
	case info.IsDir():
		return "", fmt.Errorf("%s is a directory", to)
	}
	if info.Mode().IsRegular() && a.terminal && !yes && !a.ask(fmt.Sprintf("overwrite existing %q [Y/N]: ", to)) {
		return "", errors.New("nothing was written")
	}
	return to, nil
}

// copyBuffer is the size of the pieces that content is copied in.
const copyBuffer = 256 << 10

// copyTo copies all of r and counts it.
func copyTo(w io.Writer, r io.Reader, p *progress) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, &countedReader{r, p}, make([]byte, copyBuffer))
	return err
}

// countedReader counts what is read through it.
type countedReader struct {
	io.Reader
	p *progress
}

func (c *countedReader) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.p.add(int64(n))
	return n, err
}
