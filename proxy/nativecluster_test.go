package proxy

import (
	"net/http"
	"testing"

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
