package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"text/tabwriter"
	"time"
)

// report is the outcome of a load as it is printed.
type report struct {
	Op          operation    `json:"op"`
	Size        int64        `json:"size"`
	Concurrency int          `json:"concurrency"`
	Route       string       `json:"route"`
	Seconds     float64      `json:"seconds"`
	Ops         int64        `json:"ops"`
	Failed      int64        `json:"failed"`
	FirstError  string       `json:"first_error,omitempty"`
	OpsPerSec   float64      `json:"ops_per_second"`
	MBPerSec    float64      `json:"mb_per_second"`
	P50         float64      `json:"p50_ms"`
	P99         float64      `json:"p99_ms"`
	KeysPerOp   float64      `json:"keys_per_op,omitempty"`
	CPU         float64      `json:"cpu_ms_per_op"` // of all servers together
	Servers     []serverCost `json:"servers"`
}

func makeReport(l *load, route string, o *outcome, costs []serverCost) report {
	r := report{
		Op: l.op, Size: int64(l.size), Concurrency: l.concurrency, Route: route,
		Seconds: o.elapsed.Seconds(), Ops: o.ops, Failed: o.failed, Servers: costs,
		OpsPerSec: float64(o.ops) / o.elapsed.Seconds(),
		MBPerSec:  float64(o.bytes) / 1e6 / o.elapsed.Seconds(),
		P50:       o.latency.quantile(0.5).Seconds() * 1000,
		P99:       o.latency.quantile(0.99).Seconds() * 1000,
	}
	if o.firstError != nil {
		r.FirstError = o.firstError.Error()
	}
	if o.ops > 0 {
		r.KeysPerOp = float64(o.keys) / float64(o.ops)
		for _, c := range costs {
			r.CPU += c.CPU / float64(o.ops)
		}
	}
	return r
}

