package access

import (
	"ais/auth"
	"ais/object"
	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// Grant returns what this node found out about who sends a request, for the
// ticket that another node finishes it by: all but Expires and
// Target. While auth is off it allows.
func (c *Control) Grant(ctx *fasthttp.RequestCtx) auth.Ticket {
	s := subjectOf(ctx)
	switch {
	case s != nil:
		verdict := s.verdict
		if !s.decided {
			verdict = auth.NeedsObject // a node that is asked to decide, does
		}
		return auth.Ticket{Principal: s.who.ID, Verdict: verdict, Facts: s.facts, Session: s.session, Revision: s.asOf}
	case c.On():
		return auth.Ticket{Verdict: auth.Deny}
	}
	return auth.Ticket{Verdict: auth.Allow}
}

// Accept takes another node's word for who sends a request, from a ticket that
// was verified. Identify and IdentifyHTTP return that from then on. decided says
// that the verdict counts, as long as neither the user nor the bucket has changed
// since; without it this node decides for itself. The error is of kind Denied.
func (c *Control) Accept(ctx *fasthttp.RequestCtx, t auth.Ticket, decided bool) error {
	if !c.On() {
		if t.Verdict != auth.Allow {
			return object.E("access.Accept", t.Principal, object.Denied, nil)
		}
		return nil
	}
	s := &subject{who: c.nobody, facts: t.Facts, verdict: t.Verdict, decided: decided, asOf: t.Revision}
	switch t.Principal {
	case "":
	case foreignPrincipal:
		s.who = foreigner()
	default:
		if err := c.become(s, t.Principal, t.Session); err != nil {
			return c.refused(object.E("access.Accept", t.Principal, object.Denied, err))
		}
	}
	if decided && t.Verdict == auth.Deny {
		return c.refused(object.E("access.Accept", t.Principal, object.Denied, nil))
	}
	ctx.SetUserValue(subjectKey{}, s)
	return nil
}

// AttachChunks has the chunk signatures of a body verified whose request was
// admitted by a ticket.
func (c *Control) AttachChunks(r *s3api.Request) error {
	if !c.On() {
		return nil
	}
	return c.refused(c.verifier.AttachChunks(r))
}
