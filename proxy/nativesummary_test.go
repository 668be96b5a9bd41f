package proxy

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"ais/api"
	"ais/cluster"
	"ais/s3api"
)

// summed asks for a summary until it is complete.
func (p *Proxy) summed(t *testing.T, path, value string) (s api.Summary) {
	t.Helper()
	id := p.want(t, "GET", path, `{"action":"summary-bck","value":{"uuid":"",`+value+`}}`, 202, "J")
	for {
		status, body := p.ask(t, s3api.Credentials{}, "", "GET", path, `{"action":"summary-bck","value":{"uuid":"`+id+`",`+value+`}}`)
		if status == http.StatusPartialContent {
			continue
		}
		var all []api.Summary
		if err := json.Unmarshal([]byte(body), &all); err != nil || status != 200 || len(all) != 1 {
			t.Fatalf("%d %s", status, body)
		}
		return all[0]
	}
}

// TestSummary counts a bucket, what begins with a prefix, and what a remote one has.
func TestSummary(t *testing.T) {
	p, mem := startRemote(t, cluster.AuthOff)
	const own, far = api.PathBuckets + "/own?provider=ais", api.PathBuckets + "/mem?provider=aws"
	p.want(t, "POST", own, `{"action":"create-bck"}`, 200, "")
	if s := p.summed(t, own, `"prefix":"","cached":true,"present":true`); s.Objects != 0 || s.MinSize != 0 || !s.Present || s.DisksSize == 0 {
		t.Errorf("of nothing: %+v", s)
	}
	p.put(t, "/own/a1", "1")
	p.put(t, "/own/a2", "12345")
	p.put(t, "/own/b", "123")
	if s := p.summed(t, own, `"prefix":""`); s.Objects != 3 || s.Size != 9 || s.MinSize != 1 || s.AvgSize != 3 || s.MaxSize != 5 || s.RemoteObjects != 0 || s.UsedPct <= 0 {
		t.Errorf("%+v", s)
	}
	if s := p.summed(t, own, `"prefix":"a"`); s.Objects != 2 || s.Size != 6 {
		t.Errorf("of a prefix: %+v", s)
	}
	mem.Set("r1", "1234")
	mem.Set("r2", "12")
	p.want(t, "GET", "/mem/r1?provider=aws", "", 200, "1234")
	if s := p.summed(t, far, `"prefix":"","cached":false`); s.Objects != 1 || s.Size != 4 || s.RemoteObjects != 2 || s.RemoteSize != 6 {
		t.Errorf("of a remote bucket: %+v", s)
	}
	if s := p.summed(t, far, `"prefix":"","cached":true`); s.Objects != 1 || s.RemoteObjects != 0 {
		t.Errorf("of what is here: %+v", s)
	}
	p.want(t, "GET", own, `{"action":"summary-bck","value":{"uuid":"nosuch"}}`, 404, "nosuch")
	p.want(t, "GET", api.PathBuckets+"/unknown?provider=aws", `{"action":"summary-bck","value":{"dont_add_remote":true}}`, 404, "")
}

