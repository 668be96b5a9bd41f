package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"ais/api"
)

// keptToken is a bearer token in the tokens file, by the endpoint it is for.
type keptToken struct {
	Token   string    `json:"token"`
	User    string    `json:"user"`
	Expires time.Time `json:"expires"`
}

// tokensFile returns the path of the file that keeps tokens, "" for none.
func (a *app) tokensFile() string {
	if dir := a.configDir(); dir != "" {
		return filepath.Join(dir, "tokens.json")
	}
	return ""
}

func (a *app) readTokens() (map[string]keptToken, error) {
	kept := map[string]keptToken{}
	raw, err := os.ReadFile(a.tokensFile())
	if errors.Is(err, fs.ErrNotExist) {
		return kept, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &kept)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.tokensFile(), err)
	}
	return kept, nil
}

func (a *app) writeTokens(kept map[string]keptToken) error {
	raw, err := json.MarshalIndent(kept, "", "    ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(a.tokensFile()), 0o700); err != nil {
		return err
	}
	return replaceSecretFile(a.tokensFile(), append(raw, '\n'))
}

func (a *app) loginCommand() *cobra.Command {
	var life time.Duration
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Keep a token for this cluster, so that later calls need no keys",
		Long: `Asks the cluster for a token, with the keys of --profile, the environment or the
AWS credentials file, and keeps it in a file that only you can read. Until it
expires, or until 'ais auth logout', calls to the same endpoint use it.`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.tokensFile() == "" {
				return errors.New("there is nowhere to keep a token: neither HOME nor XDG_CONFIG_HOME is set")
			}
			t, err := a.client.Login(cmd.Context(), life)
			if err != nil {
				return err
			}
			kept, err := a.readTokens()
			if err != nil {
				return err
			}
			kept[a.settings.Endpoint] = keptToken{Token: t.Token, User: t.User, Expires: t.Expires}
			if err := a.writeTokens(kept); err != nil {
				return err
			}
			shown := api.Token{User: t.User, Expires: t.Expires}
			return a.done(shown, "logged in to %s as %s until %s", a.settings.Endpoint, t.User, a.formatTime(t.Expires))
		},
	}
	cmd.Flags().DurationVar(&life, "expires", 0, "how long the token is good for (default: the cluster's own)")
	return cmd
}

func (a *app) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "logout",
		Short: "Forget the token for this cluster",
		Args:  args(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			kept, err := a.readTokens()
			if err != nil {
				return err
			}
			if _, ok := kept[a.settings.Endpoint]; !ok {
				return a.done(map[string]bool{"removed": false}, "no token is kept for %s", a.settings.Endpoint)
			}
			delete(kept, a.settings.Endpoint)
			if err := a.writeTokens(kept); err != nil {
				return err
			}
			return a.done(map[string]bool{"removed": true}, "logged out of %s", a.settings.Endpoint)
		},
	}
}
