package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ais/api"
	"ais/cluster"
)

func (a *app) bucketShowCommand(use string) *cobra.Command {
	return &cobra.Command{
		Use:               use,
		Short:             "Show the properties of a bucket",
		Example:           "  ais show bucket ais://abc\n  ais show bucket ais://abc checksum",
		Args:              args(1, -1, "the bucket, as in ais://abc"),
		ValidArgsFunction: a.completeBuckets,
		RunE: func(cmd *cobra.Command, given []string) error {
			p, err := a.headSections(cmd, given)
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(p)
			}
			t := a.table("PROPERTY", "VALUE")
			for _, name := range sections(p) {
				value := a.formatSection(name, p.Section(name))
				if name == "bid" || value == "" {
					continue
				}
				if err := t.row(name, value); err != nil {
					return err
				}
			}
			return t.flush()
		},
	}
}

// headSections returns the properties of the bucket in the first argument, those
// of the sections in the others if there are any.
func (a *app) headSections(cmd *cobra.Command, given []string) (api.Properties, error) {
	b, err := bucketURI(given[0])
	if err != nil {
		return nil, err
	}
	p, err := a.client.HeadBucket(cmd.Context(), b)
	if err != nil {
		return nil, err
	}
	return pick(p, given[1:])
}

// pick returns the named sections of p, all where none is named.
func pick(p api.Properties, names []string) (api.Properties, error) {
	if len(names) == 0 {
		return p, nil
	}
	var out api.Properties
	for _, name := range names {
		found := p.Section(name)
		if len(found) == 0 {
			return nil, usagef("there is no property %q; there are %s", name, strings.Join(sections(p), ", "))
		}
		out = append(out, found...)
	}
	return out, nil
}

// sections returns the first words of the names, sorted, each once.
func sections(p api.Properties) []string {
	var out []string
	for _, e := range p {
		name, _, _ := strings.Cut(e.Name, ".")
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// formatSection writes a section of bucket properties in one line, as AIStore
// does where it has the section; "" where there is nothing to say.
func (a *app) formatSection(name string, p api.Properties) string {
	switch name {
	case "access":
		return formatAccess(p.Get("access"))
	case "checksum":
		return formatChecksum(p)
	case "created":
		ns, err := strconv.ParseInt(p.Get("created"), 10, 64)
		if err != nil {
			return p.Get("created")
		}
		return a.formatTime(time.Unix(0, ns))
	case "features":
		if names := formatFeatures(p.Get("features")); names != "none" {
			return names
		}
		return ""
	case "lru":
		return enabled(p.Get("lru.enabled"))
	case "mirror":
		if p.Get("mirror.enabled") == "true" {
			return p.Get("mirror.copies") + " copies"
		}
		return enabled("")
	case "versioning":
		return formatVersioning(p)
	}
	parts := make([]string, 0, len(p))
	for _, e := range p {
		if name == "extra" && (e.Value == "" || e.Value == "0B") {
			continue // as the cluster has it
		}
		label := strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(e.Name, name), "."), "_", " ")
		if label == "" {
			parts = append(parts, e.Value)
			continue
		}
		parts = append(parts, strings.ToUpper(label[:1])+label[1:]+": "+e.Value)
	}
	return strings.Join(parts, " | ")
}

func enabled(value string) string {
	if value == "true" {
		return "Enabled"
	}
	return "Disabled"
}

func formatVersioning(p api.Properties) string {
	out := enabled(p.Get("versioning.enabled"))
	if p.Get("versioning.validate_warm_get") == "true" {
		out += " | Validate: WarmGET"
	}
	if p.Get("versioning.synchronize") == "true" {
		out += " | Synchronize"
	}
	return out
}

// formatFeatures names the features that are on in their number.
func formatFeatures(text string) string {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return text
	}
	return cluster.Features(n).Names()
}

// formatValue writes the value of one property, or setting.
func formatValue(name, value string) string {
	switch name {
	case "access":
		return formatAccess(value)
	case "features":
		return formatFeatures(value)
	}
	return value
}

func formatChecksum(p api.Properties) string {
	kind := p.Get("checksum.type")
	if kind == "none" {
		return "Disabled"
	}
	var when []string
	if p.Get("checksum.validate_cold_get") == "true" {
		when = append(when, "ColdGET")
	}
	if p.Get("checksum.validate_warm_get") == "true" {
		when = append(when, "WarmGET")
	}
	if len(when) == 0 {
		when = append(when, "Nothing")
	}
	return "Type: " + kind + " | Validate: " + strings.Join(when, ",")
}

