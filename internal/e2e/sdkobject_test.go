package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"ais/api"
	"ais/object"
)

// sdkObjects is what people do with objects by AIStore's Python SDK. BUCKET is
// there; TOKEN is "" where nobody asks who one is.
const sdkObjects = `
import os, signal, tempfile
signal.alarm(100) # it tries again and again otherwise
from aistore.sdk import Client
from aistore.sdk.errors import ErrObjNotFound, AISError

client = Client(os.environ["AIS_ENDPOINT"], token=os.environ.get("TOKEN") or None)
bucket = client.bucket(os.environ["BUCKET"])
big = os.urandom(1 << 20) * 3 + b"the end"

for name, content in {"empty": b"", "dir/a b+ü%": b"hello world", "big": big}.items():
    o = bucket.object(name)
    o.get_writer().put_content(content)
    assert o.get_reader().read_all() == content, name
    assert b"".join(o.get_reader()) == content, name
    assert o.get_reader().raw().read() == content, name
    with o.get_reader().as_file() as f:
        assert f.read(5) == content[:5] and f.read() == content[5:], name
    h = o.head("size,checksum,etag,last-modified")
    assert h.size == len(content) and h.present and h.checksum_value and h.etag and h.last_modified, name
    p = o.props
    assert p.name == name and p.bucket_name == bucket.name and p.location and p.mirror_copies == 1 and p.mirror_paths, name
    assert p.access_time and p.checksum_type and p.present, name

o = bucket.object("big")
for r, want in {"bytes=0-4": big[:5], "bytes=100-": big[100:], "bytes=-7": b"the end"}.items():
    assert o.get_reader(byte_range=r).read_all() == want, r
buf = o.get_reader(num_workers=4, chunk_size=1 << 19).read_all()
assert buf.tobytes() == big
buf.close()
assert o.get_reader(latest=True).attributes.checksum_value

with tempfile.NamedTemporaryFile() as f:
    f.write(big)
    f.flush()
    bucket.object("file").get_writer().put_file(f.name)
assert bucket.object("file").get_reader().read_all() == big

up = bucket.object("parts").multipart_upload().create()
up.add_part(2).put_content(b"two " * 100000)
up.add_part(1).put_content(b"one ")
up.complete()
assert bucket.object("parts").get_reader().read_all() == b"one " + b"two " * 100000
assert bucket.object("parts").head("size,chunked").chunks.chunk_count == 2
gone = bucket.object("gone").multipart_upload().create()
gone.add_part(1).put_content(b"x")
gone.abort()

w = bucket.object("log").get_writer()
h = w.append_content(b"one ")
h = w.append_content(b"two ", handle=h)
assert w.append_content(b"", handle=h, flush=True) == ""
with w.as_file("a") as f:
    f.write(b"three ")
    f.flush()
    f.write(b"four")
assert bucket.object("log").get_reader().read_all() == b"one two three four"
with w.as_file("w") as f:
    f.write(b"anew")
assert bucket.object("log").get_reader().read_all() == b"anew"

w.set_custom_props({"color": "red", "size": "L"})
assert bucket.object("log").props.custom_metadata["color"] == "red"
w.set_custom_props({"color": "blue"}, replace_existing=True)
assert bucket.object("log").props.custom_metadata == {"color": "blue"}

for i in range(4): # some are another target's
    to = bucket.object(f"copies/{i} of")
    bucket.object("big").copy(to)
    assert to.get_reader().read_all() == big

for name in ("log", "gone", "none"):
    try:
        if name == "log":
            bucket.object(name).delete()
        bucket.object(name).get_reader().read_all()
    except ErrObjNotFound:
        continue
    raise AssertionError(name + " is there")
for call in (lambda: o.promote("/tmp/x"), lambda: o.blob_download(), ):
    try:
        call()
    except AISError as e:
        assert e.status_code == 501, e
        continue
    raise AssertionError("it is built")
try:
    bucket.object("none").head()
except Exception as e:
    assert "404" in str(e) or isinstance(e, ErrObjNotFound), e
else:
    raise AssertionError("none is there")
print("done")
`

// nativeAt returns a client of a node that speaks the native API.
func (c *Cluster) nativeAt(t testing.TB, node, user string) plain {
	return c.plainAt(c.URL(t, node), c.keys[user])
}

