package fs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"ais/object"
)

// The layouts of a mountpath that this code reads and writes: a set of mountpaths
// that was never changed has the first.
const (
	formatVersion = 1
	formatChanged = 2 // names are placed by the set of a generation
	formatMirrors = 3 // and some have mirrors
)

func formatOf(g mountset) int {
	switch {
	case g.Mirrors != nil:
		return formatMirrors
	case g.Generation == 0:
		return formatVersion
	}
	return formatChanged
}

// identity is the content of ais.json. Every mountpath of a target lists all of
// them: the list, and not the configuration, places names, so that a disk that
// is missing moves no name to another.
type identity struct {
	Format    int    `json:"format"`
	Cluster   string `json:"cluster"`
	Target    string `json:"target"`
	Mountpath string `json:"mountpath"` // uuid of this one
	mountset
	// Complete is written in a second round, when all have the first. A set that
	// no mountpath calls complete was never used and is made anew; what is about to
	// be attached is not complete either.
	Complete bool `json:"complete"`
	// Detached marks a directory that was a mountpath and whose names were moved.
	Detached bool `json:"detached,omitempty"`
}

const identityFile = "ais.json"

var errNoIdentity = errors.New("the directory has no " + identityFile)

func readIdentity(o OS, dir string) (id identity, err error) {
	name := filepath.Join(dir, identityFile)
	f, err := o.OpenFile("identity.open", name, os.O_RDONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return id, errNoIdentity
	}
	if err != nil {
		return id, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return id, err
	}
	if err := json.Unmarshal(data, &id); err != nil {
		return id, fmt.Errorf("%s: %w", name, err)
	}
	return id, nil
}

// writeIdentity replaces ais.json durably.
func writeIdentity(o OS, dir string, id identity) error {
	data, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(dir, identityFile)
	f, err := o.OpenFile("identity.create", name+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := o.Rename("identity.rename", name+".new", name); err != nil {
		return err
	}
	return syncDir(o, "identity.syncdir", dir)
}

const whatElse = "give the target mountpaths of its own, or empty this one if what is on it is not needed"

// check reports why a mountpath with this identity must not be used, if so.
func (id identity) check(c *Config, dir string) error {
	bad := func(format string, args ...any) error {
		return object.E("fs.Open", dir, object.Invalid, fmt.Errorf(format, args...))
	}
	switch {
	case id.Format < formatVersion || id.Format > formatMirrors:
		return bad("the mountpath has format %d, this program reads %d to %d", id.Format, formatVersion, formatMirrors)
	case id.Cluster != c.Cluster:
		return bad("the mountpath belongs to cluster %q, and this target is of cluster %q: %s", id.Cluster, c.Cluster, whatElse)
	case id.Target != c.Target:
		return bad("the mountpath belongs to target %q, and this target is %q: %s", id.Target, c.Target, whatElse)
	}
	return nil
}

// Data returns the uuid of what is on the mountpaths together. It tells a target that
// was started with other disks from one that has what it had.
func (s *Store) Data() string { return s.layout.Load().set.Data }

// renewData gives what is on the mountpaths another uuid, durably, before something of
// it may be older than it was: copies of its names are compared with those that other
// targets have, as if the disks were new.
func (s *Store) renewData() error {
	s.changing.Lock()
	defer s.changing.Unlock()
	data, err := uuid.NewRandomFromReader(s.config.Rand)
	if err != nil {
		return err
	}
	next := s.layout.Load().set.clone()
	next.Data = data.String()
	return s.change(next, nil, nil)
}

// Home returns the uuid of the cluster that what is on the mountpaths is part of; ""
// where it is part of none yet.
func (s *Store) Home() string { return s.layout.Load().set.Home }

// SetHome notes the cluster that the target is part of from now on. A mountpath that
// cannot be written to learns of it from the others.
func (s *Store) SetHome(cluster string) {
	s.changing.Lock()
	defer s.changing.Unlock()
	l := s.layout.Load()
	if l.set.Home == cluster {
		return
	}
	next := *l
	next.set.Home = cluster
	for _, m := range l.all {
		if m.index.Load() == nil {
			continue // it is off
		}
		if err := writeIdentity(s.config.OS, m.dir, s.identity(next.set, m)); err != nil {
			m.logger.Warn("the cluster is not noted on a mountpath", "err", err)
		}
	}
	s.layout.Store(&next)
}
