package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"ais/api"
	"ais/object"
)

// serveAuth is the calls about users: what a real proxy does with them is tested
// against one.
func (f *fake) serveAuth(ctx *fasthttp.RequestCtx, path string) error {
	var body bytes.Buffer
	if stream := ctx.RequestBodyStream(); stream != nil {
		if _, err := body.ReadFrom(stream); err != nil {
			return err
		}
	}
	if path == api.PathLogin {
		return api.WriteJSON(ctx, api.Token{Token: "kept-token", User: "ROOT", Expires: testTime().AddDate(100, 0, 0)})
	}
	id, kind, name, ok := api.SplitUserPath(strings.TrimPrefix(path, api.PathUsers))
	if !ok {
		return object.NotFound
	}
	if id == "" {
		return f.serveUsers(ctx, body.Bytes())
	}
	u := f.users[id]
	switch {
	case u == nil:
		return object.E("fake", id, object.NotFound, fmt.Errorf("user %q does not exist", id))
	case kind == api.PathKeys && ctx.IsPost():
		var n api.NewKey
		if err := json.Unmarshal(body.Bytes(), &n); err != nil {
			return err
		}
		k := newKey(n.AccessKey, n.SecretKey, len(u.Keys))
		u.Keys = append(u.Keys, api.UserKey{AccessKey: k.AccessKey, Created: k.Created})
		return api.WriteJSON(ctx, k)
	case kind == api.PathKeys:
		u.Keys = slices.DeleteFunc(u.Keys, func(k api.UserKey) bool { return k.AccessKey == name })
	case kind == api.PathPolicies && ctx.IsPut():
		u.Policies[name] = body.String()
	case kind == api.PathPolicies:
		delete(u.Policies, name)
	case ctx.IsDelete():
		delete(f.users, id)
	case ctx.IsPatch():
		var c api.UserChange
		if err := json.Unmarshal(body.Bytes(), &c); err != nil {
			return err
		}
		if c.Disabled != nil {
			u.Disabled = *c.Disabled
		}
		return api.WriteJSON(ctx, u)
	}
	return nil
}

func newKey(access, secret string, n int) api.UserKey {
	if access == "" {
		access = fmt.Sprint("KEY", n+1)
	}
	if secret == "" {
		secret = "made-up-secret"
	}
	return api.UserKey{AccessKey: access, SecretKey: secret, Created: testTime()}
}

func (f *fake) serveUsers(ctx *fasthttp.RequestCtx, body []byte) error {
	if ctx.IsGet() {
		all := []api.User{}
		for _, id := range slices.Sorted(maps.Keys(f.users)) {
			all = append(all, *f.users[id])
		}
		return api.WriteJSON(ctx, all)
	}
	var n api.NewUser
	if err := json.Unmarshal(body, &n); err != nil {
		return err
	}
	k := newKey(n.AccessKey, n.SecretKey, len(f.users))
	u := api.User{ID: k.AccessKey, Name: n.Name, DisplayName: k.AccessKey, Email: n.Email, Admin: n.Admin, Created: testTime(), Policies: map[string]string{}}
	u.Keys = []api.UserKey{{AccessKey: k.AccessKey, Created: k.Created}}
	f.users[u.ID] = &u
	shown := u
	shown.Keys = []api.UserKey{k}
	return api.WriteJSON(ctx, shown)
}

func TestUsers(t *testing.T) {
	r := newRunner(t)
	r.want("auth user add anna", tableText(
		`user "anna" added`, "  access key  KEY1", "  secret key  made-up-secret", "The secret key is not shown again."))
	r.stdin = "a secret of mine\n"
	r.want("auth user add bob --admin --email b@example.com --access-key BOB --secret-file - --credentials keys", tableText(
		`user "bob" added`, "  access key  BOB", "The keys are profile bob of keys."))
	if got := read(t, "keys"); got != "[bob]\naws_access_key_id = BOB\naws_secret_access_key = a secret of mine\n" {
		t.Errorf("the credentials file: %q", got)
	}
	r.want("auth user ls", tableText(
		"NAME     ID       DISPLAY NAME     KEYS     POLICIES         ROLE     STATUS",
		"bob      BOB      BOB              1        0                admin    enabled",
		"anna     KEY1     KEY1             1        0                user     enabled"))
	r.want("auth key add anna", tableText(
		`key added to user "anna"`, "  access key  KEY2", "  secret key  made-up-secret", "The secret key is not shown again."))
	r.want("auth key rm anna KEY1", "key KEY1 of user \"anna\" removed\n")
	write(t, "policy", `{"Version": "2012-10-17"}`)
	r.want("auth policy set anna read policy", "policy \"read\" of user \"anna\" set\n")
	r.want("auth policy show anna read", `{"Version": "2012-10-17"}`+"\n")
	r.want("auth policy show KEY1", tableText("POLICY   SIZE", "read     25B"))
	r.want("auth user set anna --disabled", "user \"anna\" changed\n")
	r.want("auth user show anna", tableText(
		"PROPERTY         VALUE",
		"name             anna",
		"id               KEY1",
		"display name     KEY1",
		"email            -",
		"role             user",
		"status           disabled",
		"created          22 Nov 26 15:13 UTC",
		"policies         read",
		"key              KEY2, enabled, created 22 Nov 26 15:13 UTC"))
	r.want("auth policy rm anna read", "policy \"read\" of user \"anna\" removed\n")
	r.fails("auth policy show anna read", 1, "no such policy")
	r.want("auth user rm anna bob", "user \"anna\" removed\nuser \"bob\" removed\n")
	r.fails("auth user show anna", 1, `there is no user "anna"`)
	r.fails("auth user set anna", 2, "missing a flag")
	r.fails("auth key rm anna", 2, "missing a user and an access key")
	got := r.run("auth", "user", "add", "carl", "--json")
	var u api.User
	if err := json.Unmarshal([]byte(got.out), &u); err != nil || u.Keys[0].SecretKey != "made-up-secret" {
		t.Errorf("%v %v", got, err)
	}
}

