package move

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/fs"
	"ais/object"
)

// entering is the names that are being brought here: each by one at a time.
type entering struct {
	mu     sync.Mutex // guards the rest
	byName map[object.Name]*arrival
	allow  map[object.Name]int // how many let a name be changed though it is not in use yet, or not here
	some   atomic.Int64        // of these
}

// arrival is a name that is being brought here.
type arrival struct {
	done  chan struct{}
	bytes int64 // these are set before done is closed
	err   error
}

// once calls bring, or waits for who does already.
func (e *entering) once(n object.Name, bring func() (int64, error)) (int64, error) {
	e.mu.Lock()
	a := e.byName[n]
	if a != nil {
		e.mu.Unlock()
		<-a.done
		return 0, a.err // whose bytes are counted once
	}
	if e.byName == nil {
		e.byName = make(map[object.Name]*arrival)
	}
	a = &arrival{done: make(chan struct{})}
	e.byName[n] = a
	e.mu.Unlock()
	a.bytes, a.err = bring()
	e.mu.Lock()
	delete(e.byName, n)
	e.mu.Unlock()
	close(a.done)
	return a.bytes, a.err
}

// permit lets a name be changed that is being brought here, or dropped, or has uploads here.
func (e *entering) permit(n object.Name) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.allow == nil {
		e.allow = make(map[object.Name]int)
	}
	e.allow[n]++
	e.some.Store(int64(len(e.allow)))
}

// forbid ends what permit began.
func (e *entering) forbid(n object.Name) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.allow[n]--; e.allow[n] == 0 {
		delete(e.allow, n)
	}
	e.some.Store(int64(len(e.allow)))
}

