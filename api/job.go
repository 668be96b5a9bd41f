package api

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"ais/object"
)

// Kinds of jobs; those about names are the actions that start them.
const (
	JobPrefetch    = "prefetch-listrange" // brings objects of a remote bucket here
	JobEvict       = "evict-listrange"    // drops what is kept here of them
	JobDelete      = "delete-listrange"   // deletes objects, at the remote too
	JobEvictBucket = "evict-remote-bck"   // JobEvict of everything
	JobLRU         = "lru"                // makes room on mountpaths that are full
	JobResilver    = "resilver"           // moves objects between a target's mountpaths
	JobCopy        = "copy-bck"           // copies a bucket, or what begins with a prefix
	JobCopyNames   = "copy-listrange"     // copies objects
	JobRename      = "move-bck"           // gives a bucket another name
	JobSummary     = "summary-bck"        // counts what a bucket holds
	JobArchive     = "archive"            // makes one archive of many objects
	JobRebalance   = "rebalance"          // moves objects to the targets where they are to be; one for each bucket
)

// Actions of jobs.
const (
	ActionPrefetch    = JobPrefetch
	ActionEvict       = JobEvict
	ActionDelete      = JobDelete
	ActionEvictBucket = JobEvictBucket
	ActionCopy        = JobCopy
	ActionCopyNames   = JobCopyNames
	ActionRename      = JobRename
	ActionArchive     = JobArchive
	ActionStart       = "start"
	ActionStop        = "stop"
)

// QueryKeepBucket is the query parameter of ActionEvictBucket that keeps the bucket
// itself.
const QueryKeepBucket = "keep_bck_md"

// Values of the query parameter what, about jobs.
const (
	WhatJobStatus   = "status"      // JobStatus of one
	WhatJobStatuses = "status_all"  // array of JobStatus
	WhatRunningJobs = "running_all" // array of "kind[id]"
	WhatJobs        = "qryxstats"   // JobSnaps
)

// AboutJobs reports whether a value of the query parameter what is about jobs.
func AboutJobs(what string) bool {
	switch what {
	case WhatJobStatus, WhatJobStatuses, WhatRunningJobs, WhatJobs:
		return true
	}
	return false
}

// JobKind returns the kind that a person means by a word: its name, or a short
// form; "" is any kind. The error is of kind Invalid.
func JobKind(word string) (string, error) {
	switch strings.ToLower(word) {
	case "":
		return "", nil
	case JobPrefetch, "prefetch", "prefetch-objects":
		return JobPrefetch, nil
	case JobEvict, "evict", "evict-objects":
		return JobEvict, nil
	case JobDelete, "delete", "delete-objects":
		return JobDelete, nil
	case JobEvictBucket, "evict-bucket", "evict-remote-bucket":
		return JobEvictBucket, nil
	case JobLRU, "lru-eviction":
		return JobLRU, nil
	case JobResilver:
		return JobResilver, nil
	case JobCopy, "copy-bucket", "copy", "cp":
		return JobCopy, nil
	case JobCopyNames, "copy-objects":
		return JobCopyNames, nil
	case JobRename, "rename-bucket", "rename", "mv":
		return JobRename, nil
	case JobSummary, "summary":
		return JobSummary, nil
	case JobArchive:
		return JobArchive, nil
	case JobRebalance, "rebal":
		return JobRebalance, nil
	}
	return "", object.E("api.JobKind", word, object.Invalid, errors.New("a kind of job is prefetch, evict, delete, evict-remote-bck, lru, copy-bck, copy-listrange, move-bck, summary-bck, archive or rebalance"))
}

// RebalanceID returns the id of the rebalance to a generation of targets: it runs as
// long as any bucket is to be moved. Its shares are the jobs JobRebalance of buckets.
func RebalanceID(generation uint64) string { return "g" + strconv.FormatUint(generation, 10) }

// IsRebalanceID reports whether an id is one of RebalanceID.
func IsRebalanceID(id string) bool {
	number, ok := strings.CutPrefix(id, "g")
	n, err := strconv.ParseUint(number, 10, 64)
	return ok && err == nil && RebalanceID(n) == id
}

// NamesMessage is the value of an action on many objects of a bucket: those of
// Names, or of Template, which without ranges is a prefix, or those that begin with
// Prefix. With none of these it is every object.
type NamesMessage struct {
	Names    []string `json:"objnames,omitempty"`
	Template string   `json:"template,omitempty"`
	Prefix   string   `json:"prefix,omitempty"`      // AIS's own: a template cannot say what has a brace in it
	Latest   bool     `json:"latest-ver,omitempty"`  // of a prefetch: fetch anew what has changed at the remote
	Workers  int      `json:"num-workers,omitempty"` // objects at a time on each target, MaxJobWorkers at most; 0 is the default, -1 is one
}

// MaxJobWorkers bounds NamesMessage.Workers.
const MaxJobWorkers = 64

// Check reports whether the message can be carried out, and makes a template
// without ranges the prefix that it is. The error is of kind Invalid.
func (m *NamesMessage) Check() error {
	const op = "api.NamesMessage"
	given := 0
	for _, is := range []bool{len(m.Names) > 0, m.Template != "", m.Prefix != ""} {
		if is {
			given++
		}
	}
	if given > 1 {
		return object.E(op, "", object.Invalid, errors.New("names are given as a list, a template or a prefix, one of them"))
	}
	if m.Workers < -1 || m.Workers > MaxJobWorkers {
		return object.E(op, "num-workers", object.Invalid, errors.New("there are 0 (the default) to 64 workers, or -1 for one object after the other"))
	}
	for _, name := range m.Names {
		if err := object.CheckKey(name); err != nil {
			return err
		}
	}
	t, err := ParseTemplate(m.Template)
	if err == nil && m.Template != "" && !t.HasRanges() {
		m.Template, m.Prefix = "", m.Template
	}
	return err
}

