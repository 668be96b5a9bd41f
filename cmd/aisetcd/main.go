// Command aisetcd runs a member of an etcd for AIS clusters by itself, where no proxy
// embeds one: the same server, as a process of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"ais/cluster/etcd"
	"ais/cmd/internal/config"
)

// version is set by the build (-ldflags -X main.version=…).
var version = "development"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, config.ErrDone) && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "aisetcd:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var e etcd.Embed
	var peers config.List
	node := config.Node{LogLevel: "warn"}
	fs := flag.NewFlagSet("aisetcd", flag.ContinueOnError)
	fs.StringVar(&e.Name, "id", "etcd1", "`name` of the member")
	fs.StringVar(&e.Dir, "data-dir", "", "`directory` for the member's data")
	fs.StringVar(&e.ClientURL, "etcd-listen", "http://127.0.0.1:2379", "client `URL`")
	fs.StringVar(&e.PeerListen, "etcd-peer", "", "peer `URL` to listen on (default: this member's in --etcd-peers)")
	fs.Var(&peers, "etcd-peers", "comma-separated `NAME=URL` of all members, with their peer URLs, at the first start (default: this one alone, at http://127.0.0.1:2380)")
	fs.StringVar(&e.Cert, "etcd-cert", "", "PEM `file` with the certificate of https URLs")
	fs.StringVar(&e.Key, "etcd-key", "", "PEM `file` with the key of --etcd-cert")
	fs.StringVar(&e.CA, "etcd-ca", "", "PEM `file` with the authorities of who may connect over https")
	if err := config.Parse(fs, args, os.Getenv, "aisetcd "+version); err != nil {
		return err
	}
	if len(peers) == 0 {
		peers = config.List{e.Name + "=http://127.0.0.1:2380"}
	}
	e.Initial = peers.String()
	for _, entry := range peers {
		if url, ok := strings.CutPrefix(entry, e.Name+"="); ok {
			e.PeerURL = url
		}
	}
	if e.PeerURL == "" {
		return fmt.Errorf("--etcd-peers does not name this member, %s", e.Name)
	}
	_, logger, err := node.Logger(os.Stderr)
	if err != nil {
		return err
	}
	return etcd.Serve(ctx, e, logger)
}
