package s3api

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// remarks say what is to be known of an operation besides that it works.
var remarks = map[Op]string{
	ListBuckets:           "One's own buckets; all of them for administrators and while auth is off. In pages, with `prefix`.",
	CreateBucket:          "Any `LocationConstraint` is taken. Object Lock is not.",
	DeleteObjects:         "Each key is decided about by itself; conditions on ETag, size and time. Where it is not known whether a key was removed, because its target died meanwhile, all is answered 503, and may be sent again.",
	PostObject:            "Form uploads of browsers, with policies signed by V4 or V2.",
	PutObject:             "Conditional writes, five additional checksums, tags and ACLs in headers. Server-side encryption is not built.",
	CopyObject:            "Between any two buckets of the cluster, of any version.",
	GetObject:             "Ranges, conditions, `partNumber`, `versionId`, `response-…`.",
	GetObjectAttributes:   "All attributes; parts in pages.",
	PutBucketVersioning:   "Without MFA delete.",
	PutBucketACL:          "Canned, headers, document. Has no effect while auth is off.",
	PutObjectACL:          "Canned, headers, document; also of a version. Has no effect while auth is off.",
	PutBucketPolicy:       "All condition operators of AWS. Has no effect while auth is off.",
	GetBucketPolicyStatus: "Also of a bucket without a policy; its ACL counts.",
	PutBucketLifecycle:    "Expiration of current and noncurrent versions, of delete markers and of uploads, by prefix, tags and size. Transitions are `NotImplemented`.",
	PutBucketTagging:      "Up to 50 tags.",
	PutObjectTagging:      "Up to 10 tags; also of a version.",
	HeadObject:            "As GetObject.",
	ListObjectVersions:    "Versions and delete markers.",
	GetBucketLocation:     "The `LocationConstraint` of the creation.",
}

// unbuilt are S3's other operations, as requests that must come out NotImplemented.
var unbuilt = []struct{ name, request string }{
	{"PutBucketWebsite", "PUT /bkt?website"}, {"DeleteBucketWebsite", "DELETE /bkt?website"},
	{"PutBucketEncryption", "PUT /bkt?encryption"}, {"DeleteBucketEncryption", "DELETE /bkt?encryption"},
	{"PutBucketReplication", "PUT /bkt?replication"}, {"DeleteBucketReplication", "DELETE /bkt?replication"},
	{"PutObjectLockConfiguration", "PUT /bkt?object-lock"},
	{"PutBucketLogging", "PUT /bkt?logging"},
	{"PutBucketRequestPayment", "PUT /bkt?requestPayment"},
	{"PutBucketNotificationConfiguration", "PUT /bkt?notification"},
	{"PutBucketAccelerateConfiguration", "PUT /bkt?accelerate"},
	{"GetBucketAbac", "GET /bkt?abac"}, {"PutBucketAbac", "PUT /bkt?abac"},
	{"BucketAnalyticsConfiguration (Get, Put, Delete, List)", "GET /bkt?analytics"},
	{"BucketIntelligentTieringConfiguration (Get, Put, Delete, List)", "GET /bkt?intelligent-tiering"},
	{"BucketInventoryConfiguration (Get, Put, Delete, List)", "GET /bkt?inventory"},
	{"BucketMetricsConfiguration (Get, Put, Delete, List)", "GET /bkt?metrics"},
	{"BucketMetadataConfiguration (Create, Get, Delete, Update)", "GET /bkt?metadataConfiguration"},
	{"BucketMetadataTableConfiguration (Create, Get, Delete)", "GET /bkt?metadataTable"},
	{"CreateSession", "GET /bkt?session"},
	{"GetObjectLegalHold", "GET /bkt/key?legal-hold"}, {"PutObjectLegalHold", "PUT /bkt/key?legal-hold"},
	{"GetObjectRetention", "GET /bkt/key?retention"}, {"PutObjectRetention", "PUT /bkt/key?retention"},
	{"GetObjectTorrent", "GET /bkt/key?torrent"},
	{"RenameObject", "PUT /bkt/key?renameObject"},
	{"RestoreObject", "POST /bkt/key?restore"},
	{"SelectObjectContent", "POST /bkt/key?select"},
}

