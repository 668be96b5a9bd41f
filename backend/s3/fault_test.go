package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"ais/backend"
	"ais/backend/backendtest"
	"ais/object"
)

// TestRetries has every operation fail some times before it succeeds.
func TestRetries(t *testing.T) {
	faults := map[string]backendtest.Fault{
		"500":      {Status: 500, Code: "InternalError"},
		"503":      {Status: 503, Code: "ServiceUnavailable"},
		"SlowDown": {Status: 503, Code: "SlowDown"},
		"429":      {Status: 429, Code: "TooManyRequests"},
		"reset":    {Reset: true},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			f := startFake(t)
			b := f.open(t, 10*time.Second)
			operations := map[string]func() error{
				"put":    func() error { return put(b, "k", "text") },
				"head":   func() error { _, err := b.Head(context.Background(), "k", ""); return err },
				"get":    func() error { _, err := read(b, "k", backend.GetOptions{}); return err },
				"delete": func() error { return b.Delete(context.Background(), []string{"gone"})[0] },
			}
			for _, op := range []string{"put", "head", "get", "delete"} {
				f.Clear()
				fault.Times = 2
				f.Inject(fault)
				if err := operations[op](); err != nil {
					t.Errorf("%s: %v", op, err)
				}
				if seen, _ := f.Requests("", "/bucket/"); len(seen) != 3 {
					t.Errorf("%s: %d requests, want 3: %v", op, len(seen), seen)
				}
			}
			if body, err := read(b, "k", backend.GetOptions{}); body != "text" || err != nil {
				t.Errorf("in the end: %q, %v", body, err)
			}
		})
	}
}

// TestGivesUp has the store fail until the deadline.
func TestGivesUp(t *testing.T) {
	const timeout = 600 * time.Millisecond
	faults := map[string]backendtest.Fault{
		"503":   {Status: 503, Code: "SlowDown"},
		"hang":  {Hang: true},
		"reset": {Reset: true},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			f := startFake(t)
			b := f.open(t, timeout)
			f.Inject(fault)
			id := b.Uploads()
			operations := map[string]func() error{
				"put":  func() error { return put(b, "k", "text") },
				"head": func() error { _, err := b.Head(context.Background(), "k", ""); return err },
				"get":  func() error { _, err := read(b, "k", backend.GetOptions{}); return err },
				"list": func() error { _, err := b.List(context.Background(), object.Query{Limit: 1}); return err },
				"info": func() error { _, err := b.Info(context.Background()); return err },
				"delete": func() error {
					return errors.Join(b.Delete(context.Background(), []string{"a", "b"})...)
				},
				"part": func() error {
					_, err := id.Put(context.Background(), "k", "id", 1, strings.NewReader("x"), 1)
					return err
				},
				"complete": func() error {
					_, err := id.Complete(context.Background(), "k", "id", []object.Listed{{Number: 1, ETag: "x"}}, object.Cond{})
					return err
				},
			}
			var group sync.WaitGroup
			for op, run := range operations {
				group.Go(func() {
					began := time.Now()
					err := run()
					if took := time.Since(began); took > 3*timeout {
						t.Errorf("%s took %v", op, took)
					}
					if !errors.Is(err, object.Unavailable) {
						t.Errorf("%s: %v", op, err)
					}
					var answer *backend.Error
					if name == "503" && (!errors.As(err, &answer) || answer.Status != 503) {
						t.Errorf("%s: the error does not say what the store answered: %v", op, err)
					}
				})
			}
			group.Wait()
		})
	}
}

// TestHungOnce has one attempt of a read hang: another one succeeds in time.
func TestHungOnce(t *testing.T) {
	f := startFake(t)
	b := f.open(t, 1500*time.Millisecond)
	if err := put(b, "k", "text"); err != nil {
		t.Fatal(err)
	}
	f.Inject(backendtest.Fault{Hang: true, Times: 1})
	if body, err := read(b, "k", backend.GetOptions{}); body != "text" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
}

// TestDown has nobody listen: that is not waited for.
func TestDown(t *testing.T) {
	f := startFake(t)
	b := f.open(t, 20*time.Second)
	f.Down()
	began := time.Now()
	_, err := b.Head(context.Background(), "k", "")
	if took := time.Since(began); !errors.Is(err, object.Unavailable) || took > 5*time.Second {
		t.Errorf("%v after %v", err, took)
	}
	if err := f.Up(); err != nil {
		t.Fatal(err)
	}
	if err := put(b, "k", "text"); err != nil {
		t.Errorf("up again: %v", err)
	}
}

