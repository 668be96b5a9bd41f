package proxy

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"ais/api"
	"ais/backend/backendtest"
	"ais/cluster"
	"ais/object"
	"ais/s3api"
)

// Who may start which job on what, as far as it gets without a target that answers.
func TestJobsOverHTTP(t *testing.T) {
	p := startProxy(t)
	const secret = "secret-of-bob-in-tests"
	bob := s3api.Credentials{AccessKey: "BOB-KEY", Secret: secret}
	if status, body := p.ask(t, root, "ais", "POST", api.PathUsers, `{"name":"bob","access_key":"BOB-KEY","secret_key":"`+secret+`"}`); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	for _, b := range []cluster.Bucket{{Provider: object.AIS, Name: "own"}, {Provider: object.AWS, Name: "far"}} {
		b.Props = cluster.DefaultProps(b.Provider, false, p.cluster.State().Config)
		if _, err := p.cluster.CreateBucket(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	const far, own = api.PathBuckets + "/far?provider=aws", api.PathBuckets + "/own?provider=ais"
	const unreachable = 503 // what a call that is allowed comes to here
	for _, test := range []struct {
		who          s3api.Credentials
		method, path string
		body         string
		status       int
		has          string
	}{
		{root, "POST", far, `{"action":"prefetch-listrange","value":{"template":"a{0..9}"}}`, unreachable, ""},
		{root, "POST", far, `{"action":"prefetch-listrange","value":{"template":"a{9..0}"}}`, 400, "begins after its end"},
		{root, "POST", far, `{"action":"prefetch-listrange","value":{"objnames":["a"],"template":"b"}}`, 400, "one of them"},
		{root, "POST", far, `{"action":"prefetch-listrange","value":{"num-workers":65}}`, 400, "workers"},
		{root, "POST", own, `{"action":"prefetch-listrange","value":{}}`, 400, "no remote bucket"},
		{root, "DELETE", own, `{"action":"evict-listrange","value":{}}`, 400, "no remote bucket"},
		{root, "DELETE", own, `{"action":"evict-remote-bck"}`, 400, "no remote bucket"},
		{root, "DELETE", own, `{"action":"delete-listrange","value":{"objnames":["a"]}}`, unreachable, ""},
		{root, "DELETE", far + "&keep_bck_md=True", `{"action":"evict-remote-bck"}`, unreachable, ""},
		{bob, "POST", far, `{"action":"prefetch-listrange","value":{}}`, 403, ""},
		{bob, "DELETE", far, `{"action":"evict-listrange","value":{}}`, 403, ""},
		{bob, "DELETE", far, `{"action":"evict-remote-bck"}`, 403, ""},
		{bob, "DELETE", own, `{"action":"delete-listrange","value":{}}`, 403, ""},
		{s3api.Credentials{}, "DELETE", far, `{"action":"evict-listrange","value":{}}`, 403, ""},
		{root, "PUT", api.PathCluster, `{"action":"start","value":{"Kind":"lru"}}`, unreachable, ""},
		{bob, "PUT", api.PathCluster, `{"action":"start","value":{"Kind":"lru"}}`, 403, ""},
		{bob, "PUT", api.PathCluster, `{"action":"set-config","value":{"redirect":"never"}}`, 403, ""},
		{root, "PUT", api.PathCluster, `{"action":"set-config","value":{"redirect":"never"}}`, 200, ""},
		{root, "PUT", api.PathCluster, `{"action":"start","value":{"Kind":"reconfigure"}}`, 400, "a kind of job is"},
		{bob, "PUT", api.PathCluster, `{"action":"start","value":{"Kind":"rebalance"}}`, 403, ""},
		{bob, "PUT", api.PathCluster, `{"action":"stop","value":{"Kind":"rebalance"}}`, 403, ""},
		{root, "PUT", api.PathCluster, `{"action":"start","value":{"Kind":"rebalance","Bck":{"name":"own","provider":"ais"}}}`, 400, "all buckets"},
		{root, "PUT", api.PathCluster, `{"action":"start","value":{"Kind":"rebalance"}}`, 200, "g1"},
		{root, "GET", api.PathCluster + "?what=status", `{"id":"g1"}`, 200, `"kind":"rebalance"`},
		{root, "GET", api.PathCluster + "?what=status", `{"kind":"rebalance"}`, 200, `"uuid":"g1"`},
		{root, "PUT", api.PathCluster, `{"action":"stop","value":{"ID":"g1"}}`, 200, ""},
		{root, "PUT", api.PathCluster, `{"action":"start","value":{"Kind":"prefetch"}}`, 400, "of a bucket"},
		{root, "PUT", api.PathCluster, `{"action":"start","value":{"Kind":"prefetch","Bck":{"name":"far","provider":"aws"}}}`, unreachable, ""},
		{bob, "PUT", api.PathCluster, `{"action":"start","value":{"Kind":"prefetch","Bck":{"name":"far","provider":"aws"}}}`, 403, ""},
		{root, "PUT", api.PathCluster, `{"action":"stop","value":{}}`, 400, "which job"},
		{s3api.Credentials{}, "GET", api.PathCluster + "?what=qryxstats", "", 403, ""},
		{root, "GET", api.PathCluster + "?what=qryxstats", "", unreachable, ""},
	} {
		status, body := p.ask(t, test.who, "ais", test.method, test.path, test.body)
		if status != test.status || !strings.Contains(body, test.has) {
			t.Errorf("%s %s %s by %s: %d %s, want %d", test.method, test.path, test.body, test.who.AccessKey, status, body, test.status)
		}
	}
}

// A job from its start to what is told of it afterwards.
func TestJobsRun(t *testing.T) {
	p, mem := startRemote(t, cluster.AuthOff)
	const far = api.PathBuckets + "/mem?provider=aws"
	p.want(t, "POST", far, `{"action":"create-bck"}`, 200, "")
	for _, key := range []string{"a1", "a2", "b1"} {
		p.want(t, "PUT", "/mem/"+key+"?provider=aws", "12345", 200, "")
	}
	here := func(want string) {
		t.Helper()
		var page api.ListResult
		body := p.want(t, "GET", far, `{"action":"list","value":{"flags":"1"}}`, 200, "")
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range page.Entries {
			names = append(names, e.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("here are %s; want %s", got, want)
		}
	}
	here("a1 a2 b1")
	ended := func(id string) (s api.JobStatus) {
		t.Helper()
		for s.Ended == 0 {
			body := p.want(t, "GET", api.PathCluster+"?what=status", `{"ID":"`+id+`"}`, 200, id)
			if err := json.Unmarshal([]byte(body), &s); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	id := p.want(t, "DELETE", far, `{"action":"evict-listrange","value":{"template":"a{1..5}"}}`, 200, "J")
	if s := ended(id); s.Aborted || s.Err != "" || s.Kind != api.JobEvict {
		t.Errorf("%+v", s)
	}
	here("b1")
	if keys := mem.Keys(); len(keys) != 3 {
		t.Errorf("at the remote: %q", keys)
	}
	p.want(t, "GET", api.PathCluster+"?what=qryxstats", `{"kind":"evict"}`, 200, `"loc-objs":"2"`)
	p.want(t, "GET", api.PathCluster+"?what=status_all", `{"bck":{"name":"mem","provider":"aws"}}`, 200, id)
	p.want(t, "GET", api.PathCluster+"?what=running_all", `{}`, 200, "[]")
	p.want(t, "GET", api.PathCluster+"?what=status", `{"id":"nosuch"}`, 404, "nosuch")
	p.want(t, "PUT", api.PathCluster, `{"action":"stop","value":{"ID":"nosuch"}}`, 404, "nosuch")
	p.want(t, "PUT", api.PathCluster, `{"action":"stop","value":{"Kind":"evict"}}`, 200, "")

	hold := make(chan struct{})
	mem.Hook(func(ctx context.Context, op, _ string) error {
		if op == backendtest.OpList {
			select {
			case <-hold:
			case <-ctx.Done():
			}
		}
		return ctx.Err()
	})
	id = p.want(t, "POST", far, `{"action":"prefetch-listrange","value":{}}`, 200, "J")
	p.want(t, "GET", api.PathCluster+"?what=running_all", `{}`, 200, "prefetch-listrange["+id+"]")
	p.want(t, "PUT", api.PathCluster, `{"action":"stop","value":{"ID":"`+id+`"}}`, 200, "")
	if s := ended(id); !s.Aborted || s.Err != "stopped on request" {
		t.Errorf("%+v", s)
	}
	close(hold)

	id = p.want(t, "DELETE", far+"&keep_bck_md=true", `{"action":"evict-remote-bck"}`, 200, "J")
	ended(id)
	here("")
	id = p.want(t, "DELETE", far, `{"action":"delete-listrange","value":{"objnames":["a1"]}}`, 200, "J")
	ended(id)
	if keys := mem.Keys(); len(keys) != 2 {
		t.Errorf("at the remote: %q", keys)
	}
	if answer := p.want(t, "DELETE", far, `{"action":"evict-remote-bck"}`, 200, ""); answer != "" {
		t.Errorf("answer %q", answer)
	}
	if _, ok := p.cluster.State().Bucket(object.AWS, "mem"); ok || len(mem.Keys()) != 2 {
		t.Error("the bucket is here still, or its objects are gone there")
	}
}