// TestSDKObjects: everything about objects, redirected and relayed, over HTTP and
// HTTPS, with and without users.
func TestSDKObjects(t *testing.T) {
	for name, o := range map[string]Options{
		"http":         {},
		"always":       {Redirect: "always"},
		"never":        {Redirect: "never"},
		"https":        {Auth: true, Users: "main,alt", TLS: true},
		"https, never": {TLS: true, Redirect: "never"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Shared(t, o)
			sh, user := c.Shell(t), ""
			if o.Auth {
				user = "main"
				var token struct{ Token string }
				a := c.nativeAt(t, "proxy1", user).do(t, "POST", "/v1/auth/login", nil).want(t, 200, "")
				if err := json.Unmarshal(a.body, &token); err != nil {
					t.Fatal(err)
				}
				sh.env = append(sh.env, "TOKEN="+token.Token)
			}
			if o.TLS { // what requests looks at before it looks at what the SDK says
				sh.env = append(sh.env, "REQUESTS_CA_BUNDLE="+c.file("ca.pem"))
			}
			b := "sdk-" + strings.NewReplacer(" ", "", ",", "").Replace(name)
			c.nativeAt(t, "proxy1", user).do(t, "POST", "/v1/buckets/"+b, []byte(`{"action":"create-bck"}`)).want(t, 200, "")
			sh.env = append(sh.env, "BUCKET="+b)
			wantIn(t, sh.python(t, sdkObjects), "done")
		})
	}
}

// nativeBucket makes a bucket natively and returns its client and the API's.
func (c *Cluster) nativeBucket(t *testing.T) (*api.Client, api.Bucket) {
	t.Helper()
	client, err := api.NewClient(api.ClientConfig{Endpoint: c.URL(t, "proxy1")})
	if err != nil {
		t.Fatal(err)
	}
	b := api.NewBucket(object.AIS, fmt.Sprintf("native-%d", len(c.Dir)*1000+len(t.Name())))
	if err := client.CreateBucket(t.Context(), b, nil); err != nil {
		t.Fatal(err)
	}
	return client, b
}

