package target

import (
	"errors"
	"net/http"
	"strconv"

	"ais/cluster"
	"ais/cluster/peer"
	"ais/move"
	"ais/object"
	"ais/replica"

	"github.com/valyala/fasthttp"
)

// moveCalls are the requests of nodeCalls about names that are being moved; a target
// without a Mover has none of them.
var moveCalls = map[string]func(*move.Mover, *fasthttp.RequestCtx) error{
	peer.PathEnter: func(m *move.Mover, ctx *fasthttp.RequestCtx) error {
		return answerMove(ctx, m.EnterFor)
	},
	peer.PathRelease: func(m *move.Mover, ctx *fasthttp.RequestCtx) error {
		return answerMove(ctx, func(q peer.MoveRequest) (struct{}, error) { return struct{}{}, m.Release(q) })
	},
	peer.PathTake: func(m *move.Mover, ctx *fasthttp.RequestCtx) error {
		return answerMove(ctx, func(q peer.MoveRequest) (struct{}, error) { return struct{}{}, m.Take(q) })
	},
	peer.PathEntered: func(m *move.Mover, ctx *fasthttp.RequestCtx) error {
		return answerMove(ctx, m.Entered)
	},
	peer.PathMoved: func(m *move.Mover, ctx *fasthttp.RequestCtx) error {
		return answerMove(ctx, func(q peer.MoveRequest) (peer.MovedAnswer, error) { return m.Moved(q), nil })
	},
	peer.PathLeave: func(m *move.Mover, ctx *fasthttp.RequestCtx) error {
		q, err := read[peer.MoveRequest](ctx)
		if err != nil {
			return err
		}
		estate, err := m.Leave(q)
		ctx.SetBody(estate)
		return err
	},
	peer.PathPayload: func(m *move.Mover, ctx *fasthttp.RequestCtx) error {
		q, err := read[peer.PayloadRequest](ctx)
		if err != nil {
			return err
		}
		file, size, err := m.Payload(q)
		if err != nil {
			return err
		}
		ctx.Response.SetBodyStream(passing{file}, int(size))
		return nil
	},
}

func answerMove[Q, A any](ctx *fasthttp.RequestCtx, do func(Q) (A, error)) error {
	q, err := read[Q](ctx)
	if err != nil {
		return err
	}
	a, err := do(q)
	if err != nil {
		return err
	}
	return write(ctx, a)
}

// nodeMove answers a request of moveCalls; ok is false for any other.
func (t *Target) nodeMove(ctx *fasthttp.RequestCtx) (ok bool, err error) {
	answer, ok := moveCalls[string(ctx.Path())]
	if !ok || t.cfg.Moves == nil {
		return false, nil
	}
	return true, answer(t.cfg.Moves, ctx)
}

// answersBefore reports whether a read is to be answered here because the name was this
// target's, and has not been moved yet: the one that is to have it has sent the read.
func (t *Target) answersBefore(ctx *fasthttp.RequestCtx, n object.Name) bool {
	by, err := strconv.ParseUint(string(ctx.Request.Header.Peek(peer.HeaderBy)), 10, 64)
	return err == nil && t.cfg.Moves != nil && t.cfg.Moves.Answers(n, by)
}

// readBefore has a read be answered by the target that had the name, where it is not
// here yet: nobody waits for a large object to come. answered is false where the read
// is to be answered here after all.
func (t *Target) readBefore(ctx *fasthttp.RequestCtx, id string, n object.Name) (answered bool, err error) {
	if t.cfg.Moves == nil {
		return false, nil
	}
	node, by, ok := t.cfg.Moves.Asks(n)
	if !ok {
		return false, nil
	}
	t.metrics.relays.Inc()
	if err := t.caller.ForwardBy(ctx, node, id, t.grant(ctx), by); err != nil {
		ctx.Response.Reset()
		return false, nil // it is brought here first
	}
	switch status := ctx.Response.StatusCode(); {
	case status == http.StatusNotFound:
		if _, _, still := t.cfg.Moves.Asks(n); still {
			return true, nil // it had not gone by then
		}
	case status != http.StatusConflict && status < http.StatusInternalServerError:
		return true, nil
	}
	ctx.Response.Reset()
	return false, nil
}

// clearly calls do, which makes a list, and fails where that shows names of which it is not
// known here whether they are in use elsewhere.
func (t *Target) clearly(do func() error) error {
	if t.cfg.Moves == nil {
		return do()
	}
	before := t.cfg.Moves.Unclear()
	err := do()
	if err == nil && t.cfg.Moves.Unclear() != before {
		err = object.E("target.list", "", object.Unavailable, errors.New("names that were being moved are not brought to an end yet"))
	}
	return err
}

// wentElsewhere reports whether a request failed, or found nothing, because its name is
// another target's by now: then it is to be sent there.
func (t *Target) wentElsewhere(b *cluster.Bucket, n object.Name, err error) bool {
	if err == nil || t.cfg.Moves == nil {
		return false
	}
	switch {
	case errors.Is(err, replica.ErrElsewhere):
	case object.KindOf(err) == object.NotFound, object.KindOf(err) == object.NoSuchVersion, object.KindOf(err) == object.NoSuchUpload:
	default:
		return false
	}
	now, ok := t.cluster.State().BucketByID(b.ID)
	if !ok || now.Provider == object.AWS {
		return false
	}
	owner, err := t.owner(now, n)
	return err == nil && owner.ID != t.cfg.ID
}
