package proxy

import (
	"net/http"
	"strings"
	"testing"

	"ais/s3api"
)

// Mountpaths are an administrator's, and a target's that is up.
func TestNativeMountpaths(t *testing.T) {
	p := startProxy(t)
	const path = "/v1/reverse/daemon/mountpaths"
	for method, action := range map[string]string{http.MethodPut: "attach-mp", http.MethodDelete: "detach-mp", http.MethodPost: "disable-mp"} {
		body := `{"action":"` + action + `","value":"/disk"}`
		if status, answer := p.ask(t, s3api.Credentials{}, "s3", method, path, body, "Ais-Node-Id", "t1"); status != http.StatusForbidden {
			t.Errorf("%s of nobody: %d %s", action, status, answer)
		}
		for _, test := range []struct {
			node, body string
			want       int
			part       string
		}{
			{"", body, 400, "names no node"},
			{"nope", body, 404, "no node nope"},
			{"p1", body, 400, "is a proxy"},
			{"t1", body, 503, ""},
			{"t1", `{"action":"` + action + `"}`, 400, "directory of a mountpath"},
			{"t1", `{"action":"explode-mp","value":"/disk"}`, 501, ""},
		} {
			status, answer := p.ask(t, root, "s3", method, path, test.body, "Ais-Node-Id", test.node)
			if status != test.want || !strings.Contains(answer, test.part) {
				t.Errorf("%s at %q: %d %s", action, test.node, status, answer)
			}
		}
	}
}
