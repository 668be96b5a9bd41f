package fs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// belongings is one of everything that a name can have, some of it twice, so that
// part of it moves wherever it is placed.
type belongings struct {
	objects map[string][]byte
	past    map[string][][]byte // by key, newest first; nil is a delete marker
	parts   map[string][][]byte // of uploads "u" in progress
	listed  []object.Listed     // of the upload "done" of "multi-0"
}

const sets = 2

func furnish(t testing.TB, s *fs.Store) *belongings {
	t.Helper()
	b := &belongings{objects: map[string][]byte{}, past: map[string][][]byte{}, parts: map[string][][]byte{}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range sets {
		key := func(kind string) string { return fmt.Sprint(kind, "-", i) }
		b.objects[key("inline")], b.objects[key("blob")] = content(300+i, 1), content(30_000+i, 2)
		put(t, s, name(key("inline")), b.objects[key("inline")])
		put(t, s, name(key("blob")), b.objects[key("blob")])
		_, err := s.Copy(name(key("blob")), "", name(key("copy")), object.Meta{ETag: "e"}, nil, fs.Terms{}, object.Power)
		must(err)
		b.objects[key("copy")] = b.objects[key("blob")]
		listed, err := upload(s, name(key("multi")), "done", object.Power, part1, part2)
		must(err)
		_, err = publish(s, name(key("multi")), "done", listed, object.Power)
		must(err)
		b.listed, b.objects[key("multi")] = listed, join(part1, part2)
		must(s.Begin(object.Upload{ID: "u", Name: name(key("upload"))}, object.Power))
		_, err = putPart(s, name(key("upload")), "u", 1, part1, object.Power)
		must(err)
		_, err = s.CopyPart(name(key("blob")), "", object.Range{Offset: 1000, Length: 9000}, name(key("upload")), "u", 2, nil, nil,
			fs.WriteOptions{Durability: object.Power, Checksum: object.MD5})
		must(err)
		b.parts[key("upload")] = [][]byte{part1, b.objects[key("blob")][1000:10_000]}
		for _, data := range [][]byte{large, small, part1} {
			_, err = putVersion(s, name(key("versions")), data, object.Versioned, object.Power)
			must(err)
		}
		b.objects[key("versions")], b.past[key("versions")] = part1, [][]byte{small, large}
		_, err = putVersion(s, name(key("marked")), part2, object.Versioned, object.Power)
		must(err)
		must(removeKey(s, key("marked")))
		b.past[key("marked")] = [][]byte{nil, part2}
	}
	return b
}

func removeKey(s *fs.Store, key string) error {
	_, err := s.Remove(name(key), "", fs.Terms{Versioning: object.Versioned}, object.Power)
	return err
}

// differs returns why the store does not have exactly what is expected, "" if it has.
func (b *belongings) differs(s *fs.Store) string {
	page, err := s.List(7, object.Query{Limit: 1000})
	if err != nil {
		return err.Error()
	}
	if len(page.Entries) != len(b.objects) {
		missing := maps.Clone(b.objects)
		for _, e := range page.Entries {
			delete(missing, e.Key)
		}
		return fmt.Sprintf("%d objects are listed, want %d: %q are missing", len(page.Entries), len(b.objects), slices.Collect(maps.Keys(missing)))
	}
	size := int64(0)
	for i, e := range page.Entries {
		if i > 0 && page.Entries[i-1].Key >= e.Key {
			return "the listing is not in order at " + e.Key
		}
		got, _, err := get(s, name(e.Key))
		if err != nil || !bytes.Equal(got, b.objects[e.Key]) {
			return fmt.Sprintf("%s: %d bytes, %v", e.Key, len(got), err)
		}
		size += int64(len(got))
	}
	if n, total, err := s.Count(7); err != nil || int(n) != len(b.objects) || total != size {
		return fmt.Sprintf("counted %d objects and %d bytes, want %d and %d, %v", n, total, len(b.objects), size, err)
	}
	for _, differ := range []func(*fs.Store) string{b.versionsDiffer, b.uploadsDiffer} {
		if why := differ(s); why != "" {
			return why
		}
	}
	return ""
}

func (b *belongings) versionsDiffer(s *fs.Store) string {
	page, err := s.List(7, object.Query{Limit: 1000, Versions: true})
	if err != nil {
		return err.Error()
	}
	have := map[string][]string{}
	for _, e := range page.Entries {
		if !e.Latest || e.Meta.DeleteMarker {
			have[e.Key] = append(have[e.Key], object.ShownVersion(e.Meta.VersionID))
		}
	}
	if len(have) != len(b.past) {
		return fmt.Sprintf("%d names have versions, want %d", len(have), len(b.past))
	}
	for key, want := range b.past {
		if len(have[key]) != len(want) {
			return fmt.Sprintf("%s has %d versions, want %d", key, len(have[key]), len(want))
		}
		for i, id := range have[key] {
			got, err := getVersion(s, key, id)
			if want[i] == nil && object.KindOf(err) == object.DeleteMarked {
				continue
			}
			if err != nil || !bytes.Equal(got, want[i]) {
				return fmt.Sprintf("%s version %s: %d bytes, %v", key, id, len(got), err)
			}
		}
	}
	return ""
}

func getVersion(s *fs.Store, key, id string) ([]byte, error) {
	r, err := s.Open(name(key), id)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if err := r.Verify(0, r.Meta().Size); err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(r, 0, r.Meta().Size))
}