// parameters returns the query that a row needs.
func parameters(p params) string {
	names := []string{"acl", "accelerate", "attributes", "cors", "encryption", "lifecycle", "location", "logging", "notification",
		"object-lock", "ownershipControls", "policy", "policyStatus", "publicAccessBlock", "replication", "requestPayment", "tagging",
		"uploads", "versioning", "versions", "website", "delete", "partNumber=N", "uploadId=ID", "list-type=2"}
	var query []string
	for _, name := range names {
		short, _, _ := strings.Cut(name, "=")
		if paramNamed([]byte(short))&p != 0 {
			query = append(query, name)
		}
	}
	if query == nil {
		return ""
	}
	return "?" + strings.Join(query, "&")
}

// compatibility returns the tables of the document.
func compatibility() string {
	var b strings.Builder
	titles := [...]string{Service: "Service", Bucket: "Buckets", Object: "Objects"}
	paths := [...]string{Service: "/", Bucket: "/bucket", Object: "/bucket/key"}
	for level, title := range titles {
		fmt.Fprintf(&b, "### %s\n\n| operation | request | action in policies | here |\n|---|---|---|---|\n", title)
		seen := map[Op]bool{}
		for i := range opRows {
			row := &opRows[i]
			if row.unhandled || row.level != Level(level) || seen[row.op] {
				continue
			}
			seen[row.op] = true
			request := row.method + " " + paths[level]
			if first := rowOf[row.op]; first.needs != pPartNumber { // of a GET: one part
				request += parameters(first.needs)
			}
			if row.header != "" {
				request += "` with `x-amz-copy-source"
			}
			here := cmp.Or(remarks[row.op], "Yes.")
			if row.op.Unconfigured() {
				here = "Answered as for a bucket that has none."
			}
			fmt.Fprintf(&b, "| %s | `%s` | `%s` | %s |\n", row.name, request, row.action, here)
		}
		b.WriteString("\n")
	}
	b.WriteString("### Not built\n\nThese answer `NotImplemented` (501) and change nothing.\n\n| operation | request |\n|---|---|\n")
	for _, u := range unbuilt {
		request := strings.Replace(u.request, "/bkt", "/bucket", 1)
		fmt.Fprintf(&b, "| %s | `%s` |\n", u.name, request)
	}
	return b.String()
}

// TestCompatibilityTable holds docs/s3-compatibility.md against the routing table;
// -rewrite brings it up to date.
func TestCompatibilityTable(t *testing.T) {
	const begin, end = "<!-- operations: made by TestCompatibilityTable -->\n", "<!-- end of operations -->"
	file := filepath.Join("..", "docs", "s3-compatibility.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, found := strings.Cut(rest, end)
	if !ok || !found {
		t.Fatal("the document has no place for the table")
	}
	want := before + begin + "\n" + compatibility() + "\n" + end + after
	if *rewrite {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(text) != want {
		t.Errorf("%s is not up to date: go test ./s3api -run TestCompatibilityTable -rewrite", file)
	}
}

// TestUnbuilt: what the document calls not built is refused, and nothing else is
// routed there by mistake.
func TestUnbuilt(t *testing.T) {
	for _, u := range unbuilt {
		method, target, _ := strings.Cut(u.request, " ")
		parsed, err := parseTarget([]byte(target), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if op := resolve(parsed.level, method, scanParams(parsed.query), func(string) bool { return false }); op != Unimplemented {
			t.Errorf("%s is %v", u.request, op)
		}
	}
	for _, op := range Ops() {
		row := rowOf[op]
		query := strings.TrimPrefix(parameters(row.needs), "?")
		if _, err := url.ParseQuery(query); err != nil {
			t.Fatal(err)
		}
		got := resolve(row.level, row.method, scanParams([]byte(query)), func(name string) bool { return name == row.header })
		if got != op {
			t.Errorf("%v: its request in the document is %v", op, got)
		}
	}
	for op := range remarks {
		if !slices.Contains(Ops(), op) {
			t.Errorf("a remark on %v, which nobody serves", op)
		}
	}
}
