package history

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// Value is one content of a key. Every write has another ID, from 1; the zero Value is
// nothing: the key does not exist.
type Value struct {
	ID   uint64
	ETag string // without quotes
	Size int64
}

func (v Value) String() string {
	switch {
	case v == Value{}:
		return "nothing"
	case v.ID == 0:
		return "etag " + v.ETag
	}
	return fmt.Sprintf("v%d (%d B)", v.ID, v.Size)
}

// Kind is what an operation does.
type Kind int

// The kinds of operations.
const (
	Write  Kind = iota // of Value, a PUT or the completion of an upload
	Remove             // a DELETE
	Read               // a GET or HEAD, whose answer is Value
)

// Outcome is what the client learned.
type Outcome int

// The outcomes of an operation.
const (
	Done    Outcome = iota // it was acknowledged, or answered
	Refused                // 412: the condition did not hold
	Missing                // 404 to a write: If-Match, and nothing was there
	Unknown                // no answer, or one that says nothing (5xx)
)

// Op is one operation on one key.
type Op struct {
	Client      int
	Node        string // whom it was sent to
	Bucket, Key string
	Kind        Kind
	Value       Value
	IfAbsent    bool   // If-None-Match: *
	IfMatch     string // an ETag without quotes
	Outcome     Outcome
	Start, End  time.Duration // since the history began
	Note        string        // what was sent and answered, for people
	byListing   bool          // a Read of a page: the Value has no ID
	pending     bool          // it may take effect at any time after its start, or never
}

// Page is one page of a listing: all keys behind After, up to and with Through.
type Page struct {
	Client         int
	Node           string
	Bucket         string
	After, Through string // "" is the beginning, or the end
	ETags          map[string]string
	Start, End     time.Duration
}

// Event is something that happened to the cluster meanwhile.
type Event struct {
	What       string
	Start, End time.Duration
}

// History is what was recorded. It may be filled by many clients at once.
type History struct {
	began time.Time

	mu     sync.Mutex
	ops    []Op
	pages  []Page
	events []Event
	faults []string // answers that are wrong by themselves
}

// New begins a history.
func New() *History { return &History{began: time.Now()} }

// Begin lets the time of a history that is empty begin anew.
func (h *History) Begin() { h.began = time.Now() }

// Now returns the time since the history began.
func (h *History) Now() time.Duration { return time.Since(h.began) }

// Add records an operation.
func (h *History) Add(op Op) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
}

// AddPage records a page of a listing that was answered.
func (h *History) AddPage(p Page) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pages = append(h.pages, p)
}

// AddEvent records something that was done to the cluster.
func (h *History) AddEvent(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

// Wrong records an answer that is wrong whatever else happened, such as a body in
// pieces of two writes.
func (h *History) Wrong(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, fmt.Sprintf("%s ", seconds(h.Now()))+fmt.Sprintf(format, args...))
}

// Counts returns how many operations had each outcome, and how many pages there are.
func (h *History) Counts() (outcomes map[Outcome]int, pages int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	outcomes = map[Outcome]int{}
	for _, op := range h.ops {
		outcomes[op.Outcome]++
	}
	return outcomes, len(h.pages)
}

// name is a key in its bucket.
type name struct{ bucket, key string }

// byKey returns the operations on each key, and with them what each page says of it.
func (h *History) byKey() map[name][]Op {
	all := map[name][]Op{}
	for _, op := range h.ops {
		n := name{op.Bucket, op.Key}
		all[n] = append(all[n], op)
	}
	for _, p := range h.pages {
		for key := range p.ETags { // a key that nobody ever wrote, too
			n := name{p.Bucket, key}
			if _, known := all[n]; !known {
				all[n] = nil
			}
		}
	}
	for n := range all {
		for _, p := range h.pages {
			if p.Bucket != n.bucket || n.key <= p.After || p.Through != "" && n.key > p.Through {
				continue
			}
			all[n] = append(all[n], Op{
				Client: p.Client, Node: p.Node, Bucket: n.bucket, Key: n.key, Kind: Read, Value: Value{ETag: p.ETags[n.key]},
				Start: p.Start, End: p.End, Note: "LIST", byListing: true,
			})
		}
		slices.SortStableFunc(all[n], func(a, b Op) int { return cmp.Compare(a.Start, b.Start) })
	}
	return all
}

const never = time.Duration(math.MaxInt64)

func seconds(d time.Duration) string {
	if d == never {
		return "?"
	}
	return fmt.Sprintf("%.3fs", d.Seconds())
}