// TestHeadSummary: the HEAD of a bucket starts a summary, and answers with it.
func TestHeadSummary(t *testing.T) {
	p, _ := startRemote(t, cluster.AuthOff)
	const own = api.PathBuckets + "/own?provider=ais"
	p.want(t, "POST", own, `{"action":"create-bck"}`, 200, "")
	p.put(t, "/own/a1", "1")
	p.put(t, "/own/b", "123")
	head := func(path string) (int, func(name string) string) {
		ctx := p.answer(t, s3api.Credentials{}, "", "HEAD", path, "")
		return ctx.Response.StatusCode(), func(name string) string { return string(ctx.Response.Header.Peek(name)) }
	}
	status, header := head(api.PathBuckets + "/own/a?provider=ais&presence=0&bsumm_remote=True")
	id := header(api.HeaderJobID)
	if status != 202 || !strings.HasPrefix(id, "J") || header(api.HeaderBucketProps) == "" || header(api.HeaderBucketSum) != "" {
		t.Fatalf("%d %s", status, id)
	}
	for status = 206; status == 206; {
		status, header = head(own + "&presence=0&bsumm_remote=True&uuid=" + id)
	}
	var s api.Summary
	if err := json.Unmarshal([]byte(header(api.HeaderBucketSum)), &s); err != nil || status != 200 || s.Objects != 1 || s.Size != 1 {
		t.Errorf("%d %+v %v", status, s, err)
	}
	status, header = head(own + "&presence=3&bsumm_remote=False")
	if status != 202 || header(api.HeaderJobID) == "" {
		t.Errorf("%d", status)
	}
	status, header = head(own + "&presence=3&bsumm_remote=False&uuid=" + header(api.HeaderJobID))
	if status != 200 || header(api.HeaderBucketSum) != "" {
		t.Errorf("%d %s", status, header(api.HeaderBucketSum))
	}
	for query, want := range map[string]int{"&presence=6": 400, "&presence=x": 400, "&presence=5": 404, "&presence=2": 200, "": 200} {
		if status, _ := head(own + query); status != want {
			t.Errorf("%s: %d, want %d", query, status, want)
		}
	}
	for _, test := range []struct {
		path string
		want int
	}{{"mem?provider=aws&presence=2", 404}, {"mem?provider=aws&presence=5", 200}, {"mem?provider=aws&presence=4", 200}, {"nosuch?provider=aws&presence=0", 404}} {
		if status, _ := head(api.PathBuckets + "/" + test.path); status != test.want {
			t.Errorf("%s: %d, want %d", test.path, status, test.want)
		}
	}
	p.want(t, "GET", api.PathBuckets+"?presence=7", `{"action":"list"}`, 400, "presence")
	p.want(t, "GET", api.PathBuckets+"?presence=5", `{"action":"list"}`, 200, "[]")
	p.want(t, "GET", api.PathBuckets+"?presence=2&provider=ais", `{"action":"list"}`, 200, "own")
}

// What AIStore has and AIS does not is said to be so, to those who may ask.
func TestUnbuilt(t *testing.T) {
	p := startProxy(t)
	const own = api.PathBuckets + "/own?provider=ais"
	if status, body := p.ask(t, root, "ais", "POST", own, `{"action":"create-bck"}`); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	for _, test := range []struct {
		who          s3api.Credentials
		method, path string
		body         string
		status       int
		has          string
	}{
		{root, "POST", own, `{"action":"etl-bck","value":{"id":"x"}}`, 501, "ETL"},
		{root, "POST", own, `{"action":"make-n-copies","value":2}`, 501, "mirror.copies"},
		{root, "POST", own, `{"action":"ec-encode","value":"{}"}`, 501, "erasure"},
		{root, "GET", own, `{"action":"show-inventory"}`, 501, "inventories"},
		{root, "POST", api.PathBuckets + "/nosuch?provider=ais", `{"action":"promote"}`, 404, "nosuch"},
		{root, "POST", own, `{"action":"whatever"}`, 501, "whatever"},
		{root, "POST", "/v1/download", `{"link":"x"}`, 501, "downloader"},
		{root, "GET", "/v1/etl/name/logs", ``, 501, "ETL"},
		{root, "POST", "/v1/sort", `not json`, 501, "dSort"},
		{root, "DELETE", "/v1/tokens", ``, 501, "access key"},
		{s3api.Credentials{}, "POST", own, `{"action":"etl-bck"}`, 403, ""},
		{s3api.Credentials{}, "POST", "/v1/download", `{}`, 403, ""},
	} {
		status, body := p.ask(t, test.who, "ais", test.method, test.path, test.body)
		if status != test.status || !strings.Contains(body, test.has) {
			t.Errorf("%s %s %s: %d %s, want %d", test.method, test.path, test.body, status, body, test.status)
		}
	}
}
