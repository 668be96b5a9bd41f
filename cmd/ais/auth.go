package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ais/api"
	"ais/object"
)

func (a *app) authCommand() *cobra.Command {
	cmd := group("auth", "Users, their keys and policies, and who you are",
		group("user", "List, add, show, change and remove users",
			a.userListCommand(), a.userAddCommand(), a.userShowCommand(), a.userSetCommand(), a.userRemoveCommand()),
		group("key", "Add and remove access keys", a.keyAddCommand(), a.keyRemoveCommand()),
		group("policy", "Set, show and remove the policies of users",
			a.policySetCommand(), a.policyShowCommand(), a.policyRemoveCommand()),
		a.loginCommand(), a.logoutCommand())
	cmd.Long = `Users, their keys and policies, and who you are.

Calls are made in the name of, in this order: --profile of the AWS credentials
file; AIS_ACCESS_KEY_ID and AIS_SECRET_ACCESS_KEY; the token in AIS_AUTHN_TOKEN, or
that of 'ais auth login'; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; the profile
AIS_PROFILE, AWS_PROFILE or default of the AWS credentials file.`
	return cmd
}

// findUser returns the user of that id or name.
func (a *app) findUser(ctx context.Context, text string) (api.User, error) {
	all, err := a.client.Users(ctx)
	if err != nil {
		return api.User{}, err
	}
	for _, is := range []func(api.User) bool{
		func(u api.User) bool { return u.ID == text },
		func(u api.User) bool { return u.Name == text },
	} {
		if i := slices.IndexFunc(all, is); i >= 0 {
			return all[i], nil
		}
	}
	return api.User{}, fmt.Errorf("there is no user %q; 'ais auth user ls' lists them", text)
}

func (a *app) userListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the users",
		Args:  args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := a.client.Users(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(all)
			}
			t := a.table("NAME", "ID", "DISPLAY NAME", "KEYS", "POLICIES", "ROLE", "STATUS")
			for _, u := range all {
				if err := t.row(u.Name, u.ID, u.DisplayName, fmt.Sprint(len(u.Keys)), fmt.Sprint(len(u.Policies)), role(&u), status(u.Disabled)); err != nil {
					return err
				}
			}
			return t.flush()
		},
	}
}

func role(u *api.User) string {
	switch {
	case u.Root:
		return "root"
	case u.Admin:
		return "admin"
	}
	return "user"
}

func status(disabled bool) string {
	if disabled {
		return "disabled"
	}
	return "enabled"
}

// keyFlags are where a key comes from and where it goes.
type keyFlags struct {
	accessKey, secretFile string
	credentials, profile  string
}

func (k *keyFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&k.accessKey, "access-key", "", "access `key` (default: made up)")
	f.StringVar(&k.secretFile, "secret-file", "", "`file` with the secret key, - for standard input (default: made up)")
	f.StringVar(&k.credentials, "credentials", "", "write the key to this AWS credentials `file`, and do not print the secret")
	f.StringVar(&k.profile, "as-profile", "", "`name` of the profile in that file (default: the user's name)")
}

// secret reads the secret that was given; it is never an argument, which others
// could see.
func (a *app) secret(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	raw, err := a.readFileOrInput(file)
	if err == nil && len(strings.TrimSpace(string(raw))) == 0 {
		err = errors.New("the secret is empty")
	}
	return strings.TrimSpace(string(raw)), err
}

// readFileOrInput reads a file, or standard input for "-".
func (a *app) readFileOrInput(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(a.in)
	}
	return os.ReadFile(file)
}

// hand gives a new key to the person who asked: into the credentials file, or
// printed, this once.
func (a *app) hand(k keyFlags, what, user string, key api.UserKey, value any) error {
	if k.credentials == "" {
		return a.done(value, "%s\n  access key  %s\n  secret key  %s\nThe secret key is not shown again.", what, key.AccessKey, key.SecretKey)
	}
	profile := k.profile
	if profile == "" {
		profile = user
	}
	if err := saveProfile(k.credentials, profile, key.AccessKey, key.SecretKey); err != nil {
		return fmt.Errorf("%s, but its key could not be saved: %w", what, err)
	}
	return a.done(map[string]string{"user": user, "access_key": key.AccessKey, "profile": profile, "file": k.credentials},
		"%s\n  access key  %s\nThe keys are profile %s of %s.", what, key.AccessKey, profile, k.credentials)
}

