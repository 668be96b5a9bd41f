package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// While etcd does not answer, changes of users fail and say so; who is known is
// served on; afterwards everything that was told to be done is there.
func TestEtcdAwayWhileUsersChange(t *testing.T) {
	client, process := startEtcd(t)
	c := Start(t, Options{External: []string{client}, Auth: true, Users: "main"})
	main, root := c.As(t, "main"), c.Plain()
	native := root
	native.endpoint = c.URL(t, "proxy1")
	b := main.bucket(t)
	main.put(t, b, "k", []byte("kept"))
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	main.same(t, b, "k", []byte("kept"))
	started := time.Now()
	for _, call := range [][2]string{
		{"POST /v1/auth/users", `{"name":"late","access_key":"LATE-KEY","secret_key":"late-secret-of-this-test"}`},
		{"DELETE /v1/auth/users/" + c.Key(t, "main").Access, ""},
	} {
		method, path, _ := strings.Cut(call[0], " ")
		a := native.do(t, method, path, []byte(call[1]), "Content-Type: application/json")
		if a.status != http.StatusServiceUnavailable || strings.Contains(string(a.body), "late-secret") {
			t.Errorf("%s while etcd is away: %v", call[0], a)
		}
	}
	if d := time.Since(started); d > 30*time.Second {
		t.Errorf("the failures took %v", d)
	}
	if err := process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	Eventually(t, 30*time.Second, "users can be changed again", func() error {
		a, err := native.request("POST", "/v1/auth/users", strings.NewReader(`{"name":"after"}`), "Content-Type: application/json")
		if err == nil && a.status != 200 && a.status != 409 {
			err = fmt.Errorf("%v", a)
		}
		return err
	})
	users := string(native.do(t, "GET", "/v1/auth/users", nil).want(t, 200, "").body)
	wantIn(t, users, `"after"`, `"root"`)
	// What failed may have been done all the same, as a whole or not at all.
	late := c.plainAt(c.Endpoint(), Key{"LATE-KEY", "late-secret-of-this-test"})
	a := late.do(t, "GET", "/", nil)
	if there := strings.Contains(users, "LATE-KEY"); there && a.status != 200 || !there && a.code != "InvalidAccessKeyId" {
		t.Errorf("the late user: %v, listed: %v", a, there)
	}
	if !strings.Contains(users, c.Key(t, "main").Access) { // who owns a bucket cannot go
		t.Fatal("the owner of a bucket was removed")
	}
	// The targets lost their leases and take new ones, each in its own time.
	Eventually(t, 30*time.Second, "the object can be read", func() error {
		if a := main.get(t, b, "k"); a.status != 200 || string(a.body) != "kept" {
			return fmt.Errorf("%v", a)
		}
		return nil
	})
}
