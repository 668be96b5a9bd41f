package e2e

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// upload is a multipart upload in progress.
type upload struct {
	p       plain
	target  string // "/bucket/key"
	id      string
	partSum map[int]string
}

func (p plain) begin(t testing.TB, bucket, key string, headers ...string) *upload {
	t.Helper()
	target := "/" + bucket + "/" + escape(key)
	a := p.do(t, "POST", target+"?uploads", nil, headers...).want(t, 200, "")
	var doc struct {
		Bucket, Key string
		ID          string `xml:"UploadId"`
	}
	if err := xml.Unmarshal(a.body, &doc); err != nil || doc.ID == "" || doc.Key != key || doc.Bucket != bucket {
		t.Fatalf("initiate: %v %s", err, a)
	}
	return &upload{p: p, target: target, id: doc.ID, partSum: map[int]string{}}
}

func (u *upload) query() string { return "uploadId=" + url.QueryEscape(u.id) }

func (u *upload) part(t testing.TB, number int, data []byte, headers ...string) answer {
	t.Helper()
	a := u.p.do(t, "PUT", fmt.Sprintf("%s?partNumber=%d&%s", u.target, number, u.query()), append([]byte{}, data...), headers...)
	if a.status == 200 {
		u.partSum[number] = a.header.Get("ETag")
	}
	return a
}

