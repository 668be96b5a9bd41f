package fs

import "sync"

// groupSync lets callers that arrive while a sync is running share the next one.
type groupSync struct {
	run  sync.Mutex // held by the sync that is running
	mu   sync.Mutex // guards next
	next *syncRound
}

type syncRound struct {
	done chan struct{}
	err  error
}

// do returns the result of one call of sync that began after do was called.
func (g *groupSync) do(sync func() error) error {
	g.mu.Lock()
	r := g.next
	if r != nil {
		g.mu.Unlock()
		<-r.done
		return r.err
	}
	r = &syncRound{done: make(chan struct{})}
	g.next = r
	g.mu.Unlock()

	g.run.Lock()
	g.mu.Lock()
	g.next = nil // who comes from here on may have written too late for this one
	g.mu.Unlock()
	r.err = sync()
	g.run.Unlock()
	close(r.done)
	return r.err
}
