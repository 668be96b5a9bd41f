package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"ais/api"
	"ais/object"
)

// sdkBuckets is what AIStore's Python SDK does with buckets and many objects.
const sdkBuckets = `
import io, json, os, tarfile, time
from aistore.sdk import Client
from aistore.sdk.errors import AISError, ErrBckAlreadyExists, ErrBckNotFound

client, name = Client(os.environ["ENDPOINT"].removesuffix("/s3")), os.environ["BUCKET"]
bucket = client.bucket(name).create()
try:
    bucket.create()
    raise SystemExit("created twice")
except ErrBckAlreadyExists:
    pass
assert name in [b.name for b in client.cluster().list_buckets()]
for i in range(10):
    bucket.object(f"a/{i}").get_writer().put_content(b"x" * (i + 1))
props = json.loads(bucket.head()["Ais-Bucket-Props"])
assert props["checksum"]["type"] == "xxhash", props

def wait(job):
    result = client.job(job).wait(timeout=40, verbose=False)
    assert result.success, result

copy = client.bucket(name + "-copy")
wait(bucket.copy(copy, prefix_filter="a/", prepend="p/"))
assert sorted(o.name for o in copy.list_all_objects()) == [f"p/a/{i}" for i in range(10)]
assert copy.object("p/a/9").get_reader().read_all() == b"x" * 10
for job in bucket.objects(obj_names=["a/1", "a/2"]).copy(copy, prepend="some/"):
    wait(job)
for job in bucket.objects(obj_template="a/{3..4}").copy(copy, prepend="some/"):
    wait(job)
assert [o.name for o in copy.list_all_objects(prefix="some/")] == [f"some/a/{i}" for i in range(1, 5)]

wait(copy.rename(name + "-moved"))
assert copy.name == name + "-moved"
assert len(copy.list_all_objects()) == 14
try:
    client.bucket(name + "-copy").head()
    raise SystemExit("the old name is there")
except AISError as e:
    assert e.status_code == 404, e
try:
    copy.rename(name)
    raise SystemExit("renamed over another")
except ErrBckAlreadyExists:
    pass

s = bucket.summary()
assert int(s["obj_count_present"]) == 10 and int(s["size_all_present_objs"]) == 55, s
assert (s["obj_min_size"], s["obj_max_size"]) == (1, 10), s
assert int(bucket.summary(prefix="a/1")["obj_count_present"]) == 1
_, info = bucket.info(prefix="a/")
assert int(info["obj_count_present"]) == 10 and info["is_present"], info

for mime in [".tar", ".tgz"]:
    for job in bucket.objects(obj_names=["a/1", "a/3"]).archive("shard" + mime, to_bck=copy, mime=mime):
        wait(job)
    shard = tarfile.open(fileobj=io.BytesIO(copy.object("shard" + mime).get_reader().read_all()))
    assert [(m.name, m.size) for m in shard] == [("a/1", 2), ("a/3", 4)], shard.getmembers()
for job in bucket.objects(obj_template="a/{5..6}").archive("shard.tar", to_bck=copy, allow_append=True, include_source_name=True):
    wait(job)
shard = tarfile.open(fileobj=io.BytesIO(copy.object("shard.tar").get_reader().read_all()))
assert shard.getnames() == ["a/1", "a/3", name + "/a/5", name + "/a/6"], shard.getnames()

for call in [lambda: bucket.transform("etl", copy), lambda: bucket.create_inventory()]:
    try:
        call()
        raise SystemExit("built?")
    except AISError as e:
        assert e.status_code == 501 and "version" in e.message, e
for b in [bucket, copy]:
    b.delete()
    b.delete(missing_ok=True)
    try:
        b.delete()
        raise SystemExit("deleted twice")
    except ErrBckNotFound:
        pass
print("done")
`

