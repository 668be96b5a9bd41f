// Package config fills a daemon's settings from the command line, the
// environment and a YAML file, in that order of strength. It is the only code
// that reads any of them.
package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ais/cmd/internal/tlsconfig"
	"ais/daemon"
	"ais/load"

	"github.com/google/uuid"
	"gopkg.in/yaml.v3"
)

// Node is the settings that both daemons have, under the same names.
type Node struct {
	Listen         string // host:port
	PublicURL      string // what clients reach; empty: they are always relayed
	DataDir        string
	ID             string
	Cluster        string
	ClusterKey     string // a file
	Etcd           List   // client URLs of an etcd cluster
	LogLevel       string
	LogDir         string // "" logs to the standard error
	Auth           string // on or off, as the cluster was made
	InsecureNoAuth bool
	NodeURL        string // what other nodes reach; empty: made from Listen
	TLS            tlsconfig.Files
	EtcdTLS        tlsconfig.Files // to and of etcd; what is empty is as in TLS
	UseHTTPS       bool            // fail without a certificate
	Load           load.Config     // bounds of what is served at a time
	MaxMemory      Size            // of its buffers; Finish puts it into Load
	ShutdownDelay  time.Duration
	ClockOffset    time.Duration // by which this node's clock is wrong, for tests
}

// Flags registers the node's settings on fs, with the given port as the default.
func (n *Node) Flags(fs *flag.FlagSet, port int) {
	fs.StringVar(&n.Listen, "listen", "127.0.0.1:"+strconv.Itoa(port), "`address` to serve on, host:port")
	fs.StringVar(&n.PublicURL, "public-url", "", "`URL` under which clients reach this node; none: never redirected to")
	fs.StringVar(&n.DataDir, "data-dir", "", "`directory` for this node's own state")
	fs.StringVar(&n.ID, "id", "", "node `name`, unique in the cluster (default: made once and kept in the data directory)")
	fs.StringVar(&n.Cluster, "cluster", "ais", "cluster `name`")
	fs.StringVar(&n.ClusterKey, "cluster-key", "", "`file` with the cluster's secret key (default: cluster.key in the data directory)")
	fs.Var(&n.Etcd, "etcd", "comma-separated client `URLs` of the etcd cluster")
	fs.StringVar(&n.LogLevel, "log-level", "info", "debug, info, warn or error")
	fs.StringVar(&n.LogDir, "log-dir", "", "`directory` for log files, 8 of 16 MiB at most (default: the standard error)")
	fs.StringVar(&n.Auth, "auth", "off", "on or off: whether the cluster has users; fixed when the cluster is made")
	fs.BoolVar(&n.InsecureNoAuth, "insecure-no-auth", false, "serve beyond loopback although nothing authenticates clients")
	fs.StringVar(&n.NodeURL, "node-url", "", "`URL` under which other nodes reach this one (default: made from --listen)")
	fs.StringVar(&n.TLS.Cert, "tls-cert", "", "PEM `file` with the certificate to serve HTTPS with, and to show to other nodes; read again when it changes")
	fs.StringVar(&n.TLS.Key, "tls-key", "", "PEM `file` with the key of --tls-cert")
	fs.StringVar(&n.TLS.ClientCA, "client-ca", "", "PEM `file` with the authorities of the nodes' certificates; with it nodes must show one (S3 clients need none)")
	fs.StringVar(&n.TLS.CA, "ca", "", "PEM `file` with the authorities to trust for other nodes and etcd (default: the system's)")
	fs.StringVar(&n.EtcdTLS.Cert, "etcd-cert", "", "PEM `file` with the certificate to show to etcd (default: --tls-cert)")
	fs.StringVar(&n.EtcdTLS.Key, "etcd-key", "", "PEM `file` with the key of --etcd-cert (default: --tls-key)")
	fs.StringVar(&n.EtcdTLS.CA, "etcd-ca", "", "PEM `file` with the authorities of etcd's certificates (default: --ca)")
	n.Load = load.DefaultConfig()
	n.MaxMemory = Size(n.Load.MaxBytes)
	fs.IntVar(&n.Load.MaxRequests, "max-requests", n.Load.MaxRequests, "`number` of requests served at a time; others wait for their turn, or are told to slow down (other nodes may relay as many again)")
	fs.Var(&n.MaxMemory, "max-memory", "`size` of the buffers of requests served at a time (default: an eighth of the memory)")
	fs.DurationVar(&n.Load.MaxWait, "max-wait", n.Load.MaxWait, "`time` that a request waits for its turn at most")
	fs.DurationVar(&n.ShutdownDelay, "shutdown-delay", 0, "`time` between the first sign that this node ends (/health?readiness=true) and its end, for load balancers to see it")
	fs.DurationVar(&n.ClockOffset, "debug-clock-offset", 0, "`time` to add to this node's clock, such as -10m; for tests only")
	fs.BoolVar(&n.UseHTTPS, "use-https", false, "insist on HTTPS: fail to start without --tls-cert and --tls-key")
}

