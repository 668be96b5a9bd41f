package access

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"ais/auth"
	"ais/cluster"
	"ais/s3api"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
)

// Config says what a Control works with.
type Config struct {
	State func() *cluster.State                         // the newest snapshot
	Sync  func(context.Context) (*cluster.State, error) // as etcd has it now
	Seal  func(purpose string, plain []byte) []byte     // with a key that only this cluster's nodes have
	Open  func(purpose string, sealed []byte) ([]byte, error)

	SyncTimeout time.Duration
	Now         func() time.Time
	Logger      *slog.Logger
	Registerer  prometheus.Registerer // nil for none
}

// Control decides who may do what on one node.
type Control struct {
	cfg Config
}

// New returns a Control.
func New(c Config) (*Control, error) {
	if c.State == nil || c.Sync == nil || c.Now == nil {
		return nil, errors.New("access: State, Sync and Now are needed")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Control{cfg: c}, nil
}

// On reports whether the cluster has users. Where it has none, nothing is
// verified and everything is allowed.
func (c *Control) On() bool { return c.cfg.State().Config.Auth }

// Identify finds out who sends the request, by its signature, and sets r.Who
// and r.Principal; nil is nobody in particular, and everybody while auth is
// off. The errors are S3's.
func (c *Control) Identify(r *s3api.Request) (*auth.Identity, error) { return nil, nil }

// IdentifyHTTP is Identify for a request that is not one of the S3 protocol: it
// takes a signature or a bearer token. The error is of kind Denied.
func (c *Control) IdentifyHTTP(ctx *fasthttp.RequestCtx) (*auth.Identity, error) { return nil, nil }

// Bucket returns the rules of a bucket, ready to be decided by.
func (c *Control) Bucket(b *cluster.Bucket) *auth.BucketRules {
	return &auth.BucketRules{Owner: b.Owner, Ownership: b.Documents.Ownership}
}

// Decide says whether who sent r may do action on the bucket (nil for none) and
// key ("" for none). o is what is known of the object, nil for nothing.
func (c *Control) Decide(r *s3api.Request, action string, b *cluster.Bucket, key string, o *auth.ObjectRules) auth.Verdict {
	if !c.On() {
		return auth.Allow
	}
	return auth.Deny
}

// Require returns AccessDenied unless Decide allows without knowing the object.
func (c *Control) Require(r *s3api.Request, action string, b *cluster.Bucket, key string) error {
	if c.Decide(r, action, b, key, nil) != auth.Allow {
		return s3api.AccessDenied
	}
	return nil
}
