package main

import (
	"strings"

	"github.com/spf13/cobra"

	"ais/api"
)

// configClusterCommand shows settings, changes those written NAME=VALUE, and
// takes "features NAME…" as a change of the feature flags.
func (a *app) configClusterCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cluster [SECTION…|NAME=VALUE…|features NAME…]",
		Short: "Show or change the settings of the cluster",
		Example: `  ais config cluster
  ais config cluster redirect=always
  ais config cluster checksum --json`,
		ValidArgsFunction: a.completeConfig,
		RunE: func(cmd *cobra.Command, given []string) error {
			if len(given) > 1 && given[0] == "features" {
				return a.setConfig(cmd, api.Properties{{Name: "features", Value: strings.Join(given[1:], ",")}})
			}
			if len(given) == 0 || !strings.Contains(given[0], "=") {
				return a.showConfig(cmd, given)
			}
			p, err := assignments(given)
			if err != nil {
				return err
			}
			return a.setConfig(cmd, p)
		},
	}
}

// configNodeCommand shows what a node was started with.
func (a *app) configNodeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "node NODE [SETTING…]", Short: "Show what a node was started with, and works with",
		Example:           "  ais config node target1\n  ais config node target1 mountpath listen",
		Args:              args(1, -1, "the node; 'ais show cluster smap' lists them"),
		ValidArgsFunction: a.completeNodeIDs,
		RunE: func(cmd *cobra.Command, given []string) error {
			config, err := a.client.NodeConfig(cmd.Context(), nodeID(given[0]))
			if err != nil {
				return err
			}
			if a.json && len(given) == 1 {
				return a.writeJSON(config)
			}
			local := api.Properties{}
			for name, value := range config.Local {
				local = append(local, api.Property{Name: name, Value: value})
			}
			local.Sort()
			wanted := given[1:]
			if len(wanted) > 0 && wanted[0] == "inherited" {
				local, wanted = config.Inherited, wanted[1:]
			} else if len(wanted) > 0 && wanted[0] == "local" {
				wanted = wanted[1:]
			}
			if local, err = pick(local, wanted); err != nil {
				return err
			}
			return a.showProperties(local)
		},
	}
}

// configResetCommand makes every setting of the cluster its default again.
func (a *app) configResetCommand() *cobra.Command {
	return &cobra.Command{
		Use: "reset", Short: "Make every setting of the cluster its default again", Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			before, err := a.client.ClusterConfig(cmd.Context())
			if err != nil {
				return err
			}
			if err := a.client.ActOnCluster(cmd.Context(), api.ActionResetConfig); err != nil {
				return err
			}
			after, err := a.client.ClusterConfig(cmd.Context())
			if err != nil {
				return err
			}
			return a.reportChange(before, after, "Cluster config successfully reset", "Every setting is its default already, nothing to do")
		},
	}
}

// configShowCommand is "ais show config".
func (a *app) configShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "config [SECTION…]",
		Short:             "Show the settings of the cluster",
		ValidArgsFunction: a.completeConfig,
		RunE: func(cmd *cobra.Command, given []string) error {
			if len(given) > 0 && given[0] == "cluster" {
				given = given[1:]
			}
			return a.showConfig(cmd, given)
		},
	}
}

func (a *app) showConfig(cmd *cobra.Command, names []string) error {
	p, err := a.client.ClusterConfig(cmd.Context())
	if err != nil {
		return err
	}
	if p, err = pick(p, names); err != nil {
		return err
	}
	return a.showProperties(p)
}

func (a *app) setConfig(cmd *cobra.Command, p api.Properties) error {
	before, err := a.client.ClusterConfig(cmd.Context())
	if err != nil {
		return err
	}
	if err := a.client.SetClusterConfig(cmd.Context(), p); err != nil {
		return err
	}
	after, err := a.client.ClusterConfig(cmd.Context())
	if err != nil {
		return err
	}
	return a.reportChange(before, after, "Cluster config successfully updated", "The cluster has these settings already, nothing to do")
}
