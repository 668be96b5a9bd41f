package target

import (
	"context"
	"errors"
	"io"
	"time"

	"ais/auth"
	"ais/cluster/peer"
	"ais/object"

	"github.com/valyala/fasthttp"
)

// slots bound what goes on at a time.
type slots chan struct{}

// take takes a slot, if there is one: the error is of kind Busy.
func (s slots) take() error {
	select {
	case s <- struct{}{}:
		return nil
	default:
		return object.E("target.batch", "", object.Busy, errors.New("as many batches as this node may serve are being served"))
	}
}

func (s slots) give() { <-s }

// sharesOf is how many shares of others' batches a target serves for each that it may
// answer itself: every target of a cluster asks every other.
const sharesOf = 8

// nodeShare answers a target that answers a batch: entries that this target owns, each
// if who has sent the batch may have it, which the ticket names.
func (t *Target) nodeShare(ctx *fasthttp.RequestCtx, ticket auth.Ticket) error {
	if ticket.Principal == peer.NodePrincipal {
		return object.E("target.share", "", object.Denied, nil)
	}
	if err := t.access.Accept(ctx, ticket, true); err != nil {
		return err
	}
	req, err := read[peer.ShareRequest](ctx)
	if err != nil {
		return err
	}
	if err := t.shares.take(); err != nil {
		return err
	}
	reading, cancel := context.WithCancel(context.Background())
	ctx.Response.ImmediateHeaderFlush = true
	ctx.Response.SetBodyStream(&shareBody{t: t, req: req, from: newPieces(reading, t, ctx), cancel: cancel}, -1)
	return nil
}

// shareBody is the body of the answer.
type shareBody struct {
	t      *Target
	req    peer.ShareRequest
	from   *pieces
	cancel context.CancelFunc
	closed bool
}

// Read is not called: see SupportsBodyWriteTo.
func (s *shareBody) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// SupportsBodyWriteTo tells fasthttp to use WriteTo.
func (s *shareBody) SupportsBodyWriteTo() bool { return true }

// holdBack is how long what is gathered waits for more.
const holdBack = 20 * time.Millisecond

// WriteTo implements io.WriterTo. What fails within the bytes of an entry cuts the
// answer.
func (s *shareBody) WriteTo(to io.Writer) (int64, error) {
	out := newGathered(to)
	defer out.release()
	sent := time.Now()
	for i := range s.req.Entries {
		p, err := s.from.open(&s.req.Entries[i], s.req.Entries[i+1:])
		if err == nil {
			err = s.write(out, p)
		} else {
			err = peer.WriteShareHead(out, peer.FailedShare(err))
		}
		if err == nil && time.Since(sent) > holdBack { // the next may take as long
			err, sent = out.Flush(), time.Now()
		}
		if err != nil {
			return out.total, err
		}
	}
	return out.total, out.Flush()
}

func (s *shareBody) write(out io.Writer, p piece) error {
	defer p.body.Close()
	err := peer.WriteShareHead(out, peer.ShareHead{Size: p.size, ETag: p.etag})
	if err != nil || s.req.Stat {
		return err
	}
	n, err := pour(out, p.body)
	if err == nil && n != p.size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Close implements io.Closer. It may be called twice.
func (s *shareBody) Close() error {
	if !s.closed {
		s.closed = true
		s.cancel()
		s.from.Close()
		s.t.shares.give()
	}
	return nil
}
