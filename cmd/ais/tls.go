package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"ais/cmd/internal/tlsconfig"
)

// tlsCommand makes certificates for playgrounds and tests. It is hidden: a real
// cluster has its certificates from somewhere else.
func (a *app) tlsCommand() *cobra.Command {
	var hosts []string
	var renew bool
	certificates := &cobra.Command{
		Use:   "make DIR",
		Short: "Make a test authority and a node certificate in DIR; what is there and good is kept",
		Args:  args(1, 1, "a directory"),
		RunE: func(_ *cobra.Command, given []string) error {
			if err := tlsconfig.MakeCertificates(given[0], hosts, time.Now(), renew); err != nil {
				return err
			}
			return a.done(map[string]string{"dir": given[0]}, "certificates are in %s", given[0])
		},
	}
	certificates.Flags().StringSliceVar(&hosts, "host", []string{"localhost", "127.0.0.1"}, "names and addresses that the certificate is for")
	certificates.Flags().BoolVar(&renew, "renew", false, "make a new node certificate")
	cmd := group("tls", "Make certificates for tests", certificates)
	cmd.Hidden = true
	return cmd
}

// probeTimeout is for a node to say whether it is ready.
const probeTimeout = 2 * time.Second

// probeCommand asks one node, proxy or target, whether it is ready: for scripts
// and for the health checks of containers. It is hidden: people ask 'ais show
// cluster'.
func (a *app) probeCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "probe URL",
		Short:  "Fail unless the node at URL is ready",
		Hidden: true,
		Args:   args(1, 1, "the URL of a node"),
		RunE: func(cmd *cobra.Command, given []string) error {
			config := &tls.Config{InsecureSkipVerify: a.settings.SkipVerify} //nolint:gosec // what --skip-verify asks for
			if a.settings.CAFile != "" {
				pem, err := os.ReadFile(a.settings.CAFile)
				if err != nil {
					return err
				}
				config.RootCAs = x509.NewCertPool()
				if !config.RootCAs.AppendCertsFromPEM(pem) {
					return errors.New(a.settings.CAFile + " holds no PEM certificate")
				}
			}
			req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, given[0]+"/health?readiness=true", nil)
			if err != nil {
				return usagef("%v", err)
			}
			client := http.Client{Timeout: probeTimeout, Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
			resp, err := client.Do(req)
			if err != nil {
				return err
			}
			_ = resp.Body.Close() // only the status counts
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("%s is not ready: %s", given[0], resp.Status)
			}
			return a.done(map[string]bool{"ready": true}, "ready")
		},
	}
}
