package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Any number of proxies, all equal: each sees at once what was done at another,
// and none is missed when it is killed.
func TestProxiesAreEqual(t *testing.T) {
	c := Start(t, Options{Proxies: 3})
	for i := range 10 {
		b := fmt.Sprintf("%s-%d", bucketName(t), i)
		one, two, three := c.At(t, "proxy1"), c.At(t, "proxy2"), c.At(t, "proxy3")
		one.do(t, "PUT", "/"+b, nil).want(t, 200, "")
		two.put(t, b, "k", []byte("v"))
		three.same(t, b, "k", []byte("v"))
		two.do(t, "DELETE", "/"+b, nil).want(t, 409, "BucketNotEmpty")
		three.do(t, "DELETE", "/"+b+"/k", nil).want(t, 204, "")
		two.do(t, "DELETE", "/"+b, nil).want(t, 204, "")
		one.do(t, "HEAD", "/"+b, nil).want(t, 404, "")
		three.do(t, "PUT", "/"+b+"/k", []byte("v")).want(t, 404, "NoSuchBucket")
	}
	b := c.Plain().bucket(t)
	c.Kill(t, "proxy2")
	c.At(t, "proxy3").put(t, b, "after", []byte("v"))
	c.Restart(t, "proxy2")
	c.At(t, "proxy2").same(t, b, "after", []byte("v"))
}

// Without the proxy that embeds etcd nothing can be changed about the cluster,
// and names are read and written as before; when it is back, so is everything.
func TestProxyWithEtcdDies(t *testing.T) {
	c := Start(t, Options{Proxies: 2})
	b := c.Plain().bucket(t)
	two := c.At(t, "proxy2")
	two.put(t, b, "k", []byte("before"))
	c.Kill(t, "proxy1")
	for i := range 20 {
		two.same(t, b, "k", fmt.Append(nil, map[bool]string{true: "before", false: "during"}[i == 0]))
		two.put(t, b, "k", []byte("during"))
	}
	a := two.do(t, "PUT", "/"+bucketName(t), nil)
	if a.status != 503 {
		t.Errorf("a bucket made without etcd: %v", a)
	}
	c.Restart(t, "proxy1")
	c.Plain().same(t, b, "k", []byte("during"))
	fresh := bucketName(t)
	Eventually(t, 10*time.Second, "buckets can be made again", func() error {
		if a := two.do(t, "PUT", "/"+fresh, nil); a.status != 200 {
			return fmt.Errorf("%v", a)
		}
		return nil
	})
}

// A target that joins a cluster with data serves the buckets that are made from then on;
// where objects are not to be moved the older ones stay where they are, readable and
// complete.
func TestTargetJoins(t *testing.T) {
	c := Start(t, Options{Targets: 2})
	c.ais(t, "config cluster rebalance.enabled=false")
	p := c.Plain()
	old := p.bucket(t)
	var keys []string
	for i := range 40 {
		keys = append(keys, fmt.Sprintf("k%02d", i))
		p.put(t, old, keys[i], []byte(keys[i]))
	}
	joined := c.Join(t)
	fresh := p.bucket(t)
	at := map[string]int{}
	for _, k := range keys {
		p.same(t, old, k, []byte(k))
		c.At(t, joined).same(t, old, k, []byte(k))
		p.put(t, old, k, []byte(k+"+"))
		p.put(t, fresh, k, []byte(k))
		at["old "+c.owner(t, old, k)]++
		at["fresh "+c.owner(t, fresh, k)]++
	}
	if at["old "+joined] != 0 || at["fresh "+joined] == 0 {
		t.Errorf("placed: %v", at)
	}
	for _, b := range []string{old, fresh} {
		if got := c.At(t, joined).list(t, b); !slices.Equal(got, keys) {
			t.Errorf("listed %q", got)
		}
	}
	c.Kill(t, joined)
	c.Restart(t, joined)
	p.same(t, fresh, keys[0], []byte(keys[0]))
}

