package access

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"ais/auth"
	"ais/object"
	"ais/s3api"

	"github.com/valyala/fasthttp"
)

// What tokens are sealed for.
const (
	sessionPurpose = "session"
	bearerPurpose  = "bearer"
)

// Bounds of sessions and tokens.
const (
	DefaultToken     = 24 * time.Hour
	MaxToken         = 30 * 24 * time.Hour
	maxSessionPolicy = 2048 // bytes (STS: AssumeRole, Policy)
)

// session is what a session token holds: nothing of it is kept anywhere else.
type session struct {
	AccessKey string `json:"k"`
	Secret    string `json:"s"`
	User      string `json:"u"`
	Parent    string `json:"p"` // access key that asked for the session; it ends with that
	Expires   int64  `json:"e"` // Unix seconds
	Policy    string `json:"y,omitempty"`
}

// openSession returns the session of a token that comes with an access key.
func (c *Control) openSession(accessKey, token string) (session, error) {
	var s session
	if err := c.open(sessionPurpose, token, &s); err != nil {
		return s, s3api.InvalidToken
	}
	if subtle.ConstantTimeCompare([]byte(s.AccessKey), []byte(accessKey)) == 0 {
		return session{}, s3api.InvalidToken
	}
	if c.cfg.Now().Unix() >= s.Expires {
		return session{}, s3api.ExpiredToken
	}
	if u, err := c.userByKey(s.Parent); err != nil {
		return session{}, err
	} else if u.ID != s.User {
		return session{}, s3api.InvalidToken
	}
	return s, nil
}

// token is what a bearer token holds.
type token struct {
	User    string `json:"u"`
	Key     string `json:"k"` // access key that logged in; the token ends with that
	Expires int64  `json:"e"` // Unix seconds
}

func (c *Control) openToken(text string) (token, error) {
	var t token
	if err := c.open(bearerPurpose, text, &t); err != nil {
		return t, s3api.InvalidToken
	}
	if c.cfg.Now().Unix() >= t.Expires {
		return token{}, s3api.ExpiredToken
	}
	u, err := c.userByKey(t.Key)
	if err != nil {
		return token{}, err
	}
	if u.ID != t.User {
		return token{}, s3api.InvalidToken
	}
	return t, nil
}

// Login returns a bearer token for who has the access key and secret or, where
// both are empty, for who signed the request, and when it ends. 0 is the default
// life. The error is of kind Denied, Invalid or Unavailable.
func (c *Control) Login(ctx *fasthttp.RequestCtx, accessKey, secret string, life time.Duration) (text, user string, expires time.Time, err error) {
	if life == 0 {
		life = DefaultToken
	}
	if life < time.Second || life > MaxToken {
		return "", "", expires, object.E("access.Login", "", object.Invalid, errors.New("a token lives from a second to 30 days"))
	}
	if accessKey == "" && secret == "" {
		accessKey, err = c.signedKey(ctx)
	} else {
		err = c.checkSecret(accessKey, secret)
	}
	if err != nil {
		return "", "", expires, c.refused(nativeError(err))
	}
	u, err := c.userByKey(accessKey)
	if err != nil {
		return "", "", expires, c.refused(nativeError(err))
	}
	expires = c.cfg.Now().Add(life).UTC().Truncate(time.Second)
	text, err = c.seal(bearerPurpose, token{User: u.ID, Key: accessKey, Expires: expires.Unix()})
	return text, u.ID, expires, err
}

// signedKey returns the access key that signed a request; not one of a session,
// which a token would outlive.
func (c *Control) signedKey(ctx *fasthttp.RequestCtx) (string, error) {
	signed, err := c.verifier.AuthenticateHTTP(ctx, "ais", "s3", "execute-api")
	if err != nil {
		return "", err
	}
	if signed.AccessKey == "" || signed.Token != "" {
		return "", s3api.AccessDenied
	}
	return signed.AccessKey, nil
}

func (c *Control) checkSecret(accessKey, secret string) error {
	u, err := c.userByKey(accessKey)
	if err != nil {
		return err
	}
	key, _ := u.Key(accessKey)
	if subtle.ConstantTimeCompare([]byte(key.Secret), []byte(secret)) == 0 {
		return s3api.AccessDenied
	}
	return nil
}

// checkSessionPolicy reports whether text can bound a session.
func checkSessionPolicy(text string) error {
	if len(text) > maxSessionPolicy {
		return auth.PolicyError("a session's policy has at most 2048 bytes")
	}
	_, err := auth.ParseUserPolicy([]byte(text))
	return err
}

func (c *Control) seal(purpose string, v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", object.E("access.seal", purpose, object.Internal, err)
	}
	sealed, err := c.cfg.Seal(purpose, plain)
	if err != nil {
		return "", object.E("access.seal", purpose, object.Internal, err)
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

func (c *Control) open(purpose, text string, into any) error {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	plain, err := c.cfg.Unseal(purpose, sealed)
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, into)
}
