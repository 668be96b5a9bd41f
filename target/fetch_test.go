package target

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ais/backend"
	"ais/backend/backendtest"
	"ais/cluster"
	"ais/object"
)

// remoteUnderTest is a remote bucket whose reads a test can watch and bend.
type remoteUnderTest struct {
	backend.Backend
	mu    sync.Mutex
	gets  []object.Range // of every Get that succeeded
	bytes atomic.Int64   // read from bodies
	get   func(ctx context.Context, key string, o backend.GetOptions) error
	body  func(r object.Range, body io.ReadCloser) io.ReadCloser
}

func (r *remoteUnderTest) Get(ctx context.Context, key string, o backend.GetOptions) (*backend.Object, error) {
	if r.get != nil {
		if err := r.get(ctx, key, o); err != nil {
			return nil, err
		}
	}
	got, err := r.Backend.Get(ctx, key, o)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.gets = append(r.gets, got.Range)
	r.mu.Unlock()
	if r.body != nil {
		got.Body = r.body(got.Range, got.Body)
	}
	got.Body = &tallied{got.Body, &r.bytes}
	return got, nil
}

type tallied struct {
	io.ReadCloser
	n *atomic.Int64
}

func (c *tallied) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// startCold returns a target with an aws:// bucket "mem", what is behind that, and
// the store.
func startCold(t *testing.T, props ...string) (*Target, *cluster.Bucket, *remoteUnderTest, *backendtest.Mem) {
	t.Helper()
	target, mem := startAlone(t)
	remote := &remoteUnderTest{}
	var once sync.Once // several that come first at a time open it each
	target.remotes.open = func(c backend.Config) (_ backend.Backend, err error) {
		once.Do(func() { remote.Backend, err = mem.Open(c) })
		return remote, err
	}
	t.Cleanup(target.fetches.end)
	b := makeBucket(t, target, object.AWS, "mem", props...)
	return target, b, remote, mem
}

// content returns n bytes that no other n give.
func content(n int, seed uint64) string {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	r.Read(b)
	return string(b)
}

func get(t *testing.T, target *Target, key string, headers ...string) answer {
	t.Helper()
	return ask(t, target, "GET", "/mem/"+key+"?provider=aws", "", headers...)
}

// here returns what is kept of an object, nil for nothing.
func here(t *testing.T, target *Target, b *cluster.Bucket, key string) *object.Meta {
	t.Helper()
	m, err := target.store.Stat(object.Name{Bucket: b.ID, Key: key}, "")
	if err != nil {
		return nil
	}
	return &m
}

// settle waits until no fetch is running.
func settle(t *testing.T, target *Target) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		target.fetches.mu.Lock()
		n := len(target.fetches.byName)
		target.fetches.mu.Unlock()
		if n == 0 {
			target.fetches.running.Wait() // one that failed has left before its last request has
			return
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("%d fetches do not end", n)
		}
	}
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		if len(got)+len(want) < 200 {
			t.Fatalf("%s: %q, want %q", what, got, want)
		}
		t.Fatalf("%s: %d bytes that begin %.20q, want %d", what, len(got), got, len(want))
	}
}

