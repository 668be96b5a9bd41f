package proxy

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"ais/api"
	"ais/cluster"
	"ais/object"
	"ais/s3api"
)

// ended waits for a job and returns how it ended.
func (p *Proxy) ended(t *testing.T, id string) (s api.JobStatus) {
	t.Helper()
	for s.Ended == 0 {
		body := p.want(t, "GET", api.PathCluster+"?what=status", `{"ID":"`+id+`"}`, 200, id)
		if err := json.Unmarshal([]byte(body), &s); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// names lists a bucket, which the query says the provider of.
func (p *Proxy) names(t *testing.T, bucket string) string {
	t.Helper()
	var page api.ListResult
	if err := json.Unmarshal([]byte(p.want(t, "GET", api.PathBuckets+"/"+bucket, `{"action":"list","value":{}}`, 200, "")), &page); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range page.Entries {
		names = append(names, e.Name)
	}
	return strings.Join(names, " ")
}

// copied starts a copy, waits for it, and returns how many objects it says it copied.
func (p *Proxy) copied(t *testing.T, from, to, value string) (objects int64) {
	t.Helper()
	path, action := api.PathBuckets+"/"+from+"&bck_to="+to, "copy-bck"
	if to == "" {
		path, action = api.PathBuckets+"/"+from, "copy-listrange"
	}
	id := p.want(t, "POST", path, `{"action":"`+action+`","value":`+value+`}`, 200, "J")
	if s := p.ended(t, id); s.Aborted || s.Err != "" || s.Kind != action {
		t.Fatalf("copy of %s to %s: %+v", from, to, s)
	}
	var snaps api.JobSnaps
	if err := json.Unmarshal([]byte(p.want(t, "GET", api.PathCluster+"?what=qryxstats", `{"ID":"`+id+`"}`, 200, id)), &snaps); err != nil {
		t.Fatal(err)
	}
	for _, of := range snaps {
		for i := range of {
			objects += of[i].Stats.Objects
		}
	}
	return objects
}

// TestCopyBucket copies between buckets of both kinds, into the bucket itself, in a dry
// run, and so that what is gone is removed.
func TestCopyBucket(t *testing.T) {
	p, mem := startRemote(t, cluster.AuthOff)
	const own, far = "own?provider=ais", "mem?provider=aws"
	p.want(t, "POST", api.PathBuckets+"/"+own, `{"action":"create-bck","value":{"checksum":{"type":"sha256"}}}`, 200, "")
	for _, key := range []string{"a1", "a2", "b1"} {
		p.put(t, "/own/"+key, "12345")
	}
	if n := p.copied(t, own, "ais/@%23/dry/", `{"dry_run":true}`); n != 3 {
		t.Errorf("a dry run counts %d objects", n)
	}
	p.want(t, "HEAD", api.PathBuckets+"/dry?provider=ais", "", 404, "")
	if n := p.copied(t, own, "ais/@%23/new/", `{"prefix":"a","prepend":"x/","num-workers":-1}`); n != 2 {
		t.Errorf("%d objects were copied", n)
	}
	if got := p.names(t, "new?provider=ais"); got != "x/a1 x/a2" {
		t.Errorf("the copies are %s", got)
	}
	if b, _ := p.cluster.State().Bucket(object.AIS, "new"); b.Props.Checksum.Type != object.SHA256 {
		t.Errorf("the new bucket has %+v", b.Props)
	}
	for range 2 { // what it made itself it does not copy
		p.copied(t, own, "ais/@%23/own/", `{"prepend":"c-"}`)
	}
	if got := p.names(t, own); got != "a1 a2 b1 c-a1 c-a2 c-b1" {
		t.Errorf("copied into itself: %s", got)
	}
	p.copied(t, own, "aws/@%23/mem/", `{"prefix":"a"}`)
	if keys := mem.Keys(); fmt.Sprint(keys) != "[a1 a2]" {
		t.Errorf("at the remote: %q", keys)
	}
	mem.Set("r1", "at the remote")
	p.copied(t, far, "ais/@%23/here/", `{}`)
	if got := p.names(t, "here?provider=ais"); got != "a1 a2 r1" {
		t.Errorf("copied from the remote: %s", got)
	}
	p.want(t, "GET", "/here/r1", "", 200, "at the remote")
	p.copied(t, own, "", `{"objnames":["b1"],"tobck":{"name":"here","provider":"ais","namespace":null},"prepend":"one/","coer":false}`)
	p.copied(t, own, "", `{"template":"a{1..9}","tobck":{"name":"here","provider":"ais"},"prepend":"many/"}`)
	if got := p.names(t, "here?provider=ais"); got != "a1 a2 many/a1 many/a2 one/b1 r1" {
		t.Errorf("with single objects: %s", got)
	}
	p.want(t, "DELETE", "/own/a1", "", 204, "")
	p.copied(t, own, "ais/@%23/new/", `{"prefix":"a","prepend":"x/","synchronize":true}`)
	if got := p.names(t, "new?provider=ais"); got != "x/a2" {
		t.Errorf("synchronized: %s", got)
	}
	p.want(t, "DELETE", "/own/a2", "", 204, "")
	p.copied(t, own, "", `{"objnames":["a2"],"tobck":{"name":"new","provider":"ais"},"prepend":"x/","synchronize":true}`)
	if got := p.names(t, "new?provider=ais"); got != "" {
		t.Errorf("synchronized by name: %s", got)
	}
}

func TestCopyRefused(t *testing.T) {
	p, _ := startRemote(t, cluster.AuthOff)
	const own = api.PathBuckets + "/own?provider=ais"
	p.want(t, "POST", own, `{"action":"create-bck"}`, 200, "")
	for _, test := range []struct {
		to, body, has string
	}{
		{"", `{"action":"copy-bck"}`, "bck_to"},
		{"ais/x", `{"action":"copy-bck"}`, "unique name"},
		{"ais/@%23/own/", `{"action":"copy-bck"}`, "the objects themselves"},
		{"ais/@%23/xxx/", `{"action":"copy-bck","value":{"num-workers":99}}`, "num-workers"},
		{"ais/@%23/xxx/", `{"action":"copy-bck","value":{"prepend":"` + strings.Repeat("p", 1024) + `"}}`, "prepend"},
		{"ais/@u%23n/x/", `{"action":"copy-bck"}`, "global namespace"},
		{"aws/@%23/nosuch/", `{"action":"copy-bck"}`, "does not exist"},
		{"gcp/@%23/xxx/", `{"action":"copy-bck"}`, "gcp"},
		{"", `{"action":"copy-listrange","value":{"objnames":["a"]}}`, "tobck"},
		{"", `{"action":"copy-listrange","value":{"objnames":["a"],"tobck":{"name":"x","provider":"ais","namespace":{"uuid":"u","name":"n"}}}}`, "global namespace"},
		{"aws/@%23/own2/", `{"action":"move-bck"}`, "provider"},
		{"ais/@%23/-/", `{"action":"move-bck"}`, ""},
	} {
		path := own
		if test.to != "" {
			path += "&bck_to=" + test.to
		}
		p.want(t, "POST", path, test.body, 400, test.has)
	}
	p.want(t, "POST", own+"&bck_to=ais/@%23/xxx/", `{"action":"copy-bck","value":{"ext":{"jpg":"txt"}}}`, 501, "transformed")
	if n := len(p.cluster.State().Buckets()); n != 1 {
		t.Errorf("%d buckets are there", n)
	}
}

// TestRenameBucket: the bucket has another name, its objects are there, and nothing
// answers under the old one, until there is a new bucket of that name.
func TestRenameBucket(t *testing.T) {
	p, _ := startRemote(t, cluster.AuthOff)
	const old, moved = api.PathBuckets + "/old?provider=ais", api.PathBuckets + "/moved?provider=ais"
	p.want(t, "POST", old, `{"action":"create-bck","value":{"checksum":{"type":"md5"}}}`, 200, "")
	p.put(t, "/old/a", "12345")
	id := p.want(t, "POST", old+"&bck_to=ais/@%23/moved/", `{"action":"move-bck"}`, 200, "J")
	if s := p.ended(t, id); s.Aborted || s.Err != "" || s.Kind != api.JobRename {
		t.Errorf("%+v", s)
	}
	p.want(t, "GET", "/moved/a", "", 200, "12345")
	p.want(t, "GET", "/old/a", "", 404, "NoSuchBucket")
	p.want(t, "HEAD", old, "", 404, "")
	p.want(t, "POST", old, `{"action":"create-bck"}`, 200, "")
	p.want(t, "GET", "/old/a", "", 404, "NoSuchKey")
	p.want(t, "POST", old+"&bck_to=ais/@%23/moved/", `{"action":"move-bck"}`, 409, `bucket \"ais://moved\" already exists`)
	p.want(t, "POST", api.PathBuckets+"/nosuch?provider=ais&bck_to=ais/@%23/xxx/", `{"action":"move-bck"}`, 404, "nosuch")
	p.want(t, "POST", api.PathBuckets+"/mem?provider=aws&bck_to=aws/@%23/xxx/", `{"action":"create-bck"}`, 200, "")
	p.want(t, "POST", api.PathBuckets+"/mem?provider=aws&bck_to=aws/@%23/xxx/", `{"action":"move-bck"}`, 400, "remote")
	p.want(t, "PUT", "/moved?policy", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::moved/*"}]}`, 204, "")
	p.want(t, "POST", moved+"&bck_to=ais/@%23/xxx/", `{"action":"move-bck"}`, 400, "policy")
}

// TestRenameRaces has a bucket of a name created while other buckets are given it: one
// of them has it in the end, and no bucket is lost.
func TestRenameRaces(t *testing.T) {
	p, _ := startRemote(t, cluster.AuthOff)
	for round := range 5 {
		target := fmt.Sprintf("won%d", round)
		for i := range 3 {
			p.want(t, "POST", fmt.Sprintf("%s/from%d-%d?provider=ais", api.PathBuckets, round, i), `{"action":"create-bck"}`, 200, "")
		}
		var won sync.Map
		var all sync.WaitGroup
		for i := range 3 {
			all.Go(func() {
				status, body := p.ask(t, s3api.Credentials{}, "", "POST", fmt.Sprintf("%s/from%d-%d?provider=ais&bck_to=ais/@%%23/%s/", api.PathBuckets, round, i, target), `{"action":"move-bck"}`)
				if status == 200 {
					won.Store(i, true)
				} else if status != 409 {
					t.Errorf("%d %s", status, body)
				}
			})
		}
		all.Go(func() {
			status, body := p.ask(t, s3api.Credentials{}, "", "POST", api.PathBuckets+"/"+target+"?provider=ais", `{"action":"create-bck"}`)
			if status == 200 {
				won.Store("create", true)
			} else if status != 409 {
				t.Errorf("%d %s", status, body)
			}
		})
		all.Wait()
		winners := 0
		_, created := won.Load("create")
		won.Range(func(_, _ any) bool { winners++; return true })
		left := 0
		for _, b := range p.cluster.State().Buckets() {
			if strings.HasPrefix(b.Name, fmt.Sprintf("from%d-", round)) {
				left++
			}
		}
		if want := map[bool]int{true: 3, false: 2}[created]; winners != 1 || left != want {
			t.Errorf("round %d: %d have the name, %d are left", round, winners, left)
		}
	}
}

// Who may copy and rename.
func TestCopyDenied(t *testing.T) {
	p := startProxy(t)
	const secret = "secret-of-bob-in-tests"
	bob := s3api.Credentials{AccessKey: "BOB-KEY", Secret: secret}
	for _, user := range []string{
		`{"name":"bob","access_key":"BOB-KEY","secret_key":"` + secret + `"}`,
	} {
		if status, body := p.ask(t, root, "ais", "POST", api.PathUsers, user); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	for _, b := range []struct {
		who  s3api.Credentials
		name string
	}{{root, "roots"}, {bob, "bobs"}} {
		if status, body := p.ask(t, b.who, "ais", "POST", api.PathBuckets+"/"+b.name+"?provider=ais", `{"action":"create-bck"}`); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	for _, test := range []struct {
		who      s3api.Credentials
		from, to string
		action   string
		status   int
	}{
		{bob, "roots", "bobs", "copy-bck", 403},
		{bob, "bobs", "roots", "copy-bck", 403},
		{bob, "bobs", "new", "copy-bck", 503}, // nobody answers
		{root, "bobs", "roots", "copy-bck", 503},
		{bob, "roots", "mine", "move-bck", 403},
		{bob, "bobs", "mine", "move-bck", 503},
		{s3api.Credentials{}, "bobs", "new", "copy-bck", 403},
		{s3api.Credentials{}, "bobs", "new", "move-bck", 403},
	} {
		status, body := p.ask(t, test.who, "ais", "POST", api.PathBuckets+"/"+test.from+"?provider=ais&bck_to=ais/@%23/"+test.to+"/", `{"action":"`+test.action+`"}`)
		if status != test.status {
			t.Errorf("%+v: %d %s", test, status, body)
		}
	}
}
