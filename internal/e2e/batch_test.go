package e2e

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"ais/api"
	"ais/object"
)

// pythonShards makes shards and objects in bucket b; want says what entries bring.
const pythonShards = `
import io, os, tarfile, zipfile
from aistore.sdk import Client
from aistore.sdk.archive_config import ArchiveConfig, ArchiveMode
from aistore.sdk.list_object_flag import ListObjectFlag
client = Client(os.environ["AIS_ENDPOINT"])
name = os.environ["BUCKET"]
b, other = client.bucket(name).create(), client.bucket(name + "-2").create()

def content(i): return b"%d," % i * (i * 400)

def packed(mode):
    f = io.BytesIO()
    with tarfile.open(fileobj=f, mode=mode) as t:
        for i in range(5):
            info = tarfile.TarInfo("dir/f%d.txt" % i)
            info.size = len(content(i))
            t.addfile(info, io.BytesIO(content(i)))
    return f.getvalue()

def put(bucket, key, data): bucket.object(key).get_writer().put_content(data)

put(b, "s.tar", packed("w")); put(b, "s.tgz", packed("w:gz"))
f = io.BytesIO()
with zipfile.ZipFile(f, "w", zipfile.ZIP_DEFLATED) as z:
    for i in range(5): z.writestr("dir/f%d.txt" % i, content(i))
put(b, "s.zip", f.getvalue())
for i in range(40): put(b, "o%02d" % i, content(i))
put(other, "else", b"elsewhere")
SHARDS = ["s.tar", "s.tgz", "s.zip"]
`

// TestArchives: AIStore's Python SDK, ais and an S3 client read, list and append.
func TestArchives(t *testing.T) {
	t.Parallel()
	c := Shared(t, Options{})
	sh := c.Shell(t)
	name := bucketName(t)
	wantIn(t, sh.python(t, "import os\nos.environ['BUCKET']='"+name+"'\n"+pythonShards+`
for s in SHARDS:
    for i in range(5):
        got = b.object(s).get_reader(archive_config=ArchiveConfig(archpath="dir/f%d.txt" % i)).read_all()
        assert got == content(i), (s, i, len(got))
    many = b.object(s).get_reader(archive_config=ArchiveConfig(regex="f[13]", mode=ArchiveMode.REGEXP)).read_all()
    assert tarfile.open(fileobj=io.BytesIO(many)).getnames() == ["dir/f1.txt", "dir/f3.txt"], s
    listed = b.list_archive(s, include_archive_obj=True, props="name,size")
    assert [(e.name, e.size) for e in listed[1:]] == [(s + "/dir/f%d.txt" % i, len(content(i))) for i in range(5)], listed
    assert listed[0].name == s and listed[0].flags & 512 and all(e.flags & 128 for e in listed[1:]), listed
    plain = lambda entries: [(e.name, e.size, e.flags) for e in entries]
    for size in (1, 2, 3, 4, 5, 7):
        paged = b.list_archive(s, include_archive_obj=True, page_size=size, props="name,size")
        assert plain(paged) == plain(listed), (size, paged)
try:
    b.object("s.tar").get_reader(archive_config=ArchiveConfig(archpath="none")).read_all()
    assert False
except Exception as e:
    assert "no such member" in str(e) and "s.tar" in str(e), e
print("read")
`), "read")
	out := sh.run(t, `
	b=ais://`+name+`
	ais get $b/s.zip --archpath dir/f3.txt - | head -c 4; echo
	ais archive get $b/s.tgz --archregx f2 --archmode substr - | tar t
	echo one >one && ais archive put one $b/new.tar --archpath d/one
	ais archive put one $b/new.tar --append
	! ais archive put one $b/none.tar --append 2>/dev/null || exit 1
	ais archive ls $b/new.tar
	curl -sS "$ENDPOINT/`+name+`/new.tar?archpath=d/one"
	`)
	wantIn(t, out, "3,3,\n", "dir/f2.txt\n", "    new.tar/d/one", "    new.tar/one", "\none\n")
}

// TestBatch: AIStore's Python SDK gets batches in every form.
func TestBatch(t *testing.T) {
	t.Parallel()
	c := Shared(t, Options{})
	wantIn(t, c.Shell(t).python(t, "import os\nos.environ['BUCKET']='"+bucketName(t)+"'\n"+pythonShards+`
def fill(batch):
    want = []
    def add(data, *args, **more):
        batch.add(*args, **more); want.append(data)
    for i in range(40): add(content(i), "o%02d" % i)
    add(None, "missing")
    add(b"elsewhere", other.object("else"), opaque=b"tag")
    for s in SHARDS:
        for i in (0, 3, 1, 4): add(content(i), s, archpath="dir/f%d.txt" % i)
        add(None, s, archpath="none")
        add(content(4)[5:15], s, archpath="dir/f4.txt", start=5, length=10)
    add(content(10)[2:5], "o10", start=2, length=3)
    add(content(10)[2999:], "o10", start=2999, length=-1)
    add(None, "o10", start=len(content(10)) - 1, length=2)
    add(None, "x", bck="no-such-bucket", provider="ais")
    return want

for fmt in (".tar", ".tgz", ".zip"):
    for strm in (True, False):
        for as_stream in (False, True):
            batch = client.batch(bucket=b, output_format=fmt, streaming_get=strm, only_obj_name=as_stream)
            want = fill(batch)
            got = list(batch.get(decode_as_stream=as_stream))
            assert len(got) == len(want), (fmt, strm, len(got), len(want))
            for (info, data), w in zip(got, want):
                if w is None:
                    assert info.err_msg and data == b"", (fmt, strm, info)
                else:
                    assert data == w and not info.err_msg and info.size == len(w), (fmt, strm, info, len(data))
            assert [i.opaque for i, _ in got if i.opaque] == [b"tag"], (fmt, strm)
many = ["o%02d" % (i % 3) for i in range(6000)]  # too long to be redirected: the proxy relays
got = list(client.batch(many, bucket=b).get())
assert len(got) == 6000 and all(data == content(i % 3) for i, (_, data) in enumerate(got))
for strm in (True, False):
    try:
        list(client.batch(["o01", "missing"], bucket=b, cont_on_err=False, streaming_get=strm).get())
        assert False
    except Exception as e:
        assert "missing" in str(e) and "404" in str(e), e
print("all there")
`), "all there")
}

