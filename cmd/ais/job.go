package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ais/api"
	"ais/object"
)

func (a *app) jobCommand() *cobra.Command {
	return group("job", "Start, show, wait for and stop jobs", a.startCommand(), a.stopCommand(), a.waitCommand(), a.jobShowCommand("show [KIND|ID] [BUCKET]"))
}

func (a *app) startCommand() *cobra.Command {
	return group("start", "Start a job", a.prefetchCommand(), a.evictCommand(), a.startLRUCommand(), a.startResilverCommand(), a.startRebalanceCommand("rebalance"))
}

func (a *app) startLRUCommand() *cobra.Command {
	var w waiting
	cmd := &cobra.Command{
		Use:     "lru",
		Short:   "Evict what was not used for longest, where a disk is fuller than space.lowwm",
		Aliases: []string{"lru-eviction"},
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			id, err := a.client.StartJob(cmd.Context(), api.JobQuery{Kind: api.JobLRU})
			if err != nil {
				return err
			}
			return a.started(cmd.Context(), api.JobLRU, id, "", &w)
		},
	}
	w.flags(cmd)
	return cmd
}

// waiting is what a command that starts a job is told about its end.
type waiting struct {
	wait     bool
	progress bool
	timeout  time.Duration
}

func (w *waiting) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&w.wait, "wait", false, "return when the job has ended")
	w.timeFlags(cmd)
}

// any reports whether the end of the job is to be waited for.
func (w *waiting) any() bool { return w.wait || w.progress || w.timeout > 0 }

func (w *waiting) timeFlags(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&w.timeout, "timeout", 0, "how long to wait at most, as in 30s or 1h")
	cmd.Flags().BoolVar(&w.progress, "progress", false, "wait, and show on the terminal how far the job is")
}

// started says that a job runs, and waits for it where that is asked for.
func (a *app) started(ctx context.Context, kind, id, what string, w *waiting) error {
	if what != "" {
		what = ": " + what
	}
	if !a.json {
		hint := fmt.Sprintf(" To monitor the progress, run 'ais show job %s'", id)
		if w.any() {
			hint = ""
		}
		if _, err := fmt.Fprintf(a.out, "Started %s[%s]%s.%s\n", kind, id, what, hint); err != nil {
			return err
		}
	}
	if !w.any() {
		if a.json {
			return a.writeJSON(map[string]any{"id": id, "kind": kind})
		}
		return nil
	}
	return a.waitFor(ctx, id, w)
}

// waitFor waits for a job and reports how it ended: an error where it did not do
// all that it was to do.
func (a *app) waitFor(ctx context.Context, id string, w *waiting) error {
	s, err := a.follow(ctx, id, w)
	if err != nil {
		return err
	}
	if a.json {
		err = a.writeJSON(s)
	}
	switch name := s.Kind + "[" + s.ID + "]"; {
	case s.Aborted:
		return fmt.Errorf("%s was aborted: %s", name, s.Err)
	case s.Err != "":
		return fmt.Errorf("%s finished, but not all went well: %s; 'ais show job %s' has the numbers", name, s.Err, id)
	case !a.json:
		_, err = fmt.Fprintf(a.out, "%s finished\n", name)
	}
	return err
}

// follow waits until a job has ended, however it did.
func (a *app) follow(ctx context.Context, id string, w *waiting) (api.JobStatus, error) {
	if w.timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, w.timeout)
		defer cancel()
		ctx = limited
	}
	done := make(chan struct{})
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		if w.progress && a.terminal {
			a.showProgress(ctx, id, done)
		}
	}()
	s, err := a.client.WaitJob(ctx, id)
	close(done)
	<-shown
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("%s[%s] is running still, after %s; 'ais wait %s' waits on", s.Kind, id, w.timeout, id)
	case errors.Is(err, object.NotFound):
		err = noSuchJob(id)
	}
	return s, err
}

// showProgress writes how far a job is over and over into one line of the terminal,
// until done.
func (a *app) showProgress(ctx context.Context, id string, done <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-done:
			fmt.Fprint(a.err, "\r\033[K")
			return
		case <-tick.C:
		}
		snaps, err := a.client.Jobs(ctx, api.JobQuery{ID: id})
		if err != nil {
			continue
		}
		t := totalOf(slices.Collect(maps.Values(snaps)))
		fmt.Fprintf(a.err, "\r%s objects, %s\033[K", t.objects(), formatSize(t.bytes))
	}
}

