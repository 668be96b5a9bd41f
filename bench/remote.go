package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// behind measures a cluster that has another one's bucket behind it.
type behind struct {
	only                string
	rounds, concurrency int
	readers             int
	large               size
	listObjects         int
	duration            time.Duration

	front, remote side
	here          endpoint // a bucket of front's own
	dirs          [2]string
	stamp         string // of this run, in the names of all that it makes
	count         int
	t             *checks
}

const remoteUsage = `usage: bench remote [FLAGS] DIR REMOTE-DIR

Both are directories of running playgrounds. The nodes of the first must have been
started with what the second takes as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY;
without --auth that may be anything. The first is set to use the second for all its
remote buckets; one is made in the second for this run, and removed at its end.
`

func remoteCommand(ctx context.Context, args []string) error {
	b := behind{large: 256 << 20}
	f := flag.NewFlagSet("bench remote", flag.ContinueOnError)
	f.Usage = func() { fmt.Fprint(f.Output(), remoteUsage); f.PrintDefaults() }
	f.StringVar(&b.only, "only", "", "only what has one of these in its name, comma-separated: 'first byte,list'")
	f.IntVar(&b.rounds, "rounds", 9, "of everything but lists; medians are printed")
	f.IntVar(&b.concurrency, "concurrency", 8, "requests at once: of warm reads, and of a download in parallel")
	f.IntVar(&b.readers, "readers", 200, "of one object at once")
	f.Var(&b.large, "large", "size of what is downloaded")
	f.IntVar(&b.listObjects, "list-objects", 100_000, "in what is listed")
	f.DurationVar(&b.duration, "duration", time.Second, "of a load of warm reads in a round")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() != 2 || b.rounds < 1 || b.rounds > 100 || b.duration > time.Minute || b.listObjects < 1 || b.large < 1<<20 {
		return errors.New("want two directories, 1 to 100 rounds, at most a minute, and something to read and list")
	}
	b.dirs = [2]string{f.Arg(0), f.Arg(1)}
	b.stamp = strconv.FormatInt(time.Now().UnixMilli(), 36)
	return b.run(ctx)
}

