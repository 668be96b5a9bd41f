package s3api

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ais/object"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// golden compares a document with the file of its name in testdata, one element
// a line there, and checks that it is XML.
func golden(t *testing.T, name string, doc []byte) {
	t.Helper()
	if err := xml.Unmarshal(doc, new(struct{ XMLName xml.Name })); err != nil && !strings.Contains(name, "control") {
		t.Errorf("%s is no XML: %v", name, err)
	}
	got := strings.ReplaceAll(string(doc), "><", ">\n<") + "\n"
	file := filepath.Join("testdata", name+".xml")
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

var when = time.Date(2026, 2, 3, 4, 5, 6, 789e6, time.UTC)

func somePage() *object.Page {
	sum := object.Sum(object.CRC32, []byte("x"))
	return &object.Page{Truncated: true, Entries: []object.Entry{
		{Key: "a&b <c>/ü +.txt", Meta: object.Meta{Size: 5, Modified: when, ETag: "d41d8cd98f00b204e9800998ecf8427e"}},
		{Key: "dir/", Prefix: true},
		{Key: "multi", Meta: object.Meta{Size: 5 << 40, Modified: when, ETag: "abc-2", StorageClass: "STANDARD_IA", Sums: []object.Checksum{sum}}},
		{Key: "x y/", Prefix: true},
	}}
}

// someVersions is a page that ends among the versions of a key.
func someVersions() *object.Page {
	return &object.Page{Truncated: true, Entries: []object.Entry{
		{Key: "a", Meta: object.Meta{Size: 5, Modified: when, ETag: "e", VersionID: "0c", Owner: "bob"}},
		{Key: "b", Latest: true, Meta: object.Meta{Modified: when, VersionID: "0b", DeleteMarker: true, Owner: "alice"}},
		{Key: "b", Meta: object.Meta{Modified: when, DeleteMarker: true}},
		{Key: "b", Meta: object.Meta{Size: 7, Modified: when, ETag: "e2", VersionID: "0a", StorageClass: "GLACIER"}},
	}}
}

func TestGoldenListings(t *testing.T) {
	owner := Owner{"id<1>", "me & you"}
	owners := OwnedBy(owner)
	l := &List{Query: object.Query{Limit: 4}}
	golden(t, "list-v1-plain", AppendListV1(nil, "bkt", l, somePage(), owners))
	l.EncodeURL, l.Marker, l.Query.Prefix, l.Query.Delimiter = true, "a b", "", " /"
	golden(t, "list-v1-url", AppendListV1(nil, "bkt", l, somePage(), owners))
	golden(t, "list-v1-empty", AppendListV1(nil, "bkt", &List{}, &object.Page{}, owners))
	l = &List{V2: true, Query: object.Query{Limit: 4, Prefix: "p&"}}
	golden(t, "list-v2-plain", AppendListV2(nil, "bkt", l, somePage(), owners))
	l.FetchOwner, l.EncodeURL, l.HasToken, l.Continuation, l.StartAfter, l.Query.Delimiter = true, true, true, "161", "s t", "/"
	golden(t, "list-v2-all", AppendListV2(nil, "bkt", l, somePage(), owners))
	golden(t, "list-versions", AppendListVersions(nil, "bkt", l, somePage(), owners))
	golden(t, "list-versions-all", AppendListVersions(nil, "bkt", &List{Marker: "a", Query: object.Query{Limit: 4, AfterVersion: "null"}}, someVersions(), names))
	uploads := &object.Page{Truncated: true, Entries: []object.Entry{
		{Key: "k/1", UploadID: "u1", Meta: object.Meta{Modified: when}}, {Key: "k/1", UploadID: "u2", Meta: object.Meta{Modified: when}}, {Key: "p/", Prefix: true}}}
	golden(t, "list-uploads", AppendListUploads(nil, "bkt", &List{Query: object.Query{Limit: 3, Delimiter: "/"}, Marker: "j", UploadMarker: "u0"}, uploads, owners))
	golden(t, "list-buckets", AppendListBuckets(nil, owner, ListBucketsQuery{}, []BucketEntry{
		{Name: "bucket-111", Created: when, Provider: object.AIS},
		{Name: "bucket-222", Created: when, Provider: object.AWS, Note: "(WARNING: {bucket-222, Provider: ais} and {bucket-222, Provider: aws} share the same name)"}}, false))
}

func TestGoldenAnswers(t *testing.T) {
	owner := Owner{"id", "name"}
	sum := object.Checksum{Algorithm: object.CRC32C, Composite: true, Value: []byte{1, 2, 3, 4}}
	m := &object.Meta{ETag: "abc-2", Modified: when, Sums: []object.Checksum{sum, {Algorithm: object.MD5}}, Parts: make([]object.Part, 2)}
	golden(t, "location", AppendLocation(nil, "eu-west-1"))
	golden(t, "location-default", AppendLocation(nil, ""))
	golden(t, "acl", AppendACL(nil, owner, nil, nil))
	golden(t, "initiate", AppendInitiate(nil, "bkt", "k&k", "u"))
	golden(t, "complete", AppendComplete(nil, "http://h/bkt/k", "bkt", "k", m))
	golden(t, "copy-object", AppendCopyObject(nil, m))
	golden(t, "copy-part", AppendCopyPart(nil, &object.Part{ETag: "e", Modified: when, Sums: []object.Checksum{object.Sum(object.SHA1, nil)}}))
	golden(t, "list-parts", AppendListParts(nil, &PartsPage{Bucket: "bkt", Key: "k k", After: 1, Limit: 2, Truncated: true, EncodeURL: true,
		Upload: object.Upload{ID: "u", Algorithm: object.CRC32C, Composite: true},
		Parts:  []object.Part{{Number: 2, Size: 5, ETag: "e2", Modified: when}, {Number: 7, Size: 6, ETag: "e7", Modified: when, Sums: []object.Checksum{{Algorithm: object.CRC32C, Value: sum.Value}}}}}, owner))
	results := []Deleted{{Key: "marked", Marker: true, MarkerID: "0a"}, {Key: "unmarked", VersionID: "0b", Marker: true, MarkerID: "0b"}, {Key: "suspended", Marker: true}, {Key: "a"}, {Key: "b", VersionID: "null"}, {Key: "gone", Err: object.NotFound}, {Key: "gone", VersionID: "0d", Err: object.NoSuchVersion}, {Key: "condition", Err: NoSuchKey}, {Key: "c<", Err: object.E("x", "c", object.Unavailable, nil)}}
	golden(t, "deleted", AppendDeleted(nil, results, false))
	golden(t, "deleted-quiet", AppendDeleted(nil, results, true))
}

func TestAppendText(t *testing.T) {
	if got := string(appendText(nil, "a\x00\n\r\t<&>\"'é€\xff\u2028😀")); got != "a&#x0;&#xA;&#xD;&#x9;&lt;&amp;&gt;&quot;'é€\uFFFD\u2028😀" {
		t.Errorf("%q", got)
	}
	if got := string(appendURL(nil, "a b/c+d&é~*-_.")); got != "a%20b/c%2Bd%26%C3%A9%7E*-_." {
		t.Errorf("%q", got)
	}
	for _, at := range []time.Time{when, time.Unix(0, 0), time.Date(1754, 8, 30, 22, 43, 41, 0, time.UTC), time.Date(2026, 12, 31, 23, 59, 59, 999999999, time.FixedZone("x", 3600))} {
		if got := string(appendTime(nil, at)); got != object.FormatTime(at) {
			t.Errorf("%s, want %s", got, object.FormatTime(at))
		}
	}
}

func TestParseDelete(t *testing.T) {
	keys, quiet, err := ParseDelete([]byte(`<?xml version="1.0" encoding="UTF-8"?><!-- c --><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
		<Object><Key>a &amp; b&#10;</Key></Object><Object><Key>c</Key><VersionId>null</VersionId><ETag>"e"</ETag><Size>0</Size><LastModifiedTime>Thu, 01 Jan 2015 00:00:00 GMT</LastModifiedTime></Object>
		<Object><Key>d</Key><VersionId>zzz</VersionId></Object><Object><Key></Key></Object><Quiet>true</Quiet></Delete>`))
	if err != nil || !quiet || len(keys) != 4 {
		t.Fatalf("%v %v %v", keys, quiet, err)
	}
	if keys[0].Key != "a & b\n" || keys[0].Err != nil || keys[1].Cond.IfMatch != `"e"` || keys[1].Err != nil ||
		keys[0].Cond.Any() || *keys[1].Cond.IfSize != 0 || keys[1].Cond.IfModified.Year() != 2015 {
		t.Errorf("%+v", keys)
	}
	if keys[2].Err == nil || keys[3].Err == nil {
		t.Errorf("%+v", keys)
	}
	if keys, _, err := ParseDelete([]byte(`<Delete><Object><Key>a</Key></Object></Delete>`)); err != nil || len(keys) != 1 {
		t.Errorf("without xmlns: %v %v", keys, err)
	}
	many := func(n int) []byte {
		return []byte("<Delete>" + strings.Repeat("<Object><Key>k</Key></Object>", n) + "</Delete>")
	}
	if _, _, err := ParseDelete(many(1000)); err != nil {
		t.Errorf("1,000 keys: %v", err)
	}
	bad := map[string]string{
		"1,001 keys": string(many(1001)), "none": "<Delete></Delete>", "no key": "<Delete><Object/></Delete>", "empty": "", "text": "hello",
		"other root": "<Remove><Object><Key>a</Key></Object></Remove>", "cut": "<Delete><Object><Key>a</Key></Object>",
		"junk after": "<Delete><Object><Key>a</Key></Object></Delete>x", "two roots": "<Delete><Object><Key>a</Key></Object></Delete><Delete/>",
		"junk before": "x<Delete><Object><Key>a</Key></Object></Delete>",
		"entity":      `<!DOCTYPE a [<!ENTITY x "y">]><Delete><Object><Key>&x;</Key></Object></Delete>`,
		"no entity":   `<Delete><Object><Key>&x;</Key></Object></Delete>`,
		"mismatch":    "<Delete><Object></Key></Object></Delete>", "control": "<Delete><Object><Key>\x01</Key></Object></Delete>",
		"deep": "<Delete>" + strings.Repeat("<a>", 100_000) + strings.Repeat("</a>", 100_000) + "</Delete>",
		"bool": "<Delete><Quiet>maybe</Quiet><Object><Key>a</Key></Object></Delete>",
	}
	for name, doc := range bad {
		if _, _, err := ParseDelete([]byte(doc)); !errors.Is(err, MalformedXML) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseComplete(t *testing.T) {
	doc := func(parts string) []byte {
		return []byte("<CompleteMultipartUpload>" + parts + "</CompleteMultipartUpload>")
	}
	for name, parts := range map[string]string{
		"quoted":   `<Part><PartNumber>1</PartNumber><ETag>"abc"</ETag></Part>`,
		"escaped":  `<Part><ETag>&#34;abc&#34;</ETag><PartNumber>1</PartNumber></Part>`,
		"unquoted": "\n <Part>\n  <PartNumber>1</PartNumber>\n  <ETag>abc</ETag>\n </Part>\n",
		"quot":     `<Part><PartNumber>1</PartNumber><ETag>&quot;abc&quot;</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part>`,
	} {
		got, err := ParseComplete(doc(parts))
		if err != nil || len(got) != 1 || got[0].Number != 1 || got[0].ETag != "abc" || (len(got[0].Sums) == 1) != (name == "quot") {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	for parts, want := range map[string]*Error{
		"": MalformedXML,
		"<Part><PartNumber>1</PartNumber></Part>":                                                  MalformedXML,
		"<Part><ETag>a</ETag></Part>":                                                              MalformedXML,
		"<Part><PartNumber>x</PartNumber><ETag>a</ETag></Part>":                                    MalformedXML,
		"<Part><PartNumber>0</PartNumber><ETag>a</ETag></Part>":                                    InvalidArgument,
		"<Part><PartNumber>10001</PartNumber><ETag>a</ETag></Part>":                                InvalidArgument,
		"<Part><PartNumber>1</PartNumber><ETag>a</ETag><ChecksumSHA1>AA==</ChecksumSHA1></Part>":   InvalidRequest,
		strings.Repeat("<Part><PartNumber>1</PartNumber><ETag>a</ETag></Part>", object.MaxParts+1): MalformedXML,
	} {
		if _, err := ParseComplete(doc(parts)); !errors.Is(err, want) {
			t.Errorf("%.80s: %v", parts, err)
		}
	}
}

func TestParseConfigs(t *testing.T) {
	for doc, want := range map[string]string{
		"": "", " \n": "", "<CreateBucketConfiguration/>": "",
		"<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>":                                                                 "eu-west-1",
		`<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>x</LocationConstraint><Bucket><Type/></Bucket></CreateBucketConfiguration>`: "x",
	} {
		if got, err := ParseCreateBucket([]byte(doc)); err != nil || got != want {
			t.Errorf("%q: %q %v", doc, got, err)
		}
	}
	if _, err := ParseCreateBucket([]byte("<Other/>")); !errors.Is(err, MalformedXML) {
		t.Errorf("%v", err)
	}
}

func FuzzControlXML(f *testing.F) {
	f.Add("<Delete><Object><Key>a</Key></Object></Delete>")
	f.Add(`<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"a"</ETag></Part></CompleteMultipartUpload>`)
	f.Fuzz(func(t *testing.T, doc string) {
		if keys, _, err := ParseDelete([]byte(doc)); err == nil && (len(keys) == 0 || len(keys) > MaxDeleteKeys) {
			t.Fatalf("%d keys", len(keys))
		}
		_, _ = ParseComplete([]byte(doc))
		_, _ = ParseCreateBucket([]byte(doc))
	})
}

// thousand is a page like those of real buckets.
func thousand() *object.Page {
	p := &object.Page{Truncated: true}
	for i := range 1000 {
		p.Entries = append(p.Entries, object.Entry{Key: fmt.Sprintf("photos/2026/02/image-%08d.jpeg", i),
			Meta: object.Meta{Size: int64(i * 1000), Modified: when, ETag: "d41d8cd98f00b204e9800998ecf8427e"}})
	}
	return p
}

func BenchmarkAppendListV2(b *testing.B) {
	p, l := thousand(), &List{V2: true, EncodeURL: true, Query: object.Query{Limit: 1000}}
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out = AppendListV2(out[:0], "bkt", l, p, OwnedBy(Anyone))
	}
	b.SetBytes(int64(len(out)))
}