func noSuchJob(id string) error {
	return fmt.Errorf("no job %q is known; 'ais show job --all' lists those of the last day", id)
}

func (a *app) jobShowCommand(use string) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   use,
		Short: "Show jobs: those that run, or one",
		Example: `  ais show job
  ais show job prefetch --all
  ais show job JX2K5P7QRM`,
		Args:              args(0, 2, ""),
		ValidArgsFunction: a.completeJobs,
		RunE: func(cmd *cobra.Command, given []string) error {
			q, err := jobQuery(given)
			if err != nil {
				return err
			}
			running := !all && q.ID == ""
			q.OnlyRunning = running
			snaps, err := a.client.Jobs(cmd.Context(), q)
			if err != nil {
				return err
			}
			if q.ID != "" && len(snaps) == 0 {
				return noSuchJob(q.ID)
			}
			return a.writeJobs(snaps, running)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "show also those that ended, of the last day")
	return cmd
}

// jobQuery reads arguments that say which jobs are meant: a kind or an id, a bucket,
// either or both.
func jobQuery(given []string) (q api.JobQuery, err error) {
	for _, word := range given {
		kind, kindErr := api.JobKind(word)
		switch {
		case strings.Contains(word, ":") && q.Bucket == nil:
			b, err := bucketURI(word)
			if err != nil {
				return q, err
			}
			q.Bucket = &b
		case q.Kind != "" || q.ID != "":
			return q, usagef("unexpected argument %q", word)
		case kindErr == nil:
			q.Kind = kind
		default:
			q.ID = strings.TrimSuffix(word[strings.IndexByte(word, '[')+1:], "]") // kind[ID] is how jobs are written
		}
	}
	return q, nil
}

// writeJobs writes a table for each job, the latest first.
func (a *app) writeJobs(snaps api.JobSnaps, running bool) error {
	if a.json {
		return a.writeJSON(snaps)
	}
	statuses := snaps.Statuses()
	if len(statuses) == 0 {
		text := "No jobs in the last day"
		if running {
			text = "No running jobs ('--all' shows those that ended)"
		}
		_, err := fmt.Fprintln(a.out, text)
		return err
	}
	for i, s := range statuses {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		if err := a.writeJob(&s, snaps.Of(statuses[i:i+1])); err != nil {
			return err
		}
	}
	return nil
}

