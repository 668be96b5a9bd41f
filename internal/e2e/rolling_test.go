package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ais/api"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// traffic is clients with the SDK's default retries that write, read, list and delete,
// each names of its own, and check every answer.
type traffic struct {
	t        *testing.T
	bucket   string
	requests atomic.Int64
	slowest  atomic.Int64 // nanoseconds
	end      context.CancelFunc
	all      sync.WaitGroup
}

// startTraffic has clients work on a bucket, each through one of the proxies while it
// accepts connections, else through another.
func startTraffic(t *testing.T, c *Cluster, bucket string, clients int) *traffic {
	ctx, end := context.WithCancel(t.Context())
	f := &traffic{t: t, bucket: bucket, end: end}
	for i := range clients {
		sdk := c.failover(t, i)
		f.all.Go(func() { f.work(ctx, sdk, fmt.Sprintf("client%d/", i), rand.New(rand.NewPCG(uint64(i), 1))) })
	}
	t.Cleanup(f.stop)
	return f
}

// failover returns an SDK's client with its defaults that knows every proxy, as one
// behind a load balancer does: it takes the first that accepts a connection, from
// proxy number first on.
func (c *Cluster) failover(t *testing.T, first int) *s3.Client {
	var hosts []string
	for _, name := range c.Names("proxy") {
		hosts = append(hosts, c.Host(t, name))
	}
	dial := func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
		if !slices.Contains(hosts, addr) { // a redirect's
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
		for i := range hosts {
			if conn, err = new(net.Dialer).DialContext(ctx, network, hosts[(first+i)%len(hosts)]); err == nil {
				return conn, nil
			}
		}
		return nil, err
	}
	client := awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) { tr.DialContext = dial })
	return SDK("http://"+hosts[0]+"/s3", func(o *s3.Options) { o.HTTPClient = client })
}

// stop ends the traffic and waits for what is under way.
func (f *traffic) stop() {
	f.end()
	f.all.Wait()
}

// work makes requests one after the other. One that is begun is ended, so that the end
// of the traffic fails none.
func (f *traffic) work(stop context.Context, sdk *s3.Client, prefix string, random *rand.Rand) {
	has := map[string][]byte{}
	for stop.Err() == nil {
		key := fmt.Sprintf("%sk%d", prefix, random.IntN(20))
		began := time.Now()
		var what string
		var err error
		switch n := random.IntN(20); {
		case n < 8:
			what = "PUT"
			body := content(random)
			_, err = sdk.PutObject(f.t.Context(), &s3.PutObjectInput{Bucket: &f.bucket, Key: &key, Body: bytes.NewReader(body)})
			has[key] = body
		case n < 16:
			what, err = "GET", f.read(sdk, key, has[key])
		case n < 18:
			what, err = "LIST", f.list(sdk, prefix, has)
		case n < 19:
			what, err = "DELETE of many", f.removeAll(sdk, has)
		default:
			what = "DELETE"
			_, err = sdk.DeleteObject(f.t.Context(), &s3.DeleteObjectInput{Bucket: &f.bucket, Key: &key})
			delete(has, key)
		}
		f.requests.Add(1)
		took := time.Since(began)
		for old := f.slowest.Load(); int64(took) > old; old = f.slowest.Load() {
			if f.slowest.CompareAndSwap(old, int64(took)) {
				break
			}
		}
		if err != nil {
			f.t.Errorf("%s %s after %s: %v", what, key, took.Round(time.Millisecond), err)
			return
		}
	}
}

// content returns up to 40,000 bytes that no other object has.
func content(r *rand.Rand) []byte { return random(r.Uint64(), r.IntN(40_000)) }

func (f *traffic) read(sdk *s3.Client, key string, want []byte) error {
	for try := 0; ; try++ {
		out, err := sdk.GetObject(f.t.Context(), &s3.GetObjectInput{Bucket: &f.bucket, Key: &key})
		if absent := (*types.NoSuchKey)(nil); errors.As(err, &absent) && want == nil {
			return nil
		}
		if err != nil {
			return err
		}
		got, err := io.ReadAll(out.Body)
		out.Body.Close()
		if err != nil && try == 0 { // killed under the answer, of which the SDK has no retry
			continue
		}
		if err == nil && (want == nil || !bytes.Equal(got, want)) {
			err = fmt.Errorf("%d bytes, not the %d that were written", len(got), len(want))
		}
		return err
	}
}

func (f *traffic) list(sdk *s3.Client, prefix string, has map[string][]byte) error {
	out, err := sdk.ListObjectsV2(f.t.Context(), &s3.ListObjectsV2Input{Bucket: &f.bucket, Prefix: &prefix})
	if err != nil {
		return err
	}
	var got, want []string
	for _, o := range out.Contents {
		got = append(got, aws.ToString(o.Key))
	}
	for key := range has {
		want = append(want, key)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("%q, not %q", got, want)
	}
	return nil
}

