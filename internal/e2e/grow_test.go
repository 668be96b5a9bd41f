package e2e

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// still is objects of a bucket that nobody changes, below still/.
type still struct {
	t      *testing.T
	sdk    *s3.Client
	bucket string
	keys   []string
	ends   chan struct{}
	all    sync.WaitGroup
	lists  atomic.Int64 // that were complete
	reads  atomic.Int64
}

// fill makes a bucket with copies and puts count objects into it.
func (c *Cluster) fill(t *testing.T, copies, count int) *still {
	t.Helper()
	bucket := bucketName(t)
	c.ais(t, fmt.Sprintf("create ais://%s --props copies=%d", bucket, copies))
	return c.fillBucket(t, bucket, count)
}

// fillBucket puts count objects into a bucket.
func (c *Cluster) fillBucket(t *testing.T, bucket string, count int) *still {
	t.Helper()
	s := &still{t: t, sdk: c.failover(t, 0), bucket: bucket, ends: make(chan struct{})}
	s.put(count)
	t.Cleanup(s.stop)
	return s
}

// put puts count objects.
func (s *still) put(count int) {
	s.t.Helper()
	s.keys = nil
	for i := range count {
		s.keys = append(s.keys, fmt.Sprintf("still/%05d", i))
	}
	s.each(func(i int, key string) error {
		_, err := s.sdk.PutObject(s.t.Context(), &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: bytes.NewReader(s.data(i))})
		return err
	})
}

// data is the bytes of one of the objects.
func (s *still) data(i int) []byte {
	return random(uint64(i)<<8, []int{0, 300, 5_000, 70_000, 300, 5_000, 300, 400_000}[i%8]+i)
}

// each calls do for every object, several at a time.
func (s *still) each(do func(i int, key string) error) {
	s.t.Helper()
	var all sync.WaitGroup
	defer all.Wait()
	for w := range 6 {
		all.Go(func() {
			for i := w; i < len(s.keys); i += 6 {
				if err := do(i, s.keys[i]); err != nil {
					s.t.Errorf("%s/%s: %v", s.bucket, s.keys[i], err)
					return
				}
			}
		})
	}
}

// get reads an object, or fails where it is not as it was put.
func (s *still) get(i int, key string) error {
	out, err := s.sdk.GetObject(s.t.Context(), &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return err
	}
	defer out.Body.Close()
	got, err := io.ReadAll(out.Body)
	if err == nil && !bytes.Equal(got, s.data(i)) {
		err = fmt.Errorf("%d bytes, not the %d that were written", len(got), len(s.data(i)))
	}
	return err
}

// list fails where a list, page by page, has not each name once.
func (s *still) list(page int32) error {
	var got []string
	for pages := s3.NewListObjectsV2Paginator(s.sdk, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: aws.String("still/"), MaxKeys: &page}); pages.HasMorePages(); {
		out, err := pages.NextPage(s.t.Context())
		if err != nil {
			return err
		}
		for _, o := range out.Contents {
			got = append(got, aws.ToString(o.Key))
		}
	}
	if !slices.Equal(got, s.keys) {
		return fmt.Errorf("%d names of %d are listed; %s", len(got), len(s.keys), difference(got, s.keys))
	}
	return nil
}

// difference says what two sorted lists of names have not in common.
func difference(got, want []string) string {
	var out []string
	for _, key := range want {
		if !slices.Contains(got, key) {
			out = append(out, "without "+key)
		}
	}
	for i, key := range got {
		if !slices.Contains(want, key) || slices.Contains(got[:i], key) {
			out = append(out, "too much "+key)
		}
	}
	return clip(strings.Join(out, ", "), 500)
}

// watch lists and reads the objects, until stop.
func (s *still) watch() {
	until := func(do func(n int) error) {
		s.all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-s.ends:
					return
				default:
				}
				if err := do(n); err != nil {
					s.t.Errorf("%s: %v", s.bucket, err)
					return
				}
			}
		})
	}
	until(func(n int) error {
		defer s.lists.Add(1)
		return s.list([]int32{97, 1000}[n%2])
	})
	until(func(n int) error {
		defer s.reads.Add(1)
		i := n * 7 % len(s.keys)
		return s.get(i, s.keys[i])
	})
}

// stop ends what watch began.
func (s *still) stop() {
	select {
	case <-s.ends:
	default:
		close(s.ends)
	}
	s.all.Wait()
}

// whole fails the test unless all objects are there, as they were put, and are listed.
func (s *still) whole() {
	s.t.Helper()
	s.each(s.get)
	if err := s.list(1000); err != nil {
		s.t.Errorf("%s: %v", s.bucket, err)
	}
}

