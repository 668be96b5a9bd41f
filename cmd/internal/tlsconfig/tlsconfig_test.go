package tlsconfig

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func makeFiles(t *testing.T, dir string, renew bool) Files {
	t.Helper()
	if err := MakeCertificates(dir, []string{"localhost", "127.0.0.1"}, time.Now(), renew); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	return Files{Cert: at(CertFile), Key: at(KeyFile), ClientCA: at(CAFile), CA: at(CAFile)}
}

func load(t *testing.T, f Files) *Source {
	t.Helper()
	s, err := Load(f, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serve answers every connection with one line: "certified" or "anonymous".
func serve(t *testing.T, s *Source) string {
	t.Helper()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	l := s.Listen(plain)
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				secured := c.(*conn)
				if secured.Handshake() != nil {
					return
				}
				line := "anonymous\n"
				if len(secured.ConnectionState().VerifiedChains) > 0 {
					line = "certified\n"
				}
				_, _ = io.WriteString(c, line)
			}()
		}
	}()
	t.Cleanup(func() { plain.Close(); <-done })
	return plain.Addr().String()
}

// ask connects and returns the line and the certificate's serial number.
func ask(addr string, config *tls.Config) (line, serial string, err error) {
	config = config.Clone()
	config.ServerName = "localhost"
	c, err := tls.Dial("tcp", addr, config)
	if err != nil {
		return "", "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	line, err = bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line), c.ConnectionState().PeerCertificates[0].SerialNumber.String(), err
}

func TestClientCertificates(t *testing.T) {
	s := load(t, makeFiles(t, t.TempDir(), false))
	addr := serve(t, s)
	if line, _, err := ask(addr, s.Client()); err != nil || line != "certified" {
		t.Errorf("a node: %q, %v", line, err)
	}
	stranger := &tls.Config{RootCAs: s.Client().RootCAs}
	if line, _, err := ask(addr, stranger); err != nil || line != "anonymous" {
		t.Errorf("a client without a certificate: %q, %v", line, err)
	}
	other := load(t, makeFiles(t, t.TempDir(), false))
	stranger.Certificates = []tls.Certificate{*other.now.Load().cert}
	stranger.GetClientCertificate = other.Client().GetClientCertificate
	if line, _, err := ask(addr, stranger); err == nil {
		t.Errorf("a certificate of another authority was taken: %q", line)
	}
	if _, _, err := ask(addr, other.Client()); err == nil {
		t.Error("a server of another authority was trusted")
	}
}

func TestVersions(t *testing.T) {
	s := load(t, makeFiles(t, t.TempDir(), false))
	addr := serve(t, s)
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		old := s.Client().Clone()
		old.MinVersion, old.MaxVersion = tls.VersionTLS10, version
		if _, _, err := ask(addr, old); (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
}

func TestReload(t *testing.T) {
	dir := t.TempDir()
	s := load(t, makeFiles(t, dir, false))
	addr := serve(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Watch(ctx, 10*time.Millisecond) }()
	defer func() { cancel(); <-done }()
	_, before, err := ask(addr, s.Client())
	if err != nil {
		t.Fatal(err)
	}
	until := func(what string, ok func(serial string) bool) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			_, serial, err := ask(addr, s.Client())
			if err != nil {
				t.Fatal(what, err)
			}
			if ok(serial) {
				return
			}
			if time.Now().After(end) {
				t.Fatal("it never happened:", what)
			}
		}
	}
	makeFiles(t, dir, true)
	until("the new certificate is served", func(serial string) bool { return serial != before })

	_, before, _ = ask(addr, s.Client())
	if err := os.WriteFile(filepath.Join(dir, CertFile), []byte("half a cert"), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // several looks
	if line, serial, err := ask(addr, s.Client()); err != nil || serial != before || line != "certified" {
		t.Errorf("after a broken file: %q, %v", line, err)
	}
	if err := os.Remove(filepath.Join(dir, CertFile)); err != nil {
		t.Fatal(err)
	}
	makeFiles(t, dir, true)
	until("a repaired file is served", func(serial string) bool { return serial != before })
}

func TestReloadAtHangup(t *testing.T) {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP) // one that comes before Watch listens must not end the test
	defer signal.Stop(caught)
	dir := t.TempDir()
	s := load(t, makeFiles(t, dir, false))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Watch(ctx, time.Hour) }()
	defer func() { cancel(); <-done }()
	before := s.now.Load()
	makeFiles(t, dir, true)
	for end := time.Now().Add(10 * time.Second); s.now.Load() == before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("SIGHUP read nothing")
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPlainHTTPIsToldSo(t *testing.T) {
	addr := serve(t, load(t, makeFiles(t, t.TempDir(), false)))
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c, "GET /bucket HTTP/1.1\r\nHost: x\r\n\r\n")
	got := make([]byte, 1024)
	n, _ := c.Read(got)
	if text := string(got[:n]); !strings.HasPrefix(text, "HTTP/1.0 400 ") || !strings.Contains(text, "https://") {
		t.Errorf("got %q", text)
	}
}

func TestNoFiles(t *testing.T) {
	s := load(t, Files{})
	if s.Serves() || s.Scheme() != "http" || s.VerifiesClients() || s.Client() == nil {
		t.Error("no files are no TLS")
	}
	s.Watch(t.Context(), time.Hour) // has nothing to watch, and returns
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if s.Listen(l) != l {
		t.Error("a plain listener was wrapped")
	}
}

func TestBadFiles(t *testing.T) {
	good := makeFiles(t, t.TempDir(), false)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]Files{
		"no key":              {Cert: good.Cert},
		"no certificate":      {Key: good.Key},
		"authority alone":     {ClientCA: good.CA},
		"missing":             {Cert: "/none", Key: good.Key},
		"key is another file": {Cert: good.Cert, Key: good.CA},
		"empty authority":     {CA: empty},
		"empty client CA":     {Cert: good.Cert, Key: good.Key, ClientCA: empty},
	} {
		if _, err := Load(f, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestMakeCertificates(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	content := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	made := func(now time.Time, renew bool, hosts ...string) (ca, node string) {
		t.Helper()
		if err := MakeCertificates(dir, hosts, now, renew); err != nil {
			t.Fatal(err)
		}
		return content(CAFile), content(CertFile)
	}
	ca, node := made(now, false, "localhost", "127.0.0.1")
	if a, b := made(now, false, "localhost"); a != ca || b != node {
		t.Error("what is there was made again")
	}
	if a, b := made(now, false, "localhost", "example.com"); a != ca || b == node {
		t.Error("a host that is missing: want the same authority and another certificate")
	}
	_, node = made(now, false, "localhost")
	if a, b := made(now.Add(nodeLife-renewBefore+time.Hour), false, "localhost"); a != ca || b == node {
		t.Error("a certificate about to end was not renewed")
	}
	for _, name := range []string{CAKey, KeyFile} {
		if fi, err := os.Stat(filepath.Join(dir, name)); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, fi.Mode(), err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, CAKey), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := MakeCertificates(dir, []string{"localhost"}, now, true); err == nil {
		t.Error("a broken authority was used or replaced")
	}
}