func TestColdGet(t *testing.T) {
	target, b, remote, mem := startCold(t)
	mem.KeepVersions(true)
	for name, size := range map[string]int{
		"empty": 0, "one byte": 1, "inline": 1000, "as much as is held back": heldBack, "one more": heldBack + 1,
		"a chunk": testChunk, "a chunk and a byte": testChunk + 1, "many chunks": 3*testChunk + 12345,
	} {
		t.Run(name, func(t *testing.T) {
			key := strings.ReplaceAll(name, " ", "-")
			want := content(size, uint64(size))
			there := mem.Set(key, want)
			remote.bytes.Store(0)
			cold := get(t, target, key)
			if cold.status != 200 {
				t.Fatalf("%d %s", cold.status, cold.body)
			}
			same(t, "cold", cold.body, want)
			calls := mem.Calls(backendtest.OpGet, key)
			warm := get(t, target, key)
			same(t, "warm", warm.body, want)
			for _, h := range []string{"Etag", "Last-Modified", "X-Amz-Version-Id", "Content-Length", "Content-Type"} {
				if cold.header.Get(h) != warm.header.Get(h) {
					t.Errorf("%s: cold %q, warm %q", h, cold.header.Get(h), warm.header.Get(h))
				}
			}
			if cold.header.Get("Etag") != `"`+there.ETag+`"` || cold.header.Get("X-Amz-Version-Id") != there.Version {
				t.Errorf("headers %v", cold.header)
			}
			if n := remote.bytes.Load(); n != int64(size) {
				t.Errorf("%d bytes came from the remote, the object has %d", n, size)
			}
			if n := mem.Calls(backendtest.OpGet, key); n != calls {
				t.Errorf("the warm read asked the remote")
			}
			if n := mem.Calls(backendtest.OpHead, key); n != 0 {
				t.Errorf("%d HEADs", n)
			}
			m := here(t, target, b, key)
			if m == nil {
				t.Fatal("it is not here")
			}
			if m.ETag != there.ETag || !m.Modified.Equal(there.Modified) || m.Custom["source"] != "aws" || m.Custom["ETag"] != there.ETag || m.Custom["version"] != there.Version {
				t.Errorf("kept %+v", m)
			}
			if want := object.Sum(b.Props.Checksum.Type, []byte(want)); m.Checksum.Hex() != want.Hex() {
				t.Errorf("checksum %s, want %s", m.Checksum.Hex(), want.Hex())
			}
		})
	}
	if n := len(target.names.byName); n != 0 {
		t.Errorf("%d names are held", n)
	}
	if n := len(target.fetches.extra); n != 0 {
		t.Errorf("%d tokens are held", n)
	}
}

// However many want an object at once, each of its bytes comes once.
func TestColdGetOfMany(t *testing.T) {
	target, b, remote, mem := startCold(t)
	want := content(testChunk+77_777, 1)
	mem.Set("key", want)
	var done sync.WaitGroup
	for i := range 200 {
		done.Go(func() {
			from := i * 10_000
			o, err := target.openRemote(b, object.Name{Bucket: b.ID, Key: "key"}, wish{})
			if err != nil {
				t.Error(err)
				return
			}
			r := object.Range{Offset: int64(from), Length: int64(len(want) - from)}
			if i%4 == 0 {
				r = object.Range{Length: int64(len(want))}
			}
			rest := expected(want[r.Offset:])
			if err := sectionOf(o, r, &rest); err != nil || rest != "" {
				t.Errorf("reader %d lacks %d bytes: %v", i, len(rest), err)
			}
		})
	}
	done.Wait()
	settle(t, target)
	if n := remote.bytes.Load(); n != int64(len(want)) {
		t.Errorf("%d bytes came, the object has %d", n, len(want))
	}
	if got := counterOf(t, target, "cold_get_count"); got != 1 {
		t.Errorf("%v fetches", got)
	}
}

// expected is what is still to be written to it.
type expected string

func (e *expected) Write(p []byte) (int, error) {
	rest, ok := strings.CutPrefix(string(*e), string(p))
	if !ok {
		return 0, errors.New("something else was written")
	}
	*e = expected(rest)
	return len(p), nil
}

// sectionOf reads a range of what was opened into w and closes it.
func sectionOf(o *opened, r object.Range, w io.Writer) error {
	defer o.Close()
	var section io.ReadCloser
	var err error
	if o.here != nil {
		section, err = o.here.Range(r.Offset, r.Length)
	} else {
		section, err = o.cold.section(r)
	}
	if err != nil {
		return err
	}
	_, err = section.(io.WriterTo).WriteTo(w)
	return err
}

// counterOf returns the value of a counter.
func counterOf(t *testing.T, target *Target, name string) float64 {
	t.Helper()
	families, err := target.cfg.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "ais_target_"+name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no counter %s", name)
	return 0
}

