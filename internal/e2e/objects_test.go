package e2e

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Keys are any UTF-8 of 1 to 1,024 bytes, and none is another in disguise.
func TestKeysOfAllKinds(t *testing.T) {
	c := Shared(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	keys := []string{
		"a", "a/b", "a/", "a//b", "/lead", "//", "trail/", "..", ".", "../up", "a/../c", "a/./c", "c", "a%2Fb", "a+b", "a b", "a%20b",
		"?", "a?b=c", "#", "&amp;", "<x>", `"quoted"`, "'", "\\", "é", "e\u0301", "日本語", "\U0001F600", "\x01", "a\x7f", "tab\there", "new\nline",
		"s3", "s3/x", "v1/x", "_/x", "metrics", "health", "ui/x", "%", "%%", "%zz", "*", "~", "@:!$&'()*+,;=",
		strings.Repeat("k", 1024), strings.Repeat("é/", 341), strings.Repeat("x", 1000) + "/" + strings.Repeat("y", 20),
	}
	for i, k := range keys {
		p.put(t, b, k, fmt.Append(nil, i, " ", k))
	}
	for i, k := range keys {
		p.same(t, b, k, fmt.Append(nil, i, " ", k))
	}
	slices.Sort(keys)
	q := p.walk(t, b, true, map[string][]string{"encoding-type": {"url"}})
	if !slices.Equal(q.keys, keys) {
		t.Errorf("listed %q\nwant   %q", q.keys, keys)
	}
	for _, k := range keys {
		src := "X-Amz-Copy-Source: " + b + "/" + escape(k)
		p.do(t, "PUT", "/"+b+"/"+escape(strings.Repeat("c", 1024)), nil, src).want(t, 200, "")
		p.do(t, "DELETE", "/"+b+"/"+escape(k), nil).want(t, 204, "")
	}
	p.do(t, "PUT", "/"+b+"/"+strings.Repeat("k", 1025), []byte("x")).want(t, 400, "KeyTooLongError")
	p.do(t, "PUT", "/"+b+"/%ff%fe", []byte("x")).want(t, 400, "")
	p.do(t, "PUT", "/"+b+"/%zz", []byte("x")).want(t, 400, "")
}

func TestBuckets(t *testing.T) {
	c := Shared(t, Options{Proxies: 2})
	p := c.Plain()
	for _, bad := range []string{"ab", "Upper", "under_score", "-dash", "dash-", "dot..dot", "192.168.1.1", strings.Repeat("b", 64), "metrics", "health", "xn--x"} {
		p.do(t, "PUT", "/"+bad, nil).want(t, 400, "InvalidBucketName")
	}
	b := bucketName(t)
	const conf = `<CreateBucketConfiguration%s><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>`
	p.do(t, "PUT", "/"+b+"/", fmt.Appendf(nil, conf, "")).want(t, 200, "")
	p.do(t, "PUT", "/"+b, fmt.Appendf(nil, conf, ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`)).want(t, 200, "")
	p.do(t, "PUT", "/"+b+"x", []byte("<Create")).want(t, 400, "MalformedXML")
	for _, at := range []plain{p, c.At(t, "proxy2"), c.At(t, "target1")} {
		at.do(t, "HEAD", "/"+b, nil).want(t, 200, "")
		wantIn(t, string(at.do(t, "GET", "/"+b+"?location", nil).body), "eu-west-1")
		wantIn(t, string(at.do(t, "GET", "/", nil).body), "<Name>"+b+"</Name>")
	}
	p.put(t, b, "x", nil)
	c.At(t, "proxy2").do(t, "DELETE", "/"+b, nil).want(t, 409, "BucketNotEmpty")
	p.same(t, b, "x", nil)
	p.do(t, "DELETE", "/"+b+"/x", nil).want(t, 204, "")
	c.At(t, "proxy2").do(t, "DELETE", "/"+b, nil).want(t, 204, "")
	for _, at := range []plain{p, c.At(t, "target1")} {
		at.do(t, "HEAD", "/"+b, nil).want(t, 404, "")
		at.do(t, "PUT", "/"+b+"/x", []byte("x")).want(t, 404, "NoSuchBucket")
		at.do(t, "GET", "/"+b+"/x", nil).want(t, 404, "NoSuchBucket")
		at.do(t, "DELETE", "/"+b, nil).want(t, 404, "NoSuchBucket")
	}
	p.do(t, "PUT", "/"+b, nil).want(t, 200, "") // the same name again is another bucket
	p.absent(t, b, "x")
}

func TestHeadersAndRanges(t *testing.T) {
	c := Shared(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	for name, size := range map[string]int{"inline": 1000, "blob": 3 << 20} {
		data := random(5, size)
		p.put(t, b, name, data, "Content-Type: text/plain; charset=utf-8", "Cache-Control: max-age=5", "Content-Disposition: attachment", "Content-Language: de",
			"Content-Encoding: aws-chunked,gzip", "Expires: Thu, 01 Dec 2033 16:00:00 GMT", "X-Amz-Meta-Mixed-Case: Value", "X-Amz-Storage-Class: STANDARD")
		h := p.do(t, "HEAD", "/"+b+"/"+name, nil).want(t, 200, "").header
		for k, v := range map[string]string{"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "max-age=5", "Content-Disposition": "attachment", "Content-Language": "de",
			"Expires": "Thu, 01 Dec 2033 16:00:00 GMT", "X-Amz-Meta-Mixed-Case": "Value", "Accept-Ranges": "bytes", "Content-Length": fmt.Sprint(size), "Etag": `"` + md5hex(data) + `"`, "Content-Encoding": "gzip"} {
			if h.Get(k) != v {
				t.Errorf("%s: %s is %q, want %q", name, k, h.Get(k), v)
			}
		}
		modified, err := time.Parse(http.TimeFormat, h.Get("Last-Modified"))
		if err != nil || time.Since(modified) > time.Minute {
			t.Errorf("Last-Modified %q", h.Get("Last-Modified"))
		}
		last := size - 1
		for spec, want := range map[string][]byte{
			"bytes=0-0": data[:1], "bytes=5-9": data[5:10], fmt.Sprintf("bytes=%d-", last): data[last:], "bytes=-7": data[size-7:],
			fmt.Sprintf("bytes=10-%d", size*2): data[10:], fmt.Sprintf("bytes=-%d", size*2): data, "bytes=500-900": data[500:901],
		} {
			a := p.get(t, b, name, "Range: "+spec).want(t, 206, "")
			if !bytes.Equal(a.body, want) || a.header.Get("Content-Range") == "" {
				t.Errorf("%s %s: %d bytes, want %d; %q", name, spec, len(a.body), len(want), a.header.Get("Content-Range"))
			}
		}
		for _, spec := range []string{fmt.Sprintf("bytes=%d-", size), fmt.Sprintf("bytes=%d-%d", size+5, size+9), "bytes=-0"} {
			p.get(t, b, name, "Range: "+spec).want(t, 416, "InvalidRange")
		}
		for _, spec := range []string{"bytes=9-5", "nonsense", "bytes=0-1,5-6"} {
			p.get(t, b, name, "Range: "+spec).want(t, 200, "")
		}
		a := p.do(t, "GET", "/"+b+"/"+name+"?response-content-type=a/b&response-cache-control=no-store&response-content-disposition=inline", nil).want(t, 200, "")
		if a.header.Get("Content-Type") != "a/b" || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Disposition") != "inline" {
			t.Errorf("overrides: %v", a.header)
		}
	}
	p.put(t, b, "empty", nil)
	p.get(t, b, "empty", "Range: bytes=0-").want(t, 416, "InvalidRange")
	if ct := p.do(t, "HEAD", "/"+b+"/empty", nil).header.Get("Content-Type"); ct != "binary/octet-stream" {
		t.Errorf("default content type %q", ct)
	}
}

func TestConditions(t *testing.T) {
	c := Shared(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	etag := p.put(t, b, "k", []byte("one")).header.Get("ETag")
	path := "/" + b + "/k"
	past, future := time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat), time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	p.get(t, b, "k", "If-Match: "+etag).want(t, 200, "")
	p.get(t, b, "k", "If-Match: "+strings.Trim(etag, `"`)).want(t, 200, "")
	p.get(t, b, "k", `If-Match: "x"`).want(t, 412, "PreconditionFailed")
	a := p.get(t, b, "k", "If-None-Match: "+etag).want(t, 304, "")
	if len(a.body) != 0 || a.header.Get("ETag") != etag {
		t.Errorf("304: %v %v", a, a.header)
	}
	p.get(t, b, "k", "If-Modified-Since: "+future).want(t, 304, "")
	p.get(t, b, "k", "If-Unmodified-Since: "+past).want(t, 412, "PreconditionFailed")
	p.do(t, "PUT", path, []byte("two"), "If-None-Match: *").want(t, 412, "PreconditionFailed")
	p.do(t, "PUT", path, []byte("two"), `If-Match: "x"`).want(t, 412, "PreconditionFailed")
	p.do(t, "PUT", "/"+b+"/none", []byte("two"), "If-Match: "+etag).want(t, 404, "NoSuchKey")
	p.do(t, "PUT", path, []byte("two"), "If-Match: "+etag).want(t, 200, "")
	p.do(t, "PUT", path, []byte("three"), "If-Match: "+etag).want(t, 412, "PreconditionFailed")
	p.same(t, b, "k", []byte("two"))
	src := "X-Amz-Copy-Source: " + b + "/k"
	p.do(t, "PUT", "/"+b+"/copy", nil, src, "X-Amz-Copy-Source-If-Match: "+etag).want(t, 412, "PreconditionFailed")
	p.do(t, "PUT", "/"+b+"/copy", nil, src, "X-Amz-Copy-Source-If-None-Match: "+etag).want(t, 200, "")

	// Of many writers that want to be first, one is.
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			a, err := p.request("PUT", "/"+b+"/race", strings.NewReader(fmt.Sprint(i)), "If-None-Match: *")
			switch {
			case err != nil:
				t.Error(err)
			case a.status == 200:
				won.Add(1)
			case a.status != 412 && a.status != 409:
				t.Error(a)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d writers were first", won.Load())
	}
}

func TestCopyObject(t *testing.T) {
	c := Shared(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	other := p.bucket(t)
	data := random(9, 400_000)
	const key = "dir/source +é?"
	p.put(t, b, key, data, "Content-Type: text/x", "X-Amz-Meta-Color: red")
	for i, source := range []string{b + "/" + escape(key), "/" + b + "/" + escape(key), b + "%2F" + strings.ReplaceAll(escape(key), "/", "%2F")} {
		for _, to := range []string{b, other} {
			dst := fmt.Sprint("/", to, "/copy", i)
			a := p.do(t, "PUT", dst, nil, "X-Amz-Copy-Source: "+source, "X-Amz-Meta-Color: ignored").want(t, 200, "")
			var result struct{ ETag, LastModified string }
			if err := xml.Unmarshal(a.body, &result); err != nil || strings.Trim(result.ETag, `"`) != md5hex(data) || result.LastModified == "" {
				t.Fatalf("%v %s", err, a.body)
			}
			p.same(t, to, fmt.Sprint("copy", i), data)
			if h := p.do(t, "HEAD", dst, nil).header; h.Get("X-Amz-Meta-Color") != "red" || h.Get("Content-Type") != "text/x" {
				t.Errorf("copied headers: %v", h)
			}
		}
	}
	src := "X-Amz-Copy-Source: " + b + "/" + escape(key)
	p.do(t, "PUT", "/"+b+"/replaced", nil, src, "X-Amz-Metadata-Directive: REPLACE", "X-Amz-Meta-Shape: round", "Content-Type: a/b").want(t, 200, "")
	if h := p.do(t, "HEAD", "/"+b+"/replaced", nil).header; h.Get("X-Amz-Meta-Color") != "" || h.Get("X-Amz-Meta-Shape") != "round" || h.Get("Content-Type") != "a/b" {
		t.Errorf("replaced headers: %v", h)
	}
	p.do(t, "PUT", "/"+b+"/"+escape(key), nil, src).want(t, 400, "InvalidRequest") // onto itself, with nothing changed
	p.do(t, "PUT", "/"+b+"/"+escape(key), nil, src, "X-Amz-Metadata-Directive: REPLACE", "X-Amz-Meta-A: b").want(t, 200, "")
	p.same(t, b, key, data)
	p.do(t, "PUT", "/"+b+"/x", nil, "X-Amz-Copy-Source: "+b+"/none").want(t, 404, "NoSuchKey")
	p.do(t, "PUT", "/"+b+"/x", nil, "X-Amz-Copy-Source: no-such-bucket-at-all/k").want(t, 404, "NoSuchBucket")
	p.do(t, "PUT", "/"+b+"/x", nil, "X-Amz-Copy-Source: "+b).want(t, 400, "InvalidArgument")
	p.absent(t, b, "x")
}

// What is not there yet says so in S3's own words, and never reaches the object.
func TestSubresources(t *testing.T) {
	c := Shared(t, Options{})
	p := c.Plain()
	b := p.bucket(t)
	p.put(t, b, "k", []byte("content"))
	for query, want := range map[string]string{
		"policy": "404 NoSuchBucketPolicy", "cors": "404 NoSuchCORSConfiguration", "lifecycle": "404 NoSuchLifecycleConfiguration", "tagging": "404 NoSuchTagSet",
		"website": "404 NoSuchWebsiteConfiguration", "encryption": "404 ServerSideEncryptionConfigurationNotFoundError", "replication": "404 ReplicationConfigurationNotFoundError",
		"object-lock": "404 ObjectLockConfigurationNotFoundError", "publicAccessBlock": "404 NoSuchPublicAccessBlockConfiguration",
		"versioning": "200", "location": "200", "acl": "200", "logging": "200", "requestPayment": "200", "notification": "200", "accelerate": "200",
		"unknown-to-s3=1": "200", "x-id=ListObjects": "200", "inventory": "501 NotImplemented", "metrics": "501 NotImplemented", "analytics": "501 NotImplemented",
	} {
		a := p.do(t, "GET", "/"+b+"?"+query, nil)
		if got := strings.TrimSpace(fmt.Sprint(a.status, " ", a.code)); got != want {
			t.Errorf("GET ?%s: %s, want %s", query, got, want)
		}
	}
	p.do(t, "PUT", "/"+b+"?replication", []byte("<ReplicationConfiguration/>")).want(t, 501, "NotImplemented")
	p.do(t, "PUT", "/"+b+"?acl", nil, "X-Amz-Acl: private").want(t, 200, "")
	for _, sub := range []string{"retention", "legal-hold", "torrent", "restore", "select&select-type=2"} {
		for _, method := range []string{"PUT", "POST", "DELETE"} {
			a := p.do(t, method, "/"+b+"/k?"+sub, []byte("<Tagging/>"))
			if a.status < 400 || a.code == "" {
				t.Errorf("%s ?%s: %v", method, sub, a)
			}
		}
	}
	p.do(t, "PUT", "/"+b+"/k?acl", nil, "X-Amz-Acl: private").want(t, 200, "")
	p.same(t, b, "k", []byte("content"))
	for _, body := range []string{"", "<Delete", "<Delete></Delete>", "<!DOCTYPE a [<!ENTITY b \"c\">]><Delete><Object><Key>&b;</Key></Object></Delete>", strings.Repeat("<a>", 100_000),
		"<Delete>" + strings.Repeat("<Object><Key>k</Key></Object>", 1001) + "</Delete>", strings.Repeat("x", 5<<20)} {
		a := p.do(t, "POST", "/"+b+"?delete", []byte(body))
		if a.status != 400 || a.code != "MalformedXML" {
			t.Errorf("delete of %.60q: %v", body, a)
		}
	}
	p.same(t, b, "k", []byte("content"))
}