func TestBodyFaults(t *testing.T) {
	text := strings.Repeat("0123456789", 1000)
	tests := []struct {
		name  string
		fault backendtest.Fault
		ask   *object.Range
		fails bool
	}{
		{"fine", backendtest.Fault{}, nil, false},
		{"slow", backendtest.Fault{Rate: 12_000}, nil, false}, // almost twice the timeout
		{"hangs", backendtest.Fault{Hang: true, After: 5000}, nil, true},
		{"resets", backendtest.Fault{Reset: true, After: 5000}, nil, true},
		{"announces more", backendtest.Fault{Length: 10}, nil, true},
		{"announces less of a range", backendtest.Fault{Length: -10}, &object.Range{Offset: 0, Length: 5000}, true},
		{"announces more of a range", backendtest.Fault{Length: 10}, &object.Range{Offset: 0, Length: 5000}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := startFake(t)
			b := f.open(t, 500*time.Millisecond)
			if err := put(b, "k", text); err != nil {
				t.Fatal(err)
			}
			tt.fault.Method = http.MethodGet
			f.Inject(tt.fault)
			body, err := read(b, "k", backend.GetOptions{Range: tt.ask})
			if (err != nil) != tt.fails || err != nil && !errors.Is(err, object.Unavailable) {
				t.Errorf("%d bytes, %v", len(body), err)
			}
			if !tt.fails && body != text {
				t.Errorf("%d bytes of another content", len(body))
			}
		})
	}
}

// TestSlowReader reads slower than the timeout: that is not the store's fault.
func TestSlowReader(t *testing.T) {
	const timeout = 2 * time.Second // in which the store answers also on a busy machine
	f := startFake(t)
	b := f.open(t, timeout)
	text := strings.Repeat("x", 1<<20)
	if err := put(b, "k", text); err != nil {
		t.Fatal(err)
	}
	opened, err := b.Get(context.Background(), "k", backend.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Body.Close()
	some := make([]byte, len(text)/2)
	if _, err := io.ReadFull(opened.Body, some); err != nil {
		t.Fatal(err)
	}
	time.Sleep(timeout + timeout/4)
	if rest, err := io.ReadAll(opened.Body); err != nil || len(some)+len(rest) != len(text) {
		t.Errorf("%d bytes and %d of %d, %v", len(some), len(rest), len(text), err)
	}
}

// slowBody takes its time for every Read.
type slowBody struct {
	*strings.Reader
	each time.Duration
}

func (b slowBody) ReadAt(p []byte, off int64) (int, error) {
	time.Sleep(b.each)
	return b.Reader.ReadAt(p[:min(len(p), 32<<10)], off)
}

// TestSlowUpload uploads for longer than the timeout: as long as it gets on, it may,
// while the body is read for its digest too.
func TestSlowUpload(t *testing.T) {
	f := startFake(t)
	b := f.open(t, time.Second)
	text := strings.Repeat("x", 1<<20)
	for _, c := range []object.Checksum{{}, object.Sum(object.MD5, []byte(text))} {
		began := time.Now()
		_, err := b.Put(context.Background(), "k", backend.PutOptions{
			Meta: object.Meta{Checksum: c}, Body: slowBody{strings.NewReader(text), 50 * time.Millisecond}, Size: int64(len(text)),
		})
		if took := time.Since(began); err != nil || took < 1500*time.Millisecond {
			t.Errorf("%v checksum: %v after %v", c.Algorithm, err, took)
		}
	}
}

// TestUploadReset has the connection break in the middle of a body, once.
func TestUploadReset(t *testing.T) {
	f := startFake(t)
	b := f.open(t, 5*time.Second)
	text := strings.Repeat("x", 12<<20)
	f.Inject(backendtest.Fault{Upload: true, Reset: true, After: 1 << 20, Times: 1})
	if err := put(b, "k2", text); err != nil {
		t.Errorf("reset once: %v", err)
	}
	if body, err := read(b, "k2", backend.GetOptions{}); body != text || err != nil {
		t.Errorf("%d bytes, %v", len(body), err)
	}
}

// badBody fails in the middle.
type badBody struct{ *strings.Reader }

func (b badBody) Read(p []byte) (int, error) {
	if b.Len() < 10 {
		return 0, object.E("fs.Read", "k", object.Corrupt, nil)
	}
	return b.Reader.Read(p[:1])
}

func (b badBody) ReadAt(p []byte, off int64) (int, error) {
	if off > 0 {
		return 0, object.E("fs.Read", "k", object.Corrupt, nil)
	}
	return b.Reader.ReadAt(p[:1], off)
}

// TestOwnBodyFails has what is written be unreadable here.
func TestOwnBodyFails(t *testing.T) {
	f := startFake(t)
	b := f.open(t, 5*time.Second)
	_, err := b.Put(context.Background(), "k", backend.PutOptions{
		Meta: object.Meta{Checksum: object.Sum(object.MD5, nil)}, Body: badBody{strings.NewReader(strings.Repeat("x", 20))}, Size: 20,
	})
	if !errors.Is(err, object.Corrupt) {
		t.Errorf("got %v", err)
	}
	if seen, _ := f.Requests(http.MethodPut, ""); len(seen) > 1 {
		t.Errorf("it was tried %d times", len(seen))
	}
}

// TestNoLeak fails a thousand times, in every way.
func TestNoLeak(t *testing.T) {
	f := startFake(t)
	if err := put(f.open(t, 20*time.Second), "k", strings.Repeat("x", 100_000)); err != nil {
		t.Fatal(err)
	}
	b := f.open(t, 50*time.Millisecond) // nothing succeeds
	goroutines, files := count(t)
	faults := []backendtest.Fault{
		{Status: 503, Code: "SlowDown"}, {Hang: true}, {Reset: true}, {Hang: true, After: 1000}, {Reset: true, After: 1000},
	}
	failures := make(chan error)
	const rounds = 1000 / 5
	for _, fault := range faults {
		f.Clear()
		f.Inject(fault)
		for range 20 {
			go func() {
				for range rounds / 20 {
					_, err := read(b, "k", backend.GetOptions{})
					failures <- err
				}
			}()
		}
		for range rounds {
			if err := <-failures; !errors.Is(err, object.Unavailable) {
				t.Fatalf("%+v: %v", fault, err)
			}
		}
	}
	f.Clear()
	b.(*bucket).stores.Close()
	deadline := time.Now().Add(time.Minute)
	for {
		g, n := count(t)
		if g <= goroutines+10 && n <= files+10 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines of %d, %d files of %d", g, goroutines, n, files)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// count returns the goroutines and the open files of the process.
func count(t *testing.T) (goroutines, files int) {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc")
	}
	return runtime.NumGoroutine(), len(open)
}

// TestErrorKinds has the store answer with each error.
func TestErrorKinds(t *testing.T) {
	tests := []struct {
		status int
		code   string
		want   object.Kind
	}{
		{404, "NoSuchKey", object.NotFound},
		{404, "NoSuchBucket", object.NoSuchBucket},
		{404, "Whatever", object.NotFound},
		{404, "NoSuchVersion", object.NoSuchVersion},
		{405, "MethodNotAllowed", object.Unsupported},
		{412, "PreconditionFailed", object.Precondition},
		{416, "InvalidRange", object.RangeInvalid},
		{403, "AccessDenied", object.Denied},
		{403, "SignatureDoesNotMatch", object.Denied},
		{403, "InvalidAccessKeyId", object.Denied},
		{400, "ExpiredToken", object.Denied},
		{400, "InvalidRequest", object.Invalid},
		{400, "KeyTooLongError", object.KeyTooLong},
		{400, "BadDigest", object.BadDigest},
		{501, "NotImplemented", object.Unsupported},
		{301, "PermanentRedirect", object.Invalid},
		{507, "InsufficientStorage", object.Unavailable},
	}
	f := startFake(t)
	b := f.open(t, time.Second)
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status, tt.code), func(t *testing.T) {
			f.Clear()
			f.Inject(backendtest.Fault{Status: tt.status, Code: tt.code})
			_, err := read(b, "k", backend.GetOptions{})
			var answer *backend.Error
			if object.KindOf(err) != tt.want || !errors.As(err, &answer) || answer.Status != tt.status || answer.Code != tt.code || answer.Message != "injected" {
				t.Errorf("got %v, %+v", err, answer)
			}
		})
	}
	f.Clear()
	f.Inject(backendtest.Fault{Status: 405, Code: "MethodNotAllowed"})
	if _, err := read(b, "k", backend.GetOptions{Version: "v"}); !errors.Is(err, object.DeleteMarked) {
		t.Errorf("405 of a version: %v", err)
	}
}

