package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// halting is a body of which the second half comes when go is closed, or soon.
type halting struct {
	io.Reader
	half int
	read int
	more <-chan struct{}
	soon time.Duration // 0 is never
}

func (h *halting) Read(p []byte) (int, error) {
	if h.read == h.half {
		var soon <-chan time.Time
		if h.soon > 0 {
			soon = time.After(h.soon)
		}
		select {
		case <-h.more:
		case <-soon:
		}
	}
	if h.read < h.half {
		p = p[:min(len(p), h.half-h.read)]
	}
	n, err := h.Reader.Read(p)
	h.read += n
	return n, err
}

// overloaded starts a proxy of few requests and a target, with a bucket that two users
// may do everything with.
func overloaded(t *testing.T) (c *Cluster, bucket string) {
	c = Start(t, Options{
		Plain: true, Targets: 1, Auth: true, Users: "heavy,light", Redirect: "never",
		ProxyArgs: []string{"--max-requests", "30", "--max-wait", "200ms"}, TargetArgs: []string{"--max-requests", "20", "--max-wait", "200ms"},
	})
	bucket = bucketName(t)
	root := c.Plain()
	root.do(t, "PUT", "/"+bucket, nil).want(t, 200, "")
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::%s","arn:aws:s3:::%[1]s/*"]}]}`, bucket)
	root.do(t, "PUT", "/"+bucket+"?policy", []byte(policy)).want(t, 204, "")
	return c, bucket
}

// Ten times as many requests as a proxy serves, of one user, each of them slow: the
// requests of another are served all the same, at once, while the first is told to slow
// down. The memory of the nodes stays small: what is refused is not read.
func TestOverload(t *testing.T) {
	c, b := overloaded(t)
	stop, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer end()
	var served, refused atomic.Int64
	const size = 600_000
	body := random(2, size)
	for i := range 300 {
		heavy := c.As(t, "heavy")
		all.Go(func() {
			for stop.Err() == nil {
				a, err := heavy.request("PUT", fmt.Sprint("/", b, "/heavy", i), &halting{Reader: bytes.NewReader(body), half: size / 2, more: stop.Done(), soon: 200 * time.Millisecond}, fmt.Sprint("Content-Length: ", size))
				switch {
				case err == nil && a.status == 200:
					served.Add(1)
				case err == nil && a.status == 503 && a.code == "SlowDown" && a.header.Get("Retry-After") != "":
					refused.Add(1)
				case err != nil && (strings.Contains(err.Error(), "broken pipe") || strings.Contains(err.Error(), "reset by peer")):
					refused.Add(1) // the connection ended under a body that nobody reads
				default:
					t.Errorf("a heavy request: %v, %v", a, err)
					return
				}
			}
		})
	}
	Eventually(t, 30*time.Second, "the heavy user is told to slow down", func() error {
		if refused.Load() < 100 {
			return fmt.Errorf("%d served, %d refused", served.Load(), refused.Load())
		}
		return nil
	})
	light := c.SDK(t, "light", func(o *s3.Options) { o.Retryer = aws.NopRetryer{} })
	data := random(1, 10_000)
	var slowest time.Duration
	for i := range 20 {
		key := fmt.Sprint("light", i)
		began := time.Now()
		if _, err := light.PutObject(ctx(t), &s3.PutObjectInput{Bucket: &b, Key: &key, Body: bytes.NewReader(data)}); err != nil {
			t.Fatalf("light request %d: %v", i, err)
		}
		out, err := light.GetObject(ctx(t), &s3.GetObjectInput{Bucket: &b, Key: &key})
		if err != nil {
			t.Fatalf("light request %d: %v", i, err)
		}
		got, err := io.ReadAll(out.Body)
		out.Body.Close()
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("light request %d: %d bytes, %v", i, len(got), err)
		}
		slowest = max(slowest, time.Since(began))
	}
	if slowest > 5*time.Second {
		t.Errorf("a write and a read of the light user took %s", slowest)
	}
	for _, name := range []string{"proxy1", "target1"} {
		if err := c.node(t, name).ready(); err != nil {
			t.Errorf("%s is overloaded, and not ready: %v", name, err)
		}
		m := c.Memory(t, name)
		t.Logf("%s: at most %d MiB resident", name, m.Peak)
		if m.Peak > 150 {
			t.Errorf("%s: %d MiB resident", name, m.Peak)
		}
	}
	t.Logf("heavy: %d served, %d refused; light: a write and a read took at most %s", served.Load(), refused.Load(), slowest.Round(time.Millisecond))
}

const botoBurst = `
import os, boto3
from concurrent.futures import ThreadPoolExecutor
from botocore.config import Config
s3 = boto3.client("s3", endpoint_url=os.environ["ENDPOINT"], config=Config(retries={"mode": "standard"}, max_pool_connections=12))
def one(i):
    return s3.put_object(Bucket=os.environ["BUCKET"], Key="boto%d" % i, Body=os.urandom(20000))["ResponseMetadata"]["RetryAttempts"]
with ThreadPoolExecutor(12) as pool:
    print("retries:", sorted(set(pool.map(one, range(12)))))
`

// A client whose requests are refused, because others of its user have all that the user
// may have, gets through by its SDK's own retries.
func TestSlowDownIsRetried(t *testing.T) {
	c, b := overloaded(t)
	metric := func(name string) float64 { return c.metric(t, "proxy1", name) }
	sdk := c.SDK(t, "heavy")
	sh := c.ShellAs(t, "heavy")
	sh.env = append(sh.env, "BUCKET="+b)
	for name, burst := range map[string]func(){
		"aws-sdk-go-v2": func() {
			var all sync.WaitGroup
			for i := range 12 {
				all.Go(func() {
					if _, err := sdk.PutObject(ctx(t), &s3.PutObjectInput{Bucket: &b, Key: aws.String(fmt.Sprint("sdk", i)), Body: strings.NewReader("v")}); err != nil {
						t.Errorf("aws-sdk-go-v2: %v", err)
					}
				})
			}
			all.Wait()
		},
		"boto3": func() { wantIn(t, sh.python(t, botoBurst), "retries: [1") },
	} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			var all sync.WaitGroup
			for i := range 30 {
				p := c.As(t, "heavy")
				all.Go(func() {
					a, err := p.request("PUT", fmt.Sprint("/", b, "/plug", i), &halting{Reader: bytes.NewReader(make([]byte, 20_000)), half: 10_000, more: release}, "Content-Length: 20000")
					if err == nil && a.status != 200 && a.code != "SlowDown" {
						t.Errorf("a slow request: %v", a)
					}
				})
			}
			Eventually(t, 10*time.Second, "one user has all that it may have", func() error {
				if n, waits := metric("ais_load_requests_in_flight"), metric("ais_load_requests_queued"); n < 20 || waits > 0 {
					return fmt.Errorf("%v requests, %v wait", n, waits)
				}
				return nil
			})
			before := metric("ais_load_refused_total")
			all.Go(burst)
			Eventually(t, 20*time.Second, "all of the burst is refused", func() error {
				if n := metric("ais_load_refused_total") - before; n < 12 {
					return fmt.Errorf("%v are refused", n)
				}
				return nil
			})
			close(release)
			all.Wait()
		})
	}
}