// The bytes that a reader waits for come at once, whatever else there is to come.
func TestColdRangeComesFirst(t *testing.T) {
	target, b, remote, mem := startCold(t)
	want := content(6*testChunk, 2)
	mem.Set("key", want)
	release := make(chan struct{})
	const from = 4*testChunk + 3*fetchAlign + 5
	remote.body = func(r object.Range, body io.ReadCloser) io.ReadCloser {
		if r.Offset <= from && from < r.Offset+fetchAlign {
			return body
		}
		return &gated{body, release}
	}
	n := object.Name{Bucket: b.ID, Key: "key"}
	slow, err := target.openRemote(b, n, wish{}) // takes all workers, which get nowhere
	if err != nil {
		t.Fatal(err)
	}
	for name, header := range map[string]string{"joins": "", "known from the header": "bytes=" + strconv.Itoa(from) + "-"} {
		o, err := target.openRemote(b, n, wish{header: header})
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := sectionOf(o, object.Range{Offset: from, Length: 1000}, &got); err != nil {
			t.Fatal(err)
		}
		same(t, name, got.String(), want[from:from+1000])
	}
	close(release)
	var all bytes.Buffer
	if err := sectionOf(slow, object.Range{Length: int64(len(want))}, &all); err != nil {
		t.Fatal(err)
	}
	same(t, "all", all.String(), want)
	settle(t, target)
	if here(t, target, b, "key") == nil {
		t.Error("it is not here")
	}
}

// gated is a body that gives nothing before it is released.
type gated struct {
	io.ReadCloser
	release chan struct{}
}

func (g *gated) Read(p []byte) (int, error) {
	<-g.release
	return g.ReadCloser.Read(p)
}

// The first request is for what its reader wants.
func TestColdRangeBegins(t *testing.T) {
	target, _, remote, mem := startCold(t)
	want := content(3*testChunk, 3)
	mem.Set("key", want)
	a := get(t, target, "key", "Range", "bytes=5000000-5000099")
	if a.status != 206 || a.header.Get("Content-Range") != "bytes 5000000-5000099/6291456" {
		t.Fatalf("%d %v", a.status, a.header)
	}
	same(t, "range", a.body, want[5000000:5000100])
	remote.mu.Lock()
	first := remote.gets[0]
	remote.mu.Unlock()
	if first.Offset != 4<<20 {
		t.Errorf("first came %+v", first)
	}
	for header, status := range map[string]int{"bytes=-100": 206, "bytes=30000000-": 416, "bytes=0-0,5-6": 200} {
		mem.Set("other", want)
		a := get(t, target, "other", "Range", header)
		if a.status != status {
			t.Errorf("%s: %d", header, a.status)
		}
		if status == 206 {
			same(t, header, a.body, want[len(want)-100:])
		}
		settle(t, target)
		target.evict(bucketNamed(target, "mem"), object.Name{Bucket: bucketNamed(target, "mem").ID, Key: "other"}, nil)
	}
	if n := remote.bytes.Load(); n > 4*int64(len(want))+100 {
		t.Errorf("%d bytes came for four reads of %d", n, len(want))
	}
}

func bucketNamed(target *Target, name string) *cluster.Bucket {
	b, _ := target.cluster.State().Bucket(object.AWS, name)
	return b
}

// breaking is a body that breaks after n bytes.
type breaking struct {
	io.ReadCloser
	n   int64
	err error
}

func (b *breaking) Read(p []byte) (int, error) {
	if b.n <= 0 {
		return 0, b.err
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.n)])
	b.n -= int64(n)
	return n, err
}

// A body that breaks is gone on with; one that breaks whenever it is tried fails the
// fetch, and nothing stays.
func TestColdBreaks(t *testing.T) {
	target, b, remote, mem := startCold(t)
	want := content(2*testChunk, 4)
	mem.Set("key", want)
	var breaks atomic.Int64
	breaks.Store(3)
	for name, broken := range map[string]error{"reset": errors.New("connection reset by peer"), "early end": io.EOF} {
		remote.body = func(_ object.Range, body io.ReadCloser) io.ReadCloser {
			if breaks.Add(-1) < 0 {
				return body
			}
			return &breaking{body, 300_000, broken}
		}
		same(t, name, get(t, target, "key").body, want)
		target.evict(b, object.Name{Bucket: b.ID, Key: "key"}, nil)
		breaks.Store(3)
	}
	remote.body = func(_ object.Range, body io.ReadCloser) io.ReadCloser { return &breaking{body, 0, io.ErrUnexpectedEOF} }
	a := get(t, target, "key")
	if a.status != 503 {
		t.Errorf("%d %.100s", a.status, a.body)
	}
	settle(t, target)
	if here(t, target, b, "key") != nil {
		t.Error("it is here")
	}
	staged(t, target)
}

