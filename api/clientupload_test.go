package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"ais/object"
)

// uploads is a target that keeps the parts of one upload.
type uploads struct {
	mu    sync.Mutex
	parts map[string]string
	calls []string
}

func (u *uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	q := r.URL.Query()
	u.mu.Lock()
	defer u.mu.Unlock()
	switch id := q.Get(QueryUploadID); {
	case r.Method == "POST" && id == "":
		_, _ = io.WriteString(w, "the-id\n")
	case id != "the-id":
		w.WriteHeader(404)
		_, _ = io.WriteString(w, `{"tcode":"ErrUploadNotFound","message":"no"}`)
	case r.Method == "PUT":
		u.parts[q.Get(QueryPartNumber)] = string(body)
		w.Header().Set("Etag", `"e`+q.Get(QueryPartNumber)+`"`)
		w.Header().Set(HeaderChecksumType, "xxhash")
		w.Header().Set(HeaderChecksum, object.Sum(object.XXHash, body).Hex())
	case r.Method == "GET":
		_, _ = fmt.Fprintf(w, `{"upload-id":"the-id","parts":[{"part-number":1,"size":%d,"etag":"e1"}]}`, len(u.parts["1"]))
	default:
		u.calls = append(u.calls, r.Method+" "+string(body))
	}
}

func TestUpload(t *testing.T) {
	ctx, b := context.Background(), NewBucket(object.AIS, "abc")
	u := &uploads{parts: map[string]string{}}
	c := pair(t, u.ServeHTTP)
	id, err := c.CreateUpload(ctx, b, "a/k")
	if err != nil || id != "the-id" {
		t.Fatal(id, err)
	}
	var wg sync.WaitGroup
	for number := 1; number <= 8; number++ {
		wg.Go(func() {
			content := strings.Repeat(string('a'+byte(number)), number*100_000)
			part, err := c.PutPart(ctx, b, "a/k", id, number, strings.NewReader(content), int64(len(content)), PutOptions{Verify: object.XXHash})
			if err != nil || part.ETag != fmt.Sprint("e", number) || part.Checksum == "" || part.Size != int64(len(content)) {
				t.Error(part, err)
			}
		})
	}
	wg.Wait()
	if len(u.parts) != 8 || len(u.parts["8"]) != 800_000 {
		t.Error(len(u.parts), "parts came")
	}
	if s, err := c.ListParts(ctx, b, "a/k", id); err != nil || s.ID != id || len(s.Parts) != 1 || s.Parts[0].Size != 100_000 {
		t.Error(s, err)
	}
	if _, err := c.ListParts(ctx, b, "a/k", "other"); !errors.Is(err, object.NoSuchUpload) {
		t.Error(err)
	}
	if _, err := c.CompleteUpload(ctx, b, "a/k", id, []CompletedPart{{1, "e1"}, {2, ""}}); err != nil {
		t.Error(err)
	}
	if err := c.AbortUpload(ctx, b, "a/k", id); err != nil {
		t.Error(err)
	}
	want := `POST {"action":"mpt-complete","name":"","value":[{"part-number":1,"etag":"e1"},{"part-number":2,"etag":""}]}` +
		`DELETE {"action":"mpt-abort","name":"","value":null}`
	if got := strings.Join(u.calls, ""); got != want {
		t.Error(got)
	}
}

func TestParseParts(t *testing.T) {
	for value, want := range map[string]string{
		`[{"part-number":2,"etag":"b"},{"part-number":1}]`:            "1 any, 2 b",
		`[{"part-number":1,"etag":"b"},{"part-number":1,"etag":"b"}]`: "1 b",
		`[{"part-number":1,"etag":"b"},{"part-number":1,"etag":"c"}]`: "error",
		`[{"part-number":0}]`: "error", `[{"part-number":10001}]`: "error", `[]`: "error", `null`: "error", `{}`: "error",
	} {
		listed, err := ParseParts(ActionMessage{Action: ActionCompleteUpload, Value: []byte(value)})
		var got []string
		for _, l := range listed {
			if l.Any {
				l.ETag = "any"
			}
			got = append(got, fmt.Sprint(l.Number, " ", l.ETag))
		}
		if err != nil {
			got = []string{"error"}
			if !errors.Is(err, object.Invalid) {
				t.Error(err)
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %v, %v", value, got, err)
		}
	}
}
