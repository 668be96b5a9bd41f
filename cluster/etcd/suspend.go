package etcd

// Suspend gives this node's lease back, so that the others see at once that it is
// down, and keeps it out of the cluster until Resume. The node is fenced meanwhile
// and goes on to see what the cluster is.
func (s *Store) Suspend() {
	s.lease.mu.Lock()
	s.lease.suspended = true
	s.lease.mu.Unlock()
	s.giveBack()
}

// Resume ends Suspend: within a third of the lease's time the node joins again.
func (s *Store) Resume() {
	s.lease.mu.Lock()
	defer s.lease.mu.Unlock()
	s.lease.suspended = false
}

func (l *lease) isSuspended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.suspended
}
