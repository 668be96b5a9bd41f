package e2e

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

var modelSeed = flag.Uint64("model.seed", 0, "run the model test with this seed alone, as a failure printed it")

// TestModel does random operations against the cluster and against a map, and
// wants the same answers. A failure prints its seed; replay it with
//
//	AIS_E2E=1 go test ./internal/e2e -run TestModel -model.seed N
func TestModel(t *testing.T) {
	seeds := []uint64{uint64(time.Now().UnixNano())}
	switch {
	case *modelSeed != 0:
		seeds[0] = *modelSeed
	case long():
		for range 9 {
			seeds = append(seeds, rand.Uint64())
		}
	}
	c := Start(t, Options{Proxies: 2})
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := &model{t: t, c: c, r: rand.New(rand.NewPCG(seed, 0)), objects: map[string][]byte{}}
			m.bucket = bucketName(t)
			m.at("proxy1").do(t, "PUT", "/"+m.bucket, nil).want(t, 200, "")
			defer func() {
				if t.Failed() {
					t.Logf("replay with -model.seed %d; the last operations were\n%s", seed, strings.Join(m.history[max(0, len(m.history)-15):], "\n"))
				}
			}()
			m.run(600)
		})
	}
}

// model is a bucket and what ought to be in it.
type model struct {
	t       *testing.T
	c       *Cluster
	r       *rand.Rand
	bucket  string
	objects map[string][]byte
	uploads []*modelUpload
	clients map[string]plain
	history []string
	counter uint64
}

type modelUpload struct {
	*upload
	key   string
	parts map[int][]byte
}

func (m *model) at(node string) plain {
	if m.clients == nil {
		m.clients = map[string]plain{}
	}
	p, ok := m.clients[node]
	if !ok {
		p = m.c.At(m.t, node)
		m.clients[node] = p
	}
	return p
}

// anywhere returns a client of any node.
func (m *model) anywhere() plain {
	nodes := append(m.c.Names("proxy"), m.c.Names("target")...)
	return m.at(nodes[m.r.IntN(len(nodes))])
}

func (m *model) key() string {
	return []string{"a", "a/", "a/b", "b", "dir/x", "dir/y", "dir//z", "é", "k?", "t+u v"}[m.r.IntN(10)] + []string{"", "", "1", "2", "/3"}[m.r.IntN(5)]
}

func (m *model) data() []byte {
	m.counter++
	return random(m.counter<<20|uint64(m.r.IntN(1<<20)), []int{0, 1, 100, 4096, 40_000, 200_000, 1 << 20, 1<<20 + 1, 2_500_000}[m.r.IntN(9)])
}

func (m *model) path(key string) string { return "/" + m.bucket + "/" + escape(key) }

func (m *model) say(format string, args ...any) {
	m.history = append(m.history, fmt.Sprintf(format, args...))
}

func (m *model) run(steps int) {
	restarts := []int{steps / 3, 2 * steps / 3}
	for i := range steps {
		if slices.Contains(restarts, i) {
			m.restart()
		}
		switch n := m.r.IntN(100); {
		case n < 28:
			m.put()
		case n < 52:
			m.get()
		case n < 62:
			m.remove()
		case n < 70:
			m.copy()
		case n < 80:
			m.list()
		case n < 84:
			m.removeMany()
		case n < 90:
			m.conditional()
		default:
			m.multipart()
		}
		if m.t.Failed() {
			return
		}
	}
	m.list()
	for key := range m.objects {
		m.check(key)
	}
}

func (m *model) restart() {
	nodes := append(m.c.Names("target"), "proxy2")
	node := nodes[m.r.IntN(len(nodes))]
	kill := m.r.IntN(2) == 0
	m.say("restart %s, kill %v", node, kill)
	if kill {
		m.c.Kill(m.t, node)
	} else {
		m.c.Stop(m.t, node)
	}
	m.c.Restart(m.t, node)
	m.clients = nil
}

func (m *model) put() {
	key, data := m.key(), m.data()
	m.say("put %q %d", key, len(data))
	m.anywhere().do(m.t, "PUT", m.path(key), data).want(m.t, 200, "")
	m.objects[key] = data
}

func (m *model) check(key string) {
	m.t.Helper()
	a := m.anywhere().do(m.t, "GET", m.path(key), nil)
	data, ok := m.objects[key]
	if !ok {
		a.want(m.t, 404, "NoSuchKey")
		return
	}
	if a.want(m.t, 200, ""); !bytes.Equal(a.body, data) {
		m.t.Errorf("%q: got %d bytes (%s), want %d (%s)", key, len(a.body), md5hex(a.body), len(data), md5hex(data))
	}
}