// writeJob writes what each target did for a job.
func (a *app) writeJob(s *api.JobStatus, snaps api.JobSnaps) error {
	nodes := slices.Sorted(maps.Keys(snaps))
	about := ""
	if text := snaps[nodes[0]][0].About; text != "" {
		about = " (" + text + ")"
	}
	if !a.noHeaders {
		fmt.Fprintf(a.out, "%s[%s]%s\n", s.Kind, s.ID, about)
	}
	t := a.table("NODE", "ID", "KIND", "BUCKET", "OBJECTS", "BYTES", "ERRORS", "START", "END", "STATE")
	var shares [][]api.JobSnap
	for _, node := range nodes {
		shares = append(shares, snaps[node])
		for i := range snaps[node] {
			if err := t.row(a.jobCells(node, &snaps[node][i])...); err != nil {
				return err
			}
		}
	}
	if len(nodes) > 1 {
		sum := totalOf(shares)
		if err := t.row("Total", "", "", "", sum.objects(), formatSize(sum.bytes), strconv.FormatInt(sum.errors, 10)); err != nil {
			return err
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	if s.Err != "" {
		_, err := fmt.Fprintf(a.out, "Error: %s\n", s.Err)
		return err
	}
	return nil
}

// jobCells are the cells of one target's share.
func (a *app) jobCells(node string, s *api.JobSnap) []string {
	bucket, end, state := "-", "-", "Running"
	if s.Bucket.Name != "" {
		bucket = s.Bucket.String()
	}
	if s.Dest.Name != "" {
		bucket += " => " + s.Dest.String()
	}
	if !s.Running() {
		end, state = s.Ended.In(a.zone).Format(time.TimeOnly), "Finished"
	}
	if s.Aborted {
		state = "Aborted"
	}
	sum := totalOf([][]api.JobSnap{{*s}})
	return []string{
		node, s.ID, s.Kind, bucket, sum.objects(), formatSize(s.Stats.Bytes), strconv.FormatInt(s.Extra.Errors, 10),
		s.Started.In(a.zone).Format(time.TimeOnly), end, state,
	}
}

// jobTotal is what several shares did together.
type jobTotal struct {
	done, total, bytes, errors int64
	running                    bool
}

func totalOf(shares [][]api.JobSnap) (t jobTotal) {
	for _, of := range shares {
		for i := range of {
			t.done += of[i].Stats.Objects
			t.bytes += of[i].Stats.Bytes
			t.total += of[i].Extra.Total
			t.errors += of[i].Extra.Errors
			t.running = t.running || of[i].Running()
		}
	}
	return t
}

// objects returns how many objects are done, and while the job runs of how many
// where that is known.
func (t *jobTotal) objects() string {
	if t.running && t.total > 0 {
		return fmt.Sprintf("%d/%d", t.done, t.total)
	}
	return strconv.FormatInt(t.done, 10)
}

func (a *app) waitCommand() *cobra.Command {
	var w waiting
	cmd := &cobra.Command{
		Use:               "wait KIND|ID [BUCKET]",
		Short:             "Wait until a job has ended, or all that run of a kind",
		Example:           "  ais wait JX2K5P7QRM --timeout 10m\n  ais wait prefetch s3://abc",
		Args:              args(1, 2, "the job's id or kind"),
		ValidArgsFunction: a.completeJobs,
		RunE: func(cmd *cobra.Command, given []string) error {
			q, err := jobQuery(given)
			if err != nil {
				return err
			}
			if q.ID != "" {
				return a.waitFor(cmd.Context(), q.ID, &w)
			}
			if q.Kind == api.JobRebalance && q.Bucket == nil { // also for buckets that are still to begin
				return a.waitFor(cmd.Context(), api.RebalanceID(0), &w)
			}
			q.OnlyRunning = true
			snaps, err := a.client.Jobs(cmd.Context(), q)
			if err != nil {
				return err
			}
			for _, s := range snaps.Statuses() {
				if err := a.waitFor(cmd.Context(), s.ID, &w); err != nil {
					return err
				}
			}
			return nil
		},
	}
	w.timeFlags(cmd)
	return cmd
}

func (a *app) stopCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "stop KIND|ID [BUCKET]",
		Short:             "Stop a job, or all of a kind",
		Example:           "  ais stop JX2K5P7QRM\n  ais stop prefetch s3://abc",
		Args:              args(1, 2, "the job's id or kind"),
		ValidArgsFunction: a.completeJobs,
		RunE: func(cmd *cobra.Command, given []string) error {
			q, err := jobQuery(given)
			if err != nil {
				return err
			}
			err = a.client.StopJobs(cmd.Context(), q)
			if errors.Is(err, object.NotFound) && q.ID != "" {
				return noSuchJob(q.ID)
			}
			if err != nil {
				return err
			}
			return a.done(map[string]any{"stopped": given[0]}, "Stopped %s", strings.Join(given, " "))
		},
	}
}

// completeJobs completes the kind or the id of a job, then a bucket.
func (a *app) completeJobs(cmd *cobra.Command, given []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(given) > 0 {
		return a.completeBuckets(cmd, given, typed)
	}
	words := []string{"prefetch", "evict", "evict-remote-bck", "delete", "lru", "copy-bck", "copy-listrange", "move-bck", "summary-bck", "archive", "rebalance"}
	ctx, cancel, ok := a.completing(cmd)
	defer cancel()
	if ok {
		if snaps, err := a.client.Jobs(ctx, api.JobQuery{}); err == nil {
			for _, s := range snaps.Statuses() {
				words = append(words, s.ID)
			}
		}
	}
	var out []cobra.Completion
	for _, word := range words {
		if strings.HasPrefix(word, typed) {
			out = append(out, word)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
