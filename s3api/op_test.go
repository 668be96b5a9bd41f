package s3api

import (
	"net/url"
	"strings"
	"testing"
)

func TestRoute(t *testing.T) {
	tests := []struct {
		request string // method, target, and perhaps a header
		op      Op
		bucket  string
		key     string
	}{
		{"GET /", ListBuckets, "", ""},
		{"GET /s3", ListBuckets, "", ""},
		{"GET /s3/", ListBuckets, "", ""},
		{"GET /s3?x-id=ListBuckets", ListBuckets, "", ""},
		{"PUT /", MethodNotAllowed, "", ""},
		{"GET /?acl", Unimplemented, "", ""},
		{"PUT /bkt", CreateBucket, "bkt", ""},
		{"PUT /s3/bkt/", CreateBucket, "bkt", ""},
		{"HEAD /bkt", HeadBucket, "bkt", ""},
		{"DELETE /s3/bkt", DeleteBucket, "bkt", ""},
		{"GET /bkt?location", GetBucketLocation, "bkt", ""},
		{"GET /bkt/?location=", GetBucketLocation, "bkt", ""},
		{"GET /bkt?versioning", GetBucketVersioning, "bkt", ""},
		{"PUT /bkt?versioning", PutBucketVersioning, "bkt", ""},
		{"GET /bkt", ListObjects, "bkt", ""},
		{"GET /bkt?delimiter=&max-keys=1000&prefix=", ListObjects, "bkt", ""},
		{"GET /bkt?list-type=2&x-id=ListObjectsV2", ListObjectsV2, "bkt", ""},
		{"GET /bkt?list-type=1", ListObjects, "bkt", ""},
		{"GET /bkt?versions&prefix=a", ListObjectVersions, "bkt", ""},
		{"GET /bkt?uploads&delimiter=%2F", ListMultipartUploads, "bkt", ""},
		{"POST /bkt?delete", DeleteObjects, "bkt", ""},
		{"POST /bkt/?delete=", DeleteObjects, "bkt", ""},
		{"POST /bkt", PostObject, "bkt", ""},
		{"GET /bkt?acl", GetBucketACL, "bkt", ""},
		{"GET /bkt?policy", GetBucketPolicy, "bkt", ""},
		{"GET /bkt?cors", GetBucketCors, "bkt", ""},
		{"GET /bkt?notification", GetBucketNotification, "bkt", ""},
		{"PUT /bkt?policy", PutBucketPolicy, "bkt", ""},
		{"PUT /bkt?cors", PutBucketCors, "bkt", ""},
		{"DELETE /bkt?tagging", DeleteBucketTagging, "bkt", ""},
		{"PUT /bkt?lifecycle", PutBucketLifecycle, "bkt", ""},
		{"PUT /bkt?website", Unimplemented, "bkt", ""},
		{"DELETE /bkt?acl", Unimplemented, "bkt", ""},
		{"PUT /bkt?policyStatus", Unimplemented, "bkt", ""},
		{"GET /bkt?inventory", Unimplemented, "bkt", ""},
		{"PATCH /bkt", MethodNotAllowed, "bkt", ""},
		{"OPTIONS /bkt/key", Preflight, "bkt", "key"},
		{"PUT /bkt/key", PutObject, "bkt", "key"},
		{"PUT /bkt/key?x-id=PutObject", PutObject, "bkt", "key"},
		{"PUT /bkt/key?never-heard-of=1", PutObject, "bkt", "key"},
		{"PUT /bkt/key X-Amz-Copy-Source", CopyObject, "bkt", "key"},
		{"PUT /bkt/key?partNumber=1&uploadId=u", UploadPart, "bkt", "key"},
		{"PUT /bkt/key?uploadId=u&partNumber=1 X-Amz-Copy-Source", UploadPartCopy, "bkt", "key"},
		{"PUT /bkt/key?uploadId=u", Unimplemented, "bkt", "key"},
		{"PUT /bkt/key?partNumber=1", Unimplemented, "bkt", "key"},
		{"PUT /bkt/key?partNumber=1 X-Amz-Copy-Source", Unimplemented, "bkt", "key"},
		{"PUT /bkt/key?tagging", PutObjectTagging, "bkt", "key"},
		{"PUT /bkt/key?%74agging", PutObjectTagging, "bkt", "key"},
		{"PUT /bkt/key?tagging X-Amz-Copy-Source", PutObjectTagging, "bkt", "key"},
		{"PUT /bkt/key?retention", Unimplemented, "bkt", "key"},
		{"PUT /bkt/key?legal-hold", Unimplemented, "bkt", "key"},
		{"PUT /bkt/key?acl", PutObjectACL, "bkt", "key"},
		{"PUT /bkt/key?acl&tagging", Unimplemented, "bkt", "key"},
		{"GET /bkt/key?acl", GetObjectACL, "bkt", "key"},
		{"GET /bkt/key?tagging", GetObjectTagging, "bkt", "key"},
		{"GET /bkt/key?attributes", GetObjectAttributes, "bkt", "key"},
		{"GET /bkt/key?torrent", Unimplemented, "bkt", "key"},
		{"DELETE /bkt/key?tagging&versionId=null", DeleteObjectTagging, "bkt", "key"},
		{"HEAD /bkt/key?tagging", Unimplemented, "bkt", "key"},
		{"GET /bkt/key", GetObject, "bkt", "key"},
		{"GET /bkt/key?partNumber=2", GetObject, "bkt", "key"},
		{"GET /bkt/key?uploadId=u&max-parts=2", ListParts, "bkt", "key"},
		{"HEAD /bkt/key", HeadObject, "bkt", "key"},
		{"HEAD /bkt/key?partNumber=2", HeadObject, "bkt", "key"},
		{"DELETE /bkt/key", DeleteObject, "bkt", "key"},
		{"DELETE /bkt/key?uploadId=u", AbortMultipartUpload, "bkt", "key"},
		{"POST /bkt/key?uploads", CreateMultipartUpload, "bkt", "key"},
		{"POST /bkt/key?uploads=", CreateMultipartUpload, "bkt", "key"},
		{"POST /bkt/key?uploadId=u", CompleteMultipartUpload, "bkt", "key"},
		{"POST /bkt/key?restore", Unimplemented, "bkt", "key"},
		{"POST /bkt/key?select&select-type=2", Unimplemented, "bkt", "key"},
		{"POST /bkt/key", MethodNotAllowed, "bkt", "key"},

		{"GET /bkt//key", GetObject, "bkt", "/key"},
		{"GET /s3/bkt//a//b/", GetObject, "bkt", "/a//b/"},
		{"GET /bkt/a/../b/./c", GetObject, "bkt", "a/../b/./c"},
		{"GET /bkt/..", GetObject, "bkt", ".."},
		{"GET /bkt/a%2Fb%2f", GetObject, "bkt", "a/b/"},
		{"GET /bkt/a%20b+c%2B%C3%A9%25/x", GetObject, "bkt", "a b+c+é%/x"},
		{"GET /bkt/a%3Fb%23c?x=1", GetObject, "bkt", "a?b#c"},
		{"GET /bkt/a%252F", GetObject, "bkt", "a%2F"},
		{"GET /bkt/a?b?c", GetObject, "bkt", "a"},
		{"GET /s3/bkt/s3/key", GetObject, "bkt", "s3/key"},
		{"GET /s3x/key", GetObject, "s3x", "key"},
		{"GET /bkt/%00%0A", GetObject, "bkt", "\x00\n"},
		{"GET http://other:80/bkt/key?acl", GetObjectACL, "bkt", "key"},
		{"GET HTTPS://other/s3/bkt//key", GetObject, "bkt", "/key"},
		{"GET http://other", ListBuckets, "", ""},
		{"GET http://other?x-id=1", ListBuckets, "", ""},
		{"GET /bkt/http://x/y", GetObject, "bkt", "http://x/y"},
	}
	for _, tt := range tests {
		t.Run(tt.request, func(t *testing.T) {
			f := strings.Fields(tt.request)
			header := ""
			if len(f) > 2 {
				header = f[2]
			}
			got, err := parseTarget([]byte(f[1]), []byte("node:8080"), nil)
			if err != nil {
				t.Fatal(err)
			}
			op := resolve(got.level, f[0], scanParams(got.query), func(h string) bool { return h == header })
			if op != tt.op || got.bucket != tt.bucket || got.key != tt.key {
				t.Errorf("got %v %q %q, want %v %q %q", op, got.bucket, got.key, tt.op, tt.bucket, tt.key)
			}
		})
	}
}

