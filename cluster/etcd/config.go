package etcd

import (
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"time"

	"ais/cluster"
	"ais/object"
)

// Config says where etcd is, who joins, and how. What is zero has a default,
// but for Endpoints or Embed, Self and ClusterKey.
type Config struct {
	Cluster    string       // name of the cluster, part of its keys; "default"
	Endpoints  []string     // of an external etcd, 3.4 or later
	Embed      *Embed       // a server to run in this process, instead of Endpoints
	TLS        *tls.Config  // for https endpoints, embedded or not; nil trusts the system's authorities
	Self       cluster.Node // who joins; it must listen on its URL already (see cluster.State.Admit)
	Auth       string       // cluster.AuthOn or AuthOff; must be what the cluster was made with; off
	ClusterKey []byte       // 32 bytes, seals the secrets; see LoadOrCreateClusterKey

	// Root is the access key of the user root, who is made with a cluster of auth
	// on; zero is a random one, see Store.MadeRoot. On a cluster that exists, a
	// proxy that embeds etcd gives it to root in the place of root's keys.
	Root cluster.AccessKey

	LeaseTTL       time.Duration // after which a silent node is down; whole seconds; 5 s
	LeaseMargin    time.Duration // by which a node stops before its lease ends; for the drift of clocks; a fifth of the lease
	RequestTimeout time.Duration // of one change, where its context has no nearer deadline; 5 s
	TicketKeyLife  time.Duration // after which the ticket key is rotated; a day

	Logger *slog.Logger
	Now    func() time.Time // with a monotonic reading
	Rand   io.Reader
}

// Embed is an etcd server that runs in this process: a cluster of one, unless
// Initial names its peers. URLs that are https take Cert and Key, which etcd
// reads anew for each connection.
type Embed struct {
	Dir       string
	ClientURL string // http(s)://host:port, to listen on and to tell other nodes
	PeerURL   string
	Name      string // of the member; needed with Initial
	Initial   string // name=peer-url,…: the members at the first start; "" is this one alone

	Cert, Key string // PEM files of what https URLs are served with
	CA        string // PEM file: who connects over TLS must show a certificate signed by one of these; "" is anybody
}

// Validate reports what is wrong with c. The error is of kind Invalid.
func (c Config) Validate() error {
	bad := func(format string, args ...any) error {
		return object.E("etcd.Config", c.Self.ID, object.Invalid, fmt.Errorf(format, args...))
	}
	if err := cluster.CheckNodeID(c.Cluster); err != nil {
		return bad("the name of the cluster: %w", err)
	}
	switch {
	case (c.Embed == nil) == (len(c.Endpoints) == 0):
		return bad("etcd is either embedded or has endpoints")
	case c.Embed != nil && c.Embed.Dir == "":
		return bad("the embedded etcd needs a directory")
	case len(c.ClusterKey) != clusterKeySize:
		return bad("the cluster key has %d bytes, not %d", len(c.ClusterKey), clusterKeySize)
	case c.Auth != cluster.AuthOn && c.Auth != cluster.AuthOff:
		return bad("auth is %q, not on or off", c.Auth)
	case c.LeaseTTL < time.Second || c.LeaseTTL%time.Second != 0:
		return bad("the lease has %v, not a whole number of seconds", c.LeaseTTL)
	case c.LeaseMargin <= 0 || c.LeaseMargin >= c.LeaseTTL/2:
		return bad("the lease margin is %v, not between 0 and half the lease", c.LeaseMargin)
	}
	if c.Root.ID != "" || c.Root.Secret != "" {
		if err := cluster.CheckAccessKey(c.Root.ID); err != nil {
			return bad("the root key: %w", err)
		}
		if err := cluster.CheckSecret(c.Root.Secret); err != nil {
			return bad("the root key: %w", err)
		}
	}
	if c.Embed != nil {
		for _, s := range []string{c.Embed.ClientURL, c.Embed.PeerURL} {
			if u, err := url.Parse(s); err != nil || u.Port() == "" || u.Scheme != "http" && u.Scheme != "https" {
				return bad("%q is not a URL like http://host:port", s)
			} else if u.Scheme == "https" && (c.Embed.Cert == "" || c.Embed.Key == "") {
				return bad("%q needs a certificate and its key", s)
			}
		}
		if c.Embed.Initial != "" && c.Embed.Name == "" {
			return bad("a member of several needs a name")
		}
	}
	return c.Self.Check()
}

// withDefaults returns c with what is zero filled in.
func (c Config) withDefaults() Config {
	setDefault(&c.Cluster, "default")
	setDefault(&c.Auth, cluster.AuthOff)
	setDefault(&c.LeaseTTL, 5*time.Second)
	setDefault(&c.LeaseMargin, c.LeaseTTL/5)
	setDefault(&c.RequestTimeout, 5*time.Second)
	setDefault(&c.TicketKeyLife, 24*time.Hour)
	setDefault(&c.Self.Weight, 1)
	setDefault(&c.Logger, slog.New(slog.DiscardHandler))
	setDefault(&c.Rand, rand.Reader)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Self.Boot == "" {
		c.Self.Boot = newID(c.Rand)
	}
	return c
}

func setDefault[T comparable](to *T, value T) {
	var zero T
	if *to == zero {
		*to = value
	}
}
