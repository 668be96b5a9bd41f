package access

import (
	"net/netip"
	"strings"

	"ais/auth"
	"ais/cluster"
	"ais/object"
	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// Identify finds out who sends the request, by its signature, and sets r.Who and
// r.Principal; while auth is off it does nothing and returns nil. It is done once
// for a request, however often it is called. The errors are S3's, or Unavailable.
func (c *Control) Identify(r *s3api.Request) (*auth.Identity, error) {
	if !c.On() {
		return nil, nil
	}
	if s := subjectOf(r.Ctx()); s != nil {
		c.introduce(r, s)
		return s.who, nil
	}
	signed, err := c.verifier.Authenticate(r)
	if err != nil {
		return nil, c.refused(err)
	}
	s, err := c.subject(r.Ctx(), signed)
	if err != nil {
		return nil, c.refused(err)
	}
	c.introduce(r, s)
	return s.who, nil
}

// IdentifyForm is Identify for a form upload, by what the Verifier said of its
// policy.
func (c *Control) IdentifyForm(r *s3api.Request, signed s3api.Signed) (*auth.Identity, error) {
	if !c.On() {
		return nil, nil
	}
	s, err := c.subject(r.Ctx(), signed)
	if err != nil {
		return nil, c.refused(err)
	}
	if from := subjectOf(r.Ctx()); from != nil { // another node's word for the client's connection
		s.facts.ClientIP, s.facts.TLS = from.facts.ClientIP, from.facts.TLS
	}
	c.introduce(r, s)
	return s.who, nil
}

func (c *Control) introduce(r *s3api.Request, s *subject) {
	r.Who, r.Principal = s.who, s.who.ID
	r.Ctx().SetUserValue(subjectKey{}, s)
}

// subject returns who signed, and what else is to be known of the request.
func (c *Control) subject(ctx *fasthttp.RequestCtx, signed s3api.Signed) (*subject, error) {
	s := &subject{who: c.nobody, facts: c.facts(ctx, signed), asOf: c.cfg.State().Revision}
	if signed.AccessKey == "" {
		return s, nil
	}
	if signed.Token != "" {
		session, err := c.openSession(signed.AccessKey, signed.Token)
		if err != nil {
			return nil, err
		}
		return s, c.become(s, session.User, session.Policy)
	}
	u, err := c.userByKey(signed.AccessKey)
	if err != nil {
		return nil, err
	}
	return s, c.become(s, u.ID, "")
}

// become makes the user, in a session that the policy bounds, the subject.
func (c *Control) become(s *subject, id, sessionPolicy string) error {
	u, ok := c.cfg.State().User(id)
	if !ok || u.Disabled {
		return s3api.InvalidAccessKeyID
	}
	s.who = c.identity(u)
	if sessionPolicy == "" {
		return nil
	}
	bound := *s.who
	bound.Session = c.sessions.get(sessionPolicy, struct{}{}, func() *auth.Policy {
		return c.policy(auth.ParseUserPolicy, sessionPolicy, "of a session")
	})
	s.who, s.session = &bound, sessionPolicy
	return nil
}

// identity returns what package auth needs to know of a user.
func (c *Control) identity(u *cluster.User) *auth.Identity {
	return c.identities.get(u.ID, u, func() *auth.Identity {
		who := &auth.Identity{ID: u.ID, Name: u.Name, DisplayName: u.DisplayName, Admin: u.Admin}
		for name, text := range u.Policies {
			who.Policies = append(who.Policies, c.policy(auth.ParseUserPolicy, text, name+" of user "+u.ID))
		}
		return who
	})
}

// denyAll is in the place of a policy that was stored and cannot be read: what it
// would deny is not known.
const denyAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`

// denyEverybody is denyAll as a bucket's policy.
const denyEverybody = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::*"}]}`

// policy parses what was valid when it was stored.
func (c *Control) policy(parse func([]byte) (*auth.Policy, error), text, which string) *auth.Policy {
	p, err := parse([]byte(text))
	if err == nil {
		return p
	}
	c.cfg.Logger.Error("a stored policy cannot be read; it denies everything", "policy", which, "err", err)
	for _, deny := range []string{denyAll, denyEverybody} {
		if p, err := parse([]byte(deny)); err == nil {
			return p
		}
	}
	return nil
}

// secret implements s3api.VerifierConfig.Secrets.
func (c *Control) secret(accessKey, token string) (string, error) {
	if token != "" {
		session, err := c.openSession(accessKey, token)
		if err != nil {
			return "", err
		}
		return session.Secret, nil
	}
	u, err := c.userByKey(accessKey)
	if err != nil {
		return "", err
	}
	key, _ := u.Key(accessKey)
	return string(key.Secret), nil
}

// userByKey returns the user who has an access key, if both may be used. That
// there is none is said only after etcd was asked.
func (c *Control) userByKey(accessKey string) (*cluster.User, error) {
	u, ok := usable(c.cfg.State(), accessKey)
	if ok {
		return u, nil
	}
	if cluster.CheckAccessKey(accessKey) != nil {
		return nil, s3api.InvalidAccessKeyID.With("AWSAccessKeyId", accessKey)
	}
	state, err := c.sync()
	if err != nil {
		return nil, err
	}
	if u, ok = usable(state, accessKey); ok {
		return u, nil
	}
	return nil, s3api.InvalidAccessKeyID.With("AWSAccessKeyId", accessKey)
}

func usable(state *cluster.State, accessKey string) (*cluster.User, bool) {
	u, ok := state.UserByKey(accessKey)
	if !ok || u.Disabled {
		return nil, false
	}
	key, ok := u.Key(accessKey)
	return u, ok && !key.Disabled
}

// facts are what policies may ask about the connection and the signature.
func (c *Control) facts(ctx *fasthttp.RequestCtx, signed s3api.Signed) auth.Facts {
	f := auth.Facts{TLS: ctx.IsTLS(), Scheme: signed.Scheme, Method: signed.Method}
	if ip, ok := netip.AddrFromSlice(ctx.RemoteIP()); ok {
		f.ClientIP = ip.Unmap()
	}
	if !signed.Time.IsZero() {
		f.Age = max(c.cfg.Now().Sub(signed.Time), 0)
	}
	return f
}

// IdentifyHTTP is Identify for a request of the native API: it takes a signature
// or a bearer token. The error is of kind Denied, or Unavailable.
func (c *Control) IdentifyHTTP(ctx *fasthttp.RequestCtx) (*auth.Identity, error) {
	if !c.On() {
		return nil, nil
	}
	if s := subjectOf(ctx); s != nil {
		return s.who, nil
	}
	s, err := c.subjectHTTP(ctx)
	if err != nil {
		return nil, c.refused(nativeError(err))
	}
	ctx.SetUserValue(subjectKey{}, s)
	return s.who, nil
}

func (c *Control) subjectHTTP(ctx *fasthttp.RequestCtx) (*subject, error) {
	if token, ok := bearer(ctx); ok {
		t, err := c.openToken(token)
		if err != nil {
			return nil, err
		}
		s := &subject{facts: c.facts(ctx, s3api.Signed{})}
		return s, c.become(s, t.User, "")
	}
	signed, err := c.verifier.AuthenticateHTTP(ctx, "ais", "s3", "execute-api")
	if err != nil {
		return nil, err
	}
	return c.subject(ctx, signed)
}

// Prompt reports whether the request can be identified without its body, so that
// a client that waits for 100 Continue can be refused before it sends one.
func Prompt(ctx *fasthttp.RequestCtx) bool {
	if _, ok := bearer(ctx); ok || len(ctx.Request.Header.Peek("Authorization")) == 0 {
		return true
	}
	return string(ctx.Request.Header.Peek("X-Amz-Content-Sha256")) == s3api.UnsignedPayload
}

func bearer(ctx *fasthttp.RequestCtx) (token string, ok bool) {
	scheme, token, ok := strings.Cut(string(ctx.Request.Header.Peek("Authorization")), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// nativeError is the error of kind Denied that stands for one of S3's.
func nativeError(err error) error {
	if object.KindOf(err) == object.Unavailable {
		return err
	}
	return object.E("access.Identify", "", object.Denied, s3api.FromError(err))
}