func (b *belongings) uploadsDiffer(s *fs.Store) string {
	page, err := s.Uploads(7, object.Query{Limit: 1000}, "")
	if err != nil || len(page.Entries) != len(b.parts) {
		return fmt.Sprintf("%d uploads, want %d, %v", len(page.Entries), len(b.parts), err)
	}
	for key, want := range b.parts {
		parts, _, err := s.Parts(name(key), "u", 0, 1000)
		if err != nil || len(parts) != len(want) {
			return fmt.Sprintf("%s: %d parts, want %d, %v", key, len(parts), len(want), err)
		}
	}
	if _, err := publish(s, name("multi-1"), "done", b.listed, object.Power); err != nil {
		return "a publish that is repeated: " + err.Error()
	}
	return ""
}

// finishUploads publishes the uploads and looks at the objects.
func (b *belongings) finishUploads(t testing.TB, s *fs.Store) {
	t.Helper()
	for key, want := range b.parts {
		parts, _, err := s.Parts(name(key), "u", 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		var listed []object.Listed
		for _, p := range parts {
			listed = append(listed, object.Listed{Number: p.Number, ETag: p.ETag})
		}
		if _, err := publish(s, name(key), "u", listed, object.Power); err != nil {
			t.Fatal(err)
		}
		wantContent(t, s, name(key), join(want...))
	}
}

func resilver(t testing.TB, s *fs.Store) *fs.Progress {
	t.Helper()
	p := &fs.Progress{}
	if err := s.Resilver(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	if s.Unsettled() {
		t.Fatal("the resilver has ended, but names may still be anywhere")
	}
	return p
}

func wantStates(t testing.TB, s *fs.Store, want string) {
	t.Helper()
	if got := states(s); got != want {
		t.Fatalf("mountpaths %q, want %q", got, want)
	}
}

func states(s *fs.Store) string {
	var all []string
	for _, m := range s.Mountpaths() {
		all = append(all, m.Dir+" "+string(m.State))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// TestMountpathsAtRunTime attaches, disables, enables and detaches mountpaths, with
// a look at everything in between, before and after names are moved, and after a
// restart.
func TestMountpathsAtRunTime(t *testing.T) {
	o := faultfs.New()
	c := memConfig(o)
	s := open(t, c)
	b := furnish(t, s)
	steps := []struct {
		name, after string
		do          func() error
	}{
		{"attach", "/m1 ok, /m2 ok, /m3 ok", func() error { return s.Attach("/m3") }},
		{"disable", "/m1 disabled, /m2 ok, /m3 ok", func() error { return s.Disable("/m1", false) }},
		{"attach another", "/m1 disabled, /m2 ok, /m3 ok, /m4 ok", func() error { return s.Attach("/m4") }},
		{"enable", "/m1 ok, /m2 ok, /m3 ok, /m4 ok", func() error { return s.Enable("/m1") }},
		{"detach", "/m1 ok, /m3 ok, /m4 ok", func() error { return s.Detach("/m2", false) }},
		{"detach another", "/m1 ok, /m4 ok", func() error { return s.Detach("/m3", false) }},
		{"attach again", "/m1 ok, /m2 ok, /m4 ok", func() error { return s.Attach("/m2") }},
		{"disable and detach", "/m1 ok, /m4 ok", func() error { return s.Disable("/m2", false) }},
		{"three at once", "/m3 ok", func() error {
			return errors.Join(s.Detach("/m1", false), s.Attach("/m3"), s.Detach("/m4", false))
		}},
	}
	moved := int64(0)
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		check := func(when string) {
			t.Helper()
			if why := b.differs(s); why != "" {
				t.Fatalf("%s, %s: %s", step.name, when, why)
			}
		}
		check("before names are moved")
		s.Close()
		s = open(t, c)
		check("after a restart before names are moved")
		p := resilver(t, s)
		if step.name == "disable and detach" {
			if err := errors.Join(s.Detach("/m2", false), s.Attach("/m2"), s.Detach("/m2", false)); err != nil {
				t.Fatal(err)
			}
			resilver(t, s)
		}
		moved += p.Objects.Load()
		check("after names were moved")
		wantStates(t, s, step.after)
		if p := resilver(t, s); p.Objects.Load() != 0 {
			t.Fatalf("%s: %d names were not where they belong", step.name, p.Objects.Load())
		}
		if r := sweep(t, s); r.Orphans != 0 {
			t.Fatalf("%s: %d orphans", step.name, r.Orphans)
		}
		s.Close()
		s = open(t, c)
		check("after a restart")
		wantStates(t, s, step.after)
	}
	if moved < 10 {
		t.Fatalf("only %d names were moved in all", moved)
	}
	b.finishUploads(t, s)
	resilver(t, s)
	s.Close()
	for _, dir := range []string{"/m1", "/m4"} {
		if names, err := o.List("test.list", dir+"/blobs"); err == nil {
			t.Fatalf("%s was detached and has blobs %q", dir, names)
		}
	}
}

// TestMountpathsRefused asks for what must not be.
func TestMountpathsRefused(t *testing.T) {
	o := faultfs.New()
	other := memConfig(o)
	other.Target, other.Mountpaths = "other", []string{"/other"}
	open(t, other)
	f, err := o.OpenFile("test.create", "/file", 0x42, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	c := memConfig(o)
	s := open(t, c)
	b := furnish(t, s)
	for _, tt := range []struct {
		err  error
		kind object.Kind
		says string
	}{
		{s.Attach("m3"), object.Invalid, "absolute"},
		{s.Attach("/m1"), object.Exists, "is a mountpath"},
		{s.Attach("/m1/"), object.Exists, "is a mountpath"},
		{s.Attach("/m1/sub"), object.Invalid, "inside"},
		{s.Attach("/"), object.Invalid, "inside"},
		{s.Attach("/other"), object.Invalid, `"other"`},
		{s.Attach("/other/index"), object.Invalid, "not empty"},
		{s.Detach("/m9", false), object.Invalid, "which has /m1, /m2"},
		{s.Enable("/m9"), object.Invalid, "no mountpath"},
		{s.Disable("/m9", true), object.Invalid, "no mountpath"},
	} {
		wantKind(t, tt.err, tt.kind)
		if !strings.Contains(tt.err.Error(), tt.says) {
			t.Errorf("%v does not say %q", tt.err, tt.says)
		}
	}
	if err := s.Detach("/m1", false); err != nil {
		t.Fatal(err)
	}
	wantKind(t, s.Detach("/m2", false), object.Invalid)
	wantKind(t, s.Disable("/m2", true), object.Invalid)
	resilver(t, s)
	wantKind(t, s.Detach("/m2", false), object.Invalid)
	wantKind(t, s.Disable("/m2", false), object.Invalid)
	if why := b.differs(s); why != "" {
		t.Fatal(why)
	}
}

// TestDisableByForce takes a mountpath with its names away, and brings it back.
func TestDisableByForce(t *testing.T) {
	o := faultfs.New()
	c := memConfig(o)
	s := open(t, c)
	b := furnish(t, s)
	if err := s.Disable("/m1", true); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		wantStates(t, s, "/m1 disabled, /m2 ok")
		there, away := 0, 0
		for key, want := range b.objects {
			got, _, err := get(s, name(key))
			if err == nil && bytes.Equal(got, want) {
				there++
				continue
			}
			wantKind(t, err, object.Unavailable)
			away++
			_, err = tryPut(s, name(key), small, object.Cond{}, object.Power)
			wantKind(t, err, object.Unavailable)
		}
		if there == 0 || away == 0 {
			t.Fatal(there, away)
		}
		_, err := s.List(7, object.Query{Limit: 10})
		wantKind(t, err, object.Unavailable)
		s.Close()
		s = open(t, c)
	}
	if err := s.Enable("/m1"); err != nil {
		t.Fatal(err)
	}
	wantStates(t, s, "/m1 ok, /m2 ok")
	if why := b.differs(s); why != "" {
		t.Fatal(why)
	}
	if p := resilver(t, s); p.Objects.Load() != 0 {
		t.Fatal("names were moved")
	}
}

// TestLostMountpath detaches a mountpath that is gone for good, and meets it again.
func TestLostMountpath(t *testing.T) {
	o := faultfs.New()
	c := memConfig(o)
	s := open(t, c)
	furnish(t, s)
	s.Close()
	if err := o.Rename("test.rename", "/m1", "/away"); err != nil {
		t.Fatal(err)
	}
	s = open(t, c)
	wantStates(t, s, "/m1 failed, /m2 ok")
	wantKind(t, s.Attach("/m3"), object.Refused)
	wantKind(t, s.Detach("/m1", false), object.Refused)
	wantKind(t, s.Disable("/m1", false), object.Refused)
	wantKind(t, s.CheckMountpath("/m1"), object.Refused)
	if err := s.Detach("/m1", true); err != nil {
		t.Fatal(err)
	}
	wantStates(t, s, "/m2 ok")
	left := keys(t, s, object.Query{})
	for i := range sets {
		put(t, s, name(fmt.Sprint("blob-", i)), small)
		if err := removeKey(s, fmt.Sprint("inline-", i)); err != nil && object.KindOf(err) != object.NotFound {
			t.Fatal(err)
		}
	}
	s.Close()
	if err := o.Rename("test.rename", "/away", "/m1"); err != nil {
		t.Fatal(err)
	}
	s = open(t, c)
	wantStates(t, s, "/m2 ok")
	for i := range sets {
		wantContent(t, s, name(fmt.Sprint("blob-", i)), small)
		_, err := s.Stat(name(fmt.Sprint("inline-", i)), "")
		wantKind(t, err, object.NotFound)
	}
	wantKind(t, s.Attach("/m1"), object.Invalid)
	if now := keys(t, s, object.Query{}); len(now) > len(left)+sets {
		t.Fatalf("%q came back", now)
	}
}

// TestAttachedIsFoundAgain restarts with the flags of the beginning.
func TestAttachedIsFoundAgain(t *testing.T) {
	o := faultfs.New()
	c := memConfig(o)
	s := open(t, c)
	b := furnish(t, s)
	if err := s.Attach("/m3"); err != nil {
		t.Fatal(err)
	}
	resilver(t, s)
	if err := s.Detach("/m1", false); err != nil {
		t.Fatal(err)
	}
	resilver(t, s)
	s.Close()
	var log bytes.Buffer
	c.Logger = textLogger(&log)
	s = open(t, c)
	wantStates(t, s, "/m2 ok, /m3 ok")
	if why := b.differs(s); why != "" {
		t.Fatal(why)
	}
	if !strings.Contains(log.String(), "dir=/m1") || !strings.Contains(log.String(), "ais storage mountpath attach") {
		t.Fatalf("the log does not say how to attach /m1:\n%s", &log)
	}
}
