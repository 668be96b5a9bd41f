package access

import (
	"ais/auth"
	"ais/cluster"
	"ais/object"
	"ais/s3api"
)

// Foreign is a request that was signed for another S3 server, to be sent on there.
type Foreign struct {
	Claim  s3api.Claim     // nothing of it is verified
	Bucket *cluster.Bucket // the remote bucket; nil where the cluster does not know it
}

// foreignPrincipal is who sends a request whose key is not known here. No user can
// have the name: it has a colon. To the cluster's users it is nobody, and the other
// server decides what it may.
const foreignPrincipal = "foreign:"

// Foreign returns what a request is about that was signed for S3 itself: presigned
// or signed in its headers, where that feature is on; for an object in a remote
// bucket, or one that may be remote; with a key that no user of the cluster has. It
// returns nil for every other request, and from then on Who is a user for none of
// the others. The errors are AccessDenied, where the bucket here forbids what S3
// may allow, and Unavailable.
func (c *Control) Foreign(r *s3api.Request) (*Foreign, error) {
	state := c.cfg.State()
	if r.Op.Level() != s3api.Object || !state.Config.Backend.Enabled {
		return nil, nil
	}
	claim, ok := r.Claim()
	if !ok {
		return nil, nil
	}
	if s := subjectOf(r.Ctx()); s != nil && s.who.ID != foreignPrincipal { // another node has found out
		return nil, nil
	}
	f := &Foreign{Claim: claim}
	maybe := false
	f.Bucket, maybe = remoteBucket(state, r)
	if maybe && f.Bucket == nil && passesOn(state, nil, &claim) {
		var err error
		if state, err = c.sync(); err != nil { // an ais:// bucket of the name may be new
			return nil, err
		}
		f.Bucket, maybe = remoteBucket(state, r)
	}
	if !maybe || !passesOn(state, f.Bucket, &claim) {
		return nil, nil
	}
	if !state.Config.Auth {
		return f, nil
	}
	if known, err := c.knows(&claim); known || err != nil {
		return nil, err
	}
	return f, c.admitForeign(r, f)
}

// remoteBucket finds the remote bucket that a request means; maybe says that it is
// one, or can be one that is not known here.
func remoteBucket(state *cluster.State, r *s3api.Request) (b *cluster.Bucket, maybe bool) {
	provider, err := s3api.ParseProvider(r)
	if err != nil || provider == object.AIS {
		return nil, false
	}
	b, ok := state.S3Bucket(provider, r.Bucket)
	switch {
	case !ok:
		return nil, true
	case b.Provider != object.AWS || b.State != cluster.BucketActive:
		return nil, false
	}
	return b, true
}

// passesOn reports whether requests that are signed in that way are sent on.
func passesOn(state *cluster.State, b *cluster.Bucket, claim *s3api.Claim) bool {
	on := state.Config.Features
	if b != nil {
		on |= b.Props.Features
	}
	if claim.Method == s3api.InQuery {
		return on.Has(cluster.PresignedRequests)
	}
	return on.Has(cluster.SignedRequests)
}

// knows reports whether the access key is one of the cluster's: a user's, though
// it may be disabled, or a session's.
func (c *Control) knows(claim *s3api.Claim) (bool, error) {
	if claim.Token != "" {
		var s session
		if c.open(sessionPurpose, claim.Token, &s) == nil {
			return true, nil
		}
	}
	if _, ok := c.cfg.State().UserByKey(claim.AccessKey); ok {
		return true, nil
	}
	if cluster.CheckAccessKey(claim.AccessKey) != nil {
		return false, nil
	}
	state, err := c.sync()
	if err != nil {
		return false, err
	}
	_, ok := state.UserByKey(claim.AccessKey)
	return ok, nil
}

// admitForeign makes nobody the subject of the request. Its signature gives it
// rights at the other server only: what the bucket's properties or an explicit
// denial in its policy forbid to everybody is forbidden to it too.
func (c *Control) admitForeign(r *s3api.Request, f *Foreign) error {
	if subjectOf(r.Ctx()) != nil {
		return nil // another node has, and says so
	}
	facts := c.facts(r.Ctx(), s3api.Signed{Scheme: f.Claim.Scheme, Method: f.Claim.Method})
	s := &subject{who: foreigner(), facts: facts, verdict: auth.Allow, decided: true, asOf: c.cfg.State().Revision}
	if b := f.Bucket; b != nil {
		anybody := *s
		anybody.who = &auth.Identity{ID: foreignPrincipal, Admin: true} // whom only an explicit denial stops
		for _, n := range needs(r) {
			if !auth.BitsAllow(uint64(b.Props.Access), n.action) || c.decide(r.Ctx(), &anybody, n, b, r.Key, nil) != auth.Allow {
				return c.refused(s3api.AccessDenied)
			}
		}
	}
	c.introduce(r, s)
	return nil
}

func foreigner() *auth.Identity { return &auth.Identity{ID: foreignPrincipal} }
