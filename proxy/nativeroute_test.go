package proxy

import (
	"strings"
	"testing"

	"ais/api"
)

// The routing table and the list of calls that documents are made from have the
// same rows.
func TestNativeRoutesAreEndpoints(t *testing.T) {
	listed := map[nativeRoute]bool{}
	for _, e := range api.Endpoints() {
		if strings.HasPrefix(e.Path, api.PathObjects) { // the targets' table
			continue
		}
		r := nativeRoute{e.Method, e.Path, e.Selector()}
		if listed[r] {
			t.Errorf("%v is listed twice", r)
		}
		listed[r] = true
		if _, ok := nativeRoutes[r]; !ok {
			t.Errorf("api.Endpoints has %v, which the proxy does not serve", r)
		}
	}
	for r := range nativeRoutes {
		if !listed[r] {
			t.Errorf("the proxy serves %v, which api.Endpoints does not have", r)
		}
	}
}

func TestNativePattern(t *testing.T) {
	for path, want := range map[string]string{
		"/v1/buckets":                      "/v1/buckets",
		"/v1/buckets/":                     "/v1/buckets",
		"/v1/buckets/b":                    "/v1/buckets/{bucket}",
		"/v1/buckets/b/prefix/of/names":    "/v1/buckets/{bucket}",
		"/v1/cluster/set-config":           "/v1/cluster/set-config",
		"/v1/auth/users/u":                 "/v1/auth/users/{user}",
		"/v1/auth/users/u/keys":            "/v1/auth/users/{user}/keys",
		"/v1/auth/users/u/keys/k":          "/v1/auth/users/{user}/keys/{key}",
		"/v1/auth/users/u/policies/p":      "/v1/auth/users/{user}/policies/{name}",
		"/v1/auth/users/u/policies/p/more": "/v1/auth/users/u/policies/p/more",
	} {
		if got := nativePattern(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}
