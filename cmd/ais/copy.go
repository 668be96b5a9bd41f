package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ais/api"
)

// copyFlags are the flags of a copy.
type copyFlags struct {
	names   nameFlags
	w       waiting
	prepend string
	dry     bool
	latest  bool
	sync    bool
}

func (f *copyFlags) flags(cmd *cobra.Command) {
	f.names.flags(cmd)
	f.w.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.prepend, "prepend", "", "what the names of the copies begin with, as in dir/")
	flags.BoolVar(&f.dry, "dry-run", false, "count what would be copied, and copy nothing")
	flags.BoolVar(&f.latest, "latest", false, "of a remote bucket, ask it first for what has changed there")
	flags.BoolVar(&f.sync, "sync", false, "also remove copies of what the source no longer has")
}

// copyCommand copies buckets, and with objects also objects, by whether the first URI
// names one.
func (a *app) copyCommand(use string, objects bool) *cobra.Command {
	var f copyFlags
	cmd := &cobra.Command{
		Use:   use,
		Short: "Copy a bucket, or objects of one, to another",
		Example: `  ais cp ais://abc ais://new --wait
  ais cp ais://abc ais://new --prefix images/ --prepend old/
  ais cp s3://data ais://copy --template "shard-{0001..0100}.tar"
  ais cp ais://abc/file ais://new/file`,
		Args:              args(2, 2, "what to copy and where to, as in ais://abc ais://new"),
		ValidArgsFunction: a.completeObjects,
		RunE: func(cmd *cobra.Command, given []string) error {
			from, rest, err := bucketAndRest(given[0])
			if err != nil {
				return err
			}
			if objects && rest != "" && !f.names.any() && !strings.HasSuffix(rest, "/") {
				return a.copyObject(cmd.Context(), from, rest, given[1], &f)
			}
			to, under, err := bucketAndRest(given[1])
			if err != nil {
				return err
			}
			if under != "" {
				if f.prepend != "" {
					return usagef("what the copies begin with is given twice, in %q and by --prepend", given[1])
				}
				f.prepend = under
			}
			return a.copyBucket(cmd.Context(), from, rest, to, &f)
		},
	}
	f.flags(cmd)
	return cmd
}

// copyBucket starts a job that copies what the flags say of a bucket.
func (a *app) copyBucket(ctx context.Context, from api.Bucket, rest string, to api.Bucket, f *copyFlags) error {
	names, what, err := f.names.message(from, rest)
	if err != nil {
		return err
	}
	names.Latest = f.latest
	m := api.CopyMessage{NamesMessage: names, Prepend: f.prepend, DryRun: f.dry, Synchronize: f.sync}
	what = strings.TrimPrefix(what, "entire bucket ") + " => " + to.String()
	if f.prepend != "" {
		what += "/" + f.prepend
	}
	start, kind := a.client.CopyBucket, api.JobCopy
	if len(names.Names) > 0 || names.Template != "" {
		start, kind = a.client.CopyNames, api.JobCopyNames
	}
	id, err := start(ctx, from, to, m)
	if err != nil {
		return err
	}
	if f.dry {
		return a.counted(ctx, id, what, &f.w)
	}
	return a.started(ctx, kind, id, what, &f.w)
}

// counted waits for a dry run, and says what would have been copied.
func (a *app) counted(ctx context.Context, id, what string, w *waiting) error {
	s, err := a.follow(ctx, id, w)
	if err != nil {
		return err
	}
	if s.Err != "" {
		return fmt.Errorf("not all could be counted: %s", s.Err)
	}
	snaps, err := a.client.Jobs(ctx, api.JobQuery{ID: id})
	if err != nil {
		return err
	}
	t := totalOf(slices.Collect(maps.Values(snaps)))
	return a.done(map[string]any{"objects": t.done, "bytes": t.bytes}, "[DRY RUN] Would copy %s (%s): %s", plural(int(t.done), "object"), formatSize(t.bytes), what)
}

// copyObject copies one object: under its own name where the destination is a bucket,
// or below what ends in a slash.
func (a *app) copyObject(ctx context.Context, from api.Bucket, key, destination string, f *copyFlags) error {
	if f.dry || f.prepend != "" || f.w.any() {
		return usagef("--dry-run, --prepend, --wait, --timeout and --progress are for buckets: one object is copied at once")
	}
	to, toKey, err := bucketAndRest(destination)
	if err != nil {
		return err
	}
	switch {
	case toKey == "":
		toKey = key
	case strings.HasSuffix(toKey, "/"):
		toKey += path.Base(key)
	}
	if from == to && key == toKey {
		return usagef("%s/%s would be copied to itself", from, key)
	}
	if _, err := a.client.CopyObject(ctx, from, key, to, toKey, api.CopyOptions{Latest: f.latest, Synchronize: f.sync}); err != nil {
		return err
	}
	source, copied := from.String()+"/"+key, to.String()+"/"+toKey
	return a.done(map[string]any{"copied": source, "to": copied}, "COPY %s => %s", source, copied)
}

// moveCommand gives buckets another name, and with objects also objects, by whether the
// first URI names one.
func (a *app) moveCommand(use string, objects bool) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: "Give a bucket another name, or an object another in its bucket",
		Example: `  ais bucket mv ais://abc ais://new
  ais object mv ais://abc/old ais://abc/new`,
		Aliases:           []string{"rename"},
		Args:              args(2, 2, "what to rename and the new name, as in ais://abc ais://new"),
		ValidArgsFunction: a.completeObjects,
		RunE: func(cmd *cobra.Command, given []string) error {
			from, key, err := bucketAndRest(given[0])
			if err != nil {
				return err
			}
			if key != "" && objects {
				return a.moveObject(cmd.Context(), from, key, given[1])
			}
			if key != "" {
				return usagef("%q names an object; 'ais object mv' renames those", given[0])
			}
			return a.moveBucket(cmd.Context(), from, given[1])
		},
	}
}

// moveBucket renames a bucket and returns when every node knows it.
func (a *app) moveBucket(ctx context.Context, from api.Bucket, name string) error {
	to, err := bucketURI(name)
	if err != nil {
		return err
	}
	if to.Provider != from.Provider {
		return usagef("a bucket stays with its provider; 'ais bucket cp' copies %s to %s", from, to)
	}
	id, err := a.client.RenameBucket(ctx, from, to.Name)
	if err != nil {
		return err
	}
	s, err := a.follow(ctx, id, &waiting{})
	if err != nil {
		return err
	}
	if s.Err != "" {
		return fmt.Errorf("%s is %s now, but not every target has heard of it: %s", from, to, s.Err)
	}
	return a.done(map[string]any{"renamed": from.String(), "to": to.String()}, "Renamed %s => %s", from, to)
}

// moveObject renames an object; the new name is a URI in the same bucket, or what
// follows the bucket in one.
func (a *app) moveObject(ctx context.Context, b api.Bucket, key, name string) error {
	newKey := name
	if strings.Contains(name, "://") {
		to, toKey, err := bucketAndRest(name)
		if err != nil {
			return err
		}
		if to != b {
			return errors.New("an object stays in its bucket: copy it ('ais object cp') and remove it ('ais object rm')")
		}
		newKey = toKey
	}
	if newKey == "" || strings.HasSuffix(newKey, "/") {
		newKey += path.Base(key)
	}
	if err := a.client.RenameObject(ctx, b, key, newKey); err != nil {
		return err
	}
	return a.done(map[string]any{"moved": key, "to": newKey, "bucket": b.String()}, "%q moved to %q", key, newKey)
}
