package target

import (
	"bytes"
	"context"
	"strconv"
	"testing"
	"time"

	"ais/backend/backendtest"
	"ais/cluster"
	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"

	"golang.org/x/sys/unix"
)

// What is here is compared with the remote bucket where that is asked for, and not
// where it is not.
func TestWarmGet(t *testing.T) {
	for _, property := range []string{"", "versioning.validate_warm_get", "versioning.synchronize"} {
		t.Run(property, func(t *testing.T) {
			var props []string
			if property != "" {
				props = []string{property, "true"}
			}
			target, b, _, mem := startCold(t, props...)
			before, after := content(1000, 1), content(2000, 2)
			mem.Set("key", before)
			same(t, "cold", get(t, target, "key").body, before)
			mem.Set("key", after)
			want := after
			if property == "" {
				want = before
			}
			head := ask(t, target, "HEAD", "/mem/key?provider=aws", "")
			if n, _ := strconv.Atoi(head.header.Get("Content-Length")); n != len(want) {
				t.Errorf("HEAD says %d bytes, want %d", n, len(want))
			}
			same(t, "after a change", get(t, target, "key").body, want)
			same(t, "natively", ask(t, target, "GET", "/v1/objects/mem/key?provider=aws", "").body, want)
			same(t, "latest", ask(t, target, "GET", "/v1/objects/mem/key?provider=aws&latest-ver=true", "").body, after)
			gets := mem.Calls(backendtest.OpGet)
			same(t, "again", get(t, target, "key").body, after)
			if n := mem.Calls(backendtest.OpGet); n != gets {
				t.Errorf("%d reads of what was here", n-gets)
			}

			mem.Hook(func(_ context.Context, op, _ string) error {
				return object.E("test."+op, "", object.Unavailable, nil)
			})
			away := get(t, target, "key")
			same(t, "while the remote is away", away.body, after)
			if told := away.header.Get("X-Ais-Remote") == "unreachable"; told != (property != "") {
				t.Errorf("headers %v", away.header)
			}
			if a := get(t, target, "other"); a.status != 503 {
				t.Errorf("a cold read while the remote is away: %d", a.status)
			}
			mem.Hook(nil)
			target.down = down{}

			mem.Drop("key")
			a := get(t, target, "key")
			if want := map[string]int{"": 200}[property]; a.status != max(want, 404) && a.status != want {
				t.Errorf("gone: %d", a.status)
			}
			if kept := here(t, target, b, "key") != nil; kept != (property != "versioning.synchronize") {
				t.Errorf("gone at the remote, here: %t", kept)
			}
		})
	}
}

// HEAD of what is not here asks the remote, and brings nothing.
func TestColdHead(t *testing.T) {
	target, b, _, mem := startCold(t)
	there := mem.Set("key", "content")
	a := ask(t, target, "HEAD", "/mem/key?provider=aws", "")
	if a.status != 200 || a.header.Get("Etag") != `"`+there.ETag+`"` || a.header.Get("Content-Length") != "7" {
		t.Errorf("%d %v", a.status, a.header)
	}
	if a := ask(t, target, "HEAD", "/v1/objects/mem/key?provider=aws", ""); a.status != 200 || a.header.Get("Ais-Present") != "false" {
		t.Errorf("natively: %d %v", a.status, a.header)
	}
	if a := ask(t, target, "HEAD", "/mem/none?provider=aws", ""); a.status != 404 {
		t.Errorf("none: %d", a.status)
	}
	if here(t, target, b, "key") != nil || mem.Calls(backendtest.OpGet) != 0 {
		t.Error("it was fetched")
	}
	get(t, target, "key")
	if a := ask(t, target, "HEAD", "/v1/objects/mem/key?provider=aws", ""); a.header.Get("Ais-Present") != "true" {
		t.Errorf("here: %v", a.header)
	}
}