func (b *behind) run(ctx context.Context) (err error) {
	if err := b.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.cleanUp()) }()
	b.t = &checks{t: tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)}
	defer b.t.t.Flush() //nolint:errcheck // the terminal
	for _, c := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"first byte 64KiB", func(ctx context.Context) error { return b.firstByte(ctx, 64<<10) }},
		{"first byte 64MiB", func(ctx context.Context) error { return b.firstByte(ctx, 64<<20) }},
		{"download", b.download},
		{"readers", b.manyReaders},
		{"list", b.list},
		{"warm 4KiB", func(ctx context.Context) error { return b.warm(ctx, 4<<10) }},
		{"warm 1MiB", func(ctx context.Context) error { return b.warm(ctx, 1<<20) }},
		{"warm 64MiB", func(ctx context.Context) error { return b.warm(ctx, 64<<20) }},
	} {
		if b.only != "" && !slices.ContainsFunc(strings.Split(b.only, ","), func(part string) bool { return strings.Contains(c.name, part) }) {
			continue
		}
		fmt.Fprintln(os.Stderr, c.name)
		if err := c.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// open makes the bucket at the remote, and one in front of it.
func (b *behind) open(ctx context.Context) error {
	for i, s := range []*side{&b.front, &b.remote} {
		var err error
		if *s, err = readSide(b.dirs[i], "behind-"+b.stamp); err != nil {
			return err
		}
	}
	if err := b.remote.on.makeBucket(ctx, `{"checksum":{"type":"md5"},"durability":"process"}`); err != nil {
		return err
	}
	c := b.front.on.newClient().(*rawClient)
	defer c.close()
	scheme := "http://"
	if b.remote.on.secure != nil {
		scheme = "https://"
	}
	settings := url.Values{"backend.aws.enabled": {"true"}, "backend.aws.endpoint": {scheme + b.remote.on.host + b.remote.on.path},
		"backend.aws.cloud_region": {"us-east-1"}, "backend.aws.path_style": {"true"}}
	if _, err := c.native("PUT", "/v1/cluster/set-config", settings.Encode(), ""); err != nil {
		return err
	}
	props := `{"durability":"process","checksum":{"type":"md5"}}`
	if _, err := c.native("POST", "/v1/buckets/"+b.front.on.bucket, "provider=aws", `{"action":"create-bck","value":`+props+`}`); err != nil {
		return err
	}
	b.here = b.front.on
	b.here.bucket += "-here"
	return b.here.makeBucket(ctx, `{"checksum":{"type":"md5"},"durability":"process"}`)
}

// cleanUp has front forget the bucket, and removes both others with all in them.
func (b *behind) cleanUp() error {
	front, remote := b.front.on.newClient().(*rawClient), b.remote.on.newClient().(*rawClient)
	defer front.close()
	defer remote.close()
	_, errFront := front.native("DELETE", "/v1/buckets/"+b.front.on.bucket, "provider=aws", `{"action":"evict-remote-bck"}`)
	_, errHere := front.native("DELETE", "/v1/buckets/"+b.here.bucket, "provider=ais", `{"action":"destroy-bck"}`)
	_, errRemote := remote.native("DELETE", "/v1/buckets/"+b.remote.on.bucket, "provider=ais", `{"action":"destroy-bck"}`)
	return errors.Join(errFront, errHere, errRemote)
}

// fresh puts an object to the remote, which front has not seen.
func (b *behind) fresh(ctx context.Context, body []byte) (key string, err error) {
	b.count++
	key = fmt.Sprintf("bench/fresh/%06d", b.count)
	c := b.remote.on.newClient()
	defer c.close()
	_, err = c.do(ctx, &request{op: opPut, key: key, body: body})
	return key, err
}

// drop removes an object through front, and so from the remote as well.
func (b *behind) drop(ctx context.Context, keys ...string) error {
	c := b.front.on.newClient()
	defer c.close()
	for _, key := range keys {
		if _, err := c.do(ctx, &request{op: opDelete, key: key}); err != nil {
			return err
		}
	}
	return nil
}

func randomBody(n size) []byte {
	body := make([]byte, n)
	rand.NewChaCha8([32]byte{2}).Read(body) //nolint:errcheck // cannot fail
	return body
}

// timing is how long one thing took at the remote and through front, in ms, by round.
type timing struct{ remote, front []float64 }

// round measures both, in turn: who begins changes from round to round.
func (t *timing) round(remote, front func() (time.Duration, error)) error {
	first := len(t.remote) % 2
	for i := range 2 {
		do, to := remote, &t.remote
		if i != first {
			do, to = front, &t.front
		}
		took, err := do()
		if err != nil {
			return err
		}
		*to = append(*to, took.Seconds()*1000)
	}
	return nil
}

// compare prints the median of the rounds' ratios.
func (b *behind) compare(what string, t *timing, limit float64) {
	var ratios []float64
	for i := range t.remote {
		ratios = append(ratios, t.front[i]/t.remote[i])
	}
	b.t.check(what+", front / remote", medianOf(ratios), limit, fmt.Sprintf("%.2f ms to %.2f", medianOf(t.front), medianOf(t.remote)))
}

// metric adds a counter up over the targets of a playground.
func (b *behind) metric(dir string, on endpoint, name string) (total float64, err error) {
	config, err := settingsOf(filepath.Join(dir, "config"))
	if err != nil {
		return 0, err
	}
	first, err := strconv.Atoi(config["port"])
	if err != nil {
		return 0, err
	}
	targets, err := strconv.Atoi(config["targets"])
	if err != nil {
		return 0, err
	}
	for i := range targets {
		on.host = fmt.Sprintf("localhost:%d", first+10+i)
		n, err := scrape(on, name)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// scrape returns the sum of a metric's series on a node.
func scrape(on endpoint, name string) (total float64, err error) {
	c := on.newClient().(*rawClient)
	defer c.close()
	text, err := c.native("GET", "/metrics", "", "")
	if err != nil {
		return 0, err
	}
	found := false
	for line := range strings.Lines(string(text)) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if series != name && !strings.HasPrefix(series, name+"{") {
			continue
		}
		n, err := strconv.ParseFloat(value[strings.LastIndexByte(value, ' ')+1:], 64)
		if err != nil {
			return 0, err
		}
		total, found = total+n, true
	}
	if !found {
		return 0, fmt.Errorf("%s has no metric %s", on.host, name)
	}
	return total, nil
}