// manifest lists the parts given, by number, with the ETags that they got.
func (u *upload) manifest(numbers ...int) []byte {
	var b bytes.Buffer
	b.WriteString("<CompleteMultipartUpload>")
	for _, n := range numbers {
		fmt.Fprintf(&b, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", n, u.partSum[n])
	}
	b.WriteString("</CompleteMultipartUpload>")
	return b.Bytes()
}

func (u *upload) complete(t testing.TB, body []byte, headers ...string) answer {
	t.Helper()
	return u.p.do(t, "POST", u.target+"?"+u.query(), body, headers...)
}

const partSize = 5 << 20

func TestMultipartEdges(t *testing.T) {
	c := Shared(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	one, two, three := random(1, partSize), random(2, partSize), random(3, 100)

	u := p.begin(t, b, "ok", "Content-Type: text/x", "X-Amz-Meta-Color: red")
	p.absent(t, b, "ok")
	for n, data := range map[int][]byte{7: three, 2: one, 5: two, 3: three} {
		u.part(t, n, data).want(t, 200, "")
	}
	for _, n := range []int{0, 10001, -1} {
		u.part(t, n, three).want(t, 400, "InvalidArgument")
	}
	u.complete(t, u.manifest(5, 2, 7)).want(t, 400, "InvalidPartOrder")
	u.complete(t, u.manifest(2, 2, 7)).want(t, 400, "InvalidPartOrder")
	u.complete(t, u.manifest(2, 4, 7)).want(t, 400, "InvalidPart")
	u.complete(t, u.manifest(2, 3, 7)).want(t, 400, "EntityTooSmall")
	u.complete(t, []byte("<CompleteMultipartUpload/>")).want(t, 400, "MalformedXML")
	u.complete(t, []byte("<Complete")).want(t, 400, "MalformedXML")
	wrong := bytes.Replace(u.manifest(2, 5, 7), []byte(strings.Trim(u.partSum[5], `"`)), []byte(md5hex(nil)), 1)
	u.complete(t, wrong).want(t, 400, "InvalidPart")
	p.absent(t, b, "ok")
	done := u.complete(t, u.manifest(2, 5, 7)).want(t, 200, "")
	again := u.complete(t, u.manifest(2, 5, 7)).want(t, 200, "") // clients repeat a Complete that got lost
	if !bytes.Contains(done.body, []byte("-3")) || !bytes.Contains(again.body, []byte("-3")) {
		t.Errorf("ETag of three parts: %s; again %s", done.body, again.body)
	}
	p.same(t, b, "ok", bytes.Join([][]byte{one, two, three}, nil))
	a := p.do(t, "HEAD", "/"+b+"/ok", nil).want(t, 200, "")
	if a.header.Get("Content-Type") != "text/x" || a.header.Get("X-Amz-Meta-Color") != "red" {
		t.Errorf("headers: %v", a.header)
	}
	a = p.do(t, "GET", "/"+b+"/ok?partNumber=5", nil).want(t, 206, "")
	if !bytes.Equal(a.body, two) || a.header.Get("X-Amz-Mp-Parts-Count") != "3" {
		t.Errorf("part 5: %d bytes, %v", len(a.body), a.header)
	}
	// a range over the border of two parts
	a = p.get(t, b, "ok", fmt.Sprintf("Range: bytes=%d-%d", partSize-3, partSize+2)).want(t, 206, "")
	if !bytes.Equal(a.body, append(bytes.Clone(one[partSize-3:]), two[:3]...)) {
		t.Errorf("range over the border: %x", a.body)
	}
}

func TestMultipartLife(t *testing.T) {
	c := Shared(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	old := []byte("old")
	p.put(t, b, "key", old)
	u, v := p.begin(t, b, "key"), p.begin(t, b, "key")
	w := p.begin(t, b, "other/é +")
	u.part(t, 1, []byte("first try"))
	u.part(t, 1, []byte("second try")).want(t, 200, "")
	a := p.do(t, "GET", "/"+b+"?uploads", nil).want(t, 200, "")
	var uploads struct {
		Upload []struct{ Key string }
	}
	if err := xml.Unmarshal(a.body, &uploads); err != nil || len(uploads.Upload) != 3 || uploads.Upload[0].Key != "key" || uploads.Upload[2].Key != "other/é +" {
		t.Errorf("uploads: %v %s", err, a.body)
	}
	a = p.do(t, "GET", u.target+"?"+u.query(), nil).want(t, 200, "")
	var parts struct {
		Part []struct {
			PartNumber int
			ETag       string
			Size       int64
		}
	}
	if err := xml.Unmarshal(a.body, &parts); err != nil || len(parts.Part) != 1 || parts.Part[0].Size != 10 {
		t.Errorf("parts: %v %s", err, a.body)
	}
	p.do(t, "DELETE", v.target+"?"+v.query(), nil).want(t, 204, "")
	v.part(t, 1, []byte("late")).want(t, 404, "NoSuchUpload")
	v.complete(t, u.manifest(1)).want(t, 404, "NoSuchUpload")
	p.do(t, "DELETE", v.target+"?uploadId=none", nil).want(t, 404, "NoSuchUpload")
	p.do(t, "GET", v.target+"?uploadId=none", nil).want(t, 404, "NoSuchUpload")
	u.complete(t, u.manifest(1), "If-None-Match: *").want(t, 412, "PreconditionFailed")
	p.same(t, b, "key", old)
	u.complete(t, u.manifest(1)).want(t, 200, "")
	p.same(t, b, "key", []byte("second try"))
	w.part(t, 1, nil).want(t, 200, "")
	p.do(t, "DELETE", w.target+"?"+w.query(), nil).want(t, 204, "")
}

// UploadPartCopy: whole sources and ranges, with conditions.
func TestUploadPartCopy(t *testing.T) {
	c := Shared(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	src := random(4, partSize+1000)
	etag := p.put(t, b, "src é", src).header.Get("ETag")
	for i := range 4 { // four names, so that source and copy are on one target and on two
		u := p.begin(t, b, fmt.Sprint("dst", i))
		copySource := "X-Amz-Copy-Source: /" + b + "/" + escape("src é")
		u.part(t, 1, nil, copySource, "X-Amz-Copy-Source-If-Match: "+etag).want(t, 200, "")
		a := u.part(t, 2, nil, copySource, "X-Amz-Copy-Source-Range: bytes=10-19").want(t, 200, "")
		var result struct{ ETag string }
		if err := xml.Unmarshal(a.body, &result); err != nil || strings.Trim(result.ETag, `"`) != md5hex(src[10:20]) {
			t.Fatalf("copied part: %v %s", err, a.body)
		}
		u.partSum[2] = result.ETag
		first := u.part(t, 1, nil, copySource).want(t, 200, "")
		if err := xml.Unmarshal(first.body, &result); err != nil {
			t.Fatal(err)
		}
		u.partSum[1] = result.ETag
		u.part(t, 3, nil, copySource, "X-Amz-Copy-Source-If-Match: \"x\"").want(t, 412, "PreconditionFailed")
		u.part(t, 3, nil, copySource, "X-Amz-Copy-Source-Range: bytes=10-99999999").want(t, 416, "InvalidRange")
		u.part(t, 3, nil, "X-Amz-Copy-Source: "+b+"/none").want(t, 404, "NoSuchKey")
		u.complete(t, u.manifest(1, 2)).want(t, 200, "")
		p.same(t, b, fmt.Sprint("dst", i), append(bytes.Clone(src), src[10:20]...))
	}
}

// Parts arrive in any order on parallel connections, and a thousand of them are
// put together without a byte being copied.
func TestManyPartsAtOnce(t *testing.T) {
	c := Start(t, Options{Targets: 1, Plain: true})
	p := c.Plain()
	b := p.bucket(t)
	c.Shell(t).run(t, "ais bucket props set ais://"+b+" multipart.min_part_size=0")
	const parts = 1000
	u := p.begin(t, b, "object")
	sums := make([]string, parts+1)
	var all sync.WaitGroup
	var want []byte
	for n := 1; n <= parts; n++ {
		want = append(want, random(uint64(n), 5000)...)
	}
	for worker := range 8 {
		all.Go(func() {
			for n := parts - worker; n >= 1; n -= 8 {
				a, err := p.request("PUT", fmt.Sprintf("%s?partNumber=%d&%s", u.target, n, u.query()), bytes.NewReader(random(uint64(n), 5000)))
				if err != nil || a.status != 200 {
					t.Errorf("part %d: %v %v", n, a, err)
					return
				}
				sums[n] = a.header.Get("ETag")
			}
		})
	}
	all.Wait()
	numbers := make([]int, parts)
	for i := range numbers {
		numbers[i] = i + 1
		u.partSum[i+1] = sums[i+1]
	}
	began := time.Now()
	u.complete(t, u.manifest(numbers...)).want(t, 200, "")
	if took := time.Since(began); took > time.Second {
		t.Errorf("completing %d parts took %s", parts, took)
	}
	p.same(t, b, "object", want)
}
