package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// knownProxies are the proxies of the cluster behind an endpoint, kept in a file so
// that a dead proxy can be replaced by another one.
type knownProxies struct {
	URLs []string  `json:"proxies"`
	Seen time.Time `json:"seen"`
}

// The bounds of keeping them: how long they are taken for true, and how long a
// command may take longer for their sake.
const (
	proxiesKept    = 10 * time.Minute
	proxiesTimeout = 500 * time.Millisecond
)

// proxiesFiles returns the path of a file for each endpoint of the settings, none
// where nothing can be kept.
func (a *app) proxiesFiles() []string {
	dir := a.cacheDir()
	if dir == "" {
		return nil
	}
	var names []string
	for endpoint := range strings.SplitSeq(a.settings.Endpoint, ",") {
		names = append(names, filepath.Join(dir, "proxies-"+shortHash(strings.TrimSpace(endpoint))+".json"))
	}
	return names
}

// shortHash returns a name for a file that is about what the words say.
func shortHash(words ...string) string {
	h := sha256.New()
	for _, w := range words {
		h.Write([]byte(w))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:10])
}

// readProxies returns what is known, nothing where that cannot be read.
func readProxies(name string) knownProxies {
	var known knownProxies
	raw, err := os.ReadFile(name)
	if err != nil || json.Unmarshal(raw, &known) != nil {
		return knownProxies{}
	}
	return known
}

// otherProxies returns the URLs of all proxies that are known.
func (a *app) otherProxies() []string {
	var urls []string
	for _, name := range a.proxiesFiles() {
		urls = append(urls, readProxies(name).URLs...)
	}
	return urls
}

// noteProxies keeps the proxies of the cluster map, if a command has reached the
// cluster and it was long ago that they were. That it cannot is no failure.
func (a *app) noteProxies(ctx context.Context) {
	files := a.proxiesFiles()
	old := func(name string) bool { return time.Since(readProxies(name).Seen) > proxiesKept }
	if a.client == nil || !a.client.Answered() || ctx.Err() != nil || !slices.ContainsFunc(files, old) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, proxiesTimeout)
	defer cancel()
	m, err := a.client.WithPatience(0).ClusterMap(ctx)
	if err != nil {
		return
	}
	known := knownProxies{Seen: time.Now()}
	for _, n := range m.Proxies {
		if n.Live {
			known.URLs = append(known.URLs, n.Public.URL)
		}
	}
	for _, name := range files {
		_ = writeState(name, known) // the next command tries again
	}
}

// writeState replaces a file of the cache, which only its owner can read, by the
// JSON of the value. It is on stable storage afterwards.
func writeState(name string, value any) error {
	raw, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error is the one to tell
	}
	return err
}