// TestBatchOfTwoOwners: who may read one of two buckets gets what is in that one.
func TestBatchOfTwoOwners(t *testing.T) {
	t.Parallel()
	c := Shared(t, Options{Auth: true, Users: "alice,bob"})
	alice, bob := c.As(t, "alice"), c.As(t, "bob")
	hers, his := alice.bucket(t), bob.bucket(t)
	for i := range 6 { // on several targets
		alice.put(t, hers, fmt.Sprintf("a%d", i), []byte("hers"))
		bob.put(t, his, fmt.Sprintf("b%d", i), []byte("his"))
	}
	var in []string
	for i := range 6 {
		in = append(in, fmt.Sprintf(`{"objname":"a%d"},{"objname":"b%d","bucket":%q,"provider":"ais"}`, i, i, his))
	}
	at := c.plainAt(c.URL(t, "proxy1")+"/v1/ml/moss", c.Key(t, "alice"))
	at.http.CheckRedirect = nil
	ask := func(settings string) answer {
		t.Helper()
		return at.do(t, "GET", "/"+hers, []byte(fmt.Sprintf(`{"strm":true,%s"in":[%s]}`, settings, strings.Join(in, ","))))
	}
	for _, padding := range []string{"", strings.Repeat(" ", 300<<10)} { // redirected, and relayed
		files := readTar(t, bytes.NewReader(ask(padding+`"coer":true,`).want(t, 200, "").body))
		for i, f := range files {
			mine := i%2 == 0
			if strings.HasPrefix(f.name, "__404__/") == mine || mine && f.content != "hers" || !mine && f.content != "" {
				t.Errorf("%d: %+v", i, f)
			}
		}
		if len(files) != 12 {
			t.Errorf("%d files", len(files))
		}
		ask(padding).want(t, 403, "")
	}
	c.plainAt(c.URL(t, "proxy1")+"/v1/ml/moss", Key{}).do(t, "GET", "/"+hers, []byte(`{"in":[{"objname":"a0"}]}`)).want(t, 403, "")
}

type tarFile struct{ name, content string }

func readTar(t *testing.T, from io.Reader) (files []tarFile) {
	t.Helper()
	r := tar.NewReader(from)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, tarFile{h.Name, string(content)})
	}
}

// TestBatchFaults kills a target in the middle of a large batch, and has clients leave.
func TestBatchFaults(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	p := c.Plain()
	bucket := p.bucket(t)
	data := random(1, 100<<10)
	const objects, entries = 30, 3000
	for i := range objects {
		p.put(t, bucket, fmt.Sprintf("o%02d", i), data)
	}
	client, err := api.NewClient(api.ClientConfig{Endpoint: c.URL(t, "proxy1")})
	if err != nil {
		t.Fatal(err)
	}
	batch := api.BatchRequest{Stream: true, ContinueOnError: true}
	for i := range entries {
		batch.In = append(batch.In, api.BatchIn{Key: fmt.Sprintf("o%02d", i%objects)})
	}
	open := func(r api.BatchRequest) io.ReadCloser {
		t.Helper()
		content, _, err := client.GetBatch(context.Background(), api.NewBucket(object.AIS, bucket), r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, content, 1<<10); err != nil {
			t.Fatal(err)
		}
		return content
	}

	// Clients that leave take everything with them.
	before := map[string]float64{}
	for _, n := range c.Names("target") {
		before[n] = c.metric(t, n, "go_goroutines")
	}
	for range 10 {
		open(batch).Close()
	}
	Eventually(t, 30*time.Second, "what the clients left is gone", func() error {
		for n, count := range before {
			if now := c.metric(t, n, "go_goroutines"); now > count+15 {
				return fmt.Errorf("%s has %v goroutines, %v before", n, now, count)
			}
		}
		return nil
	})

	// A target dies; which is the one that answers shows its counter.
	victim := ""
	for _, n := range c.Names("target") {
		if c.metric(t, n, "getbatch_count") == 0 {
			victim = n
		}
	}
	content, _, err := client.GetBatch(context.Background(), api.NewBucket(object.AIS, bucket), batch)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	strict := batch
	strict.ContinueOnError = false
	cut := open(strict)
	defer cut.Close()
	head := bufio.NewReaderSize(content, 64<<10)
	if _, err := head.Peek(1); err != nil {
		t.Fatal(err)
	}
	c.Kill(t, victim)
	files := readTar(t, head)
	missing := 0
	for i, f := range files {
		name, failed := strings.CutPrefix(f.name, "__404__/")
		if name != bucket+"/"+batch.In[i].Key || !failed && f.content != string(data) || failed && f.content != "" {
			t.Fatalf("%d: %s with %d bytes", i, f.name, len(f.content))
		}
		if failed {
			missing++
		}
	}
	if len(files) != entries || missing == 0 || missing > entries/2 {
		t.Errorf("%d files, %d missing", len(files), missing)
	}
	if _, err := io.Copy(io.Discard, cut); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("without coer the answer ends in %v", err)
	}
}
