package api

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"ais/cluster"
	"ais/object"
)

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := jsonAPI.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func testMeta() object.Meta {
	return object.Meta{
		Size: 1075, Modified: time.Date(2026, 11, 22, 15, 13, 0, 5, time.UTC), ETag: "0102-md5", Version: object.Version{Term: 3, Counter: 7},
		Checksum: object.Checksum{Algorithm: object.MD5, Value: []byte{1, 2}}, Mountpath: "/mp1",
		User: map[string]string{"k": "v"}, Custom: map[string]string{"source": "aws", "version": "7"},
	}
}

// The wire form of the messages, byte for byte.
func TestWireForm(t *testing.T) {
	action, err := NewAction(ActionCreate, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	page := object.Page{Truncated: true, Entries: []object.Entry{{Key: "a", Meta: testMeta()}, {Key: "d/", Prefix: true}}}
	list := NewListResult(ListMessage{Props: "all"}, page, func(int) string { return "t1" })
	plain := NewListResult(ListMessage{UUID: "u"}, page, nil)
	for _, c := range []struct {
		name string
		v    any
		want string
	}{
		{"action", action, `{"action":"create-bck","name":"","value":null}`},
		{"bucket", NewBucket(object.AIS, "b"), `{"name":"b","provider":"ais","namespace":{"uuid":"","name":""}}`},
		{"properties", Properties{{"checksum.type", "md5"}, {"checksum.validate_cold_get", "true"}, {"access", "7"}, {"n", "12"}, {"s", "007"}},
			`{"access":"7","checksum":{"type":"md5","validate_cold_get":true},"n":12,"s":"007"}`},
		{"list message", ListMessage{Props: "name", Flags: 2064, Prefix: "p"},
			`{"uuid":"","props":"name","prefix":"p","continuation_token":"","target":"","flags":"2064","pagesize":0}`},
		{"list, all", list, `{"uuid":"list","continuation_token":"d/","entries":[{"name":"a","checksum":"0102","atime":"22 Nov 26 15:13 UTC","version":"7",` +
			`"location":"t[t1]:mp[/mp1]","custom-md":"[X-Amz-Meta-k:v source:aws version:7]","size":"1075","copies":1,"flags":64},{"name":"d/","flags":256}],"flags":0}`},
		{"list, default", plain, `{"uuid":"u","continuation_token":"d/","entries":[{"name":"a","size":"1075","flags":64},{"name":"d/","flags":256}],"flags":0}`},
		{"empty list", NewListResult(ListMessage{UUID: "u"}, object.Page{}, nil), `{"uuid":"u","continuation_token":"","entries":[],"flags":0}`},
		{"error", &ErrorMessage{Code: "ErrBckNotFound", Message: "m", Status: 404},
			`{"tcode":"ErrBckNotFound","message":"m","method":"","url_path":"","remote_addr":"","caller":"","node":"","status":404}`},
	} {
		if got := encode(t, c.v); got != c.want {
			t.Errorf("%s is\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestClusterMapWireForm(t *testing.T) {
	s := cluster.NewState(cluster.Contents{
		Map:     cluster.Map{Cluster: "c", Version: 12, Created: time.Date(2026, 11, 22, 14, 57, 22, 0, time.UTC)},
		Nodes:   []cluster.Node{{ID: "p1", Kind: cluster.Proxy, URL: "http://h:1", State: cluster.Active}},
		Buckets: []cluster.Bucket{{ID: 9, Provider: object.AIS, Name: "b", State: cluster.BucketActive, Created: time.Unix(1, 0)}, {ID: 10, Provider: object.AIS, Name: "x", State: cluster.BucketDeleting}},
	})
	node := `{"public_net":{"node_ip_addr":"h","node_hostname":"h","daemon_port":"1","direct_url":"http://h:1"},` +
		`"intra_control_net":{"node_ip_addr":"h","node_hostname":"h","daemon_port":"1","direct_url":"http://h:1"},` +
		`"intra_data_net":{"node_ip_addr":"h","node_hostname":"h","daemon_port":"1","direct_url":"http://h:1"},` +
		`"daemon_type":"proxy","daemon_id":"p1","flags":0,"id_digest":` + formatUint(object.HashString("p1")) + `,"state":"down","live":false}`
	want := `{"pmap":{"p1":` + node + `},"proxy_si":` + node + `,"tmap":{},"uuid":"c","creation_time":"2026-11-22 14:57:22","version":"12"}`
	if got := encode(t, NewClusterMap(s, "p1")); got != want {
		t.Errorf("the map is\n%s\nwant\n%s", got, want)
	}
	if got := encode(t, NewBuckets(s, "")); got != `[{"name":"b","provider":"ais","namespace":{"uuid":"","name":""}}]` {
		t.Error(got)
	}
	b, _ := s.Bucket(object.AIS, "b")
	p := PropertiesOf(b)
	if p.Get("bid") != "9" || p.Get("created") != "1000000000" || p.Get("provider") != "ais" || p.Get("versioning.enabled") != "false" {
		t.Error(p)
	}
	bmd := encode(t, NewBucketMap(s))
	if !strings.HasPrefix(bmd, `{"providers":{"ais":{"@#":{"b":{"access":"0","backend_bck":"","bid":"9","checksum":{"type":"none"`) || strings.Contains(bmd, `"x"`) {
		t.Error(bmd)
	}
}

func formatUint(n uint64) string {
	return strings.Trim(string(must(jsonAPI.Marshal(n))), `"`)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestMsgpack(t *testing.T) {
	r := ListResult{UUID: "u", ContinuationToken: "", Entries: []Entry{{Name: "a", Size: 300, Flags: 64, Copies: 1}, {Name: strings.Repeat("n", 40)}}}
	want := "84" + "a455554944" + "a175" + // UUID
		"b1436f6e74696e756174696f6e546f6b656e" + "a0" +
		"a7456e7472696573" + "92" +
		"84" + "a16e" + "a161" + "a173" + "ce0000012c" + "a163" + "01" + "a166" + "40" +
		"81" + "a16e" + "d928" + strings.Repeat("6e", 40) +
		"a5466c616773" + "00"
	if got := hex.EncodeToString(AppendMsgpack(nil, r)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	many := ListResult{Entries: make([]Entry, 70_000)}
	if b := AppendMsgpack(nil, many); !strings.Contains(string(b), "Entries\xdd\x00\x01\x11\x70") {
		t.Error("the header of 70,000 entries is not there")
	}
}

func TestProperties(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"checksum":{"type":"md5"},"versioning":{"enabled":false},"mirror":null}`, "checksum.type=md5 versioning.enabled=false"},
		{`null`, ""},
		{`{}`, ""},
		{`{"a":{"b":{"c":5}},"d":"x"}`, "a.b.c=5 d=x"},
		{`"{\"ec\":{\"enabled\":true}}"`, "ec.enabled=true"},
	} {
		p, err := ParseProperties(ActionMessage{Value: []byte(c.in)})
		var words []string
		for _, e := range p {
			words = append(words, e.Name+"="+e.Value)
		}
		if got := strings.Join(words, " "); err != nil || got != c.want {
			t.Errorf("%s is %q, %v; want %q", c.in, got, err, c.want)
		}
	}
	deep := strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000)
	for _, bad := range []string{`[]`, `5`, `{"a"`, `{"a":{]}`, deep} {
		if p, err := ParseProperties(ActionMessage{Value: []byte(bad)}); !errors.Is(err, object.Invalid) {
			t.Errorf("%.40s is %v, %v", bad, p, err)
		}
	}
	base := cluster.DefaultProps(object.AIS, false, cluster.DefaultConfig())
	changed, err := ChangeProps(base, Properties{{"checksum.type", "md5"}, {"nosuch", "1"}})
	if !errors.Is(err, object.Invalid) || changed != (cluster.Props{}) {
		t.Errorf("%v, %v", changed, err)
	}
}

func TestListQuery(t *testing.T) {
	for _, c := range []struct {
		l    ListMessage
		want object.Query
	}{
		{ListMessage{}, object.Query{Limit: MaxPageSize}},
		{ListMessage{Prefix: "p", PageSize: 5, StartAfter: "p1", ContinuationToken: "p2"}, object.Query{Prefix: "p", Limit: 5, After: "p2"}},
		{ListMessage{PageSize: MaxPageSize + 1, Flags: ListNoRecursion, Props: "name,atime"}, object.Query{Limit: MaxPageSize, Delimiter: "/", Full: true}},
		{ListMessage{Props: "all", Flags: ListNameOnly}, object.Query{Limit: MaxPageSize}},
	} {
		if got := c.l.Query(); got != c.want {
			t.Errorf("%+v asks for %+v, want %+v", c.l, got, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	b := NewBucket(object.AIS, "abc")
	for _, c := range []struct {
		err    error
		b      Bucket
		key    string
		status int
		text   string
	}{
		{object.NoSuchBucket, b, "k", 404, `bucket "ais://abc" does not exist`},
		{object.NotFound, b, "k", 404, `object "ais://abc/k" does not exist`},
		{object.Exists, b, "", 409, `bucket "ais://abc" already exists`},
		{object.NotEmpty, b, "", 409, `bucket "ais://abc" is not empty`},
		{object.E("cluster.Props", "durability", object.Invalid, errors.New("power or process")), b, "", 400, `invalid argument: durability: power or process ("ais://abc")`},
		{object.E("x", "t9", object.NotFound, errors.New("no node t9")), Bucket{}, "", 404, "no node t9"},
		{errors.New("a secret"), b, "", 500, `internal error ("ais://abc")`},
		{object.E("fs", "", object.Corrupt, errors.New("at /mp/1")), b, "k", 500, `stored data is corrupt ("ais://abc/k")`},
		{object.NoSpace, b, "k", 507, `no space left for writing ("ais://abc/k")`},
		{object.Unavailable, b, "k", 503, `temporarily unavailable, try again ("ais://abc/k")`},
		{object.Unsupported, Bucket{}, "", 501, "not implemented"},
	} {
		m := NewErrorMessage(c.err, c.b, c.key)
		if m.Status != c.status || m.Message != c.text {
			t.Errorf("%v is %d %q, want %d %q", c.err, m.Status, m.Message, c.status, c.text)
		}
		if !errors.Is(m, object.KindOf(c.err)) {
			t.Errorf("%v comes back as %v", c.err, m.Kind())
		}
	}
	for k := object.Internal; k <= object.Unsupported; k++ { // every kind has a row of its own
		if m := NewErrorMessage(k, b, "k"); m.Kind() != k {
			t.Errorf("%v comes back as %v", k, m.Kind())
		}
	}
	if k := (&ErrorMessage{Status: 404}).Kind(); k != object.NotFound {
		t.Errorf("404 without a code is %v", k)
	}
}

func TestURIs(t *testing.T) {
	for _, c := range []struct {
		in, bucket, key string
	}{
		{"ais://abc/k", "ais://abc", "k"}, {"ais://abc", "ais://abc", ""}, {"ais://", "ais://", ""}, {"ais:", "ais://", ""},
		{"s3://b/a//b/", "s3://b", "a//b/"}, {"aws://b", "s3://b", ""},
	} {
		b, key, err := ParseURI(c.in)
		if err != nil || b.String() != c.bucket || key != c.key {
			t.Errorf("%q is %v %q, %v", c.in, b, key, err)
		}
	}
	for _, bad := range []string{"abc", "abc/x:y", "", "gs://b", "ais://@uuid/b", "ais://#ns/b"} {
		if b, key, err := ParseURI(bad); err == nil {
			t.Errorf("%q is %v %q", bad, b, key)
		}
	}
	if u := NewBucket(object.AIS, "abc").Unique("LICENSE"); u != "ais/@#/abc/LICENSE" {
		t.Error(u)
	}
}

// FuzzPath: what ObjectPath writes, SplitPath reads, and nothing on the way could
// take a part of the key for something else.
func FuzzPath(f *testing.F) {
	for _, key := range []string{"a", "a//b", "../..", ".", "a/./b", "%2F", "?x=1#y", "ü +&", "\x00\r\n", "/lead", "trail/"} {
		f.Add("abc", key)
	}
	f.Fuzz(func(t *testing.T, bucket, key string) {
		if bucket == "" || strings.Contains(bucket, "/") {
			return
		}
		path := ObjectPath(NewBucket(object.AIS, bucket), key)
		gotBucket, gotKey, err := SplitPath(path)
		if err != nil || gotBucket != bucket || gotKey != key {
			t.Fatalf("%q %q went as %q and came as %q %q, %v", bucket, key, path, gotBucket, gotKey, err)
		}
		if strings.ContainsAny(path, "?#+ \r\n\x00\\") || strings.Contains(path, "/../") || strings.HasSuffix(path, "/..") {
			t.Fatalf("unsafe path %q", path)
		}
	})
}

func TestBadPaths(t *testing.T) {
	for _, bad := range []string{"/v1/objects/b/%", "/v1/objects/b/%2", "/v1/objects/b/%zz", "/v1/objectsb/k", "/v2/objects/b"} {
		if _, _, err := SplitPath(bad); !errors.Is(err, object.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