// TestNativeUploadSurvivesKills: parts that were acknowledged before their target
// was killed are there after it, and a rename that is killed leaves the object
// under one of its names.
func TestNativeUploadSurvivesKills(t *testing.T) {
	c := Start(t, Options{Targets: 2})
	client, b := c.nativeBucket(t)
	ctx := t.Context()
	id, err := client.CreateUpload(ctx, b, "k")
	if err != nil {
		t.Fatal(err)
	}
	owner := c.nativeOwner(t, b, "k")
	parts := [][]byte{random(1, 300_000), random(2, 1000), random(3, 5)}
	for i, data := range parts {
		if _, err := client.PutPart(ctx, b, "k", id, i+1, bytes.NewReader(data), int64(len(data)), api.PutOptions{Verify: object.XXHash}); err != nil {
			t.Fatal(err)
		}
	}
	h, err := client.AppendObject(ctx, b, "log", "", strings.NewReader("one"), 3, api.PutOptions{})
	if err == nil {
		_, err = client.FlushAppend(ctx, b, "log", h)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range c.Names("target") {
		c.Kill(t, name)
		c.Restart(t, name)
	}
	status, err := client.ListParts(ctx, b, "k", id)
	if err != nil || len(status.Parts) != 3 {
		t.Fatal(status, err)
	}
	if _, err := client.CompleteUpload(ctx, b, "k", id, []api.CompletedPart{{Number: 1}, {Number: 2}, {Number: 3}}); err != nil {
		t.Fatal(err)
	}
	want := bytes.Join(parts, nil)
	c.nativeSame(t, client, b, "k", want)
	c.nativeSame(t, client, b, "log", []byte("one"))

	// A rename, again and again, until its target has been killed amid it.
	name, killed := "k", make(chan struct{})
	go func() {
		defer close(killed)
		c.Kill(t, owner)
	}()
	for i := 0; ; i++ {
		to := fmt.Sprint("renamed-", i)
		if err := client.RenameObject(ctx, b, name, to); err != nil {
			<-killed
			c.Restart(t, owner)
			_, errOld := client.HeadObject(ctx, b, name)
			_, errNew := client.HeadObject(ctx, b, to)
			if errOld != nil && errNew != nil {
				t.Fatalf("after %d renames both names are gone: %v, %v", i, errOld, errNew)
			}
			if errNew == nil {
				name = to
			}
			break
		}
		name = to
	}
	c.nativeSame(t, client, b, name, want)
}

// nativeOwner returns the target that owns an object.
func (c *Cluster) nativeOwner(t *testing.T, b api.Bucket, key string) string {
	t.Helper()
	location := c.nativeAt(t, "proxy1", "").do(t, "GET", api.ObjectPath(b, key), nil).want(t, 307, "").header.Get("Location")
	for _, name := range c.Names("target") {
		if strings.Contains(location, c.Host(t, name)+"/") {
			return name
		}
	}
	t.Fatalf("%s is of no target", location)
	return ""
}

func (c *Cluster) nativeSame(t *testing.T, client *api.Client, b api.Bucket, key string, want []byte) {
	t.Helper()
	r, err := client.GetObject(t.Context(), b, key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got bytes.Buffer
	if _, err := got.ReadFrom(r); err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s: %d bytes of %d, %v", key, got.Len(), len(want), err)
	}
}

// TestNativeCutBodies: a client that dies while it sends a PUT, at every node, with
// a length or in chunks, stores nothing; nor does it leave the object that was
// there another.
func TestNativeCutBodies(t *testing.T) {
	c := Shared(t, Options{})
	b := c.Plain().bucket(t)
	data := string(random(5, 300_000))
	for _, node := range append(c.Names("target"), "proxy1") {
		key := "/v1/objects/" + b + "/" + node
		c.nativeAt(t, node, "").do(t, "PUT", key, []byte("old")) // a proxy redirects it
		c.Plain().put(t, b, node, []byte("old"))
		for name, send := range map[string][]string{
			"a length":       {head("PUT", key, fmt.Sprint("Content-Length: ", len(data))), data[:200_000]},
			"between chunks": {head("PUT", key, "Transfer-Encoding: chunked"), strings.TrimSuffix(string(httpChunked([]byte(data), 100_000)), "0\r\n\r\n")},
			"in a chunk":     {head("PUT", key, "Transfer-Encoding: chunked"), string(httpChunked([]byte(data), 100_000)[:150_000])},
			"in the last":    {head("PUT", key, "Transfer-Encoding: chunked"), strings.TrimSuffix(string(httpChunked([]byte(data), 100_000)), "\r\n\r\n")},
		} {
			r := c.dial(t, node)
			r.send(send...)
			r.closeWrite()
			if a, ok := r.answer("PUT"); ok && a.status < 400 {
				t.Errorf("%s, %s: %v", node, name, a)
			}
			c.Plain().same(t, b, node, []byte("old"))
		}
		r := c.dial(t, node)
		r.send(head("PUT", key, "Transfer-Encoding: chunked"), string(httpChunked([]byte(data), 100_000)))
		if a, ok := r.answer("PUT"); !ok || a.status != 200 {
			t.Errorf("%s, whole: %v", node, a)
		}
		c.Plain().same(t, b, node, []byte(data))
	}
}

// TestNativeObjectsDenied: each call needs what S3 would ask for, at the proxy and at
// every target.
func TestNativeObjectsDenied(t *testing.T) {
	c := Shared(t, Options{Auth: true, Users: "main,alt"})
	main := c.As(t, "main")
	b := main.bucket(t)
	main.put(t, b, "k", []byte("hers"))
	mine := c.As(t, "alt").bucket(t)
	c.As(t, "alt").put(t, mine, "k", []byte("mine"))
	id := string(c.nativeAt(t, "proxy1", "main").following(t, "POST", "/v1/objects/"+b+"/k", []byte(`{"action":"mpt-upload"}`)).want(t, 200, "").body)
	q := url.QueryEscape
	for _, node := range append(c.Names("target"), "proxy1") {
		for _, call := range []struct{ method, target, body string }{
			{"GET", "/k", ""}, {"HEAD", "/k", ""}, {"PUT", "/k", "x"}, {"DELETE", "/k", ""},
			{"DELETE", "/k", `{"action":"evict-listrange"}`},
			{"POST", "/k", `{"action":"mpt-upload"}`}, {"PUT", "/k?partNumber=1&uploadId=" + id, "x"}, {"GET", "/k?uploadId=" + id, ""},
			{"POST", "/k?uploadId=" + id, `{"action":"mpt-complete","value":[{"part-number":1}]}`}, {"DELETE", "/k?uploadId=" + id, ""},
			{"PUT", "/k?object_to=" + q("ais/@#/"+mine+"/copy"), ""}, // reads hers
			{"PUT", "/../" + mine + "/k?object_to=" + q("ais/@#/"+b+"/copy"), ""},
			{"POST", "/k", `{"action":"rename-obj","name":"new"}`}, {"PATCH", "/k", `{"action":"","value":{"a":"b"}}`},
			{"PUT", "/k?append_type=append&append_handle=", "x"}, {"PUT", "/k?append_type=flush&append_handle=" + id + ".2", ""},
		} {
			target := strings.Replace("/v1/objects/"+b+call.target, b+"/../", "", 1)
			for _, user := range []string{"alt", ""} {
				if a := c.nativeAt(t, node, user).following(t, call.method, target, []byte(call.body)); a.status != 403 {
					t.Errorf("%s: %q %s %s %s: %v", node, user, call.method, target, call.body, a)
				}
			}
		}
	}
	main.same(t, b, "k", []byte("hers"))
}
