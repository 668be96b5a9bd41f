package fs_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// modelVersion is a version as the model of the store knows it.
type modelVersion struct {
	id     string // as S3 shows it
	marker bool
	data   []byte
	tags   string
}

// model is what S3 says that a bucket with versions does: of each name its
// versions, newest first.
type model struct {
	versioning object.Versioning
	names      map[string][]modelVersion
}

// add makes v the newest version of a key.
func (m *model) add(key string, v modelVersion) {
	if v.id == object.NullVersion {
		m.names[key] = slices.DeleteFunc(m.names[key], func(old modelVersion) bool { return old.id == v.id })
	}
	m.names[key] = slices.Insert(m.names[key], 0, v)
}

// at returns the place of a version, named as fs names it, −1 for none.
func (m *model) at(key, version string) int {
	if version == "" {
		if len(m.names[key]) == 0 || m.names[key][0].marker {
			return -1
		}
		return 0
	}
	return slices.IndexFunc(m.names[key], func(v modelVersion) bool { return v.id == version })
}

// remove does to the model what the store said it did.
func (m *model) remove(key, version string, out fs.Removed) error {
	if version == "" && m.versioning != object.Unversioned {
		if !out.DeleteMarker {
			return fmt.Errorf("no marker was written: %+v", out)
		}
		m.add(key, modelVersion{id: object.ShownVersion(out.VersionID), marker: true})
		return nil
	}
	i := m.at(key, version)
	if i < 0 {
		return fmt.Errorf("%q of %q was removed, which is not there", version, key)
	}
	if v := m.names[key][i]; object.ShownVersion(out.VersionID) != v.id || out.DeleteMarker != v.marker {
		return fmt.Errorf("%+v was removed, not %+v", out, v)
	}
	m.names[key] = slices.Delete(m.names[key], i, i+1)
	if len(m.names[key]) == 0 {
		delete(m.names, key)
	}
	return nil
}

func (m *model) keys() []string {
	var all []string
	for key := range m.names {
		all = append(all, key)
	}
	slices.Sort(all)
	return all
}

// listing is what a listing of versions shows.
func (m *model) listing(q object.Query) []string {
	var out []string
	for _, key := range m.keys() {
		if !strings.HasPrefix(key, q.Prefix) {
			continue
		}
		if prefix := q.CommonPrefix(key); prefix != "" {
			if !slices.Contains(out, prefix) {
				out = append(out, prefix)
			}
			continue
		}
		for i, v := range m.names[key] {
			out = append(out, fmt.Sprint(key, " ", v.id, " ", i == 0, " ", v.marker, " ", len(v.data)))
		}
	}
	return out
}

func listed(e object.Entry) string {
	if e.Prefix {
		return e.Key
	}
	return fmt.Sprint(e.Key, " ", object.ShownVersion(e.Meta.VersionID), " ", e.Latest, " ", e.Meta.DeleteMarker, " ", e.Meta.Size)
}

