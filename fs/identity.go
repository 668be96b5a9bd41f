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

// formatVersion is the layout of a mountpath that this code reads and writes.
const formatVersion = 1

// identity is the content of ais.json. Every mountpath of a target lists all of
// them: the list, and not the configuration, places names, so that a disk that
// is missing moves no name to another.
type identity struct {
	Format    int      `json:"format"`
	Cluster   string   `json:"cluster"`
	Target    string   `json:"target"`
	Mountpath string   `json:"mountpath"` // uuid of this one
	Set       []member `json:"mountpaths"`
	// Complete is written in a second round, when all have the first. A set that
	// no mountpath calls complete was never used and is made anew.
	Complete bool `json:"complete"`
}

// member is one mountpath of the target.
type member struct {
	ID     string  `json:"id"`
	Dir    string  `json:"dir"`    // where it was when the set was made; a hint for people
	Weight float64 `json:"weight"` // capacity in GiB when the set was made
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

// check reports why a mountpath with this identity must not be used, if so.
func (id identity) check(c *Config, dir string) error {
	bad := func(format string, args ...any) error {
		return object.E("fs.Open", dir, object.Invalid, fmt.Errorf(format, args...))
	}
	switch {
	case id.Format != formatVersion:
		return bad("the mountpath has format %d, this program reads %d", id.Format, formatVersion)
	case id.Cluster != c.Cluster:
		return bad("the mountpath belongs to cluster %q, not %q", id.Cluster, c.Cluster)
	case id.Target != c.Target:
		return bad("the mountpath belongs to target %q, not %q", id.Target, c.Target)
	}
	return nil
}

// found is what is known of a configured directory before it is opened.
type found struct {
	dir string
	id  identity
	err error
}

// survey reads the identities. One that belongs elsewhere is an error; one that
// cannot be read is noted.
func survey(c *Config) ([]found, error) {
	out := make([]found, len(c.Mountpaths))
	for i, dir := range c.Mountpaths {
		id, err := readIdentity(c.OS, dir)
		if err == nil {
			if err := id.check(c, dir); err != nil {
				return nil, err
			}
		}
		out[i] = found{dir, id, err}
	}
	return out, nil
}

// settle returns the mountpaths' set and where each member is ("" for nowhere).
// It makes the set where none is complete.
func settle(c *Config) (set []member, dirs []string, err error) {
	all, err := survey(c)
	if err != nil {
		return nil, nil, err
	}
	for i := range all {
		if all[i].err == nil && all[i].id.Complete {
			set = all[i].id.Set
			break
		}
	}
	if set == nil {
		return form(c, all)
	}
	dirs = make([]string, len(set))
	for _, f := range all {
		at := -1
		for i, m := range set {
			if f.err == nil && f.id.Mountpath == m.ID || errors.Is(f.err, os.ErrNotExist) && f.dir == m.Dir {
				at = i
			}
		}
		switch {
		case at >= 0 && f.err == nil && dirs[at] == "":
			dirs[at] = f.dir
		case f.err == nil:
			return nil, nil, object.E("fs.Open", f.dir, object.Invalid, errors.New("the mountpath is none of this target's, or is there twice"))
		}
	}
	missing := 0
	for _, d := range dirs {
		if d == "" {
			missing++
		}
	}
	strange := 0
	for _, f := range all {
		if f.err != nil {
			strange++
		}
	}
	if strange > missing {
		return nil, nil, object.E("fs.Open", "", object.Unsupported, errors.New("a mountpath cannot be added to a target that has been used: its names would move"))
	}
	return set, dirs, nil
}

// form makes a new set of mountpaths in two rounds; see identity.Complete.
func form(c *Config, all []found) ([]member, []string, error) {
	set := make([]member, len(all))
	ids := make([]identity, len(all))
	for i, f := range all {
		if f.err != nil && !errors.Is(f.err, errNoIdentity) {
			return nil, nil, object.E("fs.Open", f.dir, object.Unavailable, f.err)
		}
		if err := mkdirAll(c.OS, "mountpath.mkdir", f.dir, 0o755); err != nil {
			return nil, nil, object.E("fs.Open", f.dir, object.Unavailable, err)
		}
		u, err := uuid.NewRandomFromReader(c.Rand)
		if err != nil {
			return nil, nil, object.E("fs.Open", f.dir, object.Internal, err)
		}
		usage, err := c.OS.Usage("mountpath.usage", f.dir)
		if err != nil {
			return nil, nil, object.E("fs.Open", f.dir, object.Unavailable, err)
		}
		set[i] = member{ID: u.String(), Dir: f.dir, Weight: max(1, float64(usage.Capacity>>20)/1024)}
	}
	for _, complete := range []bool{false, true} {
		for i, f := range all {
			ids[i] = identity{Format: formatVersion, Cluster: c.Cluster, Target: c.Target, Mountpath: set[i].ID, Set: set, Complete: complete}
			if err := writeIdentity(c.OS, f.dir, ids[i]); err != nil {
				return nil, nil, object.E("fs.Open", f.dir, object.Unavailable, err)
			}
		}
	}
	return set, c.Mountpaths, nil
}
