package etcd

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// lease is this node's sign of life.
type lease struct {
	lost chan struct{} // closed when another process has taken the node's place

	mu       sync.Mutex
	id       clientv3.LeaseID
	deadline time.Time // with a monotonic reading; zero while there is no lease
}

func (l *lease) set(id clientv3.LeaseID, deadline time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
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

// Superseded returns a channel that is closed when another process has taken this
// node's place; this one stays fenced for good and should end.
func (s *Store) Superseded() <-chan struct{} { return s.lease.lost }

// errSuperseded ends keepAlive.
var errSuperseded = errors.New("another process runs as this node")

// keepAlive renews the lease until the store is closed. A lease that is lost is
// replaced.
func (s *Store) keepAlive() {
	interval := s.config.LeaseTTL / 3
	next := interval
	logged := false // that the lease is not renewed
	for s.pause(s.ctx, next) == nil {
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
		if !logged && s.ctx.Err() == nil {
			s.log.Warn("the lease is not renewed", "fenced_at", s.Deadline(), "error", err)
			logged = true
		}
		next = retryPause
	}
}

func (s *Store) renewOrReplace(timeout time.Duration) error {
	err := s.renew(timeout)
	if !errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return err
	}
	s.lease.set(clientv3.NoLease, time.Time{})
	ctx, cancel := context.WithTimeout(s.ctx, s.config.RequestTimeout)
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
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	sent := s.config.Now()
	resp, err := s.client.KeepAliveOnce(ctx, id)
	if err != nil {
		return err
	}
	s.lease.set(id, s.deadline(sent, resp.TTL))
	return nil
}

// deadline is that of a lease of so many seconds that was asked for at sent.
func (s *Store) deadline(sent time.Time, seconds int64) time.Time {
	return sent.Add(time.Duration(seconds)*time.Second - s.config.LeaseMargin)
}

// giveBack ends the lease.
func (s *Store) giveBack() {
	s.lease.mu.Lock()
	id := s.lease.id
	s.lease.mu.Unlock()
	s.lease.set(clientv3.NoLease, time.Time{})
	if id == clientv3.NoLease {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, _ = s.client.Revoke(ctx, id) // else it ends by itself
}
