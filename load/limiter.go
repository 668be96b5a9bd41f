package load

import (
	"container/list"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"ais/object"

	"github.com/valyala/fasthttp"
)

// What a request is charged for its buffers, in bytes: those of its connection and
// its answer, and besides that of a body which was not read with its header.
const (
	baseCost = 64 << 10
	bodyCost = 256 << 10
	smallest = 8 << 10 // of a body that is not charged for
)

// Cost returns what a request is charged for.
func Cost(h *fasthttp.RequestHeader) int64 {
	if n := h.ContentLength(); n > smallest || n == -1 {
		return baseCost + bodyCost
	}
	return baseCost
}

// share is how many times what is free a client may have. So one client alone gets
// share/(share+1) of everything, k busy ones share/(k·share+1) each, and a rest is
// free for whoever comes next: the dynamic thresholds of shared-memory switches
// (Choudhury, Hahne 1998).
const share = 2

// maxHops is after how many hops a request gets no further room.
const maxHops = 3

// kept is how many clients without a request are remembered, so that one that asks
// again and again makes no garbage.
const kept = 1024

// Limiter admits requests.
type Limiter struct {
	config  Config
	metrics *metrics
	slots   sync.Pool // *slot

	admitted atomic.Uint64

	mu      sync.Mutex // guards what follows
	used    amount
	waits   int
	clients map[string]*client
	turns   list.List     // of clients that wait, next first
	changed chan struct{} // closed when a request ends; nil if nobody waits for that
}

type amount struct {
	requests int
	bytes    int64
}

// client is who shares: what it has, and what waits.
type client struct {
	name    string
	used    amount
	waiting list.List     // of *slot
	turn    *list.Element // of turns; nil where none waits
}

// slot is one request that is served, or waits for it. It is a user value of the
// request's context, which closes it when the answer has been sent, or cannot be.
type slot struct {
	limiter  *Limiter
	client   *client
	cost     int64
	hops     int
	admitted chan struct{} // closed when it is; nil where it did not wait
}

type slotKey struct{}

// New returns a Limiter for a valid config.
func New(c Config) *Limiter {
	l := &Limiter{config: c, clients: map[string]*client{}}
	l.slots.New = func() any { return new(slot) }
	l.metrics = newMetrics(l)
	return l
}

// Bound has the server refuse connections beyond Config.Connections, with 503. It is called
// once, before the server serves.
func (l *Limiter) Bound(server *fasthttp.Server) {
	server.Concurrency = l.config.Connections()
	watch(l.config.Registerer, server)
}

// errFull is told to a client that is to slow down.
var errFull = errors.New("this node serves as many requests as it can")

// Admit returns nil when the request of ctx may be served; it then counts until its
// answer has been sent. It may wait. A request that was admitted before is admitted.
// The error is of kind Busy.
//
// from is who is charged. hops, called only where the node is full, returns how many
// nodes have sent the request on already: a request has room of its own at each hop,
// as large as the first.
func (l *Limiter) Admit(ctx *fasthttp.RequestCtx, from []byte, hops func() int) error {
	if ctx.UserValue(slotKey{}) != nil {
		return nil
	}
	s := l.slots.Get().(*slot)
	*s = slot{limiter: l, cost: Cost(&ctx.Request.Header)}
	if l.enter(s, from) {
		ctx.SetUserValue(slotKey{}, s)
		return nil
	}
	s.hops = max(0, min(hops(), maxHops))
	if err := l.wait(s, from); err != nil {
		return object.E("load.Admit", "", object.Busy, err)
	}
	ctx.SetUserValue(slotKey{}, s)
	return nil
}

// enter admits s at once, if it may.
func (l *Limiter) enter(s *slot, from []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.client = l.client(from)
	if s.client.waiting.Len() > 0 || !l.fits(s) {
		return false
	}
	l.take(s)
	return true
}