// unmoved returns how many buckets are being moved, or are to be.
func (c *Cluster) unmoved(t testing.TB) float64 {
	t.Helper()
	return c.metric(t, "proxy1", "ais_cluster_buckets_unmoved")
}

// moves waits until a bucket's names are being moved.
func (c *Cluster) moves(t testing.TB) {
	t.Helper()
	Eventually(t, 30*time.Second, "names begin to move", func() error {
		if out := c.ais(t, "show job rebalance"); !strings.Contains(out, "rebalance-") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
}

// moved waits until the names of all buckets are where they are to be, and returns what
// the jobs have said of it on the way.
func (c *Cluster) moved(t testing.TB, limit time.Duration) (said []string) {
	t.Helper()
	sh := c.Shell(t)
	Eventually(t, limit, "the names have moved", func() error {
		out, err := sh.try(t, "ais show job rebalance && ais show cluster target")
		if err == nil && !slices.Contains(said, out) {
			said = append(said, out)
		}
		if n := c.unmoved(t); n > 0 || err != nil {
			return fmt.Errorf("%g buckets are to be moved, %v\n%s", n, err, out)
		}
		return nil
	})
	return said
}

// objects returns how many objects a target has, over all buckets and copies.
func (c *Cluster) objects(t testing.TB, target string) (count int) {
	t.Helper()
	for line := range strings.Lines(c.ais(t, "show storage mountpath "+target+" -H")) {
		fields := strings.Fields(line)
		var n int
		if _, err := fmt.Sscan(fields[len(fields)-1], &n); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		count += n
	}
	return count
}

// gone waits until a node that leaves has ended by itself.
func (c *Cluster) gone(t testing.TB, name string) {
	t.Helper()
	n := c.node(t, name)
	select {
	case <-n.done:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s has left and did not end", name)
	}
	c.Stop(t, name) // forgets the process
}

// A cluster grows from three targets to five and shrinks to three again under load.
// Clients with the SDK's default retries see nothing of it: no request fails, no answer
// is wrong, no list lacks a name. Who has left has nothing.
func TestGrowAndShrink(t *testing.T) {
	c := Start(t, Options{Proxies: 2, Plain: true})
	one, two := c.fill(t, 1, 600), c.fill(t, 2, 300)
	stills := []*still{one, two}
	var loads []*traffic
	for _, s := range stills {
		s.watch()
		loads = append(loads, startTraffic(t, c, s.bucket, 2))
	}
	goesOn := func(what string) {
		t.Helper()
		for _, f := range loads {
			f.goesOn(what)
		}
	}
	wait := func(what string) {
		t.Helper()
		began := time.Now()
		before := one.lists.Load() + two.lists.Load()
		Eventually(t, 30*time.Second, what+": names are to be moved", func() error {
			if c.unmoved(t) == 0 {
				return fmt.Errorf("none")
			}
			return nil
		})
		said := c.moved(t, 90*time.Second)
		t.Logf("%s: moved within %s, %d lists meanwhile", what, time.Since(began).Round(time.Millisecond), one.lists.Load()+two.lists.Load()-before)
		wantIn(t, strings.Join(said, "\n"), "rebalance-", one.bucket, two.bucket)
		for _, text := range said[len(said)/2 : len(said)/2+1] {
			t.Log(text)
		}
		goesOn(what)
	}
	goesOn("the start")
	joined := []string{c.Join(t), c.Join(t)}
	wait("two targets have joined")
	all := 0
	for _, name := range c.Names("target") {
		n := c.objects(t, name)
		t.Logf("%s has %d objects", name, n)
		if all += n; n < 90 {
			t.Errorf("%s has %d objects", name, n)
		}
	}
	if all < 600+2*300 {
		t.Errorf("all targets together have %d objects", all)
	}

	left := []string{"target2", joined[0]}
	c.ais(t, "cluster decommission "+strings.Join(left, " "))
	wait("two targets are to leave")
	for _, name := range left {
		c.gone(t, name)
	}
	goesOn("two targets have left")
	for _, f := range loads {
		f.stop()
		t.Logf("%d requests, the slowest took %s", f.requests.Load(), time.Duration(f.slowest.Load()).Round(time.Millisecond))
	}
	for _, s := range stills {
		s.stop()
		s.whole()
		t.Logf("%d complete lists, %d reads", s.lists.Load(), s.reads.Load())
	}

	c.ais(t, "config cluster rebalance.enabled=false")
	for _, name := range left {
		c.Restart(t, name)
		if n := c.objects(t, name); n != 0 {
			t.Errorf("%s was left and has %d objects", name, n)
		}
	}
	for _, s := range stills {
		s.whole()
	}
}