// Who signs, and with what, by where the keys come from.
func TestWhoCalls(t *testing.T) {
	const signed = "Credential="
	file := "[default]\naws_access_key_id = FILE\naws_secret_access_key = s\n\n# note\n[other]\naws_access_key_id=OTHER\naws_secret_access_key=s\n[half]\naws_access_key_id=x\n"
	for _, x := range []struct {
		name string
		env  map[string]string
		args []string
		want string
	}{
		{"nobody", nil, nil, ""},
		{"AIS before AWS", map[string]string{"AIS_ACCESS_KEY_ID": "AIS", "AIS_SECRET_ACCESS_KEY": "s", "AWS_ACCESS_KEY_ID": "AWS", "AWS_SECRET_ACCESS_KEY": "s"}, nil, signed + "AIS/"},
		{"AWS", map[string]string{"AWS_ACCESS_KEY_ID": "AWS", "AWS_SECRET_ACCESS_KEY": "s"}, nil, signed + "AWS/"},
		{"a token", map[string]string{"AIS_AUTHN_TOKEN": "tok", "AWS_ACCESS_KEY_ID": "AWS", "AWS_SECRET_ACCESS_KEY": "s"}, nil, "Bearer tok"},
		{"default profile", map[string]string{"AWS_SHARED_CREDENTIALS_FILE": "credentials"}, nil, signed + "FILE/"},
		{"AWS_PROFILE", map[string]string{"AWS_SHARED_CREDENTIALS_FILE": "credentials", "AWS_PROFILE": "other"}, nil, signed + "OTHER/"},
		{"--profile before all", map[string]string{"AWS_SHARED_CREDENTIALS_FILE": "credentials", "AIS_ACCESS_KEY_ID": "AIS", "AIS_SECRET_ACCESS_KEY": "s"}, []string{"--profile", "other"}, signed + "OTHER/"},
	} {
		t.Run(x.name, func(t *testing.T) {
			r := newRunner(t)
			write(t, "credentials", file)
			maps.Copy(r.env, x.env)
			if got := r.run(append(x.args, "ls")...); got.code != 0 {
				t.Fatal(got.err)
			}
			got := r.fake.asked[len(r.fake.asked)-1]
			if x.want == "" && got != "" || !strings.Contains(got, x.want) {
				t.Errorf("Authorization: %q, want %q", got, x.want)
			}
		})
	}
	r := newRunner(t)
	write(t, "credentials", file)
	r.env["AWS_SHARED_CREDENTIALS_FILE"] = "credentials"
	r.fails("ls --profile nosuch", 1, `no profile "nosuch"`)
	r.fails("ls --profile half", 1, "has no aws_secret_access_key")
}

func TestLogin(t *testing.T) {
	r := newRunner(t)
	r.fails("auth login", 1, "nowhere to keep a token")
	r.env["XDG_CONFIG_HOME"] = "config"
	r.env["AWS_ACCESS_KEY_ID"], r.env["AWS_SECRET_ACCESS_KEY"] = "AWS", "s"
	got := r.run("auth", "login")
	if got.code != 0 || strings.Contains(got.out, "kept-token") || !strings.Contains(got.out, "as ROOT until") {
		t.Fatalf("%v", got)
	}
	if fi, err := os.Stat("config/ais/tokens.json"); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the tokens file: %v %v", fi, err)
	}
	last := func() string { return r.fake.asked[len(r.fake.asked)-1] }
	r.want("ls", "AIS Buckets (0)\n")
	if last() != "Bearer kept-token" {
		t.Errorf("Authorization %q", last())
	}
	if out := r.run("auth", "logout"); !strings.HasPrefix(out.out, "logged out of") {
		t.Error(out)
	}
	r.want("ls", "AIS Buckets (0)\n")
	if !strings.Contains(last(), "Credential=AWS/") {
		t.Errorf("Authorization %q", last())
	}
	if out := r.run("auth", "logout"); !strings.HasPrefix(out.out, "no token is kept") {
		t.Error(out)
	}
}

func TestSaveProfile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials")
	for _, x := range []struct{ profile, key, want string }{
		{"a", "1", "[a]\naws_access_key_id = 1\naws_secret_access_key = s\n"},
		{"b", "2", "[a]\naws_access_key_id = 1\naws_secret_access_key = s\n[b]\naws_access_key_id = 2\naws_secret_access_key = s\n"},
		{"a", "3", "[b]\naws_access_key_id = 2\naws_secret_access_key = s\n[a]\naws_access_key_id = 3\naws_secret_access_key = s\n"},
	} {
		if err := saveProfile(file, x.profile, x.key, "s"); err != nil {
			t.Fatal(err)
		}
		if got := read(t, file); got != x.want {
			t.Errorf("got\n%s\nwant\n%s", got, x.want)
		}
	}
	if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	if left, err := fs.Glob(os.DirFS(filepath.Dir(file)), ".*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestTestCertificates(t *testing.T) {
	r := newRunner(t)
	r.want("tls make certs", "certificates are in certs\n")
	before := read(t, "certs/node.pem")
	r.want("tls make certs --host localhost", "certificates are in certs\n")
	if read(t, "certs/node.pem") != before {
		t.Error("a good certificate was replaced")
	}
	r.fails("probe "+r.fake.url, 1, "not ready")
	r.fails("probe", 2, "the URL of a node")
}