// pages lists versions in pages of a size.
func pages(t *testing.T, s *fs.Store, q object.Query) (out []string) {
	t.Helper()
	q.Versions = true
	for {
		p, err := s.List(7, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Entries {
			out = append(out, listed(e))
			q.After, q.AfterVersion = e.Key, ""
			if !e.Prefix {
				q.AfterVersion = object.ShownVersion(e.Meta.VersionID)
			}
		}
		if !p.Truncated {
			return out
		}
		if len(p.Entries) != q.Limit {
			t.Fatalf("a truncated page has %d entries of %d", len(p.Entries), q.Limit)
		}
	}
}

// agree compares everything that the store shows with the model.
func (m *model) agree(t *testing.T, s *fs.Store) {
	t.Helper()
	m.agreeOnNames(t, s)
	for _, q := range []object.Query{{Limit: 1000}, {Limit: 1}, {Limit: 3}, {Limit: 2, Delimiter: "/"}, {Limit: 1, Prefix: "a"}, {Limit: 1, Prefix: "a/", Delimiter: "/"}} {
		m.agreeOnList(t, s, q)
	}
}

// agreeOnList compares one listing, in pages.
func (m *model) agreeOnList(t *testing.T, s *fs.Store, q object.Query) {
	t.Helper()
	if got, want := pages(t, s, q), m.listing(q); !slices.Equal(got, want) {
		t.Fatalf("%+v:\n got %q\nwant %q", q, got, want)
	}
}

// agreeOnNames compares each name, each version and what is counted.
func (m *model) agreeOnNames(t *testing.T, s *fs.Store) {
	t.Helper()
	var current []string
	var bytesOf int64
	for _, key := range []string{"a", "a/b", "a/c", "b\x00", "b/d/e", "z"} {
		versions := m.names[key]
		_, meta, err := get(s, name(key))
		if i := m.at(key, ""); i >= 0 {
			m.sameVersion(t, s, key, "", versions[0])
			current = append(current, key)
			bytesOf += int64(len(versions[0].data))
		} else {
			wantKind(t, err, object.NotFound)
			meta, err = s.Stat(name(key), "")
			wantKind(t, err, object.NotFound)
			marker, ok := fs.Marker(err)
			if ok != (len(versions) > 0) || ok && (!meta.DeleteMarker || object.ShownVersion(marker.VersionID) != versions[0].id) {
				t.Fatalf("%q: %+v, marker %v, want %+v", key, meta, ok, versions)
			}
		}
		for _, v := range versions {
			m.sameVersion(t, s, key, v.id, v)
		}
		for _, none := range []string{object.NullVersion, strings.Repeat("0", 32), "00000000000000010000000000000000", "x"} {
			if m.at(key, none) < 0 {
				_, err := s.Open(name(key), none)
				wantKind(t, err, object.NoSuchVersion)
			}
		}
	}
	if got := keys(t, s, object.Query{}); !slices.Equal(got, current) && len(got)+len(current) > 0 {
		t.Fatalf("listed %q, want %q", got, current)
	}
	if n, size, err := s.Count(7); err != nil || int(n) != len(current) || size != bytesOf {
		t.Fatalf("counted %d objects, %d bytes, %v; want %d, %d", n, size, err, len(current), bytesOf)
	}
	if empty, err := s.Empty(7); err != nil || empty != (len(m.names) == 0) {
		t.Fatal(empty, err, m.names)
	}
}

func (m *model) sameVersion(t *testing.T, s *fs.Store, key, version string, want modelVersion) {
	t.Helper()
	meta, err := s.Stat(name(key), version)
	if want.marker {
		wantKind(t, err, object.DeleteMarked)
		if !meta.DeleteMarker {
			t.Fatalf("%+v is no marker", meta)
		}
		return
	}
	if err != nil || object.ShownVersion(meta.VersionID) != want.id || meta.Tags["t"] != want.tags {
		t.Fatalf("%q %s: %+v, %v, want %+v", key, version, meta, err, want)
	}
	r, err := s.Open(name(key), version)
	if err != nil {
		t.Fatal(err)
	}
	c, err := r.Validated(0, r.Meta().Size)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var got bytes.Buffer
	if _, err := c.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), want.data) {
		t.Fatalf("%q %s: %d bytes, %v, want %d", key, version, got.Len(), err, len(want.data))
	}
}

// putVersion writes an object in a bucket with that versioning.
func putVersion(s *fs.Store, n object.Name, data []byte, v object.Versioning, d object.Durability) (object.Meta, error) {
	w, err := s.Create(n, fs.WriteOptions{Size: int64(len(data)), Durability: d, Checksum: object.MD5})
	if err != nil {
		return object.Meta{}, err
	}
	defer w.Abort()
	if _, err := w.Write(data); err != nil {
		return object.Meta{}, err
	}
	return w.Commit(object.Meta{ETag: etag(data), Owner: "owner"}, fs.Terms{Versioning: v})
}

// modelTest drives a store and the model with the same random operations.
type modelTest struct {
	*testing.T
	s    *fs.Store
	m    *model
	rng  *rand.Rand
	next uint64
}

