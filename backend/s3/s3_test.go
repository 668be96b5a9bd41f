package s3

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ais/backend"
	"ais/backend/backendtest"
	"ais/object"
)

func TestOpen(t *testing.T) {
	tests := []struct {
		name   string
		config backend.Config
		ok     bool
	}{
		{"the least", backend.Config{Bucket: "bucket"}, true},
		{"an endpoint", backend.Config{Bucket: "bucket", Endpoint: "https://store.example:9000/below"}, true},
		{"no bucket", backend.Config{}, false},
		{"an ARN", backend.Config{Bucket: "arn:aws:s3:us-west-2:123456789012:accesspoint/mine"}, false},
		{"no scheme", backend.Config{Bucket: "bucket", Endpoint: "store.example:9000"}, false},
		{"another scheme", backend.Config{Bucket: "bucket", Endpoint: "ftp://store.example"}, false},
		{"a query", backend.Config{Bucket: "bucket", Endpoint: "http://store.example/?x"}, false},
		{"a path style", backend.Config{Bucket: "bucket", PathStyle: "sometimes"}, false},
	}
	for _, tt := range tests {
		_, err := New(Options{}).Open(tt.config)
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, object.Invalid) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestWriteHeaders looks at what a write says of its object.
func TestWriteHeaders(t *testing.T) {
	f := startFake(t)
	b := f.open(t, time.Second)
	digest := object.Sum(object.MD5, []byte("text"))
	m := object.Meta{
		Header:       object.Header{ContentType: "text/plain", Expires: "when it pleases", CacheControl: "no-cache"},
		User:         map[string]string{"mine": "a  b"},
		StorageClass: "GLACIER_IR", Tags: map[string]string{"k 1": "v&1"}, Checksum: digest,
	}
	_, err := b.Put(context.Background(), "a b", backend.PutOptions{
		Meta: m, Body: strings.NewReader("text"), Size: 4, Cond: object.Cond{IfNoneMatch: "*", IfMatch: `"e"`},
	})
	if err != nil {
		t.Fatal(err)
	}
	r, body := f.last()
	want := map[string]string{
		"Content-Type": "text/plain", "Expires": "when it pleases", "Cache-Control": "no-cache",
		"X-Amz-Meta-Mine": "a  b", "X-Amz-Meta-Ais-Cksum-Type": "md5", "X-Amz-Meta-Ais-Cksum-Val": digest.Hex(),
		"X-Amz-Storage-Class": "GLACIER_IR", "X-Amz-Tagging": "k+1=v%261", "If-None-Match": "*", "If-Match": `"e"`,
		"Content-Md5": digest.Base64(), "X-Amz-Content-Sha256": unsigned, "X-Amz-Trailer": "", "Content-Encoding": "", "X-Amz-Checksum-Crc32": "",
	}
	for name, value := range want {
		if got := r.Header.Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	if r.ContentLength != 4 || body != "text" || r.URL.EscapedPath() != "/bucket/a%20b" || !strings.Contains(r.UserAgent(), "app/ais") {
		t.Errorf("%d bytes %q to %s from %s", r.ContentLength, body, r.URL.EscapedPath(), r.UserAgent())
	}
	sum := object.Sum(object.SHA256, []byte("text"))
	for what, c := range map[string]object.Checksum{"a known SHA-256": sum, "another checksum": object.Sum(object.XXHash, []byte("text")), "none": {}} {
		if _, err := b.Put(context.Background(), "k", backend.PutOptions{Meta: object.Meta{Checksum: c}, Body: strings.NewReader("text"), Size: 4}); err != nil {
			t.Fatal(err)
		}
		if r, _ := f.last(); r.Header.Get("X-Amz-Content-Sha256") != sum.Hex() || r.Header.Get("Content-Type") != noType {
			t.Errorf("%s: %v", what, r.Header)
		}
	}
}

func TestReadHeaders(t *testing.T) {
	f := startFake(t)
	b := f.open(t, time.Second)
	if err := put(b, "k", "0123456789"); err != nil {
		t.Fatal(err)
	}
	if _, err := read(b, "k", backend.GetOptions{Range: &object.Range{Offset: 2, Length: 3}, IfMatch: md5Hex("0123456789"), Version: "v/1"}); err != nil {
		t.Fatal(err)
	}
	r, _ := f.last()
	if r.Header.Get("Range") != "bytes=2-4" || r.Header.Get("If-Match") != `"`+md5Hex("0123456789")+`"` || r.URL.Query().Get("versionId") != "v/1" {
		t.Errorf("%v, %v", r.Header, r.URL)
	}
	if r.Header.Get("Accept-Encoding") != "identity" || r.Header.Get("X-Amz-Checksum-Mode") != "" {
		t.Errorf("%v", r.Header)
	}
}

func md5Hex(s string) string { return object.Sum(object.MD5, []byte(s)).Hex() }

// TestMetaSeen reads metadata that only some stores send.
func TestMetaSeen(t *testing.T) {
	f := startFake(t)
	b := f.open(t, time.Second)
	digest := object.Sum(object.XXHash, []byte("x"))
	tests := []struct {
		name   string
		header map[string]string
		check  func(m backend.Meta) bool
	}{
		{"null version", map[string]string{"X-Amz-Version-Id": "null"}, func(m backend.Meta) bool { return m.Version == "" }},
		{"version", map[string]string{"X-Amz-Version-Id": "v1"}, func(m backend.Meta) bool { return m.Version == "v1" }},
		{"standard", map[string]string{"X-Amz-Storage-Class": "STANDARD"}, func(m backend.Meta) bool { return m.StorageClass == "" }},
		{"class", map[string]string{"X-Amz-Storage-Class": "STANDARD_IA"}, func(m backend.Meta) bool { return m.StorageClass == "STANDARD_IA" }},
		{"plain", nil, func(m backend.Meta) bool { return !m.Opaque }},
		{"own key", map[string]string{"X-Amz-Server-Side-Encryption": "AES256"}, func(m backend.Meta) bool { return !m.Opaque }},
		{"key service", map[string]string{"X-Amz-Server-Side-Encryption": "aws:kms"}, func(m backend.Meta) bool { return m.Opaque }},
		{"customer's key", map[string]string{"X-Amz-Server-Side-Encryption-Customer-Algorithm": "AES256"}, func(m backend.Meta) bool { return m.Opaque }},
		{"no MD5", map[string]string{"Etag": `"0x8D"`}, func(m backend.Meta) bool { return m.Opaque && m.ETag == "0x8D" }},
		{"parts", map[string]string{"Etag": `"00-2"`}, func(m backend.Meta) bool { return !m.Opaque }},
		{"digest", map[string]string{"X-Amz-Meta-Ais-Cksum-Type": "xxhash", "X-Amz-Meta-Ais-Cksum-Val": digest.Hex()},
			func(m backend.Meta) bool { return m.Digest.Hex() == digest.Hex() && len(m.User) == 0 }},
		{"AIStore's digest", map[string]string{"X-Amz-Meta-X-Amz-Meta-Ais-Cksum-Type": "xxhash", "X-Amz-Meta-X-Amz-Meta-Ais-Cksum-Val": digest.Hex()},
			func(m backend.Meta) bool { return m.Digest.Hex() == digest.Hex() && len(m.User) == 0 }},
		{"digest of another length", map[string]string{"X-Amz-Meta-Ais-Cksum-Type": "md5", "X-Amz-Meta-Ais-Cksum-Val": digest.Hex()},
			func(m backend.Meta) bool { return m.Digest.Value == nil }},
		{"digest unknown", map[string]string{"X-Amz-Meta-Ais-Cksum-Type": "blake", "X-Amz-Meta-Ais-Cksum-Val": digest.Hex()},
			func(m backend.Meta) bool { return m.Digest.Value == nil }},
	}
	for _, tt := range tests {
		header := http.Header{"Etag": {`"` + md5Hex("x") + `"`}}
		for name, value := range tt.header {
			header.Set(name, value)
		}
		f.objects["/bucket/k"] = stored{header: header, body: []byte("x")}
		m, err := b.Head(context.Background(), "k", "")
		if err != nil || !tt.check(m) {
			t.Errorf("%s: %+v, %v", tt.name, m, err)
		}
	}
}

// TestDeleteManyHeaders looks at the digests that stores insist on, and at keys that
// XML does not have.
func TestDeleteManyHeaders(t *testing.T) {
	f := startFake(t)
	b := f.open(t, time.Second)
	var digests []string
	var single []string
	f.respond(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodDelete {
			single = append(single, r.URL.Path)
			return false
		}
		sum := md5.Sum([]byte(f.bodies[len(f.bodies)-1]))
		if r.Header.Get("Content-Md5") != base64.StdEncoding.EncodeToString(sum[:]) {
			t.Errorf("Content-MD5 %q", r.Header.Get("Content-Md5"))
		}
		digests = append(digests, r.Header.Get("X-Amz-Checksum-Crc32"))
		_, _ = io.WriteString(w, `<DeleteResult><Error><Key>no</Key><Code>AccessDenied</Code><Message>not you</Message></Error></DeleteResult>`)
		return true
	})
	errs := b.Delete(context.Background(), []string{"yes", "no", "line\nbreak", "\x01"})
	if len(errs) != 4 || errs[0] != nil || !errors.Is(errs[1], object.Denied) || errs[2] != nil || errs[3] != nil {
		t.Errorf("%v", errs)
	}
	slices.Sort(single)
	if len(digests) != 1 || !slices.Equal(single, []string{"/bucket/\x01", "/bucket/line\nbreak"}) {
		t.Errorf("digests %q, deleted one by one: %q", digests, single)
	}
	// A store without multi-deletes.
	f.respond(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			refuse(w, http.StatusNotImplemented, "NotImplemented")
			return true
		}
		single = append(single, r.URL.Path)
		return false
	})
	single = nil
	if errs := b.Delete(context.Background(), []string{"a", "b"}); errors.Join(errs...) != nil || len(single) != 2 {
		t.Errorf("%v, %q", errs, single)
	}
}

