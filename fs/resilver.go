package fs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// Progress is how far a resilver has come. It may be read while that runs.
type Progress struct {
	Objects atomic.Int64 // names that were moved
	Bytes   atomic.Int64 // of their payload
	Failed  atomic.Int64 // names that could not be moved, each try counted
	Total   atomic.Int64 // names that were to be moved when it began
}

// The pace of a resilver.
const (
	resilverWorkers = 4
	resilverChunk   = 256                   // names that a walk collects before they are moved
	resilverPasses  = 6                     // that may end with failures, one after the other
	resilverPause   = 10 * time.Millisecond // before the second of those, twice as long before each later one
	longestBreath   = 100 * time.Millisecond
)

// Unsettled reports whether names may be where they do not belong, which a
// Resilver ends.
func (s *Store) Unsettled() bool {
	l := s.layout.Load()
	return !l.settled() || l.back() || l.set.Mirrors != nil && (!l.set.Mirrors.whole() || s.unverified.Load())
}

// Resilver brings every name to the mountpath where it belongs, and then ends what
// Attach, Detach, Disable and Enable began. It may be stopped, and begun again, at
// any time: what was moved stays so. Of several only one works, the others wait.
// Where names are where they belong it only looks. Errors: the context's;
// Unavailable where a mountpath is failed; Corrupt, NoSpace and others where a name
// cannot be moved, once all others are.
func (s *Store) Resilver(ctx context.Context, p *Progress) error {
	select {
	case s.resilvering <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.stop:
		return object.E("fs.Resilver", "", object.Unavailable, errors.New("the store is closed"))
	}
	defer func() { <-s.resilvering }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.alive, cancel)()
	s.metricsOf.resilver.Store(p)
	defer s.metricsOf.resilver.Store(nil)
	return fault("fs.Resilver", object.Name{}, s.resilver(ctx, p))
}

// resilver moves names to where they belong, and then gives them their mirrors.
func (s *Store) resilver(ctx context.Context, p *Progress) error {
	for {
		if err := s.resilverOnce(ctx, p); err != nil || !s.layout.Load().back() {
			return err
		}
	}
}

func (s *Store) resilverOnce(ctx context.Context, p *Progress) error {
	if err := s.takeBack(); err != nil {
		return err
	}
	total, err := s.misplaced(ctx)
	if err != nil {
		return err
	}
	p.Total.Store(total)
	if err := s.settle(ctx, p); err != nil {
		return err
	}
	for range resilverPasses {
		if err = s.mirrorPass(ctx, p); !errors.Is(err, object.Busy) {
			break
		}
		pause(ctx, resilverPause)
	}
	return err
}

// settle moves names until nothing is left and the mountpaths are settled.
func (s *Store) settle(ctx context.Context, p *Progress) error {
	for bad := 0; ; {
		l := s.layout.Load()
		l.barrier()
		found, err := s.pass(ctx, l, p)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			if bad++; bad == resilverPasses || hopeless(err) && bad > 1 {
				return err
			}
			pause(ctx, resilverPause<<bad)
			continue
		case found > 0:
			bad = 0
			pause(ctx, sweepPause)
			continue
		}
		s.quiesce(ctx, l)
		done, err := s.settled(l)
		if done || err != nil {
			return err
		}
	}
}

// hopeless reports whether what failed will not go away by itself.
func hopeless(err error) bool {
	return errors.Is(err, object.Corrupt) || errors.Is(err, object.NoSpace)
}

// barrier waits for the changes of names that began under an earlier layout: each
// looks at the layout when it has the name's lock.
func (l *layout) barrier() {
	for _, m := range l.all {
		if x := m.index.Load(); x != nil { // else what had a lock there fails
			x.locks.barrier()
		}
	}
}

// stray is a name at the wrong place.
type stray struct {
	n    object.Name
	from *mountpath
}

// pass moves all that is at the wrong place, and returns how many names that were,
// and the first failure.
func (s *Store) pass(ctx context.Context, l *layout, p *Progress) (found int64, err error) {
	strays := make(chan stray)
	var failure firstError
	var workers sync.WaitGroup
	for range resilverWorkers {
		workers.Add(1)
		go func() {
			defer workers.Done()
			breathe := s.breather(ctx)
			for st := range strays {
				s.moveStray(ctx, st, breathe, p, &failure)
			}
		}()
	}
	var walk error
	for _, m := range l.everywhere() {
		if l.restsOn(m) {
			continue // nothing is to be moved there or away
		}
		for _, kind := range append(placedKinds(), kindAccess) {
			n, err := s.walkStrays(ctx, l, m, kind, strays)
			if kind != kindAccess {
				found += n
			}
			walk = errors.Join(walk, err)
			if err != nil {
				break
			}
		}
	}
	close(strays)
	workers.Wait()
	return found, errors.Join(walk, failure.get())
}