func (r report) table(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s %s, %d at once, %s\n", r.Op, size(r.Size), r.Concurrency, r.Route)
	fmt.Fprintf(t, "operations\t%d in %.2f s, %d failed\n", r.Ops, r.Seconds, r.Failed)
	fmt.Fprintf(t, "rate\t%.0f/s, %.1f MB/s\n", r.OpsPerSec, r.MBPerSec)
	fmt.Fprintf(t, "latency\tp50 %.3f ms, p99 %.3f ms\n", r.P50, r.P99)
	if r.KeysPerOp > 0 {
		fmt.Fprintf(t, "keys\t%.0f each\n", r.KeysPerOp)
	}
	if len(r.Servers) > 0 {
		fmt.Fprintf(t, "server CPU\t%.4f ms each\n", r.CPU)
	}
	for _, s := range r.Servers {
		fmt.Fprintf(t, "  %s (%d)\t%.4f ms each, RSS %.1f MiB, at most %.1f MiB\n", s.Name, s.PID, s.CPU/float64(max(r.Ops, 1)), mib(s.RSS), mib(s.MaxRSS))
	}
	if r.FirstError != "" {
		fmt.Fprintf(t, "first error\t%s\n", r.FirstError)
	}
	t.Flush() //nolint:errcheck // the terminal
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// loadFlags defines the flags of a load.
func loadFlags(f *flag.FlagSet) *load {
	l := &load{size: 4 << 10, rangeSize: 64 << 10}
	f.StringVar((*string)(&l.op), "op", "get", "put, get, range, head, list, delete, multidelete, mixed, complete, copy, redirect")
	f.Var(&l.size, "size", "of objects, and of parts: 4KiB, 10MiB, …")
	f.Var(&l.rangeSize, "range-size", "of a range GET")
	f.IntVar(&l.concurrency, "concurrency", 8, "requests at once")
	f.DurationVar(&l.duration, "duration", 5*time.Second, "the load ends after it")
	f.Int64Var(&l.ops, "ops", 0, "or after so many operations; 0 is no limit")
	f.IntVar(&l.objects, "objects", 1000, "keys that are used, prepared first where the operation reads; uploads to complete")
	f.IntVar(&l.dirs, "dirs", 0, "directories that the keys are spread over")
	f.IntVar(&l.batch, "batch", 100, "keys in a multidelete")
	f.IntVar(&l.parts, "parts", 1000, "parts of an upload to complete, each of -size")
	f.StringVar(&l.delimiter, "delimiter", "", "of a list")
	f.IntVar(&l.maxKeys, "max-keys", 1000, "of a list")
	f.StringVar(&l.name, "name", "run", "distinguishes the keys of loads on one bucket")
	return l
}

func runCommand(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("bench run", flag.ContinueOnError)
	l := loadFlags(f)
	url := f.String("endpoint", "http://localhost:8080/s3", "of any S3 server, loopback only")
	bucket := f.String("bucket", "bench", "made if it is not there")
	clientName := f.String("client", "raw", "raw, or sdk for aws-sdk-go-v2")
	direct := f.Bool("direct", false, "follow one redirect and use its ticket again (raw only)")
	access := f.String("access-key", "", "signs requests (SigV4) where given")
	authority := f.String("ca", "", "PEM file of who signed the server's certificate, for https")
	announce := f.String("payload", string(payloadUnsigned), "how a signed PUT announces its body: unsigned, sha256 or chunks (aws-chunked, 64 KiB each)")
	secretFile := f.String("secret-key-file", "", "file with the secret key; else BENCH_SECRET_KEY")
	pids := f.String("pids", "", "server processes to watch: 1,2,3")
	pidfile := f.String("pidfile", "", "or by pid files: '.playground/run/*.pid'")
	match := f.String("match", "", "or by a regular expression on the command line")
	ready := f.Bool("prepared", false, "the objects are there already")
	asJSON := f.Bool("json", false, "print JSON")
	if err := f.Parse(args); err != nil {
		return err
	}
	if err := l.validate(); err != nil {
		return err
	}
	e, err := parseEndpoint(*url, *bucket)
	if err != nil {
		return err
	}
	if err := loopbackOnly(e.host); err != nil {
		return err
	}
	if e.payload = payload(*announce); *authority != "" {
		if err := e.trust(*authority); err != nil {
			return err
		}
	}
	e.direct, e.sdk = *direct, *clientName == "sdk"
	if e.access = *access; e.access != "" {
		if e.secret, err = secretKey(*secretFile); err != nil {
			return err
		}
	}
	processes, err := findProcesses(*pids, *pidfile, *match)
	if err != nil {
		return err
	}
	r, err := runOnce(ctx, l, e, processes, *ready)
	if err != nil {
		return err
	}
	if *asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	r.table(os.Stdout)
	return nil
}

func runOnce(ctx context.Context, l *load, e endpoint, processes []process, ready bool) (report, error) {
	p := &prepared{body: make([]byte, l.size)}
	if !ready || l.op == opComplete {
		var err error
		if p, err = l.prepare(ctx, e); err != nil {
			return report{}, fmt.Errorf("preparing: %w", err)
		}
	}
	list := l.connect(e)
	defer list.close()
	if l.needsWarmth(e) {
		if err := l.warm(ctx, list, p); err != nil {
			return report{}, fmt.Errorf("warming up: %w", err)
		}
	}
	m, err := startMeter(processes)
	if err != nil {
		return report{}, err
	}
	o := l.run(ctx, list, p)
	costs, err := m.stop()
	if err != nil {
		return report{}, err
	}
	return makeReport(l, e.route(), o, costs), ctx.Err()
}

// needsWarmth reports whether clients should have seen their keys before.
func (l *load) needsWarmth(e endpoint) bool {
	switch l.op {
	case opGet, opHead, opPut, opRange:
		return e.direct
	}
	return false
}

func (e endpoint) route() string {
	switch {
	case e.direct:
		return "direct"
	case e.sdk:
		return "aws-sdk-go-v2"
	}
	return "as addressed"
}

func secretKey(file string) (string, error) {
	if file == "" {
		if s := os.Getenv("BENCH_SECRET_KEY"); s != "" {
			return s, nil
		}
		return "", fmt.Errorf("-access-key needs -secret-key-file or BENCH_SECRET_KEY")
	}
	data, err := os.ReadFile(file)
	return firstField(string(data)), err
}

// loopbackOnly refuses to load a server on another machine.
func loopbackOnly(host string) error {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return err
	}
	ips, err := net.LookupIP(name)
	if err != nil {
		return err
	}
	for _, ip := range ips {
		if !ip.IsLoopback() {
			return fmt.Errorf("%s is not on this machine", host)
		}
	}
	return nil
}
