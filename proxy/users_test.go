package proxy

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"ais/api"
	"ais/s3api"
)

// TestUsersOverHTTP goes through the calls about users: who may make them, what they
// answer, and that a secret is told once.
func TestUsersOverHTTP(t *testing.T) {
	p := startProxy(t)
	const secret = "secret-of-bob-in-tests"
	bob := s3api.Credentials{AccessKey: "BOB-KEY", Secret: secret}
	status, body := p.ask(t, root, "ais", "POST", api.PathUsers, `{"name":"bob","email":"bob@example.com","access_key":"BOB-KEY","secret_key":"`+secret+`"}`)
	if status != 200 || strings.Count(body, secret) != 1 {
		t.Fatalf("%d %s", status, body)
	}
	const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:CreateBucket","Resource":"*"}]}`
	const at = api.PathUsers + "/BOB-KEY"
	for _, test := range []struct {
		who          s3api.Credentials
		method, path string
		body         string
		status       int
		has          string
	}{
		{s3api.Credentials{}, "GET", api.PathUsers, "", 403, ""},
		{bob, "GET", api.PathUsers, "", 403, ""},
		{bob, "POST", api.PathUsers, `{"name":"eve"}`, 403, ""},
		{bob, "GET", at, "", 200, `"bob"`}, // his own
		{bob, "GET", api.PathUsers + "/ROOT-KEY", "", 403, ""},
		{bob, "PATCH", at, `{"admin":true}`, 403, ""},
		{bob, "PUT", at + "/policies/all", policy, 403, ""},
		{bob, "POST", at + "/keys", `{}`, 403, ""},
		{root, "GET", api.PathUsers, "", 200, "BOB-KEY"},
		{root, "GET", api.PathUsers + "/NOBODY", "", 404, ""},
		{root, "PUT", api.PathUsers, "", 501, ""},
		{root, "POST", api.PathUsers, `{"name":"bob"}`, 409, ""},
		{root, "POST", api.PathUsers, `{"name":"BOB-KEY"}`, 409, ""},
		{root, "POST", api.PathUsers, `{"name":"eve","email":"BOB@example.com"}`, 409, ""},
		{root, "POST", api.PathUsers, `{"name":"Anonymous"}`, 409, ""},
		{root, "POST", api.PathUsers, `{"access_key":"` + s3api.Anyone.ID + `"}`, 409, ""},
		{root, "POST", api.PathUsers, `{"name":"eve","policies":{"p":"{}"}}`, 400, ""},
		{root, "POST", api.PathUsers, `{`, 400, ""},
		{root, "PATCH", api.PathUsers + "/ROOT-KEY", `{"disabled":true}`, 400, ""},
		{root, "DELETE", api.PathUsers + "/ROOT-KEY", "", 400, ""},
		{root, "PATCH", at, `{"display_name":"Bob B."}`, 200, "Bob B."},
		{root, "PATCH", at, `{"name":"root"}`, 409, ""},
		{root, "PATCH", at, `{"name":"anonymous"}`, 409, ""},
		{root, "PUT", at + "/policies/none", policy, 200, ""},
		{root, "PUT", at + "/policies/none", `{"Statement":[]}`, 400, ""},
		{bob, "POST", "/v1/buckets/his", `{"action":"create-bck"}`, 403, ""},
		{root, "DELETE", at + "/policies/none", "", 200, ""},
		{root, "DELETE", at + "/policies/none", "", 404, ""},
		{root, "POST", at + "/keys", `{"access_key":"BOB-TWO","secret_key":"` + secret + `2"}`, 200, "BOB-TWO"},
		{root, "POST", at + "/keys", `{"access_key":"BOB-TWO","secret_key":"another-secret"}`, 409, ""},
		{root, "POST", at + "/keys", `{"access_key":"ROOT-KEY","secret_key":"another-secret"}`, 409, ""},
		{s3api.Credentials{AccessKey: "BOB-TWO", Secret: secret + "2"}, "GET", at, "", 200, "BOB-TWO"},
		{root, "DELETE", at + "/keys/BOB-TWO", "", 200, ""},
		{root, "DELETE", at + "/keys/BOB-TWO", "", 404, ""},
		{s3api.Credentials{AccessKey: "BOB-TWO", Secret: secret + "2"}, "GET", at, "", 403, ""},
		{root, "PATCH", at, `{"disabled":true}`, 200, ""},
		{bob, "GET", at, "", 403, ""},
		{root, "DELETE", at, "", 200, ""},
		{root, "DELETE", at, "", 404, ""},
	} {
		status, body := p.ask(t, test.who, "ais", test.method, test.path, test.body)
		if status != test.status || !strings.Contains(body, test.has) {
			t.Errorf("%s %s %s by %s: %d %s, want %d", test.method, test.path, test.body, test.who.AccessKey, status, body, test.status)
		}
		if test.method != "POST" && strings.Contains(body, secret) || strings.Contains(body, root.Secret) {
			t.Errorf("%s %s tells a secret: %s", test.method, test.path, body)
		}
	}
}

