package proxy

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"ais/api"
	"ais/cluster"
	"ais/object"
	"ais/s3api"
)

// TestPropsConflict has two people change the properties of a bucket: of two who saw the
// same properties the second is told so, whether it says what it saw or not; S3's
// configuration of the bucket is in nobody's way.
func TestPropsConflict(t *testing.T) {
	p := startProxy(t)
	const path = api.PathBuckets + "/own?provider=ais"
	must := func(method, path, body string, status int, has string, headers ...string) {
		t.Helper()
		got, answer := p.ask(t, root, "ais", method, path, body, headers...)
		if got != status || !strings.Contains(answer, has) {
			t.Fatalf("%s %s: %d %s, want %d %q", method, body, got, answer, status, has)
		}
	}
	must("POST", path, `{"action":"create-bck"}`, 200, "")
	tag := func() string {
		b, _ := p.cluster.State().Bucket(object.AIS, "own")
		return fmt.Sprintf("%q", fmt.Sprint(b.Revision))
	}
	seen := tag()
	must("PATCH", path, `{"action":"set-bprops","value":{"checksum":{"type":"md5"}}}`, 200, "", "If-Match", seen)
	must("PATCH", path, `{"action":"set-bprops","value":{"lru":{"enabled":true}}}`, 409, "changed meanwhile", "If-Match", seen)
	must("PATCH", path, `{"action":"reset-bprops"}`, 409, "somebody else", "If-Match", seen)
	must("PATCH", path, `{"action":"set-bprops","value":{"lru":{"enabled":true},"checksum":{"type":"nosuch"}}}`, 400, "checksum.type")
	must("PATCH", path, `{"action":"set-bprops","value":{"nosuch":1}}`, 400, "nosuch")
	must("PATCH", path, `{"action":"set-bprops","value":{"copies":2}}`, 400, "copies: 2 copies need as many active targets")
	must("PATCH", path, `{"action":"set-bprops","value":{"copies":9}}`, 400, "1 to 8")
	must("POST", api.PathBuckets+"/twice?provider=ais", `{"action":"create-bck","value":{"copies":2}}`, 400, "copies")
	must("PUT", api.PathCluster+"/set-config?copies=2", "", 400, "copies: 2 copies need as many active targets")
	if b, _ := p.cluster.State().Bucket(object.AIS, "own"); b.Props.LRU.Enabled || b.Props.Checksum.Type != object.MD5 {
		t.Errorf("set to %+v", b.Props)
	}
	must("PATCH", path, `{"action":"set-bprops","value":{"lru":{"enabled":true}}}`, 200, "", "If-Match", tag())
	must("PATCH", path, `{"action":"set-bprops","value":{"lru":{"enabled":false}}}`, 200, "", "If-Match", "*")

	// One that does not say what it saw: a change comes in between its read and its write.
	b, _ := p.cluster.State().Bucket(object.AIS, "own")
	before := *b
	const racers = 8
	statuses := make([]int, racers)
	var all sync.WaitGroup
	for i := range racers {
		all.Go(func() {
			body := `{"action":"set-bprops","value":{"multipart":{"min_part_size":"` + string(rune('1'+i)) + `MiB"}}}`
			statuses[i], _ = p.ask(t, root, "ais", "PATCH", path, body)
		})
	}
	all.Go(func() { // not a change of properties
		if err := p.changeBucket(&before, func(b *cluster.Bucket) error { b.Documents.CORS = "x"; return nil }); err != nil {
			t.Error(err)
		}
	})
	all.Wait()
	ok := 0
	for _, status := range statuses {
		switch status {
		case 200:
			ok++
		case 409:
		default:
			t.Errorf("status %d", status)
		}
	}
	after, _ := p.cluster.State().Bucket(object.AIS, "own")
	if ok == 0 || after.Documents.CORS != "x" || after.Props.Multipart == before.Props.Multipart {
		t.Errorf("%v, %+v", statuses, after)
	}
	if status, body := p.ask(t, s3api.Credentials{}, "", "PATCH", path, `{"action":"reset-bprops"}`); status != 403 {
		t.Errorf("%d %s", status, body)
	}
	if status, body := p.ask(t, root, "ais", "HEAD", path+"&namespace=@u%23n", ""); status != 400 {
		t.Errorf("%d %s", status, body)
	}
}
