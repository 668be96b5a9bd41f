package target

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"

	"ais/api"
	"ais/object"
)

// batchCase is an entry of a batch and what is to come of it.
type batchCase struct {
	entry string // JSON
	name  string // in the archive
	want  string
	err   string // "" where it is to succeed
}

func batchCases() []batchCase {
	return []batchCase{
		{`{"objname":"small"}`, "bck/small", "small content", ""},
		{`{"objname":"large"}`, "bck/large", largeContent(), ""},
		{`{"objname":"empty"}`, "bck/empty", "", ""},
		{`{"objname":"missing","opaque":"dGFn"}`, "bck/missing", "", `object "ais://bck/missing" does not exist`},
		{`{"objname":"x","bucket":"none"}`, "none/x", "", `bucket "ais://none" does not exist`},
		{`{"objname":"o","bucket":"other","provider":"ais"}`, "other/o", "another bucket", ""},
		{`{"objname":"r","bucket":"mem","provider":"aws"}`, "mem/r", "remote", ""},
		{`{"uname":"ais/@#/other/o"}`, "other/o", "another bucket", ""},
		{`{"objname":"small","start":6,"length":3}`, "bck/small", "con", ""},
		{`{"objname":"small","start":6,"length":-1}`, "bck/small", "content", ""},
		{`{"objname":"small","start":6,"length":8}`, "bck/small", "", "range is not satisfiable: it has 13 bytes"},
		{`{"objname":"shard.tar","archpath":"s/0001.jpg"}`, "bck/shard.tar/s/0001.jpg", shard[2][1], ""},
		{`{"objname":"shard.tar","archpath":"a.txt"}`, "bck/shard.tar/a.txt", "first", ""},
		{`{"objname":"shard.tar","archpath":"a.txt","start":1,"length":2}`, "bck/shard.tar/a.txt", "ir", ""},
		{`{"objname":"shard.tar","archpath":"none"}`, "bck/shard.tar/none", "", `"none"`},
		{`{"objname":"shard.zip","archpath":"s/0001.cls"}`, "bck/shard.zip/s/0001.cls", "7", ""},
		{`{"objname":"shard.tgz","archpath":"s/0002.cls"}`, "bck/shard.tgz/s/0002.cls", "8", ""},
		{`{"objname":"shard.tgz","archpath":"s/0001.jpg","start":8,"length":7}`, "bck/shard.tgz/s/0001.jpg", "picture", ""},
		{`{"objname":"small","archpath":"f"}`, "bck/small/f", "", "not an archive"},
	}
}

func largeContent() string { return strings.Repeat("0123456789", 100_000) }

func fillForBatch(t *testing.T, target *Target) {
	t.Helper()
	makeBucket(t, target, object.AIS, "bck")
	makeBucket(t, target, object.AIS, "other")
	makeBucket(t, target, object.AWS, "mem")
	put(t, target, "/v1/objects/bck/small", "small content")
	put(t, target, "/v1/objects/bck/large", largeContent())
	put(t, target, "/v1/objects/bck/empty", "")
	put(t, target, "/v1/objects/other/o", "another bucket")
	put(t, target, "/v1/objects/mem/r?provider=aws", "remote")
	for _, f := range formats {
		put(t, target, "/v1/objects/bck/shard"+f.String(), packed(t, f, shard))
	}
}

// askBatch sends a batch of the entries; settings are JSON.
func askBatch(t *testing.T, target *Target, settings string, entries ...string) answer {
	t.Helper()
	return ask(t, target, "GET", "/v1/ml/moss/bck", fmt.Sprintf(`{%s,"in":[%s]}`, settings, strings.Join(entries, ",")))
}

func TestBatch(t *testing.T) {
	target, _ := startAlone(t)
	fillForBatch(t, target)
	cases := batchCases()
	entries := make([]string, len(cases))
	for i, c := range cases {
		entries[i] = c.entry
	}
	for _, f := range formats {
		for _, streamed := range []bool{true, false} {
			for _, onlyNames := range []bool{true, false} {
				a := askBatch(t, target, fmt.Sprintf(`"mime":%q,"coer":true,"strm":%v,"onob":%v`, f, streamed, onlyNames), entries...)
				if a.status != 200 {
					t.Fatalf("%v: %d %s", f, a.status, a.body)
				}
				content := a.body
				if !streamed {
					var told api.BatchAnswer
					told, content = parts(t, a)
					checkTold(t, told, cases)
				}
				checkFiles(t, unpacked(t, f, content), cases, onlyNames)
			}
		}
	}
}

// parts returns the two parts of an answer that is not streamed.
func parts(t *testing.T, a answer) (told api.BatchAnswer, content string) {
	t.Helper()
	_, params, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	r := multipart.NewReader(strings.NewReader(a.body), params["boundary"])
	for _, name := range []string{"metadata", "archive"} {
		part, err := r.NextPart()
		if err != nil || part.FormName() != name {
			t.Fatalf("%s: %v", name, err)
		}
		raw, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		if content = string(raw); name == "metadata" {
			if err := json.Unmarshal(raw, &told); err != nil {
				t.Fatal(err)
			}
		}
	}
	return told, content
}

