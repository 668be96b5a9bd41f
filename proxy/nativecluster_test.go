package proxy

import (
	"net/http"
	"strings"
	"testing"

	"ais/cluster"
	"ais/s3api"
)

// What a node tells of itself: nothing to somebody unknown, the log and the settings
// to an administrator.
func TestNativeDaemon(t *testing.T) {
	p := startProxy(t)
	nobody := s3api.Credentials{}
	for _, what := range []string{"log", "config", "smap", "sysinfo", "metrics", "node_status"} {
		for _, path := range []string{"/v1/daemon?what=" + what, "/v1/reverse/daemon?what=" + what} {
			if status, body := p.ask(t, nobody, "s3", http.MethodGet, path, "", "Ais-Node-Id", "p1"); status != http.StatusForbidden {
				t.Errorf("%s to nobody: %d %s", path, status, body)
			}
			if status, body := p.ask(t, root, "s3", http.MethodGet, path, "", "Ais-Node-Id", "p1"); status != http.StatusOK {
				t.Errorf("%s to root: %d %s", path, status, body)
			}
		}
	}
	for what, want := range map[string]int{"log&severity=loud": 400, "log&offset=-1": 400, "nonsense": 501, "": 501} {
		if status, body := p.ask(t, root, "s3", http.MethodGet, "/v1/daemon?what="+what, ""); status != want {
			t.Errorf("what=%s: %d %s", what, status, body)
		}
	}
	for node, want := range map[string]int{"": 400, "nope": 404, "t1": 503} {
		if status, body := p.ask(t, root, "s3", http.MethodGet, "/v1/reverse/daemon?what=log", "", "Ais-Node-Id", node); status != want {
			t.Errorf("node %q: %d %s", node, status, body)
		}
	}
}

func TestHealth(t *testing.T) {
	p := startProxy(t)
	for _, path := range []string{"/health", "/v1/health", "/v1/health?readiness=true", "/v1/health?prr=true"} {
		if status, body := p.ask(t, s3api.Credentials{}, "s3", http.MethodGet, path, ""); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// What an administrator may do to the cluster and its nodes, nobody else may; and what
// cannot be done is refused with a reason, and changes nothing.
func TestNativeNodes(t *testing.T) {
	p := startProxy(t)
	before := p.cluster.State().Map
	for _, test := range []struct {
		path, body string
		want       int
		part       string
	}{
		{"/v1/cluster", `{"action":"start-maintenance","value":{"sid":"t1"}}`, 409, "t1 is the only active target"},
		{"/v1/cluster", `{"action":"start-maintenance","value":{"sids":["t9"]}}`, 404, "there is no node t9"},
		{"/v1/cluster", `{"action":"start-maintenance"}`, 400, "names no node"},
		{"/v1/cluster", `{"action":"decommission-node","value":{"sid":"p1"}}`, 409, "embeds the cluster's etcd"},
		{"/v1/cluster", `{"action":"decommission-node","value":{"sid":"t1","force":true}}`, 409, "t1 is alive"},
		{"/v1/cluster", `{"action":"decommission-node","value":{"sid":"t1"}}`, 409, "t1 is the only active target"},
		{"/v1/cluster", `{"action":"decommission-node","value":{"sid":"t1","rm_user_data":true}}`, 501, "rm_user_data"},
		{"/v1/cluster", `{"action":"decommission-node","value":{"sid":"t1","no_shutdown":true}}`, 501, "no_shutdown"},
		{"/v1/cluster", `{"action":"shutdown-node","value":{"sid":"p1"}}`, 409, "embeds the cluster's etcd"},
		{"/v1/cluster", `{"action":"decommission"}`, 501, "not implemented"},
		{"/v1/cluster/proxy/p1", "", 200, ""},
		{"/v1/cluster/proxy/t1", "", 404, "there is no proxy t1"},
		{"/v1/cluster/attach?what=remote", "", 501, "not implemented"},
		{"/v1/cluster/set-config?transient=true&redirect=always", "", 501, "transient"},
		{"/v1/cluster/set-config?transient=false&redirect=always", "", 200, ""},
		{"/v1/cluster", `{"action":"reset-config"}`, 200, ""},
	} {
		if status, body := p.ask(t, s3api.Credentials{}, "s3", http.MethodPut, test.path, test.body); status != http.StatusForbidden {
			t.Errorf("%s %s of nobody: %d %s", test.path, test.body, status, body)
		}
		if status, body := p.ask(t, root, "s3", http.MethodPut, test.path, test.body); status != test.want || !strings.Contains(body, test.part) {
			t.Errorf("%s %s: %d %s", test.path, test.body, status, body)
		}
	}
	if now := p.cluster.State(); now.Map.Version != before.Version || now.Config.Redirect != cluster.DefaultConfig().Redirect {
		t.Errorf("the map is %+v, redirect %s", now.Map, now.Config.Redirect)
	}
	if status, body := p.ask(t, root, "s3", http.MethodPost, "/v1/cluster/join-by-admin", `{"daemon_id":"t1"}`); status != 200 || body != `{"daemon_id":"t1","rebalance_id":""}` {
		t.Errorf("a member joins: %d %s", status, body)
	}
	if status, _ := p.ask(t, root, "s3", http.MethodPost, "/v1/cluster/join-by-admin", `{"daemon_id":"t2"}`); status != 501 {
		t.Errorf("a stranger joins: %d", status)
	}
}