// formatAccess writes AIStore's bit mask of permitted operations.
func formatAccess(text string) string {
	bits, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return text
	}
	names := []string{"GET", "HEAD-OBJECT", "PUT", "APPEND", "DELETE-OBJECT", "MOVE-OBJECT", "PROMOTE",
		"UPDATE-OBJECT", "HEAD-BUCKET", "LIST-OBJECTS", "PATCH", "SET-BUCKET-ACL"}
	const ro = 1 | 2 | 256 | 512 // as package cluster has them
	const rw = ro | 4 | 8 | 16 | 32
	switch all := uint64(1)<<len(names) - 1; {
	case bits&all == all:
		return "su (everything)"
	case bits == ro:
		return "ro (reads)"
	case bits == rw:
		return "rw (reads and writes)"
	}
	var out []string
	for i, name := range names {
		if bits&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return orDash(strings.Join(out, ","))
}

// bucketPropsCommand is "props set|show", and without either word what the
// arguments look like.
func (a *app) bucketPropsCommand() *cobra.Command {
	show := &cobra.Command{
		Use: "show URI [NAME…]", Short: "Show properties under the names that 'set' takes",
		Args: args(1, -1, "the bucket, as in ais://abc"), ValidArgsFunction: a.completeBuckets, RunE: a.showProps,
	}
	set := &cobra.Command{
		Use: "set URI NAME=VALUE…", Short: "Change properties, all of those given or none",
		Example: "  ais bucket props set ais://abc checksum.type=md5",
		Args:    args(2, -1, "a bucket and properties, as in ais://abc checksum.type=md5"), ValidArgsFunction: a.completeProps, RunE: a.setProps,
	}
	reset := &cobra.Command{
		Use: "reset URI", Short: "Give a bucket the cluster's defaults",
		Args: args(1, 1, "the bucket, as in ais://abc"), ValidArgsFunction: a.completeBuckets,
		RunE: func(cmd *cobra.Command, given []string) error {
			b, err := bucketURI(given[0])
			if err != nil {
				return err
			}
			return a.changeProps(cmd, b, func(etag string) error { return a.client.ResetBucketProps(cmd.Context(), b, etag) })
		},
	}
	cmd := &cobra.Command{
		Use:   "props URI [NAME=VALUE…]",
		Short: "Show or change the properties of a bucket",
		Example: `  ais bucket props ais://abc
  ais bucket props ais://abc checksum.type=md5`,
		Args:              args(1, -1, "the bucket, as in ais://abc"),
		ValidArgsFunction: a.completeProps,
		RunE: func(cmd *cobra.Command, given []string) error {
			if len(given) > 1 && (strings.Contains(given[1], "=") || strings.HasPrefix(given[1], "{")) {
				return a.setProps(cmd, given)
			}
			return a.showProps(cmd, given)
		},
	}
	cmd.AddCommand(show, set, reset)
	return cmd
}

func (a *app) showProps(cmd *cobra.Command, given []string) error {
	p, err := a.headSections(cmd, given)
	if err != nil {
		return err
	}
	return a.showProperties(p)
}

// showProperties writes one row for each property.
func (a *app) showProperties(p api.Properties) error {
	if a.json {
		return a.writeJSON(p)
	}
	t := a.table("PROPERTY", "VALUE")
	for _, e := range p {
		if err := t.row(e.Name, orDash(formatValue(e.Name, e.Value))); err != nil {
			return err
		}
	}
	return t.flush()
}

func (a *app) setProps(cmd *cobra.Command, given []string) error {
	b, err := bucketURI(given[0])
	if err != nil {
		return err
	}
	var p api.Properties
	if len(given) == 2 && strings.HasPrefix(given[1], "{") {
		p, err = parseProps(given[1])
	} else {
		p, err = assignments(given[1:])
	}
	if err != nil {
		return err
	}
	return a.changeProps(cmd, b, func(etag string) error { return a.client.SetBucketProps(cmd.Context(), b, p, etag) })
}

// changeProps changes a bucket and says what became of what: the change is refused
// where somebody else's has come in between.
func (a *app) changeProps(cmd *cobra.Command, b api.Bucket, change func(etag string) error) error {
	before, etag, err := a.client.HeadBucketTag(cmd.Context(), b)
	if err != nil {
		return err
	}
	if err := change(etag); err != nil {
		return err
	}
	after, err := a.client.HeadBucket(cmd.Context(), b)
	if err != nil {
		return err
	}
	return a.reportChange(before, after, "Bucket props successfully updated", fmt.Sprintf("Bucket %q has these properties already, nothing to do", b))
}

// reportChange writes which settings are other than before.
func (a *app) reportChange(before, after api.Properties, headline, unchanged string) error {
	type change struct {
		Name string `json:"name"`
		From string `json:"was"`
		To   string `json:"is"`
	}
	changes := []change{}
	for _, e := range after {
		if was := before.Get(e.Name); was != e.Value {
			changes = append(changes, change{e.Name, was, e.Value})
		}
	}
	if a.json {
		return a.writeJSON(changes)
	}
	if len(changes) == 0 {
		_, err := fmt.Fprintln(a.out, unchanged)
		return err
	}
	fmt.Fprintln(a.out, headline)
	for _, c := range changes {
		fmt.Fprintf(a.out, "%q set to: %q (was: %q)\n", c.Name, formatValue(c.Name, c.To), formatValue(c.Name, c.From))
	}
	return nil
}
