package fs_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// state is what a bucket holds: content by key, and how many blobs that takes.
type state struct {
	objects map[string][]byte
	past    [][]byte // other versions of "k", newest first; nil is a delete marker
	uploads int
	parts   int // of upload "u" of "k"
	blobs   int
}

// operation is a change and the states before and after it.
type operation struct {
	name          string
	setup, do     func(s *fs.Store, d object.Durability) error
	before, after state
}

var (
	small, large = content(500, 1), content(40_000, 2)
	part1, part2 = content(9_000, 3), content(8_000, 4)
	nothing      = state{}
)

func one(key string, data []byte) state {
	st := state{objects: map[string][]byte{key: data}}
	if len(data) > 1<<10 {
		st.blobs = 1
	}
	return st
}

func putOp(key string, data []byte) func(*fs.Store, object.Durability) error {
	return func(s *fs.Store, d object.Durability) error {
		_, err := tryPut(s, name(key), data, object.Cond{}, d)
		return err
	}
}

func fillOp(key string, data []byte) func(*fs.Store, object.Durability) error {
	return func(s *fs.Store, d object.Durability) error {
		_, err := tryFill(s, name(key), data, d, fs.Terms{})
		return err
	}
}

func uploadOp(s *fs.Store, d object.Durability) error {
	_, err := upload(s, name("k"), "u", d, part1, part2, small)
	return err
}

func publishOp(s *fs.Store, d object.Durability) error {
	_, err := publish(s, name("k"), "u", []object.Listed{{Number: 1, ETag: etag(part1)}, {Number: 2, ETag: etag(part2)}}, d)
	return err
}

func none(*fs.Store, object.Durability) error { return nil }

func operations() []operation {
	published := state{objects: map[string][]byte{"k": join(part1, part2)}, blobs: 2}
	return []operation{
		{"put inline", none, putOp("k", small), nothing, one("k", small)},
		{"put blob", none, putOp("k", large), nothing, one("k", large)},
		{"overwrite blob by inline", putOp("k", large), putOp("k", small), one("k", large), one("k", small)},
		{"overwrite inline by blob", putOp("k", small), putOp("k", large), one("k", small), one("k", large)},
		{"overwrite blob by blob", putOp("k", part1), putOp("k", large), one("k", part1), one("k", large)},
		{"fill inline", none, fillOp("k", small), nothing, one("k", small)},
		{"fill blob", none, fillOp("k", large), nothing, one("k", large)},
		{"fill over blob", putOp("k", part1), fillOp("k", large), one("k", part1), one("k", large)},
		{"fill in vain", putOp("k", part1), func(s *fs.Store, d object.Durability) error {
			_, err := tryFill(s, name("k"), large, d, fs.Terms{If: func(*object.Meta) error { return object.Busy }})
			if object.KindOf(err) != object.Busy {
				return err
			}
			return nil
		}, one("k", part1), one("k", part1)},
		{"remove", putOp("k", large), func(s *fs.Store, d object.Durability) error {
			_, err := s.Remove(name("k"), "", fs.Terms{}, d)
			return err
		}, one("k", large), nothing},
		{"remove many", putOp("k", large), func(s *fs.Store, d object.Durability) error {
			return errors.Join(removeAll(s, d, name("k"))...)
		}, one("k", large), nothing},
		{"copy", putOp("k", large), func(s *fs.Store, d object.Durability) error {
			_, err := s.Copy(name("k"), "", name("l"), object.Meta{ETag: "e"}, nil, fs.Terms{}, d)
			return err
		}, one("k", large), state{objects: map[string][]byte{"k": large, "l": large}, blobs: 1}},
		{"part", func(s *fs.Store, d object.Durability) error {
			return s.Begin(object.Upload{ID: "u", Name: name("k")}, d)
		}, func(s *fs.Store, d object.Durability) error {
			_, err := putPart(s, name("k"), "u", 1, part1, d)
			return err
		}, state{uploads: 1}, state{uploads: 1, parts: 1, blobs: 1}},
		{"publish", func(s *fs.Store, d object.Durability) error {
			return errors.Join(putOp("k", large)(s, d), uploadOp(s, d))
		}, publishOp, state{objects: map[string][]byte{"k": large}, uploads: 1, parts: 3, blobs: 4}, published},
		{"discard", uploadOp, func(s *fs.Store, _ object.Durability) error {
			return s.Discard(name("k"), "u")
		}, state{uploads: 1, parts: 3, blobs: 3}, nothing},
		{"put a version", putOp("k", large), versionOp(part1), one("k", large),
			state{objects: map[string][]byte{"k": part1}, past: [][]byte{large}, blobs: 2}},
		{"replace an old null version", seq(putOp("k", large), versionOp(part1)), func(s *fs.Store, d object.Durability) error {
			_, err := putVersion(s, name("k"), small, object.Suspended, d)
			return err
		}, state{objects: map[string][]byte{"k": part1}, past: [][]byte{large}, blobs: 2},
			state{objects: map[string][]byte{"k": small}, past: [][]byte{part1}, blobs: 1}},
		{"mark", putOp("k", large), removeOp("", object.Versioned), one("k", large), state{past: [][]byte{nil, large}, blobs: 1}},
		{"mark in place of the null version", putOp("k", large), removeOp("", object.Suspended), one("k", large), state{past: [][]byte{nil}}},
		{"promote a version", seq(putOp("k", large), versionOp(small), versionOp(part1)), removeNewest,
			state{objects: map[string][]byte{"k": part1}, past: [][]byte{small, large}, blobs: 2},
			state{objects: map[string][]byte{"k": small}, past: [][]byte{large}, blobs: 1}},
		{"remove a marker", seq(putOp("k", large), removeOp("", object.Versioned)), removeNewest,
			state{past: [][]byte{nil, large}, blobs: 1}, one("k", large)},
		{"remove all versions", seq(putOp("k", large), versionOp(part1), removeOp("", object.Versioned)), removeVersions,
			state{past: [][]byte{nil, part1, large}, blobs: 2}, nothing},
		{"publish a version", seq(putOp("k", large), uploadOp), func(s *fs.Store, d object.Durability) error {
			listed := []object.Listed{{Number: 1, ETag: etag(part1)}, {Number: 2, ETag: etag(part2)}}
			_, err := s.Publish(name("k"), "u", listed, 0, finish, fs.Terms{Versioning: object.Versioned}, d)
			return err
		}, state{objects: map[string][]byte{"k": large}, uploads: 1, parts: 3, blobs: 4},
			state{objects: published.objects, past: [][]byte{large}, blobs: 3}},
		{"restore a version by copy", seq(putOp("k", large), versionOp(small)), func(s *fs.Store, d object.Durability) error {
			_, err := s.Copy(name("k"), object.NullVersion, name("k"), object.Meta{ETag: "e"}, nil, fs.Terms{Versioning: object.Versioned}, d)
			return err
		}, state{objects: map[string][]byte{"k": small}, past: [][]byte{large}, blobs: 1},
			state{objects: map[string][]byte{"k": large}, past: [][]byte{small, large}, blobs: 1}},
	}
}