// staged fails where unfinished or unused payloads are left.
func staged(t *testing.T, target *Target) {
	t.Helper()
	for _, m := range target.store.Mountpaths() {
		if m.Objects != 0 {
			t.Errorf("%s has %d objects", m.Dir, m.Objects)
		}
	}
}

// Wrong bytes are not kept, and nobody gets all of them.
func TestColdCorrupt(t *testing.T) {
	target, b, remote, mem := startCold(t)
	remote.body = func(r object.Range, body io.ReadCloser) io.ReadCloser { return &flipping{body, r.Offset == 0} }
	for _, size := range []int{1, 1000, heldBack, heldBack + 1, 2 * testChunk} {
		key := strconv.Itoa(size)
		mem.Set(key, content(size, 5))
		if size <= heldBack {
			if a := get(t, target, key); a.status != 500 {
				t.Errorf("%d bytes: status %d", size, a.status)
			}
		} else {
			var got bytes.Buffer
			o, err := target.openRemote(b, object.Name{Bucket: b.ID, Key: key}, wish{})
			if err == nil { // else it was found out before anybody could read
				err = sectionOf(o, object.Range{Length: int64(size)}, &got)
			}
			if object.KindOf(err) != object.Corrupt || got.Len() > size-heldBack {
				t.Errorf("%d bytes: %d came, and error %v", size, got.Len(), err)
			}
		}
		settle(t, target)
		if here(t, target, b, key) != nil {
			t.Errorf("%d bytes: kept", size)
		}
	}
	remote.body = nil
	mem.Set("good", "good")
	same(t, "after", get(t, target, "good").body, "good")
}

// flipping is a body with one wrong bit.
type flipping struct {
	io.ReadCloser
	wrong bool
}

func (f *flipping) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if n > 0 && f.wrong {
		p[0] ^= 1
		f.wrong = false
	}
	return n, err
}

// An object that changes between two requests is never mixed.
func TestColdChanges(t *testing.T) {
	target, b, remote, mem := startCold(t)
	before, after := content(3*testChunk, 6), content(3*testChunk, 7)
	mem.Set("key", before)
	var changed sync.Once
	release := make(chan struct{})
	remote.body = func(_ object.Range, body io.ReadCloser) io.ReadCloser { return &gated{body, release} }
	remote.get = func(_ context.Context, _ string, o backend.GetOptions) error {
		if o.IfMatch != "" {
			changed.Do(func() { mem.Set("key", after); close(release) })
		}
		return nil
	}
	o, err := target.openRemote(b, object.Name{Bucket: b.ID, Key: "key"}, wish{})
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	err = sectionOf(o, object.Range{Length: int64(len(before))}, &got)
	if !errors.Is(err, errChanged) || got.Len() >= len(before) || got.String() != before[:got.Len()] {
		t.Errorf("%d bytes, error %v", got.Len(), err)
	}
	settle(t, target)
	if here(t, target, b, "key") != nil {
		t.Error("it is here")
	}
	remote.get = nil
	same(t, "after", get(t, target, "key").body, after)
	settle(t, target)

	// A prefetch, whose bytes nobody has seen, begins anew.
	changed, release = sync.Once{}, make(chan struct{})
	mem.Set("other", before)
	remote.get = func(_ context.Context, _ string, o backend.GetOptions) error {
		if o.IfMatch != "" {
			changed.Do(func() { mem.Set("other", after); close(release) })
		}
		return nil
	}
	n := object.Name{Bucket: b.ID, Key: "other"}
	if size, fetched, err := target.fetchAll(t.Context(), b, n); err != nil || !fetched || size != int64(len(after)) {
		t.Errorf("prefetch: %d, %t, %v", size, fetched, err)
	}
	same(t, "prefetched", get(t, target, "other").body, after)
	if size, fetched, err := target.fetchAll(t.Context(), b, n); err != nil || fetched || size != int64(len(after)) {
		t.Errorf("again: %d, %t, %v", size, fetched, err)
	}
	if _, _, err := target.fetchAll(t.Context(), b, object.Name{Bucket: b.ID, Key: "none"}); object.KindOf(err) != object.NotFound {
		t.Errorf("none: %v", err)
	}
}

