package proxy

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"io"
	"sort"
	"strings"
	"testing"

	"ais/api"
	"ais/cluster"
)

// packed starts an archive job and returns how it ended.
func (p *Proxy) packed(t *testing.T, bucket, value string) api.JobStatus {
	t.Helper()
	return p.ended(t, p.want(t, "PUT", api.PathBuckets+"/"+bucket, `{"action":"archive","value":`+value+`}`, 200, "J"))
}

// tarred returns the files of a tar as "name=content".
func tarred(t *testing.T, content string) string {
	t.Helper()
	var out []string
	for r := tar.NewReader(strings.NewReader(content)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return strings.Join(out, " ")
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, h.Name+"="+string(body))
	}
}

// TestArchiveJob makes archives of objects here and at a remote, and appends to them.
func TestArchiveJob(t *testing.T) {
	p, mem := startRemote(t, cluster.AuthOff)
	const own, far = "own?provider=ais", "mem?provider=aws"
	for _, b := range []string{own, "shards?provider=ais"} {
		p.want(t, "POST", api.PathBuckets+"/"+b, `{"action":"create-bck"}`, 200, "")
	}
	for key, body := range map[string]string{"a1": "one", "a2": "two", "b1": "", "c": "last"} {
		p.put(t, "/own/"+key, body)
	}
	mem.Set("r1", "remote")
	ok := func(bucket, value string) {
		t.Helper()
		if s := p.packed(t, bucket, value); s.Aborted || s.Err != "" || s.Kind != api.JobArchive {
			t.Fatalf("%s: %+v", value, s)
		}
	}
	ok(own, `{"objnames":["c","a1","b1"],"archname":"list.tar","coer":false}`)
	if got := tarred(t, p.want(t, "GET", "/own/list.tar", "", 200, "")); got != "c=last a1=one b1=" {
		t.Errorf("of a list: %s", got)
	}
	ok(own, `{"template":"a{1..9}","archname":"t","mime":".tar","tobck":{"name":"shards","provider":"ais","namespace":null},"isbn":true}`)
	if got := tarred(t, p.want(t, "GET", "/shards/t", "", 200, "")); got != "own/a1=one own/a2=two" {
		t.Errorf("of a template: %s", got)
	}
	ok(own, `{"template":"a","archname":"prefix.zip"}`)
	content := p.want(t, "GET", "/own/prefix.zip", "", 200, "")
	z, err := zip.NewReader(strings.NewReader(content), int64(len(content)))
	if err != nil || len(z.File) != 2 || z.File[0].Name != "a1" {
		t.Errorf("of a prefix: %v %v", z, err)
	}
	ok(far, `{"objnames":["r1"],"archname":"list.tar","aate":true,"tobck":{"name":"own","provider":"ais"}}`)
	p.put(t, "/own/a1", "new")
	ok(own, `{"objnames":["a1"],"archname":"list.tar","aate":true}`)
	if got := tarred(t, p.want(t, "GET", "/own/list.tar", "", 200, "")); got != "c=last b1= r1=remote a1=new" {
		t.Errorf("appended: %s", got)
	}
	ok(own, `{"objnames":["a2"],"archname":"far.tar","tobck":{"name":"mem","provider":"aws"}}`)
	keys := mem.Keys()
	sort.Strings(keys)
	if len(keys) != 2 || !bytes.HasPrefix([]byte(p.want(t, "GET", "/mem/far.tar?provider=aws", "", 200, "")), []byte("a2")) {
		t.Errorf("at the remote: %q", keys)
	}

	if s := p.packed(t, own, `{"objnames":["a1","nosuch"],"archname":"half.tar"}`); !s.Aborted || !strings.Contains(s.Err, "nosuch") {
		t.Errorf("with one missing: %+v", s)
	}
	p.want(t, "GET", "/own/half.tar", "", 404, "NoSuchKey")
	if s := p.packed(t, own, `{"objnames":["nosuch","a1"],"archname":"rest.tar","coer":true}`); s.Aborted || !strings.Contains(s.Err, "nosuch") {
		t.Errorf("without one missing: %+v", s)
	}
	if got := tarred(t, p.want(t, "GET", "/own/rest.tar", "", 200, "")); got != "a1=new" {
		t.Errorf("without one missing: %s", got)
	}
	for value, has := range map[string]string{
		`{"objnames":["a"]}`:                                        "archname",
		`{"archname":"a.tar"}`:                                      "objnames",
		`{"objnames":["a"],"archname":"a.rar"}`:                     "archive",
		`{"objnames":["a"],"archname":"a.tar","mime":"text/plain"}`: ".tgz",
	} {
		p.want(t, "PUT", api.PathBuckets+"/"+own, `{"action":"archive","value":`+value+`}`, 400, has)
	}
	p.want(t, "PUT", api.PathBuckets+"/"+own, `{"action":"archive","value":{"objnames":["a"],"archname":"a.tar","tobck":{"name":"nosuch","provider":"ais"}}}`, 404, "")
}