func TestPythonSDKBuckets(t *testing.T) {
	t.Parallel()
	c := Shared(t, Options{})
	sh := c.Shell(t)
	sh.env = append(sh.env, "BUCKET="+bucketName(t))
	wantIn(t, sh.python(t, sdkBuckets), "done")
}

// What 'ais' does with whole buckets.
func TestToolBuckets(t *testing.T) {
	t.Parallel()
	c := Shared(t, Options{})
	sh := c.Shell(t)
	b := bucketName(t)
	out := sh.run(t, `b=`+b+`
	ais create ais://$b
	for i in 1 2 3; do echo $i | ais put - ais://$b/d/$i; done
	ais bucket cp ais://$b ais://$b-2 --prepend x/ --wait
	ais cp ais://$b ais://$b-3 --dry-run
	ais bucket show ais://$b-3 && exit 1
	ais cp ais://$b/d/1 ais://$b-2
	ais object mv ais://$b-2/d/1 moved
	ais ls ais://$b-2 --props name -H
	ais bucket mv ais://$b-2 ais://$b-4
	ais bucket mv ais://$b ais://$b-4 && exit 1
	ais bucket summary ais://$b ais://$b-4
	ais bucket props ais://$b checksum.type=md5
	ais bucket props ais://$b checksum.type=nosuch && exit 1
	ais bucket rm ais://$b ais://$b-4 --yes
	`)
	wantIn(t, out, "copy-bck[", "] finished", "[DRY RUN] Would copy 3 objects (6B): ais://"+b+" => ais://"+b+"-3",
		"COPY ais://"+b+"/d/1 => ais://"+b+"-2/d/1", `"d/1" moved to "moved"`, "moved\nx/d/1\nx/d/2\nx/d/3\n",
		"Renamed ais://"+b+"-2 => ais://"+b+"-4", `bucket "ais://`+b+`-4" already exists`,
		"SIZE (apparent, objects, remote)", "6B 6B 0B", "8B 8B 0B", `"checksum.type" set to: "md5" (was: "xxhash")`, "xxhash, md5, crc32c")
}

