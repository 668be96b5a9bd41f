package main

import (
	"bytes"
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
		return s, fmt.Errorf("%s: %w (it may hold endpoint, ca_file and skip_verify)", path, err)
	}
	return s, nil
}
