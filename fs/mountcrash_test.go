package fs_test

import (
	"context"
	"errors"
	"flag"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ais/fs"
	"ais/fs/faultfs"
)

// mountOperation is a change of the mountpaths with all that follows from it.
type mountOperation struct {
	name  string
	setup func(s *fs.Store) error
	do    func(s *fs.Store) error
	want  string // the states once it was acknowledged and the resilver has ended
}

func mountOperations() []mountOperation {
	attach := func(s *fs.Store) error { return s.Attach("/m3") }
	disable := func(s *fs.Store) error { return s.Disable("/m1", false) }
	none := func(*fs.Store) error { return nil }
	return []mountOperation{
		{"attach", none, attach, "/m1 ok, /m2 ok, /m3 ok"},
		{"detach", none, func(s *fs.Store) error { return s.Detach("/m1", false) }, "/m2 ok"},
		{"disable", none, disable, "/m1 disabled, /m2 ok"},
		{"enable", seqMount(disable, moveAll), func(s *fs.Store) error { return s.Enable("/m1") }, "/m1 ok, /m2 ok"},
		{"disable by force", none, func(s *fs.Store) error { return s.Disable("/m1", true) }, "/m1 disabled, /m2 ok"},
	}
}

func moveAll(s *fs.Store) error { return s.Resilver(context.Background(), &fs.Progress{}) }

// moveUntil is moveAll, which is stopped when the power is gone.
func moveUntil(s *fs.Store, gone func() bool) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Resilver(ctx, &fs.Progress{}) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-tick.C:
			if gone() {
				cancel()
			}
		}
	}
}

func seqMount(all ...func(*fs.Store) error) func(*fs.Store) error {
	return func(s *fs.Store) error {
		for _, f := range all {
			if err := f(s); err != nil {
				return err
			}
		}
		return nil
	}
}

// seeded is randomness that is the same in each run.
type seeded struct {
	mu  sync.Mutex
	rng *rand.ChaCha8
}

func (r *seeded) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.Read(p)
}

func mountConfig(o fs.OS, seed byte) fs.Config {
	c := memConfig(o)
	c.Rand = &seeded{rng: rand.NewChaCha8([32]byte{seed})}
	return c
}

// furnished returns the file system of a closed store in the state before.
func furnished(t *testing.T, op mountOperation) (*faultfs.FS, *belongings) {
	t.Helper()
	base := faultfs.New()
	s := open(t, mountConfig(base, 1))
	b := furnish(t, s)
	if err := op.setup(s); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return base, b
}

// callsWorth returns which of the calls of an operation get a fault: of every tenth
// label the first or the last, of the others in other operations and in the other half,
// 0 or 1; with -fs.every of every label the first, the last and many in between.
func callsWorth(t *testing.T, base *faultfs.FS, op mountOperation, half int) []int {
	t.Helper()
	f := base.AfterKill()
	s := open(t, mountConfig(f, 2))
	f.Fail(1<<30, "", errInjected, false)
	if err := errors.Join(op.do(s), moveAll(s)); err != nil {
		t.Fatal(err)
	}
	_, trace := f.Disarm()
	s.Close()
	calls := map[string][]int{}
	for i, label := range trace {
		calls[label] = append(calls[label], i+1)
	}
	out := []int{len(trace) + 1}
	turn := slices.IndexFunc(mountOperations(), func(o mountOperation) bool { return o.name == op.name }) + half*len(mountOperations())
	for i, label := range slices.Sorted(maps.Keys(calls)) {
		of := calls[label]
		switch most := 60; {
		case !*everyCall && (i+turn)%(2*len(mountOperations())) != 0:
		case !*everyCall && i%2 == 0:
			out = append(out, of[0])
		case !*everyCall:
			out = append(out, of[len(of)-1])
		default:
			for i := range min(most, len(of)) {
				out = append(out, of[i*(len(of)-1)/max(1, min(most, len(of))-1)])
			}
		}
	}
	if len(calls) < 5 {
		t.Fatalf("only %q was counted", trace)
	}
	slices.Sort(out)
	return out
}

var everyCall = flag.Bool("fs.every", false, "let every call fail, or nearly, and look at all after it, in tests that else take a sample")

// wantSame checks that all is there after a fault, before and after names are moved
// on, and once more after a restart.
func wantSame(t *testing.T, s *fs.Store, c fs.Config, b *belongings, op mountOperation, acknowledged bool) {
	t.Helper()
	forced := strings.HasSuffix(states(s), "failed") || strings.Contains(states(s), "disabled") && op.name == "disable by force"
	if forced {
		if err := s.Enable("/m1"); err != nil {
			t.Fatal(err)
		}
	}
	if why := b.differs(s); why != "" {
		t.Fatalf("before the resilver (%s): %s", states(s), why)
	}
	resilver(t, s)
	if acknowledged && !forced {
		wantStates(t, s, op.want)
	}
	if why := b.differs(s); why != "" {
		t.Fatalf("after the resilver (%s): %s", states(s), why)
	}
	sweep(t, s)
	if p := resilver(t, s); p.Objects.Load() > 0 {
		t.Fatalf("%d names were left", p.Objects.Load())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, c)
	defer s.Close()
	if why := b.differs(s); why != "" {
		t.Fatalf("after a restart (%s): %s", states(s), why)
	}
}

// percents returns how much of what was not synced is there after a loss of power.
func percents(n int) []int {
	if *everyCall {
		return []int{0, 50, 100}
	}
	return []int{100 * (n % 2)}
}

// TestMountpathPowerLoss cuts the power at each changing call of a change of the
// mountpaths and of the resilver that follows.
func TestMountpathPowerLoss(t *testing.T) {
	for _, op := range mountOperations() {
		t.Run(strings.ReplaceAll(op.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			base, b := furnished(t, op)
			for _, n := range callsWorth(t, base, op, 0) {
				f := base.AfterKill()
				s := open(t, mountConfig(f, 2))
				f.CutPower(n)
				err := op.do(s)
				acknowledged := err == nil
				if err == nil {
					err = moveUntil(s, f.Hit)
				}
				_, trace := f.Disarm()
				for _, percent := range percents(n) {
					c := mountConfig(f.AfterPowerLoss(percent, uint64(n)), 3)
					after, oerr := fs.Open(c)
					if oerr != nil {
						t.Fatalf("call %d %q, %d %%: %v", n, trace, percent, oerr)
					}
					t.Logf("call %d %q of %d, %d %%, %v", n, trace[min(n, len(trace))-1], len(trace), percent, err)
					wantSame(t, after, c, b, op, acknowledged)
				}
				s.Close()
			}
		})
	}
}

// TestMountpathFailingCalls lets each of those calls fail once.
func TestMountpathFailingCalls(t *testing.T) {
	for _, op := range mountOperations() {
		t.Run(strings.ReplaceAll(op.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			base, b := furnished(t, op)
			for _, n := range callsWorth(t, base, op, 1) {
				f := base.AfterKill()
				c := mountConfig(f, 2)
				s := open(t, c)
				f.Fail(n, "", errInjected, false)
				err := op.do(s)
				acknowledged := err == nil
				if err == nil {
					err = moveAll(s)
				}
				_, trace := f.Disarm()
				t.Logf("call %d %q of %d: %v", n, trace[min(n, len(trace))-1], len(trace), err)
				waitFor(t, func() bool { return !strings.Contains(states(s), "failed") })
				wantSame(t, s, c, b, op, acknowledged)
			}
		})
	}
}
