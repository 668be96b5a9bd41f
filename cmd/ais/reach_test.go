package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ais/cmd/internal/tlsconfig"
)

// authority is a directory of certificates made at a time, for some hosts.
func authority(t *testing.T, made time.Time, hosts ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := tlsconfig.MakeCertificates(dir, hosts, made, false); err != nil {
		t.Fatal(err)
	}
	return dir
}

func nodePair(dir string) (cert, key string) {
	return filepath.Join(dir, tlsconfig.CertFile), filepath.Join(dir, tlsconfig.KeyFile)
}

// secure is a server that has no buckets, with the certificate of dir; clients is
// a directory whose authority signs those of the clients it lets in.
func secure(t *testing.T, dir, clients string) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "[]")
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	pair, err := tls.LoadX509KeyPair(nodePair(dir))
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	if clients != "" {
		pem, err := os.ReadFile(filepath.Join(clients, tlsconfig.CAFile))
		if err != nil {
			t.Fatal(err)
		}
		server.TLS.ClientCAs = x509.NewCertPool()
		server.TLS.ClientCAs.AppendCertsFromPEM(pem)
		server.TLS.ClientAuth = tls.RequireAndVerifyClientCert
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

// Each way in which TLS can fail is called by its name, with what to do.
func TestTLSMessages(t *testing.T) {
	r := newRunner(t)
	plain := r.env["AIS_ENDPOINT"]
	good, other := authority(t, time.Now(), "127.0.0.1"), authority(t, time.Now(), "127.0.0.1")
	named, expired := authority(t, time.Now(), "example.org"), authority(t, time.Now().AddDate(-30, 0, 0), "127.0.0.1")
	ca := func(dir string) string { return " --ca-file " + filepath.Join(dir, tlsconfig.CAFile) }
	cert, key := nodePair(good)
	wrongCert, wrongKey := nodePair(other)
	goodURL, mutual := secure(t, good, ""), secure(t, good, good)
	r.want("ls --endpoint "+goodURL+ca(good), "AIS Buckets (0)\n")
	r.want("ls --skip-verify --endpoint "+secure(t, named, ""), "AIS Buckets (0)\n")
	r.want("ls --cert "+cert+" --key "+key+" --endpoint "+mutual+ca(good), "AIS Buckets (0)\n")
	for name, x := range map[string]struct{ flags, part, todo string }{
		"unknown authority": {goodURL, "authority that is not known here", "--ca-file"},
		"wrong authority":   {goodURL + ca(other), "authority that is not known here", "--ca-file"},
		"expired":           {secure(t, expired, "") + ca(expired), "has expired", "Renew it"},
		"another name":      {secure(t, named, "") + ca(named), "for another name", "--skip-verify"},
		"plain to TLS":      {strings.Replace(goodURL, "https:", "http:", 1), "does not speak plain HTTP", "https://"},
		"TLS to plain":      {strings.Replace(plain, "http:", "https:", 1), "it speaks plain HTTP", "http://"},
		"no certificate":    {mutual + ca(good), "asks for a certificate of yours", "--cert"},
		"wrong certificate": {mutual + ca(good) + " --cert " + wrongCert + " --key " + wrongKey, "asks for a certificate of yours", "--cert"},
		"no key":            {mutual + " --cert " + cert, "--cert and --key go together", ""},
		"no such file":      {mutual + " --cert nosuch --key nosuch", "nosuch", ""},
	} {
		got := r.run(strings.Fields("ls --endpoint " + x.flags)...)
		if got.code == 0 || !strings.Contains(got.err, x.part) || !strings.Contains(got.err, x.todo) {
			t.Errorf("%s: exit %d, %s", name, got.code, got.err)
		}
	}
}

// The proxies that a cluster map names are remembered, and asked when the one of
// the endpoint is dead.
func TestOtherProxies(t *testing.T) {
	r := newRunner(t)
	r.env["XDG_CACHE_HOME"] = t.TempDir()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	front := ln.Addr().String()
	server := &http.Server{Handler: http.RedirectHandler(r.fake.url+"/v1/daemon?what=smap", http.StatusTemporaryRedirect), ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(ln) }()
	r.fake.mu.Lock()
	r.fake.proxyURL = r.fake.url
	r.fake.mu.Unlock()
	r.want("ls --endpoint "+r.fake.url+",http://127.0.0.1:1", "AIS Buckets (0)\n")
	r.run("show", "cluster", "smap", "--endpoint", front)
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	r.want("ls --endpoint "+front, "AIS Buckets (0)\n")
	r.want("ls --endpoint 127.0.0.1:1,"+front, "AIS Buckets (0)\n")
	r.env["XDG_CACHE_HOME"] = t.TempDir()
	got := r.run("ls", "--endpoint", "127.0.0.1:1,127.0.0.1:2")
	if got.code != 1 || !strings.Contains(got.err, "http://127.0.0.1:1: connection refused, nor at http://127.0.0.1:2: connection refused") {
		t.Error(got)
	}
}