// Who leaves takes nothing from the others.
func TestColdReaderLeaves(t *testing.T) {
	target, b, remote, mem := startCold(t)
	want := content(2*testChunk, 8)
	mem.Set("key", want)
	release := make(chan struct{})
	remote.body = func(_ object.Range, body io.ReadCloser) io.ReadCloser { return &gated{body, release} }
	o, err := target.openRemote(b, object.Name{Bucket: b.ID, Key: "key"}, wish{})
	if err != nil {
		t.Fatal(err)
	}
	o.Close()
	close(release)
	settle(t, target)
	if here(t, target, b, "key") == nil {
		t.Fatal("it is not here")
	}
	same(t, "warm", get(t, target, "key").body, want)
	if n := remote.bytes.Load(); n != int64(len(want)) {
		t.Errorf("%d bytes came", n)
	}
}

// What is read while somebody writes is given out, and not kept.
func TestColdWhileWritten(t *testing.T) {
	target, b, remote, mem := startCold(t)
	n := object.Name{Bucket: b.ID, Key: "key"}
	before, after := content(2*testChunk, 9), content(2*testChunk, 10)
	mem.Set("key", before)
	release := make(chan struct{})
	var open atomic.Bool
	remote.body = func(_ object.Range, body io.ReadCloser) io.ReadCloser {
		if open.Load() {
			return body
		}
		return &gated{body, release}
	}
	o, err := target.openRemote(b, n, wish{}) // begins before the write
	if err != nil {
		t.Fatal(err)
	}
	for range fetchWorkers { // let all requests be made: they are of the version before
		time.Sleep(5 * time.Millisecond)
	}
	end := target.names.write(n)
	open.Store(true)
	during, err := target.openRemote(b, n, wish{header: "bytes=5-9"})
	if err != nil {
		t.Fatal(err)
	}
	mem.Set("key", after)
	var got bytes.Buffer
	if err := sectionOf(during, object.Range{Offset: 5, Length: 5}, &got); err != nil {
		t.Fatal(err)
	}
	same(t, "during", got.String(), before[5:10])
	end()
	same(t, "after", get(t, target, "key").body, after) // does not join what began before
	close(release)
	got.Reset()
	if err := sectionOf(o, object.Range{Length: int64(len(before))}, &got); err != nil {
		t.Fatal(err)
	}
	same(t, "before", got.String(), before)
	settle(t, target)
	if m := here(t, target, b, "key"); m == nil || m.ETag != object.Sum(object.MD5, []byte(after)).Hex() {
		t.Errorf("kept %+v", m)
	}
}

// Fetches end with the target, and what they have begun does not stay.
func TestColdEnds(t *testing.T) {
	target, b, remote, mem := startCold(t)
	mem.Set("key", content(2*testChunk, 11))
	remote.get = func(ctx context.Context, _ string, o backend.GetOptions) error {
		if o.IfMatch == "" {
			return nil
		}
		<-ctx.Done()
		return object.E("test", "", object.Unavailable, ctx.Err())
	}
	o, err := target.openRemote(b, object.Name{Bucket: b.ID, Key: "key"}, wish{})
	if err != nil {
		t.Fatal(err)
	}
	target.fetches.end()
	if err := sectionOf(o, object.Range{Length: 2 * testChunk}, io.Discard); object.KindOf(err) != object.Unavailable {
		t.Errorf("the reader got %v", err)
	}
	if a := get(t, target, "key"); a.status != 503 {
		t.Errorf("after the end: %d", a.status)
	}
	staged(t, target)
}
