package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
)

// firstByte compares how long the first byte of a cold object takes with what the
// remote itself takes for it.
func (b *behind) firstByte(ctx context.Context, n size) error {
	body := randomBody(n)
	var clients [2]*rawClient
	for i, on := range []endpoint{b.remote.on, b.front.on} {
		clients[i] = on.newClient().(*rawClient)
		clients[i].timed = true
		defer clients[i].close()
	}
	var key string
	get := func(c *rawClient) (time.Duration, error) {
		start := time.Now()
		res, err := c.do(ctx, &request{op: opGet, key: key, length: int64(n)})
		return res.first.Sub(start), err
	}
	var t timing
	for round := range b.rounds + 3 {
		if round == 3 { // in the first ones connections were made
			t = timing{}
		}
		var err error
		if key, err = b.fresh(ctx, body); err != nil {
			return err
		}
		if err := t.round(func() (time.Duration, error) { return get(clients[0]) }, func() (time.Duration, error) { return get(clients[1]) }); err != nil {
			return err
		}
		if err := b.drop(ctx, key); err != nil {
			return err
		}
	}
	b.compare("cold GET "+n.String()+", first byte", &t, 1.3)
	return nil
}

// nowhere is what a download is written to.
type nowhere struct{}

func (nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

// downloader returns what downloads a key with the SDK's download manager.
func (b *behind) downloader(e endpoint) (func(ctx context.Context, key string) error, func()) {
	sdk := newSDKClient(e)
	manager := transfermanager.New(sdk.s3, func(o *transfermanager.Options) {
		o.Concurrency, o.PartSizeBytes = b.concurrency, 8<<20
		o.GetObjectType, o.DisableChecksumValidation = types.GetObjectRanges, true
	})
	return func(ctx context.Context, key string) error {
		_, err := manager.DownloadObject(ctx, &transfermanager.DownloadObjectInput{Bucket: &e.bucket, Key: aws.String(key), WriterAt: nowhere{}})
		return err
	}, sdk.close
}

// download compares reading a cold object with reading it from the remote: both by
// the SDK's download manager, and through front by one plain GET as well.
func (b *behind) download(ctx context.Context) error {
	body := randomBody(b.large)
	direct, closeDirect := b.downloader(b.remote.on)
	defer closeDirect()
	through, closeThrough := b.downloader(b.front.on)
	defer closeThrough()
	plain := b.front.on.newClient()
	defer plain.close()
	ways := []struct {
		name string
		get  func(key string) error
	}{
		{"manager", func(key string) error { return through(ctx, key) }},
		{"one GET", func(key string) error {
			_, err := plain.do(ctx, &request{op: opGet, key: key, length: int64(b.large)})
			return err
		}},
	}
	for _, way := range ways {
		var t timing
		for range b.rounds {
			key, err := b.fresh(ctx, body)
			if err != nil {
				return err
			}
			timed := func(get func(string) error) func() (time.Duration, error) {
				return func() (time.Duration, error) {
					start := time.Now()
					err := get(key)
					return time.Since(start), err
				}
			}
			if err := t.round(timed(func(key string) error { return direct(ctx, key) }), timed(way.get)); err != nil {
				return err
			}
			if err := b.drop(ctx, key); err != nil {
				return err
			}
		}
		b.compare(fmt.Sprintf("cold GET %s, %d at once, %s", b.large, b.concurrency, way.name), &t, 1/0.9)
	}
	return nil
}

// manyReaders has many read one cold object at once, and asks the remote how much
// of it was read there.
func (b *behind) manyReaders(ctx context.Context) error {
	const n = 64 << 20
	key, err := b.fresh(ctx, randomBody(n))
	if err != nil {
		return err
	}
	const counter = "ais_target_get_bytes"
	before, err := b.metric(b.dirs[1], b.remote.on, counter)
	if err != nil {
		return err
	}
	start := time.Now()
	err = each(ctx, b.front.on, b.readers, b.readers, func(c client, _ int) error {
		_, err := c.do(ctx, &request{op: opGet, key: key, length: n})
		return err
	})
	if err != nil {
		return err
	}
	took := time.Since(start)
	after, err := b.metric(b.dirs[1], b.remote.on, counter)
	if err != nil {
		return err
	}
	b.t.check(fmt.Sprintf("%d cold readers of 64MiB at once, fetches", b.readers), (after-before)/n, 1.001,
		fmt.Sprintf("%.2f s, %.0f MB/s", took.Seconds(), float64(b.readers)*n/1e6/took.Seconds()))
	return b.drop(ctx, key)
}

// warm compares what reading an object costs that came from a remote bucket with
// one of the cluster's own.
func (b *behind) warm(ctx context.Context, n size) error {
	objects := min(256, int(256<<20/n))
	for _, route := range []string{"relayed", "direct"} {
		var pair [2]*subject
		for i, on := range []endpoint{b.here, b.front.on} {
			on.direct = route == "direct"
			l := load{op: opGet, size: n, objects: objects, concurrency: b.concurrency, duration: b.duration, batch: 1, parts: 1, maxKeys: 1, name: "warm" + n.String()}
			pair[i] = &subject{server: route, load: l, on: on, pids: b.front.pids}
			if err := pair[i].prepare(ctx); err != nil {
				return err
			}
			defer pair[i].list.close()
		}
		for round := range b.rounds {
			for i := range pair {
				if err := pair[(i+round)%2].round(ctx); err != nil {
					return err
				}
			}
		}
		var ratios []float64
		for i, r := range pair[1].reports {
			ratios = append(ratios, r.CPU/pair[0].reports[i].CPU)
		}
		b.t.check(fmt.Sprintf("warm GET %s %s, CPU, aws / ais", n, route), medianOf(ratios), 1.1,
			fmt.Sprintf("%.4f ms to %.4f", pair[1].median(cpuOf), pair[0].median(cpuOf)))
	}
	return nil
}

// list compares listings of all of a remote bucket, some of which is here, with the
// remote's own.
func (b *behind) list(ctx context.Context) error {
	l := load{op: opList, size: 16, objects: b.listObjects, concurrency: b.concurrency, dirs: 100, name: "list"}
	fmt.Fprintf(os.Stderr, "putting %d objects\n", b.listObjects)
	if _, err := l.prepare(ctx, b.remote.on); err != nil {
		return err
	}
	if err := each(ctx, b.front.on, b.concurrency, b.listObjects/50, func(c client, i int) error {
		_, err := c.do(ctx, &request{op: opGet, key: l.key(i * 50), length: 16})
		return err
	}); err != nil {
		return err
	}
	s3 := func(on endpoint) func() (time.Duration, error) {
		return func() (time.Duration, error) { return b.listS3(ctx, on, &l) }
	}
	native := func() (time.Duration, error) { return b.listNative() }
	for _, way := range []struct {
		name string
		do   func() (time.Duration, error)
	}{{"S3", s3(b.front.on)}, {"native with cached", native}} {
		var t timing
		for range max(3, b.rounds/2) {
			if err := t.round(s3(b.remote.on), way.do); err != nil {
				return err
			}
		}
		b.compare(fmt.Sprintf("list of %d, %s", b.listObjects, way.name), &t, 1.2)
	}
	return nil
}

// listS3 lists the whole bucket, a page after the other.
func (b *behind) listS3(ctx context.Context, on endpoint, l *load) (time.Duration, error) {
	c := on.newClient()
	defer c.close()
	keys := sortedKeys(l)
	start := time.Now()
	seen, after := 0, ""
	for {
		res, err := c.do(ctx, &request{op: opList, after: after, maxKeys: 1000})
		if err != nil {
			return 0, err
		}
		if seen += res.keys; res.keys < 1000 || seen == len(keys) {
			break
		}
		after = keys[seen-1]
	}
	if seen != len(keys) {
		return 0, fmt.Errorf("%d keys were listed, not %d", seen, len(keys))
	}
	return time.Since(start), nil
}

// sortedKeys returns the load's keys in the order of a listing.
func sortedKeys(l *load) []string {
	keys := make([]string, l.objects)
	for i := range keys {
		keys[i] = l.key(i)
	}
	slices.Sort(keys)
	return keys
}

// listNative lists the whole bucket with what is cached of it.
func (b *behind) listNative() (time.Duration, error) {
	c := b.front.on.newClient().(*rawClient)
	defer c.close()
	start := time.Now()
	seen, token := 0, ""
	for {
		body := fmt.Sprintf(`{"action":"list","value":{"prefix":"bench/list/","props":"name,size,checksum,atime,version,cached,status","continuation_token":%q,"pagesize":1000,"flags":"0"}}`, token)
		answer, err := c.native("GET", "/v1/buckets/"+b.front.on.bucket, "provider=aws", body)
		if err != nil {
			return 0, err
		}
		var page struct {
			Token   string            `json:"continuation_token"`
			Entries []json.RawMessage `json:"entries"`
		}
		if err := json.Unmarshal(answer, &page); err != nil {
			return 0, err
		}
		seen += len(page.Entries)
		if token = page.Token; token == "" {
			break
		}
	}
	if seen != b.listObjects {
		return 0, fmt.Errorf("%d names were listed, not %d", seen, b.listObjects)
	}
	return time.Since(start), nil
}