// restsOn reports whether nothing on a mountpath is to be moved, or could be: it is
// off, or it is lost for mirrored names, and no others are being moved; or it is a
// shadow, and nothing is being taken over.
func (l *layout) restsOn(m *mountpath) bool {
	if m.parent != nil {
		return len(l.mirrored.ghosts) == 0 || l.set.isLost(m.id)
	}
	off := l.set.Members[l.set.index(m.id)].State == memberOff
	return len(l.sets) == 1 && (l.set.isLost(m.id) || l.settled() && off)
}

type firstError struct {
	mu    sync.Mutex // guards the rest
	err   error
	count int
}

func (f *firstError) note(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count++; f.err == nil {
		f.err = err
	}
}

func (f *firstError) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count > 1 {
		return fmt.Errorf("%w (and %d more names)", f.err, f.count-1)
	}
	return f.err
}

func (s *Store) moveStray(ctx context.Context, st stray, breathe func() error, p *Progress, failure *firstError) {
	if ctx.Err() != nil {
		return
	}
	out, err := s.move(ctx, st.n, st.from, breathe)
	if err != nil && ctx.Err() == nil {
		p.Failed.Add(1)
		failure.note(fault("fs.Resilver", st.n, err))
	}
	if out.done {
		p.Objects.Add(1)
		p.Bytes.Add(out.bytes)
		s.metricsOf.resilvered.Add(1)
		s.metricsOf.resilveredBytes.Add(out.bytes)
	}
	_ = breathe() // the context is looked at above
}

// breather returns what a worker calls between pieces of work: it rests for as
// long as it has worked, so that requests have the disks half of the time at least.
func (s *Store) breather(ctx context.Context) func() error {
	since := time.Now()
	return func() error {
		pause(ctx, min(time.Since(since), longestBreath))
		since = time.Now()
		return ctx.Err()
	}
}

// walkStrays gives those names of a kind to out that do not belong on m.
func (s *Store) walkStrays(ctx context.Context, l *layout, m *mountpath, kind byte, out chan<- stray) (found int64, err error) {
	from := []byte{kind}
	for from != nil {
		var names []object.Name
		if names, from, err = m.strays(l, from, kind); err != nil {
			return found, err
		}
		for _, n := range names {
			select {
			case out <- stray{n, m}:
				found++
			case <-ctx.Done():
				return found, ctx.Err()
			}
		}
	}
	return found, nil
}

// strays collects names from a key on, and returns where to go on; nil at the end.
// No iterator stays open while they are moved.
func (m *mountpath) strays(l *layout, from []byte, kind byte) (names []object.Name, next []byte, err error) {
	x, err := m.use()
	if err != nil {
		return nil, nil, err
	}
	defer x.leave()
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: []byte{kind + 1}})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; {
		bucket, key, rest, err := parseName(it.Key())
		if err != nil {
			return nil, nil, err
		}
		n := object.Name{Bucket: bucket, Key: key}
		if l.isStray(m, n) {
			names = append(names, n)
		}
		if len(rest) == 0 && kind == kindObject {
			ok = it.Next()
			if len(names) < resilverChunk || !ok {
				continue
			}
			return names, append([]byte(nil), it.Key()...), nil
		}
		past := after(appendName(nil, kind, bucket, key))
		if len(names) >= resilverChunk {
			return names, past, nil
		}
		ok = it.SeekGE(past)
	}
	return names, nil, it.Error()
}

// misplaced counts the names with a current version that are to be moved.
func (s *Store) misplaced(ctx context.Context) (total int64, err error) {
	l := s.layout.Load()
	if l.settled() {
		return 0, nil
	}
	for _, m := range l.everywhere() {
		if l.restsOn(m) {
			continue
		}
		for from := []byte{kindObject}; from != nil; {
			var names []object.Name
			if names, from, err = m.strays(l, from, kindObject); err != nil {
				return 0, err
			}
			total += int64(len(names))
			if err := ctx.Err(); err != nil {
				return 0, err
			}
		}
	}
	return total, nil
}

// quiesceFor is how long a mountpath that leaves is waited for while readers and
// writers have files open there.
const quiesceFor = 30 * time.Second

// quiesce waits for those who use files of the mountpaths that leave. Writers that
// do not end in that time copy what they have, or fail.
func (s *Store) quiesce(ctx context.Context, l *layout) {
	ctx, cancel := context.WithTimeout(ctx, quiesceFor)
	defer cancel()
	for _, m := range l.all {
		for l.set.leaving(m.id) && !m.keep.idle() && ctx.Err() == nil {
			m.unstageOld(0)
			_ = m.flush() // what it cannot unlink is wiped
			pause(ctx, 10*time.Millisecond)
		}
	}
}

// idle reports whether nobody needs a file.
func (k *keeper) idle() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.busy) == 0 && len(k.pins) == 0
}
