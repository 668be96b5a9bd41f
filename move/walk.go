package move

import (
	"context"
	"errors"
	"sync"
	"time"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/fs"
	"ais/object"
)

// passes is what this target does, and has done, about its names of buckets that move.
type passes struct {
	mu      sync.Mutex // guards the rest
	running map[uint64]*pass
	ended   map[uint64]uint64 // by bucket: number of the placement that no name is left to be moved to
}

// pass is the moving of this target's names of one bucket to one placement.
type pass struct {
	to   uint64
	stop context.CancelFunc
}

func (p *passes) done(bucket, to uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended[bucket] >= to
}

// The walks of a pass.
const (
	walkPage  = 256
	walkPause = 200 * time.Millisecond // before names that are left are looked at again, longer each time
	walkRest  = 5 * time.Second        // at most
)

// moveAll moves this target's names of a bucket until none is left, or ctx ends.
func (m *Mover) moveAll(ctx context.Context, bucket, to uint64, p *Progress) error {
	total, err := m.count(ctx, bucket, to)
	if err != nil {
		return err
	}
	p.Total.Store(total)
	for pause := walkPause; ; pause = min(2*pause, walkRest) {
		left, err := m.walk(ctx, bucket, to, p)
		if err == nil && left == 0 {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			m.cfg.Logger.Warn("names are not moved yet", "bucket", bucket, "left", left, "err", err)
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		if left < p.Total.Load() {
			pause = walkPause
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errOver says that the bucket moves no more, or somewhere else.
var errOver = errors.New("the bucket's names do not go there any more")

// each calls do for this target's names of a bucket that are to be moved.
func (m *Mover) each(ctx context.Context, bucket, to uint64, do func(r *route) error) error {
	for after, more := (object.Name{}), true; more; {
		page, err := m.store.WalkNames(bucket, after, walkPage)
		if err != nil {
			return err
		}
		for i := range page {
			k := &page[i]
			r, moving, err := m.route(k.Name)
			switch {
			case err != nil:
				return err
			case !moving || r.to() != to:
				return errOver
			case r.stays() || r.keeps() && entered(k.Stamp, to):
				continue
			}
			if err := do(&r); err != nil {
				return err
			}
		}
		if more = len(page) == walkPage; more {
			after = page[len(page)-1].Name
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (m *Mover) count(ctx context.Context, bucket, to uint64) (total int64, err error) {
	err = m.each(ctx, bucket, to, func(*route) error { total++; return nil })
	return total, err
}

// walk has all names of a bucket moved that are to be, and returns how many there were
// that still are, with the first reason.
func (m *Mover) walk(ctx context.Context, bucket, to uint64, p *Progress) (left int64, err error) {
	work := make(chan *route)
	var mu sync.Mutex
	var first error
	var workers sync.WaitGroup
	for range m.cfg.Workers {
		workers.Go(func() {
			b := m.newBreath(ctx)
			for r := range work {
				bytes, err := m.moveOne(ctx, r)
				if err == nil {
					p.Names.Add(1)
					p.Bytes.Add(bytes)
				} else if ctx.Err() == nil {
					p.Failed.Add(1)
					mu.Lock()
					left++
					if first == nil {
						first = err
					}
					mu.Unlock()
				}
				b.take()
			}
		})
	}
	err = m.each(ctx, bucket, to, func(r *route) error {
		select {
		case work <- r:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	close(work)
	workers.Wait()
	if err == nil {
		err = first
	}
	return left, err
}

// moveOne has the next owner of a name bring it there, and then has here what is to be
// here of it.
func (m *Mover) moveOne(ctx context.Context, r *route) (bytes int64, err error) {
	if r.gets() {
		return m.enter(r, true)
	}
	var a peer.EnterAnswer
	if err := m.askEnter(ctx, r, true, &a); err != nil {
		return 0, err
	}
	bytes, err = m.finish(r)
	return bytes + a.Bytes, err
}

var errOwnerDown = errors.New("the target that is to have it is down")

// finish has here what is to be here of a name that its next owner has: what that has,
// or nothing.
func (m *Mover) finish(r *route) (bytes int64, err error) {
	defer m.turn(r.n)()
	now, moving, err := m.route(r.n)
	if err != nil {
		return 0, err
	}
	if !moving || now.to() != r.to() {
		return 0, errOver
	}
	if r = &now; !r.keeps() {
		return 0, m.drop(r.n)
	}
	p, err := m.store.Stamp(r.n)
	if err == nil && p.Placement < r.to() {
		p, bytes, err = m.take(r)
	}
	if err == nil && p.Placement < r.to() { // the owner has nothing of it, and so does this one
		err = m.drop(r.n)
	}
	return bytes, err
}

// breath makes who works rest for as long as that took, and longer while clients are
// served here: requests have the processors and the disks most of the time.
type breath struct {
	ctx    context.Context
	served func() uint64 // by this target so far
	since  time.Time     // of the work

	known uint64    // of served
	busy  time.Time // when it was seen to grow
}

const (
	longestBreath = time.Second // bounds one rest
	busyRest      = 3           // times the work is rested for while clients are served
	busyFor       = time.Second // is how long they are taken to be, after a request
)

func (m *Mover) newBreath(ctx context.Context) *breath {
	served := m.watch.Served
	if served == nil {
		served = func() uint64 { return 0 }
	}
	return &breath{ctx: ctx, served: served, since: time.Now(), known: served()}
}

func (b *breath) take() {
	now := time.Now()
	if served := b.served(); served != b.known {
		b.known, b.busy = served, now
	}
	rest := now.Sub(b.since)
	if now.Sub(b.busy) < busyFor {
		rest *= busyRest
	}
	_ = sleep(b.ctx, min(rest, longestBreath)) // who works looks at the context
	b.since = time.Now()
}

// dropCached removes what is kept here of objects of a remote bucket that are not this
// target's any more. The next one reads them anew, and keeps none before all have done
// this: writes of those that had the names end before it is done.
func (m *Mover) dropCached(ctx context.Context, bucket, to uint64, p *Progress) error {
	b := m.newBreath(ctx)
	for after, more := (object.Name{}), true; more; {
		page, err := m.store.WalkNames(bucket, after, walkPage)
		if err != nil {
			return err
		}
		state := m.members.State()
		now, ok := state.BucketByID(bucket)
		if !ok || now.Next.Number != to {
			return errOver
		}
		for i := range page {
			k := &page[i]
			if m.stayed(state, now, k.Name) {
				continue
			}
			if err := m.dropCopy(k); err != nil {
				return err
			}
			p.Names.Add(1)
			b.take()
		}
		if more = len(page) == walkPage; more {
			after = page[len(page)-1].Name
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if m.watch.Writing != nil {
		now, ok := m.members.State().BucketByID(bucket)
		if ok && m.watch.Writing(now) {
			return errWriting
		}
	}
	return nil
}

// stayed reports whether a name of a remote bucket that moves was this target's, and is.
func (m *Mover) stayed(state *cluster.State, b *cluster.Bucket, n object.Name) bool {
	old, err := state.CopiesBy(b, b.Placement, n)
	return err == nil && old.Owner().Node.ID == m.cfg.ID && m.owns(state, b, n)
}

var errWriting = errors.New("a write to the remote bucket is on its way")

// dropCopy removes what is kept of an object, but uploads, which stay where they began.
func (m *Mover) dropCopy(k *fs.Known) error {
	m.entering.permit(k.Name)
	defer m.entering.forbid(k.Name)
	_, err := m.store.Remove(k.Name, "", fs.Terms{}, object.Process)
	if kind := object.KindOf(err); err != nil && kind != object.NotFound {
		return err
	}
	return nil
}

// owners returns the targets whose names of a bucket may have to be moved, or be taken
// out: those that are waited for.
func owners(state *cluster.State, b *cluster.Bucket) ([]cluster.Node, error) {
	nodes, err := state.Placed(b)
	if err != nil {
		return nil, err
	}
	kept := nodes[:0:0]
	for _, n := range nodes {
		if n.Lost || n.State == cluster.Leaving && !state.IsLive(n.ID) {
			continue
		}
		kept = append(kept, n)
	}
	return kept, nil
}