func (m *model) get() {
	key := m.key()
	data, ok := m.objects[key]
	if !ok || len(data) == 0 || m.r.IntN(2) == 0 {
		m.say("get %q", key)
		m.check(key)
		return
	}
	first := m.r.IntN(len(data))
	last := first + m.r.IntN(len(data))
	m.say("get %q %d-%d of %d", key, first, last, len(data))
	a := m.anywhere().do(m.t, "GET", m.path(key), nil, fmt.Sprintf("Range: bytes=%d-%d", first, last)).want(m.t, 206, "")
	if !bytes.Equal(a.body, data[first:min(last+1, len(data))]) {
		m.t.Errorf("range %d-%d of %q: %d bytes, not these", first, last, key, len(a.body))
	}
}

func (m *model) remove() {
	key := m.key()
	m.say("delete %q", key)
	m.anywhere().do(m.t, "DELETE", m.path(key), nil).want(m.t, 204, "")
	delete(m.objects, key)
}

func (m *model) removeMany() {
	var body strings.Builder
	for range 3 {
		key := m.key()
		m.say("delete many %q", key)
		fmt.Fprintf(&body, "<Object><Key>%s</Key></Object>", key)
		delete(m.objects, key)
	}
	m.anywhere().do(m.t, "POST", "/"+m.bucket+"?delete", []byte("<Delete>"+body.String()+"</Delete>")).want(m.t, 200, "")
}

func (m *model) copy() {
	from, to := m.key(), m.key()
	if from == to {
		return
	}
	m.say("copy %q %q", from, to)
	a := m.anywhere().do(m.t, "PUT", m.path(to), nil, "X-Amz-Copy-Source: "+m.bucket+"/"+escape(from))
	if data, ok := m.objects[from]; ok {
		a.want(m.t, 200, "")
		m.objects[to] = data
	} else {
		a.want(m.t, 404, "NoSuchKey")
	}
}

func (m *model) conditional() {
	key, data := m.key(), m.data()
	old, there := m.objects[key]
	m.say("put %q %d if none is there", key, len(data))
	a := m.anywhere().do(m.t, "PUT", m.path(key), data, "If-None-Match: *")
	if there {
		a.want(m.t, 412, "PreconditionFailed")
		a = m.anywhere().do(m.t, "HEAD", m.path(key), nil, "If-None-Match: nothing").want(m.t, 200, "")
		if a.header.Get("Content-Length") != fmt.Sprint(len(old)) {
			m.t.Errorf("%q has length %s, want %d", key, a.header.Get("Content-Length"), len(old))
		}
		return
	}
	a.want(m.t, 200, "")
	m.objects[key] = data
}

func (m *model) list() {
	prefix, delimiter := []string{"", "a", "dir/", "é"}[m.r.IntN(4)], []string{"", "/"}[m.r.IntN(2)]
	m.say("list %q %q", prefix, delimiter)
	got := m.anywhere().walk(m.t, m.bucket, m.r.IntN(2) == 0, url.Values{"prefix": {prefix}, "delimiter": {delimiter}, "encoding-type": {"url"}, "max-keys": {fmt.Sprint(1 + m.r.IntN(20))}})
	var keys []string
	for k := range m.objects {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	contents, prefixes := expected(keys, prefix, delimiter, "")
	if !slices.Equal(got.keys, contents) || !slices.Equal(got.prefixes, prefixes) {
		m.t.Errorf("prefix %q delimiter %q:\ngot  %q %q\nwant %q %q", prefix, delimiter, got.keys, got.prefixes, contents, prefixes)
	}
}

// multipart begins, goes on with, completes or aborts an upload.
func (m *model) multipart() {
	if len(m.uploads) == 0 || m.r.IntN(4) == 0 {
		key := m.key()
		m.say("begin %q", key)
		m.uploads = append(m.uploads, &modelUpload{upload: m.anywhere().begin(m.t, m.bucket, key), key: key, parts: map[int][]byte{}})
		return
	}
	i := m.r.IntN(len(m.uploads))
	u := m.uploads[i]
	u.p = m.anywhere()
	switch {
	case m.r.IntN(8) == 0:
		m.say("abort %q", u.key)
		u.p.do(m.t, "DELETE", u.target+"?"+u.query(), nil).want(m.t, 204, "")
	case len(u.parts) < 2:
		n := 1 + m.r.IntN(3)
		m.counter++
		data := random(m.counter, partSize+m.r.IntN(1000))
		m.say("part %d of %q, %d", n, u.key, len(data))
		u.part(m.t, n, data).want(m.t, 200, "")
		u.parts[n] = data
		return
	default:
		var numbers []int
		var data []byte
		for n := range 4 {
			if part, ok := u.parts[n]; ok {
				numbers = append(numbers, n)
				data = append(data, part...)
			}
		}
		m.say("complete %q of %v, %d", u.key, numbers, len(data))
		u.complete(m.t, u.manifest(numbers...)).want(m.t, 200, "")
		m.objects[u.key] = data
	}
	m.uploads = slices.Delete(m.uploads, i, i+1)
}