// Finish fills in what has a derived default: the cluster key's path, and the
// id, which is kept in the data directory (created where it is missing).
func (n *Node) Finish(prefix string) error {
	if err := n.finishTLS(); err != nil {
		return err
	}
	switch n.Auth {
	case "":
		n.Auth = "off"
	case "on", "off":
	default:
		return fmt.Errorf("--auth is on or off, not %q", n.Auth)
	}
	n.Load.MaxBytes = int64(n.MaxMemory)
	if err := n.Load.Validate(); err != nil {
		return fmt.Errorf("--max-requests, --max-memory, --max-wait: %w", err)
	}
	if n.ShutdownDelay < 0 {
		return errors.New("--shutdown-delay is not below 0")
	}
	if n.DataDir == "" {
		return errors.New("--data-dir is required")
	}
	if err := os.MkdirAll(n.DataDir, 0o700); err != nil {
		return err
	}
	if n.ClusterKey == "" {
		n.ClusterKey = filepath.Join(n.DataDir, "cluster.key")
	}
	path := filepath.Join(n.DataDir, "node.id")
	kept, err := os.ReadFile(path)
	switch {
	case err == nil:
		id := strings.TrimSpace(string(kept))
		if n.ID != "" && n.ID != id {
			return fmt.Errorf("%s belongs to node %q, not %q", n.DataDir, id, n.ID)
		}
		n.ID = id
		return nil
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	if n.ID == "" {
		n.ID = prefix + uuid.NewString()[:8]
	}
	return os.WriteFile(path, []byte(n.ID+"\n"), 0o600)
}

// Now returns the time as this node has it, with a monotonic reading.
func (n *Node) Now() time.Time { return time.Now().Add(n.ClockOffset) }

// finishTLS checks the TLS files that are named, and fills in those of etcd.
func (n *Node) finishTLS() error {
	if n.UseHTTPS && n.TLS.Cert == "" {
		return errors.New("--use-https needs --tls-cert and --tls-key")
	}
	if err := n.TLS.Validate(); err != nil {
		return fmt.Errorf("--tls-cert, --tls-key, --client-ca: %w", err)
	}
	if n.EtcdTLS.Cert == "" && n.EtcdTLS.Key == "" {
		n.EtcdTLS.Cert, n.EtcdTLS.Key = n.TLS.Cert, n.TLS.Key
	}
	if n.EtcdTLS.CA == "" {
		n.EtcdTLS.CA = n.TLS.CA
	}
	if err := n.EtcdTLS.Validate(); err != nil {
		return fmt.Errorf("--etcd-cert, --etcd-key: %w", err)
	}
	return nil
}

// LoadTLS reads the node's TLS files and those towards etcd.
func (n *Node) LoadTLS(log *slog.Logger) (node, etcd *tlsconfig.Source, err error) {
	if node, err = tlsconfig.Load(n.TLS, log); err != nil {
		return nil, nil, err
	}
	etcd, err = tlsconfig.Load(n.EtcdTLS, log)
	return node, etcd, err
}

// TLSInterval is how often changes of the TLS files are looked for.
const TLSInterval = 5 * time.Second

// URL returns that of this node, for other nodes, once it listens at addr.
func (n *Node) URL(scheme string, addr net.Addr) string {
	if n.NodeURL != "" {
		return strings.TrimSuffix(n.NodeURL, "/")
	}
	return scheme + "://" + addr.String()
}

// CheckListen refuses an address that other machines can reach, as long as
// nothing authenticates who comes, unless that was asked for.
func (n *Node) CheckListen() error {
	if n.Auth == "on" || n.InsecureNoAuth || loopback(n.Listen) {
		return nil
	}
	return fmt.Errorf("--listen %s can be reached from other machines and nothing authenticates clients: listen on 127.0.0.1, make the cluster with --auth on, or say --insecure-no-auth", n.Listen)
}

func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// Logger returns the node's log, which goes to w or, with --log-dir, to files, and a
// logger of JSON lines to it at the configured level, with the node's id on each.
func (n *Node) Logger(w io.Writer) (*daemon.Log, *slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(n.LogLevel)); err != nil {
		return nil, nil, fmt.Errorf("--log-level %q: %w", n.LogLevel, err)
	}
	log := daemon.NewLog(n.ID, w)
	if n.LogDir != "" {
		var err error
		if log, err = daemon.OpenLog(n.ID, n.LogDir); err != nil {
			return nil, nil, fmt.Errorf("--log-dir: %w", err)
		}
	}
	return log, slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: level})).With("node", n.ID), nil
}

