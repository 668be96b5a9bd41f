package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ais/api"
	"ais/object"
)

// The bounds of a completion: a shell waits for it.
const (
	completeTimeout = time.Second
	completeMost    = 200
)

// completing makes a client and a deadline; ok is false where there is no client.
func (a *app) completing(cmd *cobra.Command) (ctx context.Context, cancel context.CancelFunc, ok bool) {
	ctx, cancel = context.WithTimeout(cmd.Context(), completeTimeout)
	return ctx, cancel, a.client != nil || a.connect() == nil
}

// completeBuckets completes the URIs of buckets.
func (a *app) completeBuckets(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel, ok := a.completing(cmd)
	defer cancel()
	if !ok {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.bucketURIs(ctx, typed, ""), cobra.ShellCompDirectiveNoFileComp
}

// bucketURIs returns the buckets that begin with what is typed, with a suffix.
func (a *app) bucketURIs(ctx context.Context, typed, suffix string) []cobra.Completion {
	buckets, err := a.client.ListBuckets(ctx, "")
	if err != nil {
		return nil
	}
	var out []cobra.Completion
	for _, b := range buckets {
		if uri := b.String() + suffix; strings.HasPrefix(uri, typed) {
			out = append(out, uri)
		}
	}
	return out
}

// completeUsers completes the name of a user, as a command's first argument.
func (a *app) completeUsers(cmd *cobra.Command, given []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel, ok := a.completing(cmd)
	defer cancel()
	if !ok || len(given) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	users, err := a.client.Users(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []cobra.Completion
	for _, u := range users {
		if strings.HasPrefix(u.Name, typed) {
			out = append(out, u.Name)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completeObjects completes the URIs of objects, folder by folder.
func (a *app) completeObjects(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	ctx, cancel, ok := a.completing(cmd)
	defer cancel()
	if !ok {
		return nil, directive
	}
	scheme, rest, found := strings.Cut(typed, "://")
	name, prefix, inBucket := strings.Cut(rest, "/")
	if !found || !inBucket {
		return a.bucketURIs(ctx, typed, "/"), directive
	}
	provider, err := object.ParseProvider(scheme)
	if err != nil {
		return nil, directive
	}
	b := api.NewBucket(provider, name)
	var out []cobra.Completion
	message := api.ListMessage{Prefix: prefix, Flags: api.ListNoRecursion | api.ListNameOnly}
	for e, err := range a.client.ListObjects(ctx, b, message, completeMost) {
		if err != nil {
			break
		}
		out = append(out, scheme+"://"+name+"/"+e.Name)
	}
	return out, directive
}

// completePut completes a file, then more files or a bucket.
func (a *app) completePut(cmd *cobra.Command, given []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(given) == 0 || !beginsURI(typed) {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return a.completeObjects(cmd, nil, typed)
}

// beginsURI reports whether what is typed may become the URI of a bucket.
func beginsURI(typed string) bool {
	for _, scheme := range []string{"ais://", "aws://", "s3://"} {
		if strings.HasPrefix(typed, scheme) || strings.HasPrefix(scheme, typed) {
			return true
		}
	}
	return false
}

// completeGet completes an object, then a file.
func (a *app) completeGet(cmd *cobra.Command, given []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(given) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return a.completeObjects(cmd, nil, typed)
}

// completeProps completes a bucket, then the names of its properties.
func (a *app) completeProps(cmd *cobra.Command, given []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(given) == 0 {
		return a.completeBuckets(cmd, nil, typed)
	}
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	ctx, cancel, ok := a.completing(cmd)
	defer cancel()
	b, err := bucketURI(given[0])
	if !ok || err != nil {
		return nil, directive
	}
	p, err := a.client.HeadBucket(ctx, b)
	if err != nil {
		return nil, directive
	}
	return assignable(p, typed), directive
}

// completeConfig completes the names of the cluster's settings.
func (a *app) completeConfig(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	ctx, cancel, ok := a.completing(cmd)
	defer cancel()
	if !ok {
		return nil, directive
	}
	p, err := a.client.ClusterConfig(ctx)
	if err != nil {
		return nil, directive
	}
	return assignable(p, typed), directive
}

// assignable returns "name=" for the properties that begin with what is typed.
func assignable(p api.Properties, typed string) []cobra.Completion {
	var out []cobra.Completion
	for _, e := range p {
		switch e.Name {
		case "bid", "created", "provider", "region":
			continue
		}
		if strings.HasPrefix(e.Name, typed) {
			out = append(out, e.Name+"=")
		}
	}
	return out
}

// completeNodes completes what 'show cluster' takes.
func (a *app) completeNodes(cmd *cobra.Command, given []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.nodesAnd(cmd, given, typed, "proxy", "target", "smap", "bmd", "config", "stats")
}

// completeNodeIDs completes the id of a node.
func (a *app) completeNodeIDs(cmd *cobra.Command, given []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.nodesAnd(cmd, given, typed)
}

// nodesAnd completes the id of a node, or one of the words.
func (a *app) nodesAnd(cmd *cobra.Command, given []string, typed string, out ...cobra.Completion) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel, ok := a.completing(cmd)
	defer cancel()
	if len(given) > 0 || !ok {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if m, err := a.client.ClusterMap(ctx); err == nil {
		for id := range m.Proxies {
			out = append(out, id)
		}
		for id := range m.Targets {
			out = append(out, id)
		}
	}
	var match []cobra.Completion
	for _, word := range out {
		if strings.HasPrefix(word, typed) {
			match = append(match, word)
		}
	}
	return match, cobra.ShellCompDirectiveNoFileComp
}