// TestLogin: a token does what its user may, a session gets none, and a wrong
// secret says nothing.
func TestLogin(t *testing.T) {
	p := startProxy(t)
	status, body := p.ask(t, s3api.Credentials{}, "", "POST", api.PathLogin, `{"access_key":"ROOT-KEY","secret_key":"`+root.Secret+`"}`)
	var token api.Token
	if err := json.Unmarshal([]byte(body), &token); status != 200 || err != nil || token.User != "ROOT-KEY" {
		t.Fatalf("%d %s %v", status, body, err)
	}
	nobody := s3api.Credentials{}
	if status, body := p.ask(t, nobody, "", "GET", api.PathUsers, "", "Authorization", "Bearer "+token.Token); status != 200 {
		t.Errorf("with a token: %d %s", status, body)
	}
	if status, _ := p.ask(t, nobody, "", "GET", api.PathUsers, "", "Authorization", "Bearer "+token.Token+"A"); status != 403 {
		t.Errorf("with a changed token: %d", status)
	}
	for _, login := range []string{`{"access_key":"ROOT-KEY","secret_key":"wrong-secret"}`, `{"access_key":"NOBODY","secret_key":"wrong-secret"}`, `{}`} {
		if status, body := p.ask(t, nobody, "", "POST", api.PathLogin, login); status != 403 || strings.Contains(body, "wrong-secret") {
			t.Errorf("%s: %d %s", login, status, body)
		}
	}
	if status, _ := p.ask(t, root, "ais", "POST", api.PathLogin, `{"expires_in":60}`); status != 200 {
		t.Errorf("signed: %d", status)
	}
	if status, _ := p.ask(t, nobody, "", "GET", api.PathLogin, ""); status == 200 {
		t.Errorf("GET: %d", status)
	}
}

