package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ais/api"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// leaver is the target whose names move off it.
const leaver = "target1"

// household is a bucket with something of every kind, of which the leaver is the owner.
type household struct {
	t         *testing.T
	c         *Cluster
	p         plain
	sdk       *s3.Client
	bucket    string
	versioned bool
	many      *still
	big       map[string][]byte
	uploads   []*upload
	parts     [][]byte
	described []string
	said      map[string]string // what is said of the described
	versions  []string          // the list of those below v/
	contents  map[string][]byte // by key and version id
}

// settle makes a bucket and what is in it.
func settle(t *testing.T, c *Cluster, copies int, versioned bool) *household {
	t.Helper()
	h := &household{t: t, c: c, p: c.Plain(), sdk: c.failover(t, 0), versioned: versioned, big: map[string][]byte{}, said: map[string]string{}, contents: map[string][]byte{}}
	h.many = c.fill(t, copies, 200)
	h.bucket = h.many.bucket
	if versioned {
		h.p.setVersioning(t, h.bucket, "Enabled")
	}
	for i, key := range h.leaving("big/", 2) {
		h.big[key] = random(uint64(copies*10+i), (30+i*20)<<20)
		h.p.put(t, h.bucket, key, h.big[key])
	}
	for i := range 3 {
		h.parts = append(h.parts, random(uint64(copies*100+i), partSize+i))
	}
	for _, key := range h.leaving("upload/", 3) {
		u := h.p.begin(t, h.bucket, key, "X-Amz-Meta-Color: red", "X-Amz-Tagging: a=b")
		u.part(t, 1, h.parts[0]).want(t, 200, "")
		u.part(t, 2, h.parts[2]).want(t, 200, "") // to be replaced
		h.uploads = append(h.uploads, u)
	}
	for i, key := range h.leaving("described/", 12) {
		h.p.put(t, h.bucket, key, random(uint64(i), 100+i*90_000), "Content-Type: text/x", "Cache-Control: max-age=7", "X-Amz-Meta-Color: red", fmt.Sprint("X-Amz-Meta-Number: ", i))
		h.p.do(t, "PUT", "/"+h.bucket+"/"+key+"?tagging", fmt.Appendf(nil, "<Tagging><TagSet><Tag><Key>n</Key><Value>%d</Value></Tag></TagSet></Tagging>", i)).want(t, 200, "")
		h.p.do(t, "PUT", "/"+h.bucket+"/"+key+"?acl", nil, "X-Amz-Acl: public-read").want(t, 200, "")
		h.described = append(h.described, key)
		h.said[key] = h.describe(key)
	}
	if versioned {
		h.putVersions()
	}
	return h
}

// leaving returns names of which the leaver is the owner.
func (h *household) leaving(prefix string, count int) (keys []string) {
	h.t.Helper()
	for i := 0; len(keys) < count; i++ {
		if key := fmt.Sprint(prefix, i); h.c.owner(h.t, h.bucket, key) == leaver {
			keys = append(keys, key)
		}
	}
	return keys
}

// describe returns all that is said of an object but its bytes.
func (h *household) describe(key string) string {
	h.t.Helper()
	target := "/" + h.bucket + "/" + key
	head := h.p.do(h.t, "HEAD", target, nil).want(h.t, 200, "").header
	var out []string
	for name, values := range head {
		if !slices.Contains([]string{"Date", "X-Amz-Request-Id", "X-Amz-Id-2", "Connection", "Keep-Alive"}, name) && !strings.HasPrefix(name, "Ais-") {
			out = append(out, fmt.Sprint(name, values))
		}
	}
	slices.Sort(out)
	tags := h.p.do(h.t, "GET", target+"?tagging", nil).want(h.t, 200, "").body
	return fmt.Sprint(out, " ", string(tags), " ", h.p.grants(h.t, target))
}

// putVersions puts names of several versions, some of them deleted.
func (h *household) putVersions() {
	h.t.Helper()
	for i, key := range h.leaving("v/", 25) {
		for n := range 4 {
			data := random(uint64(i*4+n), 50+n*40_000)
			version := id(h.p.put(h.t, h.bucket, key, data))
			h.contents[key+"?versionId="+version] = data
			if (i+n)%3 == 0 {
				h.p.do(h.t, "DELETE", "/"+h.bucket+"/"+key, nil).want(h.t, 204, "")
			}
		}
	}
	var err error
	if h.versions, err = h.listVersions(); err != nil || len(h.versions) < 130 {
		h.t.Fatalf("%d versions, %v", len(h.versions), err)
	}
}