func (x *modelTest) key() string {
	return []string{"a", "a/b", "a/c", "b\x00", "b/d/e", "z"}[x.rng.IntN(6)]
}

// version returns one of the key's versions, seldom one that it has not.
func (x *modelTest) version(key string) string {
	if v := x.m.names[key]; len(v) > 0 && x.rng.IntN(10) > 0 {
		return v[x.rng.IntN(len(v))].id
	}
	return object.NullVersion
}

func (x *modelTest) data() []byte {
	x.next++
	return content([]int{0, 500, 40_000}[x.rng.IntN(3)], x.next)
}

func (x *modelTest) must(err error) {
	x.Helper()
	if err != nil {
		x.Fatal(err)
	}
}

func (x *modelTest) put() {
	key, data := x.key(), x.data()
	meta, err := putVersion(x.s, name(key), data, x.m.versioning, object.Power)
	x.must(err)
	x.m.add(key, modelVersion{id: object.ShownVersion(meta.VersionID), data: data})
}

func (x *modelTest) publish() {
	key, p1, p2 := x.key(), x.data(), x.data()
	id := fmt.Sprint("u", x.next)
	parts, err := upload(x.s, name(key), id, object.Power, p1, p2)
	x.must(err)
	meta, err := x.s.Publish(name(key), id, parts, 0, finish, fs.Terms{Versioning: x.m.versioning}, object.Power)
	x.must(err)
	again, err := x.s.Publish(name(key), id, parts, 0, finish, fs.Terms{Versioning: x.m.versioning}, object.Power)
	if err != nil || again.VersionID != meta.VersionID || len(again.Parts) != 2 {
		x.Fatalf("repeated: %+v, %v, want %+v", again, err, meta)
	}
	x.m.add(key, modelVersion{id: object.ShownVersion(meta.VersionID), data: join(p1, p2)})
}

func (x *modelTest) copyVersion() {
	src, dst := x.key(), x.key()
	version := x.version(src)
	if x.rng.IntN(2) == 0 {
		version = ""
	}
	i := x.m.at(src, version)
	meta, err := x.s.Copy(name(src), version, name(dst), object.Meta{ETag: "copy", Tags: map[string]string{"t": "copied"}}, nil,
		fs.Terms{Versioning: x.m.versioning}, object.Power)
	switch {
	case i < 0 && version == "":
		wantKind(x, err, object.NotFound)
	case i < 0:
		wantKind(x, err, object.NoSuchVersion)
	case x.m.names[src][i].marker:
		wantKind(x, err, object.DeleteMarked)
	default:
		x.must(err)
		x.m.add(dst, modelVersion{id: object.ShownVersion(meta.VersionID), data: x.m.names[src][i].data, tags: "copied"})
	}
}

func (x *modelTest) update() {
	key := x.key()
	version := x.version(key)
	i := x.m.at(key, version)
	x.next++
	tag := fmt.Sprint(x.next)
	_, err := x.s.Update(name(key), version, object.Power, nil, func(m *object.Meta) error {
		m.Tags = map[string]string{"t": tag}
		m.VersionID = "ignored"
		return nil
	})
	switch {
	case i < 0:
		wantKind(x, err, object.NoSuchVersion)
	case x.m.names[key][i].marker:
		wantKind(x, err, object.DeleteMarked)
	default:
		x.must(err)
		x.m.names[key][i].tags = tag
	}
}

func (x *modelTest) remove() {
	key := x.key()
	version := ""
	if x.rng.IntN(3) > 0 {
		version = x.version(key)
	}
	out, err := x.s.Remove(name(key), version, fs.Terms{Versioning: x.m.versioning}, object.Power)
	x.removed(key, version, out, err)
}

func (x *modelTest) removed(key, version string, out fs.Removed, err error) {
	x.Helper()
	switch {
	case version != "" && x.m.at(key, version) < 0:
		wantKind(x, err, object.NoSuchVersion)
	case version == "" && x.m.versioning == object.Unversioned && x.m.at(key, "") < 0:
		wantKind(x, err, object.NotFound)
	default:
		x.must(err)
		x.must(x.m.remove(key, version, out))
	}
}

