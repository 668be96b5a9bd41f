package proxy

import (
	"strings"
	"testing"

	"ais/api"
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
		{root, "PUT", api.PathCluster, `{"action":"start","value":{"Kind":"rebalance"}}`, 400, "a kind of job is"},
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
