// Command ais is the command line of AIS: buckets, objects, the cluster and its
// settings, over the native REST API. Its grammar and its tables are those of
// AIStore's command of the same name; docs/cli.md describes it.
//
// It exits with 0 when what was asked for is done, 1 when it failed and 2 when
// the command line was wrong.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the build (-ldflags -X main.version=…).
var version = "development"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for the first to be done with
	a := newApp(os.Stdin, os.Stdout, os.Stderr, os.LookupEnv)
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
