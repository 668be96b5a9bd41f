package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"ais/api"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// app is one run of the program: where it reads and writes, and what the global
// flags say.
type app struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) (string, bool)
	terminal bool // in and err are one: there is somebody to ask and to show progress to
	zone     *time.Location

	settings   settings
	flags      settings // as given on the command line
	profile    string   // of the AWS credentials file, as given on the command line
	patience   time.Duration
	noProgress bool
	sizes      sizes
	json       bool
	noHeaders  bool
	client     *api.Client
}

// defaultPatience outlasts the start of a node that was killed.
const defaultPatience = 10 * time.Second

// newApp returns a run with the given streams and environment.
func newApp(in io.Reader, out, errOut io.Writer, env func(string) (string, bool)) *app {
	return &app{
		in: in, out: out, err: errOut, env: env,
		terminal: isTerminal(in) && isTerminal(errOut),
		zone:     time.Local,
		sizes:    defaultSizes(),
	}
}

// run executes the command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	cmd, err := root.ExecuteContextC(ctx)
	a.noteProxies(ctx)
	if err == nil {
		return 0
	}
	text, hint := explain(err, a)
	fmt.Fprintf(a.err, "Error: %s\n", text)
	if hint != "" {
		fmt.Fprintf(a.err, "  %s\n", hint)
	}
	var usage *usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(a.err, "  Usage: %s\n  Run '%s --help' for more.\n", cmd.UseLine(), cmd.CommandPath())
		return exitUsage
	}
	return exitFailed
}

// connect makes the client, from flags, environment and file. It does not call
// the cluster yet.
func (a *app) connect() error {
	file, err := a.readSettings()
	if err != nil {
		return err
	}
	a.settings = file.over(a.flags, a.env)
	config := api.ClientConfig{
		Endpoint: a.settings.Endpoint, UserAgent: "ais/" + version, SkipVerify: a.settings.SkipVerify,
		Patience: a.patience, More: a.otherProxies,
	}
	if a.settings.CAFile != "" {
		if config.CA, err = os.ReadFile(a.settings.CAFile); err != nil {
			return fmt.Errorf("--ca-file: %w", err)
		}
	}
	if config.Cert, err = a.settings.certificate(); err != nil {
		return err
	}
	if config.Authorize, err = a.authorize(); err != nil {
		return err
	}
	a.client, err = api.NewClient(config)
	return err
}

// usageError is a mistake on the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// done reports what a command did: a line of text, or with --json the value.
func (a *app) done(value any, format string, args ...any) error {
	if a.json {
		return a.writeJSON(value)
	}
	_, err := fmt.Fprintf(a.out, format+"\n", args...)
	return err
}

// writeJSON writes the value, indented.
func (a *app) writeJSON(value any) error {
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "    ")
	enc.SetEscapeHTML(false)
	return enc.Encode(value)
}

// args returns a check of the number of arguments; names says what they are.
func args(least, most int, names string) cobra.PositionalArgs {
	return func(_ *cobra.Command, given []string) error {
		switch {
		case len(given) < least:
			return usagef("missing %s", names)
		case most >= 0 && len(given) > most:
			return usagef("unexpected argument %q", given[most])
		}
		return nil
	}
}
