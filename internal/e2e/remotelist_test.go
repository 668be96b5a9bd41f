package e2e

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"ais/backend/backendtest"
)

// A listing over S3 is the remote's, page by page, whatever of it is here.
func TestRemoteList(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r Remote) {
		p := Cached(t, r).Plain()
		b := r.bucket(t)
		keys := []string{"a", "a b+%é/x", "日本語"}
		for i := range 60 {
			keys = append(keys, fmt.Sprintf("dir%d/sub/%02d", i%3, i))
		}
		for _, k := range keys {
			r.put(t, b, k, []byte(k))
		}
		slices.Sort(keys)
		for i, k := range keys {
			if i%4 == 0 {
				p.same(t, b, k, []byte(k)) // some are here
			}
		}
		for _, query := range []string{
			"list-type=2", "list-type=2&max-keys=7", "list-type=2&prefix=dir1/", "list-type=2&delimiter=/", "list-type=2&delimiter=/&max-keys=2", "list-type=2&delimiter=/&prefix=dir2/",
			"list-type=2&start-after=dir1/", "max-keys=7", "marker=dir1/sub/31", "list-type=2&max-keys=0", "list-type=2&encoding-type=url&max-keys=5",
		} {
			here, there := everyPage(t, p, b, query), everyPage(t, r.plain(), b, query)
			if !slices.Equal(here, there) {
				t.Errorf("?%s: %q\nthe remote lists %q", query, here, there)
			}
		}
		if got := p.list(t, b); !slices.Equal(got, keys) {
			t.Errorf("listed %q", got)
		}
		r.plain().do(t, "DELETE", "/"+b+"/a", nil).want(t, 204, "")
		if got := p.list(t, b); slices.Contains(got, "a") {
			t.Error("what is gone at the remote is listed")
		}
	})
}

// everyPage returns what a listing has: names with ETag and size, and prefixes.
func everyPage(t *testing.T, p plain, bucket, query string) []string {
	t.Helper()
	all := []string{}
	more := ""
	for range 100 {
		a := p.do(t, "GET", "/"+bucket+"?"+query+more, nil).want(t, 200, "")
		var page listPage
		if err := xml.Unmarshal(a.body, &page); err != nil {
			t.Fatal(err)
		}
		decode := func(s string) string {
			if page.EncodingType == "url" {
				s, _ = url.QueryUnescape(s)
			}
			return s
		}
		last := ""
		for _, e := range page.Contents {
			last = max(last, decode(e.Key))
			all = append(all, fmt.Sprint(decode(e.Key), " ", strings.Trim(e.ETag, `"`), " ", e.Size))
		}
		for _, e := range page.CommonPrefixes {
			last = max(last, decode(e.Prefix))
			all = append(all, decode(e.Prefix))
		}
		switch {
		case !page.IsTruncated || strings.Contains(query, "max-keys=0"):
			slices.Sort(all)
			return all
		case page.NextContinuationToken != "":
			more = "&continuation-token=" + url.QueryEscape(page.NextContinuationToken)
		default:
			if query, _, _ = strings.Cut(query, "&marker="); strings.HasPrefix(query, "marker=") {
				query = "prefix="
			}
			more = "&marker=" + url.QueryEscape(max(last, decode(page.NextMarker)))
		}
	}
	t.Fatalf("?%s never ends", query)
	return nil
}

// The native listing knows both sides: what is here, what has changed at the
// remote, and what is gone there.
func TestRemoteListStatus(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r Remote) {
		c := Cached(t, r)
		p := c.Plain()
		b := r.bucket(t)
		for _, k := range []string{"cold", "warm", "changed", "gone"} {
			r.put(t, b, k, []byte("first"))
		}
		for _, k := range []string{"warm", "changed", "gone"} {
			p.same(t, b, k, []byte("first"))
		}
		r.put(t, b, "changed", []byte("second, longer"))
		r.plain().do(t, "DELETE", "/"+b+"/gone", nil).want(t, 204, "")
		out := c.ais(t, "ls s3://"+b+" --all")
		for name, want := range map[string][]string{"cold": {"no", "5B"}, "warm": {"yes", "ok"}, "changed": {"yes", "version-changed"}, "gone": {"yes", "deleted"}} {
			line := ""
			for l := range strings.Lines(out) {
				if strings.HasPrefix(l, name+" ") {
					line = l
				}
			}
			for _, part := range want {
				if !strings.Contains(line, part) {
					t.Errorf("%s: no %q in %q of\n%s", name, part, line, out)
				}
			}
		}
		if got := c.here(t, b); !slices.Equal(got, []string{"changed", "gone", "warm"}) {
			t.Errorf("here: %q", got)
		}
		wantIn(t, c.ais(t, "ls s3://"+b+" --cached"), "warm")
		if out := c.ais(t, "ls s3://"+b+" --cached"); strings.Contains(out, "cold") {
			t.Errorf("--cached lists what is not here:\n%s", out)
		}
		out = c.ais(t, "ls s3://"+b+" --props name,size,checksum,atime,version,cached,status")
		wantIn(t, out, "CHECKSUM", "ATIME", "VERSION", "CACHED", "STATUS")
	})
}