func seq(all ...func(*fs.Store, object.Durability) error) func(*fs.Store, object.Durability) error {
	return func(s *fs.Store, d object.Durability) error {
		for _, f := range all {
			if err := f(s, d); err != nil {
				return err
			}
		}
		return nil
	}
}

func versionOp(data []byte) func(*fs.Store, object.Durability) error {
	return func(s *fs.Store, d object.Durability) error {
		_, err := putVersion(s, name("k"), data, object.Versioned, d)
		return err
	}
}

func removeOp(version string, v object.Versioning) func(*fs.Store, object.Durability) error {
	return func(s *fs.Store, d object.Durability) error {
		_, err := s.Remove(name("k"), version, fs.Terms{Versioning: v}, d)
		return err
	}
}

// versionsOfK returns the ids of k's versions, newest first.
func versionsOfK(s *fs.Store) (ids []string, err error) {
	p, err := s.List(7, object.Query{Prefix: "k", Limit: 100, Versions: true})
	for _, e := range p.Entries {
		ids = append(ids, object.ShownVersion(e.Meta.VersionID))
	}
	return ids, err
}

func removeNewest(s *fs.Store, d object.Durability) error {
	ids, err := versionsOfK(s)
	if err != nil || len(ids) == 0 {
		return errors.Join(err, object.NotFound)
	}
	return removeOp(ids[0], object.Versioned)(s, d)
}

func removeVersions(s *fs.Store, d object.Durability) error {
	ids, err := versionsOfK(s)
	if err != nil {
		return err
	}
	var list []fs.Removal
	for _, id := range ids {
		list = append(list, fs.Removal{Name: name("k"), Version: id})
	}
	_, errs := s.RemoveMany(list, fs.Terms{Versioning: object.Versioned}, d)
	return errors.Join(errs...)
}

