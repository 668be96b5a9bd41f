package backendtest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// origin is a store of one object.
func origin(t *testing.T, body string) *Faulty {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			if n, err := io.Copy(io.Discard, r.Body); err != nil || n != r.ContentLength {
				return
			}
		}
		w.Header().Set("ETag", `"right"`)
		w.Header().Set("X-Seen", r.Host+" "+r.RequestURI)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	f, err := NewFaulty(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func get(t *testing.T, f *Faulty) (*http.Response, string, error) {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(f.URL + "/bucket/a%2Fb//c?x=%20y")
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	return r, string(body), err
}

func TestFaultyPassesOnAsItCame(t *testing.T) {
	f := origin(t, "0123456789")
	r, body, err := get(t, f)
	if err != nil || body != "0123456789" {
		t.Fatalf("%q, %v", body, err)
	}
	if want := strings.TrimPrefix(f.URL, "http://") + " /bucket/a%2Fb//c?x=%20y"; r.Header.Get("X-Seen") != want {
		t.Errorf("the store saw %q, want %q", r.Header.Get("X-Seen"), want)
	}
	if seen, sent := f.Requests("GET", "/bucket/a%2Fb//c"); len(seen) != 1 || sent != 10 {
		t.Errorf("noted: %v", seen)
	}
}

func TestFaultyBends(t *testing.T) {
	tests := []struct {
		name   string
		fault  Fault
		status int // 0: no answer
		body   string
		broken bool // the body ends in an error
	}{
		{"no match", Fault{Path: "/other", Status: 500}, 200, "0123456789", false},
		{"skipped", Fault{Skip: 1, Status: 500}, 200, "0123456789", false},
		{"refused", Fault{Status: 503, Code: "SlowDown"}, 503, "<Error><Code>SlowDown</Code><Message>injected</Message></Error>", false},
		{"flipped", Fault{Flip: true, After: 3}, 200, "0122456789", false},
		{"longer", Fault{Length: 3}, 200, "0123456789", true},
		{"shorter", Fault{Length: -3}, 200, "0123456", false},
		{"reset in the body", Fault{Reset: true, After: 4}, 200, "0123", true},
		{"reset before", Fault{Reset: true}, 0, "", true},
		{"slow", Fault{Rate: 1000}, 200, "0123456789", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := origin(t, "0123456789")
			f.Inject(tt.fault)
			r, body, err := get(t, f)
			status := 0
			if r != nil {
				status = r.StatusCode
			}
			reset := tt.fault.Reset && strings.HasPrefix(tt.body, body) // what had arrived may be lost with the connection
			if status != tt.status || body != tt.body && !reset || (err != nil) != tt.broken {
				t.Errorf("%d %q %v", status, body, err)
			}
		})
	}
}

func TestFaultyTimes(t *testing.T) {
	f := origin(t, "x")
	f.Inject(Fault{Status: 500, Times: 2})
	for i, want := range []int{500, 500, 200} {
		if r, _, err := get(t, f); err != nil || r.StatusCode != want {
			t.Errorf("request %d: %v, %v", i, r, err)
		}
	}
	remove := f.Inject(Fault{ETag: `"wrong"`})
	if r, _, err := get(t, f); err != nil || r.Header.Get("ETag") != `"wrong"` {
		t.Errorf("another ETag: %v", err)
	}
	remove()
	if r, _, err := get(t, f); err != nil || r.Header.Get("ETag") != `"right"` {
		t.Errorf("the fault's end: %v", err)
	}
}

func TestFaultyUpload(t *testing.T) {
	f := origin(t, "x")
	f.Inject(Fault{Upload: true, Reset: true, After: 1000})
	r, err := http.Post(f.URL+"/k", "text/plain", strings.NewReader(strings.Repeat("u", 5000)))
	if err == nil {
		_ = r.Body.Close()
		t.Errorf("an upload that was reset: %s", r.Status)
	}
}

func TestFaultyDown(t *testing.T) {
	f := origin(t, "x")
	f.Inject(Fault{Hang: true, Times: 1})
	ended := make(chan error, 1)
	go func() {
		r, err := http.Get(f.URL)
		if err == nil {
			_ = r.Body.Close()
		}
		ended <- err
	}()
	for len(f.faulted()) == 0 {
		time.Sleep(time.Millisecond)
	}
	f.Down()
	if err := <-ended; err == nil {
		t.Error("a request that hung was answered")
	}
	if _, _, err := get(t, f); err == nil {
		t.Error("it answers although it is down")
	}
	if err := f.Up(); err != nil {
		t.Fatal(err)
	}
	if _, body, err := get(t, f); err != nil || body != "x" {
		t.Errorf("up again: %q, %v", body, err)
	}
}

// faulted returns the faults that have happened.
func (f *Faulty) faulted() (done []Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, known := range f.faults {
		if known.done > 0 {
			done = append(done, known.Fault)
		}
	}
	return done
}
