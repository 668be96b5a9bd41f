package peer

import "time"

// Paths of jobs, on a target.
const (
	PathJobStart = "/_/job-start" // JobRequest → {}
	PathJobStop  = "/_/job-stop"  // JobQuery → {}
	PathJobs     = "/_/jobs"      // JobQuery → JobsAnswer
	PathCopy     = "/_/copy"      // CopyRequest → CopyAnswer, as soon as the copy is there
)

// CopyRequest asks a target for a copy of an object under a name that the target owns.
type CopyRequest struct {
	Source uint64 `json:"source"` // bucket
	Key    string `json:"key"`
	Dest   uint64 `json:"dest"` // bucket
	To     string `json:"to"`   // key there
	Owner  string `json:"owner,omitempty"`
	Limits Limits `json:"limits,omitzero"`
}

// Limits say which objects who started a job may read, where that is not all of them.
type Limits struct {
	Owned    bool `json:"owned,omitempty"`    // only the bucket owner's
	Untagged bool `json:"untagged,omitempty"` // only those without tags, on which a policy may depend
}

// CopyAnswer says what was copied.
type CopyAnswer struct {
	Size int64 `json:"size"` // bytes
}

// JobRequest asks a target to do its share of a job: what it does to the names that
// the target owns.
type JobRequest struct {
	ID      string   `json:"id"`
	Kind    string   `json:"kind"`
	Bucket  uint64   `json:"bucket,omitempty"` // 0 for a job about no bucket
	Dest    uint64   `json:"dest,omitempty"`   // bucket that the job writes to; 0 for none
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

	Copy   CopyWork `json:"copy,omitzero"`
	Limits Limits   `json:"limits,omitzero"`

	Archive ArchiveWork `json:"archive,omitzero"`

	RemoteAt string `json:"remote_at,omitempty"` // target that counts what the remote bucket has; "" is none
	Name     string `json:"name,omitempty"`      // that the bucket is to get
}

// ArchiveWork says which archive a job makes of its objects, as api.ArchiveMessage.
type ArchiveWork struct {
	Key        string `json:"key,omitempty"`
	Format     string `json:"format,omitempty"`
	BucketName bool   `json:"bucket_name,omitempty"`
	Append     bool   `json:"append,omitempty"`
	GoOn       bool   `json:"go_on,omitempty"`
}

// CopyWork says how a job copies: each object under its name with Prepend before it.
type CopyWork struct {
	Prepend     string `json:"prepend,omitempty"`
	DryRun      bool   `json:"dry_run,omitempty"`     // count, and copy nothing
	Synchronize bool   `json:"synchronize,omitempty"` // remove copies of what is no longer there
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
	Dest    uint64    `json:"dest,omitempty"`
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

	Sum *Summary `json:"sum,omitempty"` // of a summary, as far as it is
}

// Summary is what a target has of a bucket. Sizes are in bytes.
type Summary struct {
	Objects       int64 `json:"objects"`
	Bytes         int64 `json:"bytes"`
	Min           int64 `json:"min"` // size of the smallest object; of none 0, as Max
	Max           int64 `json:"max"`
	RemoteObjects int64 `json:"remote_objects"` // in the remote bucket, of the one target that counts them
	RemoteBytes   int64 `json:"remote_bytes"`
	Capacity      int64 `json:"capacity"` // of the target's mountpaths
}

// Add adds an object of that size, here or in the remote bucket.
func (s *Summary) Add(size int64, remote bool) {
	if remote {
		s.RemoteObjects++
		s.RemoteBytes += size
		return
	}
	if s.Objects == 0 || size < s.Min {
		s.Min = size
	}
	s.Max = max(s.Max, size)
	s.Objects++
	s.Bytes += size
}

// Join adds what another target has.
func (s *Summary) Join(o *Summary) {
	if s.Objects == 0 || o.Objects > 0 && o.Min < s.Min {
		s.Min = o.Min
	}
	s.Max = max(s.Max, o.Max)
	s.Objects += o.Objects
	s.Bytes += o.Bytes
	s.RemoteObjects += o.RemoteObjects
	s.RemoteBytes += o.RemoteBytes
	s.Capacity += o.Capacity
}

// JobsAnswer is the jobs of a target, the latest first.
type JobsAnswer struct {
	Jobs []Job `json:"jobs"`
}