// TestRegion has the store say where the bucket is.
func TestRegion(t *testing.T) {
	tests := []struct {
		name    string
		given   string
		profile string // region of the AWS configuration
		answer  func(w http.ResponseWriter)
		want    string
		asked   bool
	}{
		{"given", "eu-west-9", "eu-west-8", nil, "eu-west-9", false},
		{"of the configuration", "", "eu-west-8", nil, "eu-west-8", false},
		{"found", "", "", func(w http.ResponseWriter) { w.Header().Set(regionHeader, "eu-west-7") }, "eu-west-7", true},
		{"found in a redirect", "", "", func(w http.ResponseWriter) {
			w.Header().Set(regionHeader, "eu-west-6")
			w.WriteHeader(http.StatusMovedPermanently)
		}, "eu-west-6", true},
		{"found in a refusal", "", "", func(w http.ResponseWriter) {
			w.Header().Set(regionHeader, "eu-west-5")
			w.WriteHeader(http.StatusBadRequest)
		}, "eu-west-5", true},
		{"not said", "", "", func(http.ResponseWriter) {}, defaultRegion, true},
		{"denied", "", "", func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }, defaultRegion, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := startFake(t)
			if tt.profile != "" {
				t.Setenv("AWS_REGION", tt.profile)
			}
			asked := 0
			f.respond(func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/bucket" || tt.answer == nil {
					return false
				}
				asked++
				tt.answer(w)
				return true
			})
			b, err := New(Options{}).Open(backend.Config{Bucket: "bucket", Endpoint: f.URL, Region: tt.given, Timeout: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			var group sync.WaitGroup
			for i := range 4 {
				group.Go(func() {
					if err := put(b, fmt.Sprint(i), "x"); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			r, _ := f.last()
			if got := r.Header.Get("Authorization"); !strings.Contains(got, "/"+tt.want+"/s3/aws4_request") {
				t.Errorf("signed as %s, want region %s", got, tt.want)
			}
			if (asked == 1) != tt.asked || asked > 1 {
				t.Errorf("asked %d times", asked)
			}
		})
	}
	t.Run("no such bucket", func(t *testing.T) {
		f := startFake(t)
		f.respond(func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusNotFound)
			return true
		})
		b, err := New(Options{}).Open(backend.Config{Bucket: "bucket", Endpoint: f.URL, Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := put(b, "k", "x"); !errors.Is(err, object.NoSuchBucket) {
			t.Errorf("got %v", err)
		}
	})
}

// TestCredentials takes them from a profile, and has none.
func TestCredentials(t *testing.T) {
	f := startFake(t)
	file := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(file, []byte("[other]\naws_access_key_id=AKIDOTHER\naws_secret_access_key=s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	stores := New(Options{})
	open := func(profile string) backend.Backend {
		b, err := stores.Open(backend.Config{Bucket: "bucket", Endpoint: f.URL, Region: "r", Profile: profile, Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for profile, want := range map[string]string{"": "AKIDFAKE", "other": "AKIDOTHER"} {
		if err := put(open(profile), "k", "x"); err != nil {
			t.Fatal(err)
		}
		if r, _ := f.last(); !strings.Contains(r.Header.Get("Authorization"), "Credential="+want+"/") {
			t.Errorf("profile %q signed as %s", profile, r.Header.Get("Authorization"))
		}
	}
	if err := put(open("absent"), "k", "x"); !errors.Is(err, object.Invalid) {
		t.Errorf("a profile that is not there: %v", err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	stores = New(Options{})
	began := time.Now()
	if err := put(open(""), "k", "x"); !errors.Is(err, object.Denied) || time.Since(began) > time.Second {
		t.Errorf("no credentials: %v after %v", err, time.Since(began))
	}
}

func TestPathStyle(t *testing.T) {
	f := startFake(t)
	_, port, _ := strings.Cut(strings.TrimPrefix(f.URL, "http://"), ":")
	for style, want := range map[backend.PathStyle][2]string{
		backend.PathAuto: {"localhost:" + port, "/bucket/k"},
		backend.PathOn:   {"localhost:" + port, "/bucket/k"},
		backend.PathOff:  {"bucket.localhost:" + port, "/k"},
	} {
		b, err := New(Options{}).Open(backend.Config{Bucket: "bucket", Endpoint: "http://localhost:" + port, Region: "r", PathStyle: style, Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		err = put(b, "k", "x")
		if err != nil && style == backend.PathOff && strings.Contains(err.Error(), "lookup") {
			t.Skip("this machine does not resolve names below localhost")
		}
		if r, _ := f.last(); err != nil || r.Host != want[0] || r.URL.Path != want[1] {
			t.Errorf("%s: %s%s, %v", style, r.Host, r.URL.Path, err)
		}
	}
}

// TestPutParts uploads in parts, and has one of them fail.
func TestPutParts(t *testing.T) {
	f := startFake(t)
	stores := New(Options{})
	opened, err := stores.Open(backend.Config{Bucket: "bucket", Endpoint: f.URL, Region: "r", PartSize: 1, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	var ended []string
	f.respond(func(w http.ResponseWriter, r *http.Request) bool {
		body, q := f.bodies[len(f.bodies)-1], r.URL.Query()
		switch {
		case r.Method == http.MethodPost && q.Has("uploads"):
			_, _ = io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>the id</UploadId></InitiateMultipartUploadResult>")
		case r.Method == http.MethodPut:
			parts[q.Get("partNumber")] = body
			w.Header().Set("ETag", `"`+md5Hex(body)+`"`)
		default:
			ended = append(ended, r.Method+" "+q.Get("uploadId")+" "+r.Header.Get("If-None-Match"))
			_, _ = io.WriteString(w, `<CompleteMultipartUploadResult><ETag>"whole-3"</ETag></CompleteMultipartUploadResult>`)
		}
		return true
	})
	text := strings.Repeat("a", 5<<20) + strings.Repeat("b", 5<<20) + "c"
	bodies := map[string]io.ReadSeeker{
		"several at once": strings.NewReader("..." + text),
		"one by one":      struct{ io.ReadSeeker }{strings.NewReader("..." + text)},
	}
	for name, body := range bodies {
		clear(parts)
		ended = nil
		if _, err := body.Seek(3, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		m, err := opened.Put(context.Background(), "k", backend.PutOptions{Body: body, Size: int64(len(text)), Cond: object.Cond{IfNoneMatch: "*"}})
		if err != nil || m.ETag != "whole-3" || m.Size != int64(len(text)) {
			t.Fatalf("%s: %+v, %v", name, m, err)
		}
		if len(parts) != 3 || parts["1"]+parts["2"]+parts["3"] != text || !slices.Equal(ended, []string{"POST the id *"}) {
			t.Errorf("%s: %d parts, ended %q", name, len(parts), ended)
		}
	}
	ended = nil
	f.Inject(backendtest.Fault{Query: "partNumber=2", Status: 403, Code: "AccessDenied"})
	_, err = opened.Put(context.Background(), "k", backend.PutOptions{Body: strings.NewReader(text), Size: int64(len(text))})
	if !errors.Is(err, object.Denied) || !slices.Equal(ended, []string{"DELETE the id "}) {
		t.Errorf("a part that fails: %v, ended %q", err, ended)
	}
}

func TestPartSize(t *testing.T) {
	for _, tt := range []struct{ asked, size, want int64 }{
		{128 << 20, 128 << 20, 128 << 20},
		{5 << 20, 50_000 << 20, 5 << 20},
		{5 << 20, 50_000<<20 + 1, 6 << 20},
		{128 << 20, object.MaxSize, 525 << 20},
	} {
		if got := partSize(tt.asked, tt.size); got != tt.want || (tt.size+got-1)/got > object.MaxParts {
			t.Errorf("%d of %d: %d, want %d", tt.size, tt.asked, got, tt.want)
		}
	}
}

// TestListSkips has a store list a common prefix again that a page is to come after.
func TestListSkips(t *testing.T) {
	f := startFake(t)
	b := f.open(t, time.Second)
	page := 0
	f.respond(func(w http.ResponseWriter, r *http.Request) bool {
		page++
		if page == 1 {
			if after := r.URL.Query().Get("start-after"); after != "a/"+lastRune {
				t.Errorf("after %q", after)
			}
			_, _ = io.WriteString(w, `<ListBucketResult><Name>bucket</Name><IsTruncated>true</IsTruncated><NextContinuationToken>more</NextContinuationToken>`+
				`<EncodingType>url</EncodingType><CommonPrefixes><Prefix>a%2F</Prefix></CommonPrefixes></ListBucketResult>`)
			return true
		}
		if token := r.URL.Query().Get("continuation-token"); token != "more" {
			t.Errorf("token %q", token)
		}
		_, _ = io.WriteString(w, `<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>`+
			`<Contents><Key>z+%2B</Key><Size>3</Size><ETag>&quot;e&quot;</ETag><LastModified>2026-01-02T03:04:05.678Z</LastModified></Contents>`+
			`<CommonPrefixes><Prefix>b%2F</Prefix></CommonPrefixes></ListBucketResult>`)
		return true
	})
	p, err := b.List(context.Background(), object.Query{Delimiter: "/", After: "a/", Limit: 10})
	if err != nil || len(p.Entries) != 2 || p.Entries[0].Key != "b/" || !p.Entries[0].Prefix || p.Entries[1].Key != "z +" || p.Truncated {
		t.Fatalf("%+v, %v", p, err)
	}
	if m := p.Entries[1].Meta; m.Size != 3 || m.ETag != "e" || m.Modified.UnixMilli()%1000 != 678 {
		t.Errorf("%+v", m)
	}
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"bytes 0-9/10", "bytes 5-5/9223372036854775807", "bytes */10", "bytes 9-0/10", "bytes 0-9/*", "bytes -1-2/3", "", "bytes 1-2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, size, ok := contentRange(s)
		if ok && (r.Offset < 0 || r.Length <= 0 || size < 0) {
			t.Errorf("%q: %+v of %d", s, r, size)
		}
	})
}

func TestCopySource(t *testing.T) {
	for _, tt := range []struct{ key, version, want string }{
		{"a/b", "", "bucket/a/b"},
		{"a b+c%é?", "", "bucket/a%20b%2Bc%25%C3%A9%3F"},
		{"k", "v+/1", "bucket/k?versionId=v%2B%2F1"},
	} {
		if got := copySource("bucket", tt.key, tt.version); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.key, got, tt.want)
		}
	}
}
