package peer

import "time"

// Paths of jobs, on a target.
const (
	PathJobStart = "/_/job-start" // JobRequest → {}
	PathJobStop  = "/_/job-stop"  // JobQuery → {}
	PathJobs     = "/_/jobs"      // JobQuery → JobsAnswer
)

// JobRequest asks a target to do its share of a job: what it does to the names that
// the target owns.
type JobRequest struct {
	ID      string   `json:"id"`
	Kind    string   `json:"kind"`
	Bucket  uint64   `json:"bucket,omitempty"` // 0 for a job about no bucket
	Owner   string   `json:"owner,omitempty"`  // user who started it
	Targets []string `json:"targets"`          // all that have a share
	Work    JobWork  `json:"work"`
}

// JobWork says which names a job is about, and how it is done: Keys, or Template's,
// or those that begin with Prefix.
type JobWork struct {
	Keys     []string `json:"keys,omitempty"`
	Template string   `json:"template,omitempty"`
	Prefix   string   `json:"prefix,omitempty"`
	Latest   bool     `json:"latest,omitempty"`  // what is here already is compared with the remote bucket
	Workers  int      `json:"workers,omitempty"` // objects at a time on each target; 0 is the default
}

// JobQuery says which jobs are meant; what is empty means any.
type JobQuery struct {
	ID     string `json:"id,omitempty"`
	Kind   string `json:"kind,omitempty"`
	Bucket uint64 `json:"bucket,omitempty"`
}

// Job is a target's share of a job.
type Job struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	Bucket  uint64    `json:"bucket,omitempty"`
	Owner   string    `json:"owner,omitempty"`
	Targets []string  `json:"targets,omitempty"`
	About   string    `json:"about,omitempty"` // which names, for people
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"` // zero while it runs
	Aborted bool      `json:"aborted,omitempty"`
	Err     string    `json:"err,omitempty"` // why it was aborted, or the first of what failed

	Objects int64 `json:"objects"` // done
	Bytes   int64 `json:"bytes"`   // of these
	Errors  int64 `json:"errors"`  // objects that failed
	Total   int64 `json:"total"`   // objects to look at; 0 where that is not known
}

// JobsAnswer is the jobs of a target, the latest first.
type JobsAnswer struct {
	Jobs []Job `json:"jobs"`
}
