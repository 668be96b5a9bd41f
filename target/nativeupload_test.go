package target

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"ais/api"
	"ais/backend/backendtest"
	"ais/cluster"
	"ais/object"
)

// native is a bucket of a target that is spoken to natively.
type native struct {
	*testing.T
	target *Target
	mem    *backendtest.Mem // where its remote buckets are
	bucket *cluster.Bucket
	made   int // buckets of the test so far
}

// uri returns the URI of an object; query is names and values.
func (n native) uri(key string, query ...string) string {
	q := url.Values{"provider": {string(n.bucket.Provider)}}
	for i := 0; i < len(query); i += 2 {
		q.Set(query[i], query[i+1])
	}
	return api.ObjectPath(api.BucketOf(n.bucket), key) + "?" + q.Encode()
}

// want is an answer of that status.
func (n native) want(status int, a answer) answer {
	n.Helper()
	if a.status != status {
		n.Fatalf("%d instead of %d: %s%s", a.status, status, a.body, a.header.Get("Hdr-Error"))
	}
	return a
}

func (n native) begin(key string) (id string) {
	n.Helper()
	id = n.want(200, ask(n.T, n.target, "POST", n.uri(key), `{"action":"mpt-upload","name":"","value":null}`)).body
	if home, ok := cluster.UploadHome(id); !ok || home != "t1" {
		n.Fatalf("the id of an upload: %q", id)
	}
	return id
}

func (n native) part(key, id, number, body string, headers ...string) answer {
	n.Helper()
	return ask(n.T, n.target, "PUT", n.uri(key, "uploadId", id, "partNumber", number), body, headers...)
}

func (n native) complete(key, id, value string) answer {
	n.Helper()
	return ask(n.T, n.target, "POST", n.uri(key, "uploadId", id), `{"action":"mpt-complete","name":"","value":`+value+`}`)
}

func (n native) content(key string) string {
	n.Helper()
	return n.want(200, ask(n.T, n.target, "GET", n.uri(key), "")).body
}

// another returns another bucket of the target, with properties, which are names and
// values.
func (n native) another(provider object.Provider, props ...string) native {
	n.Helper()
	n.made++
	name := fmt.Sprintf("%s-%d", strings.ToLower(strings.NewReplacer("/", "-").Replace(n.Name())), n.made)
	if provider == object.AWS {
		n.mem.Bucket(name)
	}
	n.bucket = makeBucket(n.T, n.target, provider, name, props...)
	return n
}

// TestNative: the native calls for objects, each test with a bucket of its own.
func TestNative(t *testing.T) {
	target, mem := startAlone(t)
	run := func(name string, provider object.Provider, test func(native)) {
		t.Run(name+"/"+string(provider), func(t *testing.T) {
			n := native{T: t, target: target, mem: mem}
			if provider == object.AIS {
				n = n.another(provider, "multipart.min_part_size", "0")
			} else {
				n = n.another(provider)
			}
			test(n)
		})
	}
	for name, test := range map[string]func(native){
		"Copy":                 nativeCopy,
		"Rename":               nativeRename,
		"RenameKeepsWhatIsNew": nativeRenameKeepsWhatIsNew,
		"Custom":               nativeCustom,
		"Ranges":               nativeRanges,
		"ConditionalWrites":    nativeConditionalWrites,
		"Head":                 nativeHead,
		"Evict":                nativeEvict,
		"PutOfUnknownSize":     nativePutOfUnknownSize,
		"Upload":               nativeUpload,
		"UploadRefusals":       nativeUploadRefusals,
	} {
		run(name, object.AIS, test)
		run(name, object.AWS, test)
	}
	for name, test := range map[string]func(native){
		"Append":             nativeAppend,
		"AppendsAtOnce":      nativeAppendsAtOnce,
		"AppendsVanish":      nativeAppendsVanish,
		"HeadOfParts":        nativeHeadOfParts,
		"Refuses":            nativeRefuses,
		"UploadSmallParts":   nativeUploadSmallParts,
		"CopyBetweenBuckets": nativeCopyBetweenBuckets,
	} {
		run(name, object.AIS, test)
	}
}

