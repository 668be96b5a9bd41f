package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ais/api"
	"ais/object"
)

// listOptions are the flags of ls.
type listOptions struct {
	props      string
	prefix     string
	startAfter string
	limit      int
	pageSize   int
	all        bool
	countOnly  bool
	summary    bool
	flat       bool // does not recurse
	cached     bool // only what is here
	distant    bool // only what is not
	archives   bool // the files in archives as well
}

func (a *app) listCommand() *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:   "ls [URI]",
		Short: "List buckets, or the objects in a bucket",
		Example: `  ais ls
  ais ls ais://
  ais ls ais://abc --prefix images/ --limit 100
  ais ls ais://abc --props checksum,size,atime`,
		Aliases:           []string{"list"},
		Args:              args(0, 1, ""),
		ValidArgsFunction: a.completeBuckets,
		RunE: func(cmd *cobra.Command, given []string) error {
			uri := ""
			if o.summary {
				return a.summarize(cmd.Context(), given, o.prefix, o.cached)
			}
			if len(given) == 0 {
				return a.listBuckets(cmd, "", o)
			}
			uri = given[0]
			b, key, err := parseURI(uri)
			if err != nil {
				return err
			}
			if b.Name == "" {
				return a.listBuckets(cmd, b.Provider, o)
			}
			if key != "" && o.prefix != "" {
				return usagef("the prefix is given twice, in %q and by --prefix", uri)
			}
			if o.prefix == "" {
				o.prefix = key
			}
			if err := api.CheckBucket(b); err != nil {
				return err
			}
			return a.listObjects(cmd, b, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.props, "props", "", "properties to show, `comma-separated`: "+strings.Join(columnNames(), ", ")+" or all")
	flags.StringVarP(&o.prefix, "prefix", "p", "", "only names that begin with it")
	flags.StringVar(&o.startAfter, "start-after", "", "only names after this one")
	flags.IntVar(&o.limit, "limit", 0, "how many to list at most")
	flags.IntVar(&o.pageSize, "page-size", 0, "names in one answer of the cluster")
	flags.BoolVar(&o.all, "all", false, "show the status")
	flags.BoolVar(&o.cached, "cached", false, "of a remote bucket, only what is here")
	flags.BoolVar(&o.distant, "not-cached", false, "of a remote bucket, only what is not here")
	cmd.MarkFlagsMutuallyExclusive("cached", "not-cached")
	flags.BoolVar(&o.countOnly, "count-only", false, "only count")
	flags.BoolVar(&o.summary, "summary", false, "only say how much the buckets hold")
	flags.BoolVar(&o.archives, "archive", false, "also the files in archives")
	flags.BoolVar(&o.flat, "nr", false, "do not recurse: roll up what lies in folders")
	return cmd
}

