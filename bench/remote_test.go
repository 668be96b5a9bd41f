package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func serve(t *testing.T, h http.HandlerFunc) endpoint {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	e, err := parseEndpoint(s.URL+"/s3", "b")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestFirstByteIsTimed has a server pause before the body, and in the middle of it.
func TestFirstByteIsTimed(t *testing.T) {
	const pause = 100 * time.Millisecond
	e := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100000")
		for _, n := range []int{0, 1, 99_999} {
			_, _ = w.Write(make([]byte, n)) // the client checks
			w.(http.Flusher).Flush()
			time.Sleep(pause)
		}
	})
	c := e.newClient().(*rawClient)
	c.timed = true
	defer c.close()
	start := time.Now()
	res, err := c.do(context.Background(), &request{op: opGet, key: "k", length: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	if first := res.first.Sub(start); first < pause || time.Since(res.first) < pause/2 {
		t.Fatalf("the first byte came after %v, the last one %v later", first, time.Since(res.first))
	}
}

func TestScrape(t *testing.T) {
	e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprint(w, "# HELP a_count x\na_count{node=\"x y\"} 3\na_count{node=\"z\"} 4.5\na_count_more 100\nb 7\n")
	})
	for name, want := range map[string]float64{"a_count": 7.5, "b": 7} {
		if got, err := scrape(e, name); err != nil || got != want {
			t.Errorf("%s is %g, want %g (%v)", name, got, want, err)
		}
	}
	if _, err := scrape(e, "a_"); err == nil {
		t.Error("there is no such metric")
	}
}

func TestNative(t *testing.T) {
	e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path == "/v1/no" {
			w.WriteHeader(http.StatusConflict)
		}
		fmt.Fprintf(w, "%s %s?%s %s", r.Method, r.URL.Path, r.URL.RawQuery, body)
	})
	c := e.newClient().(*rawClient)
	defer c.close()
	for _, method := range []string{"GET", "PUT", "POST", "DELETE", "PATCH"} {
		got, err := c.native(method, "/v1/x", "a=b", `{"c":1}`)
		if want := method + ` /v1/x?a=b {"c":1}`; err != nil || string(got) != want {
			t.Errorf("%q, want %q (%v)", got, want, err)
		}
	}
	if _, err := c.native("PUT", "/v1/no", "", ""); err == nil || !strings.Contains(err.Error(), "409") {
		t.Error(err)
	}
}

func TestListS3(t *testing.T) {
	l := load{op: opList, objects: 2500, dirs: 7, name: "list"}
	keys := sortedKeys(&l)
	missing := 0
	e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		at, found := slices.BinarySearch(keys, r.URL.Query().Get("start-after"))
		if found {
			at++
		}
		for _, k := range keys[at:min(at+1000, len(keys)-missing)] {
			fmt.Fprintf(w, "<Key>%s</Key>", k)
		}
	})
	b := &behind{}
	if _, err := b.listS3(context.Background(), e, &l); err != nil {
		t.Fatal(err)
	}
	missing = 1
	if _, err := b.listS3(context.Background(), e, &l); err == nil {
		t.Fatal("a key is missing")
	}
}

func TestTiming(t *testing.T) {
	var order strings.Builder
	one := func(name string, took time.Duration) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			order.WriteString(name)
			return took, nil
		}
	}
	var both timing
	for range 3 {
		if err := both.round(one("r", time.Millisecond), one("f", 2*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	if order.String() != "rffrrf" || !slices.Equal(both.remote, []float64{1, 1, 1}) || !slices.Equal(both.front, []float64{2, 2, 2}) {
		t.Fatal(order.String(), both)
	}
}

func TestReadSide(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("config", "port=1234\nauth=on\ntls=off\n")
	write("credentials", "[root]\naws_access_key_id = A\naws_secret_access_key = S\n[other]\naws_access_key_id = B\n")
	write("run/one.pid", fmt.Sprintln(os.Getpid(), 1))
	s, err := readSide(dir, "b")
	if err != nil || s.on.host != "localhost:1234" || s.on.access != "A" || s.on.secret != "S" || len(s.pids) == 0 || s.pids[0].PID != os.Getpid() {
		t.Fatalf("%+v %v", s, err)
	}
}