// listVersions returns all that lists say of the versions below v/.
func (h *household) listVersions() (all []string, err error) {
	pages := s3.NewListObjectVersionsPaginator(h.sdk, &s3.ListObjectVersionsInput{Bucket: &h.bucket, Prefix: aws.String("v/"), MaxKeys: aws.Int32(30)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(h.t.Context())
		if err != nil {
			return nil, err
		}
		for _, v := range out.Versions {
			all = append(all, fmt.Sprint(*v.Key, " ", *v.VersionId, " ", *v.IsLatest, " ", *v.ETag, " ", *v.Size, " ", *v.LastModified))
		}
		for _, v := range out.DeleteMarkers {
			all = append(all, fmt.Sprint(*v.Key, " ", *v.VersionId, " ", *v.IsLatest, " marker ", *v.LastModified))
		}
	}
	slices.Sort(all)
	return all, nil
}

// sameVersions fails where a version is lacking, or one too many.
func (h *household) sameVersions() error {
	now, err := h.listVersions()
	if err == nil && !slices.Equal(now, h.versions) {
		err = fmt.Errorf("versions: %s", difference(now, h.versions))
	}
	return err
}

// sameRange fails where some bytes of a large object are not as they were written.
func (h *household) sameRange(key string, first, length int) error {
	data := h.big[key]
	last := min(first+length, len(data))
	out, err := h.sdk.GetObject(h.t.Context(), &s3.GetObjectInput{Bucket: &h.bucket, Key: &key, Range: aws.String(fmt.Sprintf("bytes=%d-%d", first, last-1))})
	if err != nil {
		return err
	}
	defer out.Body.Close()
	got, err := io.ReadAll(out.Body)
	if err == nil && !bytes.Equal(got, data[first:last]) {
		err = fmt.Errorf("%d to %d: %d other bytes", first, last, len(got))
	}
	return err
}

// race has many writers want to be the first to write a name, of whom one is.
func (h *household) race(key string) {
	h.t.Helper()
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for { // while the name moves away from under it, which changes nothing
				a, err := h.p.request("PUT", "/"+h.bucket+"/"+key, strings.NewReader(fmt.Sprint(i)), "If-None-Match: *")
				switch {
				case err != nil:
					h.t.Errorf("%s: %v", key, err)
				case a.status == 200:
					won.Add(1)
				case a.status == 503:
					continue
				case a.status != 412 && a.status != 409:
					h.t.Errorf("%s: %v", key, a)
				}
				return
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		h.t.Errorf("%s/%s: %d writers were first", h.bucket, key, won.Load())
	}
}

// part puts a part of each upload that is under way.
func (h *household) part(number int) {
	h.t.Helper()
	for _, u := range h.uploads {
		u.part(h.t, number, h.parts[number-1]).want(h.t, 200, "")
	}
}

// finish completes one of the uploads.
func (h *household) finish() {
	h.t.Helper()
	u := h.uploads[0]
	h.uploads = h.uploads[1:]
	listed := h.p.do(h.t, "GET", u.target+"?"+u.query(), nil).want(h.t, 200, "")
	if n := strings.Count(string(listed.body), "<Part>"); n != len(u.partSum) {
		h.t.Errorf("%s has %d parts, not %d", u.target, n, len(u.partSum))
	}
	numbers := []int{1, 2, 3}[:len(u.partSum)]
	u.complete(h.t, u.manifest(numbers...)).want(h.t, 200, "")
	_, key, _ := strings.Cut(u.target[1:], "/")
	h.p.same(h.t, h.bucket, key, bytes.Join(h.parts[:len(numbers)], nil))
	if got := h.p.header(h.t, h.bucket, key, "X-Amz-Meta-Color"); got != "red" {
		h.t.Errorf("%s: its metadata is %q", key, got)
	}
	h.p.do(h.t, "GET", u.target+"?"+u.query(), nil).want(h.t, 404, "NoSuchUpload")
}

// replace writes a large object anew.
func (h *household) replace(key string) {
	h.t.Helper()
	h.big[key] = random(uint64(len(h.big[key])), len(h.big[key])+1)
	_, err := h.sdk.PutObject(h.t.Context(), &s3.PutObjectInput{Bucket: &h.bucket, Key: &key, Body: bytes.NewReader(h.big[key])})
	if err != nil {
		h.t.Fatalf("%s: %v", key, err)
	}
}

// bigKeys are in order.
func (h *household) bigKeys() (keys []string) {
	for key := range h.big {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// look fails the test unless all is as it was put.
func (h *household) look() {
	h.t.Helper()
	for _, key := range h.bigKeys() {
		if err := h.sameRange(key, 0, len(h.big[key])); err != nil {
			h.t.Errorf("%s: %v", key, err)
		}
	}
	for _, key := range h.described {
		if now := h.describe(key); now != h.said[key] {
			h.t.Errorf("of %s is said\n%s\nand was\n%s", key, now, h.said[key])
		}
	}
	if err := h.sameVersions(); err != nil {
		h.t.Error(err)
	}
	for name, data := range h.contents {
		if a := h.p.do(h.t, "GET", "/"+h.bucket+"/"+name, nil); a.status != 200 || !bytes.Equal(a.body, data) {
			h.t.Errorf("%s: %d, %d bytes, not %d", name, a.status, len(a.body), len(data))
		}
	}
	h.many.whole()
}

// live uses the bucket until stop is closed: what it sees is always true.
func (h *household) live(stop <-chan struct{}, rounds *atomic.Int64) {
	keys := h.bigKeys()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		key := keys[n%len(keys)]
		if err := h.sameRange(key, n*1_234_567%(len(h.big[key])-1), 1<<20); err != nil {
			h.t.Errorf("%s: %v", key, err)
		}
		if err := h.sameVersions(); err != nil {
			h.t.Error(err)
		}
		h.race(fmt.Sprint("race/", n))
		if n == 1 {
			h.replace(keys[1])
		}
		rounds.Add(1)
	}
}

// client returns a client of the native API.
func (c *Cluster) client(t testing.TB) *api.Client {
	t.Helper()
	client, err := api.NewClient(api.ClientConfig{Endpoint: c.URL(t, "proxy1")})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// haltMove stops the moving of names as soon as it has begun.
func (c *Cluster) haltMove(t testing.TB) {
	t.Helper()
	client := c.client(t)
	deadline := time.Now().Add(30 * time.Second)
	for {
		snaps, err := client.Jobs(context.Background(), api.JobQuery{Kind: api.JobRebalance})
		if err != nil {
			t.Fatal(err)
		}
		if len(snaps) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("names do not begin to move")
		}
		time.Sleep(5 * time.Millisecond) // between looks at the condition
	}
	if err := client.StopJobs(context.Background(), api.JobQuery{Kind: api.JobRebalance}); err != nil {
		t.Fatal(err)
	}
	if c.unmoved(t) == 0 {
		t.Fatal("all has moved before it could be stopped")
	}
}

// While names move off a target: uploads that were begun before go on and are completed,
// large objects are read and written, versions, delete markers, metadata, tags and ACLs
// stay what they are, and of many first writers one is the first. The moving is stopped
// half way, so that all this meets names that have not moved yet, and goes on under it.
func TestChangesWhileNamesMove(t *testing.T) {
	c := Start(t, Options{Proxies: 2, Targets: 4, Plain: true})
	homes := []*household{settle(t, c, 1, true), settle(t, c, 2, true), settle(t, c, 1, false)}
	c.ais(t, "cluster decommission "+leaver)
	c.haltMove(t)
	began := time.Now()
	left := c.objects(t, leaver)
	for _, h := range homes {
		h.part(2)
		h.finish()
		h.replace(h.bigKeys()[0])
		h.race("race/halted")
		if a, err := h.p.request("PUT", "/"+h.bucket+"/"+h.described[0], strings.NewReader("x"), "If-None-Match: *"); err != nil || a.status != 412 {
			t.Errorf("a conditional PUT of what is there: %v %v", a, err)
		}
		h.look()
	}
	if n := c.objects(t, leaver); n == 0 || n > left {
		t.Errorf("%s had %d objects when the moving was stopped, and has %d", leaver, left, n)
	}
	t.Logf("stopped for %s with %d objects to move", time.Since(began).Round(time.Millisecond), left)

	began = time.Now()
	c.ais(t, "cluster rebalance start")
	stop := make(chan struct{})
	var all sync.WaitGroup
	var rounds atomic.Int64
	for _, h := range homes {
		all.Go(func() { h.live(stop, &rounds) })
	}
	for _, h := range homes {
		h.part(3)
		h.finish()
	}
	c.moved(t, time.Minute)
	close(stop)
	all.Wait()
	t.Logf("moved within %s, %d rounds meanwhile", time.Since(began).Round(time.Millisecond), rounds.Load())
	c.gone(t, leaver)
	for _, h := range homes {
		h.finish()
		h.look()
	}
}
