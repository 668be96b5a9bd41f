package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ais/api"
)

// nameFlags say which objects of a bucket a job is about.
type nameFlags struct {
	list, template, prefix string
	workers                int
}

func (n *nameFlags) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&n.list, "list", "", "the objects, `comma-separated`")
	flags.StringVar(&n.template, "template", "", "the objects, as a `template` with ranges, as in \"shard-{0001..0100}.tar\"; without a range it is a prefix")
	flags.StringVarP(&n.prefix, "prefix", "p", "", "the objects whose names begin with it")
	flags.IntVar(&n.workers, "num-workers", 0, "objects at a time on each target (default 8)")
}

// any reports whether a flag names objects.
func (n *nameFlags) any() bool { return n.list != "" || n.template != "" || n.prefix != "" }

// message returns the names of a job, and what they are for people. rest is what
// follows the bucket in the URI: a prefix.
func (n *nameFlags) message(b api.Bucket, rest string) (m api.NamesMessage, what string, err error) {
	m = api.NamesMessage{Template: n.template, Prefix: n.prefix, Workers: n.workers}
	if rest != "" {
		if n.any() {
			return m, "", usagef("the objects are named twice, in the URI and by a flag")
		}
		m.Prefix = rest
	}
	for name := range strings.SplitSeq(n.list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			m.Names = append(m.Names, name)
		}
	}
	switch {
	case len(m.Names) > 0:
		what = plural(len(m.Names), "object") + " of " + b.String()
	case m.Template != "":
		what = "template " + m.Template + " of " + b.String()
	case m.Prefix != "":
		what = b.String() + "/" + m.Prefix + "*"
	default:
		what = "entire bucket " + b.String()
	}
	if err := m.Check(); err != nil {
		return m, "", usagef("%v", err)
	}
	return m, what, nil
}

func (a *app) prefetchCommand() *cobra.Command {
	var names nameFlags
	var latest bool
	var w waiting
	cmd := &cobra.Command{
		Use:   "prefetch BUCKET[/PREFIX]…",
		Short: "Bring objects of remote buckets here before they are asked for",
		Example: `  ais prefetch s3://abc/images/ --wait
  ais prefetch s3://abc --list "a.tar,b.tar" --latest
  ais prefetch s3://abc --template "shard-{0001..0100}.tar" --progress`,
		Args:              args(1, -1, "the bucket, as in s3://abc"),
		ValidArgsFunction: a.completeObjects,
		RunE: func(cmd *cobra.Command, given []string) error {
			for _, uri := range given {
				b, rest, err := bucketAndRest(uri)
				if err != nil {
					return err
				}
				m, what, err := names.message(b, rest)
				if err != nil {
					return err
				}
				m.Latest = latest
				id, err := a.client.StartNames(cmd.Context(), b, api.ActionPrefetch, m)
				if err != nil {
					return err
				}
				if err := a.started(cmd.Context(), api.JobPrefetch, id, what, &w); err != nil {
					return err
				}
			}
			return nil
		},
	}
	names.flags(cmd)
	cmd.Flags().BoolVar(&latest, "latest", false, "also fetch anew what has changed at the remote bucket")
	w.flags(cmd)
	return cmd
}

// bucketAndRest reads a bucket and what follows it.
func bucketAndRest(uri string) (b api.Bucket, rest string, err error) {
	if b, rest, err = parseURI(uri); err != nil {
		return b, "", err
	}
	if b.Name == "" {
		return b, "", usagef("%q names no bucket; write %s://BUCKET", uri, b.Provider)
	}
	return b, rest, api.CheckBucket(b)
}

func (a *app) evictCommand() *cobra.Command {
	var names nameFlags
	var keep bool
	var w waiting
	cmd := &cobra.Command{
		Use:   "evict URI…",
		Short: "Drop what is kept here of remote buckets; the remote keeps all",
		Example: `  ais evict s3://abc/README.md
  ais evict s3://abc --prefix images/
  ais evict s3://abc --template "shard-{0001..0100}.tar" --wait
  ais evict s3://abc --keep-md
  ais evict s3://abc`,
		Args:              args(1, -1, "the object or bucket, as in s3://abc/README.md"),
		ValidArgsFunction: a.completeObjects,
		RunE: func(cmd *cobra.Command, given []string) error {
			for _, uri := range given {
				b, rest, err := bucketAndRest(uri)
				switch folder := strings.HasSuffix(rest, "/"); {
				case err != nil:
				case keep && (rest != "" || names.any()):
					err = usagef("--keep-md is for a whole bucket: an object goes without it anyway")
				case names.any() || folder:
					err = a.evictNames(cmd.Context(), b, rest, &names, &w)
				case rest != "":
					err = a.evictObject(cmd.Context(), b, rest)
				default:
					err = a.evictBucket(cmd.Context(), b, keep, &w)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	names.flags(cmd)
	cmd.Flags().BoolVar(&keep, "keep-md", false, "keep the bucket and its properties, and drop its objects")
	w.flags(cmd)
	return cmd
}

func (a *app) evictNames(ctx context.Context, b api.Bucket, rest string, names *nameFlags, w *waiting) error {
	m, what, err := names.message(b, rest)
	if err != nil {
		return err
	}
	id, err := a.client.StartNames(ctx, b, api.ActionEvict, m)
	if err != nil {
		return err
	}
	return a.started(ctx, api.JobEvict, id, what, w)
}

// evictObject evicts one object, and waits for it.
func (a *app) evictObject(ctx context.Context, b api.Bucket, key string) error {
	id, err := a.client.StartNames(ctx, b, api.ActionEvict, api.NamesMessage{Names: []string{key}})
	if err != nil {
		return err
	}
	s, err := a.follow(ctx, id, &waiting{})
	if err != nil {
		return err
	}
	if s.Err != "" {
		return fmt.Errorf("%s/%s was not evicted: %s", b, key, s.Err)
	}
	snaps, err := a.client.Jobs(ctx, api.JobQuery{ID: id})
	if err != nil {
		return err
	}
	if t := totalOf(slices.Collect(maps.Values(snaps))); t.done == 0 {
		return fmt.Errorf("%s/%s is not cached, or the remote bucket does not have it", b, key)
	}
	return a.done(map[string]any{"evicted": b.String() + "/" + key}, "evicted %q from %s", key, b)
}

// evictBucket evicts all objects of a bucket, and with keep not the bucket itself.
func (a *app) evictBucket(ctx context.Context, b api.Bucket, keep bool, w *waiting) error {
	id, err := a.client.EvictBucket(ctx, b, keep)
	if err != nil {
		return err
	}
	kept := ""
	if id != "" { // the objects of a bucket that stays go in a job
		kept = " (metadata preserved)"
		s, err := a.follow(ctx, id, w)
		if err != nil {
			return err
		}
		if s.Err != "" {
			return fmt.Errorf("not all of %s was evicted: %s", b, s.Err)
		}
	}
	return a.done(map[string]any{"evicted": b.String(), "kept": id != ""}, "Evicted bucket %s%s", b, kept)
}

// removeNames starts a job that removes the objects of a bucket that flags name.
func (a *app) removeNames(cmd *cobra.Command, uri string, names *nameFlags, w *waiting) error {
	b, rest, err := bucketAndRest(uri)
	if err != nil {
		return err
	}
	m, what, err := names.message(b, rest)
	if err != nil {
		return err
	}
	id, err := a.client.StartNames(cmd.Context(), b, api.ActionDelete, m)
	if err != nil {
		return err
	}
	return a.started(cmd.Context(), api.JobDelete, id, what, w)
}