// TestSTS: sessions are made at the root only, of who signs with a key, and bounded
// as asked for.
func TestSTS(t *testing.T) {
	p := startProxy(t)
	ask := func(who s3api.Credentials, service, path string, form url.Values) (int, string) {
		form.Set("Version", s3api.STSVersion)
		return p.ask(t, who, service, "POST", path, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	}
	status, body := ask(root, "sts", "/", url.Values{"Action": {"AssumeRole"}, "RoleArn": {"any"}, "RoleSessionName": {"test"},
		"Policy": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}`}})
	var doc struct {
		Credentials struct {
			AccessKeyID     string `xml:"AccessKeyId"`
			SecretAccessKey string
			SessionToken    string
		} `xml:"AssumeRoleResult>Credentials"`
	}
	if err := xml.Unmarshal([]byte(body), &doc); status != 200 || err != nil || doc.Credentials.SessionToken == "" || strings.Contains(body, root.Secret) {
		t.Fatalf("%d %s %v", status, body, err)
	}
	made := s3api.Credentials{AccessKey: doc.Credentials.AccessKeyID, Secret: doc.Credentials.SecretAccessKey, Token: doc.Credentials.SessionToken}
	for path, want := range map[string]int{"GET /": 200, "PUT /a-bucket": 403} {
		method, path, _ := strings.Cut(path, " ")
		if status, body := p.ask(t, made, "s3", method, path, ""); status != want {
			t.Errorf("%s in a session: %d %s", path, status, body)
		}
	}
	if status, _ := p.ask(t, made, "ais", "GET", api.PathUsers, ""); status != 403 {
		t.Errorf("a bounded session of an admin lists users: %d", status)
	}
	for _, test := range []struct {
		who           s3api.Credentials
		service, path string
		form          url.Values
		status        int
		code          string
	}{
		{s3api.Credentials{}, "", "/", url.Values{"Action": {"GetSessionToken"}}, 403, "MissingAuthenticationToken"},
		{made, "sts", "/", url.Values{"Action": {"GetSessionToken"}}, 403, "AccessDenied"},
		{root, "sts", "/", url.Values{"Action": {"GetFederationToken"}}, 400, "InvalidAction"},
		{root, "sts", "/", url.Values{"Action": {"GetSessionToken"}, "DurationSeconds": {"1"}}, 400, "ValidationError"},
		{root, "sts", "/s3", url.Values{"Action": {"AssumeRole"}, "RoleArn": {"any"}, "RoleSessionName": {"test"}, "Policy": {"{"}}, 400, "MalformedPolicyDocument"},
		{s3api.Credentials{AccessKey: root.AccessKey, Secret: "wrong-secret"}, "sts", "/", url.Values{"Action": {"GetSessionToken"}}, 403, "SignatureDoesNotMatch"},
	} {
		status, body := ask(test.who, test.service, test.path, test.form)
		if status != test.status || !strings.Contains(body, "<Code>"+test.code+"</Code>") || !strings.Contains(body, "RequestId") {
			t.Errorf("%v: %d %s", test.form, status, body)
		}
	}
}

// TestNativeAccess: who may do what with buckets over the native API.
func TestNativeAccess(t *testing.T) {
	p := startProxy(t)
	users := map[string]s3api.Credentials{"root": root, "nobody": {}}
	for _, name := range []string{"ann", "ben"} {
		users[name] = s3api.Credentials{AccessKey: strings.ToUpper(name) + "-KEY", Secret: "secret-in-tests-of-" + name}
		if status, body := p.ask(t, root, "ais", "POST", api.PathUsers, fmt.Sprintf(`{"name":%q,"access_key":%q,"secret_key":%q}`, name, users[name].AccessKey, users[name].Secret)); status != 200 {
			t.Fatal(status, body)
		}
	}
	for _, test := range []struct {
		who, method, path, body string
		status                  int
	}{
		{"nobody", "POST", "/v1/buckets/hers", `{"action":"create-bck"}`, 403},
		{"ann", "POST", "/v1/buckets/hers", `{"action":"create-bck"}`, 200},
		{"ben", "DELETE", "/v1/buckets/hers", `{"action":"destroy-bck"}`, 403},
		{"ben", "PATCH", "/v1/buckets/hers", `{"action":"set-bprops","value":{"checksum":{"type":"md5"}}}`, 403},
		{"nobody", "GET", "/v1/buckets/hers", `{"action":"list"}`, 403},
		{"ben", "GET", "/v1/objects/hers/key", "", 503}, // the owner has the last word; there is no target
		{"ben", "PUT", "/v1/objects/hers/key", "x", 403},
		{"nobody", "PUT", "/v1/objects/hers/key", "x", 403},
		{"ben", "PUT", "/v1/cluster/set-config", "", 403},
		{"nobody", "GET", "/v1/cluster?what=smap", "", 403},
		{"nobody", "GET", "/v1/health", "", 200},
		{"ann", "PATCH", "/v1/buckets/hers", `{"action":"set-bprops","value":{"checksum":{"type":"md5"}}}`, 200},
		{"root", "PATCH", "/v1/buckets/hers", `{"action":"set-bprops","value":{"checksum":{"type":"none"}}}`, 200},
	} {
		if status, body := p.ask(t, users[test.who], "ais", test.method, test.path, test.body, "Content-Type", "application/json"); status != test.status {
			t.Errorf("%s %s %s by %s: %d %s, want %d", test.method, test.path, test.body, test.who, status, body, test.status)
		}
	}
	for name, has := range map[string]bool{"ann": true, "ben": false, "root": true} {
		if _, body := p.ask(t, users[name], "ais", "GET", "/v1/buckets", `{"action":"list"}`, "Content-Type", "application/json"); strings.Contains(body, "hers") != has {
			t.Errorf("%s sees the buckets %s", name, body)
		}
	}
}

// TestDeniedFloodSharesReads: a thousand denied requests at once make the proxy read
// etcd a few times, not a thousand.
func TestDeniedFloodSharesReads(t *testing.T) {
	p := startProxy(t)
	if status, body := p.ask(t, root, "s3", "PUT", "/closed", ""); status != 200 {
		t.Fatal(status, body)
	}
	before := p.cluster.Reads()
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			if status, body := p.ask(t, s3api.Credentials{}, "", "GET", "/closed", ""); status != 403 {
				t.Errorf("%d %s", status, body)
			}
		})
	}
	all.Wait()
	if reads := p.cluster.Reads() - before; reads < 1 || reads > 200 {
		t.Errorf("%d reads of etcd for 1000 denied requests", reads)
	}
}
