package replica

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"time"

	"ais/cluster/peer"
	"ais/fs"
	"ais/object"
)

// stream is fs.Copying's Stream: the bytes of a new blob go to the other copies while
// they are received. A copy that takes none for too long is left out; it fetches the
// blob when it prepares the change. A blob of up to carryMax goes along with the change.
func (k *Keeper) stream(n object.Name, blob string) io.WriteCloser {
	if !k.started.Load() {
		return nil
	}
	s, several, err := k.stand(n)
	if !several || err != nil || !s.owns() {
		return nil
	}
	for i := range s.copies {
		if i != s.self && s.copies[i].Live {
			return &pourings{k: k, s: &s, n: n, blob: blob, ended: make(chan struct{})}
		}
	}
	return nil
}

// carryMax is up to which size, with its trailer, a blob goes along with the change that
// refers to it; it is what an upload costs in memory.
const carryMax = 256<<10 + 4<<10

// maxCarrying bounds the blobs that wait for their changes, all together. What is beyond
// is fetched by the copies.
const maxCarrying = 64 << 20

// carryFor is how long a blob waits for its change, which may never come.
const carryFor = 15 * time.Second

// begin sends what there is of the blob, and from now on the rest as it comes.
func (p *pourings) begin() {
	for i := range p.s.copies {
		if i == p.s.self || !p.s.copies[i].Live {
			continue
		}
		to, err := p.k.pour(p.s, i, p.n, p.blob)
		if err != nil {
			p.k.metrics.streamsCut.Inc()
			continue
		}
		p.to = append(p.to, to)
	}
	p.begun = true
	p.k.pours.begin(p)
	small := p.small
	p.small = nil
	if len(small) > 0 {
		_, _ = p.Write(small) // who does not take it is left out
	}
	p.k.pours.reuse(small)
}

// pours are the streams of blobs that the copies have not answered yet,
// and the small blobs that go along with a change.
type pours struct {
	mu       sync.Mutex // guards the rest
	byBlob   map[string]*pourings
	carried  map[string]*carrying
	carrying int // bytes

	spare sync.Pool // of *[]byte with a capacity of carryMax
}

// poolFrom is from which size on the bytes of a blob are kept in memory that is used again.
const poolFrom = 32 << 10

// room returns where so many bytes of a blob, or more, are kept.
func (p *pours) room(size int) []byte {
	if size < poolFrom {
		return make([]byte, 0, size)
	}
	if b, ok := p.spare.Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, carryMax)
}

// reuse gives back what room has returned. Nobody may have it any more.
func (p *pours) reuse(b []byte) {
	if cap(b) == carryMax {
		p.spare.Put(&b)
	}
}

// carrying is a small blob that waits for its change.
type carrying struct {
	bytes []byte
	timer *time.Timer
}

func (p *pours) begin(all *pourings) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byBlob == nil {
		p.byBlob = make(map[string]*pourings)
	}
	p.byBlob[all.blob] = all
}

// carry keeps a small blob for its change.
func (p *pours) carry(blob string, bytes []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.carrying+cap(bytes) > maxCarrying {
		p.reuse(bytes)
		return
	}
	if p.carried == nil {
		p.carried = make(map[string]*carrying)
	}
	p.carrying += cap(bytes)
	p.carried[blob] = &carrying{bytes, time.AfterFunc(carryFor, func() { p.take(blob) })}
}

// small returns those of the blobs that are carried.
func (p *pours) small(blobs []fs.Blob) (list []carriedBlob) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range blobs {
		if c := p.carried[b.ID]; c != nil {
			list = append(list, carriedBlob{b.ID, c.bytes})
		}
	}
	return list
}

// take takes a blob out that was carried. A change that waits for its copies may be
// sending it.
func (p *pours) take(blob string) (bytes []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.carried[blob]
	if c == nil {
		return nil
	}
	c.timer.Stop()
	delete(p.carried, blob)
	p.carrying -= cap(c.bytes)
	return c.bytes
}

// drop lets go of a blob that was carried, and that nobody sends any more.
func (p *pours) drop(blob string) { p.reuse(p.take(blob)) }

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
	k     *Keeper
	s     *standing
	n     object.Name
	blob  string
	small []byte // all of the blob so far, until begun
	begun bool
	to    []pouring
	ended chan struct{} // closed when all have answered
}

var errNoneLeft = errors.New("no copy takes the stream any more")

// Write implements io.Writer.
func (p *pourings) Write(b []byte) (int, error) {
	if !p.begun {
		if len(p.small)+len(b) <= carryMax {
			if p.small == nil {
				p.small = p.k.pours.room(len(b) + 4<<10) // the trailer follows
			}
			p.small = append(p.small, b...)
			return len(b), nil
		}
		p.begin()
	}
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
	if !p.begun {
		p.k.pours.carry(p.blob, p.small)
		return nil
	}
	go func() {
		for _, one := range p.to {
			if err := one.to.End(); err != nil {
				one.k.cfg.Logger.Debug("a blob was not staged at a copy", "err", err)
			}
		}
		p.k.pours.end(p)
	}()
	return nil
}