func (x *modelTest) removeMany() {
	var list []fs.Removal
	for range 1 + x.rng.IntN(8) {
		r := fs.Removal{Name: name(x.key())}
		if x.rng.IntN(4) > 0 {
			r.Version = x.version(r.Name.Key)
		}
		list = append(list, r)
	}
	out, errs := x.s.RemoveMany(list, fs.Terms{Versioning: x.m.versioning}, object.Power)
	for i, r := range list {
		x.removed(r.Name.Key, r.Version, out[i], errs[i])
	}
}

// TestVersionsAgreeWithModel drives a store and a simple model of S3's versions
// with the same operations and compares all that they show.
func TestVersionsAgreeWithModel(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			f := faultfs.New()
			c := memConfig(f)
			x := &modelTest{T: t, s: open(t, c), m: &model{names: map[string][]modelVersion{}}, rng: rand.New(rand.NewPCG(seed, 1))}
			for step := range 120 {
				if step == 20+int(seed) {
					x.m.versioning = object.Versioned
				}
				switch x.rng.IntN(12) {
				case 0, 1, 2:
					x.put()
				case 3:
					x.publish()
				case 4, 5:
					x.copyVersion()
				case 6:
					x.update()
				case 7, 8:
					x.remove()
				case 9, 10:
					x.removeMany()
				case 11:
					if x.m.versioning != object.Unversioned {
						x.m.versioning = object.Versioned + object.Suspended - x.m.versioning
					}
				}
				if step%40 == 39 {
					x.must(x.s.Close())
					x.s = open(t, c)
				}
				// A difference stays until the name is changed again: all is looked at from time to time.
				if x.m.agreeOnList(t, x.s, object.Query{Limit: 1000}); step%5 == 4 || *everyCall {
					x.m.agree(t, x.s)
				}
			}
			x.dropsAll(c)
		})
	}
}

// dropsAll checks that a dropped bucket leaves nothing.
func (x *modelTest) dropsAll(c fs.Config) {
	x.must(x.s.DropBucket(7))
	x.m.names = map[string][]modelVersion{}
	x.m.agree(x.T, x.s)
	if ids, err := x.s.Buckets(); err != nil || len(ids) > 0 {
		x.Fatal(ids, err)
	}
	x.must(x.s.Close()) // flushes
	x.s = open(x.T, c)
	if n := blobs(x.T, c.OS, c); n != 0 {
		x.Fatalf("%d blobs are left", n)
	}
}

// TestLateUnversionedWriteLosesNothing commits with the versioning that a bucket
// had before others saw it change.
func TestLateUnversionedWriteLosesNothing(t *testing.T) {
	s := open(t, memConfig(faultfs.New()))
	first, err := putVersion(s, name("k"), small, object.Versioned, object.Power)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := putVersion(s, name("k"), large, object.Unversioned, object.Power); err != nil {
		t.Fatal(err)
	}
	out, err := s.Remove(name("k"), "", fs.Terms{}, object.Power)
	if err != nil || !out.DeleteMarker {
		t.Fatal(out, err)
	}
	if m, err := s.Stat(name("k"), first.VersionID); err != nil || m.Size != int64(len(small)) {
		t.Fatal(m, err)
	}
}