func TestRouteRefused(t *testing.T) {
	long := strings.Repeat("k", 1025)
	tests := []struct {
		target string
		want   *Error
	}{
		{"/bkt/a%", InvalidURI},
		{"/bkt/a%2", InvalidURI},
		{"/bkt/a%zz", InvalidURI},
		{"/bkt/%ff", InvalidURI},
		{"/bkt/\xff", InvalidURI},
		{"*", InvalidURI},
		{"bkt/key", InvalidURI},
		{"ftp://host/bkt/key", InvalidURI},
		{"//key", InvalidBucketName},
		{"/s3//key", InvalidBucketName},
		{"/Bkt/key", InvalidBucketName},
		{"/b/key", InvalidBucketName},
		{"/192.168.1.1/key", InvalidBucketName},
		{"/b%2Fkt/key", InvalidBucketName},
		{"/bkt/" + long, KeyTooLong},
		{"/bkt/" + strings.Repeat("%6b", 1025), KeyTooLong},
	}
	for _, tt := range tests {
		if _, err := parseTarget([]byte(tt.target), nil, nil); !tt.want.Is(err) && (err == nil || FromError(err).Code != tt.want.Code) {
			t.Errorf("%.40s: %v, want %v", tt.target, err, tt.want.Code)
		}
	}
	if _, err := parseTarget([]byte("/bkt/"+strings.Repeat("%6b", 1024)), nil, nil); err != nil {
		t.Errorf("a key of 1,024 bytes, each escaped: %v", err)
	}
}

