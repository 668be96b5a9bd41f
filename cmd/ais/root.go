package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// rootCommand returns the whole grammar. Most commands can be reached in two
// ways, "ais show bucket" and "ais bucket show"; each is made by one function.
func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:               "ais",
		Short:             "The command line of AIS, a distributed S3-compatible object store",
		Version:           version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.connect() },
		Example: `  ais create ais://abc
  ais put README.md ais://abc
  ais ls ais://abc
  ais get ais://abc/README.md -`,
		Args: cobra.ArbitraryArgs,
		RunE: noSuchCommand,
	}
	root.SetVersionTemplate("ais {{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usagef("%v", err) })
	flags := root.PersistentFlags()
	flags.StringVar(&a.flags.Endpoint, "endpoint", "", "`URL` of a proxy, or several separated by commas (default $AIS_ENDPOINT, the settings file, or "+defaultEndpoint+")")
	flags.StringVar(&a.flags.CAFile, "ca-file", "", "PEM `file` with the authority that signed the cluster's certificate")
	flags.BoolVar(&a.flags.SkipVerify, "skip-verify", false, "accept any certificate (HTTPS)")
	flags.StringVar(&a.flags.Cert, "cert", "", "PEM `file` with a certificate of yours, for a cluster that asks for one")
	flags.StringVar(&a.flags.Key, "key", "", "PEM `file` with its key")
	flags.StringVar(&a.profile, "profile", "", "`profile` of the AWS credentials file to sign with (default: see 'ais auth --help')")
	flags.DurationVar(&a.patience, "retry-for", defaultPatience, "how `long` to go on trying while a node does not answer, or answers that it cannot now")
	flags.BoolVar(&a.noProgress, "no-progress", false, "show no progress on a terminal")
	flags.BoolVarP(&a.json, "json", "j", false, "write JSON")
	flags.BoolVarP(&a.noHeaders, "no-headers", "H", false, "write tables without headers")

	root.AddCommand(
		a.createCommand(), a.listCommand(), a.putCommand(), a.getCommand(), a.removeCommand(),
		a.copyCommand("cp SRC DST", true), a.moveCommand("mv SRC DST", true),
		a.bucketCommand(), a.objectCommand(), a.showCommand(), a.clusterCommand(), a.configCommand(), a.storageCommand(),
		a.prefetchCommand(), a.evictCommand(), a.jobCommand(), a.startCommand(), a.stopCommand(), a.waitCommand(),
		a.archiveCommand(), a.performanceCommand(), a.logCommand(), a.authCommand(), a.tlsCommand(), a.probeCommand(),
	)
	return root
}

// group returns a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, RunE: noSuchCommand,
	}
	cmd.AddCommand(children...)
	return cmd
}

// noSuchCommand runs where a word names no command of the group, or is missing.
func noSuchCommand(cmd *cobra.Command, given []string) error {
	if len(given) == 0 {
		return cmd.Help()
	}
	meant := ""
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(given[0]); len(near) > 0 {
		meant = "; did you mean '" + strings.Join(near, "' or '") + "'?"
	}
	return usagef("there is no %q in '%s'%s", given[0], cmd.CommandPath(), meant)
}

func (a *app) bucketCommand() *cobra.Command {
	rm := a.bucketRemoveCommand("rm URI…")
	rm.Aliases = []string{"destroy"}
	return group("bucket", "Create, list, show, change and remove buckets",
		a.createCommand(), a.listCommand(), rm, a.bucketShowCommand("show URI [SECTION…]"), a.bucketPropsCommand(), a.evictCommand(),
		a.copyCommand("cp SRC DST", false), a.moveCommand("mv SRC DST", false), a.summaryCommand("summary [BUCKET…]"))
}

func (a *app) objectCommand() *cobra.Command {
	return group("object", "Put, get, show and remove objects",
		a.putCommand(), a.getCommand(), a.objectRemoveCommand(), a.objectShowCommand("show URI…"), a.prefetchCommand(), a.evictCommand(),
		a.copyCommand("cp SRC DST", true), a.moveCommand("mv SRC NAME", true))
}

func (a *app) showCommand() *cobra.Command {
	return group("show", "Show buckets, objects, jobs, the cluster and its settings",
		a.bucketShowCommand("bucket URI [SECTION…]"), a.objectShowCommand("object URI…"),
		a.clusterShowCommand("cluster [proxy|target|smap|bmd|config|stats|NODE]"), a.configShowCommand(), a.jobShowCommand("job [KIND|ID] [BUCKET]"),
		a.performanceCommand(), a.logShowCommand("log NODE"),
		group("storage", "Show mountpaths", a.storageShowCommand("mountpath [TARGET]")))
}

func (a *app) configCommand() *cobra.Command {
	return group("config", "Show and change settings", a.configClusterCommand(), a.configNodeCommand(), a.configResetCommand())
}