func (a *app) userAddCommand() *cobra.Command {
	var n api.NewUser
	var k keyFlags
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a user, with an access key of its own",
		Args:  args(1, 1, "a name"),
		Example: `  ais auth user add anna
  ais auth user add anna --credentials ~/.aws/credentials
  ais auth user add robot --access-key ROBOT --secret-file - <secret`,
		RunE: func(cmd *cobra.Command, given []string) error {
			var err error
			n.Name, n.AccessKey = given[0], k.accessKey
			if n.SecretKey, err = a.secret(k.secretFile); err != nil {
				return err
			}
			u, err := a.client.CreateUser(cmd.Context(), n)
			if err != nil {
				return err
			}
			if len(u.Keys) == 0 {
				return errors.New("the cluster made the user without a key")
			}
			return a.hand(k, fmt.Sprintf("user %q added", u.Name), u.Name, u.Keys[0], u)
		},
	}
	f := cmd.Flags()
	f.StringVar(&n.DisplayName, "display-name", "", "`name` that S3 clients are shown as an owner's (default: the access key)")
	f.StringVar(&n.Email, "email", "", "e-mail `address`, by which ACLs can name the user")
	f.BoolVar(&n.Admin, "admin", false, "the user may do everything")
	k.add(cmd)
	return cmd
}

func (a *app) userShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "show USER",
		Short:             "Show a user, by name or id",
		Args:              args(1, 1, "a user"),
		ValidArgsFunction: a.completeUsers,
		RunE: func(cmd *cobra.Command, given []string) error {
			u, err := a.findUser(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(u)
			}
			t := a.table("PROPERTY", "VALUE")
			rows := [][2]string{
				{"name", u.Name}, {"id", u.ID}, {"display name", u.DisplayName}, {"email", orDash(u.Email)},
				{"role", role(&u)}, {"status", status(u.Disabled)}, {"created", a.formatTime(u.Created)},
				{"policies", orDash(strings.Join(slices.Sorted(maps.Keys(u.Policies)), ", "))},
			}
			for _, k := range u.Keys {
				rows = append(rows, [2]string{"key", k.AccessKey + ", " + status(k.Disabled) + ", created " + a.formatTime(k.Created)})
			}
			for _, r := range rows {
				if err := t.row(r[0], r[1]); err != nil {
					return err
				}
			}
			return t.flush()
		},
	}
}

func (a *app) userSetCommand() *cobra.Command {
	var name, display, email string
	var admin, disabled bool
	cmd := &cobra.Command{
		Use:               "set USER",
		Short:             "Change a user",
		Example:           `  ais auth user set anna --disabled`,
		Args:              args(1, 1, "a user"),
		ValidArgsFunction: a.completeUsers,
		RunE: func(cmd *cobra.Command, given []string) error {
			change := api.UserChange{}
			f := cmd.Flags()
			for flag, set := range map[string]func(){
				"name": func() { change.Name = &name }, "display-name": func() { change.DisplayName = &display }, "email": func() { change.Email = &email },
				"admin": func() { change.Admin = &admin }, "disabled": func() { change.Disabled = &disabled },
			} {
				if f.Changed(flag) {
					set()
				}
			}
			if change == (api.UserChange{}) {
				return usagef("missing a flag that says what to change")
			}
			u, err := a.findUser(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			if u, err = a.client.UpdateUser(cmd.Context(), u.ID, change); err != nil {
				return err
			}
			return a.done(u, "user %q changed", u.Name)
		},
	}
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "another `name`")
	f.StringVar(&display, "display-name", "", "`name` that S3 clients are shown as an owner's")
	f.StringVar(&email, "email", "", "e-mail `address`")
	f.BoolVar(&admin, "admin", false, "whether the user may do everything")
	f.BoolVar(&disabled, "disabled", false, "whether the user's keys are refused")
	return cmd
}

