// Bench measures S3 endpoints from outside: a load generator that reads what the
// server processes cost from /proc, and a comparison of AIS with nginx and with
// a bare Go program. It knows nothing of AIS that a client could not know.
//
//	bench run -op get -size 4KiB -endpoint http://localhost:8080/s3 -pidfile '.playground/run/*.pid'
//	bench compare
//	bench versus DIR DIR
//	bench remote DIR REMOTE-DIR
//	bench sink -listen 127.0.0.1:9900 -dir /tmp/sink
//
// See docs/performance.md for what was measured with it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: bench run|compare|versus|remote|sink [FLAGS]

  run      put one load on an S3 endpoint: rates, latencies, CPU and memory of the servers
  compare  AIS next to nginx and to a bare Go program, in one alternating run
  versus   two running playgrounds, the same loads in turn: with TLS or signatures and without, or of two builds
  remote   a running playground with another one's bucket behind it: cold reads, warm reads, lists
  sink     that bare program: what is PUT is copied from the socket to a file

bench VERB -h lists the flags.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	verbs := map[string]func(context.Context, []string) error{"run": runCommand, "compare": compareCommand, "versus": versusCommand, "remote": remoteCommand, "sink": sinkCommand}
	if len(os.Args) < 2 || verbs[os.Args[1]] == nil {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	switch err := verbs[os.Args[1]](ctx, os.Args[2:]); {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
