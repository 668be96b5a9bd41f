package target

import (
	"context"
	"errors"
	"sync"

	"ais/backend"
	"ais/cluster"
	"ais/object"
)

// fetches are the objects that are on their way here from remote buckets: one
// fetch of each name that others can join.
type fetches struct {
	ctx     context.Context // ends with the target
	stop    context.CancelFunc
	running sync.WaitGroup
	extra   chan struct{} // a token for each request beyond the first of its fetch

	mu     sync.Mutex // guards the rest
	byName map[object.Name]*fetch
}

func newFetches() fetches {
	ctx, stop := context.WithCancel(context.Background())
	return fetches{ctx: ctx, stop: stop, extra: make(chan struct{}, extraMost), byName: map[object.Name]*fetch{}}
}

// end ends all fetches and waits until they have.
func (s *fetches) end() {
	s.mu.Lock()
	s.stop() // under the lock: none begins after it
	s.mu.Unlock()
	s.running.Wait()
}

// errHere is why a fetch does not begin: another one has just ended.
var errHere = errors.New("the object is here by now")

// of returns the fetch of the name, where one is running that keeps what comes;
// else a new one that the caller has to run, or to give up.
func (t *Target) fetchOf(b *cluster.Bucket, n object.Name, from getter) (f *fetch, fresh bool, err error) {
	s := &t.fetches
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ctx.Err(); err != nil {
		return nil, false, object.E("target.fetch", n.Key, object.Unavailable, err)
	}
	if f := s.byName[n]; f != nil && !f.outdated.Load() {
		return f, false, nil
	}
	f = &fetch{
		t: t, bucket: b, name: n, from: from, began: make(chan struct{}), ended: make(chan struct{}), readers: map[*joined]struct{}{},
	}
	f.ctx, f.cancel = context.WithCancel(s.ctx)
	f.outdated, f.leave = t.names.fetch(n)
	if !f.outdated.Load() {
		s.byName[n] = f
	}
	s.running.Add(1)
	return f, true, nil
}

// giveUp ends a fetch that was not run.
func (f *fetch) giveUp() {
	f.t.fetches.remove(f)
	f.leave()
	f.err = errHere
	f.cancel()
	close(f.began)
	close(f.ended)
	f.t.fetches.running.Done()
}

// remove makes the fetch one that nobody joins any more.
func (s *fetches) remove(f *fetch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byName[f.name] == f {
		delete(s.byName, f.name)
	}
}

// fetching opens an object that is not here, or not as it is at the remote, while
// it comes. want, which may be nil, is what the remote bucket is known to have. It
// returns nil where what comes could not be kept, and with again where the object
// may be here by now.
func (t *Target) fetching(b *cluster.Bucket, n object.Name, from getter, hint int64, want *backend.Meta) (j *joined, again bool, err error) {
	f, fresh, err := t.fetchOf(b, n, from)
	switch {
	case err != nil:
		return nil, false, err
	case fresh && f.outdated.Load():
		f.giveUp()
		return nil, false, nil
	case fresh && t.has(n, want):
		f.giveUp()
		return nil, true, nil
	case fresh:
		go f.run(hint)
	}
	<-f.began
	j, err = f.join(hint, fresh)
	switch {
	case errors.Is(err, errHere):
		return nil, true, nil
	case err != nil && object.KindOf(err) == object.NoSpace:
		if fresh {
			return nil, false, nil
		}
		return nil, false, object.E("target.fetch", n.Key, object.Unavailable, err)
	case err != nil:
		return nil, false, err
	case want == nil || fresh || sameRemote(&f.meta, want):
		return j, false, nil
	}
	_ = j.Close()
	f.outdated.Store(true) // it began before the object was replaced at the remote
	return nil, true, nil
}

// has reports whether an object is here, in the version that the remote bucket is
// known to have where that is given.
func (t *Target) has(n object.Name, want *backend.Meta) bool {
	m, err := t.store.Stat(n, "")
	return err == nil && serves(&m, want)
}

// serves reports whether an object that is here is what is wanted: any where want is
// nil, or it is this bucket's own.
func serves(m *object.Meta, want *backend.Meta) bool {
	return want == nil || !fromRemote(m) || sameRemote(m, want)
}