func checkTold(t *testing.T, told api.BatchAnswer, cases []batchCase) {
	t.Helper()
	if len(told.Out) != len(cases) || told.UUID == "" {
		t.Fatalf("%+v", told)
	}
	for i, c := range cases {
		out := told.Out[i]
		if out.Size != int64(len(c.want)) || (out.Error == "") != (c.err == "") || !strings.Contains(out.Error, c.err) {
			t.Errorf("%s: %+v", c.entry, out)
		}
		if strings.Contains(c.entry, "opaque") != (out.Opaque == "dGFn") {
			t.Errorf("%s: opaque %q", c.entry, out.Opaque)
		}
	}
}

func checkFiles(t *testing.T, files [][2]string, cases []batchCase, onlyNames bool) {
	t.Helper()
	if len(files) != len(cases) {
		t.Fatalf("%d files for %d entries", len(files), len(cases))
	}
	for i, c := range cases {
		name := c.name
		if onlyNames {
			_, name, _ = strings.Cut(name, "/")
		}
		if c.err != "" {
			name = "__404__/" + name
		}
		if files[i][0] != name || files[i][1] != c.want {
			t.Errorf("%s: %q with %d bytes, not %q with %d", c.entry, files[i][0], len(files[i][1]), name, len(c.want))
		}
	}
}

// TestBatchFails: without coer the first failure is the answer's status while nothing
// of it was sent.
func TestBatchFails(t *testing.T) {
	target, _ := startAlone(t)
	fillForBatch(t, target)
	for _, c := range batchCases() {
		for _, streamed := range []bool{true, false} {
			a := askBatch(t, target, fmt.Sprintf(`"strm":%v`, streamed), `{"objname":"small"}`, c.entry)
			if c.err == "" != (a.status == 200) || c.err != "" && !strings.Contains(a.body, strings.ReplaceAll(c.err, `"`, `\"`)) {
				t.Errorf("%s: %d %.300s", c.entry, a.status, a.body)
			}
		}
	}
	for _, c := range []struct{ body, says string }{
		{`{`, "invalid argument"},
		{`{"in":[]}`, "a batch has 1 to 20000 entries"},
		{`{"in":[{"objname":""}]}`, "the key is empty"},
		{`{"in":[{"objname":"a","start":-1}]}`, "a range begins at 0"},
		{`{"in":[{"objname":"a","start":1}]}`, "says how long it is"},
		{`{"in":[{"objname":"a","length":-2}]}`, "-1 for all that follow"},
		{`{"in":[{"objname":"a","provider":"xyz","bucket":"bck"}]}`, "a provider is ais or aws"},
		{`{"in":[{"uname":"a/b"}]}`, "provider/@#/bucket/name"},
		{`{"in":[{"objname":"a"}],"mime":".rar"}`, "an archive is .tar"},
		{`{"in":[{"objname":"a"}],"coloc":7}`, "0, 1 or 2"},
	} {
		if a := ask(t, target, "GET", "/v1/ml/moss/bck", c.body); a.status != 400 || !strings.Contains(a.body, c.says) {
			t.Errorf("%s: %d %s", c.body, a.status, a.body)
		}
	}
	if a := ask(t, target, "GET", "/v1/ml/moss", `{"in":[{"objname":"a"}]}`); a.status != 400 || !strings.Contains(a.body, "is in no bucket") {
		t.Errorf("no bucket: %d %s", a.status, a.body)
	}
	if a := ask(t, target, "GET", "/v1/ml/moss/bck", `{"in":[{"objname":"`+strings.Repeat("x", 9<<20)+`"}]}`); a.status != 413 {
		t.Errorf("a long message: %d %.200s", a.status, a.body)
	}
}

// TestBatchSlots: as many batches as may be are answered, and each gives its place back.
func TestBatchSlots(t *testing.T) {
	target, _ := startAlone(t)
	fillForBatch(t, target)
	for range cap(target.batches) {
		if err := target.batches.take(); err != nil {
			t.Fatal(err)
		}
	}
	a := askBatch(t, target, `"strm":true`, `{"objname":"small"}`)
	if a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %v", a.status, a.header)
	}
	target.batches.give()
	for range 3 {
		if a := askBatch(t, target, `"strm":true`, `{"objname":"large"}`, `{"objname":"small"}`); a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
		if a := askBatch(t, target, `"strm":true`, `{"objname":"none"}`); a.status != 404 {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}

// TestGathered: what does not fit before there is somebody to write to is an error.
func TestGathered(t *testing.T) {
	g := newGathered(nil)
	defer g.release()
	if n, err := g.Write(make([]byte, copyBuffer-1)); n != copyBuffer-1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if _, err := g.Write([]byte("xy")); err != io.ErrShortBuffer {
		t.Errorf("%v", err)
	}
	var out bytes.Buffer
	g.to = &out
	if err := g.Flush(); err != nil || out.Len() != copyBuffer {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
}