// startEtcd starts Debian's etcd, ends it with the test, and returns its URL for
// clients and its process.
func startEtcd(t *testing.T) (client string, process *os.Process) {
	t.Helper()
	clients, members := startEtcds(t, 1)
	return clients[0], members[0].cmd.Process
}

// etcdMember is a process of Debian's etcd.
type etcdMember struct {
	args []string
	log  string
	cmd  *exec.Cmd
}

// startEtcds starts Debian's etcd of so many members, ends it with the test, and
// returns the members and their URLs for clients.
func startEtcds(t *testing.T, count int) (clients []string, members []*etcdMember) {
	t.Helper()
	ports, err := freePorts(2 * count)
	if err != nil {
		t.Fatal(err)
	}
	var initial []string
	for i := range count {
		client, peer := fmt.Sprintf("http://127.0.0.1:%d", ports[2*i]), fmt.Sprintf("http://127.0.0.1:%d", ports[2*i+1])
		name, dir := fmt.Sprint("e", i+1), t.TempDir()
		clients, initial = append(clients, client), append(initial, name+"="+peer)
		members = append(members, &etcdMember{log: dir + "/log", args: []string{
			"--name=" + name, "--data-dir=" + dir + "/data", "--listen-client-urls=" + client, "--advertise-client-urls=" + client,
			"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer,
		}})
	}
	for _, m := range members {
		m.args = append(m.args, "--initial-cluster="+strings.Join(initial, ","))
		m.start(t)
		t.Cleanup(m.kill)
	}
	for _, client := range clients {
		Eventually(t, 20*time.Second, "etcd answers", func() error { return dialable(strings.TrimPrefix(client, "http://")) })
	}
	return clients, members
}

func (m *etcdMember) start(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(m.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	m.cmd = exec.Command("etcd", m.args...)
	m.cmd.Stdout, m.cmd.Stderr = log, log
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func (m *etcdMember) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := m.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// kill ends the member, which a test may have stopped.
func (m *etcdMember) kill() {
	if m.cmd != nil && m.cmd.ProcessState == nil {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
	}
}

// A cluster on an etcd of its own: Debian's, started beside it.
func TestExternalEtcd(t *testing.T) {
	client, _ := startEtcd(t)
	c := Start(t, Options{Proxies: 2, External: []string{client}})
	b := c.Plain().bucket(t)
	c.At(t, "proxy2").put(t, b, "k", []byte("v"))
	c.Kill(t, "proxy1")
	c.At(t, "proxy2").same(t, b, "k", []byte("v"))
	c.At(t, "proxy2").do(t, "PUT", "/"+bucketName(t), nil).want(t, 200, "") // no proxy holds anything
}

// The first slice of the native tool, next to S3.
func TestNativeTool(t *testing.T) {
	c := Shared(t, Options{})
	sh := c.Shell(t)
	b := bucketName(t)
	sh.write(t, "README.md", random(1, 10_689))
	out := sh.run(t, `
	b=`+b+`
	ais create ais://$b
	ais create ais://$b && exit 1
	ais put README.md ais://$b
	aws --endpoint-url $ENDPOINT s3api put-object --bucket $b --key LICENSE --body README.md
	ais ls ais://$b
	ais get ais://$b/LICENSE out && cmp out README.md
	aws --endpoint-url $ENDPOINT s3 cp s3://$b/README.md - | cmp - README.md
	ais bucket props set ais://$b checksum.type=md5
	ais bucket props show ais://$b | grep checksum
	ais object show ais://$b/LICENSE
	ais show cluster
	ais config cluster
	ais rm ais://$b/LICENSE || ais object rm ais://$b/LICENSE
	ais ls ais://
	ais bucket rm ais://$b --yes
	`)
	wantIn(t, out, `"ais://`+b+`" created`, "already exists", "README.md", "10.44KiB", `"checksum.type" set to`, "md5", "target1", "destroyed")
}
