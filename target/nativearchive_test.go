package target

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"testing"

	"ais/archive"
	"ais/cluster/peer"
	"ais/object"
)

// shard is the files of the archives in these tests, in order.
var shard = [][2]string{
	{"a.txt", "first"}, {"s/0001.cls", "7"}, {"s/0001.jpg", strings.Repeat("picture ", 20_000)}, {"s/0002.cls", "8"}, {"../odd", "a name"},
}

// packed returns an archive of the files.
func packed(t *testing.T, f archive.Format, files [][2]string) string {
	t.Helper()
	var out bytes.Buffer
	w, err := archive.NewWriter(&out, f)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if err := w.Add(archive.Member{Name: file[0], Size: int64(len(file[1]))}, strings.NewReader(file[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// unpacked returns the files of an archive.
func unpacked(t *testing.T, f archive.Format, raw string) (files [][2]string) {
	t.Helper()
	err := archive.Open(strings.NewReader(raw), int64(len(raw)), f).Each(t.Context(), func(m archive.Member, open func() (*archive.File, error)) (bool, error) {
		file, err := open()
		if err != nil {
			return false, err
		}
		content, err := io.ReadAll(file)
		files = append(files, [2]string{m.Name, string(content)})
		return true, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// put stores an object.
func put(t *testing.T, target *Target, uri, body string) {
	t.Helper()
	if a := ask(t, target, "PUT", uri, body); a.status != 200 {
		t.Fatalf("PUT %s: %d %s", uri, a.status, a.body)
	}
}

var formats = []archive.Format{archive.Tar, archive.Tgz, archive.Zip, archive.TarLz4}

func TestMembers(t *testing.T) {
	target, mem := startAlone(t)
	makeBucket(t, target, object.AIS, "bck")
	makeBucket(t, target, object.AIS, "checked", "checksum.validate_warm_get", "true")
	makeBucket(t, target, object.AWS, "mem")
	_ = mem
	for _, f := range formats {
		for _, bucket := range []string{"bck?provider=ais", "checked?provider=ais", "mem?provider=aws"} {
			name, query, _ := strings.Cut(bucket, "?")
			uri := "/v1/objects/" + name + "/dir/shard" + f.String() + "?" + query
			put(t, target, uri, packed(t, f, shard))
			for _, file := range shard {
				at := uri + "&archpath=" + url.QueryEscape(file[0])
				if a := ask(t, target, "GET", at, ""); a.status != 200 || a.body != file[1] || a.header.Get("Ais-Checksum-Value") != "" {
					t.Errorf("%s: %d, %d bytes, %v", at, a.status, len(a.body), a.header)
				}
				if a := ask(t, target, "HEAD", at, ""); a.status != 200 || a.header.Get("Content-Length") != fmt.Sprint(len(file[1])) {
					t.Errorf("HEAD %s: %d, %v", at, a.status, a.header)
				}
			}
			at := uri + "&archpath=s/0001.jpg"
			if a := ask(t, target, "GET", at, "", "Range", "bytes=8-15"); a.status != 206 || a.body != "picture " || a.header.Get("Content-Range") != "bytes 8-15/160000" {
				t.Errorf("%s, a range: %d %q %v", at, a.status, a.body, a.header)
			}
			if a := ask(t, target, "GET", at, "", "Range", "bytes=160000-"); a.status != 416 || a.header.Get("Content-Range") != "bytes */160000" {
				t.Errorf("%s, a range outside: %d %q %v", at, a.status, a.body, a.header)
			}
			a := ask(t, target, "GET", uri+"&archmode=wdskey&archregx=s/0001&archpath=", "")
			if got := unpacked(t, archive.Tar, a.body); a.status != 200 || fmt.Sprint(got) != fmt.Sprint(shard[1:3]) {
				t.Errorf("%s: by key: %d, %.100q", uri, a.status, got)
			}
		}
	}
}

func TestMemberErrors(t *testing.T) {
	target, _ := startAlone(t)
	makeBucket(t, target, object.AIS, "bck")
	put(t, target, "/v1/objects/bck/shard.tar", packed(t, archive.Tar, shard))
	put(t, target, "/v1/objects/bck/data", packed(t, archive.Zip, shard))
	put(t, target, "/v1/objects/bck/text.tar", "this is no tar, and too short for one at that")
	for _, c := range []struct {
		method, uri string
		status      int
		says        string
	}{
		{"GET", "shard.tar?archpath=missing", 404, `no such member of the archive: \"missing\" (\"ais://bck/shard.tar\")`},
		{"HEAD", "shard.tar?archpath=missing", 404, ""},
		{"GET", "missing.tar?archpath=a.txt", 404, `object \"ais://bck/missing.tar\" does not exist`},
		{"GET", "data?archpath=a.txt", 200, "first"},
		{"GET", "data?archpath=a.txt&archmime=application/zip", 200, "first"},
		{"GET", "data?archpath=a.txt&archmime=.tar", 400, "not a readable .tar"},
		{"GET", "data?archpath=a.txt&archmime=rar", 400, "an archive is .tar"},
		{"GET", "text.tar?archpath=a.txt", 400, "not a readable .tar"},
		{"GET", "shard.tar?archregx=a&archmode=glob", 400, "a mode is regexp"},
		{"GET", "shard.tar?archregx=(", 400, "error parsing regexp"},
		{"GET", "shard.tar?archmode=prefix", 400, "the pattern is empty"},
		{"GET", "shard.tar?archpath=a&archregx=b", 400, "either archpath, or archregx"},
		{"DELETE", "shard.tar?archpath=a.txt", 501, "DELETE of a file in an archive"},
		{"PUT", "shard.tar?archregx=a", 400, "has a name"},
		{"PUT", "new?archpath=a", 400, "what kind of archive"},
		{"PUT", "shard.tar?archpath=a&archmime=x", 400, "an archive is .tar"},
		{"PUT", "text.tar?archpath=a", 400, "not a readable .tar"},
	} {
		a := ask(t, target, c.method, "/v1/objects/bck/"+c.uri, "")
		if a.status != c.status || !strings.Contains(a.body, c.says) {
			t.Errorf("%s %s: %d %s", c.method, c.uri, a.status, a.body)
		}
	}
	if a := ask(t, target, "GET", "/v1/objects/bck/shard.tar", ""); a.body != packed(t, archive.Tar, shard) {
		t.Error("something has changed the archive")
	}
}

func TestAppend(t *testing.T) {
	target, _ := startAlone(t)
	makeBucket(t, target, object.AIS, "bck")
	makeBucket(t, target, object.AWS, "mem")
	for _, f := range formats {
		for _, query := range []string{"bck/%s?provider=ais", "mem/%s?provider=aws"} {
			uri := "/v1/objects/" + fmt.Sprintf(query, "shard"+f.String())
			if a := ask(t, target, "PUT", uri+"&archpath=a.txt", "first", "Ais-Pine", "1"); a.status != 404 {
				t.Errorf("%s: an archive that must be there and is not: %d", uri, a.status)
			}
			put(t, target, uri+"&archpath=a.txt", "old")
			put(t, target, uri+"&archpath=dir/b", "second")
			put(t, target, uri+"&archpath=./a.txt", "first")
			a := ask(t, target, "GET", uri, "")
			if got, want := unpacked(t, f, a.body), [][2]string{{"dir/b", "second"}, {"./a.txt", "first"}}; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %q", uri, got)
			}
			if a := ask(t, target, "PUT", uri+"&archpath=c", "third", "Ais-Checksum-Type", "md5", "Ais-Checksum-Value", strings.Repeat("0", 32)); a.status != 400 {
				t.Errorf("%s: a wrong digest: %d %s", uri, a.status, a.body)
			}
			if after := ask(t, target, "GET", uri, ""); after.body != a.body {
				t.Errorf("%s: a body that was refused has changed the archive", uri)
			}
			if a := ask(t, target, "PUT", uri+"&archpath=only", "new", "Ais-Pine", "0"); a.status != 200 {
				t.Errorf("%s: %d %s", uri, a.status, a.body)
			}
			if got := unpacked(t, f, ask(t, target, "GET", uri, "").body); len(got) != 1 || got[0] != [2]string{"only", "new"} {
				t.Errorf("%s: made anew: %q", uri, got)
			}
		}
	}
}

// TestAppendAtOnce: nothing of what several append at a time is lost.
func TestAppendAtOnce(t *testing.T) {
	target, _ := startAlone(t)
	makeBucket(t, target, object.AIS, "bck")
	const uri = "/v1/objects/bck/shard.tar"
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 3 {
				if a := ask(t, target, "PUT", fmt.Sprintf("%s?archpath=%d-%d", uri, i, j), "content"); a.status != 200 {
					t.Errorf("%d-%d: %d %s", i, j, a.status, a.body)
				}
			}
		})
	}
	wg.Wait()
	if got := unpacked(t, archive.Tar, ask(t, target, "GET", uri, "").body); len(got) != 12 {
		t.Errorf("%d files: %q", len(got), got)
	}
}

func TestMembersOverS3(t *testing.T) {
	target, _ := startAlone(t)
	makeBucket(t, target, object.AIS, "bck")
	put(t, target, "/bck/shard.tgz", packed(t, archive.Tgz, shard))
	put(t, target, "/bck/shard.tar", packed(t, archive.Tar, shard))
	for _, key := range []string{"shard.tgz", "shard.tar"} {
		a := ask(t, target, "GET", "/bck/"+key+"?archpath=s%2F0001.jpg", "", "Range", "bytes=0-6")
		if a.status != 206 || a.body != "picture" || a.header.Get("Content-Range") != "bytes 0-6/160000" || a.header.Get("ETag") != "" || a.header.Get("Last-Modified") == "" {
			t.Errorf("%s: %d %q %v", key, a.status, a.body, a.header)
		}
		if a := ask(t, target, "HEAD", "/bck/"+key+"?archpath=s%2F0001.jpg", ""); a.status != 200 || a.header.Get("Content-Length") != "160000" {
			t.Errorf("%s: %d %v", key, a.status, a.header)
		}
		if a := ask(t, target, "GET", "/bck/"+key+"?archpath=x", ""); a.status != 404 || !strings.Contains(a.body, "<Code>NoSuchKey</Code>") || !strings.Contains(a.body, "archive") {
			t.Errorf("%s: %d %s", key, a.status, a.body)
		}
		etag := ask(t, target, "HEAD", "/bck/"+key, "").header.Get("ETag")
		if a := ask(t, target, "GET", "/bck/"+key+"?archpath=a.txt", "", "If-None-Match", etag); a.status != 304 {
			t.Errorf("%s: %d %s", key, a.status, a.body)
		}
	}
}

func TestListMembers(t *testing.T) {
	target, _ := startAlone(t)
	b := makeBucket(t, target, object.AIS, "bck")
	put(t, target, "/v1/objects/bck/shard.zip", packed(t, archive.Zip, shard))
	put(t, target, "/v1/objects/bck/text.tar", "no tar")
	list := func(key string, skip, limit int) peer.MembersAnswer {
		t.Helper()
		answer, err := target.members(b, object.Name{Bucket: b.ID, Key: key}, skip, limit)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	if a := list("shard.zip", 1, 2); !a.Archive || !a.More || len(a.Members) != 2 || a.Members[1] != (peer.Member{Name: "s/0001.jpg", Size: 160_000}) {
		t.Errorf("%+v", a)
	}
	if a := list("shard.zip", 3, 2); !a.Archive || a.More || len(a.Members) != 2 {
		t.Errorf("%+v", a)
	}
	for _, key := range []string{"text.tar", "missing.tar"} {
		if a := list(key, 0, 10); a.Archive || len(a.Members) > 0 {
			t.Errorf("%s: %+v", key, a)
		}
	}
}