// Conditions, ranges and part numbers mean the same cold and warm.
func TestColdConditions(t *testing.T) {
	target, b, _, mem := startCold(t)
	want := content(100_000, 3)
	etag := `"` + mem.Set("key", want).ETag + `"`
	for _, test := range []struct {
		query, header, value string
		status               int
		body                 string
	}{
		{"", "If-None-Match", etag, 304, ""},
		{"", "If-Match", etag, 200, want},
		{"", "If-Match", `"other"`, 412, ""},
		{"", "Range", "bytes=10-19", 206, want[10:20]},
		{"", "Range", "bytes=-7", 206, want[len(want)-7:]},
		{"", "Range", "bytes=99999-", 206, want[99999:]},
		{"", "Range", "bytes=100000-", 416, ""},
		{"&partNumber=1", "", "", 206, want},
		{"&partNumber=2", "", "", 400, ""},
	} {
		for _, state := range []string{"cold", "warm", "passing"} {
			settle(t, target)
			if state != "warm" {
				target.evict(b, object.Name{Bucket: b.ID, Key: "key"}, nil)
			} else if here(t, target, b, "key") == nil {
				get(t, target, "key")
			}
			end := func() {}
			if state == "passing" {
				end = target.names.write(object.Name{Bucket: b.ID, Key: "key"})
			}
			var headers []string
			if test.header != "" {
				headers = []string{test.header, test.value}
			}
			a := ask(t, target, "GET", "/mem/key?provider=aws"+test.query, "", headers...)
			end()
			if a.status != test.status {
				t.Errorf("%s %s%s %s: %d, want %d", state, test.query, test.header, test.value, a.status, test.status)
			}
			if a.status < 300 {
				same(t, state+" "+test.value, a.body, test.body)
			}
		}
	}
}

// An older version comes from the remote and is not kept.
func TestRemoteVersions(t *testing.T) {
	target, b, _, mem := startCold(t)
	mem.KeepVersions(true)
	old := mem.Set("key", "old")
	now := mem.Set("key", "now")
	same(t, "current", get(t, target, "key").body, "now")
	ofVersion := func(id string) answer { return ask(t, target, "GET", "/mem/key?provider=aws&versionId="+id, "") }
	gets := mem.Calls(backendtest.OpGet)
	if a := ofVersion(now.Version); a.body != "now" || mem.Calls(backendtest.OpGet) != gets {
		t.Errorf("the version that is here: %q", a.body)
	}
	if a := ofVersion(old.Version); a.body != "old" || a.header.Get("X-Amz-Version-Id") != old.Version {
		t.Errorf("an older version: %q %v", a.body, a.header)
	}
	if a := ofVersion("none"); a.status != 404 {
		t.Errorf("no version: %d", a.status)
	}
	if m := here(t, target, b, "key"); m == nil || m.Custom["version"] != now.Version {
		t.Errorf("here is %+v", m)
	}
}

