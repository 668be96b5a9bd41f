package fs_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ais/fs"
	"ais/object"
)

// The uuid of the data stays while mountpaths come and go, is another one on other
// disks, and the cluster they are part of is known from any that has heard of it.
func TestDataAndHome(t *testing.T) {
	c := diskConfig(t, 2)
	s := open(t, c)
	data := s.Data()
	if data == "" || s.Home() != "" {
		t.Fatalf("made with data %q, home %q", data, s.Home())
	}
	stale, err := os.ReadFile(filepath.Join(c.Mountpaths[1], "ais.json"))
	if err != nil {
		t.Fatal(err)
	}
	s.SetHome("cluster-1")
	extra := filepath.Join(t.TempDir(), "extra")
	again := func(what string) {
		t.Helper()
		if s.Data() != data || s.Home() != "cluster-1" {
			t.Errorf("%s: data %q, home %q, want %q", what, s.Data(), s.Home(), data)
		}
	}
	again("told")
	reopen := func() {
		t.Helper()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, c)
	}
	reopen()
	again("opened again")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.Mountpaths[1], "ais.json"), stale, 0o600); err != nil {
		t.Fatal(err)
	}
	c.Mountpaths[0], c.Mountpaths[1] = c.Mountpaths[1], c.Mountpaths[0]
	s = open(t, c)
	again("one has not heard of it")
	if err := s.Attach(extra); err != nil {
		t.Fatal(err)
	}
	reopen()
	again("attached")

	if other := open(t, diskConfig(t, 2)); other.Data() == data {
		t.Error("other disks have the same uuid")
	}
}

// Mountpaths of two clusters are not one target's, though all else is the same.
func TestTwoHomes(t *testing.T) {
	c := diskConfig(t, 2)
	s := open(t, c)
	s.SetHome("cluster-1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(c.Mountpaths[1], "ais.json")
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, bytes.Replace(text, []byte("cluster-1"), []byte("cluster-2"), 1), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = fs.Open(c)
	wantKind(t, err, object.Invalid)
	if !strings.Contains(err.Error(), "cluster-1") || !strings.Contains(err.Error(), "cluster-2") {
		t.Errorf("it does not say which: %v", err)
	}
}
