package fs

import "sync"

// keeper knows which blobs of a mountpath must stay although no reference in the
// index says so. A blob is busy while a writer makes it and while it waits to be
// unlinked; the sweep leaves busy ones alone. A use is pinned while a reader may
// still have to open files of it; releasing a pinned use waits for the reader.
//
// Whoever takes the last busy count off a blob looks for references and unlinks
// it. So of several that let go of a shared blob exactly the last one decides.
type keeper struct {
	mu      sync.Mutex
	busy    map[blobID]int
	pins    map[uint64]*pin
	waiting []blobID // busy; to be let go of after the next sync of the log
}

type pin struct {
	readers int
	doomed  []blobID // busy
}

func newKeeper() *keeper {
	return &keeper{busy: make(map[blobID]int), pins: make(map[uint64]*pin)}
}

func (k *keeper) hold(ids ...blobID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range ids {
		k.busy[id]++
	}
}

// unhold takes a count off each and returns those that are busy no more, in place.
func (k *keeper) unhold(ids []blobID) []blobID {
	k.mu.Lock()
	defer k.mu.Unlock()
	last := ids[:0]
	for _, id := range ids {
		if k.busy[id]--; k.busy[id] <= 0 {
			delete(k.busy, id)
			last = append(last, id)
		}
	}
	return last
}

func (k *keeper) isBusy(id blobID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.busy[id] > 0
}

func (k *keeper) pin(use uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.pins[use]
	if p == nil {
		p = &pin{}
		k.pins[use] = p
	}
	p.readers++
}

// unpin returns the blobs that only waited for this reader.
func (k *keeper) unpin(use uint64) []blobID {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.pins[use]
	if p.readers--; p.readers > 0 {
		return nil
	}
	delete(k.pins, use)
	return p.doomed
}

// doom holds blobs that a use has let go of, and reports whether a reader has to
// finish first; if not, the caller goes on.
func (k *keeper) doom(use uint64, ids []blobID) (later bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range ids {
		k.busy[id]++
	}
	p := k.pins[use]
	if p == nil {
		return false
	}
	p.doomed = append(p.doomed, ids...)
	return true
}

// postpone keeps held blobs for takeWaiting.
func (k *keeper) postpone(ids []blobID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting = append(k.waiting, ids...)
}

func (k *keeper) takeWaiting() []blobID {
	k.mu.Lock()
	defer k.mu.Unlock()
	ids := k.waiting
	k.waiting = nil
	return ids
}