// comparePast returns why the other versions of "k" are not those wanted.
func comparePast(s *fs.Store, want state) string {
	p, err := s.List(7, object.Query{Limit: 100, Versions: true})
	if err != nil || len(p.Entries) != len(want.objects)+len(want.past) {
		return fmt.Sprintf("%d versions, %v", len(p.Entries), err)
	}
	p.Entries = slices.DeleteFunc(p.Entries, func(e object.Entry) bool { return e.Latest && !e.Meta.DeleteMarker })
	for i, e := range p.Entries {
		id := object.ShownVersion(e.Meta.VersionID)
		if want.past[i] == nil {
			if _, err := s.Stat(name(e.Key), id); object.KindOf(err) != object.DeleteMarked {
				return fmt.Sprintf("%s is no marker: %v", id, err)
			}
			continue
		}
		r, err := s.Open(name(e.Key), id)
		if err != nil {
			return err.Error()
		}
		got := make([]byte, len(want.past[i]))
		_, err = r.ReadAt(got, 0)
		r.Close()
		if err != nil || !bytes.Equal(got, want.past[i]) {
			return fmt.Sprintf("version %s: %v, or other content", id, err)
		}
	}
	return ""
}

func crashConfig(o fs.OS) fs.Config {
	c := memConfig(o)
	c.Mountpaths = []string{"/m"}
	c.FlushEvery = time.Hour // Close flushes
	return c
}

// compare returns why the store is not in the state, "" if it is.
func compare(s *fs.Store, want state) string {
	page, err := s.List(7, object.Query{Limit: 100})
	if err != nil {
		return err.Error()
	}
	if len(page.Entries) != len(want.objects) {
		return fmt.Sprintf("%d objects, want %d", len(page.Entries), len(want.objects))
	}
	for _, e := range page.Entries {
		got, _, err := get(s, name(e.Key))
		if err != nil || !bytes.Equal(got, want.objects[e.Key]) {
			return fmt.Sprintf("%s: %d bytes, %v", e.Key, len(got), err)
		}
	}
	ups, err := s.Uploads(7, object.Query{Limit: 100}, "")
	if err != nil || len(ups.Entries) != want.uploads {
		return fmt.Sprintf("%d uploads, %v", len(ups.Entries), err)
	}
	if want.uploads > 0 {
		if parts, _, err := s.Parts(name("k"), "u", 0, 100); err != nil || len(parts) != want.parts {
			return fmt.Sprintf("%d parts, %v", len(parts), err)
		}
	}
	if why := comparePast(s, want); why != "" {
		return why
	}
	if n, _, err := s.Count(7); err != nil || int(n) != len(want.objects) {
		return fmt.Sprintf("counted %d, %v", n, err)
	}
	return ""
}

// wantEither checks that the store is in one of the states, and in after where
// the change was acknowledged; that a sweep leaves no blob too many; and that the
// store still works.
func wantEither(t *testing.T, s *fs.Store, c fs.Config, op operation, acknowledged bool) {
	t.Helper()
	now := op.after
	if why := compare(s, op.after); why != "" {
		if acknowledged {
			t.Fatalf("acknowledged, but %s", why)
		}
		if old := compare(s, op.before); old != "" {
			t.Fatalf("not as before: %s; not as after: %s", old, why)
		}
		now = op.before
	}
	sweep(t, s)
	if n := blobs(t, c.OS, c); n != now.blobs {
		t.Fatalf("%d blobs after the sweep, want %d", n, now.blobs)
	}
	put(t, s, object.Name{Bucket: 8, Key: "later"}, large)
}

// TestPowerLoss cuts the power at each changing call of each operation, and looks
// at what is there afterwards: nothing that was not synced, some of it, or all of
// it, which is what a killed process leaves.
func TestPowerLoss(t *testing.T) {
	for _, d := range []object.Durability{object.Power, object.Process} {
		for i, op := range operations() {
			t.Run(strings.ReplaceAll(d.String()+"/"+op.name, " ", "-"), func(t *testing.T) {
				t.Parallel()
				base := prepare(t, op)
				hit := true
				for n := 1; hit; n++ {
					hit = cutAt(t, base, op, d, n, i+n)
				}
			})
		}
	}
}

// prepare returns the file system of a closed store in the state before.
func prepare(t *testing.T, op operation) *faultfs.FS {
	t.Helper()
	base := faultfs.New()
	s := open(t, crashConfig(base))
	if err := op.setup(s, object.Power); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return base
}