// Settings returns the flags of fs with their values. None of them is a secret, but
// for a password that somebody wrote into a URL: it is left out.
func Settings(fs *flag.FlagSet) map[string]string {
	out := map[string]string{}
	fs.VisitAll(func(f *flag.Flag) {
		values := strings.Split(f.Value.String(), ",")
		for i, value := range values {
			if u, err := url.Parse(value); err == nil && u.User != nil {
				values[i] = u.Redacted()
			}
		}
		out[f.Name] = strings.Join(values, ",")
	})
	delete(out, "version")
	return out
}

// RootKey returns the access key and secret of the user root, both empty for
// none. They come from the environment only: a command line can be seen by
// everybody on the machine.
func RootKey(getenv func(string) string) (accessKey, secret string, err error) {
	accessKey, secret = getenv("AIS_ROOT_ACCESS_KEY"), getenv("AIS_ROOT_SECRET_KEY")
	if (accessKey == "") != (secret == "") {
		return "", "", errors.New("AIS_ROOT_ACCESS_KEY and AIS_ROOT_SECRET_KEY are set together or not at all")
	}
	return accessKey, secret, nil
}

// List is a flag that may be repeated and whose values may be separated by commas.
type List []string

// String returns the values separated by commas.
func (l *List) String() string { return strings.Join(*l, ",") }

// Set appends the values in s.
func (l *List) Set(s string) error {
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			*l = append(*l, item)
		}
	}
	return nil
}

// Size is a flag of bytes that takes suffixes: 512, 64KiB, 1GiB, 10MB.
type Size int64

// String returns the number of bytes.
func (s *Size) String() string { return strconv.FormatInt(int64(*s), 10) }

// Set parses v.
func (s *Size) Set(v string) error {
	units := []struct {
		suffix string
		factor int64
	}{
		{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
		{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
	}
	factor := int64(1)
	for _, u := range units {
		if number, ok := strings.CutSuffix(v, u.suffix); ok {
			v, factor = number, u.factor
			break
		}
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a size", v)
	}
	*s = Size(n * float64(factor))
	return nil
}

// ErrDone is returned by Parse when everything asked for has been printed.
var ErrDone = errors.New("nothing more to do")

// Parse fills the flags of fs from args, then those that args left out from the
// environment (AIS_ and the flag's name), then from the YAML file named by
// --config, whose keys are the flags' names. It adds --config and --version.
func Parse(fs *flag.FlagSet, args []string, getenv func(string) string, version string) error {
	file := fs.String("config", "", "YAML `file` of settings, named as the flags")
	show := fs.Bool("version", false, "print the version and exit")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *show {
		fmt.Fprintln(fs.Output(), version)
		return ErrDone
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	set := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { set[f.Name] = true })
	var failed error
	fill := func(name, value, source string) {
		if err := fs.Set(name, value); err != nil && failed == nil {
			failed = fmt.Errorf("%s: %s: %w", source, name, err)
		}
		set[name] = true
	}
	fs.VisitAll(func(f *flag.Flag) {
		key := "AIS_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value := getenv(key); value != "" && !set[f.Name] && f.Name != "version" {
			fill(f.Name, value, key)
		}
	})
	if failed != nil || *file == "" {
		return failed
	}
	values, err := readYAML(*file)
	if err != nil {
		return err
	}
	for name, value := range values {
		if fs.Lookup(name) == nil {
			return fmt.Errorf("%s: no such setting: %s", *file, name)
		}
		if !set[name] {
			fill(name, value, *file)
		}
	}
	return failed
}

// readYAML returns the settings of a file; lists become comma-separated.
func readYAML(path string) (map[string]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var raw map[string]any
	if err := yaml.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	values := make(map[string]string, len(raw))
	for name, v := range raw {
		items, ok := v.([]any)
		if !ok {
			items = []any{v}
		}
		texts := make([]string, len(items))
		for i, item := range items {
			texts[i] = fmt.Sprint(item)
		}
		values[name] = strings.Join(texts, ",")
	}
	return values, nil
}
