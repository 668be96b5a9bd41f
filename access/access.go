package access

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"time"

	"ais/auth"
	"ais/cluster"
	"ais/object"
	"ais/s3api"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
)

// Config says what a Control works with.
type Config struct {
	State func() *cluster.State                         // the newest snapshot
	Sync  func(context.Context) (*cluster.State, error) // as etcd has it now
	// Seal and Unseal make tokens that only the cluster's nodes can read; see
	// etcd.Store.
	Seal   func(purpose string, plain []byte) ([]byte, error)
	Unseal func(purpose string, sealed []byte) ([]byte, error)

	Domains     []string // whose subdomains are buckets, as in s3api.Config
	PublicHosts []string // further host[:port] that clients sign for
	PublicURL   string   // what clients reach this node by; its host is one of those
	SyncTimeout time.Duration
	Now         func() time.Time
	Logger      *slog.Logger
	Registerer  prometheus.Registerer // nil for none
}

// Control decides who may do what on one node. It is safe for concurrent use.
type Control struct {
	cfg        Config
	verifier   *s3api.Verifier
	nobody     *auth.Identity // of requests without credentials
	identities cache[string, *cluster.User, *auth.Identity]
	rules      cache[uint64, *cluster.Bucket, *auth.BucketRules]
	sessions   cache[string, struct{}, *auth.Policy] // by the policy's text
	failures   *prometheus.CounterVec
}

// New returns a Control.
func New(c Config) (*Control, error) {
	if c.State == nil || c.Sync == nil || c.Seal == nil || c.Unseal == nil || c.Now == nil || c.SyncTimeout <= 0 {
		return nil, errors.New("access: State, Sync, Seal, Unseal, Now and SyncTimeout are needed")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	a := &Control{
		cfg: c, nobody: &auth.Identity{},
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ais_auth_failures_total", Help: "Requests refused for who sent them, by S3's error code.",
		}, []string{"code"}),
	}
	if c.Registerer != nil {
		if err := c.Registerer.Register(a.failures); err != nil {
			return nil, err
		}
	}
	hosts := slices.Clone(c.PublicHosts)
	if u, err := url.Parse(c.PublicURL); err == nil && u.Host != "" {
		hosts = append(hosts, u.Host)
	}
	a.verifier = s3api.NewVerifier(s3api.VerifierConfig{
		Secrets: a.secret, Now: c.Now, Domains: c.Domains, PublicHosts: hosts, Logger: c.Logger,
	})
	return a, nil
}

// On reports whether the cluster has users. Where it has none, nothing is
// verified and everything is allowed.
func (c *Control) On() bool { return c.cfg.State().Config.Auth }

// Verifier verifies signatures by the users' keys.
func (c *Control) Verifier() *s3api.Verifier { return c.verifier }

// refused counts a refusal by its code and returns err.
func (c *Control) refused(err error) error {
	if err != nil && object.KindOf(err) != object.Unavailable {
		c.failures.WithLabelValues(s3api.FromError(err).Code).Inc()
	}
	return err
}

// sync reads the cluster's state as etcd has it now.
func (c *Control) sync() (*cluster.State, error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.SyncTimeout)
	defer cancel()
	return c.cfg.Sync(ctx)
}

// subject is what a node knows of who sent the request at hand. It lives in the
// request's context.
type subject struct {
	who     *auth.Identity
	facts   auth.Facts
	session string // the policy that bounds the session, as text
	verdict auth.Verdict
	decided bool              // verdict says something
	asOf    int64             // revision of the state that it was, or will be, decided by, or an older one
	synced  bool              // etcd was asked, for this request, what is new
	tags    map[string]string // of the request, where not in its header
	version string            // of the object at hand, where not in the URL
	region  string            // that a new bucket is to be in
}

type subjectKey struct{}

func subjectOf(ctx *fasthttp.RequestCtx) *subject {
	s, _ := ctx.UserValue(subjectKey{}).(*subject)
	return s
}

// Who returns who sent the request, once it was identified; nil while auth is off.
func Who(ctx *fasthttp.RequestCtx) *auth.Identity {
	if s := subjectOf(ctx); s != nil {
		return s.who
	}
	return nil
}

// maxCached bounds each cache. What is in one can be made again in
// microseconds.
const maxCached = 10000

// cache keeps what was made of immutable values, by the newest value of each
// key.
type cache[K comparable, V comparable, M any] struct {
	mu   sync.RWMutex
	made map[K]made[V, M]
}

type made[V, M any] struct {
	of    V
	value M
}

func (c *cache[K, V, M]) get(key K, of V, build func() M) M {
	c.mu.RLock()
	m, ok := c.made[key]
	c.mu.RUnlock()
	if ok && m.of == of {
		return m.value
	}
	value := build()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil || len(c.made) >= maxCached {
		c.made = map[K]made[V, M]{}
	}
	c.made[key] = made[V, M]{of, value}
	return value
}