// wait admits s when it is its turn.
func (l *Limiter) wait(s *slot, from []byte) error {
	l.mu.Lock()
	s.client = l.client(from) // which may have been forgotten meanwhile
	c := s.client
	if c.waiting.Len() == 0 && l.fits(s) {
		l.take(s)
		l.mu.Unlock()
		return nil
	}
	room := (l.config.MaxWaiting - l.waits) * share
	if l.waits >= l.config.MaxWaiting || c.waiting.Len() > 0 && c.waiting.Len() >= room {
		l.forget(c)
		l.mu.Unlock()
		l.metrics.refused.Inc()
		return errFull
	}
	s.admitted = make(chan struct{})
	at := c.waiting.PushBack(s)
	if c.turn == nil {
		c.turn = l.turns.PushBack(c)
	}
	l.waits++
	l.mu.Unlock()
	l.metrics.waited.Inc()

	timer := time.NewTimer(l.config.MaxWait)
	defer timer.Stop()
	select {
	case <-s.admitted:
		return nil
	case <-timer.C:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-s.admitted: // just now
		return nil
	default:
	}
	l.unqueue(c, at)
	l.forget(c)
	l.metrics.timedOut.Inc()
	return errFull
}

// Close ends the request: its place is another's. It is called once, by fasthttp.
func (s *slot) Close() error {
	l := s.limiter
	l.mu.Lock()
	l.used.requests--
	l.used.bytes -= s.cost
	s.client.used.requests--
	s.client.used.bytes -= s.cost
	l.admitWaiting()
	l.forget(s.client)
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
	l.mu.Unlock()
	*s = slot{}
	l.slots.Put(s)
	return nil
}

// Idle returns how many requests are served, and a channel that is closed when one
// of them has ended.
func (l *Limiter) Idle() (served int, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.used.requests, l.changed
}

// Admitted counts the requests that were admitted so far.
func (l *Limiter) Admitted() uint64 { return l.admitted.Load() }

// What follows is called with mu held.

// fits reports whether there is room for s, within the bounds of its hop and within
// its client's share.
func (l *Limiter) fits(s *slot) bool {
	c, bounds := s.client, 1+s.hops
	requests := l.config.MaxRequests*bounds - l.used.requests
	bytes := l.config.MaxBytes*int64(bounds) - l.used.bytes
	if requests < 1 || bytes < s.cost {
		return false
	}
	return c.used.requests == 0 || c.used.requests < share*requests && c.used.bytes+s.cost <= share*bytes
}

func (l *Limiter) take(s *slot) {
	l.admitted.Add(1)
	l.used.requests++
	l.used.bytes += s.cost
	s.client.used.requests++
	s.client.used.bytes += s.cost
}

// admitWaiting gives what has become free to those who wait, one of each client in
// turn.
func (l *Limiter) admitWaiting() {
	for passed := 0; passed < l.turns.Len(); {
		next := l.turns.Front()
		c := next.Value.(*client)
		at := c.waiting.Front()
		s := at.Value.(*slot)
		l.turns.MoveToBack(next)
		if !l.fits(s) {
			passed++
			continue
		}
		passed = 0
		l.unqueue(c, at)
		l.take(s)
		close(s.admitted)
	}
}

func (l *Limiter) unqueue(c *client, at *list.Element) {
	c.waiting.Remove(at)
	l.waits--
	if c.waiting.Len() == 0 {
		l.turns.Remove(c.turn)
		c.turn = nil
	}
}

func (l *Limiter) client(name []byte) *client {
	c := l.clients[string(name)]
	if c == nil {
		c = &client{name: string(name)}
		l.clients[c.name] = c
	}
	return c
}

// forget drops a client that has nothing here, where many are known.
func (l *Limiter) forget(c *client) {
	if len(l.clients) > kept && c.used.requests == 0 && c.waiting.Len() == 0 {
		delete(l.clients, c.name)
	}
}