func TestVirtualHost(t *testing.T) {
	domains := []string{"s3.example.com", "example.com"}
	tests := []struct{ host, target, bucket, key string }{
		{"bkt.s3.example.com", "/key", "bkt", "key"},
		{"bkt.s3.example.com:8080", "/s3/key", "bkt", "key"},
		{"BKT.S3.Example.Com", "//key", "bkt", "/key"},
		{"bkt.s3.example.com", "/", "bkt", ""},
		{"bkt.s3.example.com", "/s3", "bkt", ""},
		{"my.dotted.bkt.s3.example.com", "/a/b", "my.dotted.bkt", "a/b"},
		{"bkt.example.com.", "/key", "bkt", "key"},
		{"s3.example.com", "/bkt/key", "bkt", "key"}, // not a bucket under example.com
		{"example.com", "/bkt/key", "bkt", "key"},
		{"other.org", "/bkt/key", "bkt", "key"},
		{"127.0.0.1:8080", "/bkt/key", "bkt", "key"},
		{"[::1]:8080", "/bkt/key", "bkt", "key"},
		{"", "/bkt/key", "bkt", "key"},
	}
	for _, tt := range tests {
		got, err := parseTarget([]byte(tt.target), []byte(tt.host), domains)
		if err != nil || got.bucket != tt.bucket || got.key != tt.key {
			t.Errorf("%s%s: %q %q %v, want %q %q", tt.host, tt.target, got.bucket, got.key, err, tt.bucket, tt.key)
		}
	}
}

