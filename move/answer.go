package move

import (
	"context"
	"errors"
	"io"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/fs"
	"ais/object"
)

// errView is why a question about a name is not answered: this target does not see the
// name go where who asks does.
var errView = errors.New("the name does not go there, as this target sees it")

func refused(q *peer.MoveRequest) error {
	return object.E("move.answer", q.Key, object.Conflict, errView)
}

// asked returns the way of a name that another target asks about, if that is who is to
// answer for the name from now on.
func (m *Mover) asked(q *peer.MoveRequest) (*route, error) {
	r, moving, err := m.route(object.Name{Bucket: q.Bucket, Key: q.Key})
	if err != nil {
		return nil, err
	}
	if !moving || r.to() != q.To || r.next.Owner().Node.ID != q.From {
		return nil, refused(q)
	}
	return &r, nil
}

// Leave answers peer.PathLeave, with the encoded estate.
func (m *Mover) Leave(q peer.MoveRequest) ([]byte, error) {
	r, moving, err := m.route(object.Name{Bucket: q.Bucket, Key: q.Key})
	if err != nil {
		return nil, err
	}
	from := r.next.Index(q.From)
	switch {
	case !moving || r.to() != q.To || m.members.Fenced():
		return nil, refused(&q)
	case q.Peek && from >= 0 && (r.had() || r.gets()):
	case !q.Peek && from == r.next.Acting() && r.had():
	default:
		return nil, refused(&q)
	}
	if q.Large > 0 {
		if e, err := m.store.Estate(r.n); err != nil || fs.SizeOf(e.Blobs) >= q.Large {
			return encoded(e, err)
		}
	}
	return encoded(m.leave(r.n, q.Peek))
}

func encoded(e *fs.Estate, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return fs.EncodeEstate(e), nil
}

// leave returns all that is known of the name, which does not change here any more: by
// the state it goes elsewhere, which every change looks at under the name's lock; those
// that had it before have ended.
func (m *Mover) leave(n object.Name, peek bool) (*fs.Estate, error) {
	if !peek {
		if err := m.barrier(n); err != nil {
			return nil, err
		}
	}
	return m.store.Estate(n)
}

// barrier waits for changes of a name that are under way. What an owner before this one
// had prepared and not given up is committed: it may have been acknowledged.
func (m *Mover) barrier(n object.Name) error {
	if err := m.store.Settle(n, fs.Stamp{}, false); err != nil || !m.store.Dirty(n) {
		return err
	}
	for _, d := range m.store.InDoubt() {
		if d.Name != n {
			continue
		}
		if err := m.store.Settle(n, d.Stamp, true); err != nil {
			return err
		}
	}
	return nil
}

// turn locks a name until unlock is called: what another target makes of this one's copy
// waits, and what is decided about it by the cluster's state under the lock is done
// before anything that a later state asks for.
func (m *Mover) turn(n object.Name) (unlock func()) { return m.keeper.Turn(n) }

// Release answers peer.PathRelease.
func (m *Mover) Release(q peer.MoveRequest) error {
	defer m.turn(object.Name{Bucket: q.Bucket, Key: q.Key})()
	r, err := m.asked(&q)
	if err != nil {
		return err
	}
	if r.keeps() {
		return refused(&q)
	}
	return m.drop(r.n)
}

// drop removes all that is here of a name, if anything is, be it a prepared change only.
// The caller has its turn.
func (m *Mover) drop(n object.Name) error {
	if err := m.store.Settle(n, fs.Stamp{}, false); err != nil {
		return err
	}
	if p, err := m.store.Stamp(n); err != nil || p.IsZero() && !m.store.Dirty(n) {
		return err
	}
	return m.store.Release(n)
}

// Take answers peer.PathTake.
func (m *Mover) Take(q peer.MoveRequest) error {
	defer m.turn(object.Name{Bucket: q.Bucket, Key: q.Key})()
	r, err := m.asked(&q)
	if err != nil {
		return err
	}
	if !r.keeps() {
		return refused(&q)
	}
	_, _, err = m.take(r)
	return err
}

// take makes what is here of the name what its next owner has, and returns the stamp that it
// has here then. The caller has its turn.
func (m *Mover) take(r *route) (p fs.Stamp, bytes int64, err error) {
	f := &fetching{m: m, r: r, from: r.next.Owner().Node}
	e, err := f.leave(true)
	if err != nil {
		return fs.Stamp{}, 0, err
	}
	now, err := m.store.Stamp(r.n)
	if err != nil || now == e.Stamp {
		return now, 0, err
	}
	if arrived(now, r.to()) && entered(e.Stamp, r.to()) && m.store.Dirty(r.n) {
		return now, 0, nil // what is prepared may be newer than what the owner had; it is a copy like any other
	}
	e.Durability = object.Power
	if err = m.store.Adopt(e, f.open); err == nil {
		err = m.still(r.n)
	}
	return e.Stamp, f.bytes, err
}

// still removes a name that came here while it became clear that it is not to be here.
func (m *Mover) still(n object.Name) error {
	state := m.members.State()
	b, ok := state.BucketByID(n.Bucket)
	if !ok {
		return nil
	}
	for _, by := range []cluster.Placement{b.Placement, b.Next} {
		if by == (cluster.Placement{}) {
			continue
		}
		if copies, err := state.CopiesBy(b, by, n); err != nil || copies.Index(m.cfg.ID) >= 0 {
			return err
		}
	}
	return m.drop(n)
}

// EnterFor answers peer.PathEnter.
func (m *Mover) EnterFor(q peer.EnterRequest) (peer.EnterAnswer, error) {
	r, moving, err := m.route(object.Name{Bucket: q.Bucket, Key: q.Key})
	if err != nil {
		return peer.EnterAnswer{}, err
	}
	if !moving || r.to() != q.To || !r.gets() {
		return peer.EnterAnswer{}, refused(&q.MoveRequest)
	}
	bytes, err := m.enter(&r, q.Calm)
	return peer.EnterAnswer{Bytes: bytes}, err
}

// Payload answers peer.PathPayload. The caller closes what it returns.
func (m *Mover) Payload(q peer.PayloadRequest) (io.ReadCloser, int64, error) {
	return m.store.OpenBlob(object.Name{Bucket: q.Bucket, Key: q.Key}, q.ID)
}

// Moved answers peer.PathMoved.
func (m *Mover) Moved(q peer.MoveRequest) peer.MovedAnswer {
	return peer.MovedAnswer{Done: m.passes.done(q.Bucket, q.To)}
}

func (m *Mover) askMoved(ctx context.Context, id string, q peer.MoveRequest) (bool, error) {
	node, ok := m.members.State().Node(id)
	if !ok {
		return false, refused(&q)
	}
	var a peer.MovedAnswer
	err := m.caller.Ask(ctx, node, peer.PathMoved, q, &a)
	return a.Done, err
}