// removeAll removes all that there is, of all targets, with one request.
func (f *traffic) removeAll(sdk *s3.Client, has map[string][]byte) error {
	in := s3.DeleteObjectsInput{Bucket: &f.bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("none")}}}}
	for key := range has {
		in.Delete.Objects = append(in.Delete.Objects, types.ObjectIdentifier{Key: &key})
	}
	out, err := sdk.DeleteObjects(f.t.Context(), &in)
	if err != nil {
		return err
	}
	for _, e := range out.Errors {
		return fmt.Errorf("%s: %s", aws.ToString(e.Key), aws.ToString(e.Code))
	}
	clear(has)
	return nil
}

// goesOn waits until the clients have made some more requests.
func (f *traffic) goesOn(after string) {
	before := f.requests.Load()
	Eventually(f.t, time.Minute, "the clients go on", func() error {
		if n := f.requests.Load() - before; n < 100 {
			return fmt.Errorf("%d requests since %s", n, after)
		}
		return nil
	})
}

// inSync waits until every target has all that was written.
func (c *Cluster) inSync(t *testing.T) {
	t.Helper()
	client, err := api.NewClient(api.ClientConfig{Endpoint: c.URL(t, "proxy1")})
	if err != nil {
		t.Fatal(err)
	}
	Eventually(t, time.Minute, "every target is in sync", func() error {
		m, err := client.ClusterMap(t.Context())
		if err != nil {
			return err
		}
		for id, node := range m.Targets {
			if !node.Live || node.Sync() != "in sync" {
				return fmt.Errorf("%s is %s", id, node.Sync())
			}
		}
		return nil
	})
}

// roll restarts every node under the traffic, one after the other. after is called
// with each.
func (f *traffic) roll(c *Cluster, after func()) {
	for _, name := range append(c.Names("target"), c.Names("proxy")...) {
		began := time.Now()
		c.Stop(f.t, name)
		down := time.Now()
		c.Restart(f.t, name)
		f.t.Logf("%s: ended in %s, back after %s more", name, down.Sub(began).Round(time.Millisecond), time.Since(down).Round(time.Millisecond))
		after()
		f.goesOn(name + " was restarted")
	}
}

// Every node is restarted, one after the other, under load, then killed. No client that
// has the SDK's default retries sees a failed request, although each name is on one
// target only: the proxies hold what a target is needed for that is down.
func TestRollingRestart(t *testing.T) {
	c := Start(t, Options{Proxies: 3, Members: 3, Plain: true})
	b := c.Plain().bucket(t)
	f := startTraffic(t, c, b, 8)
	f.roll(c, func() {})
	for _, name := range append(c.Names("proxy"), c.Names("target")...) {
		c.Kill(t, name)
		c.Restart(t, name)
		f.goesOn(name + " was killed")
	}
	f.stop()
	t.Logf("%d requests, the slowest took %s", f.requests.Load(), time.Duration(f.slowest.Load()).Round(time.Millisecond))
}

// The same of names with two copies: no target has to come back, another one has its
// names. Each is in sync again before the next one ends. One that hangs delays reads by
// the patience of the proxies.
func TestRollingRestartOfCopies(t *testing.T) {
	c := Start(t, Options{Proxies: 2, Plain: true})
	b := bucketName(t)
	c.Shell(t).run(t, "ais create ais://"+b+" --props copies=2")
	f := startTraffic(t, c, b, 8)
	f.roll(c, func() { c.inSync(t) })
	for name, end := range map[string]func(testing.TB, string){"target1": c.Stop, "target2": c.Kill} {
		end(t, name)
		f.goesOn(name + " ended, and stays away")
		c.Restart(t, name)
		c.inSync(t)
	}
	f.stop()

	p := c.Plain()
	keys := make([]string, 20)
	for i := range keys {
		keys[i] = fmt.Sprint("read/", i)
		p.put(t, b, keys[i], []byte(keys[i]))
	}
	hung := c.node(t, "target3")
	if err := hung.signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hung.signal(syscall.SIGCONT) })
	for _, key := range keys {
		began := time.Now()
		p.same(t, b, key, []byte(key))
		if took := time.Since(began); took > 8*time.Second { // 2 s, and a busy machine
			t.Errorf("with a target that hangs, a read took %s", took)
		}
	}
	t.Logf("%d requests, the slowest took %s", f.requests.Load(), time.Duration(f.slowest.Load()).Round(time.Millisecond))
}