// TestSubresourcesNeverFallThrough holds the rule against every known name,
// method and level.
func TestSubresourcesNeverFallThrough(t *testing.T) {
	names := []string{"acl", "accelerate", "abac", "analytics", "attributes", "cors", "delete", "encryption",
		"intelligent-tiering", "inventory", "legal-hold", "lifecycle", "location", "logging", "metadataTable", "metrics",
		"notification", "object-lock", "ownershipControls", "policy", "policyStatus", "publicAccessBlock", "renameObject",
		"replication", "requestPayment", "restore", "retention", "select", "session", "tagging", "torrent", "uploads",
		"versioning", "versions", "website", "uploadId"}
	plain := map[Op]bool{PutObject: true, CopyObject: true, GetObject: true, HeadObject: true, DeleteObject: true,
		CreateBucket: true, HeadBucket: true, DeleteBucket: true, ListObjects: true, ListObjectsV2: true, ListBuckets: true}
	for _, name := range names {
		for _, method := range []string{"GET", "PUT", "HEAD", "POST", "DELETE"} {
			for _, level := range []Level{Service, Bucket, Object} {
				for _, header := range []bool{false, true} {
					op := resolve(level, method, scanParams([]byte("x=1&"+name+"=")), func(string) bool { return header })
					if plain[op] {
						t.Errorf("%s ?%s at level %d is %v", method, name, level, op)
					}
				}
			}
		}
	}
}

func TestOpNames(t *testing.T) {
	seen := map[string]Op{}
	for op := range ops {
		name := op.String()
		if other, ok := seen[name]; ok || name == "" {
			t.Errorf("operations %d and %d are both called %q", op, other, name)
		}
		seen[name] = op
	}
	if Op(200).String() != "Unknown" || Op(200).Handled() {
		t.Error("a number that is no operation")
	}
	for _, op := range Ops() {
		if !strings.HasPrefix(op.Action(), "s3:") {
			t.Errorf("%v has the action %q", op, op.Action())
		}
		if op == Unimplemented || op == Preflight || op == Unknown {
			t.Errorf("%v is no operation of a handler", op)
		}
	}
}

func FuzzRoute(f *testing.F) {
	for _, s := range []string{"/s3/bkt/key?acl", "//", "/bkt//a%2F..?uploads&x", "http://h/bkt/k", "/s3", "/bkt/%E2%82%AC?list-type=2"} {
		f.Add(s, "bkt.example.com:80")
	}
	f.Fuzz(func(t *testing.T, uri, host string) {
		got, err := parseTarget([]byte(uri), []byte(host), []string{"example.com"})
		op := resolve(got.level, "PUT", scanParams(got.query), func(string) bool { return false })
		if err != nil {
			return
		}
		if op == PutObject && scanParams(got.query)&subresources != 0 {
			t.Fatalf("%q writes an object", uri)
		}
		if got.level != Object {
			return
		}
		again, err := parseTarget([]byte("/"+got.bucket+"/"+escapeAll(got.key)), nil, nil)
		if err != nil || again.key != got.key || again.bucket != got.bucket {
			t.Fatalf("%q gave %q %q, which comes back as %q %q (%v)", uri, got.bucket, got.key, again.bucket, again.key, err)
		}
	})
}

// escapeAll percent-encodes every byte.
func escapeAll(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteString("%" + strings.ToUpper(string("0123456789abcdef"[s[i]>>4])+string("0123456789abcdef"[s[i]&15])))
	}
	return b.String()
}

func TestParamsDecode(t *testing.T) {
	v, ok := findParam([]byte("a=1&prefix=x%20y+z%2B%zz%&prefix=second&&c"), "prefix")
	if !ok || v != "x y z+%zz%" {
		t.Errorf("got %q %v", v, ok)
	}
	if v, ok := findParam([]byte("a=1&c"), "c"); !ok || v != "" {
		t.Errorf("a name alone: %q %v", v, ok)
	}
	want, _ := url.QueryUnescape("%E2%82%AC%2F")
	if v, _ := findParam([]byte("k=%E2%82%AC%2F"), "k"); v != want {
		t.Errorf("got %q", v)
	}
}
