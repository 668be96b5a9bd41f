package fs

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"ais/object"
)

// mountset is the target's mountpaths as every ais.json has them. The highest
// generation that any mountpath has is the one that counts.
type mountset struct {
	Generation uint64   `json:"generation,omitempty"` // 0 as the target was made; one more with each change
	Members    []member `json:"mountpaths"`
	// Earlier is the sets, newest first, by which names may lie that a resilver has
	// not moved yet: the uuids of each.
	Earlier [][]string `json:"earlier,omitempty"`
	Mirrors *mirrors   `json:"mirrors,omitempty"` // nil where no bucket was ever mirrored
	// Data is the uuid of what is on the mountpaths together, made with them; they may
	// come and go one by one, and it stays. Home is that of the cluster it is part of,
	// "" before the target has joined one.
	Data string `json:"data,omitempty"`
	Home string `json:"home,omitempty"`
}

// member is one mountpath of the target.
type member struct {
	ID     string      `json:"id"`
	Dir    string      `json:"dir"`             // where it was when the set was made; where it is looked for besides the configured directories
	Weight float64     `json:"weight"`          // capacity in GiB when it became a member
	State  memberState `json:"state,omitempty"` // "" is in use
}

// memberState is what an administrator has made of a mountpath.
type memberState string

const (
	memberActive    memberState = ""
	memberOff       memberState = "off"       // out of service with its names, which are unavailable
	memberDetaching memberState = "detaching" // its names move away; then it is no member any more
	memberDisabling memberState = "disabling" // its names move away; then it is disabled
	memberDisabled  memberState = "disabled"  // has no names
)

// places reports whether names are placed on the mountpath.
func (m member) places() bool { return m.State == memberActive || m.State == memberOff }

func (s memberState) leaving() bool { return s == memberDetaching || s == memberDisabling }

func (g *mountset) leaving(id string) bool {
	i := g.index(id)
	return i >= 0 && g.Members[i].State.leaving()
}

func (g *mountset) index(id string) int {
	return slices.IndexFunc(g.Members, func(m member) bool { return m.ID == id })
}