func (a *app) userRemoveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "rm USER…",
		Short:             "Remove users with their keys; users who own buckets are kept",
		Args:              args(1, -1, "a user"),
		ValidArgsFunction: a.completeUsers,
		RunE: func(cmd *cobra.Command, given []string) error {
			for _, text := range given {
				u, err := a.findUser(cmd.Context(), text)
				if err != nil {
					return err
				}
				if err := a.client.RemoveUser(cmd.Context(), u.ID); err != nil {
					return err
				}
				if err := a.done(map[string]string{"removed": u.ID}, "user %q removed", u.Name); err != nil {
					return err
				}
			}
			return nil
		},
	}
	return cmd
}

func (a *app) keyAddCommand() *cobra.Command {
	var k keyFlags
	cmd := &cobra.Command{
		Use:               "add USER",
		Short:             "Give a user one more access key",
		Args:              args(1, 1, "a user"),
		ValidArgsFunction: a.completeUsers,
		RunE: func(cmd *cobra.Command, given []string) error {
			secret, err := a.secret(k.secretFile)
			if err != nil {
				return err
			}
			u, err := a.findUser(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			key, err := a.client.AddKey(cmd.Context(), u.ID, api.NewKey{AccessKey: k.accessKey, SecretKey: secret})
			if err != nil {
				return err
			}
			return a.hand(k, fmt.Sprintf("key added to user %q", u.Name), u.Name, key, key)
		},
	}
	k.add(cmd)
	return cmd
}

func (a *app) keyRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "rm USER ACCESS-KEY",
		Short:             "Take an access key away from a user",
		Args:              args(2, 2, "a user and an access key"),
		ValidArgsFunction: a.completeUsers,
		RunE: func(cmd *cobra.Command, given []string) error {
			u, err := a.findUser(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			if err := a.client.RemoveKey(cmd.Context(), u.ID, given[1]); err != nil {
				return err
			}
			return a.done(map[string]string{"removed": given[1]}, "key %s of user %q removed", given[1], u.Name)
		},
	}
}

func (a *app) policySetCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "set USER NAME FILE",
		Short:             "Give a user a policy, or replace it; FILE is JSON, - for standard input",
		Args:              args(3, 3, "a user, the policy's name and a file"),
		ValidArgsFunction: a.completeUsers,
		RunE: func(cmd *cobra.Command, given []string) error {
			document, err := a.readFileOrInput(given[2])
			if err != nil {
				return err
			}
			u, err := a.findUser(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			if err := a.client.SetPolicy(cmd.Context(), u.ID, given[1], document); err != nil {
				return err
			}
			return a.done(map[string]string{"user": u.ID, "policy": given[1]}, "policy %q of user %q set", given[1], u.Name)
		},
	}
}

func (a *app) policyShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "show USER [NAME]",
		Short:             "Show the policies of a user, or one as it was set",
		Args:              args(1, 2, "a user"),
		ValidArgsFunction: a.completeUsers,
		RunE: func(cmd *cobra.Command, given []string) error {
			u, err := a.findUser(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			if len(given) == 2 {
				document, ok := u.Policies[given[1]]
				if !ok {
					return object.E("ais", given[1], object.NotFound, fmt.Errorf("user %q has no such policy", u.Name))
				}
				_, err := fmt.Fprintln(a.out, strings.TrimSpace(document))
				return err
			}
			if a.json {
				return a.writeJSON(u.Policies)
			}
			t := a.table("POLICY", "SIZE")
			for _, name := range slices.Sorted(maps.Keys(u.Policies)) {
				if err := t.row(name, formatSize(int64(len(u.Policies[name])))); err != nil {
					return err
				}
			}
			return t.flush()
		},
	}
}

func (a *app) policyRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "rm USER NAME",
		Short:             "Take a policy away from a user",
		Args:              args(2, 2, "a user and the policy's name"),
		ValidArgsFunction: a.completeUsers,
		RunE: func(cmd *cobra.Command, given []string) error {
			u, err := a.findUser(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			if err := a.client.RemovePolicy(cmd.Context(), u.ID, given[1]); err != nil {
				return err
			}
			return a.done(map[string]string{"removed": given[1]}, "policy %q of user %q removed", given[1], u.Name)
		},
	}
}
