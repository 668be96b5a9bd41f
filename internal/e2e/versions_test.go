package e2e

import (
	"crypto/md5"
	"encoding/xml"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// setVersioning sets a bucket's versioning: Enabled or Suspended.
func (p plain) setVersioning(t testing.TB, bucket, status string) {
	t.Helper()
	body := "<VersioningConfiguration><Status>" + status + "</Status></VersioningConfiguration>"
	p.do(t, "PUT", "/"+bucket+"?versioning", []byte(body)).want(t, 200, "")
}

// versionPages lists all versions of a bucket, in pages of a size: "key id latest", and
// " marker" for delete markers, which S3 lists in the same order.
func (p plain) versionPages(t testing.TB, bucket string, limit int) (all []string) {
	t.Helper()
	key, id := "", ""
	for {
		q := url.Values{"versions": {""}, "max-keys": {fmt.Sprint(limit)}}
		if key != "" {
			q.Set("key-marker", key)
			q.Set("version-id-marker", id)
		}
		a := p.do(t, "GET", "/"+bucket+"?"+q.Encode(), nil).want(t, 200, "")
		var page struct {
			IsTruncated         bool
			NextKeyMarker       string
			NextVersionIdMarker string //nolint:revive // S3's spelling
			Items               []struct {
				XMLName   xml.Name
				Key       string
				VersionId string //nolint:revive // S3's spelling
				IsLatest  bool
			} `xml:",any"`
		}
		if err := xml.Unmarshal(a.body, &page); err != nil {
			t.Fatalf("%v in %s", err, a.body)
		}
		for _, v := range page.Items {
			switch v.XMLName.Local {
			case "Version":
				all = append(all, fmt.Sprint(v.Key, " ", v.VersionId, " ", v.IsLatest))
			case "DeleteMarker":
				all = append(all, fmt.Sprint(v.Key, " ", v.VersionId, " ", v.IsLatest, " marker"))
			}
		}
		if !page.IsTruncated {
			return all
		}
		key, id = page.NextKeyMarker, page.NextVersionIdMarker
	}
}

func id(a answer) string { return a.header.Get("X-Amz-Version-Id") }

// TestVersions takes a bucket through the states of versioning, over S3.
func TestVersions(t *testing.T) {
	c := Shared(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	if got := id(p.put(t, b, "k", []byte("null"))); got != "" {
		t.Fatalf("a bucket without versions names one: %q", got)
	}
	p.setVersioning(t, b, "Enabled")
	one, two := id(p.put(t, b, "k", []byte("one"))), id(p.put(t, b, "k", []byte("two")))
	for version, want := range map[string]string{"null": "null", one: "one", two: "two"} {
		a := p.do(t, "GET", "/"+b+"/k?versionId="+version, nil).want(t, 200, "")
		if string(a.body) != want || id(a) != version {
			t.Errorf("version %s is %q and called %q, want %q", version, a.body, id(a), want)
		}
	}
	p.same(t, b, "k", []byte("two"))
	marked := p.do(t, "DELETE", "/"+b+"/k", nil).want(t, 204, "")
	if marked.header.Get("X-Amz-Delete-Marker") != "true" || id(marked) == "" {
		t.Fatalf("no delete marker: %v", marked.header)
	}
	gone := p.do(t, "GET", "/"+b+"/k", nil).want(t, 404, "NoSuchKey")
	if gone.header.Get("X-Amz-Delete-Marker") != "true" || id(gone) != id(marked) {
		t.Errorf("the marker is not named: %v", gone.header)
	}
	p.do(t, "GET", "/"+b+"/k?versionId="+id(marked), nil).want(t, 405, "MethodNotAllowed")
	p.do(t, "GET", "/"+b+"/k?versionId="+strings.Repeat("0", 32), nil).want(t, 404, "NoSuchVersion")
	want := []string{"k " + id(marked) + " true marker", "k " + two + " false", "k " + one + " false", "k null false"}
	for _, limit := range []int{1, 3, 1000} {
		if got := p.versionPages(t, b, limit); !slices.Equal(got, want) {
			t.Errorf("pages of %d:\n got %q\nwant %q", limit, got, want)
		}
	}
	p.do(t, "DELETE", "/"+b, nil).want(t, 409, "BucketNotEmpty")
	if a := p.do(t, "DELETE", "/"+b+"/k?versionId="+id(marked), nil).want(t, 204, ""); a.header.Get("X-Amz-Delete-Marker") != "true" {
		t.Errorf("the marker that was removed is not called one: %v", a.header)
	}
	p.same(t, b, "k", []byte("two"))
	restored := p.do(t, "PUT", "/"+b+"/k", nil, "X-Amz-Copy-Source: /"+b+"/k?versionId="+one).want(t, 200, "")
	if restored.header.Get("X-Amz-Copy-Source-Version-Id") != one || id(restored) == "" {
		t.Errorf("%v", restored.header)
	}
	p.same(t, b, "k", []byte("one"))

	p.setVersioning(t, b, "Suspended")
	p.put(t, b, "k", []byte("null again"))
	p.same(t, b, "k", []byte("null again"))
	want = []string{"k null true", "k " + id(restored) + " false", "k " + two + " false", "k " + one + " false"}
	if got := p.versionPages(t, b, 2); !slices.Equal(got, want) {
		t.Errorf("suspended:\n got %q\nwant %q", got, want)
	}
	var doc strings.Builder
	doc.WriteString("<Delete>")
	for _, version := range []string{"null", id(restored), two, one, one} {
		fmt.Fprintf(&doc, "<Object><Key>k</Key><VersionId>%s</VersionId></Object>", version)
	}
	doc.WriteString("</Delete>")
	a := p.do(t, "POST", "/"+b+"?delete", []byte(doc.String()), "Content-MD5: "+md5Of(doc.String())).want(t, 200, "")
	if n := strings.Count(string(a.body), "<Deleted>"); n != 5 {
		t.Errorf("%d versions were deleted: %s", n, a.body)
	}
	if got := p.versionPages(t, b, 10); len(got) > 0 {
		t.Errorf("%q are left", got)
	}
	p.do(t, "DELETE", "/"+b, nil).want(t, 204, "")
}

// TestConditionalDeletes deletes what has the ETag, size and time that is asked for.
func TestConditionalDeletes(t *testing.T) {
	c := Shared(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	p.do(t, "DELETE", "/"+b+"/none", nil, "If-Match: *").want(t, 204, "")
	a := p.put(t, b, "k", []byte("12345"))
	modified := p.do(t, "HEAD", "/"+b+"/k", nil).header.Get("Last-Modified")
	for _, header := range []string{`If-Match: "other"`, "X-Amz-If-Match-Size: 4", "X-Amz-If-Match-Last-Modified-Time: Thu, 01 Jan 2015 00:00:00 GMT"} {
		p.do(t, "DELETE", "/"+b+"/k", nil, header).want(t, 412, "PreconditionFailed")
	}
	p.do(t, "DELETE", "/"+b+"/k", nil, "If-Match: "+a.header.Get("ETag"), "X-Amz-If-Match-Size: 5", "X-Amz-If-Match-Last-Modified-Time: "+modified).want(t, 204, "")
	p.absent(t, b, "k")
}

func md5Of(s string) string {
	sum := md5.Sum([]byte(s))
	return b64(sum[:])
}