func nativeUpload(n native) {
	const key = "dir/an object"
	one, two := "one ", "two "
	if n.bucket.Provider == object.AWS { // whose smallest part is S3's
		one, two = strings.Repeat("1", int(object.MinPartSize)), strings.Repeat("2", int(object.MinPartSize))
	}
	id := n.begin(key)
	n.want(200, n.part(key, id, "1", "one overwritten"))
	n.want(200, n.part(key, id, "3", "three"))
	n.want(200, n.part(key, id, "2", two))
	sum := md5.Sum([]byte(one))
	a := n.want(200, n.part(key, id, "1", one, "Ais-Checksum-Type", "md5", "Ais-Checksum-Value", hex.EncodeToString(sum[:])))
	if a.header.Get("Etag") == "" {
		n.Error("a part has no ETag")
	}
	n.want(404, ask(n.T, n.target, "GET", n.uri(key), ""))

	var status api.UploadStatus
	if err := json.Unmarshal([]byte(n.want(200, ask(n.T, n.target, "GET", n.uri(key, "uploadId", id), "")).body), &status); err != nil {
		n.Fatal(err)
	}
	if status.ID != id || len(status.Parts) != 3 || status.Parts[0].Number != 1 || status.Parts[0].Size != int64(len(one)) ||
		status.Parts[1].ETag == "" || status.Parts[2].Checksum == "" || status.Initiated.IsZero() {
		n.Errorf("%+v", status)
	}

	// As the SDK lists them: in the order sent, without ETags, one twice.
	list := `[{"part-number":3,"etag":""},{"part-number":1,"etag":""},{"part-number":2,"etag":""},{"part-number":1,"etag":""}]`
	done := n.want(200, n.complete(key, id, list))
	if got := n.content(key); got != one+two+"three" || done.header.Get("Etag") == "" {
		n.Errorf("%d bytes, ETag %s", len(got), done.header.Get("Etag"))
	}
	if again := n.want(200, n.complete(key, id, list)); again.header.Get("Etag") != done.header.Get("Etag") {
		n.Error("the same again:", again.header)
	}
	n.want(404, n.part(key, id, "4", "late"))
}

func nativeUploadRefusals(n native) {
	id := n.begin("k")
	n.want(200, n.part("k", id, "1", "one"))
	wrong := strings.Repeat("0", 32)
	for name, c := range map[string]struct {
		status int
		a      answer
		says   string
	}{
		"part number 0":      {400, n.part("k", id, "0", "x"), "partNumber"},
		"part number 10001":  {400, n.part("k", id, "10001", "x"), "partNumber"},
		"no part number":     {400, ask(n.T, n.target, "PUT", n.uri("k", "uploadId", id), "x"), "partNumber"},
		"no upload":          {400, ask(n.T, n.target, "PUT", n.uri("k", "partNumber", "1"), "x"), "uploadId"},
		"an empty upload":    {400, ask(n.T, n.target, "PUT", n.uri("k", "partNumber", "1", "uploadId", ""), "x"), "uploadId"},
		"another upload":     {404, n.part("k", cluster.NewUploadID("r", "t1"), "1", "x"), "upload"},
		"another name":       {404, n.part("j", id, "1", "x"), ""},
		"wrong digest":       {400, n.part("k", id, "1", "two", "Ais-Checksum-Type", "md5", "Ais-Checksum-Value", wrong), "digest"},
		"no digest":          {400, n.part("k", id, "1", "two", "Ais-Checksum-Type", "md5", "Ais-Checksum-Value", "zz"), "Ais-Checksum-Value"},
		"no parts":           {400, n.complete("k", id, "[]"), "no part"},
		"no value":           {400, n.complete("k", id, "null"), "no part"},
		"two ETags":          {400, n.complete("k", id, `[{"part-number":1,"etag":"a"},{"part-number":1,"etag":""}]`), "two ETags"},
		"another ETag":       {400, n.complete("k", id, `[{"part-number":1,"etag":"a"}]`), ""},
		"a part not there":   {400, n.complete("k", id, `[{"part-number":1},{"part-number":2}]`), ""},
		"a part over all":    {400, n.complete("k", id, `[{"part-number":10001}]`), "10001"},
		"complete no upload": {400, ask(n.T, n.target, "POST", n.uri("k"), `{"action":"mpt-complete","value":[]}`), "uploadId"},
		"no action":          {400, ask(n.T, n.target, "POST", n.uri("k"), ``), "action"},
		"promote":            {501, ask(n.T, n.target, "POST", n.uri("k"), `{"action":"promote","value":{}}`), ""},
	} {
		if c.a.status != c.status || !strings.Contains(c.a.body, c.says) {
			n.Errorf("%s: %d %s", name, c.a.status, c.a.body)
		}
	}
	if n.want(404, ask(n.T, n.target, "HEAD", n.uri("k"), "")); n.Failed() {
		return
	}
	n.want(200, ask(n.T, n.target, "DELETE", n.uri("k", "uploadId", id), `{"action":"mpt-abort","name":"","value":null}`))
	n.want(404, n.complete("k", id, `[{"part-number":1}]`))
	n.want(404, ask(n.T, n.target, "DELETE", n.uri("k", "uploadId", id), ""))
}

// nativeUploadSmallParts: how small a part may be is the bucket's property.
func nativeUploadSmallParts(n native) {
	n = n.another(object.AIS, "multipart.min_part_size", "5")
	id := n.begin("k")
	n.want(200, n.part("k", id, "1", "1234"))
	n.want(200, n.part("k", id, "2", "1"))
	n.want(400, n.complete("k", id, `[{"part-number":1},{"part-number":2}]`))
	n.want(200, n.part("k", id, "1", "12345"))
	n.want(200, n.complete("k", id, `[{"part-number":1},{"part-number":2}]`))
	if got := n.content("k"); got != "123451" {
		n.Error(got)
	}
}