// JobQuery asks for jobs; what is empty means any. In JSON the names may also begin
// with capitals, as the Python SDK writes them.
type JobQuery struct {
	ID          string   `json:"id"`
	Kind        string   `json:"kind"`
	Bucket      *Bucket  `json:"bck,omitempty"`
	Buckets     []Bucket `json:"Buckets,omitempty"`     // of a start; one at most can be served
	Node        string   `json:"DaemonID,omitempty"`    // target, of a start
	Share       string   `json:"node,omitempty"`        // only this target's shares
	Active      *bool    `json:"show_active,omitempty"` // true: those that run only
	OnlyRunning bool     `json:"OnlyRunning,omitempty"` // likewise
}

// Running reports whether only jobs that run are asked for.
func (q *JobQuery) Running() bool { return q.OnlyRunning || q.Active != nil && *q.Active }

// HasBucket reports whether jobs of one bucket are asked for.
func (q *JobQuery) HasBucket() bool { return q.Bucket != nil && q.Bucket.Name != "" }

// JobStatus is how far a job is on the whole.
type JobStatus struct {
	ID      string `json:"uuid"`
	Kind    string `json:"kind"`
	Err     string `json:"err"`
	Ended   int64  `json:"end_time"` // nanoseconds since 1970; 0 while it runs
	Aborted bool   `json:"aborted"`
}

// JobStats counts what a job did.
type JobStats struct {
	Objects    int64 `json:"loc-objs,string"`
	Bytes      int64 `json:"loc-bytes,string"`
	OutObjects int64 `json:"out-objs,string"`
	OutBytes   int64 `json:"out-bytes,string"`
	InObjects  int64 `json:"in-objs,string"`
	InBytes    int64 `json:"in-bytes,string"`
}

// JobExtra is what AIS says of a job besides what AIStore does.
type JobExtra struct {
	Total   int64    `json:"total,string"`  // objects to look at; 0 where that is not known
	Errors  int64    `json:"errors,string"` // objects that failed
	Targets []string `json:"targets,omitempty"`
	Owner   string   `json:"owner,omitempty"` // user who started it
}

// JobSnap is one target's share of a job.
type JobSnap struct {
	Extra    JobExtra  `json:"ext"`
	Started  time.Time `json:"start-time"`
	Ended    time.Time `json:"end-time"` // the year 1 while it runs
	Bucket   Bucket    `json:"bck"`
	Source   Bucket    `json:"src-bck"`
	Dest     Bucket    `json:"dst-bck"`
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	About    string    `json:"ctlmsg,omitempty"`
	AbortErr string    `json:"abort-err"`
	Err      string    `json:"err"`
	Packed   int64     `json:"glob.id,string"` // numbers that AIStore packs; 0 here
	Stats    JobStats  `json:"stats"`
	Aborted  bool      `json:"aborted"`
	Idle     bool      `json:"is_idle"` // it has ended
}

// Running reports whether the share has not ended.
func (s *JobSnap) Running() bool { return s.Ended.IsZero() }

// JobSnaps is jobs by the id of the target.
type JobSnaps map[string][]JobSnap

// Of returns the shares of the jobs that are listed.
func (all JobSnaps) Of(jobs []JobStatus) JobSnaps {
	out := JobSnaps{}
	for node, snaps := range all {
		for i := range snaps {
			if slices.ContainsFunc(jobs, func(j JobStatus) bool { return j.ID == snaps[i].ID }) {
				out[node] = append(out[node], snaps[i])
			}
		}
	}
	return out
}

// Statuses returns each job on the whole, the latest first. A job has ended when
// every share has; one of whose targets knows nothing of it any more was aborted.
func (all JobSnaps) Statuses() []JobStatus {
	type sum struct {
		JobStatus
		started time.Time
		running bool
		targets []string
		seen    []string
	}
	byID := map[string]*sum{}
	for node, snaps := range all {
		for i := range snaps {
			s := &snaps[i]
			j := byID[s.ID]
			if j == nil {
				j = &sum{JobStatus: JobStatus{ID: s.ID, Kind: s.Kind}, started: s.Started, targets: s.Extra.Targets}
				byID[s.ID] = j
			}
			j.seen = append(j.seen, node)
			j.running = j.running || s.Running()
			j.Aborted = j.Aborted || s.Aborted
			if err := s.failure(); err != "" && (j.Err == "" || j.Err > err) {
				j.Err = err
			}
			if s.Started.Before(j.started) {
				j.started = s.Started
			}
			if !s.Running() {
				j.Ended = max(j.Ended, s.Ended.UnixNano())
			}
		}
	}
	out := make([]*sum, 0, len(byID))
	for _, j := range byID {
		for _, target := range j.targets {
			if !slices.Contains(j.seen, target) {
				j.Aborted = true
				if j.Err == "" {
					j.Err = "what t[" + target + "] did is not known: it is down, or was restarted"
				}
			}
		}
		if j.running {
			j.Ended = 0
		}
		out = append(out, j)
	}
	slices.SortFunc(out, func(a, b *sum) int {
		if c := b.started.Compare(a.started); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	statuses := make([]JobStatus, len(out))
	for i, j := range out {
		statuses[i] = j.JobStatus
	}
	return statuses
}

// failure returns what went wrong, "" for nothing.
func (s *JobSnap) failure() string {
	if s.AbortErr != "" {
		return s.AbortErr
	}
	return s.Err
}