func (e *entering) allowed(n object.Name) bool {
	if e.some.Load() == 0 {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	_, ok := e.allow[n]
	return ok
}

// enter brings a name here that this target is to answer for, and returns the bytes of
// payload that came. Every step may be repeated, by this target and, where there are
// copies, by the next one that acts for the name:
//
//	leave    who had it changes it no more, and says all that is known of it
//	adopt    that is here then, with a stamp of the next placement and term 0
//	take     all copies of the next placement have the same
//	release  whoever had a copy and is to have none, has none
//	touch    a change that does nothing but give it a term: it is in use
//
// So at no moment there are two targets that can change it; who takes over after adopt
// goes on from its own copy, whatever was released; and nobody has anything old by the
// time it may be changed.
func (m *Mover) enter(r *route, calm bool) (int64, error) {
	if here, err := m.here(r); here || err != nil {
		return 0, err
	}
	return m.entering.once(r.n, func() (int64, error) {
		fresh, moving, err := m.route(r.n)
		switch {
		case err != nil || !moving:
			return 0, err
		case !fresh.gets():
			return 0, elsewhere(r.n)
		}
		bytes, err := m.bring(&fresh, calm)
		if kind := object.KindOf(err); err != nil && (kind == object.Conflict || kind == object.Busy || kind == object.NotFound) {
			err = object.E("move.Enter", r.n.Key, object.Unavailable, err) // the state is changing; it may be tried again
		}
		return bytes, err
	})
}

func (m *Mover) bring(r *route, calm bool) (bytes int64, err error) {
	if m.members.Fenced() {
		return 0, object.E("move.Enter", r.n.Key, object.Unavailable, errors.New("this target does not hold its lease now"))
	}
	now, err := m.store.Stamp(r.n)
	if err != nil || entered(now, r.to()) {
		return 0, err
	}
	if !arrived(now, r.to()) {
		if bytes, err = m.fetch(r, calm); err != nil {
			return bytes, err
		}
	}
	// Who is alive, and who counts, is looked at anew, now that the name is here: a
	// target that comes back has asked before, and is in this state, or will be told.
	fresh, moving, err := m.route(r.n)
	if err != nil {
		return bytes, err
	}
	if !moving || !fresh.gets() || fresh.to() != r.to() {
		return bytes, elsewhere(r.n)
	}
	if err := m.share(&fresh); err != nil {
		return bytes, err
	}
	m.entering.permit(r.n)
	defer m.entering.forbid(r.n)
	d := object.Process // what is lost with the power is done again
	if len(fresh.next) > 1 {
		d = fresh.bucket.Props.Durability // a copy that lost it would look like one that is behind
	}
	return bytes, m.store.Touch(r.n, d)
}

// fetch makes what is here of the name what who had it has.
func (m *Mover) fetch(r *route, calm bool) (bytes int64, err error) {
	owner := r.old.Owner()
	if !r.had() && !owner.Live {
		return 0, object.E("move.Enter", r.n.Key, object.Unavailable, fmt.Errorf("%s, which had the name, is down", owner.Node.ID))
	}
	f := &fetching{m: m, r: r, from: owner.Node, calm: calm}
	e, err := f.ahead()
	if err != nil {
		return f.bytes, err
	}
	e.Stamp = fs.Stamp{Placement: r.to(), Seq: max(e.Stamp.Seq, 1)}
	e.Durability = object.Power
	defer m.turn(r.n)()
	if now, moving, err := m.route(r.n); err != nil || !moving || now.to() != r.to() || !now.gets() {
		return f.bytes, cmp.Or(err, elsewhere(r.n))
	}
	return f.bytes, m.store.Adopt(e, f.open)
}

// share has all copies of the next placement have the name as it is here, and then
// those who are not among them have nothing of it. Who is down and not counted on any
// more is told when it is back.
func (m *Mover) share(r *route) error {
	ask := func(path string, to *cluster.Copy) error {
		ctx, cancel := context.WithTimeout(m.ctx, shareTimeout)
		defer cancel()
		return m.caller.AskLong(ctx, m.streams, to.Node, path, r.request(), &struct{}{})
	}
	for i := range r.next {
		c := &r.next[i]
		if c.Node.ID == r.self || !c.Live && !c.InSync() {
			continue
		}
		if err := ask(peer.PathTake, c); err != nil && c.InSync() {
			return err
		}
	}
	for i := range r.old {
		c := &r.old[i]
		if c.Node.ID == r.self || r.next.Index(c.Node.ID) >= 0 || c.Node.Lost {
			continue
		}
		if !c.Live && !c.InSync() && len(r.old) > 1 {
			continue
		}
		if err := ask(peer.PathRelease, c); err != nil {
			return err
		}
	}
	return nil
}

// shareTimeout bounds what one other target may take to have, or to forget, a name.
const shareTimeout = 15 * time.Minute

func (r *route) request() peer.MoveRequest {
	return peer.MoveRequest{Bucket: r.n.Bucket, Key: r.n.Key, To: r.to(), From: r.self}
}

// fetching is a name that comes from another target, or from this one.
type fetching struct {
	m     *Mover
	r     *route
	from  cluster.Node
	calm  bool
	bytes int64 // of payload that came
}

// leave asks for all that is known of the name, which does not change there any more
// unless it is only looked at.
func (f *fetching) leave(peek bool) (*fs.Estate, error) {
	if f.from.ID == f.r.self {
		return f.m.leave(f.r.n, peek)
	}
	q := f.r.request()
	q.Peek = peek
	return f.ask(q)
}

func (f *fetching) ask(q peer.MoveRequest) (*fs.Estate, error) {
	ctx, cancel := context.WithTimeout(f.m.ctx, leaveTimeout)
	defer cancel()
	answer, err := f.m.caller.AskRaw(ctx, f.from, peer.PathLeave, q)
	if err != nil {
		return nil, err
	}
	return fs.DecodeEstate(answer)
}

// leaveTimeout bounds the time of an answer that may wait for a change of the name to
// end.
const leaveTimeout = 15 * time.Second

// aheadFrom is how much payload a name has for which the bytes come before anybody has
// to wait for it.
const aheadFrom = 1 << 20

// ahead is leave(false), before which much payload is brought while the name is still
// read and written where it was.
func (f *fetching) ahead() (*fs.Estate, error) {
	if f.from.ID == f.r.self {
		return f.leave(false)
	}
	q := f.r.request()
	q.Large = aheadFrom
	e, err := f.ask(q)
	if err != nil || fs.SizeOf(e.Blobs) < aheadFrom {
		return e, err
	}
	for _, b := range e.Blobs {
		err := f.stage(b)
		switch object.KindOf(err) {
		case object.NotFound, object.Exists:
			continue // it is gone, and so will be what refers to it; or it is here
		}
		if err != nil {
			return nil, err
		}
	}
	return f.leave(false)
}

// stage brings one payload file.
func (f *fetching) stage(b fs.Blob) error {
	w, err := f.m.store.Stage(f.r.n, b.ID, b.Size, object.Power)
	if err != nil {
		return err
	}
	body, err := f.open(b)
	if err != nil {
		w.Abort()
		return err
	}
	defer body.Close()
	if _, err := io.Copy(struct{ io.Writer }{w}, body); err != nil {
		w.Abort()
		return object.E("move.Enter", f.r.n.Key, object.Unavailable, err)
	}
	return w.Close()
}

// open is fs.Fetch.
func (f *fetching) open(b fs.Blob) (io.ReadCloser, error) {
	resp, err := f.m.caller.OpenPayload(f.m.ctx, f.m.streams, f.from, peer.PayloadRequest{Bucket: f.r.n.Bucket, Key: f.r.n.Key, ID: b.ID})
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, peer.ReadError(resp)
	}
	f.bytes += b.Size
	c := &coming{ReadCloser: resp.Body, key: f.r.n.Key}
	if f.calm {
		c.breath = f.m.newBreath(f.m.ctx)
	}
	return c, nil
}

// coming is a body that comes from another target. Where that dies meanwhile, the name
// may be asked for again.
type coming struct {
	io.ReadCloser
	key    string
	breath *breath // of a reader that rests
	since  int
}

// calmPiece is how much is read between two rests.
const calmPiece = 1 << 20

// Read implements io.Reader.
func (c *coming) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if c.since += n; c.since >= calmPiece && c.breath != nil {
		c.since = 0
		c.breath.take()
	}
	if err != nil && err != io.EOF {
		err = object.E("move.Enter", c.key, object.Unavailable, err)
	}
	return n, err
}
