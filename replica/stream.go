package replica

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"time"

	"ais/cluster/peer"
	"ais/object"
)

// stream is fs.Copying's Stream: the bytes of a new blob go to the other copies while
// they are received. A copy that takes none for too long is left out; it fetches the
// blob when it prepares the change.
func (k *Keeper) stream(n object.Name, blob string) io.WriteCloser {
	if !k.started.Load() {
		return nil
	}
	s, several, err := k.stand(n)
	if !several || err != nil || !s.owns() {
		return nil
	}
	var out []pouring
	for i := range s.copies {
		if i == s.self || !s.copies[i].Live {
			continue
		}
		to, err := k.pour(&s, i, n, blob)
		if err != nil {
			k.metrics.streamsCut.Inc()
			continue
		}
		out = append(out, to)
	}
	if len(out) == 0 {
		return nil
	}
	return k.pours.begin(blob, out)
}

// pours are the streams of blobs that the copies have not answered yet.
type pours struct {
	mu     sync.Mutex // guards the rest
	byBlob map[string]*pourings
}

func (p *pours) begin(blob string, out []pouring) *pourings {
	all := &pourings{p: p, blob: blob, to: out, ended: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byBlob == nil {
		p.byBlob = make(map[string]*pourings)
	}
	p.byBlob[blob] = all
	return all
}

func (p *pours) end(all *pourings) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.byBlob, all.blob)
	close(all.ended)
}

// await waits until the copies have answered the stream of a blob, or until a moment: a
// copy that has it all need not be asked whether it is to fetch it.
func (p *pours) await(blob string, until <-chan time.Time) {
	p.mu.Lock()
	all := p.byBlob[blob]
	p.mu.Unlock()
	if all == nil {
		return
	}
	select {
	case <-all.ended:
	case <-until:
	}
}

// pour begins the stream to one copy.
func (k *Keeper) pour(s *standing, i int, n object.Name, blob string) (pouring, error) {
	to, err := k.caller.Pour(s.copies[i].Node, peer.PathStage)
	if err != nil {
		return pouring{}, err
	}
	m := nameMessage{sender: k.cfg.ID, name: n, blob: blob}
	head := m.encode()
	head = append(binary.BigEndian.AppendUint32(nil, uint32(len(head))), head...)
	if _, err := to.Write(head); err != nil {
		to.Drop()
		return pouring{}, err
	}
	return pouring{k, to}, nil
}

// pouring is a stream to one copy.
type pouring struct {
	k  *Keeper
	to *peer.Pouring
}

// pourings are the streams of one blob.
type pourings struct {
	p     *pours
	blob  string
	to    []pouring
	ended chan struct{} // closed when all have answered
}

var errNoneLeft = errors.New("no copy takes the stream any more")

// Write implements io.Writer.
func (p *pourings) Write(b []byte) (int, error) {
	kept := p.to[:0]
	for _, one := range p.to {
		if _, err := one.to.Write(b); err != nil {
			one.to.Drop()
			one.k.metrics.streamsCut.Inc()
			continue
		}
		kept = append(kept, one)
	}
	if p.to = kept; len(kept) == 0 {
		return 0, errNoneLeft
	}
	return len(b), nil
}

// Close implements io.Closer. It does not wait for what the copies say: the change
// that refers to the blob waits for them there.
func (p *pourings) Close() error {
	go func() {
		for _, one := range p.to {
			if err := one.to.End(); err != nil {
				one.k.cfg.Logger.Debug("a blob was not staged at a copy", "err", err)
			}
		}
		p.p.end(p)
	}()
	return nil
}
