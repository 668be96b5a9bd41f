package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// duel is two endpoints that get the same loads in turn.
type duel struct {
	only                string
	properties          string
	rounds, concurrency int
	listObjects         int
	duration            time.Duration
	payloads            [2]payload
	bucket              string

	sides [2]side
	pairs [][2]*subject
}

// side is a running playground.
type side struct {
	on   endpoint
	pids []process
}

const versusUsage = `usage: bench versus [FLAGS] DIR DIR

Each DIR is that of a running deploy/playground.sh; both may be the same one.
`

func versusCommand(ctx context.Context, args []string) error {
	var d duel
	f := flag.NewFlagSet("bench versus", flag.ContinueOnError)
	f.Usage = func() { fmt.Fprint(f.Output(), versusUsage); f.PrintDefaults() }
	f.StringVar(&d.only, "only", "", "only loads whose name has one of these, comma-separated: 'GET 4KiB,PUT'")
	f.StringVar(&d.properties, "properties", `{"durability":"process","checksum":{"type":"md5"}}`, "of the bucket")
	f.StringVar(&d.bucket, "bucket", "versus", "made if it is not there")
	f.IntVar(&d.rounds, "rounds", 7, "of every load; medians are printed")
	f.DurationVar(&d.duration, "duration", time.Second, "of a load in a round")
	f.IntVar(&d.concurrency, "concurrency", 8, "requests at once")
	f.IntVar(&d.listObjects, "list-objects", 20_000, "in what is listed")
	for i, name := range []string{"first", "second"} {
		d.payloads[i] = payloadUnsigned
		f.StringVar((*string)(&d.payloads[i]), name+"-payload", string(payloadUnsigned), "how PUTs to the "+name+" announce their bodies: unsigned, sha256 or chunks")
	}
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() != 2 || d.rounds < 1 || d.rounds > 100 || d.duration > time.Minute {
		return errors.New("want two directories, 1 to 100 rounds, and at most a minute")
	}
	for i := range d.sides {
		if err := d.open(ctx, i, f.Arg(i)); err != nil {
			return err
		}
	}
	d.signBoth()
	return d.run(ctx)
}

// signBoth has requests signed for both sides if one wants that: a server without
// users ignores it, and the generator, which shares the machine, does the same.
func (d *duel) signBoth() {
	for i := range d.sides {
		if on, other := &d.sides[i].on, &d.sides[1-i].on; on.access == "" {
			on.access, on.secret = other.access, other.secret
		}
	}
}

// open reads what a playground's directory says of it, and makes the bucket.
func (d *duel) open(ctx context.Context, i int, dir string) error {
	var err error
	if d.sides[i], err = readSide(dir, d.bucket); err != nil {
		return err
	}
	d.sides[i].on.payload = d.payloads[i]
	return d.sides[i].on.makeBucket(ctx, d.properties)
}

// readSide reads what a running playground's directory says of it.
func readSide(dir, bucket string) (s side, err error) {
	config, err := settingsOf(filepath.Join(dir, "config"))
	if err != nil {
		return s, err
	}
	scheme := "http"
	if config["tls"] == "on" {
		scheme = "https"
	}
	if s.on, err = parseEndpoint(fmt.Sprintf("%s://localhost:%s/s3", scheme, config["port"]), bucket); err != nil {
		return s, err
	}
	if err := loopbackOnly(s.on.host); err != nil {
		return s, err
	}
	if config["tls"] == "on" {
		if err := s.on.trust(filepath.Join(dir, "tls/ca.pem")); err != nil {
			return s, err
		}
	}
	if config["auth"] == "on" {
		keys, err := settingsOf(filepath.Join(dir, "credentials")) // root is the first
		if err != nil {
			return s, err
		}
		s.on.access, s.on.secret = keys["aws_access_key_id"], keys["aws_secret_access_key"]
	}
	s.pids, err = findProcesses("", filepath.Join(dir, "run/*.pid"), "")
	return s, err
}

// settingsOf reads lines of "name = value"; the first of a name counts.
func settingsOf(file string) (map[string]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	m := make(map[string]string)
	for line := range strings.Lines(string(data)) {
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if _, has := m[name]; ok && !has {
			m[name] = strings.TrimSpace(value)
		}
	}
	return m, nil
}

// trust has an endpoint's certificate checked with the authorities in a file.
func (e *endpoint) trust(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data) {
		return fmt.Errorf("%s has no certificate", file)
	}
	e.secure = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return nil
}

// versusLoads are the loads, by name; those of a size are relayed and direct.
func (d *duel) loads() (list []load, routes []string) {
	add := func(op operation, n size, objects int, routed ...string) {
		for _, route := range routed {
			l := load{op: op, size: n, objects: objects, concurrency: d.concurrency, duration: d.duration, batch: 100, parts: 1000, maxKeys: 1000}
			name := strings.ToUpper(string(op)) + " " + n.String()
			if op == opList {
				l.dirs, name = 100, "LIST page"
			}
			if d.wants(name + " " + route) {
				l.name = keyName(name)
				list, routes = append(list, l), append(routes, route)
			}
		}
	}
	add(opHead, 4<<10, 256, "relayed", "direct")
	for _, n := range []size{4 << 10, 128 << 10, 1 << 20, 64 << 20} {
		objects := min(256, int(256<<20/n))
		add(opGet, n, objects, "relayed", "direct")
		add(opPut, n, min(objects, 64), "relayed", "direct")
	}
	add(opList, 16, d.listObjects, "relayed")
	return list, routes
}

func (d *duel) wants(name string) bool {
	return d.only == "" || slices.ContainsFunc(strings.Split(d.only, ","), func(part string) bool { return strings.Contains(name, part) })
}

func (d *duel) run(ctx context.Context) error {
	loads, routes := d.loads()
	for i, l := range loads {
		var pair [2]*subject
		for n := range pair {
			on := d.sides[n].on
			on.direct = routes[i] == "direct"
			s := &subject{group: strings.ToUpper(string(l.op)) + " " + l.size.String() + " " + routes[i], server: "second", load: l, on: on, pids: d.sides[n].pids}
			if n == 0 {
				s.server = "first"
			}
			fmt.Fprintf(os.Stderr, "preparing %s, %s\n", s.group, s.server)
			if err := s.prepare(ctx); err != nil {
				return fmt.Errorf("preparing %s, %s: %w", s.group, s.server, err)
			}
			defer s.list.close()
			pair[n] = s
		}
		d.pairs = append(d.pairs, pair)
	}
	for round := range d.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, d.rounds)
		for _, pair := range d.pairs {
			for i := range pair { // who begins changes
				s := pair[(i+round)%2]
				if err := s.round(ctx); err != nil {
					return fmt.Errorf("%s, %s: %w", s.group, s.server, err)
				}
			}
		}
	}
	d.print()
	return nil
}

// print prints medians; the ratio and the difference are medians of those of the
// rounds.
func (d *duel) print() {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "load\tfirst, CPU ms each\tsecond\tdifference, µs\tratio\t")
	for _, p := range d.pairs {
		var ratios, differences []float64
		for i := range p[0].reports {
			a, b := p[0].reports[i].CPU, p[1].reports[i].CPU
			ratios, differences = append(ratios, b/a), append(differences, (b-a)*1000)
		}
		fmt.Fprintf(t, "%s\t%.4f\t%.4f\t%+.1f\t%.3f\t\n", p[0].group, p[0].median(cpuOf), p[1].median(cpuOf), medianOf(differences), medianOf(ratios))
	}
	t.Flush() //nolint:errcheck // the terminal
}

func medianOf[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}
