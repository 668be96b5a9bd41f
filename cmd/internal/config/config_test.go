package config

import (
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ais/load"
)

func parse(t *testing.T, args []string, env map[string]string) (*Node, *List, error) {
	t.Helper()
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	var n Node
	n.Flags(fs, 8080)
	var mountpaths List
	fs.Var(&mountpaths, "mountpath", "")
	err := Parse(fs, args, func(k string) string { return env[k] }, "v1")
	return &n, &mountpaths, err
}

func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ais.yaml")
	text := "listen: 1.1.1.1:1\ncluster: fromfile\nlog-level: warn\nmountpath: [/a, /b]\ninsecure-no-auth: true\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	n, mountpaths, err := parse(t, []string{"--listen", "3.3.3.3:3", "--config", file},
		map[string]string{"AIS_LISTEN": "2.2.2.2:2", "AIS_CLUSTER": "fromenv"})
	if err != nil {
		t.Fatal(err)
	}
	if n.Listen != "3.3.3.3:3" || n.Cluster != "fromenv" || n.LogLevel != "warn" || !n.InsecureNoAuth {
		t.Errorf("got %+v", n)
	}
	if mountpaths.String() != "/a,/b" {
		t.Errorf("mountpaths %v", mountpaths)
	}
}

func TestParseRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ais.yaml")
	if err := os.WriteFile(file, []byte("listne: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--nope"}, {"stray"}, {"--config", file}, {"--config", file + ".absent"}} {
		if _, _, err := parse(t, args, nil); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
	if _, _, err := parse(t, nil, map[string]string{"AIS_INSECURE_NO_AUTH": "perhaps"}); err == nil {
		t.Error("a bad environment value was accepted")
	}
	if _, _, err := parse(t, []string{"--version"}, nil); !errors.Is(err, ErrDone) {
		t.Errorf("--version: %v", err)
	}
}

func TestFinishKeepsTheID(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	bounds := load.DefaultConfig()
	first := Node{DataDir: dir, Load: bounds, MaxMemory: Size(bounds.MaxBytes)}
	if err := first.Finish("t"); err != nil {
		t.Fatal(err)
	}
	again := first
	again.ID = ""
	if err := again.Finish("t"); err != nil {
		t.Fatal(err)
	}
	if first.ID == "" || first.ID != again.ID {
		t.Errorf("ids %q and %q", first.ID, again.ID)
	}
	other := Node{DataDir: dir, ID: "other"}
	if err := other.Finish("t"); err == nil {
		t.Error("a data directory was taken over by another id")
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "512": 512, "64KiB": 64 << 10, "1.5GiB": 3 << 29, "10MB": 10e6, "7B": 7} {
		var s Size
		if err := s.Set(text); err != nil || s != want {
			t.Errorf("%q: %d, %v; want %d", text, s, err, want)
		}
	}
	for _, text := range []string{"", "x", "-1", "1XB"} {
		var s Size
		if err := s.Set(text); err == nil {
			t.Errorf("%q was accepted as %d", text, s)
		}
	}
}

func TestTLSFlags(t *testing.T) {
	for _, x := range []struct {
		name string
		args []string
		env  map[string]string
		want string // in the error; "" is none
		etcd string // certificate towards etcd
	}{
		{"none", nil, nil, "", ""},
		{"both", []string{"--tls-cert", "c", "--tls-key", "k", "--ca", "a"}, nil, "", "c"},
		{"from the environment", nil, map[string]string{"AIS_TLS_CERT": "c", "AIS_TLS_KEY": "k", "AIS_CA": "a", "AIS_USE_HTTPS": "true"}, "", "c"},
		{"etcd has its own", []string{"--tls-cert", "c", "--tls-key", "k", "--etcd-cert", "e", "--etcd-key", "ek", "--ca", "a"}, nil, "", "e"},
		{"no key", []string{"--tls-cert", "c"}, nil, "--tls-key", ""},
		{"no certificate", []string{"--tls-key", "k"}, nil, "--tls-cert", ""},
		{"no key of etcd's", []string{"--etcd-cert", "c"}, nil, "--etcd-key", ""},
		{"HTTPS without a certificate", nil, map[string]string{"AIS_USE_HTTPS": "true"}, "--tls-cert", ""},
		{"client certificates over HTTP", []string{"--client-ca", "a"}, nil, "certificate is missing", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			n, _, err := parse(t, x.args, x.env)
			if err == nil {
				n.DataDir = t.TempDir()
				err = n.Finish("t")
			}
			if x.want == "" && err != nil || x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want)) {
				t.Fatalf("got %v, want %q", err, x.want)
			}
			if err == nil && n.EtcdTLS.Cert != x.etcd || n.EtcdTLS.CA != n.TLS.CA {
				t.Errorf("towards etcd: %+v", n.EtcdTLS)
			}
		})
	}
}

func TestNodeURL(t *testing.T) {
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}
	for given, want := range map[string]string{"": "https://127.0.0.1:8080", "https://node1:8080/": "https://node1:8080"} {
		n := Node{NodeURL: given}
		if got := n.URL("https", addr); got != want {
			t.Errorf("%q: %s, want %s", given, got, want)
		}
	}
}

func TestCheckListen(t *testing.T) {
	for listen, want := range map[string]bool{
		"127.0.0.1:80": true, "[::1]:80": true, "localhost:80": true,
		"0.0.0.0:80": false, ":80": false, "192.168.0.1:80": false, "example.com:80": false, "127.0.0.1": false,
	} {
		n := Node{Listen: listen}
		if got := n.CheckListen() == nil; got != want {
			t.Errorf("%s: allowed %v, want %v", listen, got, want)
		}
		n.InsecureNoAuth = true
		if err := n.CheckListen(); err != nil {
			t.Errorf("%s with --insecure-no-auth: %v", listen, err)
		}
		n = Node{Listen: listen, Auth: "on"}
		if err := n.CheckListen(); err != nil {
			t.Errorf("%s with --auth on: %v", listen, err)
		}
	}
}

func TestRootKey(t *testing.T) {
	for _, env := range []map[string]string{{"AIS_ROOT_ACCESS_KEY": "root"}, {"AIS_ROOT_SECRET_KEY": "secret"}} {
		if _, _, err := RootKey(func(k string) string { return env[k] }); err == nil {
			t.Errorf("%v is taken for a key", env)
		}
	}
	env := map[string]string{"AIS_ROOT_ACCESS_KEY": "root", "AIS_ROOT_SECRET_KEY": "secret"}
	if id, secret, err := RootKey(func(k string) string { return env[k] }); id != "root" || secret != "secret" || err != nil {
		t.Errorf("%q, %v", id, err)
	}
}