// nativeClient returns a client of the native API of a proxy.
func (c *Cluster) nativeClient(t *testing.T, proxy string) *api.Client {
	t.Helper()
	client, err := api.NewClient(api.ClientConfig{Endpoint: c.URL(t, proxy)})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestBucketsUnderFaults kills a target while a bucket is copied: the job says that it
// was aborted, and every copy that is there is whole; a second copy makes up for it.
// Before that, two proxies give one name to several buckets.
func TestBucketsUnderFaults(t *testing.T) {
	c := Start(t, Options{Proxies: 2})
	clients := []*api.Client{c.nativeClient(t, "proxy1"), c.nativeClient(t, "proxy2")}
	renameRaces(t, clients)
	propsRaces(t, clients)
	from, to := api.NewBucket(object.AIS, "source"), api.NewBucket(object.AIS, "copies")
	client := clients[0]
	if err := client.CreateBucket(t.Context(), from, nil); err != nil {
		t.Fatal(err)
	}
	const objects, size = 400, 64 << 10
	bodies := map[string][]byte{}
	var putting sync.WaitGroup
	slots := make(chan struct{}, 16)
	for i := range objects {
		key, body := fmt.Sprintf("object-%03d", i), random(uint64(i), size)
		bodies[key] = body
		slots <- struct{}{}
		putting.Go(func() {
			defer func() { <-slots }()
			if _, err := client.PutObject(t.Context(), from, key, bytes.NewReader(body), size, api.PutOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	putting.Wait()
	id, err := client.CopyBucket(t.Context(), from, to, api.CopyMessage{NamesMessage: api.NamesMessage{Workers: -1}})
	if err != nil {
		t.Fatal(err)
	}
	for copied := int64(0); copied == 0; { // it is at work
		snaps, err := client.Jobs(t.Context(), api.JobQuery{ID: id})
		if err != nil {
			t.Fatal(err)
		}
		for _, of := range snaps {
			copied += of[0].Stats.Objects
		}
	}
	c.Kill(t, "target2")
	s, err := client.WaitJob(t.Context(), id)
	if err != nil || !s.Aborted || s.Err == "" {
		t.Errorf("the job ended as %+v, %v", s, err)
	}
	c.Restart(t, "target2")
	there := 0
	for key, body := range bodies {
		if whole(t, client, to, key, body) {
			there++
		}
	}
	if there == 0 || there == objects {
		t.Errorf("%d of %d were copied: the target died too late or too early", there, objects)
	}
	if id, err = client.CopyBucket(t.Context(), from, to, api.CopyMessage{}); err != nil {
		t.Fatal(err)
	}
	if s, err = client.WaitJob(t.Context(), id); err != nil || s.Aborted || s.Err != "" {
		t.Errorf("the second copy ended as %+v, %v", s, err)
	}
	for key, body := range bodies {
		if !whole(t, client, to, key, body) {
			t.Errorf("%s was not copied", key)
		}
	}
}

// whole reports whether the object is there, and fails if it has other bytes.
func whole(t *testing.T, client *api.Client, b api.Bucket, key string, want []byte) bool {
	t.Helper()
	r, err := client.GetObject(t.Context(), b, key, 0, -1)
	if errors.Is(err, object.NotFound) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s has %d other bytes, %v", key, len(got), err)
	}
	return true
}

// renameRaces has buckets renamed to a name by one proxy while another creates one of it.
func renameRaces(t *testing.T, clients []*api.Client) {
	t.Helper()
	for round := range 5 {
		name := func(what string) api.Bucket { return api.NewBucket(object.AIS, fmt.Sprintf("%s-%d", what, round)) }
		if err := clients[0].CreateBucket(t.Context(), name("old"), nil); err != nil {
			t.Fatal(err)
		}
		var errs [2]error
		var racing sync.WaitGroup
		racing.Go(func() { _, errs[0] = clients[0].RenameBucket(t.Context(), name("old"), name("new").Name) })
		racing.Go(func() { errs[1] = clients[1].CreateBucket(t.Context(), name("new"), nil) })
		racing.Wait()
		lost := errs[0]
		if lost == nil {
			lost = errs[1]
		}
		if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(lost, object.Exists) {
			t.Errorf("round %d: renamed %v, created %v", round, errs[0], errs[1])
		}
		buckets, err := clients[1].ListBuckets(context.Background(), object.AIS)
		if err != nil {
			t.Fatal(err)
		}
		left := 0
		for _, b := range buckets {
			if strings.HasSuffix(b.Name, fmt.Sprintf("-%d", round)) {
				left++
			}
		}
		if want := map[bool]int{true: 1, false: 2}[errs[0] == nil]; left != want {
			t.Errorf("round %d: %d buckets are left of the race, want %d", round, left, want)
		}
	}
}

// propsRaces has two people change the properties that both have seen.
func propsRaces(t *testing.T, clients []*api.Client) {
	t.Helper()
	b := api.NewBucket(object.AIS, "props")
	if err := clients[0].CreateBucket(t.Context(), b, nil); err != nil {
		t.Fatal(err)
	}
	_, tag, err := clients[1].HeadBucketTag(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	values := []string{"md5", "sha256"}
	var errs [2]error
	var racing sync.WaitGroup
	for i, client := range clients {
		racing.Go(func() {
			errs[i] = client.SetBucketProps(t.Context(), b, api.Properties{{Name: "checksum.type", Value: values[i]}}, tag)
		})
	}
	racing.Wait()
	won := 0
	if errs[0] != nil {
		won = 1
	}
	p, err := clients[won].HeadBucket(t.Context(), b)
	if errs[won] != nil || !errors.Is(errs[1-won], object.Conflict) || err != nil || p.Get("checksum.type") != values[won] {
		t.Errorf("%v; it is %s, %v", errs, p.Get("checksum.type"), err)
	}
}