// cutAt cuts the power at the n-th call, and reports whether there was one. Of how much
// may be left of what was not synced, one case is looked at, by turns; with -fs.every all.
func cutAt(t *testing.T, base *faultfs.FS, op operation, d object.Durability, n, turn int) bool {
	t.Helper()
	f := base.AfterKill()
	s := open(t, crashConfig(f))
	f.CutPower(n)
	err := op.do(s, d)
	if err == nil && d == object.Process {
		s.Close() // and with it what was put off
	}
	hit, trace := f.Disarm()
	if !hit && len(trace) < 2 {
		t.Fatalf("only %q was counted", trace)
	}
	percents := []int{0, 50, 100}
	if d == object.Process {
		percents = []int{100} // what process promises
		if err != nil {
			percents = []int{0, 100}
		}
	}
	if !*everyCall {
		percents = percents[turn%len(percents):][:1]
	}
	for _, percent := range percents {
		c := crashConfig(f.AfterPowerLoss(percent, uint64(n)))
		after, oerr := fs.Open(c)
		if oerr != nil {
			t.Fatalf("call %d %q, %d %%: %v", n, trace, percent, oerr)
		}
		acknowledged := err == nil && (d == object.Power || percent == 100)
		t.Logf("call %d of %q, %d %%, %v", n, trace, percent, err)
		wantEither(t, after, c, op, acknowledged)
		after.Close()
	}
	s.Close()
	return hit
}

// TestFailingCalls lets each changing call of each operation fail once. The store
// goes on, or its mountpath is reopened; then the old state or the new one is
// there, also after a restart.
func TestFailingCalls(t *testing.T) {
	for _, op := range operations() {
		t.Run(strings.ReplaceAll(op.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			base := prepare(t, op)
			for n, hit := 1, true; hit; n++ {
				f := base.AfterKill()
				c := crashConfig(f)
				s := open(t, c)
				f.Fail(n, "", errInjected, false)
				err := op.do(s, object.Power)
				var trace []string
				hit, trace = f.Disarm()
				t.Logf("call %d of %q: %v", n, trace, err)
				waitHealthy(t, s)
				if err == nil && !hit {
					wantEither(t, s, c, op, true)
					break
				}
				if why := compare(s, op.after); why != "" && (err == nil || compare(s, op.before) != "") {
					t.Fatal(why, compare(s, op.before))
				}
				if cerr := s.Close(); cerr != nil {
					t.Fatal(cerr)
				}
				s = open(t, c)
				wantEither(t, s, c, op, err == nil)
				s.Close()
			}
		})
	}
}

func waitHealthy(t *testing.T, s *fs.Store) {
	t.Helper()
	waitFor(t, func() bool {
		return !slices.ContainsFunc(s.Mountpaths(), func(m fs.MountpathStatus) bool { return !m.State.Serves() })
	})
}

// waitFor waits until a condition holds. It looks less and less often, so that looking
// does not slow down what it waits for.
func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for pause := 2 * time.Millisecond; !holds(); pause = min(2*pause, 100*time.Millisecond) {
		select {
		case <-deadline:
			t.Fatal("the condition does not come to hold")
		case <-time.After(pause):
		}
	}
}

// TestUnsyncedLogsAreNoDamage writes much more than a log holds in process mode,
// with power commits in between, and loses power: the store must open, with every
// object that a power commit acknowledged.
func TestUnsyncedLogsAreNoDamage(t *testing.T) {
	for seed := range uint64(2) {
		f := faultfs.New()
		c := crashConfig(f)
		c.MemTableBytes = 256 << 10
		s := open(t, c)
		var durable []string
		for i := range 800 {
			d := object.Process
			if i%97 == 0 {
				d = object.Power
				durable = append(durable, fmt.Sprint(i))
			}
			if _, err := tryPut(s, name(fmt.Sprint(i)), content(900, uint64(i)), object.Cond{}, d); err != nil {
				t.Fatal(err)
			}
		}
		for _, percent := range []int{0, 30, 100} {
			c.OS = f.AfterPowerLoss(percent, seed)
			after := open(t, c)
			for _, k := range durable {
				var i uint64
				fmt.Sscan(k, &i)
				wantContent(t, after, name(k), content(900, i))
			}
			if n := len(keys(t, after, object.Query{Limit: 2000})); percent == 100 && n != 800 {
				t.Fatalf("%d objects survived a kill", n)
			}
			after.Close()
		}
		s.Close()
	}
}
