package main

import (
	"context"
	"crypto/rand"
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
	offset, length sizeFlag
	ranged         bool
	yes            bool
}

func (a *app) getCommand() *cobra.Command {
	var o getOptions
	cmd := &cobra.Command{
		Use:   "get URI [FILE|DIR|-]",
		Short: "Get an object, or a range of it",
		Example: `  ais get ais://abc/README.md
  ais get ais://abc/README.md /tmp/readme
  ais get ais://abc/README.md -
  ais get ais://abc/README.md --offset 0 --length 10 -`,
		Args:              args(1, 2, "the object, as in ais://abc/README.md"),
		ValidArgsFunction: a.completeGet,
		RunE: func(cmd *cobra.Command, given []string) error {
			b, key, err := objectURI(given[0])
			if err != nil {
				return err
			}
			o.ranged = cmd.Flags().Changed("offset") || cmd.Flags().Changed("length")
			if cmd.Flags().Changed("length") && o.length == 0 {
				return usagef("--length is 1 or more")
			}
			to := ""
			if len(given) == 2 {
				to = given[1]
			}
			return a.get(cmd.Context(), b, key, to, o)
		},
	}
	flags := cmd.Flags()
	flags.Var(&o.offset, "offset", "where in the object to begin")
	flags.Var(&o.length, "length", "how much to read; without it, to the end")
	flags.BoolVarP(&o.yes, "yes", "y", false, "overwrite a file without asking")
	return cmd
}

func (a *app) get(ctx context.Context, b api.Bucket, key, to string, o getOptions) error {
	to, err := a.destination(key, to, o.yes)
	if err != nil {
		return err
	}
	length := int64(-1)
	if o.ranged && o.length > 0 {
		length = int64(o.length)
	}
	r, err := a.client.GetObject(ctx, b, key, int64(o.offset), length)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // what is not read is not wanted
	p := a.progress("GET "+path.Base(key), r.Size)
	if to == "-" {
		err = copyTo(a.out, r, p)
		p.close()
		return err
	}
	err = writeFile(to, r, p)
	p.close()
	if err != nil {
		return err
	}
	what := key
	if o.ranged {
		what += fmt.Sprintf(" (offset %d, length %d)", o.offset, r.Size)
	}
	return a.done(map[string]any{"got": b.String() + "/" + key, "file": to, "size": r.Size}, "GET %s from %s as %s (%s)", what, b, to, formatSize(r.Size))
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

// writeFile writes the content under a name of its own beside the file and
// renames it when all of it is there and right. What is no regular file, such as
// /dev/null, is written to as it is.
func writeFile(name string, r io.Reader, p *progress) (err error) {
	if info, serr := os.Stat(name); serr == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		return copyTo(f, r, p)
	}
	partial := filepath.Join(filepath.Dir(name), ".ais-"+rand.Text()[:10]+".partial")
	f, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(partial)
		}
	}()
	err = copyTo(f, r, p)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(partial, name)
}

// copyTo copies all of r and counts it.
func copyTo(w io.Writer, r io.Reader, p *progress) error {
	const bufferSize = 256 << 10
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, &countedReader{r, p}, make([]byte, bufferSize))
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
