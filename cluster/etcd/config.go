package etcd

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
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
	Endpoints  []string     // client URLs of an etcd, 3.4 or later
	Embed      *Embed       // a server to run in this process; it needs no Endpoints unless it is one of several
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
// Initial or Join says otherwise. URLs that are https take Cert and Key, which
// etcd reads anew for each connection. What Initial and Join say counts until the
// directory has data: from then on that says who the members are.
type Embed struct {
	Dir        string
	ClientURL  string // http(s)://host:port, to listen on and to tell other nodes
	PeerURL    string // to tell the other members, and to listen on
	PeerListen string // where PeerURL cannot be listened on, such as one with a host's name
	Name       string // of the member; needed with Initial and Join
	Initial    string // name=peer-url,…: the members at the first start; "" is this one alone
	Join       bool   // to be one more member of the running etcd at Endpoints, or in the place of the member of that name

	Restore string // a file: the snapshot that the first start begins with, the same on all members

	Cert, Key string // PEM files of what https URLs are served with
	CA        string // PEM file: who connects over TLS must show a certificate signed by one of these; "" is anybody

	token string // the same for all members of a cluster, and no other's
	joins bool   // Initial has the members of a running etcd
}

// several reports whether the server is, or may be, one of several.
func (c *Embed) several() bool { return c.Initial != "" || c.Join }

// Validate reports what is wrong with c. The error is of kind Invalid.
func (c Config) Validate() error {
	bad := func(format string, args ...any) error {
		return object.E("etcd.Config", c.Self.ID, object.Invalid, fmt.Errorf(format, args...))
	}
	if err := cluster.CheckNodeID(c.Cluster); err != nil {
		return bad("the name of the cluster: %w", err)
	}
	switch {
	case c.Embed == nil && len(c.Endpoints) == 0:
		return bad("etcd is either embedded or has endpoints")
	case c.Embed != nil && c.Embed.Join && c.Embed.Restore != "":
		return bad("an embedded etcd joins others or begins with a snapshot, not both")
	case c.Embed != nil && c.Embed.several() != (len(c.Endpoints) > 0):
		return bad("an embedded etcd that is one of several needs the endpoints of all, and one that is alone has none but its own")
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
		if err := c.Embed.check(); err != nil {
			return bad("%w", err)
		}
	}
	return c.Self.Check()
}

func (c *Embed) check() error {
	urls := []string{c.ClientURL, c.PeerURL}
	if c.PeerListen != "" {
		urls = append(urls, c.PeerListen)
	}
	for _, s := range urls {
		u, err := url.Parse(s)
		switch {
		case err != nil || u.Port() == "" || u.Scheme != "http" && u.Scheme != "https":
			return fmt.Errorf("%q is not a URL like http://host:port", s)
		case u.Scheme == "https" && (c.Cert == "" || c.Key == ""):
			return fmt.Errorf("%q needs a certificate and its key", s)
		case u.Scheme == "https" && c.several() && c.CA == "":
			return fmt.Errorf("%q needs the authorities of the other members' certificates", s)
		}
	}
	if c.several() && c.Name == "" {
		return errors.New("a member of several needs a name")
	}
	return nil
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