// placing returns the uuids that names are placed over.
func (g *mountset) placing() (ids []string) {
	for _, m := range g.Members {
		if m.places() {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

func (g mountset) clone() mountset {
	g.Members = slices.Clone(g.Members)
	g.Earlier = slices.Clone(g.Earlier)
	g.Mirrors = g.Mirrors.clone()
	return g
}

// setState changes what is made of a member, and remembers how names were placed
// if that changes.
func (g *mountset) setState(id string, to memberState) {
	before := g.placing()
	g.Members[g.index(id)].State = to
	g.moved(before)
}

// moved notes that names may still lie as they were placed before.
func (g *mountset) moved(before []string) {
	now := g.placing()
	if slices.Equal(before, now) {
		return
	}
	earlier := slices.DeleteFunc(slices.Clone(g.Earlier), func(ids []string) bool {
		return slices.Equal(ids, before) || slices.Equal(ids, now)
	})
	g.Earlier = append([][]string{before}, earlier...)
}

// remove takes a member out of all sets.
func (g *mountset) remove(id string) {
	g.Members = slices.DeleteFunc(g.Members, func(m member) bool { return m.ID == id })
	if g.Mirrors != nil {
		g.Mirrors.Lost = slices.DeleteFunc(g.Mirrors.Lost, func(other string) bool { return other == id })
	}
	var earlier [][]string
	for _, ids := range g.Earlier {
		ids = slices.DeleteFunc(slices.Clone(ids), func(other string) bool { return other == id })
		if len(ids) > 0 && !slices.Equal(ids, g.placing()) {
			earlier = append(earlier, ids)
		}
	}
	g.Earlier = earlier
}

// newLayout makes the layout of a set from its opened mountpaths.
func newLayout(g mountset, by map[string]*mountpath) *layout {
	l := &layout{set: g}
	for _, m := range g.Members {
		if m.State == memberDisabled {
			l.off = append(l.off, by[m.ID])
		} else {
			l.all = append(l.all, by[m.ID])
		}
	}
	for _, ids := range append([][]string{g.placing()}, g.Earlier...) {
		if p := placingOf(l, ids, by); len(p) > 0 {
			l.sets = append(l.sets, p)
		}
	}
	if g.Mirrors != nil {
		l.mirrored = mirroredLayout(l, by)
	}
	return l
}

// placingOf returns those of the mountpaths with the uuids that names may be on.
func placingOf(l *layout, ids []string, by map[string]*mountpath) (p placing) {
	for _, id := range ids {
		if m := by[id]; m != nil && slices.Contains(l.all, m) {
			p = append(p, m)
		}
	}
	return p
}

// byID returns all mountpaths of a layout.
func (l *layout) byID() map[string]*mountpath {
	by := make(map[string]*mountpath)
	for _, m := range slices.Concat(l.all, l.off) {
		by[m.id] = m
	}
	return by
}

// find returns the member with a directory. Invalid where there is none.
func (l *layout) find(dir string) (*mountpath, *member, error) {
	dir = filepath.Clean(dir)
	for _, m := range slices.Concat(l.all, l.off) {
		if filepath.Clean(m.dir) == dir {
			return m, &l.set.Members[l.set.index(m.id)], nil
		}
	}
	var have []string
	for _, m := range slices.Concat(l.all, l.off) {
		have = append(have, m.dir)
	}
	return nil, nil, object.E("fs.Mountpath", "", object.Invalid,
		fmt.Errorf("%s is no mountpath of this target, which has %s", dir, strings.Join(have, ", ")))
}

// refuse returns the error of a change of the mountpaths that is not possible.
func refuse(kind object.Kind, format string, args ...any) error {
	return object.E("fs.Mountpath", "", kind, fmt.Errorf(format, args...))
}

// inService checks that every mountpath can be written to: one that misses a change
// would come back with an older set. Those that are off, and but, are left out, and
// with lost also those whose mirrored names are elsewhere.
func (l *layout) inService(but *mountpath, lost bool) error {
	for _, m := range l.all {
		if m != but && !m.writes() && (!lost || !l.set.isLost(m.id)) && l.set.Members[l.set.index(m.id)].State != memberOff {
			return refuse(object.Refused,
				"mountpath %s is out of service: have it repaired, or detach it by force, which loses the objects on it", m.dir)
		}
	}
	return nil
}

// change makes next the target's mountpaths: it is written to all that can be
// written to, then looked names up by. added (may be nil) is a mountpath that becomes a
// member, but one that is left out. When it fails all is as before, and whether it
// is after a restart is not known; either is good.
func (s *Store) change(next mountset, added, but *mountpath) error {
	l := s.layout.Load()
	s.tried = max(s.tried, l.set.Generation) + 1
	next.Generation = s.tried
	next.relaid(&l.set)
	by := l.byID()
	if added != nil {
		by[added.id] = added
	}
	for i := range next.Members {
		next.Members[i].Dir = by[next.Members[i].ID].dir
	}
	var written []*mountpath
	for _, member := range next.Members {
		m := by[member.ID]
		if m == but {
			continue
		}
		written = append(written, m)
		err := writeIdentity(s.config.OS, m.dir, s.identity(next, m))
		away := m.index.Load() == nil || l.set.isLost(m.id) && !m.writes()
		if err == nil || away && m != added { // off, or disabled, or lost: it hears of it when it is back
			continue
		}
		m.suspect(err)
		for _, m := range written {
			if m != added {
				err = errors.Join(err, writeIdentity(s.config.OS, m.dir, s.identity(l.set, m)))
			}
		}
		return refuse(object.Unavailable, "the mountpaths are as they were: %w", err)
	}
	s.layout.Store(newLayout(next, by))
	s.config.Logger.Info("mountpaths changed", "generation", next.Generation, slog.Any("mountpaths", next.Members), "unsettled", len(next.Earlier) > 0)
	return nil
}

func (s *Store) identity(g mountset, m *mountpath) identity {
	return identity{Format: formatOf(g), Cluster: s.config.Cluster, Target: s.config.Target, Mountpath: m.id, mountset: g, Complete: true}
}
