package etcd

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// lease is this node's sign of life.
type lease struct {
	lost chan struct{} // closed when another process has taken the node's place

	kept  context.Context // in which it is renewed; ends with Leave, or the store
	leave context.CancelFunc
	left  chan struct{} // closed when it is renewed no longer

	mu       sync.Mutex
	id       clientv3.LeaseID
	deadline time.Time // with a monotonic reading; zero while there is no lease
	// suspended: the node has no lease, and asks for none.
	suspended bool
}

func (l *lease) set(id clientv3.LeaseID, deadline time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.suspended { // what was under way when it was said
		id, deadline = clientv3.NoLease, time.Time{}
	}
	l.id, l.deadline = id, deadline
}

// Deadline returns until when this node may act as the owner of its names: the
// monotonic time at which the last acknowledged keepalive was sent, plus the
// lease, minus a margin. Zero is never.
func (s *Store) Deadline() time.Time {
	s.lease.mu.Lock()
	defer s.lease.mu.Unlock()
	return s.lease.deadline
}

// Fenced reports whether the deadline has passed. What must not be done by two
// nodes at once asks before the acknowledgement, too: a process that was
// paused wakes up fenced.
func (s *Store) Fenced() bool { return !s.config.Now().Before(s.Deadline()) }

// Tenure returns a number of the lease that this node holds, another one for each
// lease, and its deadline. Who finds the same number later, before the deadline, has
// held the lease all the time: nobody was named in this node's place.
func (s *Store) Tenure() (number int64, deadline time.Time) {
	s.lease.mu.Lock()
	defer s.lease.mu.Unlock()
	return int64(s.lease.id), s.lease.deadline
}

// Superseded returns a channel that is closed when another process has taken this
// node's place; this one stays fenced for good and should end.
func (s *Store) Superseded() <-chan struct{} { return s.lease.lost }

// errSuperseded ends keepAlive.
var errSuperseded = errors.New("another process runs as this node")

// keepAlive renews the lease until the node leaves or the store is closed. A lease
// that is lost is replaced.
func (s *Store) keepAlive() {
	defer close(s.lease.left)
	interval := s.config.LeaseTTL / 3
	next := interval
	logged := false // that the lease is not renewed
	for s.pause(s.lease.kept, next) == nil {
		err := s.renewOrReplace(interval)
		if err == nil {
			if logged {
				s.log.Info("the lease is renewed again")
			}
			logged, next = false, interval
			continue
		}
		if errors.Is(err, errSuperseded) {
			s.log.Error("another process runs as this node; this one is fenced")
			close(s.lease.lost)
			return
		}
		if !logged && s.lease.kept.Err() == nil {
			s.log.Warn("the lease is not renewed", "fenced_at", s.Deadline(), "error", err)
			logged = true
		}
		next = retryPause
	}
}

func (s *Store) renewOrReplace(timeout time.Duration) error {
	if s.lease.isSuspended() {
		return nil
	}
	err := s.renew(timeout)
	if !errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return err
	}
	s.lease.set(clientv3.NoLease, time.Time{})
	ctx, cancel := context.WithTimeout(s.lease.kept, s.config.RequestTimeout)
	defer cancel()
	if _, err = s.join(ctx, true); err == nil {
		s.log.Warn("the lease was lost, and is replaced")
	}
	return err
}

// renew sends one keepalive.
func (s *Store) renew(timeout time.Duration) error {
	s.lease.mu.Lock()
	id := s.lease.id
	s.lease.mu.Unlock()
	if id == clientv3.NoLease {
		return rpctypes.ErrLeaseNotFound
	}
	ctx, cancel := context.WithTimeout(clientv3.WithRequireLeader(s.lease.kept), timeout)
	defer cancel()
	type answer struct {
		sent time.Time
		resp *etcdserverpb.LeaseKeepAliveResponse
		err  error
	}
	answers := make(chan answer, keepAlives)
	send := func() {
		sent := s.config.Now()
		resp, err := s.keepAliveOnce(ctx, id)
		answers <- answer{sent, resp, err}
	}
	// A member that is paused or cut off does not refuse, it is silent: another is
	// asked soon, while the first still may answer.
	again := time.NewTicker(timeout / keepAlives)
	defer again.Stop()
	go send()
	for asked, failed := 1, 0; ; {
		select {
		case <-again.C:
			if asked < keepAlives {
				asked++
				go send()
			}
		case a := <-answers:
			if a.err == nil {
				s.lease.set(id, s.deadline(a.sent, a.resp.TTL))
				s.noticeLag(a.resp.Header.GetRevision())
				return nil
			}
			if failed++; failed == asked || !transient(a.err) {
				return a.err
			}
		}
	}
}

// keepAlives is how often a renewal asks at most.
const keepAlives = 4

// keepAliveOnce asks once. The client's own function of that name asks again and
// again without a pause while nobody answers.
func (s *Store) keepAliveOnce(ctx context.Context, id clientv3.LeaseID) (*etcdserverpb.LeaseKeepAliveResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream
	stream, err := etcdserverpb.NewLeaseClient(s.client.ActiveConnection()).LeaseKeepAlive(ctx)
	if err != nil {
		return nil, rpctypes.Error(err)
	}
	if err := stream.Send(&etcdserverpb.LeaseKeepAliveRequest{ID: int64(id)}); err != nil && !errors.Is(err, io.EOF) {
		return nil, rpctypes.Error(err)
	}
	resp, err := stream.Recv() // after EOF it has the reason
	switch {
	case err != nil:
		return nil, rpctypes.Error(err)
	case resp.TTL <= 0:
		return nil, rpctypes.ErrLeaseNotFound
	}
	return resp, nil
}

// noticeLag starts catching up with a revision that etcd has told of. The watch
// brings it by itself, unless the member that it goes to is silent.
func (s *Store) noticeLag(revision int64) {
	if state := s.State(); state == nil || state.Revision >= revision { // nil: the first one is on its way
		return
	}
	s.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(s.ctx, s.config.RequestTimeout)
		defer cancel()
		_ = s.await(ctx, revision)
	})
}

// deadline is that of a lease of so many seconds that was asked for at sent.
func (s *Store) deadline(sent time.Time, seconds int64) time.Time {
	return sent.Add(time.Duration(seconds)*time.Second - s.config.LeaseMargin)
}

// Leave gives the lease back for good, so that the others see at once that this node
// serves no longer, and returns when this node sees it too, or ctx ends. The state is
// followed until Close.
func (s *Store) Leave(ctx context.Context) {
	s.lease.leave()
	<-s.lease.left
	if !s.giveBack() {
		return
	}
	for {
		changes := s.Changes()
		if !s.State().IsLive(s.config.Self.ID) {
			return
		}
		select {
		case <-changes:
		case <-ctx.Done():
			return
		}
	}
}

// giveBack ends the lease, and reports whether etcd has heard of it: else it ends by
// itself.
func (s *Store) giveBack() bool {
	s.lease.mu.Lock()
	id := s.lease.id
	s.lease.mu.Unlock()
	s.lease.set(clientv3.NoLease, time.Time{})
	if id == clientv3.NoLease {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err := s.client.Revoke(ctx, id)
	return err == nil
}
