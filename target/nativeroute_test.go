package target

import (
	"regexp"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"ais/api"
)

// What the list of calls says of objects is what this target serves, and all that it
// serves is in the list.
func TestNativeObjectCallsAreEndpoints(t *testing.T) {
	word := regexp.MustCompile(`^[a-zA-Z_-]+`)
	example := map[string]string{
		api.QueryCopyTo: "ais/@%23/other/key", api.QueryAppend: "append",
		api.QueryUploadID: "target1.x", api.QueryPartNumber: "1",
	}
	listed := map[api.ObjectKind]bool{}
	for _, e := range api.Endpoints() {
		if !strings.HasPrefix(e.Path, api.PathObjects) {
			continue
		}
		var ctx fasthttp.RequestCtx
		ctx.Request.Header.SetMethod(e.Method)
		var query []string
		for _, part := range strings.Split(e.Query, ",") {
			name, value, given := strings.Cut(strings.TrimSpace(part), "=")
			name = word.FindString(name)
			if !given {
				value = example[name]
			}
			query = append(query, name+"="+value)
		}
		ctx.Request.SetRequestURI("/v1/objects/bucket/key?" + strings.Join(query, "&"))
		asks, err := api.ReadObjectCall(&ctx)
		if err != nil && !strings.Contains(e.Query, api.QueryAppendHandle) { // a handle must be one that was given out
			t.Errorf("%s %s %s: %v", e.Method, e.Path, e.Query, err)
		}
		if err != nil {
			continue
		}
		if _, ok := nativeCalls[asks.Kind]; !ok {
			t.Errorf("api.Endpoints has %s %s %s, which a target does not serve", e.Method, e.Path, e.Query)
		}
		listed[asks.Kind] = true
	}
	for kind := range nativeCalls {
		if !listed[kind] {
			t.Errorf("a target serves calls of kind %d, which api.Endpoints does not have", kind)
		}
	}
}
