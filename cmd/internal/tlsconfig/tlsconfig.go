// Package tlsconfig makes a node's TLS from PEM files, and follows the files
// when they change: a certificate that is renewed in place is used by every
// connection made from then on, without a restart.
//
// It decides what both daemons speak: TLS 1.2 or later, HTTP/1.1 only. It reads
// no flags and never logs what is in a key file.
package tlsconfig

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Files names the PEM files of a node. An empty name is none.
type Files struct {
	Cert     string // the node's certificate, its intermediates after it; for what it serves, and shown to other nodes
	Key      string // of Cert
	ClientCA string // authorities one of which has signed what other nodes show
	CA       string // authorities to trust where this node connects; none: the system's
}

// Validate reports files that make no sense without each other.
func (f Files) Validate() error {
	switch {
	case (f.Cert == "") != (f.Key == ""):
		return errors.New("a certificate and its key go together")
	case f.ClientCA != "" && f.Cert == "":
		return errors.New("client certificates can be verified only where HTTPS is served: a certificate is missing")
	}
	return nil
}

// Source is the TLS of a node as its files have it now.
type Source struct {
	files Files
	log   *slog.Logger
	now   atomic.Pointer[material]
}

// material is what was in the files at one time. It is never changed.
type material struct {
	stamp  string // of the files
	cert   *tls.Certificate
	server *tls.Config // nil without a certificate
	client *tls.Config
}

// Load reads the files. With none of them, nothing is served over TLS and the
// system's authorities are trusted.
func Load(files Files, log *slog.Logger) (*Source, error) {
	if err := files.Validate(); err != nil {
		return nil, err
	}
	s := &Source{files: files, log: log}
	m, err := s.read()
	if err != nil {
		return nil, err
	}
	s.now.Store(m)
	return s, nil
}

// Serves reports whether there is a certificate to serve with.
func (s *Source) Serves() bool { return s.files.Cert != "" }

// Scheme returns that of the URLs that are served: https or http.
func (s *Source) Scheme() string {
	if s.Serves() {
		return "https"
	}
	return "http"
}

// VerifiesClients reports whether certificates that clients show are verified.
func (s *Source) VerifiesClients() bool { return s.files.ClientCA != "" }

// Client returns the configuration for connections that this node makes, with
// the files as they are now. It must not be changed.
func (s *Source) Client() *tls.Config { return s.now.Load().client }

// Watch reads the files again when one has changed, which it looks for at every
// interval, and at SIGHUP, until ctx ends. Files that cannot be used are logged
// and leave what is in use in use.
func (s *Source) Watch(ctx context.Context, interval time.Duration) {
	if s.stamp() == "" {
		return
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	failed := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			failed = ""
		case <-tick.C:
		}
		stamp := s.stamp()
		if stamp == s.now.Load().stamp || stamp == failed {
			continue
		}
		m, err := s.read()
		if err != nil {
			failed = stamp // said once, until they change again
			s.log.Error("the TLS files changed and cannot be used; those from before stay in use", "err", err)
			continue
		}
		s.now.Store(m)
		s.log.Info("the TLS files were read again", "expires", m.expires())
	}
}

// stamp tells versions of the files apart; "" where there are none.
func (s *Source) stamp() string {
	var b strings.Builder
	for _, name := range []string{s.files.Cert, s.files.Key, s.files.ClientCA, s.files.CA} {
		if name == "" {
			continue
		}
		if fi, err := os.Stat(name); err != nil {
			fmt.Fprintf(&b, "%s %v\n", name, err)
		} else {
			fmt.Fprintf(&b, "%s %d %d\n", name, fi.Size(), fi.ModTime().UnixNano())
		}
	}
	return b.String()
}

// read reads all files. The stamp is taken first: a change while they are read
// shows at the next look.
func (s *Source) read() (*material, error) {
	m := &material{stamp: s.stamp()}
	roots, err := pool(s.files.CA)
	if err != nil {
		return nil, err
	}
	// A node's peers are near: records of full size from the start cost less.
	m.client = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, DynamicRecordSizingDisabled: true}
	if s.files.Cert == "" {
		return m, nil
	}
	cert, err := tls.LoadX509KeyPair(s.files.Cert, s.files.Key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", s.files.Cert, s.files.Key, err)
	}
	m.cert = &cert
	m.client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return s.now.Load().cert, nil
	}
	m.server = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, DynamicRecordSizingDisabled: true}
	if m.server.ClientCAs, err = pool(s.files.ClientCA); err != nil {
		return nil, err
	}
	if s.files.ClientCA != "" {
		m.server.ClientAuth = tls.VerifyClientCertIfGiven // S3 clients need none
	}
	return m, nil
}

func (m *material) expires() string {
	if m.cert == nil || m.cert.Leaf == nil {
		return ""
	}
	return m.cert.Leaf.NotAfter.UTC().Format(time.RFC3339)
}

// pool reads authorities; nil for no file.
func pool(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s holds no PEM certificate", file)
	}
	return p, nil
}
