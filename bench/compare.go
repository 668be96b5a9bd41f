package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// subject is one load on one server, run once in every round.
type subject struct {
	group  string // what it is compared within: "GET 4KiB"
	server string // "nginx", "direct", "relayed", …
	load   load
	on     endpoint
	pids   []process
	once   bool // its load uses up what was prepared: prepare again for each round

	ready   *prepared
	list    clients
	reports []report
}

func (s *subject) prepare(ctx context.Context) (err error) {
	if err = s.load.validate(); err != nil {
		return err
	}
	if !s.once && s.server != "nginx" {
		if s.ready, err = s.load.prepare(ctx, s.on); err != nil {
			return err
		}
	}
	s.list = s.load.connect(s.on)
	if s.load.needsWarmth(s.on) {
		return s.load.warm(ctx, s.list, s.ready)
	}
	return nil
}

func (s *subject) round(ctx context.Context) (err error) {
	if s.once {
		if s.ready, err = s.load.prepare(ctx, s.on); err != nil {
			return err
		}
	}
	m, err := startMeter(s.pids)
	if err != nil {
		return err
	}
	o := s.load.run(ctx, s.list, s.ready)
	costs, err := m.stop()
	if err != nil {
		return err
	}
	if o.ops == 0 || o.failed > 0 {
		return fmt.Errorf("%d operations failed: %w", o.failed, o.firstError)
	}
	s.reports = append(s.reports, makeReport(&s.load, s.server, o, costs))
	return ctx.Err()
}

// median returns the median of a value over the rounds.
func (s *subject) median(value func(r *report) float64) float64 {
	values := make([]float64, len(s.reports))
	for i := range s.reports {
		values[i] = value(&s.reports[i])
	}
	slices.Sort(values)
	if n := len(values); n > 0 {
		return (values[(n-1)/2] + values[n/2]) / 2
	}
	return 0
}

func cpuOf(r *report) float64 { return r.CPU }

// options are the flags of compare.
type options struct {
	dir, playground, url, pidfile, output, only string
	port, rounds, concurrency, listObjects      int
	duration                                    time.Duration
	peers                                       peerFlags
}

func compareCommand(ctx context.Context, args []string) error {
	var o options
	f := flag.NewFlagSet("bench compare", flag.ContinueOnError)
	f.StringVar(&o.dir, "dir", ".cache/bench", "for everything on disk; removed at the end")
	f.StringVar(&o.playground, "playground", "deploy/playground.sh", "starts a cluster of its own with it")
	f.IntVar(&o.port, "port", 18960, "first port of that cluster")
	f.StringVar(&o.url, "endpoint", "", "a running AIS instead, as http://localhost:8080/s3")
	f.StringVar(&o.pidfile, "pidfile", ".playground/run/*.pid", "the pid files of the running AIS")
	f.IntVar(&o.rounds, "rounds", 5, "of every load; medians are printed")
	f.DurationVar(&o.duration, "duration", time.Second, "of a load in a round")
	f.IntVar(&o.concurrency, "concurrency", 8, "requests at once")
	f.IntVar(&o.listObjects, "list-objects", 20_000, "in the bucket that is listed")
	f.StringVar(&o.only, "only", "", "only groups whose name has one of these, comma-separated: 'GET,PUT 4KiB'")
	f.StringVar(&o.output, "json", "", "file for every round's report")
	f.Var(&o.peers, "peer", "another S3 server next to 4 KiB loads: NAME,URL,REGEXP[,ACCESS_KEY]; its secret in BENCH_SECRET_KEY; repeatable")
	if err := f.Parse(args); err != nil {
		return err
	}
	if o.rounds < 1 || o.rounds > 100 || o.duration > time.Minute {
		return fmt.Errorf("-rounds or -duration is out of bounds")
	}
	return compare(ctx, &o)
}

func compare(ctx context.Context, o *options) (err error) {
	stage, err := newStage(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		if end := stage.close(); err == nil {
			err = end
		}
	}()
	subjects, err := stage.subjects(ctx)
	if err != nil {
		return err
	}
	subjects = slices.DeleteFunc(subjects, func(s *subject) bool { return !o.wants(s.group) })
	for _, s := range subjects {
		fmt.Fprintf(os.Stderr, "preparing %s, %s\n", s.group, s.server)
		if err := s.prepare(ctx); err != nil {
			return fmt.Errorf("preparing %s, %s: %w", s.group, s.server, err)
		}
		defer s.list.close()
	}
	for round := range o.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, o.rounds)
		for _, s := range subjects {
			if err := s.round(ctx); err != nil {
				return fmt.Errorf("%s, %s: %w", s.group, s.server, err)
			}
		}
	}
	printMedians(subjects)
	printChecks(subjects, o)
	if o.output == "" {
		return nil
	}
	return writeReports(o.output, subjects)
}

func (o *options) wants(group string) bool {
	if o.only == "" {
		return true
	}
	return slices.ContainsFunc(strings.Split(o.only, ","), func(part string) bool { return strings.Contains(group, part) })
}

func writeReports(name string, subjects []*subject) error {
	all := make(map[string][]report)
	for _, s := range subjects {
		all[s.group+", "+s.server] = s.reports
	}
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}

// peer is another S3 server to measure in the same run.
type peer struct{ name, url, match, access string }

type peerFlags []peer

func (p *peerFlags) String() string { return fmt.Sprint(len(*p)) }

func (p *peerFlags) Set(text string) error {
	f := strings.Split(text, ",")
	if len(f) < 3 || len(f) > 4 {
		return fmt.Errorf("want NAME,URL,REGEXP[,ACCESS_KEY]")
	}
	*p = append(*p, peer{name: f[0], url: f[1], match: f[2], access: strings.Join(f[3:], "")})
	return nil
}

func (p peerFlags) has(name string) bool {
	return slices.ContainsFunc(p, func(one peer) bool { return one.name == name })
}

// absolute is filepath.Abs, for names that a child process is told.
func absolute(name string) string {
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return name
}