// TestNonsense has the store answer with what is no S3.
func TestNonsense(t *testing.T) {
	f := startFake(t)
	b := f.open(t, 300*time.Millisecond)
	f.respond(func(w http.ResponseWriter, _ *http.Request) bool {
		_, _ = io.WriteString(w, "<html>welcome to the hotel's network</html>")
		return true
	})
	if page, err := b.List(context.Background(), object.Query{Limit: 10}); err == nil {
		t.Errorf("a list: %+v", page)
	}
	if id, err := b.Uploads().Begin(context.Background(), "k", object.Meta{}); err == nil {
		t.Errorf("an upload: %q", id)
	}
	if etag, err := b.Uploads().Put(context.Background(), "k", "id", 1, strings.NewReader("x"), 1); err == nil {
		t.Errorf("a part: %q", etag)
	}
	if m, err := b.Uploads().Complete(context.Background(), "k", "id", []object.Listed{{Number: 1, ETag: "x"}}, object.Cond{}); err == nil {
		t.Errorf("a completion: %+v", m)
	}
	if m, err := b.(backend.Copier).Copy(context.Background(), "b", "k", "", "to", nil); err == nil {
		t.Errorf("a copy: %+v", m)
	}
	if err := put(b, "k", "x"); err == nil {
		t.Error("a write")
	}
	if body, err := read(b, "k", backend.GetOptions{}); err == nil {
		t.Errorf("a read: %q", body)
	}
	if m, err := b.Head(context.Background(), "k", ""); err == nil {
		t.Errorf("a look: %+v", m)
	}
}
