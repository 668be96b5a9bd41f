package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"ais/api"
)

// summaryCommand says how much buckets hold.
func (a *app) summaryCommand(use string) *cobra.Command {
	var prefix string
	var cached bool
	cmd := &cobra.Command{
		Use:   use,
		Short: "Say how many objects buckets hold, and how much space they use",
		Example: `  ais bucket summary
  ais bucket summary ais://abc --prefix images/
  ais storage summary s3://data`,
		Args:              args(0, -1, ""),
		ValidArgsFunction: a.completeBuckets,
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.summarize(cmd.Context(), given, prefix, cached)
		},
	}
	cmd.Flags().StringVarP(&prefix, "prefix", "p", "", "only objects whose names begin with it")
	cmd.Flags().BoolVar(&cached, "cached", false, "of remote buckets only what is here")
	return cmd
}

// part is a bucket, or what begins with a prefix in it.
type part struct {
	bucket api.Bucket
	prefix string
}

// summarize writes a row for each of the buckets, of all where none is named.
func (a *app) summarize(ctx context.Context, uris []string, prefix string, cached bool) error {
	parts, err := a.parts(ctx, uris, prefix)
	if err != nil {
		return err
	}
	if len(parts) == 0 && !a.json {
		_, err := fmt.Fprintln(a.out, "No buckets")
		return err
	}
	t := a.table("NAME", "PRESENT", "OBJECTS", "SIZE (apparent, objects, remote)", "USAGE(%)")
	all := []api.Summary{}
	for _, p := range parts {
		s, err := a.client.SummarizeBucket(ctx, p.bucket, p.prefix, cached)
		if err != nil {
			return err
		}
		if a.json {
			all = append(all, s)
			continue
		}
		if err := t.row(summaryCells(p, &s)...); err != nil {
			return err
		}
	}
	if a.json {
		return a.writeJSON(all)
	}
	return t.flush()
}

// parts returns what the URIs name; a provider alone, or no URI, stands for its buckets.
func (a *app) parts(ctx context.Context, uris []string, prefix string) (out []part, err error) {
	if len(uris) == 0 {
		uris = []string{""}
	}
	for _, uri := range uris {
		var p part
		if uri != "" {
			if p.bucket, p.prefix, err = parseURI(uri); err != nil {
				return nil, err
			}
		}
		switch {
		case p.prefix != "" && prefix != "":
			return nil, usagef("the prefix is given twice, in %q and by --prefix", uri)
		case p.prefix == "":
			p.prefix = prefix
		}
		if p.bucket.Name != "" {
			out = append(out, p)
			continue
		}
		buckets, err := a.client.ListBuckets(ctx, p.bucket.Provider)
		if err != nil {
			return nil, err
		}
		for _, b := range buckets {
			out = append(out, part{bucket: b, prefix: p.prefix})
		}
	}
	return out, nil
}

func summaryCells(p part, s *api.Summary) []string {
	name := p.bucket.String()
	if p.prefix != "" {
		name += "/" + p.prefix
	}
	objects := strconv.FormatUint(s.Objects, 10)
	if s.RemoteObjects > 0 {
		objects += " " + strconv.FormatUint(s.RemoteObjects, 10)
	}
	size := formatSize(int64(s.OnDisk)) + " " + formatSize(int64(s.Size)) + " " + formatSize(int64(s.RemoteSize))
	return []string{name, yesNo(s.Present), objects, size, strconv.FormatFloat(s.UsedPct, 'f', 2, 64) + "%"}
}
