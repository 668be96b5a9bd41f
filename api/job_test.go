package api

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"ais/object"
)

func TestJobStatuses(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 11, 22, 15, minute, 0, 0, time.UTC) }
	two := JobExtra{Targets: []string{"t1", "t2"}}
	all := JobSnaps{
		"t1": {
			{ID: "done", Kind: JobEvict, Started: at(1), Ended: at(3), Extra: two},
			{ID: "runs", Kind: JobPrefetch, Started: at(2), Ended: at(4), Extra: two, Err: "b: one failed"},
			{ID: "stopped", Kind: JobPrefetch, Started: at(5), Ended: at(6), Extra: two, Aborted: true, AbortErr: "stopped"},
			{ID: "lost", Kind: JobLRU, Started: at(7), Ended: at(8), Extra: two},
		},
		"t2": {
			{ID: "done", Kind: JobEvict, Started: at(1), Ended: at(2), Extra: two},
			{ID: "runs", Kind: JobPrefetch, Started: at(2), Extra: two, Err: "a: one failed"},
			{ID: "stopped", Kind: JobPrefetch, Started: at(5), Ended: at(6), Extra: two},
		},
	}
	want := []JobStatus{
		{ID: "lost", Kind: JobLRU, Ended: at(8).UnixNano(), Aborted: true, Err: "what t[t2] did is not known: it is down, or was restarted"},
		{ID: "stopped", Kind: JobPrefetch, Ended: at(6).UnixNano(), Aborted: true, Err: "stopped"},
		{ID: "runs", Kind: JobPrefetch, Err: "a: one failed"},
		{ID: "done", Kind: JobEvict, Ended: at(3).UnixNano()},
	}
	got := all.Statuses()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if of := all.Of(got[:1]); len(of) != 1 || len(of["t1"]) != 1 || of["t1"][0].ID != "lost" {
		t.Errorf("of one job: %+v", of)
	}
}

// AIStore's clients write and read these.
func TestJobMessages(t *testing.T) {
	var q JobQuery
	for _, text := range []string{
		`{"show_active":null,"bck":{"name":"abc","provider":"aws","namespace":{"uuid":"","name":""}},"id":"x","kind":"prefetch-listrange"}`,
		`{"ID":"x","Kind":"prefetch-listrange","DaemonID":"","Bck":{"name":"abc","provider":"aws"},"Buckets":null,"OnlyRunning":false}`,
	} {
		q = JobQuery{}
		if err := jsonAPI.UnmarshalFromString(text, &q); err != nil {
			t.Fatal(err)
		}
		if q.ID != "x" || q.Kind != JobPrefetch || !q.HasBucket() || q.Bucket.Name != "abc" || q.Running() {
			t.Errorf("%s: %+v", text, q)
		}
	}
	if err := jsonAPI.UnmarshalFromString(`{"show_active":true}`, &q); err != nil || !q.Running() {
		t.Errorf("%+v, %v", q, err)
	}
	text, err := jsonAPI.MarshalToString(JobSnap{ID: "x", Kind: JobLRU, Stats: JobStats{Objects: 3}})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"id":"x"`, `"loc-objs":"3"`, `"end-time":"0001-01-01T00:00:00Z"`, `"aborted":false`, `"glob.id":"0"`, `"bck":{"name":""`} {
		if !strings.Contains(text, part) {
			t.Errorf("no %s in %s", part, text)
		}
	}
}

func TestNamesMessage(t *testing.T) {
	for _, tt := range []struct {
		m    NamesMessage
		ok   bool
		want NamesMessage
	}{
		{NamesMessage{}, true, NamesMessage{}},
		{NamesMessage{Names: []string{"a", "b{"}}, true, NamesMessage{Names: []string{"a", "b{"}}},
		{NamesMessage{Template: "a/"}, true, NamesMessage{Prefix: "a/"}},
		{NamesMessage{Template: "a{1..2}"}, true, NamesMessage{Template: "a{1..2}"}},
		{NamesMessage{Prefix: "a{"}, true, NamesMessage{Prefix: "a{"}},
		{NamesMessage{Template: "a{"}, false, NamesMessage{}},
		{NamesMessage{Names: []string{""}}, false, NamesMessage{}},
		{NamesMessage{Names: []string{"a"}, Prefix: "a"}, false, NamesMessage{}},
		{NamesMessage{Workers: -2}, false, NamesMessage{}},
		{NamesMessage{Workers: MaxJobWorkers + 1}, false, NamesMessage{}},
	} {
		got := tt.m
		err := got.Check()
		if tt.ok != (err == nil) || err != nil && !errors.Is(err, object.Invalid) {
			t.Errorf("%+v: %v", tt.m, err)
		}
		if tt.ok && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%+v: %+v", tt.m, got)
		}
	}
	for word, kind := range map[string]string{"": "", "prefetch": JobPrefetch, "LRU": JobLRU, "evict-objects": JobEvict, "evict-remote-bck": JobEvictBucket, "rebalance": JobRebalance} {
		if got, err := JobKind(word); got != kind || err != nil {
			t.Errorf("%q: %s, %v", word, got, err)
		}
	}
	if _, err := JobKind("reconfigure"); !errors.Is(err, object.Invalid) {
		t.Error(err)
	}
	if id := RebalanceID(7); id != "g7" || !IsRebalanceID(id) || IsRebalanceID("g") || IsRebalanceID("g07") || IsRebalanceID("JX2K5P7QRM") || IsRebalanceID("7") {
		t.Error(id)
	}
}
