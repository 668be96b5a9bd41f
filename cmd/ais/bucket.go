package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ais/api"
	"ais/object"
)

func (a *app) createCommand() *cobra.Command {
	var props string
	var skipLookup bool
	cmd := &cobra.Command{
		Use:   "create URI…",
		Short: "Create buckets, or add remote ones",
		Long: `Create buckets, or add remote ones.

A remote bucket, aws://NAME or s3://NAME, is added if the remote store has it; nothing
is made there. One that is not added is looked for when it is first used.`,
		Example: `  ais create ais://abc
  ais create ais://abc --props="checksum.type=md5"
  ais create aws://data
  ais create ais://front --props="backend_bck=aws://data"`,
		Args: args(1, -1, "the bucket, as in ais://abc"),
		RunE: func(cmd *cobra.Command, given []string) error {
			p, err := parseProps(props)
			if err != nil {
				return err
			}
			for _, uri := range given {
				b, err := bucketURI(uri)
				if err != nil {
					return err
				}
				create := a.client.CreateBucket
				if skipLookup {
					create = a.client.AddBucket
				}
				err = create(cmd.Context(), b, p)
				if errors.Is(err, object.Exists) {
					return fmt.Errorf("bucket %q already exists", b)
				}
				if err != nil {
					return err
				}
				if err := a.done(map[string]any{"created": b.String()}, "%q created", b); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&props, "props", "", "properties, `\"NAME=VALUE NAME=VALUE\"` or JSON")
	cmd.Flags().BoolVar(&skipLookup, "skip-lookup", false, "add a remote bucket without asking whether it is there")
	return cmd
}

// parseProps reads the value of --props: words NAME=VALUE, or nested JSON.
func parseProps(s string) (api.Properties, error) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "{") {
		var p api.Properties
		if err := p.UnmarshalJSON([]byte(s)); err != nil {
			return nil, usagef("--props: %v", err)
		}
		return p, nil
	}
	return assignments(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' }))
}

// assignments reads words NAME=VALUE.
func assignments(words []string) (api.Properties, error) {
	p, err := api.ParseAssignments(words)
	var e *object.Error
	if errors.As(err, &e) {
		return nil, usagef("%q is %v", e.Name, e.Err)
	}
	return p, err
}

func (a *app) bucketRemoveCommand(use string) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:               use,
		Short:             "Remove buckets and all objects in them; of remote ones what is kept here",
		Args:              args(1, -1, "the bucket, as in ais://abc"),
		ValidArgsFunction: a.completeBuckets,
		RunE: func(cmd *cobra.Command, given []string) error {
			for _, uri := range given {
				if err := a.destroyURI(cmd, uri, yes); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask, even if there are objects in it")
	return cmd
}

// destroyURI removes a bucket: an empty one at once, any other with yes or after
// the user said so.
func (a *app) destroyURI(cmd *cobra.Command, uri string, yes bool) error {
	b, err := bucketURI(uri)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	if b.Provider == object.AWS {
		return a.forget(cmd, b)
	}
	if !yes {
		page, err := a.client.ListPage(ctx, b, api.ListMessage{PageSize: 1, Flags: api.ListNameOnly})
		if err != nil {
			return err
		}
		if len(page.Entries) > 0 {
			if !a.terminal {
				return fmt.Errorf("bucket %q is not empty; --yes removes it with all its objects", b)
			}
			if !a.ask(fmt.Sprintf("destroy %q with all its objects [Y/N]: ", b)) {
				return errors.New("nothing was removed")
			}
		}
	}
	if err := a.client.DestroyBucket(ctx, b); err != nil {
		return err
	}
	return a.done(map[string]any{"destroyed": b.String()}, "%q destroyed", b)
}

// forget removes a remote bucket from the cluster, and what is kept of it, and nothing
// at the remote.
func (a *app) forget(cmd *cobra.Command, b api.Bucket) error {
	if err := a.client.DestroyBucket(cmd.Context(), b); err != nil {
		return err
	}
	return a.done(map[string]any{"evicted": b.String()}, "%q evicted; at the remote nothing was removed", b)
}

// ask puts a question to the person at the terminal.
func (a *app) ask(question string) bool {
	fmt.Fprint(a.err, question)
	var answer string
	if _, err := fmt.Fscanln(a.in, &answer); err != nil {
		return false
	}
	answer = strings.ToLower(answer)
	return answer == "y" || answer == "yes"
}
