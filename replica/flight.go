package replica

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"ais/fs"
	"ais/object"
)

// flights are the changes of this owner's that are on their way: sent, or about to be,
// and not applied yet.
type flights struct {
	mu     sync.Mutex // guards the rest
	byName map[object.Name][]*flight
}

// flight is a change on its way. A name has one at a time whose lock is held, and for a
// moment that of an owner before, which has been applied.
type flight struct {
	stamp fs.Stamp
	tries int  // so far; guarded by the flights, as is what follows
	ended bool // it is not on its way any more

	own bool // it is a change of this owner's, not one that it takes over

	// What follows is of the goroutine that sends.
	tenure   int64        // of the lease under which the last try was made
	members  []string     // that have it prepared, perhaps
	prepared []preparedAt // that have it prepared
	later    []string     // that catch up, and will ask for the name
}

// begin notes a change; own says that it is this owner's.
func (f *flights) begin(n object.Name, stamp fs.Stamp, own bool) *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byName == nil {
		f.byName = make(map[object.Name][]*flight)
	}
	fl := &flight{stamp: stamp, own: own}
	f.byName[n] = append(f.byName[n], fl)
	return fl
}

func (f *flights) end(n object.Name, fl *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fl.ended = true
	left := slices.DeleteFunc(f.byName[n], func(other *flight) bool { return other == fl })
	if f.byName[n] = left; len(left) == 0 {
		delete(f.byName, n)
	}
}

// of returns this owner's change of the name with that stamp, which is on its way.
func (f *flights) of(n object.Name, stamp fs.Stamp) *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.byName[n], func(fl *flight) bool { return fl.own && fl.stamp == stamp })
	return f.byName[n][i]
}

// some reports whether a change of the name is on its way.
func (f *flights) some(n object.Name) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.byName[n]) > 0
}

// next notes that the flight is tried anew, with the state as it is from now on.
func (f *flights) next(fl *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fl.tries++
}

func (f *flights) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.byName)
}

// barrier waits until what is on its way now has ended, or is tried anew: who is in
// the state by now is known to all that comes later.
func (f *flights) barrier(ctx context.Context) error {
	f.mu.Lock()
	now := make(map[*flight]int, len(f.byName)) // their tries
	for _, all := range f.byName {
		for _, fl := range all {
			now[fl] = fl.tries
		}
	}
	f.mu.Unlock()
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		f.mu.Lock()
		maps.DeleteFunc(now, func(fl *flight, tries int) bool { return fl.ended || fl.tries != tries })
		f.mu.Unlock()
		if len(now) == 0 {
			return nil
		}
		if err := sleep(ctx, pause); err != nil {
			return object.E("replica.barrier", "", object.Unavailable, err)
		}
	}
}

// sleep waits for d, or returns ctx's error.
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

// turns are the locks of names on the side of a copy: who prepares, settles, or
// fetches all of a name does so alone. They are never held by who waits for a name's
// lock at its owner.
type turns struct {
	mu     sync.Mutex // guards the rest
	byName map[object.Name]*turn
}

type turn struct {
	sync.Mutex
	users int
}

// try is lock where nobody has the turn or waits for it; ok says so.
func (t *turns) try(n object.Name) (unlock func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byName[n] != nil {
		return nil, false
	}
	if t.byName == nil {
		t.byName = make(map[object.Name]*turn)
	}
	one := &turn{users: 1}
	one.Lock()
	t.byName[n] = one
	return func() { t.leave(n, one) }, true
}

// leave gives a turn back.
func (t *turns) leave(n object.Name, one *turn) {
	one.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if one.users--; one.users == 0 {
		delete(t.byName, n)
	}
}

func (t *turns) lock(n object.Name) (unlock func()) {
	t.mu.Lock()
	if t.byName == nil {
		t.byName = make(map[object.Name]*turn)
	}
	one := t.byName[n]
	if one == nil {
		one = new(turn)
		t.byName[n] = one
	}
	one.users++
	t.mu.Unlock()
	one.Lock()
	return func() { t.leave(n, one) }
}
