package etcd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"ais/cluster"
	"ais/object"
)

// rounds makes many Syncs share one read of etcd: one that starts while a read is
// under way waits for the next one, for the answer of the first may be older
// than its question.
type rounds struct {
	mu      sync.Mutex
	reads   atomic.Int64 // of etcd, so far
	running bool
	next    *round // not started; nil if nobody waits for it
}

type round struct {
	done chan struct{}
	err  error // set before done is closed
}

// Sync returns a State that is at least as new as the moment of the call: what
// any node was told to be done before is in it. The error is of kind
// Unavailable, when etcd did not answer before ctx ended or within the
// configured time.
func (s *Store) Sync(ctx context.Context) (*cluster.State, error) {
	r := s.joinRound()
	select {
	case <-r.done:
		if r.err != nil {
			return nil, failure("cluster.Sync", "", r.err)
		}
		return s.State(), nil
	case <-ctx.Done():
		return nil, failure("cluster.Sync", "", ctx.Err())
	}
}

// SyncTo returns a State that is true up to the revision, at once if the present
// one is. The error is of kind Unavailable, as that of Sync; also for a
// revision that etcd has not reached.
func (s *Store) SyncTo(ctx context.Context, revision int64) (*cluster.State, error) {
	if state := s.State(); state.Revision >= revision {
		return state, nil
	}
	soon, cancel := context.WithTimeout(ctx, progressPause)
	err := s.awaitEvent(soon, revision)
	cancel()
	if err == nil {
		return s.State(), nil
	}
	state, err := s.Sync(ctx)
	if err != nil {
		return nil, err
	}
	if state.Revision < revision {
		return nil, object.E("cluster.SyncTo", "", object.Unavailable,
			fmt.Errorf("etcd is at revision %d, before %d", state.Revision, revision))
	}
	return state, nil
}

// Reads returns how often Syncs have read etcd so far: many that wait at once share
// one read.
func (s *Store) Reads() int64 { return s.syncs.reads.Load() }

func (s *Store) joinRound() *round {
	q := &s.syncs
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next == nil {
		q.next = &round{done: make(chan struct{})}
		if !q.running {
			q.running = true
			go s.runRounds()
		}
	}
	return q.next
}

// runRounds runs rounds until nobody waits for one.
func (s *Store) runRounds() {
	q := &s.syncs
	for {
		q.mu.Lock()
		r := q.next
		q.next = nil
		q.running = r != nil
		q.mu.Unlock()
		if r == nil {
			return
		}
		q.reads.Add(1)
		r.err = s.catchUp()
		close(r.done)
	}
}

// catchUp asks etcd for its revision and waits until State has reached it.
func (s *Store) catchUp() error {
	ctx, cancel := context.WithTimeout(s.ctx, s.config.RequestTimeout)
	defer cancel()
	before := s.State().Revision
	resp, err := answered(ctx, s, func(ctx context.Context) (*clientv3.GetResponse, error) {
		return s.client.Get(ctx, s.keys.clusterMap(), clientv3.WithCountOnly())
	})
	if err != nil {
		return err
	}
	now := resp.Header.Revision
	if now < before || resp.Count == 0 {
		// etcd was set back, from a backup or to nothing. Only a State that is
		// read after this can be right.
		return s.awaitReload(ctx)
	}
	return s.await(ctx, now)
}

// Pauses of await: how long events are given to arrive by themselves, and how
// often a notice of progress is asked for before everything is read anew.
const (
	progressPause = 5 * time.Millisecond
	progressTries = 6
)

// await waits until State is true up to the revision. Mostly the watch gets there
// by itself. It does not if the revision is of a change outside this cluster's
// keys: then etcd is asked for a notice of progress, which it gives only when
// the watch is not behind.
func (s *Store) await(ctx context.Context, revision int64) error {
	wait := progressPause
	for try := 0; ; try++ {
		soon, cancel := context.WithTimeout(ctx, wait)
		err := s.awaitEvent(soon, revision)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case s.progress && try < progressTries:
			go s.askForProgress()
			wait *= 2
		case !s.progress && try < 2:
			wait *= 2
		default:
			s.requestReload()
			wait = time.Second
		}
	}
}

// askForProgress asks on the stream of the watch, which is found by what is in the
// context. What becomes of it shows in the State or does not.
func (s *Store) askForProgress() {
	ctx, cancel := context.WithTimeout(clientv3.WithRequireLeader(s.ctx), s.config.RequestTimeout)
	defer cancel()
	_ = s.client.RequestProgress(ctx)
}

// awaitEvent waits until State is true up to the revision, and does nothing for it.
func (s *Store) awaitEvent(ctx context.Context, revision int64) error {
	for {
		advanced := s.advances()
		if state := s.State(); state != nil && state.Revision >= revision {
			return nil
		}
		select {
		case <-advanced:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return errors.New("the store is closed")
		}
	}
}

// awaitReload makes the watching task read everything anew, and waits for that.
func (s *Store) awaitReload(ctx context.Context) error {
	advanced := s.advances()
	s.requestReload()
	select {
	case <-advanced:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ctx.Done():
		return errors.New("the store is closed")
	}
}

func (s *Store) requestReload() {
	select {
	case s.reload <- struct{}{}:
	default: // one is asked for already
	}
}
