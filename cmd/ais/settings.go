package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// defaultEndpoint is where make play has its first proxy.
const defaultEndpoint = "http://localhost:8080"

// settings say how to reach the cluster.
type settings struct {
	Endpoint   string `json:"endpoint"`
	CAFile     string `json:"ca_file"`
	SkipVerify bool   `json:"skip_verify"`
	Cert       string `json:"cert"` // the client's certificate, and its key: PEM files
	Key        string `json:"key"`
}

// over returns the settings with flags, then the environment, in front of the
// file's, which s is.
func (s settings) over(flags settings, env func(string) (string, bool)) settings {
	first := func(flag, name, file string) string {
		if flag != "" {
			return flag
		}
		if v, ok := env(name); ok && v != "" {
			return v
		}
		return file
	}
	s.Endpoint = first(flags.Endpoint, "AIS_ENDPOINT", s.Endpoint)
	s.CAFile = first(flags.CAFile, "AIS_CLIENT_CA", s.CAFile)
	s.Cert = first(flags.Cert, "AIS_CRT", s.Cert)
	s.Key = first(flags.Key, "AIS_CRT_KEY", s.Key)
	if v := first("", "AIS_SKIP_VERIFY_CRT", ""); flags.SkipVerify || v == "true" || v == "1" {
		s.SkipVerify = true
	}
	if s.Endpoint == "" {
		s.Endpoint = defaultEndpoint
	}
	return s
}

// configDir returns where the program keeps its own files, "" for nowhere.
func (a *app) configDir() string {
	dir, ok := a.env("XDG_CONFIG_HOME")
	if !ok || dir == "" {
		home, ok := a.env("HOME")
		if !ok || home == "" {
			return ""
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "ais")
}

// cacheDir returns where the program notes what it can do without, "" for nowhere.
func (a *app) cacheDir() string {
	dir, ok := a.env("XDG_CACHE_HOME")
	if !ok || dir == "" {
		home, ok := a.env("HOME")
		if !ok || home == "" {
			return ""
		}
		dir = filepath.Join(home, ".cache")
	}
	return filepath.Join(dir, "ais")
}

// readSettings reads ~/.config/ais/cli.json, if there is one.
func (a *app) readSettings() (settings, error) {
	var s settings
	dir := a.configDir()
	if dir == "" {
		return s, nil
	}
	path := filepath.Join(dir, "cli.json")
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return s, fmt.Errorf("%s: %w (it may hold endpoint, ca_file, cert, key and skip_verify)", path, err)
	}
	return s, nil
}

// certificate returns what the program shows to a cluster that asks who it is, nil
// for nothing.
func (s settings) certificate() (*tls.Certificate, error) {
	switch {
	case s.Cert == "" && s.Key == "":
		return nil, nil
	case s.Cert == "" || s.Key == "":
		return nil, usagef("--cert and --key go together: a certificate and its key")
	}
	pair, err := tls.LoadX509KeyPair(s.Cert, s.Key)
	if err != nil {
		return nil, fmt.Errorf("--cert %s, --key %s: %w", s.Cert, s.Key, err)
	}
	return &pair, nil
}
