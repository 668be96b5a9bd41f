package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"ais/api"
)

func (a *app) archiveCommand() *cobra.Command {
	return group("archive", "List, get and put files in archives (.tar, .tgz, .zip, .tar.lz4)",
		a.archiveListCommand(), a.archiveGetCommand(), a.archivePutCommand())
}

func (a *app) archiveListCommand() *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:               "ls URI",
		Short:             "List the files in an archive, or in all archives of a bucket",
		Example:           "  ais archive ls ais://abc/shard.tar",
		Args:              args(1, 1, "the archive, as in ais://abc/shard.tar"),
		ValidArgsFunction: a.completeObjects,
		RunE: func(cmd *cobra.Command, given []string) error {
			b, key, err := parseURI(given[0])
			if err != nil {
				return err
			}
			if err := api.CheckBucket(b); err != nil {
				return err
			}
			o.prefix, o.archives = key, true
			return a.listObjects(cmd, b, o)
		},
	}
	cmd.Flags().IntVar(&o.limit, "limit", 0, "how many to list at most")
	return cmd
}

// selectionFlags adds the flags that say which files of an archive are meant.
func selectionFlags(cmd *cobra.Command, s *api.Selection) {
	flags := cmd.Flags()
	flags.StringVar(&s.Path, "archpath", "", "the file in the archive")
	flags.StringVar(&s.Pattern, "archregx", "", "files in the archive that match: they come as a tar")
	flags.StringVar(&s.Mode, "archmode", "", "how they match: regexp (the default), prefix, suffix, substr, wdskey")
	flags.StringVar(&s.Mime, "archmime", "", "what kind of archive it is, whatever its name says")
	cmd.MarkFlagsMutuallyExclusive("archpath", "archregx")
}

func (a *app) archiveGetCommand() *cobra.Command {
	var s api.Selection
	yes := false
	cmd := &cobra.Command{
		Use:   "get URI [FILE|DIR|-]",
		Short: "Get a file in an archive, or a tar of those that match",
		Example: `  ais archive get ais://abc/shard.tar --archpath dir/0001.jpg
  ais archive get ais://abc/shard.tar --archregx dir/0001 --archmode wdskey - | tar t`,
		Args:              args(1, 2, "the archive, as in ais://abc/shard.tar"),
		ValidArgsFunction: a.completeGet,
		RunE: func(cmd *cobra.Command, given []string) error {
			b, key, err := objectURI(given[0])
			if err != nil {
				return err
			}
			to := ""
			if len(given) == 2 {
				to = given[1]
			}
			return a.getMembers(cmd.Context(), b, key, to, s, yes)
		},
	}
	selectionFlags(cmd, &s)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "overwrite files without asking")
	return cmd
}

// getMembers gets what s selects of an archive.
func (a *app) getMembers(ctx context.Context, b api.Bucket, key, to string, s api.Selection, yes bool) error {
	if s.Path == "" && s.Pattern == "" {
		return usagef("say which file of the archive by --archpath, or which by --archregx")
	}
	name, what := s.Path, s.Path
	if name == "" {
		name, what = key+".files.tar", "files that match "+s.Pattern
	}
	to, err := a.destination(name, to, yes)
	if err != nil {
		return err
	}
	content, size, err := a.client.GetMembers(ctx, b, key, s)
	if err != nil {
		return err
	}
	defer content.Close()
	counted := &talliedReader{from: content}
	p := a.progress("GET "+filepath.Base(name), max(size, 0))
	err = a.writeTo(to, counted, p)
	p.close()
	if err != nil || to == "-" {
		return err
	}
	return a.done(map[string]any{"got": b.String() + "/" + key, "archpath": s.Path, "file": to, "size": counted.n},
		"GET %s from %s/%s as %s (%s)", what, b, key, to, formatSize(counted.n))
}

// talliedReader counts what is read.
type talliedReader struct {
	from interface{ Read([]byte) (int, error) }
	n    int64
}

// Read implements io.Reader.
func (c *talliedReader) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}

func (a *app) archivePutCommand() *cobra.Command {
	var path, mime string
	var must, either bool
	cmd := &cobra.Command{
		Use:   "put FILE URI",
		Short: "Put a file into an archive",
		Long: `Put a file into an archive.

Without a flag that says otherwise the archive is made, and takes the place of one
that is there.`,
		Example: `  ais archive put README.md ais://abc/docs.tar --archpath docs/README.md --append-or-put
  ais archive put README.md ais://abc/docs.tar --append`,
		Args:              args(2, 2, "a file, and the archive, as in ais://abc/docs.tar"),
		ValidArgsFunction: a.completePut,
		RunE: func(cmd *cobra.Command, given []string) error {
			b, key, err := objectURI(given[1])
			if err != nil {
				return err
			}
			how := api.MakeArchive
			switch {
			case must:
				how = api.AppendToArchive
			case either:
				how = api.AppendOrMake
			}
			if path == "" {
				path = filepath.Base(given[0])
			}
			return a.putMember(cmd.Context(), given[0], b, key, path, mime, how)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&path, "archpath", "", "its name in the archive; without it, its own")
	flags.StringVar(&mime, "archmime", "", "what kind of archive it is, whatever its name says")
	flags.BoolVar(&must, "append", false, "add it to an archive that is there")
	flags.BoolVar(&either, "append-or-put", false, "add it to the archive if it is there, else make the archive")
	cmd.MarkFlagsMutuallyExclusive("append", "append-or-put")
	return cmd
}

func (a *app) putMember(ctx context.Context, file string, b api.Bucket, key, path, mime string, how api.ArchiveWrite) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return usagef("%s is no file", file)
	}
	if err := a.client.PutMember(ctx, b, key, path, mime, how, f, info.Size()); err != nil {
		return err
	}
	verb := "APPEND"
	if how == api.MakeArchive {
		verb = "PUT"
	}
	return a.done(map[string]any{"put": b.String() + "/" + key, "archpath": path, "size": info.Size()},
		"%s %s to %s as %q", verb, file, fmt.Sprintf("%s/%s", b, key), path)
}