// listBuckets lists the buckets of one provider, or of all.
func (a *app) listBuckets(cmd *cobra.Command, provider object.Provider, o listOptions) error {
	start := time.Now()
	buckets, err := a.client.ListBuckets(cmd.Context(), provider)
	if err != nil {
		return err
	}
	buckets = slices.DeleteFunc(buckets, func(b api.Bucket) bool { return !strings.HasPrefix(b.Name, o.prefix) })
	switch {
	case o.countOnly:
		return a.listed(len(buckets), start)
	case a.json:
		return a.writeJSON(buckets)
	}
	for _, p := range []object.Provider{object.AIS, object.AWS} {
		of := slices.DeleteFunc(slices.Clone(buckets), func(b api.Bucket) bool { return b.Provider != p })
		if len(of) == 0 && p != provider && (provider != "" || p != object.AIS) {
			continue
		}
		if err := a.writeBuckets(p, of); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) writeBuckets(p object.Provider, buckets []api.Bucket) error {
	label := "AIS"
	if p == object.AWS {
		label = "S3"
	}
	if !a.noHeaders {
		fmt.Fprintf(a.out, "%s Buckets (%d)\n", label, len(buckets))
	}
	if len(buckets) == 0 {
		if a.terminal && p == object.AIS {
			fmt.Fprintln(a.err, "'ais create ais://NAME' makes one.")
		}
		return nil
	}
	t := a.table("NAME", "PRESENT")
	for _, b := range buckets {
		if err := t.row(b.String(), "yes"); err != nil {
			return err
		}
	}
	return t.flush()
}

// column is a property that a listing can show.
type column struct {
	name  string
	value func(*app, *api.Entry) string
}

func columns() []column {
	return []column{
		{"size", func(_ *app, e *api.Entry) string { return formatSize(e.Size) }},
		{"checksum", func(_ *app, e *api.Entry) string { return e.Checksum }},
		{"atime", func(a *app, e *api.Entry) string {
			t, err := time.Parse(time.RFC3339Nano, e.Atime)
			if err != nil {
				return e.Atime
			}
			return a.formatTime(t)
		}},
		{"version", func(_ *app, e *api.Entry) string { return orDash(e.Version) }},
		{"cached", func(_ *app, e *api.Entry) string { return yesNo(e.Flags&api.EntryCached != 0) }},
		{"copies", func(_ *app, e *api.Entry) string { return strconv.Itoa(e.Copies) }},
		{"custom", func(_ *app, e *api.Entry) string { return orDash(e.Custom) }},
		{"location", func(_ *app, e *api.Entry) string { return orDash(e.Location) }},
		{"chunked", func(_ *app, e *api.Entry) string { return yesNo(e.Flags&api.EntryChunked != 0) }},
		{"status", func(_ *app, e *api.Entry) string { return formatStatus(e.Flags) }},
	}
}

func columnNames() []string {
	var names []string
	for _, c := range columns() {
		names = append(names, c.name)
	}
	return names
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// formatStatus names the status in an entry's flags.
func formatStatus(flags int) string {
	switch {
	case flags&api.EntryChanged != 0:
		return "version-changed" // at the remote
	case flags&api.EntryRemoved != 0:
		return "deleted"
	}
	names := []string{"ok", "misplaced(node)", "misplaced(mountpath)", "replica", "replica(object-is-missing)"}
	if s := flags & api.EntryStatusMask; s < len(names) {
		return names[s]
	}
	return "status " + strconv.Itoa(flags&api.EntryStatusMask)
}

// chosen returns the columns of a listing in the order asked for.
func (o listOptions) chosen(b api.Bucket) ([]column, error) {
	words := []string{"size"}
	if b.Provider != object.AIS {
		words = append(words, "cached", "status")
	}
	switch {
	case o.props == "all":
		words = columnNames()
	case o.props != "":
		words = strings.Split(o.props, ",")
	}
	if o.all && !slices.Contains(words, "status") {
		words = append(words, "status")
	}
	var out []column
	all := columns()
	for _, w := range words {
		if w = strings.TrimSpace(w); w == "name" || w == "" {
			continue
		}
		i := slices.IndexFunc(all, func(c column) bool { return c.name == w })
		if i < 0 {
			return nil, usagef("there is no property %q; there are name, %s and all", w, strings.Join(columnNames(), ", "))
		}
		out = append(out, all[i])
	}
	return out, nil
}

func (a *app) listObjects(cmd *cobra.Command, b api.Bucket, o listOptions) error {
	chosen, err := o.chosen(b)
	if err != nil {
		return err
	}
	if o.limit < 0 || o.pageSize < 0 || o.pageSize > api.MaxPageSize {
		return usagef("--limit is 0 or more, --page-size 0 to %d", api.MaxPageSize)
	}
	message := api.ListMessage{Prefix: o.prefix, StartAfter: o.startAfter, PageSize: o.pageSize, Props: "name", TimeFormat: time.RFC3339Nano}
	for _, c := range chosen {
		message.Props += "," + c.name
	}
	if o.flat {
		message.Flags |= api.ListNoRecursion
	}
	if o.countOnly {
		message.Flags |= api.ListNameOnly
	}
	if o.cached {
		message.Flags |= api.ListCached
	}
	if o.archives {
		message.Flags |= api.ListArchives
	}
	if o.distant {
		message.Flags |= api.ListNotCached
	}
	start, count := time.Now(), 0
	out := a.entryWriter(chosen)
	for e, err := range a.client.ListObjects(cmd.Context(), b, message, o.limit) {
		if err != nil {
			_ = out.close(count) // the error that stopped the listing is the one to tell
			return err
		}
		count++
		if o.countOnly {
			continue
		}
		if err := out.write(&e); err != nil {
			return err
		}
	}
	if o.countOnly {
		return a.listed(count, start)
	}
	if count == 0 && !a.json {
		return a.nothingListed(b, o)
	}
	return out.close(count)
}

func (a *app) nothingListed(b api.Bucket, o listOptions) error {
	with := ""
	if o.prefix != "" {
		with = fmt.Sprintf(" with prefix %q", o.prefix)
	}
	_, err := fmt.Fprintf(a.out, "No objects in %s%s\n", b, with)
	return err
}

func (a *app) listed(n int, start time.Time) error {
	took := time.Since(start).Round(100 * time.Microsecond)
	return a.done(map[string]any{"listed": n, "seconds": took.Seconds()}, "Listed %s in %v", plural(n, "name"), took)
}

// entryWriter writes entries one by one, as a table or as a JSON array.
type entryWriter struct {
	a       *app
	table   *table
	columns []column
	count   int
}

func (a *app) entryWriter(chosen []column) *entryWriter {
	header := []string{"NAME"}
	for _, c := range chosen {
		header = append(header, strings.ToUpper(c.name))
	}
	return &entryWriter{a: a, columns: chosen, table: a.table(header...)}
}

func (w *entryWriter) write(e *api.Entry) error {
	w.count++
	if w.a.json {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		separator := ",\n    "
		if w.count == 1 {
			separator = "[\n    "
		}
		_, err = fmt.Fprintf(w.a.out, "%s%s", separator, line)
		return err
	}
	cells := []string{e.Name}
	if e.Flags&api.EntryInArchive != 0 {
		cells[0] = "    " + e.Name
	}
	for _, c := range w.columns {
		if e.Flags&api.EntryDir != 0 {
			cells = append(cells, "")
			continue
		}
		cells = append(cells, c.value(w.a, e))
	}
	return w.table.row(cells...)
}

func (w *entryWriter) close(count int) error {
	if !w.a.json {
		if count == 0 {
			return nil
		}
		return w.table.flush()
	}
	end := "\n]\n"
	if w.count == 0 {
		end = "[]\n"
	}
	_, err := io.WriteString(w.a.out, end)
	return err
}
