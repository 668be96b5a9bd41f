package fs

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/google/uuid"

	"ais/object"
)

// found is what is known of a directory before it is opened.
type found struct {
	dir    string
	named  bool // in the configuration
	id     identity
	err    error
	member int // its place in the set, negative for none
}

// settle returns the mountpaths' set and where each member is ("" for nowhere).
// It makes the set where none is complete. Of several generations, which a crash
// in the middle of a change leaves, the highest is taken, and all have it then.
func settle(c *Config) (set mountset, dirs []string, err error) {
	all, best, err := survey(c)
	if err != nil {
		return set, nil, err
	}
	if best < 0 {
		return form(c, slices.DeleteFunc(all, func(f found) bool { return !f.named }))
	}
	set = all[best].id.mountset
	if err := sameHome(all); err != nil {
		return set, nil, err
	}
	if set.Data == "" && len(set.Members) > 0 { // made by a program that did not know of it
		set.Data = set.Members[0].ID
	}
	for _, f := range all { // one that was away when the target joined does not know its home
		if f.err == nil && set.index(f.id.Mountpath) >= 0 && set.Home == "" {
			set.Home = f.id.Home
		}
	}
	if dirs, err = match(c, set, all); err != nil {
		return set, nil, err
	}
	catchUp(c, set, all, dirs)
	return set, dirs, nil
}

// survey reads the identities of the configured directories, and then of those
// where members are by what is found, and returns which has the set that
// counts, negative for none. One that belongs elsewhere is an error if it is
// configured; one that cannot be read is noted.
func survey(c *Config) (all []found, best int, err error) {
	best = -1
	look := func(dir string, named bool) error {
		if slices.ContainsFunc(all, func(f found) bool { return filepath.Clean(f.dir) == filepath.Clean(dir) }) {
			return nil
		}
		id, err := readIdentity(c.OS, dir)
		if err == nil {
			if err = id.check(c, dir); err != nil && named {
				return err
			}
		}
		all = append(all, found{dir: dir, named: named, id: id, err: err, member: -1})
		newer := best < 0 || id.Generation > all[best].id.Generation
		if err == nil && id.Complete && !id.Detached && newer {
			best = len(all) - 1
		}
		return nil
	}
	for _, dir := range c.Mountpaths {
		if err := look(dir, true); err != nil {
			return nil, -1, err
		}
	}
	for i := 0; i < len(all); i++ { // all grows; one that was detached says where the others were
		for _, m := range all[i].id.Members {
			if all[i].err != nil {
				break
			}
			if err := look(m.Dir, false); err != nil {
				return nil, -1, err
			}
		}
	}
	return all, best, nil
}

// match finds the directory of each member. A configured one that is no member is
// left alone, and said so.
func match(c *Config, set mountset, all []found) ([]string, error) {
	dirs := make([]string, len(set.Members))
	for i := range all {
		f := &all[i]
		if f.err == nil {
			f.member = set.index(f.id.Mountpath)
		}
		switch {
		case f.member >= 0 && dirs[f.member] == "":
			dirs[f.member] = f.dir
		case f.member >= 0 && f.named:
			return nil, object.E("fs.Open", f.dir, object.Invalid, errors.New("the mountpath is there twice"))
		}
	}
	for _, f := range all {
		isPlace := slices.ContainsFunc(set.Members, func(m member) bool { return filepath.Clean(m.Dir) == filepath.Clean(f.dir) })
		if !f.named || f.member >= 0 || isPlace && f.err != nil {
			continue
		}
		if f.err == nil && set.Generation == 0 && !f.id.Detached {
			return nil, object.E("fs.Open", f.dir, object.Invalid, errors.New("the mountpath is none of this target's"))
		}
		c.Logger.Warn("a configured directory is no mountpath of this target and is not used: attach it with 'ais storage mountpath attach', or leave it out of the configuration",
			"target", c.Target, "dir", f.dir, "detached", f.err == nil && f.id.Detached)
	}
	return dirs, nil
}

// catchUp gives the members that missed the last change the set that counts. One
// that cannot be written to is as good as missing.
func catchUp(c *Config, set mountset, all []found, dirs []string) {
	for _, f := range all {
		if f.member < 0 || f.id.Complete && f.id.Generation == set.Generation {
			continue
		}
		f.id.mountset, f.id.Complete, f.id.Format = set, true, formatOf(set)
		if err := writeIdentity(c.OS, f.dir, f.id); err != nil {
			c.Logger.Error("a mountpath cannot be written to and is not used", "mountpath", f.dir, "err", err)
			dirs[f.member] = ""
		}
	}
}

func weigh(u Usage) float64 { return max(1, float64(u.Capacity>>20)/1024) }

// form makes a new set of mountpaths in two rounds; see identity.Complete.
func form(c *Config, all []found) (mountset, []string, error) {
	var set mountset
	fail := func(dir string, kind object.Kind, err error) (mountset, []string, error) {
		return mountset{}, nil, object.E("fs.Open", dir, kind, err)
	}
	for _, f := range all {
		switch {
		case f.err != nil && !errors.Is(f.err, errNoIdentity):
			return fail(f.dir, object.Unavailable, f.err)
		case f.err == nil && (f.id.Detached || f.id.Generation > 0):
			return fail(f.dir, object.Unavailable, errors.New("of this target's mountpaths only one that it does not use was found"))
		}
		if err := mkdirAll(c.OS, "mountpath.mkdir", f.dir, 0o755); err != nil {
			return fail(f.dir, object.Unavailable, err)
		}
		u, err := uuid.NewRandomFromReader(c.Rand)
		if err != nil {
			return fail(f.dir, object.Internal, err)
		}
		usage, err := c.OS.Usage("mountpath.usage", f.dir)
		if err != nil {
			return fail(f.dir, object.Unavailable, err)
		}
		set.Members = append(set.Members, member{ID: u.String(), Dir: f.dir, Weight: weigh(usage)})
	}
	data, err := uuid.NewRandomFromReader(c.Rand)
	if err != nil {
		return fail("", object.Internal, err)
	}
	set.Data = data.String()
	for _, complete := range []bool{false, true} {
		for i, f := range all {
			id := identity{Format: formatVersion, Cluster: c.Cluster, Target: c.Target, Mountpath: set.Members[i].ID, mountset: set, Complete: complete}
			if err := writeIdentity(c.OS, f.dir, id); err != nil {
				return fail(f.dir, object.Unavailable, err)
			}
		}
	}
	return set, slices.Clone(c.Mountpaths), nil
}

// sameHome refuses mountpaths of several clusters.
func sameHome(all []found) error {
	var first *found
	for i := range all {
		f := &all[i]
		switch {
		case !f.named || f.err != nil || f.id.Home == "":
		case first == nil:
			first = f
		case f.id.Home != first.id.Home:
			return object.E("fs.Open", f.dir, object.Invalid,
				fmt.Errorf("the mountpath belongs to cluster %s, and %s to cluster %s: %s", f.id.Home, first.dir, first.id.Home, whatElse))
		}
	}
	return nil
}
