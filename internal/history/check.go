package history

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// Violation is a key whose history no correct store can have.
type Violation struct {
	Bucket, Key string
	Undecided   bool   // the search did not end in time
	Text        string // the operations around the one that cannot be explained
	Picture     string // file of the drawn history, "" where it could not be written
}

func (v Violation) String() string {
	head := "no order of the operations on this key explains what its clients saw"
	if v.Undecided {
		head = "it was not found out in time whether the history of this key is possible"
	}
	return fmt.Sprintf("%s/%s: %s\n%s\ndrawn in %s", v.Bucket, v.Key, head, v.Text, v.Picture)
}

// Limits of one key's search, and of what is printed of a violation.
const (
	searchTime = time.Minute
	around     = 45 // operations
)

// Check returns the answers that are wrong by themselves, and the keys whose
// history is impossible, each with a drawing in folder.
func (h *History) Check(folder string) (wrong []string, violations []Violation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	keys := h.byKey()
	names := slices.SortedFunc(maps.Keys(keys), func(a, b name) int {
		return cmp.Or(strings.Compare(a.bucket, b.bucket), strings.Compare(a.key, b.key))
	})
	var mu sync.Mutex
	var all sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, n := range names {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			if v := h.checkKey(n, keys[n], folder); v != nil {
				mu.Lock()
				defer mu.Unlock()
				violations = append(violations, *v)
			}
		})
	}
	all.Wait()
	return slices.Clone(h.faults), violations
}

// checkKey returns nil where the history is possible.
func (h *History) checkKey(n name, ops []Op, folder string) *Violation {
	prepared := prepare(ops)
	result := porcupine.CheckOperationsTimeout(model, prepared, searchTime)
	if result == porcupine.Ok {
		return nil
	}
	v := &Violation{Bucket: n.bucket, Key: n.key, Undecided: result == porcupine.Unknown}
	if v.Undecided {
		v.Text = tell(ops, h.events, 0, 2*around)
		return v
	}
	result, info := porcupine.CheckOperationsVerbose(model, prepared, searchTime)
	if result == porcupine.Illegal {
		stuck := stuckAt(info, prepared)
		v.Text = fmt.Sprintf("not to be explained: %s\n", stuck) + tell(ops, h.events, stuck.Start, around)
	}
	var marks []porcupine.Annotation
	for _, e := range h.events {
		marks = append(marks, porcupine.Annotation{Tag: "nemesis", Start: int64(e.Start), End: int64(e.End), Description: e.What})
	}
	info.AddAnnotations(marks)
	path := filepath.Join(folder, strings.ReplaceAll(n.bucket+"-"+n.key, "/", "_")+".html")
	if err := os.MkdirAll(folder, 0o755); err == nil && porcupine.VisualizePath(model, info, path) == nil {
		v.Picture = path
	}
	return v
}

// stuckAt returns the first operation that ended and is in no order that comes as far as any does.
func stuckAt(info porcupine.LinearizationInfo, prepared []porcupine.Operation) Op {
	longest := map[int]bool{}
	for _, partition := range info.PartialLinearizations() {
		for _, order := range partition {
			if len(order) > len(longest) {
				longest = map[int]bool{}
				for _, i := range order {
					longest[i] = true
				}
			}
		}
	}
	best := -1
	for i, op := range prepared {
		if !longest[i] && (best < 0 || op.Return < prepared[best].Return) {
			best = i
		}
	}
	if best < 0 {
		return Op{}
	}
	return prepared[best].Input.(Op)
}

// tell writes the count operations about a moment, and what was done to the cluster before and meanwhile.
func tell(ops []Op, events []Event, at time.Duration, count int) string {
	i := slices.IndexFunc(ops, func(op Op) bool { return op.Start >= at })
	if i < 0 {
		i = len(ops) - 1
	}
	from, to := max(0, i-2*count/3), min(len(ops), i+count/3)
	var b strings.Builder
	for _, e := range events {
		if e.Start <= ops[to-1].End && e.End+20*time.Second >= ops[from].Start {
			fmt.Fprintf(&b, "%9s – %9s  %s\n", seconds(e.Start), seconds(e.End), e.What)
		}
	}
	for _, op := range ops[from:to] {
		fmt.Fprintln(&b, op)
	}
	return b.String()
}

// Write writes everything that was recorded to w, in the order of its start, for people.
func (h *History) Write(w io.Writer) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	type line struct {
		at   time.Duration
		text string
	}
	var lines []line
	for _, e := range h.events {
		lines = append(lines, line{e.Start, fmt.Sprintf("%9s – %9s  %s", seconds(e.Start), seconds(e.End), e.What)})
	}
	for _, op := range h.ops {
		lines = append(lines, line{op.Start, fmt.Sprintf("%s  %s/%s", op, op.Bucket, op.Key)})
	}
	for _, p := range h.pages {
		lines = append(lines, line{p.Start, fmt.Sprintf("%9s – %9s  client %2d at %-8s lists %s from %q to %q: %v", seconds(p.Start), seconds(p.End), p.Client, p.Node, p.Bucket, p.After, p.Through, p.ETags)})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	for _, l := range lines {
		if _, err := fmt.Fprintln(w, l.text); err != nil {
			return err
		}
	}
	return nil
}
