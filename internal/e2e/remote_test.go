package e2e

import (
	"ais/backend/backendtest"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Remote is an S3 server that remote buckets live in. It can be compared, and is
// part of Options.
type Remote struct {
	Name     string // moto, ais
	Endpoint string
	Key      Key
	Region   string // "" is us-east-1
}

// eachRemote runs a test against both remotes: moto's server, which Amazon's
// behaviour was copied into by others, and a second AIS cluster, which verifies
// signatures.
func eachRemote(t *testing.T, test func(t *testing.T, r Remote)) {
	for _, remote := range []func(*testing.T) Remote{Moto, SecondAIS} {
		r := remote(t)
		t.Run(r.Name, func(t *testing.T) { test(t, r) })
	}
}

// Cached returns a shared cluster that has a remote's buckets.
func Cached(t *testing.T, r Remote) *Cluster {
	t.Helper()
	return Shared(t, Options{Remote: r, Plain: true})
}

// SecondAIS returns a shared cluster of AIS, with users, as a remote.
func SecondAIS(t *testing.T) Remote {
	t.Helper()
	c := Shared(t, Options{Targets: 1, Auth: true, Redirect: "never", S3Domain: "localhost", Plain: true})
	return Remote{Name: "ais", Endpoint: c.URL(t, "proxy1"), Key: c.Key(t, "root")}
}

// motoServer is the process that all tests share.
var motoServer struct {
	sync.Mutex
	*node
	dir string
}

// Moto returns moto's server as a remote, started when it is first asked for.
func Moto(t *testing.T) Remote {
	t.Helper()
	m := &motoServer
	m.Lock()
	defer m.Unlock()
	if m.node == nil {
		ports, err := freePorts(1)
		if err != nil {
			t.Fatal(err)
		}
		if m.dir, err = os.MkdirTemp("", "ais-e2e-moto-"); err != nil {
			t.Fatal(err)
		}
		n := &node{name: "moto", port: ports[0], log: filepath.Join(m.dir, "log"), env: cleanEnv()}
		n.args = []string{filepath.Join(root(), ".venv/bin/moto_server"), "-H", "127.0.0.1", "-p", fmt.Sprint(n.port)}
		if err := n.start(); err != nil {
			t.Fatal(err, "(deploy/install.sh test installs it)")
		}
		m.node = n
		if err := n.await(30*time.Second, func() error { return dialable(fmt.Sprintf("127.0.0.1:%d", n.port)) }); err != nil {
			t.Fatal(err)
		}
	}
	return Remote{Name: "moto", Endpoint: fmt.Sprintf("http://127.0.0.1:%d", m.port), Key: Key{"AKIAMOTO", "moto-secret"}}
}

func stopMoto() {
	if m := &motoServer; m.node != nil {
		m.end(syscall.SIGKILL)
		os.RemoveAll(m.dir)
	}
}

// plain returns a client of the remote itself.
func (r Remote) plain() plain {
	p := newPlain(r.Endpoint)
	p.key = r.Key
	return p
}

// SDK returns an aws-sdk-go-v2 client of the remote itself.
func (r Remote) SDK() *s3.Client {
	return SDK(r.Endpoint, func(o *s3.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider(r.Key.Access, r.Key.Secret, "")
	})
}

// bucket makes a bucket at the remote, named after the test.
func (r Remote) bucket(t testing.TB) string { return r.plain().bucket(t) }

// put writes an object at the remote, past AIS, and returns its ETag there.
func (r Remote) put(t testing.TB, bucket, key string, body []byte, headers ...string) string {
	t.Helper()
	return r.plain().put(t, bucket, key, body, headers...).header.Get("ETag")
}

// head is what the remote says of an object.
func (r Remote) head(t testing.TB, bucket, key string) *s3.HeadObjectOutput {
	t.Helper()
	out, err := r.SDK().HeadObject(ctx(t), &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	if err != nil {
		t.Fatalf("%s/%s at the remote: %v", bucket, key, err)
	}
	return out
}

// env is what a process needs to go to the remote, in the variables that every AWS
// program reads.
func (r Remote) env() []string {
	if r.Key.Access == "" {
		return []string{"AWS_EC2_METADATA_DISABLED=true"}
	}
	return []string{"AWS_ACCESS_KEY_ID=" + r.Key.Access, "AWS_SECRET_ACCESS_KEY=" + r.Key.Secret, "AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true"}
}

// RemoteShell is Shell with REMOTE, a function that is the aws command at the
// remote itself, and S3 and API, which are at the cluster.
func (c *Cluster) RemoteShell(t testing.TB, r Remote) script {
	sh := c.Shell(t)
	sh.functions = fmt.Sprintf(`
	REMOTE() { AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s aws --endpoint-url %s "$@"; }
	S3() { aws --endpoint-url $ENDPOINT s3 "$@"; }
	API() { aws --endpoint-url $ENDPOINT s3api "$@"; }
	`, r.Key.Access, r.Key.Secret, r.Endpoint)
	return sh
}

// configure changes settings of the cluster.
func (c *Cluster) configure(settings ...string) error {
	cmd := exec.Command(filepath.Join(binaries(false), "ais"), append([]string{"config", "cluster"}, settings...)...)
	cmd.Env = append(cleanEnv(), c.clientEnv("root", c.nodes[0].public())...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ais config cluster %v: %w\n%s", settings, err, out)
	}
	return nil
}

// useRemote turns the remote of the Options on.
func (c *Cluster) useRemote() error {
	if c.o.Remote.Endpoint == "" {
		return nil
	}
	return c.configure("backend.aws.enabled=true", "backend.aws.endpoint="+c.o.Remote.Endpoint, "backend.timeout=10s")
}

// ais runs the ais command with arguments of one line, which must succeed, and
// returns what it printed.
func (c *Cluster) ais(t testing.TB, line string) string {
	t.Helper()
	return c.Shell(t).run(t, "ais "+line)
}

// sum is metric over all targets.
func (c *Cluster) sum(t testing.TB, text string) float64 {
	t.Helper()
	total := 0.0
	for _, n := range c.Names("target") {
		total += c.metric(t, n, text)
	}
	return total
}

// header is a header of the answer to HEAD.
func (p plain) header(t testing.TB, bucket, key, name string) string {
	t.Helper()
	return p.do(t, http.MethodHead, "/"+bucket+"/"+escape(key), nil).want(t, 200, "").header.Get(name)
}

// Between starts a proxy before a remote that behaves badly on demand, and returns
// the way through it as a remote of its own.
func Between(t *testing.T, r Remote) (Remote, *backendtest.Faulty) {
	t.Helper()
	f, err := backendtest.NewFaulty(r.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return Remote{Name: r.Name, Endpoint: f.URL, Key: r.Key}, f
}

// flaky is a cluster whose remote is reached through a Faulty, for one test that
// runs many cases, each with a bucket of its own.
type flaky struct {
	*Cluster
	remote Remote // the store itself, past the faults
	*backendtest.Faulty
}

// startFlaky starts a cluster whose remote operations may take timeout.
func startFlaky(t *testing.T, r Remote, timeout string, o Options) flaky {
	t.Helper()
	way, faulty := Between(t, r)
	o.Remote, o.Plain = way, true
	c := Start(t, o)
	if err := c.configure("backend.timeout=" + timeout); err != nil {
		t.Fatal(err)
	}
	return flaky{c, r, faulty}
}

// here returns the names of a remote bucket whose objects are kept here, sorted.
func (c *Cluster) here(t testing.TB, bucket string) []string {
	t.Helper()
	p := c.plainAt(c.URL(t, "proxy1")+"/v1/buckets", c.keys["root"])
	a := p.do(t, "GET", "/"+bucket+"?provider=aws", []byte(`{"action":"list","value":{"props":"name,size,cached","flags":"1"}}`), "Content-Type: application/json", "Accept: application/json").want(t, 200, "")
	var page struct {
		Entries []struct{ Name string }
	}
	if err := json.Unmarshal(a.body, &page); err != nil {
		t.Fatal(err, a)
	}
	names := []string{}
	for _, e := range page.Entries {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return names
}

// nothingHalf waits until the targets hold no more blob files than the buckets have
// objects here.
func (c *Cluster) nothingHalf(t *testing.T, buckets ...string) {
	t.Helper()
	Eventually(t, 90*time.Second, "what is half is swept", func() error {
		objects := 0
		for _, b := range buckets {
			objects += len(c.here(t, b))
		}
		if blobs := c.files(t, "blobs"); blobs > objects {
			return fmt.Errorf("%d blob files for %d objects", blobs, objects)
		}
		return nil
	})
}

// open begins to read an object; the caller closes the body. It is relayed.
func (p plain) open(target string) (*http.Response, error) {
	req, err := http.NewRequest(http.MethodGet, p.endpoint+target, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "e2e")
	return p.http.Do(req)
}

// pull reads an object and returns its size and CRC, without holding it.
func (p plain) pull(bucket, key string) (size int64, crc uint32, err error) {
	resp, err := p.open("/" + bucket + "/" + escape(key))
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	h := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	if size, err = io.Copy(h, resp.Body); err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s", resp.Status)
	}
	return size, h.Sum32(), err
}

func crcOf(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }

// slow makes reads of a bucket's objects slow.
func (f flaky) slow(bucket string) (remove func()) {
	return f.Inject(backendtest.Fault{Method: "GET", Path: "/" + bucket + "/", Delay: 700 * time.Millisecond})
}
