package move

import (
	"context"
	"slices"
	"strings"

	"ais/cluster/peer"
	"ais/object"
)

// What package replica asks about names that are being moved; see replica.Moves.

// InUse reports whether this target's copy of a name is one of the placement by which
// the name is answered for.
func (m *Mover) InUse(n object.Name) bool {
	r, moving, err := m.route(n)
	if err != nil || !moving {
		return err == nil
	}
	here, err := m.here(&r)
	return err == nil && here
}

// Bring has the next owner of a name bring it there, where it moves.
func (m *Mover) Bring(ctx context.Context, n object.Name) error {
	r, moving, err := m.route(n)
	if err != nil || !moving || r.stays() {
		return err
	}
	if r.gets() {
		_, err := m.enter(&r, false)
		return err
	}
	return m.askEnter(ctx, &r, false, &peer.EnterAnswer{})
}

func (m *Mover) askEnter(ctx context.Context, r *route, calm bool, a *peer.EnterAnswer) error {
	owner := r.next.Owner()
	if !owner.Live {
		return object.E("move.askEnter", r.n.Key, object.Unavailable, errOwnerDown)
	}
	return m.caller.AskLong(ctx, m.streams, owner.Node, peer.PathEnter, peer.EnterRequest{MoveRequest: r.request(), Calm: calm}, a)
}

// settleOld commits what an owner before this one had prepared of a name that this
// target has not given away yet.
func (m *Mover) settleOld(n object.Name) error {
	r, moving, err := m.route(n)
	if err != nil || !moving || !r.had() {
		return err
	}
	if here, err := m.here(&r); here || err != nil {
		return err
	}
	if m.members.Fenced() {
		return elsewhere(n)
	}
	return m.barrier(n)
}

// hadBy reports whether the name moves, is answered for by this target until it has
// gone, and the target of that id had a copy.
func (m *Mover) hadBy(n object.Name, id string) bool {
	r, moving, err := m.route(n)
	return err == nil && moving && r.had() && r.old.Index(id) >= 0
}

// dropStray removes what is here of a name that is not to be here: it has moved.
func (m *Mover) dropStray(n object.Name) error {
	defer m.turn(n)()
	r, moving, err := m.route(n)
	if err != nil || !moving || r.keeps() {
		return err
	}
	return m.drop(n)
}

// comeBack makes what is here of names that have moved while this target was away what
// it is to be: nothing, or what their owners have. It is called before the target is in
// sync, for what it has may be older than what anybody knows.
func (m *Mover) comeBack(ctx context.Context) error {
	for _, b := range moving(m.members.State()) {
		if b.Provider == object.AWS {
			continue
		}
		if err := m.comeBackTo(ctx, b.ID, b.Next.Number); err != nil {
			return err
		}
	}
	return nil
}

func (m *Mover) comeBackTo(ctx context.Context, bucket, to uint64) error {
	var page []*route
	err := m.each(ctx, bucket, to, func(r *route) error {
		if r.gets() {
			return nil // the first who asks for it has it brought here
		}
		if page = append(page, r); len(page) < walkPage {
			return nil
		}
		err := m.mend(ctx, page)
		page = nil
		return err
	})
	if err == nil {
		err = m.mend(ctx, page)
	}
	if err == errOver {
		err = nil
	}
	return err
}

// mend is comeBack for some names.
func (m *Mover) mend(ctx context.Context, names []*route) error {
	slices.SortFunc(names, func(a, b *route) int {
		return strings.Compare(a.next.Owner().Node.ID, b.next.Owner().Node.ID)
	})
	for len(names) > 0 {
		owner := names[0].next.Owner()
		n := 1
		for n < len(names) && names[n].next.Owner().Node.ID == owner.Node.ID {
			n++
		}
		if err := m.mendOf(ctx, names[:n]); err != nil {
			return err
		}
		names = names[n:]
	}
	return nil
}

// mendOf is mend for names of one owner.
func (m *Mover) mendOf(ctx context.Context, names []*route) error {
	owner := names[0].next.Owner()
	if !owner.Live {
		return object.E("move.mend", owner.Node.ID, object.Unavailable, errOwnerDown)
	}
	q := peer.EnteredRequest{Bucket: names[0].n.Bucket, To: names[0].to()}
	for _, r := range names {
		q.Keys = append(q.Keys, r.n.Key)
	}
	var a peer.EnteredAnswer
	if err := m.caller.Ask(ctx, owner.Node, peer.PathEntered, q, &a); err != nil {
		return err
	}
	for _, i := range a.Entered {
		if i < 0 || i >= len(names) {
			continue
		}
		if _, err := m.finish(names[i]); err != nil {
			return err
		}
	}
	return nil
}

// Entered answers peer.PathEntered.
func (m *Mover) Entered(q peer.EnteredRequest) (a peer.EnteredAnswer, err error) {
	for i, key := range q.Keys {
		r, moving, err := m.route(object.Name{Bucket: q.Bucket, Key: key})
		if err != nil {
			return a, err
		}
		if !moving || r.to() != q.To || !r.gets() {
			return a, refused(&peer.MoveRequest{Key: key})
		}
		p, err := m.store.Stamp(r.n)
		if err != nil {
			return a, err
		}
		if p.Placement >= q.To {
			a.Entered = append(a.Entered, i)
		}
	}
	return a, nil
}
