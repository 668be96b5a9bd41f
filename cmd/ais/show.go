package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ais/api"
)

func (a *app) objectShowCommand(use string) *cobra.Command {
	var all bool
	var props string
	cmd := &cobra.Command{
		Use:               use,
		Short:             "Show what is known of objects",
		Example:           "  ais object show ais://abc/README.md --all",
		Args:              args(1, -1, "the object, as in ais://abc/README.md"),
		ValidArgsFunction: a.completeObjects,
		RunE: func(cmd *cobra.Command, given []string) error {
			wanted := []string{"atime", "checksum", "name", "size", "version"}
			if all || props == "all" {
				wanted = nil
			} else if props != "" {
				wanted = strings.Split(props, ",")
			}
			for i, uri := range given {
				if i > 0 && !a.json {
					fmt.Fprintln(a.out)
				}
				if err := a.showObject(cmd, uri, wanted); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "show all properties")
	cmd.Flags().StringVar(&props, "props", "", "properties to show, `comma-separated`")
	return cmd
}

// showObject writes the wanted rows, or all where wanted is nil.
func (a *app) showObject(cmd *cobra.Command, uri string, wanted []string) error {
	b, key, err := objectURI(uri)
	if err != nil {
		return err
	}
	info, err := a.client.HeadObject(cmd.Context(), b, key)
	if err != nil {
		return err
	}
	if a.json {
		return a.writeJSON(info)
	}
	rows := a.objectRows(info)
	t := a.table("PROPERTY", "VALUE")
	seen := 0
	for _, r := range rows {
		if wanted != nil && !contains(wanted, r.name) {
			continue
		}
		seen++
		if err := t.row(r.name, r.value); err != nil {
			return err
		}
	}
	if seen < len(wanted) {
		return usagef("--props: there are %s", rowNames(rows))
	}
	return t.flush()
}

func contains(words []string, w string) bool {
	for _, x := range words {
		if strings.TrimSpace(x) == w {
			return true
		}
	}
	return false
}

// objectRow is one property of an object, as text.
type objectRow struct{ name, value string }

func rowNames(rows []objectRow) string {
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.name
	}
	return strings.Join(names, ", ")
}

// objectRows returns every property of an object, sorted by name.
func (a *app) objectRows(i api.ObjectInfo) []objectRow {
	checksum := "-"
	if i.Checksum != "" {
		checksum = i.ChecksumType + "[" + shorten(i.Checksum) + "]"
	}
	copies := strconv.Itoa(i.Copies)
	if len(i.Mountpaths) > 0 {
		copies += " [" + strings.Join(i.Mountpaths, " ") + "]"
	}
	chunked := "no"
	if i.Parts > 1 {
		chunked = plural(i.Parts, "part")
	}
	return []objectRow{
		{"atime", orDash(a.formatTime(i.Accessed))},
		{"cached", yesNo(i.Present)},
		{"checksum", checksum},
		{"chunked", chunked},
		{"copies", copies},
		{"custom", orDash(i.CustomText())},
		{"ec", "-"},
		{"etag", orDash(i.ETag)},
		{"last-modified", orDash(a.formatTime(i.Modified))},
		{"location", orDash(i.Location)},
		{"name", i.Bucket.String() + "/" + i.Name},
		{"size", formatSize(i.Size)},
		{"version", orDash(i.Version)},
	}
}

// shorten returns the first 16 digits of a digest.
func shorten(digest string) string {
	if len(digest) > 16 {
		return digest[:16] + "..."
	}
	return digest
}

func (a *app) objectRemoveCommand() *cobra.Command {
	var names nameFlags
	var w waiting
	cmd := &cobra.Command{
		Use:               "rm URI…",
		Short:             "Remove objects",
		Example:           "  ais object rm ais://abc/README.md\n  ais object rm ais://abc --prefix images/",
		Args:              args(1, -1, "the object, as in ais://abc/README.md"),
		ValidArgsFunction: a.completeObjects,
		RunE: func(cmd *cobra.Command, given []string) error {
			for _, uri := range given {
				remove := a.removeObject
				if names.any() {
					remove = func(cmd *cobra.Command, uri string) error { return a.removeNames(cmd, uri, &names, &w) }
				}
				if err := remove(cmd, uri); err != nil {
					return err
				}
			}
			return nil
		},
	}
	names.flags(cmd)
	w.flags(cmd)
	return cmd
}

func (a *app) removeObject(cmd *cobra.Command, uri string) error {
	b, key, err := objectURI(uri)
	if err != nil {
		return err
	}
	if err := a.client.DeleteObject(cmd.Context(), b, key); err != nil {
		return err
	}
	return a.done(map[string]any{"deleted": b.String() + "/" + key}, "deleted %q from %s", key, b)
}

// removeCommand is "ais rm", for objects and, with a bucket alone, for buckets.
func (a *app) removeCommand() *cobra.Command {
	var yes bool
	var names nameFlags
	var w waiting
	cmd := &cobra.Command{
		Use:               "rm URI…",
		Short:             "Remove objects, or buckets",
		Example:           "  ais rm ais://abc/README.md\n  ais rm ais://abc --yes",
		Args:              args(1, -1, "the object or bucket, as in ais://abc/README.md"),
		ValidArgsFunction: a.completeObjects,
		RunE: func(cmd *cobra.Command, given []string) error {
			for _, uri := range given {
				_, key, err := parseURI(uri)
				switch {
				case err != nil:
				case names.any():
					err = a.removeNames(cmd, uri, &names, &w)
				case key != "":
					err = a.removeObject(cmd, uri)
				default:
					err = a.destroyURI(cmd, uri, yes)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask, even if there are objects in the bucket")
	names.flags(cmd)
	w.flags(cmd)
	return cmd
}
