package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ais/object"
)

// What signs a call is made once: the proxy gets it all, the target what its
// ticket is bound to, and no credentials.
func TestAuthorize(t *testing.T) {
	var atProxy, atTarget http.Header
	var got []byte
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		atTarget = r.Header
		got, _ = io.ReadAll(r.Body)
	}))
	defer target.Close()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		atProxy = r.Header
		if r.Header.Get("Expect") == "" {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		w.Header().Set("Location", target.URL+r.URL.EscapedPath()+"?ais-ticket=t")
		w.WriteHeader(http.StatusTemporaryRedirect)
	}))
	defer proxy.Close()
	calls := 0
	c, err := NewClient(ClientConfig{Endpoint: proxy.URL, Authorize: func(r *http.Request, payload string) error {
		calls++
		if "http://"+r.URL.Host != proxy.URL {
			t.Errorf("signed for %s", r.URL.Host)
		}
		r.Header.Set("Authorization", "signature")
		r.Header.Set("X-Amz-Date", fmt.Sprint(calls))
		r.Header.Set("X-Amz-Content-Sha256", payload)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.transport.CloseIdleConnections()
	small := []byte("content")
	sum := sha256.Sum256(small)
	for _, x := range []struct {
		data []byte
		from func([]byte) io.Reader
		want string
	}{
		{small, func(b []byte) io.Reader { return bytes.NewReader(b) }, hex.EncodeToString(sum[:])},
		{small, func(b []byte) io.Reader { return io.MultiReader(bytes.NewReader(b)) }, payloadUnsigned},
		{bytes.Repeat(small, maxSignedBody/4), func(b []byte) io.Reader { return bytes.NewReader(b) }, payloadUnsigned},
		{nil, func(b []byte) io.Reader { return bytes.NewReader(b) }, ""},
	} {
		before := calls
		if _, err := c.PutObject(context.Background(), NewBucket(object.AIS, "abc"), "k", x.from(x.data), int64(len(x.data)), PutOptions{}); err != nil && !strings.Contains(err.Error(), "checksum") {
			t.Fatal(err)
		}
		if !bytes.Equal(got, x.data) {
			t.Errorf("%d bytes arrived, want %d", len(got), len(x.data))
		}
		if calls != before+1 || atProxy.Get("Authorization") != "signature" || atProxy.Get("X-Amz-Content-Sha256") != x.want {
			t.Errorf("calls %d, at the proxy %v", calls-before, atProxy)
		}
		if atTarget.Get("Authorization") != "" || atTarget.Get("X-Amz-Date") != atProxy.Get("X-Amz-Date") || atTarget.Get("X-Amz-Content-Sha256") != x.want {
			t.Errorf("at the target %v", atTarget)
		}
	}
}

// Users' ids and policies' names go into paths as they are.
func TestUserPaths(t *testing.T) {
	var seen []string
	c := client(t, httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+string(body)))
		_, _ = io.WriteString(w, `{"id":"a","keys":[{"access_key":"a","secret_key":"s"}],"token":"t"}`)
	})).URL)
	ctx := context.Background()
	yes := true
	_, e1 := c.CreateUser(ctx, NewUser{Name: "n"})
	u, e2 := c.User(ctx, "a b")
	_, e3 := c.UpdateUser(ctx, "a", UserChange{Disabled: &yes})
	k, e4 := c.AddKey(ctx, "a", NewKey{})
	e5 := c.RemoveKey(ctx, "a", "k")
	e6 := c.SetPolicy(ctx, "a", "read only", []byte(`{"Version":"2012-10-17"}`))
	e7 := c.RemovePolicy(ctx, "a", "read only")
	token, e8 := c.Login(ctx, 0)
	for _, err := range []error{e1, e2, e3, e4, e5, e6, e7, e8} {
		if err != nil {
			t.Error(err)
		}
	}
	if u.ID != "a" || token.Token != "t" {
		t.Error(u, token)
	}
	if text := fmt.Sprintf("%v %+v %#v %v", u, u.Keys, u.Keys[0], k); strings.Contains(text, "s}") || strings.Contains(text, `"s"`) {
		t.Errorf("a secret is printed: %s", text)
	}
	want := []string{
		`POST /v1/auth/users {"name":"n"}`, `GET /v1/auth/users/a%20b`, `PATCH /v1/auth/users/a {"disabled":true}`,
		`POST /v1/auth/users/a/keys {}`, `DELETE /v1/auth/users/a/keys/k`,
		`PUT /v1/auth/users/a/policies/read%20only {"Version":"2012-10-17"}`, `DELETE /v1/auth/users/a/policies/read%20only`,
		`POST /v1/auth/login {}`,
	}
	if strings.Join(seen, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(seen, "\n"))
	}
}
