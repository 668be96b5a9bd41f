package s3api

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"ais/object"
)

// newRequest makes a Request as the server would, without a connection.
func newRequest(t testing.TB, method, uri string, headers ...string) *Request {
	t.Helper()
	c := DefaultConfig()
	c.Handler = serveFunc(func(*Request) error { return nil })
	s, err := NewServer(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx := &fasthttp.RequestCtx{}
	ctx.Request.Header.SetMethod(method)
	ctx.Request.SetRequestURI(uri)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		ctx.Request.Header.Add(name, strings.TrimSpace(value))
	}
	r, err := s.begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestParseHeader(t *testing.T) {
	r := newRequest(t, "PUT", "/bkt/k", "Content-Type: text/x", "content-encoding: gzip, aws-chunked", "Content-Disposition: inline",
		"Content-Language: de", "Cache-Control: no-cache", "Expires: whenever", "x-amz-website-redirect-location: /x",
		"X-Amz-Meta-Mixed-Case: Value", "x-amz-meta-two: a", "x-amz-meta-two: b", "x-amz-meta-umlaut: \xc3\xbc", "x-amz-meta-latin: \xe9",
		"x-amz-meta-mime: =?UTF-8?B?w7w=?=", "x-amz-meta-: none", "x-amz-storage-class: STANDARD_IA")
	m, err := ParseMeta(r)
	if err != nil {
		t.Fatal(err)
	}
	want := object.Header{ContentType: "text/x", ContentEncoding: "gzip", ContentDisposition: "inline", ContentLanguage: "de",
		CacheControl: "no-cache", Expires: "whenever", WebsiteRedirect: "/x"}
	user := map[string]string{"mixed-case": "Value", "two": "a,b", "umlaut": "ü", "latin": "\xe9", "mime": "=?UTF-8?B?w7w=?="}
	if m.Header != want || !maps.Equal(m.User, user) || m.StorageClass != "STANDARD_IA" {
		t.Errorf("%+v %q", m.Header, m.User)
	}
	for encoding, want := range map[string]string{"aws-chunked": "", "AWS-Chunked,gzip": "gzip", "gzip": "gzip", "br,aws-chunked,x": "br,x", "": ""} {
		if got := storedEncoding(encoding); got != want {
			t.Errorf("%q: %q", encoding, got)
		}
	}
	if _, _, err := ParseHeader(newRequest(t, "PUT", "/bkt/k", "x-amz-meta-a: "+strings.Repeat("v", 2047))); err != nil {
		t.Errorf("2 KiB: %v", err)
	}
	if _, _, err := ParseHeader(newRequest(t, "PUT", "/bkt/k", "x-amz-meta-a: "+strings.Repeat("v", 2048))); !errors.Is(err, MetadataTooLarge) {
		t.Errorf("2 KiB + 1: %v", err)
	}
	if _, err := ParseStorageClass(newRequest(t, "PUT", "/bkt/k", "x-amz-storage-class: COLD")); !errors.Is(err, InvalidStorageClass) {
		t.Errorf("%v", err)
	}
}

func TestParseDeleteCond(t *testing.T) {
	at := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
	r := newRequest(t, "DELETE", "/bkt/k", "If-Match: a", "X-Amz-If-Match-Size: 7", "X-Amz-If-Match-Last-Modified-Time: Thu, 01 Jan 2015 00:00:00 GMT")
	got, err := ParseCond(r)
	if err != nil || got.IfMatch != "a" || got.IfSize == nil || *got.IfSize != 7 || !got.IfModified.Equal(at) {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, header := range []string{"X-Amz-If-Match-Size: -1", "X-Amz-If-Match-Size: x", "X-Amz-If-Match-Last-Modified-Time: noon"} {
		if _, err := ParseCond(newRequest(t, "DELETE", "/bkt/k", header)); FromError(err).Code != "InvalidArgument" {
			t.Errorf("%s: %v", header, err)
		}
	}
	if got, err := ParseCond(newRequest(t, "PUT", "/bkt/k", "X-Amz-If-Match-Size: 7")); err != nil || got.Any() {
		t.Errorf("a PUT's: %+v, %v", got, err)
	}
}

func TestParseCond(t *testing.T) {
	date := "Fri, 02 Jan 2026 12:00:00 GMT"
	at := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	r := newRequest(t, "GET", "/bkt/k", `If-Match: "a", "b"`, "If-None-Match: c", "If-Modified-Since: "+date, "If-Unmodified-Since: nonsense")
	if got, err := ParseCond(r); err != nil || got != (object.Cond{IfMatch: `"a", "b"`, IfNoneMatch: "c", IfModifiedSince: at}) {
		t.Errorf("%+v %v", got, err)
	}
	for header, want := range map[string]string{"If-None-Match: *": "*", `If-None-Match: "*"`: "*", "If-None-Match: abc": "abc"} {
		if got, err := ParseCond(newRequest(t, "PUT", "/bkt/k", header, "If-Modified-Since: "+date)); err != nil || got != (object.Cond{IfNoneMatch: want}) {
			t.Errorf("%s: %+v %v", header, got, err)
		}
	}
	r = newRequest(t, "PUT", "/bkt/k", "x-amz-copy-source: b/k", "x-amz-copy-source-if-match: a", "x-amz-copy-source-if-unmodified-since: "+date)
	if got := ParseCopyCond(r); got != (object.Cond{IfMatch: "a", IfUnmodifiedSince: at}) {
		t.Errorf("%+v", got)
	}
}

func TestParseCopySource(t *testing.T) {
	tests := []struct {
		source, bucket, key, version string
		err                          *Error
	}{
		{"bkt/key", "bkt", "key", "", nil},
		{"/bkt/key", "bkt", "key", "", nil},
		{"bkt%2Fkey", "bkt", "key", "", nil},
		{"/bkt/a%20b+c%3F%25/%C3%A9", "bkt", "a b+c?%/é", "", nil},
		{"bkt//a/../b/", "bkt", "/a/../b/", "", nil},
		{"bkt/key?versionId=null", "bkt", "key", "null", nil},
		{"bkt/a?b", "bkt", "a?b", "", nil},
		{"bkt/a%3FversionId=x", "bkt", "a?versionId=x", "", nil},
		{"bkt/é", "bkt", "é", "", nil},
		{"bkt/key?versionId=v1", "bkt", "key", "v1", nil},
		{"bkt/key?versionId=v 1", "bkt", "key", "v 1", InvalidArgument},
		{"bkt/key?versionId=" + strings.Repeat("a", 32), "bkt", "key", strings.Repeat("a", 32), nil},
		{"", "", "", "", InvalidArgument},
		{"bkt", "", "", "", InvalidArgument},
		{"bkt/", "", "", "", InvalidArgument},
		{"/", "", "", "", InvalidArgument},
		{"bkt/%zz", "", "", "", InvalidArgument},
		{"bkt/%ff", "", "", "", InvalidArgument},
		{"Bkt_/key", "", "", "", InvalidBucketName},
		{"bkt/" + strings.Repeat("k", 1025), "", "", "", KeyTooLong},
	}
	for _, tt := range tests {
		bucket, key, version, err := parseCopySource([]byte(tt.source))
		if bucket != tt.bucket || key != tt.key || version != tt.version || (err == nil) != (tt.err == nil) || tt.err != nil && !errors.Is(err, tt.err) {
			t.Errorf("%.40q: %q %.40q %q %v", tt.source, bucket, key, version, err)
		}
	}
}

func FuzzCopySource(f *testing.F) {
	f.Add("/bkt/key%20?versionId=null")
	f.Add("bkt//%2F..")
	f.Fuzz(func(t *testing.T, s string) {
		bucket, key, _, err := parseCopySource([]byte(s))
		if err != nil {
			return
		}
		again, key2, _, err := parseCopySource([]byte(bucket + "/" + escapeAll(key)))
		if err != nil || again != bucket || key2 != key {
			t.Fatalf("%q is %q %q, which comes back as %q %q %v", s, bucket, key, again, key2, err)
		}
	})
}

func TestParseList(t *testing.T) {
	l, err := ParseList(newRequest(t, "GET", "/bkt?delimiter=%2F&prefix=a%20b+c&max-keys=5000&marker=m&encoding-type=url"))
	if err != nil || l.Query != (object.Query{Prefix: "a b c", Delimiter: "/", After: "m", Limit: 1000}) || !l.EncodeURL || l.V2 {
		t.Errorf("%+v %v", l, err)
	}
	l, err = ParseList(newRequest(t, "GET", "/bkt?list-type=2&start-after=s&fetch-owner=true&max-keys=0"))
	if err != nil || !l.V2 || l.Query.After != "s" || !l.FetchOwner || l.Query.Limit != 0 {
		t.Errorf("%+v %v", l, err)
	}
	for _, key := range []string{"k", "é/\x00+ %", strings.Repeat("k", 1024)} {
		l, err = ParseList(newRequest(t, "GET", "/bkt?list-type=2&start-after=s&continuation-token="+string(appendToken(nil, key))))
		if err != nil || l.Query.After != key {
			t.Errorf("token of %q: %q %v", key, l.Query.After, err)
		}
	}
	l, err = ParseList(newRequest(t, "GET", "/bkt?versions&key-marker=k&version-id-marker=null"))
	if err != nil || l.Query != (object.Query{After: "k", Versions: true, AfterVersion: "null", Limit: 1000}) {
		t.Errorf("%+v %v", l, err)
	}
	l, err = ParseList(newRequest(t, "GET", "/bkt?uploads&version-id-marker=null"))
	if err != nil || l.Query != (object.Query{Limit: 1000}) {
		t.Errorf("%+v %v", l, err)
	}
	for _, query := range []string{"max-keys=a", "max-keys=-1", "max-keys=99999999999", "encoding-type=base64",
		"list-type=2&continuation-token=zz", "list-type=2&continuation-token=1a", "versions&key-marker=k&version-id-marker=x", "versions&version-id-marker=null"} {
		if _, err := ParseList(newRequest(t, "GET", "/bkt?"+query)); !errors.Is(err, InvalidArgument) {
			t.Errorf("%s: %v", query, err)
		}
	}
	after, limit, encode, err := ParseListParts(newRequest(t, "GET", "/bkt/k?uploadId=u&part-number-marker=7&max-parts=3"))
	if after != 7 || limit != 3 || encode || err != nil {
		t.Errorf("%d %d %v %v", after, limit, encode, err)
	}
	for _, query := range []string{"max-parts=x", "part-number-marker=x", "part-number-marker=-1"} {
		if _, _, _, err := ParseListParts(newRequest(t, "GET", "/bkt/k?uploadId=u&"+query)); !errors.Is(err, InvalidArgument) {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestPartNumbers(t *testing.T) {
	for s, want := range map[string]int{"1": 1, "10000": 10000, "0": 0, "10001": 0, "-1": 0, "x": 0, "": 0} {
		number, id, err := newRequest(t, "PUT", "/bkt/k?uploadId=a%2Bb&partNumber="+s).Part()
		if number != want || (err == nil) != (want > 0) || err == nil && id != "a+b" {
			t.Errorf("%q: %d %q %v", s, number, id, err)
		}
	}
	if n, err := newRequest(t, "GET", "/bkt/k").PartNumber(); n != 0 || err != nil {
		t.Errorf("%d %v", n, err)
	}
}

func TestUploadSums(t *testing.T) {
	tests := []struct {
		algorithm, kind string
		want            object.Algorithm
		composite, bad  bool
	}{
		{"", "", object.NoChecksum, false, false},
		{"CRC32", "", object.CRC32, true, false},
		{"crc64nvme", "", object.CRC64NVME, false, false},
		{"SHA256", "COMPOSITE", object.SHA256, true, false},
		{"CRC32C", "FULL_OBJECT", object.CRC32C, false, false},
		{"SHA1", "FULL_OBJECT", 0, false, true},
		{"CRC64NVME", "COMPOSITE", 0, false, true},
		{"MD5", "", 0, false, true},
		{"", "COMPOSITE", 0, false, true},
		{"CRC32", "HALF", 0, false, true},
	}
	for _, tt := range tests {
		var h []string
		if tt.algorithm != "" {
			h = append(h, "x-amz-checksum-algorithm: "+tt.algorithm)
		}
		if tt.kind != "" {
			h = append(h, "x-amz-checksum-type: "+tt.kind)
		}
		a, composite, err := ParseUploadSum(newRequest(t, "POST", "/bkt/k?uploads", h...))
		if a != tt.want || composite != tt.composite || (err != nil) != tt.bad {
			t.Errorf("%+v: %v %v %v", tt, a, composite, err)
		}
	}
}

func TestWriteObjectHeaders(t *testing.T) {
	r := newRequest(t, "GET", "/bkt/k?response-content-type=text/y&response-cache-control=none", "x-amz-checksum-mode: enabled")
	sum := object.Checksum{Algorithm: object.CRC32, Composite: true, Value: []byte{0, 0, 0, 0}}
	m := &object.Meta{ETag: "abc-2", Modified: when, User: map[string]string{"a_b": "ü"}, Sums: []object.Checksum{sum}, Parts: make([]object.Part, 2),
		StorageClass: "STANDARD_IA", Header: object.Header{ContentType: "text/x", ContentEncoding: "gzip", Expires: "never"}}
	WriteObjectHeaders(r, m, WantsSums(r))
	WriteContentRange(r, object.Range{Offset: 2, Length: 3}, 10)
	got := map[string]string{}
	for name, value := range r.ctx.Response.Header.All() {
		got[strings.ToLower(string(name))] = string(value)
	}
	for name, want := range map[string]string{"ETag": `"abc-2"`, "Last-Modified": "Tue, 03 Feb 2026 04:05:06 GMT", "Content-Type": "text/y",
		"Cache-Control": "none", "Content-Encoding": "gzip", "Expires": "never", "x-amz-meta-a_b": "ü", "x-amz-checksum-crc32": "AAAAAA==-2",
		"x-amz-checksum-type": "COMPOSITE", "x-amz-storage-class": "STANDARD_IA", "Accept-Ranges": "bytes", "Content-Range": "bytes 2-4/10"} {
		if got := got[strings.ToLower(name)]; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	r = newRequest(t, "GET", "/bkt/k")
	WriteObjectHeaders(r, &object.Meta{ETag: "e"}, false)
	if got := string(r.ctx.Response.Header.ContentType()); got != DefaultContentType {
		t.Error(got)
	}
}

func TestUnconfigured(t *testing.T) {
	unset := map[Op]bool{GetBucketVersioning: true, GetBucketPolicy: true, GetBucketPolicyStatus: true, GetPublicAccessBlock: true,
		GetBucketOwnershipControls: true, GetBucketCors: true, GetBucketLifecycle: true, GetBucketTagging: true, GetObjectTagging: true}
	for _, op := range Ops() {
		r := newRequest(t, "GET", "/bkt")
		r.Op = op
		err := r.WriteUnconfigured()
		answered := err == nil && len(r.ctx.Response.Body()) > 0 || err != nil && FromError(err).Status == 404
		if answered != (op.Unconfigured() || unset[op]) {
			t.Errorf("%v: %v", op, err)
		}
	}
}

// BenchmarkServe is what this package costs a GET of 4 KiB.
func BenchmarkServe(b *testing.B) {
	meta := &object.Meta{ETag: "d41d8cd98f00b204e9800998ecf8427e", Modified: when, Size: 4096}
	data := make([]byte, 4096)
	c := DefaultConfig()
	c.Handler = serveFunc(func(r *Request) error {
		if _, err := ParseCond(r); err != nil {
			return err
		}
		WriteObjectHeaders(r, meta, WantsSums(r))
		r.Bytes(data)
		return nil
	})
	s, err := NewServer(c)
	if err != nil {
		b.Fatal(err)
	}
	ctx := &fasthttp.RequestCtx{}
	ctx.Request.SetRequestURI("/s3/bucket/photos/2026/image-000123.jpeg?x-id=GetObject")
	for _, h := range []string{"Host: localhost:8080", "User-Agent: aws-sdk-go-v2/1.47.0", "Authorization: AWS4-HMAC-SHA256 Credential=x", "X-Amz-Date: 20260203T040506Z",
		"X-Amz-Content-Sha256: UNSIGNED-PAYLOAD", "Accept-Encoding: identity", "X-Amz-Checksum-Mode: ENABLED"} {
		name, value, _ := strings.Cut(h, ": ")
		ctx.Request.Header.Set(name, value)
	}
	b.ReportAllocs()
	for b.Loop() {
		ctx.Response.Reset()
		s.Serve(ctx)
	}
}

func TestVersionID(t *testing.T) {
	id := strings.Repeat("0a", 16)
	for query, want := range map[string]string{"x=1": "", "versionId=null": "null", "versionId=" + id: id, "versionId=" + id + "&versionId=null": id} {
		got, present, err := newRequest(t, "GET", "/bkt/k?"+query).VersionID()
		if got != want || present != (want != "") || err != nil {
			t.Errorf("%s: %q %v %v", query, got, present, err)
		}
	}
	for _, id := range []string{"", "null", id, strings.Repeat("-", 32)} {
		if err := CheckVersion(id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	for _, id := range []string{"NULL", id[1:], id + "0", strings.Repeat("/", 32), "3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo"} {
		if got, _, err := newRequest(t, "GET", "/bkt/k?versionId="+strings.ReplaceAll(id, "+", "%2B")).VersionID(); got != id || err != nil {
			t.Errorf("a version of another store, %s: %q, %v", id, got, err)
		}
		if err := CheckVersion(id); !errors.Is(err, InvalidArgument) {
			t.Errorf("%s: %v", id, err)
		}
	}
	for _, query := range []string{"versionId", "versionId=", "versionId=" + strings.Repeat("+", 32), "versionId=" + strings.Repeat("a", 1025), "versionId=%C3%A4"} {
		if _, present, err := newRequest(t, "GET", "/bkt/k?"+query).VersionID(); !present || !errors.Is(err, InvalidArgument) {
			t.Errorf("%s: %v %v", query, present, err)
		}
	}
}

// TestDeleteMarkerAnswers: the error says that a delete marker is the reason.
func TestDeleteMarkerAnswers(t *testing.T) {
	n := startNode(t, func(r *Request) error {
		r.Marker(&object.Meta{VersionID: r.Key, Modified: when})
		if _, explicit, _ := r.VersionID(); explicit {
			return object.DeleteMarked
		}
		return object.NotFound
	}, nil)
	a := n.get(t, "GET", "/bkt/abc")
	if a.StatusCode != 404 || a.code() != "NoSuchKey" || a.Header.Get("X-Amz-Delete-Marker") != "true" || a.Header.Get("X-Amz-Version-Id") != "abc" || a.Header.Get("Allow") != "" {
		t.Errorf("current: %d %s %v", a.StatusCode, a.body, a.Header)
	}
	a = n.get(t, "HEAD", "/bkt/abc?versionId=null")
	if a.StatusCode != 405 || a.Header.Get("X-Amz-Delete-Marker") != "true" || a.Header.Get("Allow") != "DELETE" || a.Header.Get("Last-Modified") == "" {
		t.Errorf("by its id: %d %v", a.StatusCode, a.Header)
	}
}
