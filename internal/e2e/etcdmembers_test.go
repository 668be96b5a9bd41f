package e2e

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// leads reports whether the member of etcd at a client URL is the leader.
func leads(url string) (bool, error) {
	client := http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Get(url + "/metrics")
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return strings.Contains(string(text), "\netcd_server_is_leader 1"), err
}

// etcdLeader returns which member leads, counted from 0; those that do not answer do not.
func etcdLeader(t *testing.T, urls []string) (leader int) {
	t.Helper()
	Eventually(t, 30*time.Second, "a member leads", func() error {
		for i, url := range urls {
			if ok, err := leads(url); err == nil && ok {
				leader = i
				return nil
			}
		}
		return fmt.Errorf("none of %v", urls)
	})
	return leader
}

// bucketMaker changes what etcd has, all the time.
type bucketMaker struct {
	made atomic.Int64
}

// work makes buckets and removes them, one after the other.
func (m *bucketMaker) work(stop context.Context, t *testing.T, sdk *s3.Client, prefix string) {
	for i := 0; stop.Err() == nil; i++ {
		name := fmt.Sprintf("%s-%d", prefix, i)
		if _, err := sdk.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
			t.Errorf("create %s: %v", name, err)
			return
		}
		if _, err := sdk.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: &name}); err != nil {
			t.Errorf("delete %s: %v", name, err)
			return
		}
		m.made.Add(1)
	}
}

// A lease and a half: what is not renewed within it is lost.
const lease = 7500 * time.Millisecond

// One of three members may be killed or paused, the leader too: clients see nothing, no
// lease is lost meanwhile, buckets can be made. A member that is back has everything.
func TestEtcdMemberLost(t *testing.T) {
	c := Start(t, Options{Proxies: 4, Members: 3, Targets: 2, Plain: true})
	urls := strings.Split(c.etcd, ",")
	b := c.Plain().bucket(t)
	ctx, end := context.WithCancel(t.Context())
	f := &traffic{t: t, bucket: b, end: end}
	t.Cleanup(f.stop)
	var maker bucketMaker
	f.all.Go(func() { maker.work(ctx, t, c.failover(t, 3), b) })
	for i := range 2 { // by the proxy that embeds nothing
		f.all.Go(func() { f.work(ctx, c.failover(t, 3), fmt.Sprintf("c%d/", i), rand.New(rand.NewPCG(uint64(i), 3))) })
	}
	goesOn := func(what string) {
		t.Helper()
		made, began := maker.made.Load(), time.Now()
		Eventually(t, time.Minute, what+": buckets are made, for longer than a lease", func() error {
			if n := maker.made.Load() - made; n < 3 || time.Since(began) < lease {
				return fmt.Errorf("%d", n)
			}
			return nil
		})
	}
	leader := etcdLeader(t, urls)
	killed := fmt.Sprintf("proxy%d", leader+1)
	c.Kill(t, killed)
	goesOn("the leader is killed")
	c.Restart(t, killed)
	c.At(t, killed).do(t, "HEAD", "/"+b, nil).want(t, 200, "")

	paused := c.node(t, fmt.Sprintf("proxy%d", etcdLeader(t, urls)+1))
	if err := paused.signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	goesOn(paused.name + ", which leads, is paused")
	for _, name := range c.Names("target") { // by then: once it goes on it may believe, for a moment, that it leads, and end leases
		if log := c.Log(t, name); strings.Contains(log, "the lease was lost") {
			t.Errorf("%s: %s", name, log)
		}
	}
	if err := paused.signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	goesOn("it goes on")
	f.stop()
	c.inSync(t)
	t.Logf("%d requests, the slowest took %v, %d buckets", f.requests.Load(), time.Duration(f.slowest.Load()).Round(time.Millisecond), maker.made.Load())
}

// Without most of etcd names are read and written, changes fail and say why, and a
// node that is started waits; when most are back, so is everything, by itself.
func TestEtcdMajorityLost(t *testing.T) {
	urls, members := startEtcds(t, 3)
	c := Start(t, Options{Proxies: 2, Targets: 2, External: urls, Plain: true})
	p := c.Plain()
	b := p.bucket(t)
	p.put(t, b, "k", []byte("before"))
	away := func() {
		t.Helper()
		for i := range 10 {
			p.same(t, b, "k", fmt.Append(nil, map[bool]string{true: "before", false: "during"}[i == 0]))
			p.put(t, b, "k", []byte("during"))
		}
		for _, call := range []func() answer{
			func() answer { return p.do(t, "PUT", "/"+bucketName(t), nil) },
			func() answer { return p.do(t, "PUT", "/"+b+"?tagging", []byte(`<Tagging><TagSet/></Tagging>`)) },
		} {
			began := time.Now()
			a := call()
			if a.status != http.StatusServiceUnavailable || !strings.Contains(string(a.body), "etcd") {
				t.Errorf("a change without most of etcd: %v", a)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		}
	}
	back := func() {
		t.Helper()
		Eventually(t, 30*time.Second, "buckets can be made, and names be read", func() error {
			if a := p.do(t, "PUT", "/"+bucketName(t), nil); a.status != 200 && a.status != 409 {
				return fmt.Errorf("%v", a)
			}
			if a := p.get(t, b, "k"); a.status != 200 || string(a.body) != "during" {
				return fmt.Errorf("%v", a)
			}
			return nil
		})
		p.put(t, b, "k", []byte("before"))
	}
	leader := etcdLeader(t, urls)
	lost := []*etcdMember{members[leader], members[(leader+1)%3]}
	for _, m := range lost {
		m.signal(t, syscall.SIGSTOP)
	}
	away()
	for _, m := range lost {
		m.signal(t, syscall.SIGCONT)
	}
	back()

	for _, m := range lost {
		m.kill()
	}
	c.Kill(t, "target2")
	target := c.node(t, "target2")
	if err := target.start(); err != nil {
		t.Fatal(err)
	}
	Eventually(t, 30*time.Second, "a target that is started waits, and says so", func() error {
		if log := c.Log(t, "target2"); !strings.Contains(log, "the cluster cannot be joined yet") {
			return fmt.Errorf("%s", tail(target.log, 3))
		}
		return nil
	})
	for _, m := range lost {
		m.start(t)
	}
	if err := target.await(30*time.Second, target.ready); err != nil {
		t.Error(err)
	}
	p.same(t, b, "k", []byte("before"))
}