// What was put before the bucket stood for a remote one is served, and never asked
// about or written over.
func TestLocalOnly(t *testing.T) {
	target, mem := startAlone(t)
	t.Cleanup(target.fetches.end)
	b := makeBucket(t, target, object.AIS, "front")
	if a := ask(t, target, "PUT", "/front/mine", "mine"); a.status != 200 {
		t.Fatal(a)
	}
	if _, err := target.cluster.UpdateBucket(t.Context(), b, func(b *cluster.Bucket) error {
		_, err := b.Props.Set("backend_bck", "aws://mem")
		if err == nil {
			_, err = b.Props.Set("versioning.validate_warm_get", "true")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := target.cluster.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	mem.Set("mine", "theirs")
	mem.Set("theirs", "theirs")
	same(t, "local", ask(t, target, "GET", "/front/mine", "").body, "mine")
	same(t, "remote", ask(t, target, "GET", "/front/theirs", "").body, "theirs")
	if n := mem.Calls(backendtest.OpHead, "mine"); n != 0 {
		t.Errorf("asked the remote %d times", n)
	}
}

// Where there is no room, reads pass through, and nothing stays.
func TestColdWithoutRoom(t *testing.T) {
	target, b, remote, mem := startCold(t)
	want := content(3*testChunk, 4)
	mem.Set("key", want)
	disk := faultfs.New()
	full := target.cfg.Store
	full.OS, full.Registerer, full.Mountpaths = disk, nil, []string{"/mp"}
	store, err := fs.Open(full)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	target.store = store
	n := object.Name{Bucket: b.ID, Key: "key"}

	// It fills up in between: who began the fetch reads on, the others try again.
	disk.Fail(9, "blob.write", unix.ENOSPC, true)
	first, err := target.openRemote(b, n, wish{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := target.openRemote(b, n, wish{})
	if err != nil {
		t.Fatal(err)
	}
	whole := object.Range{Length: int64(len(want))}
	if _, isFirst := second.cold.(*joined); isFirst {
		if err := sectionOf(second, whole, new(bytes.Buffer)); object.KindOf(err) != object.Unavailable {
			t.Errorf("the second reader: %v", err)
		}
	}
	var got bytes.Buffer
	if err := sectionOf(first, whole, &got); err != nil {
		t.Error(err)
	}
	same(t, "the first reader", got.String(), want)
	settle(t, target)
	disk.Disarm()
	if here(t, target, b, "key") != nil {
		t.Error("it is here")
	}

	// It is full from the beginning.
	disk.SetUsage(fs.Usage{Capacity: 1000 << 20, Free: 1})
	time.Sleep(600 * time.Millisecond) // until the store looks
	remote.bytes.Store(0)
	same(t, "full", get(t, target, "key").body, want)
	same(t, "range", get(t, target, "key", "Range", "bytes=5-9").body, want[5:10])
	if n := remote.bytes.Load(); n != int64(len(want))+5 {
		t.Errorf("%d bytes came", n)
	}
	if _, _, err := target.fetchAll(t.Context(), b, n); object.KindOf(err) != object.NoSpace {
		t.Errorf("prefetch: %v", err)
	}
	if here(t, target, b, "key") != nil {
		t.Error("it is here")
	}
	left, err := disk.List("", "/mp/blobs")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range left {
		if files, _ := disk.List("", "/mp/blobs/"+dir); len(files) != 0 {
			t.Errorf("%s: %v", dir, files)
		}
	}
}

// What is copied need not be here.
func TestCopyFromCold(t *testing.T) {
	target, b, _, mem := startCold(t)
	mem.KeepVersions(true)
	makeBucket(t, target, object.AIS, "ours")
	want := content(testChunk+5, 5)
	old := mem.Set("key", "old")
	mem.Set("key", want)
	if a := ask(t, target, "PUT", "/ours/old", "", "X-Amz-Copy-Source", "/mem/key?versionId="+old.Version); a.status != 200 {
		t.Fatalf("of a version: %d %s", a.status, a.body)
	}
	same(t, "of a version", ask(t, target, "GET", "/ours/old", "").body, "old")
	if a := ask(t, target, "GET", "/ours/old?versionId=v1", ""); a.status != 400 {
		t.Errorf("a version that ours cannot have: %d", a.status)
	}
	for _, state := range []string{"cold", "warm"} {
		a := ask(t, target, "PUT", "/ours/"+state, "", "X-Amz-Copy-Source", "/mem/key")
		if a.status != 200 {
			t.Fatalf("%s: %d %s", state, a.status, a.body)
		}
		same(t, state, ask(t, target, "GET", "/ours/"+state, "").body, want)
		settle(t, target)
	}
	if here(t, target, b, "key") == nil {
		t.Error("the source was not kept")
	}
	if a := ask(t, target, "PUT", "/ours/none", "", "X-Amz-Copy-Source", "/mem/none"); a.status != 404 {
		t.Errorf("none: %d", a.status)
	}
}