// TestCountersNeverGoBack removes the newest version and writes another.
func TestCountersNeverGoBack(t *testing.T) {
	s := open(t, memConfig(faultfs.New()))
	var last uint64
	for i := range 6 {
		m, err := putVersion(s, name("k"), small, object.Versioned, object.Power)
		if err != nil || m.Version.Counter <= last {
			t.Fatal(m.Version, last, err)
		}
		last = m.Version.Counter
		if i%2 == 1 {
			if _, err := s.Remove(name("k"), m.VersionID, fs.Terms{Versioning: object.Versioned}, object.Power); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestListGoesOnAfterRemovedVersions asks for what follows a version that was
// removed since the last page.
func TestListGoesOnAfterRemovedVersions(t *testing.T) {
	s := open(t, memConfig(faultfs.New()))
	if _, err := putVersion(s, name("k"), small, object.Unversioned, object.Power); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for range 4 {
		m, err := putVersion(s, name("k"), small, object.Versioned, object.Power)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.VersionID)
	}
	after := func(version string) (out []string) {
		p, err := s.List(7, object.Query{Limit: 10, Versions: true, After: "k", AfterVersion: version})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Entries {
			out = append(out, fmt.Sprint(object.ShownVersion(e.Meta.VersionID), " ", e.Latest))
		}
		return out
	}
	for _, i := range []int{2, 3} { // one that is old, then the newest
		if _, err := s.Remove(name("k"), ids[i], fs.Terms{Versioning: object.Versioned}, object.Power); err != nil {
			t.Fatal(err)
		}
		want := []string{ids[1] + fmt.Sprint(" ", i == 3), ids[0] + " false", "null false"}
		if got := after(ids[i]); !slices.Equal(got, want) {
			t.Fatalf("after %d: %q, want %q", i, got, want)
		}
	}
	if _, err := s.Remove(name("k"), object.NullVersion, fs.Terms{Versioning: object.Versioned}, object.Power); err != nil {
		t.Fatal(err)
	}
	if got, want := after(object.NullVersion), []string{ids[1] + " true", ids[0] + " false"}; !slices.Equal(got, want) {
		t.Fatalf("after null: %q, want %q", got, want)
	}
	_, err := s.List(7, object.Query{Limit: 10, Versions: true, After: "k", AfterVersion: "junk"})
	wantKind(t, err, object.Invalid)
}

// TestVersionsWhileTheyMove reads versions that are demoted and promoted all the
// time: each is there at every moment, and a listing shows each once.
func TestVersionsWhileTheyMove(t *testing.T) {
	s := open(t, memConfig(faultfs.New()))
	n := name("k")
	first, err := putVersion(s, n, small, object.Versioned, object.Power)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			out, err := s.Remove(n, "", fs.Terms{Versioning: object.Versioned}, object.Process)
			if err == nil {
				_, err = s.Remove(n, out.VersionID, fs.Terms{Versioning: object.Versioned}, object.Process)
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	looks := 150
	if *everyCall {
		looks = 2_000
	}
	for range looks {
		if _, err := s.Stat(n, first.VersionID); err != nil {
			t.Fatal(err)
		}
		p, err := s.List(7, object.Query{Limit: 10, Versions: true})
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for i, e := range p.Entries {
			if e.Meta.VersionID == first.VersionID {
				seen++
			}
			if e.Latest != (i == 0) {
				t.Fatalf("%+v", p.Entries)
			}
		}
		if seen != 1 {
			t.Fatalf("the version is listed %d times", seen)
		}
	}
}

// TestOneOfManyConditionalWritesWins races writes of a name that must not exist.
func TestOneOfManyConditionalWritesWins(t *testing.T) {
	for _, v := range []object.Versioning{object.Unversioned, object.Versioned} {
		s := open(t, memConfig(faultfs.New()))
		if v == object.Versioned { // a delete marker is nothing
			if _, err := s.Remove(name("k"), "", fs.Terms{Versioning: v}, object.Power); err != nil {
				t.Fatal(err)
			}
		}
		var mu sync.Mutex
		var wg sync.WaitGroup
		won := 0
		for i := range 1000 {
			wg.Go(func() {
				w, err := s.Create(name("k"), fs.WriteOptions{Size: -1, Durability: object.Process, Checksum: object.MD5})
				if err != nil {
					t.Error(err)
					return
				}
				defer w.Abort()
				if _, err := w.Write(content(100, uint64(i))); err != nil {
					t.Error(err)
				}
				_, err = w.Commit(object.Meta{ETag: fmt.Sprint(i)}, fs.Terms{Versioning: v, Cond: object.Cond{IfNoneMatch: "*"}})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case object.KindOf(err) != object.Precondition:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won != 1 {
			t.Fatalf("%v: %d writes won", v, won)
		}
	}
}