// Changes at the remote are seen by reads where the bucket asks for it.
func TestRemoteChanges(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r Remote) {
		c := Cached(t, r)
		p := c.Plain()
		for _, versioned := range []bool{false, true} {
			b := r.bucket(t)
			if versioned {
				if _, err := r.SDK().PutBucketVersioning(ctx(t), &s3.PutBucketVersioningInput{Bucket: &b, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}); err != nil {
					t.Fatal(err)
				}
			}
			for _, k := range []string{"k", "gone", "same"} {
				r.put(t, b, k, []byte("first"))
				p.same(t, b, k, []byte("first"))
			}
			r.put(t, b, "k", []byte("second"))
			r.plain().do(t, "DELETE", "/"+b+"/gone", nil).want(t, 204, "")
			p.same(t, b, "k", []byte("first")) // nobody asked
			p.same(t, b, "gone", []byte("first"))
			c.ais(t, "bucket props set aws://"+b+" versioning.validate_warm_get=true")
			p.same(t, b, "k", []byte("second"))
			p.same(t, b, "same", []byte("first"))
			if got := p.header(t, b, "k", "ETag"); strings.Trim(got, `"`) != md5hex([]byte("second")) {
				t.Errorf("ETag %s", got)
			}
			p.absent(t, b, "gone")
			r.put(t, b, "k", []byte("third"))
			if got := p.header(t, b, "k", "ETag"); strings.Trim(got, `"`) != md5hex([]byte("third")) {
				t.Errorf("HEAD after a change: ETag %s", got)
			}
			p.same(t, b, "k", []byte("third"))
			c.ais(t, "bucket props set aws://"+b+" versioning.validate_warm_get=false versioning.synchronize=true")
			r.plain().do(t, "DELETE", "/"+b+"/k", nil).want(t, 204, "")
			p.absent(t, b, "k")
			if got := c.here(t, b); slices.Contains(got, "k") {
				t.Errorf("here: %q", got)
			}
		}
		if c.sum(t, "remote_ver_change") == 0 {
			t.Error("no change was counted")
		}
	})
}

// The remote's page is asked for once, and what a listing costs does not grow with
// the targets.
func TestRemoteListRequests(t *testing.T) {
	t.Parallel()
	f := startFlaky(t, Moto(t), "3s", Options{})
	b := f.remote.bucket(t)
	for i := range 30 {
		f.remote.put(t, b, fmt.Sprint("k", i), []byte("x"))
	}
	p := f.Plain()
	p.list(t, b)
	lists := func() int {
		count := 0
		all, _ := f.Requests("GET", "/"+b)
		for _, r := range all {
			if strings.Contains(r.Query, "list-type=2") {
				count++
			}
		}
		return count
	}
	before := lists()
	p.list(t, b)
	f.ais(t, "ls s3://"+b)
	if n := lists() - before; n != 2 {
		t.Errorf("two listings of one page made %d requests", n)
	}
	// A remote that does not answer: an error in time, and what is here is listed.
	p.same(t, b, "k1", []byte("x"))
	f.Inject(backendtest.Fault{Method: "GET", Path: "/" + b, Query: "list-type=2", Hang: true})
	began := time.Now()
	a := p.do(t, "GET", "/"+b+"?list-type=2", nil).want(t, 503, "")
	if took := time.Since(began); took > 6*time.Second || a.code == "" {
		t.Errorf("%v after %s, with 3 s to try", a, took)
	}
	if got := f.here(t, b); !slices.Equal(got, []string{"k1"}) {
		t.Errorf("here: %q", got)
	}
}
